"""A fresh process in the place of the present one: what clients see, what is counted, and every way
in which it goes wrong."""

import signal
import socket
import threading
import time

import harness
from harness import alive, kill, wait_until


class Load:
    """Clients that connect, ask once, and go, all the time. Every failed request is kept."""

    def __init__(self, port, threads=4):
        self.port = port
        self.failures = []
        self.answers = 0
        self.pids = set()
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(b"hello\n")
            return client.makefile("rb").readline().split()

    def _run(self):
        while not self._end.is_set():
            try:
                pid, text = self._ask()
                assert text == b"hello"
                with self._lock:
                    self.answers += 1
                    self.pids.add(int(pid))
            except (OSError, ValueError, AssertionError) as error:
                with self._lock:
                    self.failures.append(repr(error))
                time.sleep(0.01)


class Rejuvenation(harness.DaemonTest):
    NAME = "web.service"

    def held(self, arguments="", service="", nines="", checked=True, command=None):
        """A leaky_server behind a held socket."""
        self.port = harness.free_port()
        self.flag = self.daemon.work / "flag"
        self.daemon.socket_unit("web", f"ListenStream=127.0.0.1:{self.port}\nBacklog=4096")
        check = (f"HealthCheck=tcp:127.0.0.1:{self.port}\nHealthCheckSend=check\\n\n"
                 "HealthCheckExpect=check\nHealthCheckInterval=1s\n") if checked else ""
        command = command or f"{harness.target('leaky_server')} {arguments}"
        self.daemon.service("web", f"Type=notify\nExecStart={command}\nRestart=always\n{service}",
                            unit="Requires=web.socket\nAfter=web.socket", nines=check + nines)

    def unless_flag(self, otherwise):
        """The server; or once the flag is there, something else."""
        return (f"/bin/sh -c 'if test -e {self.daemon.work}/flag; then {otherwise}; fi; "
                f"exec {harness.target('leaky_server')}'")

    def pid(self):
        return self.daemon.wait_main_pid(self.NAME)

    def wait_only(self, pid):
        wait_until(lambda: self.daemon.processes_of(self.NAME) == [pid], f"only {pid} is left")

    def ask(self):
        return int(Load(self.port)._ask()[0])

    def test_no_request_fails(self):
        self.held()
        self.daemon.start(self.NAME)
        seen = {self.pid()}
        with Load(self.port) as load:
            for _ in range(5):
                self.daemon.act_ok("rejuvenate", self.NAME)
                seen.add(self.pid())
                time.sleep(0.2)
        self.assertEqual(load.failures, [])
        self.assertEqual(len(seen), 6)
        self.assertEqual(load.pids - seen, set())
        self.wait_only(self.pid())
        self.assertEqual(self.daemon.intervals(self.NAME), [])
        events = self.daemon.events(self.NAME, "unit.rejuvenated")
        self.assertEqual([e["detail"]["gap"] for e in events], ["none"] * 5)
        self.assertTrue(all(int(e["detail"]["checks"]) > 0 for e in events))

    def test_unchecked_counts_as_planned(self):
        self.held("--slow-end 300", checked=False)
        self.daemon.start(self.NAME)
        self.pid()
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.daemon.stop()
        first, *rest = self.daemon.intervals(self.NAME)
        self.assertTrue(first["planned"])
        self.assertGreater(first["duration_ns"], 300e6)
        self.assertFalse([i for i in rest if not i["planned"]])

    def test_what_a_successor_says_and_stores_before_it_serves(self):
        started = self.daemon.work / "started"
        self.held(command=f"{harness.target('fd_storer')} {started}", checked=False,
                  service="FileDescriptorStoreMax=2\n")

        def counted(times):
            wait_until(lambda: started.read_text() == f"{times}\n", f"start {times}")
            wait_until(lambda: self.daemon.unit(self.NAME)["sub_state"] == f"started {times} times",
                       "its STATUS= is shown")

        self.daemon.start(self.NAME)
        counted(1)
        self.daemon.act_ok("rejuvenate", self.NAME)
        counted(2)
        kill(self.pid(), signal.SIGUSR1)
        wait_until(lambda: self.daemon.unit(self.NAME)["fd_store"] == 0, "it is taken out")
        # The next one finds an empty store, and fills it before it is ready.
        self.daemon.act_ok("rejuvenate", self.NAME)
        counted(1)
        self.daemon.act_ok("rejuvenate", self.NAME)
        counted(2)

    STORER = """
import os, socket, sys, time
def say(text, fd=None):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.environ["NOTIFY_SOCKET"])
        socket.send_fds(s, [text.encode()], [fd] if fd is not None else [])
if "st" in os.environ["LISTEN_FDNAMES"].split(":"):
    say("FDSTOREREMOVE=1\\nFDNAME=st")
say("FDSTORE=1\\nFDNAME=st", os.memfd_create("st"))
time.sleep(0.1)
if os.path.exists(sys.argv[1]):
    sys.exit(1)
if os.path.exists(sys.argv[1] + ".slow"):
    for _ in range(8):
        say("EXTEND_TIMEOUT_USEC=1000000")
        time.sleep(0.2)
say("READY=1")
time.sleep(1000000)
"""

    def test_the_store_is_what_the_serving_one_made_of_it(self):
        program = self.daemon.work / "storer.py"
        program.write_text(self.STORER)
        bad = self.daemon.work / "bad"
        self.held(command=f"/usr/bin/python3 -S {program} {bad}", checked=False,
                  service="FileDescriptorStoreMax=4\nTimeoutStartSec=1")
        self.daemon.start(self.NAME)
        self.pid()

        def stored():
            return self.daemon.unit(self.NAME)["fd_store"]

        self.assertEqual(stored(), 1)
        bad.touch()
        for _ in range(5):
            result, = self.daemon.act("rejuvenate", self.NAME)
            self.assertIn("exit code 1", result["error"]["message"])
            self.assertEqual(stored(), 1)
        bad.unlink()
        for _ in range(2):
            self.daemon.act_ok("rejuvenate", self.NAME)
            self.assertEqual(stored(), 1)
        # And it may take the time that it asks for, as at any start.
        (self.daemon.work / "bad.slow").touch()
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertEqual(stored(), 1)

    def test_own_port_is_a_restart(self):
        port = harness.free_port()
        self.daemon.service("web", f"Type=notify\nExecStart={harness.target('leaky_server')} {port}")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertNotEqual(self.pid(), old)
        wait_until(lambda: [i["planned"] for i in self.daemon.intervals(self.NAME)] == [1],
                   "one planned downtime is in the ledger")
        why = self.daemon.nines("why", "web").stdout
        self.assertIn("replaced before it failed", why)

    def test_successor_that_cannot_start(self):
        self.held(command=self.unless_flag("exit 3"))
        self.daemon.start(self.NAME)
        old = self.pid()
        self.flag.touch()
        with Load(self.port) as load:
            result, = self.daemon.act("rejuvenate", self.NAME)
        self.assertIn("exit code 3", result["error"]["message"])
        self.assertEqual(load.failures, [])
        self.assertEqual(load.pids, {old})
        self.wait_only(old)
        self.daemon.wait_event("unit.rejuvenation-failed", self.NAME)
        # And nothing is left over that would keep the next one from being done.
        self.flag.unlink()
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertNotEqual(self.pid(), old)

    def test_successor_that_is_never_ready(self):
        self.held(command=self.unless_flag("exec sleep 1000"), service="TimeoutStartSec=1")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.flag.touch()
        result, = self.daemon.act("rejuvenate", self.NAME)
        self.assertIn("not ready within", result["error"]["message"])
        self.wait_only(old)
        self.assertEqual(self.ask(), old)

    def test_two_at_once(self):
        self.held("--slow-end 500")
        self.daemon.start(self.NAME)
        self.pid()
        first, = self.daemon.act("rejuvenate", self.NAME, no_block=True)
        self.assertFalse(first.get("error"))
        second, = self.daemon.act("rejuvenate", self.NAME)
        self.assertEqual(second["error"]["code"], "busy")
        self.daemon.wait_event("unit.rejuvenated", self.NAME)

    def test_not_running(self):
        self.held()
        self.daemon.start()
        result, = self.daemon.act("rejuvenate", self.NAME)
        self.assertTrue(result["error"])

    def test_old_one_that_does_not_go(self):
        self.held("--slow-end 60000", service="TimeoutStopSec=1")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertFalse(alive(old))
        self.wait_only(self.pid())
        self.daemon.wait_event("unit.stop-timeout", self.NAME)

    def test_deaf_successor_is_seen(self):
        self.held(command=f"/bin/sh -c 'test -e {self.daemon.work}/flag && deaf=--deaf; "
                  f"exec {harness.target('leaky_server')} $deaf'", nines="HealthCheckTimeout=300ms")
        self.daemon.start(self.NAME)
        self.pid()
        self.flag.touch()
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        # What comes of it: it is unhealthy, and once the release is good again, back.
        self.daemon.wait_event("unit.unhealthy", self.NAME)
        self.flag.unlink()
        wait_until(lambda: self.daemon.unit(self.NAME)["state"] == "running" and
                   len(self.daemon.processes_of(self.NAME)) == 1, "one that is good runs")
        self.daemon.act_ok("restart", self.NAME)
        self.assertEqual(self.ask(), self.pid())
        self.daemon.stop()
        # It is no planned downtime that a replacement does not serve.
        outage, = [i for i in self.daemon.intervals(self.NAME) if not i["planned"]]
        self.assertGreater(outage["duration_ns"], 300e6)
        self.assertFalse(self.daemon.ledger_events(self.NAME, "unit.rejuvenated"))

    def test_spare_takes_over(self):
        self.held(nines="Standby=1")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.wait_event("standby.ready", self.NAME)
        spare = self.daemon.unit(self.NAME)["standby_pid"]
        with Load(self.port) as load:
            self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertEqual(load.failures, [])
        self.assertEqual(self.pid(), spare)
        self.assertFalse(alive(old))
        self.daemon.wait_event("standby.ready", self.NAME, count=2)
        # The new spare is a spare as any other.
        kill(spare, signal.SIGKILL)
        self.daemon.wait_event("standby.activated", self.NAME)

    def test_command_check_and_spare_after_a_swap(self):
        """The check runs where the main process is: the other cgroup may be frozen."""
        self.held(checked=False, nines="Standby=1\nHealthCheck=command:/bin/true\n"
                  "HealthCheckInterval=100ms")
        self.daemon.start(self.NAME)
        pid = self.pid()
        self.daemon.wait_event("standby.ready", self.NAME)
        kill(pid, signal.SIGKILL)
        self.daemon.wait_event("standby.ready", self.NAME, count=2)
        time.sleep(0.5)
        self.assertEqual(self.daemon.unit(self.NAME)["health"], "ok")
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.daemon.wait_event("standby.ready", self.NAME, count=3)
        self.assertEqual(self.ask(), self.pid())

    def test_reload_meanwhile(self):
        self.held(service="ExecReload=/bin/sleep 1")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.act_ok("reload", self.NAME, no_block=True)
        wait_until(lambda: self.daemon.unit(self.NAME)["sub_state"] != "running", "it reloads")
        self.daemon.wait_event("unit.reloaded", self.NAME)
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        self.daemon.act_ok("reload", self.NAME)
        self.daemon.wait_event("unit.reloaded", self.NAME, count=2)
        new = self.daemon.wait_main_pid(self.NAME, other_than=old)
        self.wait_only(new)

    def test_crash_before_the_successor_is_ready(self):
        self.held(command=self.unless_flag("sleep 1000"))
        self.daemon.start(self.NAME)
        old = self.pid()
        self.flag.touch()
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        wait_until(lambda: len(self.daemon.processes_of(self.NAME)) > 1, "the successor runs")
        self.flag.unlink()
        kill(old, signal.SIGKILL)
        new = self.daemon.wait_main_pid(self.NAME, other_than=old)
        self.wait_only(new)
        self.assertEqual(self.ask(), new)

    def test_crash_of_the_successor_while_the_old_one_ends(self):
        self.held("--slow-end 2000")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        new = self.daemon.wait_main_pid(self.NAME, other_than=old)
        kill(new, signal.SIGSEGV)
        third = self.daemon.wait_main_pid(self.NAME, other_than=new)
        self.assertEqual(self.ask(), third)
        self.wait_only(third)
        self.assertFalse(self.daemon.events(self.NAME, "unit.rejuvenated"))
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.assertEqual([i["planned"] for i in self.daemon.intervals(self.NAME)], [0])

    def test_daemon_and_successor_killed_while_the_old_one_ends(self):
        """The next daemon finds one dead and one on its way out: neither is left, nor forgotten."""
        self.held("--slow-end 1500")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        new = self.daemon.wait_main_pid(self.NAME, other_than=old)
        self.daemon.kill_worker()
        kill(new, signal.SIGKILL)
        third = self.daemon.wait_main_pid(self.NAME, other_than=new)
        self.wait_only(third)
        self.assertFalse(alive(old))
        self.assertEqual(self.ask(), third)
        self.daemon.act_ok("rejuvenate", self.NAME)
        self.wait_only(self.pid())

    def test_stop_at_any_moment(self):
        self.held("--slow-end 200", command=None)
        self.daemon.start(self.NAME)
        for delay in (0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
            self.daemon.act_ok("start", self.NAME)
            self.pid()
            self.daemon.act("rejuvenate", self.NAME, no_block=True)
            time.sleep(delay)
            self.daemon.act_ok("stop", self.NAME)
            self.assertEqual(self.daemon.processes_of(self.NAME), [], f"after {delay} s")

    def killed_at(self, point):
        self.held("--slow-end 300")
        token = self.daemon.work / "token"
        self.daemon.start(env={"NINES_FAULT": f"{point}:kill@*", "NINES_FAULT_TOKEN": str(token)})
        self.daemon.act_ok("start", self.NAME)
        self.pid()
        worker = self.daemon.worker_pids()
        with Load(self.port) as load:
            token.touch()
            try:
                self.daemon.act("rejuvenate", self.NAME, no_block=True)
            except OSError:
                pass  # it may die before it answers
            wait_until(lambda: not token.exists(), f"{point} fires")
            wait_until(lambda: self.daemon.worker_pids() not in ([], worker), "a new worker")
            wait_until(lambda: len(self.daemon.processes_of(self.NAME)) == 1, "exactly one")
        self.assertEqual(load.failures, [])
        self.assertEqual(self.ask(), self.pid())
        wait_until(lambda: not self.daemon.act("rejuvenate", self.NAME)[0].get("error"),
                   "it is replaced once more")
        self.wait_only(self.pid())
        self.assertEqual([i for i in self.daemon.intervals(self.NAME) if not i["planned"]], [])


def _add_tests():
    for point in ("successor_ready", "successor_serves", "state_before_save", "state_after_save",
                  "spawn_before_clone", "spawn_after_clone", "ready_seen"):
        setattr(Rejuvenation, f"test_killed_at_{point}",
                lambda self, point=point: self.killed_at(point))


_add_tests()

if __name__ == "__main__":
    harness.main()
