"""A server that is alive but does not serve: caught, looked at, killed, started again."""

import http.server
import re
import signal
import threading
import unittest
from pathlib import Path

import harness
from harness import kill, wait_until

CHECK = "HealthCheckInterval=100ms\nHealthCheckTimeout=500ms\nHealthCheckFailures=2\n"


class Answers(http.server.BaseHTTPRequestHandler):
    """Says the status that the server was told to say."""

    def do_GET(self):
        self.server.asked += 1
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Hangs(harness.DaemonTest):
    def sick(self, name, old):
        """Until the hung process is gone and its successor runs. @return the pid."""
        pid = self.daemon.wait_main_pid(name, other_than=old)
        wait_until(lambda: not harness.alive(old), "the hung process is dead")
        return pid

    def assert_stacks(self, name, pid, threads=1):
        """What it hung in was recorded before the evidence was killed."""
        events = self.daemon.wait_event("unit.stacks", name)
        self.assertIn("file", events[-1]["detail"], events)
        text = Path(events[-1]["detail"]["file"]).read_text()
        self.assertIn(f"process {pid} ", text)
        self.assertIn(f"thread {pid} (", text)
        self.assertEqual(len(set(re.findall(r"^thread (\d+) ", text, re.MULTILINE))), threads, text)
        wait_until(lambda: len(self.daemon.events(name, "unit.ready")) == 2, "it is ready again")
        order = [e["kind"] for e in self.daemon.events(name)]
        again = len(order) - 1 - order[::-1].index("unit.ready")
        self.assertLess(order.index("unit.stacks"), again, order)

    def assert_one_downtime(self, name):
        rows = wait_until(lambda: (rows := self.daemon.intervals(name)) and
                          rows[-1]["duration_ns"] is not None and rows, "the downtime is closed")
        self.assertEqual([row["planned"] for row in rows], [0])

    def echo(self, nines, service="", port=None):
        port = port or harness.free_port()
        name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            f"Restart=always\nRestartSec=0\nTimeoutStopSec=2s\n{service}",
            nines=nines.format(port=port))
        self.daemon.start(name)
        return name, port

    def test_stopped_server_tcp(self):
        """A stopped process still accepts: only an answer proves that it serves."""
        name, _ = self.echo(CHECK + "HealthCheck=tcp:127.0.0.1:{port}\nHealthCheckSend=E hello\\n\n"
                            "HealthCheckExpect=hello")
        pid = self.daemon.wait_main_pid(name)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "it is healthy")
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        kill(pid, signal.SIGSTOP)
        self.sick(name, pid)
        self.daemon.wait_event("health.fail", name)
        self.daemon.wait_event("unit.unhealthy", name)
        self.assert_stacks(name, pid, threads)
        self.assert_one_downtime(name)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "the successor is healthy")

    def test_silent_server_tcp(self):
        """Alive and running, but it answers nobody any more."""
        name, port = self.echo(CHECK + "HealthCheck=tcp:127.0.0.1:{port}\n"
                               "HealthCheckSend=E hello\\n\nHealthCheckExpect=hello")
        pid = self.daemon.wait_main_pid(name)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "it is healthy")
        client = harness.EchoClient(port)
        self.addCleanup(client.close)
        client.send("H")
        self.sick(name, pid)
        self.assert_one_downtime(name)

    def test_watchdog_silent(self):
        name = self.daemon.service(
            "pinger", f"Type=notify\nExecStart={harness.target('watchdog_pinger')}\n"
            "WatchdogSec=500ms\nRestart=always\nRestartSec=0\nTimeoutStopSec=2s\nTimeoutAbortSec=2s")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        kill(pid, signal.SIGUSR1)
        self.sick(name, pid)
        self.daemon.wait_event("unit.watchdog", name)
        self.assert_stacks(name, pid)
        self.assert_one_downtime(name)

    def test_watchdog_stopped(self):
        name = self.daemon.service(
            "pinger", f"Type=notify\nExecStart={harness.target('watchdog_pinger')}\n"
            "WatchdogSec=500ms\nRestart=on-watchdog\nRestartSec=0\nTimeoutStopSec=2s\n"
            "TimeoutAbortSec=2s")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        kill(pid, signal.SIGSTOP)
        self.sick(name, pid)
        self.assert_stacks(name, pid)

    def test_watchdog_survives_the_daemon(self):
        """A successor of the daemon goes on watching what it has adopted."""
        name = self.daemon.service(
            "pinger", f"Type=notify\nExecStart={harness.target('watchdog_pinger')}\n"
            "WatchdogSec=500ms\nRestart=always\nRestartSec=0\nTimeoutStopSec=2s\nTimeoutAbortSec=2s")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.daemon.kill_both()
        kill(pid, signal.SIGUSR1)
        self.daemon.start()
        self.sick(name, pid)
        self.daemon.wait_event("unit.watchdog", name)

    def http(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        server.status, server.asked = 200, 0
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        name = self.daemon.service(
            "web", "ExecStart=/bin/sleep 1000000\nRestart=always\nRestartSec=0",
            nines=CHECK.replace("Failures=2", "Failures=3").replace("=500ms", "=20s") +
            f"HealthCheck=http://127.0.0.1:{server.server_address[1]}/health")
        self.daemon.start(name)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "it is healthy")
        return name, server

    def test_http_500(self):
        name, server = self.http()
        pid = self.daemon.wait_main_pid(name)
        server.status = 500
        wait_until(lambda: not harness.alive(pid), "the sick one is killed")
        server.status = 200
        self.sick(name, pid)
        fails = self.daemon.wait_event("health.fail", name)
        self.assertIn("500", fails[0]["detail"]["reason"])
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "the successor is healthy")

    def test_flapping_is_tolerated(self):
        """Fewer failures in a row than HealthCheckFailures= are not an illness."""
        name, server = self.http()
        pid = self.daemon.wait_main_pid(name)

        def answer(request):
            """Two in three fail."""
            request.server.status = 500 if request.server.asked % 3 else 200
            Answers.do_GET(request)
        server.RequestHandlerClass = type("Flapping", (Answers,), {"do_GET": answer})
        asked = server.asked
        wait_until(lambda: server.asked > asked + 15, "it is asked 15 times")
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        self.assertEqual(self.daemon.events(name, "health.fail"), [])

    def test_command_check(self):
        sick = self.daemon.work / "sick"
        name = self.daemon.service(
            "checked", "ExecStart=/bin/sleep 1000000\nRestart=always\nRestartSec=0",
            nines=CHECK + f"HealthCheck=command:/bin/sh -c 'test ! -e {sick}'")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "it is healthy")
        sick.touch()
        wait_until(lambda: not harness.alive(pid), "the sick one is killed")
        sick.unlink()
        self.sick(name, pid)
        self.assert_one_downtime(name)

    def test_command_check_that_hangs(self):
        """It is a failed check, and it is not left behind."""
        mark = self.daemon.work / "hangs"
        name = self.daemon.service(
            "checked", "ExecStart=/bin/sleep 1000000\nRestart=always\nRestartSec=0",
            nines=CHECK + f"HealthCheck=command:/bin/sh -c 'test ! -e {mark} || exec sleep 1234567'")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        mark.touch()
        wait_until(lambda: not harness.alive(pid), "the sick one is killed")
        mark.unlink()
        new = self.sick(name, pid)
        wait_until(lambda: self.daemon.unit(name)["health"] == "ok", "the successor is healthy")
        def hanging():
            return [p for p in harness.all_pids() if harness.alive(p) and
                    b"1234567" in _command_line(p) and
                    str(self.daemon.home) in str(harness.environment_of(p))]
        wait_until(lambda: not hanging(), "no check is left behind")
        self.assertEqual(self.daemon.wait_main_pid(name), new)


def _command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


if __name__ == "__main__":
    harness.main()
