"""Main processes that end by themselves, and well: what the ledger calls it, and units that stay
active without a process (RemainAfterExit=)."""

import signal
import time

import harness
from harness import alive, kill, wait_until


class Finished(harness.DaemonTest):
    NAME = "unit.service"

    def until(self, code=0):
        """A process that ends with that code once the file is there."""
        self.go = self.daemon.home / "go"
        return f"/bin/sh -c 'until test -e {self.go}; do sleep 0.01; done; exit {code}'"

    def start(self, service, nines="", **options):
        name = self.daemon.service("unit", service, nines=nines)
        self.daemon.start(**options)
        self.daemon.act_ok("start", name)

    def wait_exited(self):
        wait_until(lambda: self.daemon.unit(self.NAME)["sub_state"] == "exited", "it has exited")
        self.assertEqual(self.daemon.unit(self.NAME)["state"], "running")

    def kinds(self):
        return [event["kind"] for event in self.daemon.events(self.NAME)]

    def test_an_end_that_restart_is_content_with_was_meant(self):
        meant = self.daemon.service("meant", f"Restart=on-failure\nExecStart={self.until(0)}")
        failed = self.daemon.service("failed", f"Restart=no\nExecStart={self.until(3)}")
        listed = self.daemon.service("listed", "Restart=on-failure\nRestartPreventExitStatus=3\n"
                                     f"ExecStart={self.until(3)}")
        self.daemon.start()
        self.daemon.act_ok("start", meant, failed, listed)
        self.go.touch()
        self.daemon.wait_state(meant, "stopped")
        for name, planned in ((meant, True), (failed, False), (listed, False)):
            self.daemon.wait_event("unit.exit", name)
            down = wait_until(lambda of=name: self.daemon.intervals(of), f"downtime of {name}")
            self.assertEqual([i["planned"] for i in down], [planned], name)
        self.assertIn("Restart=always", self.daemon.nines("why", "meant").stdout)

    def test_not_if_it_did_not_serve_before(self):
        bad = self.daemon.home / "bad"
        self.start(f"Restart=on-failure\nExecStart={self.until(0)}",
                   nines=f"HealthCheck=command:/usr/bin/test ! -e {bad}\n"
                   "HealthCheckInterval=100ms\nHealthCheckFailures=1000")
        wait_until(lambda: self.daemon.unit(self.NAME)["health"] == "ok", "it is healthy")
        bad.touch()
        time.sleep(0.5)
        self.go.touch()
        self.daemon.wait_state(self.NAME, "stopped")
        wait_until(lambda: [i["planned"] for i in self.daemon.intervals(self.NAME)] == [False],
                   "one unplanned downtime")

    def test_it_remains_until_it_is_stopped(self):
        note = self.daemon.home / "note"
        self.start(f"RemainAfterExit=yes\nRestart=always\nExecStart={self.until()}\n"
                   f"ExecStop=/bin/touch {note}")
        self.go.touch()
        self.wait_exited()
        self.assertEqual(self.kinds(), ["unit.ready", "unit.finished"])
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        self.wait_exited()
        self.assertEqual(self.daemon.intervals(self.NAME), [])
        self.daemon.act_ok("stop", self.NAME)
        self.daemon.wait_state(self.NAME, "stopped")
        self.assertTrue(note.exists())
        wait_until(lambda: [i["planned"] for i in self.daemon.intervals(self.NAME)] == [True],
                   "one planned downtime")

    def test_its_end_before_the_start_is_over(self):
        self.start("RemainAfterExit=yes\nExecStart=/bin/true\nExecStartPost=/bin/sleep 0.3\n"
                   "RuntimeMaxSec=1")
        self.wait_exited()
        time.sleep(1.2)  # that limit is of running
        self.wait_exited()
        self.assertEqual(self.kinds(), ["unit.ready", "unit.finished"])

    def test_the_daemon_is_killed_before_it_notes_the_start(self):
        token = self.daemon.work / "token"
        token.touch()
        name = self.daemon.service("unit", "RemainAfterExit=yes\nExecStart=/bin/true")
        self.daemon.start(env={"NINES_FAULT": "ready_seen:kill", "NINES_FAULT_TOKEN": str(token)})
        try:
            self.daemon.act("start", name)
        except (OSError, harness.http.client.HTTPException):
            pass
        wait_until(lambda: not token.exists(), "it was killed")
        self.wait_exited()

    def test_failing_checks_are_over_with_it(self):
        good = self.daemon.home / "good"
        good.touch()
        self.start(f"RemainAfterExit=yes\nRestart=no\nExecStart={self.until()}",
                   nines=f"HealthCheck=command:/usr/bin/test -e {good}\n"
                   "HealthCheckInterval=50ms\nHealthCheckFailures=2")
        wait_until(lambda: self.daemon.unit(self.NAME)["health"] == "ok", "it is healthy")
        good.unlink()
        wait_until(lambda: self.daemon.unit(self.NAME)["health"] == "failing", "it is not")
        self.go.touch()
        self.wait_exited()
        self.assertEqual(self.daemon.unit(self.NAME)["health"], "unknown")
        wait_until(lambda: [i["duration_ns"] is not None for i in
                            self.daemon.intervals(self.NAME)] == [True], "its downtime has an end")

    def test_a_reload_meanwhile_is_answered(self):
        for remain, restart in (("yes", "no"), ("no", "always")):
            self.start(f"RemainAfterExit={remain}\nRestart={restart}\nRestartSec=0\n"
                       "ExecStart=/bin/sleep 1000000\n"
                       "ExecReload=/bin/sh -c 'kill $$MAINPID; sleep 1000000'")
            said = self.daemon.act("reload", self.NAME)[0]
            self.assertIn("went down meanwhile", said["error"]["message"])
            self.daemon.stop()

    def held(self, nines=""):
        port = harness.free_port()
        self.daemon.socket_unit("unit", f"ListenStream=127.0.0.1:{port}")
        self.daemon.service("unit", "Type=notify\nRestart=on-failure\nTimeoutStopSec=1\n"
                            f"ExecStart={harness.target('leaky_server')}",
                            unit="Requires=unit.socket\nAfter=unit.socket", nines=nines)
        self.daemon.start(self.NAME)
        return self.daemon.wait_main_pid(self.NAME)

    def test_a_spare_does_not_serve_after_it(self):
        pid = self.held(nines="Standby=1")
        self.daemon.wait_event("standby.ready", self.NAME)
        spare = self.daemon.unit(self.NAME)["standby_pid"]
        kill(pid, signal.SIGTERM)
        self.daemon.wait_state(self.NAME, "stopped")
        wait_until(lambda: not alive(spare), "the spare has ended")
        self.assertEqual(self.daemon.events(self.NAME, "standby.activated"), [])
        wait_until(lambda: [i["planned"] for i in self.daemon.intervals(self.NAME)] == [True],
                   "one planned downtime")

    def test_nor_does_one_that_was_not_ready(self):
        port = harness.free_port()
        self.daemon.socket_unit("unit", f"ListenStream=127.0.0.1:{port}")
        server = harness.target("leaky_server")
        self.daemon.service(
            "unit", "Type=notify\nRestart=on-failure\nExecStart=/bin/sh -c "
            f"'test -z \"$$NINES_STANDBY\" || exec sleep 1000000; exec {server}'",
            unit="Requires=unit.socket\nAfter=unit.socket", nines="Standby=1")
        self.daemon.start(self.NAME)
        pid = self.daemon.wait_main_pid(self.NAME)
        spare = wait_until(lambda: self.daemon.unit(self.NAME).get("standby_pid"), "a spare is made")
        kill(pid, signal.SIGTERM)
        self.daemon.wait_state(self.NAME, "stopped")
        wait_until(lambda: not alive(spare), "the spare has ended")

    def test_its_end_during_a_replacement(self):
        port = harness.free_port()
        self.daemon.socket_unit("unit", f"ListenStream=127.0.0.1:{port}")
        self.daemon.service("unit", "RemainAfterExit=yes\nExecStart=/bin/sleep 1000000",
                            unit="Requires=unit.socket\nAfter=unit.socket")
        self.daemon.start(self.NAME)
        pid = self.daemon.wait_main_pid(self.NAME)
        self.daemon.act("rejuvenate", self.NAME, no_block=True)
        successor = wait_until(lambda: self.daemon.unit(self.NAME).get("standby_pid"), "a successor")
        kill(pid, signal.SIGTERM)
        self.wait_exited()
        wait_until(lambda: not alive(successor), "the successor has ended")
        self.assertEqual(self.daemon.intervals(self.NAME), [])


if __name__ == "__main__":
    harness.main()
