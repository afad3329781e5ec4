"""Ten thousand crashes: no descriptor, zombie or memory is left behind, in worker and keeper."""

import shutil
import tempfile
import time
import unittest
from pathlib import Path

import harness
import harness_env
from harness import wait_until

UNITS = 8
TOTAL = 15_000
FIRST = 5_000  # by then every cache and buffer has its size


class CrashLoops(harness.DaemonTest):
    def measure(self):
        """Of both our processes: (descriptors, resident KiB)."""
        status = self.daemon.status()
        return {role: (harness_env.descriptors_of(status[role]), harness_env.resident_kib(status[role]))
                for role in ("pid", "keeper_pid")}

    def starts(self):
        return sum(f.stat().st_size for f in self.files if f.exists())

    def wait_starts(self, count):
        began = time.monotonic()
        wait_until(lambda: self.starts() >= count, lambda: f"{count} starts; {self.starts()}",
                   deadline_s=400, step_s=0.2)
        return time.monotonic() - began

    def test_ten_thousand(self):
        # Where a host has it, too: in memory. On a disk each replaced state file waits for it.
        self.daemon.run_dir = Path(tempfile.mkdtemp(prefix="nines-test-", dir="/dev/shm"))
        self.addCleanup(shutil.rmtree, self.daemon.run_dir, ignore_errors=True)
        self.daemon.api_path = str(self.daemon.run_dir / "api.sock")
        self.files = [self.daemon.work / f"count{i}" for i in range(UNITS)]
        names = [self.daemon.service(
            f"loop{i}", "Type=exec\nRestart=always\nRestartSec=0\nRestartMaxDelaySec=0\n"
            f"ExecStart={harness.target('crash_loop')} --count {path} "
            + ("--signal 11" if i % 2 else "3"),
            unit="StartLimitIntervalSec=0") for i, path in enumerate(self.files)]
        self.daemon.start(*names)
        worker = self.daemon.status()["pid"]
        self.wait_starts(FIRST)
        before = self.measure()
        took = self.wait_starts(TOTAL)
        print(f"{TOTAL - FIRST} crashes in {took:.1f} s: {(TOTAL - FIRST) / took:.0f} per second")
        after = self.measure()
        self.daemon.act_ok("stop", *names)
        settled = self.measure()
        print(f"after {FIRST}: {before}, after {self.starts()}: {after}, stopped: {settled}")
        self.assertEqual(self.daemon.status()["pid"], worker, "the worker itself has not crashed")
        for role in before:
            # A start under way holds a few descriptors for a moment.
            self.assertLessEqual(settled[role][0], before[role][0] + UNITS, f"descriptors of {role}")
            # A leak of 1 KiB for each crash would be 9000 KiB.
            self.assertLess(settled[role][1] - before[role][1], 4096, f"resident KiB of {role}")
        keeper = self.daemon.status()["keeper_pid"]
        wait_until(lambda: not harness_env.zombies_of(keeper), "no zombies")
        wait_until(lambda: not any(self.daemon.processes_of(n) for n in names), "no process is left")
        # Not one crash went by without a line in the ledger.
        crashes = self.starts()
        def told():
            rows = sum(len(self.daemon.ledger_events(n, "unit.exit")) for n in names)
            return rows >= crashes - UNITS and rows <= crashes
        wait_until(told, f"about {crashes} exits are in the ledger")


if __name__ == "__main__":
    harness.main()
