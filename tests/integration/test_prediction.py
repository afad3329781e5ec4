"""Failures that are foretold: what is written down before them, what is done about them, and what the
ledger says of them afterwards."""

import json
import signal
import time

import harness
import test_rejuvenation
from harness import kill, wait_until
from test_rejuvenation import Load

LONG_S = 180


class Prediction(test_rejuvenation.Rejuvenation):
    """The tests of the base class are run from its own file."""

    def why(self):
        return json.loads(self.daemon.nines("--json", "why", self.NAME).stdout)["units"][0]

    def warnings(self):
        return [e for e in self.daemon.events(self.NAME) if e["kind"].startswith("predict.")]

    def test_leaks_are_replaced_in_time(self):
        """Memory and descriptors, each with its own limit; twice, and nobody notices."""
        self.held("--kib-per-s 8000 --fds-per-s 40", nines="OnPredicted=rejuvenate",
                  service="MemoryMax=200M\nMemorySwapMax=0\nLimitNOFILE=2000\nLimitCORE=0")
        self.daemon.start(self.NAME)
        if "memory" not in self.daemon.status()["cgroup_mode"]:
            self.skipTest("needs a memory controller")
        first = self.pid()
        with Load(self.port) as load:
            replaced = self.daemon.wait_event("unit.rejuvenated", self.NAME, count=2,
                                              deadline_s=LONG_S)
        self.assertEqual(load.failures, [])
        self.assertIn(first, load.pids)
        self.assertGreaterEqual(len(load.pids), 2)
        self.assertEqual({e["detail"]["gap"] for e in replaced}, {"none"})
        self.assertEqual(self.daemon.intervals(self.NAME), [])
        warning = self.warnings()[0]
        begun = self.daemon.events(self.NAME, "unit.rejuvenating")[0]
        self.assertEqual(begun["caused_by"], warning["id"])
        self.assertEqual(replaced[0]["caused_by"], begun["id"])
        self.assertIn(warning["kind"], ("predict.memory", "predict.fds"))
        self.assertGreater(warning["detail"]["slope_per_hour"], 0)
        story = self.daemon.nines("why", begun["id"]).stdout
        self.assertIn(warning["kind"], story)

    def test_without_an_order_it_is_a_warning_that_comes_true(self):
        """Out of descriptors it answers nobody: unhealthy, as was said before."""
        self.held("--fds-per-s 50", nines="HealthCheckTimeout=1s",
                  service="LimitNOFILE=1000\nTimeoutStopSec=2")
        self.daemon.start(self.NAME)
        self.pid()
        self.daemon.wait_event("unit.unhealthy", self.NAME, deadline_s=LONG_S)
        self.daemon.wait_event("unit.ready", self.NAME, count=2)
        warning, *more = self.warnings()
        self.assertEqual(warning["kind"], "predict.fds")
        self.assertEqual(more, [], "one growth, one warning")
        self.assertFalse(self.daemon.events(self.NAME, "unit.rejuvenating"))
        unhealthy = self.daemon.events(self.NAME, "unit.unhealthy")[0]
        self.assertLess(warning["time"], unhealthy["time"])
        wait_until(lambda: self.why()["failures"] == 1 and not self.why().get("down_since_ns"),
                   "the downtime is in the ledger")
        report = self.why()
        self.assertEqual(report["predictable_ns"], report["unplanned_ns"])
        self.assertGreater(report["predictable_ns"], 0)
        cause, = report["causes"]
        self.assertEqual((cause["cause"], cause["predicted"]), ("health", 1))

    def test_a_program_is_run(self):
        out = self.daemon.work / "told"
        script = self.daemon.work / "react"
        script.write_text("#!/bin/sh\n"
                          f"env | grep -E '^(NINES_|MAINPID)' | sort >{out}.new\n"
                          f"mv {out}.new {out}\nexit 3\n")
        script.chmod(0o755)
        self.held("--fds-per-s 50", nines=f"OnPredicted=command:{script} now",
                  service="LimitNOFILE=1000")
        self.daemon.start(self.NAME)
        pid = self.pid()
        wait_until(out.exists, "the program was run", deadline_s=LONG_S)
        told = dict(line.split("=", 1) for line in out.read_text().splitlines())
        self.assertEqual(told["MAINPID"], str(pid))
        self.assertEqual(told["NINES_UNIT"], self.NAME)
        self.assertEqual(told["NINES_PREDICTOR"], "fds")
        self.assertIn("RLIMIT_NOFILE", told["NINES_SUBJECT"])
        self.assertGreater(float(told["NINES_HORIZON_SEC"]), 0)
        reaction, = self.daemon.wait_event("unit.reaction", self.NAME)
        self.assertEqual(reaction["detail"]["exit"], "exit code 3")
        self.assertEqual(reaction["caused_by"], self.warnings()[0]["id"])
        self.assertEqual(self.daemon.unit(self.NAME)["main_pid"], pid)

    def test_crashes_that_come_faster_and_faster(self):
        self.held(nines="HealthyUptime=50ms", service="LimitCORE=0")
        self.daemon.start(self.NAME)
        pid = self.pid()
        for pause in (1, 8, 4, 2, 1, 0.5, 0.3, 0.2, 0.15):
            time.sleep(pause)
            kill(pid, signal.SIGSEGV)
            pid = self.daemon.wait_main_pid(self.NAME, other_than=pid)
        warning, = wait_until(self.warnings, "it was said that this goes on")
        self.assertEqual(warning["kind"], "predict.recurrence")
        self.assertEqual(warning["detail"]["subject"], "crash:SEGV")

    def test_a_successor_that_cannot_start_is_tried_again(self):
        self.held(command=f"/bin/sh -c 'test -e {self.daemon.work}/flag && exit 3; "
                  f"exec {harness.target('leaky_server')} --fds-per-s 30'",
                  nines="OnPredicted=rejuvenate", service="LimitNOFILE=1000")
        self.daemon.start(self.NAME)
        old = self.pid()
        self.flag.touch()
        self.daemon.wait_event("unit.rejuvenation-failed", self.NAME, deadline_s=LONG_S)
        self.assertEqual(self.ask(), old)
        self.flag.unlink()
        self.daemon.wait_event("unit.rejuvenated", self.NAME, deadline_s=LONG_S)
        self.wait_only(self.pid())
        self.assertNotEqual(self.pid(), old)


for _name in [n for n in dir(test_rejuvenation.Rejuvenation) if n.startswith("test_")]:
    setattr(Prediction, _name, None)


if __name__ == "__main__":
    harness.main()
