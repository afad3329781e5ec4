"""What is started again after what: Restart= times every way to end, its exceptions, limits, delays."""

import signal

import harness
from harness import kill, order, wait_until

POLICIES = ("no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog")
# systemd.service(5), table 2: which policies restart after it.
RESTARTS = {
    "exit 0": {"always", "on-success"},
    "exit 1": {"always", "on-failure"},
    "SIGTERM": {"always", "on-success"},
    "SIGSEGV": {"always", "on-failure", "on-abnormal", "on-abort"},
    "SIGKILL": {"always", "on-failure", "on-abnormal", "on-abort"},
    "watchdog": {"always", "on-failure", "on-abnormal", "on-watchdog"},
    "start timeout": {"always", "on-failure", "on-abnormal"},
}


class RestartTest(harness.DaemonTest):
    def assert_restarted(self, unit, why):
        wait_until(lambda: self.daemon.unit(unit)["restarts"] >= 1,
                   lambda: f"{unit} is restarted after {why}: {self.daemon.unit(unit)}")

    def assert_stays_down(self, unit, why):
        status = self.daemon.wait_state(unit, "stopped", "failed")
        self.assertEqual(status["restarts"], 0, f"{unit} after {why}: {status}")
        self.assertEqual(self.daemon.processes_of(unit), [])


class Table(RestartTest):
    """One unit for each policy, all ended in the same way."""

    def units(self, service):
        return {policy: self.daemon.service(f"unit-{policy}",
                                            f"{service}\nRestart={policy}\nRestartSec=0")
                for policy in POLICIES}

    def check(self, cause, units):
        for policy, unit in units.items():
            with self.subTest(policy=policy):
                if policy in RESTARTS[cause]:
                    self.assert_restarted(unit, cause)
                else:
                    self.assert_stays_down(unit, cause)

    def start(self, units):
        self.daemon.start()
        self.daemon.act_ok("start", *units.values())
        return {unit: self.daemon.wait_main_pid(unit) for unit in units.values()}

    def check_exit(self, cause, code):
        # Ends at its second start no more: the state that the first end led to stays to be seen.
        flags = self.daemon.home / "flags"
        flags.mkdir()
        units = self.units(f"ExecStart=/bin/sh -c 'test -e {flags}/%n && exec sleep 1000000; "
                           f"touch {flags}/%n; exit {code}'")
        self.daemon.start()
        self.daemon.act("start", *units.values())
        self.check(cause, units)

    def check_signal(self, cause):
        units = self.units("ExecStart=/bin/sleep 1000000\nLimitCORE=0")
        for pid in self.start(units).values():
            kill(pid, signal.Signals[cause])
        self.check(cause, units)

    def test_sigterm(self):
        self.check_signal("SIGTERM")

    def test_sigsegv(self):
        self.check_signal("SIGSEGV")

    def test_sigkill(self):
        self.check_signal("SIGKILL")

    def test_exit_0(self):
        self.check_exit("exit 0", 0)

    def test_exit_1(self):
        self.check_exit("exit 1", 1)

    def test_watchdog(self):
        units = self.units(f"Type=notify\nExecStart={harness.target('watchdog_pinger')}\n"
                           "WatchdogSec=2s\nLimitCORE=0")
        for pid in self.start(units).values():
            kill(pid, signal.SIGUSR1)  # silent from now on
        self.check("watchdog", units)

    def test_start_timeout(self):
        units = self.units("Type=notify\nExecStart=/bin/sleep 1000000\nTimeoutStartSec=500ms")
        self.daemon.start()
        self.daemon.act("start", *units.values(), no_block=True)
        for unit in units.values():
            self.daemon.wait_event("unit.start-timeout", unit)
        self.check("start timeout", units)


