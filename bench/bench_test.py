#!/usr/bin/python3
"""The bench itself: its arithmetic, and that it measures a supervisor as simple as a shell loop and
leaves nothing behind.

    bench_test.py BUILD_DIRECTORY
"""

import io
import json
import os
import resource
import subprocess
import sys
import unittest

import core_cases
import core_handlers
import crash_cases
import many_units
import report
from bench_main import Tools
from peers import Missing, Peer, processes


BUILD = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""


class ShellLoop(Peer):
    """The smallest supervisor there is."""

    name = "shell"

    def _launch(self, command, port, held, standby):
        self._keep([command])

    def _launch_many(self, commands, shared):
        self._keep(commands)

    def _keep(self, commands):
        loops = [f"while :; do {' '.join(command)}; done &" for command in commands]
        self.spawn(["/bin/sh", "-c", "\n".join(loops) + "\nwait"])


def silent(_):
    pass


class Report(unittest.TestCase):
    def row(self, **changes):
        fields = {
            "bench": "b",
            "case": "c",
            "metric": "m",
            "unit": "ms",
            "ours": "nines",
            "samples": {"nines": [1.0, 2.0, 3.0], "slow": [40.0], "fast": [4.0, 4.0]},
        }
        return report.Row(**{**fields, **changes})

    def test_percentile_is_linear_between_ranks(self):
        self.assertEqual(report.percentile([3, 1, 2], 50), 2)
        self.assertEqual(report.percentile([0, 10], 90), 9)
        self.assertEqual(report.percentile([7], 10), 7)

    def test_ratio_is_to_the_best_peer(self):
        data = self.row().as_dict()
        self.assertEqual((data["ours"], data["peer"], data["peer_name"]), (2.0, 4.0, "fast"))
        self.assertEqual((data["ratio"], data["n"]), (0.5, 2))

    def test_ratio_is_to_the_rival_where_one_is_named(self):
        data = self.row(rivals=("slow",), notes={"slow": "as shipped"}).as_dict()
        self.assertEqual((data["peer_name"], data["ratio"]), ("slow (as shipped)", 0.05))

    def test_without_ours_there_is_no_ratio(self):
        data = self.row(samples={"fast": [4.0]}).as_dict()
        self.assertIsNone(data["ours"])
        self.assertIsNone(data["ratio"])

    def test_a_peer_at_zero_gives_no_ratio(self):
        self.assertIsNone(self.row(samples={"nines": [0.0], "idle": [0.0]}).as_dict()["ratio"])

    def test_json_is_one_line(self):
        out = io.StringIO()
        report.print_json(self.row(), out)
        self.assertEqual(out.getvalue().count("\n"), 1)
        self.assertEqual(json.loads(out.getvalue())["spread"]["fast"]["n"], 2)


class Measure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        processes.become_subreaper()

    def tearDown(self):
        self.assertEqual(processes.descendants(os.getpid()), {})

    def test_crashes_are_timed_and_nothing_stays(self):
        case = crash_cases.Case("plain/1MiB", 1, held=False)
        row = crash_cases.run(case, [ShellLoop()], "shell", Tools(BUILD), 2, silent)
        self.assertEqual(len(row.samples["shell"]), 2)
        self.assertGreater(min(row.samples["shell"]), 0)

    def test_a_core_is_kept_and_counted(self):
        soft = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            with core_handlers.core_pattern_kept():
                rows = list(core_cases.crash_to_reply(
                    core_cases.Case("8MiB", 8), [ShellLoop()], Tools(BUILD), 1, silent))
        except Missing as missing:
            self.skipTest(str(missing))
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, soft)
        self.assertEqual([row.metric for row in rows], ["crash_to_reply", "core_kept"])
        for row in rows:
            self.assertGreater(row.samples["shell"][0], 0)

    def test_a_server_that_never_comes_back_is_an_error(self):
        class Once(ShellLoop):
            def _keep(self, commands):
                self.spawn(commands[0])

        case = crash_cases.Case("plain/1MiB", 1, held=False)
        saved, crash_cases.LIMIT_MS = crash_cases.LIMIT_MS, 300
        try:
            with self.assertRaisesRegex(RuntimeError, "did not come back"):
                crash_cases.run(case, [Once()], "shell", Tools(BUILD), 1, silent)
        finally:
            crash_cases.LIMIT_MS = saved

    def test_many_units_are_counted(self):
        saved = many_units.UNITS, many_units.SETTLE_S, many_units.IDLE_S
        many_units.UNITS, many_units.SETTLE_S, many_units.IDLE_S = 20, 0, 0.1
        try:
            rows = many_units.run([ShellLoop()], "shell", Tools(BUILD), 1, silent)
        finally:
            many_units.UNITS, many_units.SETTLE_S, many_units.IDLE_S = saved
        medians = {row.metric: row.as_dict()["ours"] for row in rows}
        self.assertGreater(medians["start_s"], 0)
        self.assertGreater(medians["daemon_rss_mib"], 0)

    def test_what_a_daemon_leaves_behind_is_found(self):
        program = os.path.join(BUILD, "targets", "fork_children")
        subprocess.run([program, "--stubborn", "--exit", "0", "3"], check=True)
        self.assertEqual(len(processes.descendants(os.getpid())), 3)
        processes.end_all()


if __name__ == "__main__":
    # In the words that tools/test looks for, which decides whether something may be missing.
    result = unittest.main(exit=False).result
    for test, reason in result.skipped:
        print(f"SKIP: {test}: {reason}", flush=True)
    sys.exit(not result.wasSuccessful())
