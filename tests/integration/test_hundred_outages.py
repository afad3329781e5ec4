"""A hundred outages of every kind that the built-in supervisor can see. Of each the ledger must say the
cause, whether it was planned, which cell it belongs to, and for how long; the length is compared with
what a client saw who knows nothing of nines."""

import json
import signal
import threading
import time

import harness
import harness_env
from harness import EchoClient, alive, kill, wait_until

# By so much the two may differ: a share of the outage, and what each of both needs to notice. A busy
# machine makes the client notice later; how busy it is the client itself sees while all is well.
SHARE = 0.01
NOTICE_S = 0.020


class Observer:
    """Asks a server all the time, from a thread of its own."""

    def __init__(self, port):
        self._port = port
        self.outages_s = []  # (from the first failed request, from the last good answer) to the next
        self.slowest_s = 0.0  # between two answers while it was up
        self.pid = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        since, last, known = None, None, None
        while not self._end.is_set():
            began = time.monotonic()
            try:
                with EchoClient(self._port, timeout_s=10) as client:
                    pid = client.pid()
            except (OSError, ValueError):
                since = since or began
                self.pid = None
            else:
                now = time.monotonic()
                # A successor that was there before the next question: an outage all the same.
                if since is not None or known not in (None, pid):
                    self.outages_s.append((now - (since or now), now - last))
                elif last is not None:
                    self.slowest_s = max(self.slowest_s, now - last)
                self.pid = known = pid
                since, last = None, now
            time.sleep(0.001)


