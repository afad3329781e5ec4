"""What follows from a crash that comes again: its restart is delayed, it is foretold, and the causes of
downtimes name it. Watchdog: the core does not tell that it hung."""

import json
import time

import harness
from harness import wait_until
from harness_core import CrashTest


class Again(CrashTest):
    def serve(self, nines="", service=""):
        self.port = harness.free_port()
        self.name = self.daemon.service(
            "teapot", f"Type=notify\nLimitCORE=infinity\nRestart=always\n{service}\n"
            f"ExecStart={harness.target('echo_server')} --notify {self.port}", nines=nines)
        self.start_daemon(self.name)
        self.pid = self.daemon.wait_main_pid(self.name)
        self.crashes = 0

    def crash(self, after_s):
        """Once it serves, so many seconds later; @return the event."""
        self.daemon.wait_state(self.name, "running")
        time.sleep(after_s)  # its uptime is what the policy looks at
        # One that it knows already: with a new client it would crash on another way.
        with harness.EchoClient(self.port) as client:
            self.assertEqual(client.pid(), self.pid)
            client.send("C")
        self.crashes += 1
        events = self.captured(self.crashes)
        self.pid = self.daemon.wait_main_pid(self.name, other_than=self.pid)
        return sorted(events, key=lambda e: e["time"])[-1]

    def delays(self):
        return [int(e["detail"]["delay_ms"]) for e in self.daemon.events(self.name, "unit.backoff")]

    def test_the_same_crash_again_and_again_is_delayed(self):
        self.serve(nines="HealthyUptime=500ms")
        signatures = {self.crash(0.6)["detail"]["signature"] for _ in range(5)}
        self.assertEqual(len(signatures), 1)
        # The third is known as one when its successor is on its way.
        wait_until(lambda: self.delays() == [100, 200], lambda: str(self.delays()))

    def test_it_is_remembered_over_a_kill_of_the_worker(self):
        self.serve(nines="HealthyUptime=500ms")
        for _ in range(3):
            self.crash(0.6)
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        self.crash(0.6)
        wait_until(lambda: self.delays() == [100], lambda: str(self.delays()))

    def test_why_and_status_name_it(self):
        self.serve()
        event = self.crash(0)
        self.assertEqual(event["detail"]["what"], "null-dereference")
        words = f"SIGSEGV: null dereference in {event['detail']['function']}"
        wait_until(lambda: words in self.daemon.nines("why", self.name).stdout,
                   lambda: self.daemon.nines("why", self.name).stdout)
        self.assertIn(words, self.daemon.nines("status", self.name).stdout)
        story = self.daemon.nines("why", event["caused_by"]).stdout
        self.assertIn(words, story)
        listed = self.daemon.nines("crash", "list", "--unit", "teapot").stdout
        self.assertIn(self.name, listed)

    def test_it_is_foretold_by_its_signature(self):
        self.serve(nines="HealthyUptime=50ms")
        for pause in (1, 8, 4, 2, 1, 0.5, 0.3, 0.2, 0.15):
            signature = self.crash(pause)["detail"]["signature"]
        warning, = wait_until(lambda: self.daemon.events(self.name, "predict.recurrence"),
                              "it was said that this goes on")
        self.assertIn(f"crash:SEGV [{signature[:8]}] null dereference", warning["detail"]["subject"])

    def test_the_fourth_of_one_signature_was_to_be_expected(self):
        self.serve(nines="HealthyUptime=50ms")
        for _ in range(3):
            signature = self.crash(0.5)["detail"]["signature"]
        warning, = wait_until(lambda: self.daemon.events(self.name, "predict.signature"), "it is expected")
        self.assertIn(f"crash:SEGV [{signature[:8]}] null dereference", warning["detail"]["subject"])
        self.assertRegex(warning["detail"]["text"], r"^the same crash 3 times in .*; the next is expected in")
        self.assertFalse(warning["detail"]["urgent"])
        before = self.why()
        self.assertEqual(before["predictable_ns"], 0, before)
        self.crash(0.5)
        after = wait_until(lambda: r if (r := self.why())["predictable_ns"] else None, self.why)
        self.assertLess(after["predictable_ns"], after["unplanned_ns"])
        score, = [p for p in after["predictors"] if p["predictor"] == "signature"]
        self.assertGreaterEqual(score["true"], 1)

    def why(self):
        return json.loads(self.daemon.nines("--json", "why", self.name).stdout)


class Watchdog(CrashTest):
    def test_a_hang_is_one(self):
        name = self.daemon.service(
            "hangs", "Type=notify\nWatchdogSec=1\nLimitCORE=infinity\nRestart=always\n"
            f"ExecStart={harness.target('watchdog_pinger')} --pings 2")
        self.start_daemon(name)
        event = self.captured(1)[0]
        self.assertEqual(event["subject"], name)
        self.assertEqual(event["detail"]["what"], "watchdog")
        self.assertIn("no WATCHDOG=1 within 1.0 s", event["detail"]["summary"])
        self.assertEqual(event["detail"]["signal"], "ABRT")
        report = self.daemon.nines("crash", "show", event["detail"]["id"]).stdout
        self.assertTrue(report.startswith("watchdog"), report)
        self.assertIn("no WATCHDOG=1 within 1.0 s", report)
        wait_until(lambda: "hung: watchdog" in self.daemon.nines("why", name).stdout,
                   lambda: self.daemon.nines("why", name).stdout)


if __name__ == "__main__":
    harness.main()