class Exceptions(RestartTest):
    def end_with(self, code, directives):
        port = harness.free_port()
        name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            f"RestartSec=0\n{directives}")
        self.daemon.start(name)
        self.daemon.wait_main_pid(name)
        order(port, "S " + str(int(code)) if isinstance(code, signal.Signals) else f"X {code}")
        return name

    def test_restart_prevent_exit_status(self):
        name = self.end_with(7, "Restart=always\nRestartPreventExitStatus=7 9")
        self.assert_stays_down(name, "a prevented code")

    def test_restart_prevent_only_what_is_listed(self):
        self.assert_restarted(self.end_with(8, "Restart=always\nRestartPreventExitStatus=7 9"),
                              "a code that is not listed")

    def test_restart_prevent_signal(self):
        name = self.end_with(signal.SIGUSR1, "Restart=always\nRestartPreventExitStatus=SIGUSR1")
        self.assert_stays_down(name, "a prevented signal")

    def test_restart_force_exit_status(self):
        self.assert_restarted(self.end_with(5, "Restart=no\nRestartForceExitStatus=5"),
                              "a forced code")

    def test_success_exit_status(self):
        name = self.end_with(42, "Restart=on-failure\nSuccessExitStatus=42")
        self.assert_stays_down(name, "a code that means success")
        self.assertEqual(self.daemon.unit(name)["state"], "stopped")

    def test_a_plain_failure_is_failed(self):
        name = self.end_with(42, "Restart=on-success")
        self.assert_stays_down(name, "a failure")
        self.assertEqual(self.daemon.unit(name)["state"], "failed")


class LimitsAndDelays(RestartTest):
    def crash_loop(self, service="", unit="", nines=""):
        self.count = self.daemon.work / "count"
        return self.daemon.service(
            "loop", f"ExecStart={harness.target('crash_loop')} --count {self.count} 1\n{service}",
            unit=unit, nines=nines)

    def starts(self):
        return self.count.stat().st_size if self.count.exists() else 0

    def test_a_start_limit_of_the_unit_is_kept(self):
        name = self.crash_loop("Restart=always\nRestartSec=0",
                               unit="StartLimitBurst=4\nStartLimitIntervalSec=1h")
        self.daemon.start()
        self.daemon.act("start", name)
        self.daemon.wait_state(name, "failed")
        self.assertEqual(self.starts(), 4)
        self.assertEqual(len(self.daemon.wait_event("unit.gave-up", name)), 1)

    def test_without_one_it_never_gives_up(self):
        """systemd's own default is five starts in ten seconds; ours is to go on."""
        name = self.crash_loop("Restart=always\nRestartSec=0")
        self.daemon.start()
        self.daemon.act("start", name)
        wait_until(lambda: self.starts() > 20, "more than twenty starts")
        self.assertNotEqual(self.daemon.unit(name)["state"], "failed")
        self.assertEqual(self.daemon.events(name, "unit.gave-up"), [])

    def delays_ns(self, name, count):
        """Between the ends of consecutive runs: the run itself is short, the delay is the rest."""
        times = [e["since_boot_ns"] for e in self.daemon.wait_event("unit.exit", name, count)]
        return [b - a for a, b in zip(times, times[1:])]

    def test_restart_sec_is_honoured(self):
        name = self.crash_loop("Restart=always\nRestartSec=300ms")
        self.daemon.start()
        self.daemon.act("start", name)
        for delay in self.delays_ns(name, 4):
            self.assertGreaterEqual(delay, 300_000_000)

    def test_backoff_grows(self):
        """None, then 100 ms, doubling: each is at least what it should be."""
        name = self.crash_loop("Restart=always")
        self.daemon.start()
        self.daemon.act("start", name)
        delays = self.delays_ns(name, 6)
        for delay, least_ms in zip(delays, (0, 100, 200, 400, 800)):
            self.assertGreaterEqual(delay, least_ms * 1_000_000)

    def test_backoff_resets_after_healthy_uptime(self):
        flag = self.daemon.work / "broken"
        flag.touch()
        name = self.daemon.service(
            "flaky", f"ExecStart=/bin/sh -c 'test ! -e {flag} || exit 1; exec sleep 1000000'\n"
            "Restart=always", nines="HealthyUptime=1s")
        self.daemon.start()
        self.daemon.act("start", name)
        self.daemon.wait_event("unit.exit", name, count=5)
        flag.unlink()
        pid = self.daemon.wait_main_pid(name)
        wait_until(lambda: self.daemon.unit(name)["uptime_ns"] > 1_500_000_000, "a healthy uptime")
        kill(pid)
        self.daemon.wait_main_pid(name, other_than=pid)
        # The sixth in a row would have waited 1.6 s; the first waits for nothing.
        self.assertLess(self.daemon.unit(name)["last_recovery_ms"], 1600)


if __name__ == "__main__":
    harness.main()