class HundredOutages(harness.DaemonTest):
    injected = 0

    def server(self, name, service="", nines="", unit=""):
        port = harness.free_port()
        name = self.daemon.service(
            name, f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            f"Restart=always\nRestartSec=0\nLimitCORE=0\n{service}",
            nines=f"HealthyUptime=50ms\n{nines}", unit=f"StartLimitIntervalSec=0\n{unit}")
        return name, port

    def check(self, unit, port, timeout="200ms"):
        """Has nines look as often as the client does."""
        path = self.daemon.unit_dir / unit
        path.write_text(path.read_text() + f"HealthCheck=tcp:127.0.0.1:{port}\n"
                        "HealthCheckSend=E ok\\n\nHealthCheckExpect=ok\n"
                        f"HealthCheckInterval=10ms\nHealthCheckTimeout={timeout}\n"
                        "HealthCheckFailures=2\n")

    def inject(self, unit, port, times, strike, cause, cell="app/unplanned", planned=False):
        """Strikes `times` times: strike(pid). The pid of what answers must be another one then."""
        self.daemon.act_ok("start", unit)
        with Observer(port) as observer:
            for number in range(1, times + 1):
                pid = wait_until(lambda: observer.pid, "it answers")
                time.sleep(0.1)  # longer than HealthyUptime=
                strike(pid)
                wait_until(lambda: observer.pid not in (None, pid), "its successor answers")
                wait_until(lambda: len(observer.outages_s) == number, f"outage {number} was seen")
        self.compare(unit, observer, times, cause, cell, planned)

    def closed(self, unit, times):
        def found():
            rows = self.daemon.intervals(unit)
            return rows if len(rows) == times and rows[-1]["duration_ns"] is not None else None
        return wait_until(found, f"{unit} was down {times} times")

    def compare(self, unit, observer, times, cause, cell, planned, more_s=0.0):
        rows = self.closed(unit, times)
        self.assert_no_overlap(rows, unit)
        told = [row["duration_ns"] / 1e9 for row in rows]
        seen = observer.outages_s
        slack = NOTICE_S + more_s + 2 * observer.slowest_s
        for number, (one, (least, most)) in enumerate(zip(told, seen)):
            text = f"{unit}, outage {number}: told {one:.4f} s, seen {least:.4f} to {most:.4f} s"
            self.assertGreater(one, least * (1 - SHARE) - slack, text)
            self.assertLess(one, most * (1 + SHARE) + slack, text)
        report = json.loads(self.daemon.nines("--json", "why", unit).stdout)["units"][0]
        self.assertEqual({c["cause"]: c["times"] for c in report["causes"]}, {cause: times})
        self.assertEqual({c["cell"] for c in report["causes"]}, {cell})
        self.assertEqual({c["planned"] for c in report["causes"]}, {planned})
        self.assertEqual(report["planned_ns"] > 0, planned)
        self.assertEqual(report["failures"], 0 if planned else times)
        if cause == "oom":
            # The same three times is expected a fourth time.
            self.assertLess(report["predictable_ns"], report["unplanned_ns"])
        else:
            self.assertEqual(report["predictable_ns"], 0)
        type(self).injected += times

    def test_of_every_kind(self):
        self.daemon.start()
        orders = (("segv", "C", "crash:SEGV", 10), ("abort", "A", "crash:ABRT", 8),
                  ("bus", f"S {int(signal.SIGBUS)}", "crash:BUS", 4),
                  ("exit", "X 3", "exit:3", 8), ("clean", "X 0", "exit:0", 6))
        for name, order, cause, times in orders:
            with self.subTest(name):
                unit, port = self.server(name)
                self.inject(unit, port, times, lambda _pid, o=order, p=port: harness.order(p, o), cause)
        with self.subTest("kill"):
            unit, port = self.server("kill")
            self.inject(unit, port, 10, lambda pid: kill(pid, signal.SIGKILL), "killed:KILL")
        with self.subTest("term"):
            unit, port = self.server("term")
            self.inject(unit, port, 6, lambda pid: kill(pid, signal.SIGTERM), "killed:TERM")
        with self.subTest("hang"):
            unit, port = self.server("hang", service="TimeoutStopSec=1")
            self.check(unit, port)
            self.inject(unit, port, 8, lambda pid: kill(pid, signal.SIGSTOP), "health")
        with self.subTest("watchdog"):
            # Known as dead only once it has missed its beat: of the time before nothing can tell.
            unit, port = self.server("watchdog", service="WatchdogSec=300ms")
            self.silent(unit, port, 6)
        with self.subTest("too long"):
            unit, port = self.server("timeout", service="RuntimeMaxSec=1")
            self.inject(unit, port, 4, lambda _pid: None, "timeout")
            self.daemon.act_ok("stop", unit)
        with self.subTest("dependency"):
            other, _ = self.server("other")
            unit, port = self.server("bound", unit=f"BindsTo={other}\nAfter={other}")
            self.daemon.act_ok("start", other)
            self.inject(unit, port, 6,
                        lambda _pid: kill(self.daemon.unit(other)["main_pid"], signal.SIGKILL),
                        f"dependency:{other}")
        with self.subTest("restart"):
            unit, port = self.server("restart")
            self.inject(unit, port, 8, lambda _pid, u=unit: self.daemon.act_ok("restart", u),
                        "request", "app/planned", True)
        with self.subTest("stop and start"):
            unit, port = self.server("pause")

            def pause(_pid):
                self.daemon.act_ok("stop", unit)
                time.sleep(0.3)
                self.daemon.act_ok("start", unit)
            self.inject(unit, port, 6, pause, "request", "app/planned", True)
        with self.subTest("replaced"):
            unit, port = self.server("replaced")
            self.inject(unit, port, 6, lambda _pid, u=unit: self.daemon.act_ok("rejuvenate", u),
                        "rejuvenation", "app/planned", True)
        with self.subTest("shutdown"):
            self.shutdown(4)
        self.assertGreaterEqual(type(self).injected, 100)

    def silent(self, unit, port, times):
        """Hangs that only the watchdog sees: longer for the client than the ledger can know, by
        WatchdogSec= at most."""
        self.daemon.act_ok("start", unit)
        with Observer(port) as observer:
            for number in range(1, times + 1):
                pid = wait_until(lambda: observer.pid, "it answers")
                time.sleep(0.1)
                kill(pid, signal.SIGSTOP)
                wait_until(lambda: observer.pid not in (None, pid), "its successor answers")
                wait_until(lambda: len(observer.outages_s) == number, f"outage {number} was seen")
        watchdog_s = 0.3
        rows = self.closed(unit, times)
        for row, (seen, _) in zip(rows, observer.outages_s):
            told = row["duration_ns"] / 1e9
            self.assertLess(told, seen * (1 + SHARE) + NOTICE_S + 2 * observer.slowest_s)
            self.assertGreater(told, seen - watchdog_s - NOTICE_S - 2 * observer.slowest_s)
        report = json.loads(self.daemon.nines("--json", "why", unit).stdout)["units"][0]
        self.assertEqual({c["cause"]: c["times"] for c in report["causes"]}, {"watchdog": times})
        type(self).injected += times

    def shutdown(self, times):
        """The daemon ends in order, and its units with it, as when a host is shut down."""
        unit, port = self.server("shutdown")
        self.daemon.act_ok("keep", unit)
        with Observer(port) as observer:
            for number in range(1, times + 1):
                pid = wait_until(lambda: observer.pid, "it answers")
                self.assertEqual(self.daemon.stop(), 0)
                wait_until(lambda: not alive(pid), "it is stopped")
                self.daemon.start()
                wait_until(lambda: len(observer.outages_s) == number, f"outage {number} was seen")
        # A daemon that is itself just starting hears of READY=1 a little later.
        self.compare(unit, observer, times, "shutdown", "app/planned", True, more_s=0.2)


class OutOfMemory(HundredOutages):
    test_of_every_kind = None

    def test_out_of_memory(self):
        harness_env.need_root()
        self.daemon.start()
        if "memory" not in self.daemon.status()["cgroup_mode"]:
            self.skipTest("needs a memory controller")
        unit, port = self.server("oom", service="MemoryMax=48M\nMemorySwapMax=0")
        # While it fills its memory it answers nobody.
        self.check(unit, port, timeout="10s")
        self.inject(unit, port, 4, lambda _pid: harness.order(port, "M 256"), "oom")


if __name__ == "__main__":
    harness.main()
