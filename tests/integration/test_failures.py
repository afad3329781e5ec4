"""What surrounds the daemon breaks: disks, directories, its own files, unit files. Units go on, what
cannot be used is said and set aside, and nothing is deleted."""

import os
import sqlite3
import subprocess
import unittest

import harness
import harness_env
from harness import kill, wait_until
from harness_env import in_own_mounts

SLEEPER = "ExecStart=/bin/sleep 1000000\nRestart=always\nRestartSec=0"


class Disk(harness.DaemonTest):
    def crash(self, name):
        """@return the pid of the successor."""
        pid = self.daemon.wait_main_pid(name)
        kill(pid)
        return self.daemon.wait_main_pid(name, other_than=pid)

    def daemon_shown(self):
        """What an operator sees."""
        return self.daemon.nines("daemon", "status").stdout

    @in_own_mounts
    def test_full_state_directory(self):
        harness_env.tmpfs(self.daemon.state_dir, "1m")
        name = self.daemon.service("sleeper", SLEEPER)
        self.daemon.start(name)
        self.crash(name)
        wait_until(lambda: len(self.daemon.intervals(name)) == 1, "the ledger is in use")
        # Its log is there too, so that the very restart meets a full disk.
        filler = self.daemon.state_dir / "filler"
        harness_env.fill(filler)
        count = 40
        for _ in range(count):
            self.crash(name)
        wait_until(lambda: not self.daemon.status()["ledger_ok"], "the ledger says it is degraded")
        self.assertIn("degraded", self.daemon_shown())
        self.daemon.wait_event("ledger.degraded")
        # What is not in the database yet is not lost with our processes either.
        self.daemon.kill_both()
        self.daemon.start(name)
        filler.unlink()
        wait_until(lambda: self.daemon.status()["ledger_ok"], "the ledger recovers", deadline_s=90)
        self.daemon.wait_event("ledger.recovered")
        rows = wait_until(
            lambda: len(rows := self.daemon.intervals(name)) == count + 1 and
            all(r["duration_ns"] is not None for r in rows) and rows, "every downtime is there",
            deadline_s=90)
        self.assert_no_overlap(rows, name)
        self.assertEqual(len(self.daemon.ledger_events(name, "unit.exit")), count + 1)
        self.assertEqual(self.daemon.events(kind="ledger.dropped"), [])

    @in_own_mounts
    def test_full_runtime_directory(self):
        """Without a state file a successor cannot adopt, and the operator must know."""
        harness_env.tmpfs(self.daemon.run_dir, "1m")
        name = self.daemon.service("sleeper", SLEEPER)
        self.daemon.start(name)
        filler = self.daemon.run_dir / "filler"
        harness_env.fill(filler)
        for _ in range(5):
            self.crash(name)
        self.daemon.wait_event("unit.state-not-saved", name)
        filler.unlink()
        pid = self.crash(name)
        self.daemon.kill_both()
        self.daemon.start(name)
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        self.assertEqual(self.daemon.processes_of(name), [pid])

    @in_own_mounts
    def test_read_only_state_directory(self):
        harness_env.tmpfs(self.daemon.state_dir, "1m")
        subprocess.run(["mount", "-o", "remount,ro", self.daemon.state_dir], check=True)
        name = self.daemon.service("sleeper", SLEEPER)
        self.daemon.start(name)
        self.crash(name)
        wait_until(lambda: not self.daemon.status()["ledger_ok"], "the ledger says it is degraded")
        self.assertIn("degraded", self.daemon_shown())
        pid = self.daemon.wait_main_pid(name)
        self.daemon.kill_both()
        self.daemon.start(name)
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        subprocess.run(["mount", "-o", "remount,rw", self.daemon.state_dir], check=True)
        wait_until(lambda: self.daemon.status()["ledger_ok"], "the ledger recovers", deadline_s=90)
        rows = wait_until(lambda: (rows := self.daemon.intervals(name)) and
                          rows[0]["duration_ns"] is not None and rows, "the downtime is there")
        self.assertEqual(len(rows), 1)

    @in_own_mounts
    def test_runtime_directory_not_writable(self):
        harness_env.tmpfs(self.daemon.run_dir, "1m")
        subprocess.run(["mount", "-o", "remount,ro", self.daemon.run_dir], check=True)
        done = harness_env.run_daemon("--runtime-dir", self.daemon.run_dir,
                                      "--state-dir", self.daemon.state_dir)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(self.daemon.run_dir), done.stderr)
        self.assertRegex(done.stderr.lower(), "read-only")


class OwnFiles(harness.DaemonTest):
    def damaged_ledger(self, damage):
        """The unit goes on, the file is set aside as it was, and a new ledger begins."""
        name = self.daemon.service("sleeper", SLEEPER)
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.daemon.wait_event("unit.ready", name)
        wait_until(lambda: self.daemon.ledger_events(name, "unit.ready"), "the ledger has events")
        self.daemon.kill_both()
        path = self.daemon.state_dir / "ledger.db"
        # Everything into one file first: what the write-ahead log holds would heal it.
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        damaged = damage(path)
        self.daemon.start(name)
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        events = self.daemon.wait_event("ledger.quarantined")
        aside = self.daemon.state_dir / os.path.basename(events[0]["detail"]["moved_to"])
        self.assertEqual(aside.read_bytes(), damaged)
        self.assertEqual(self.daemon.ledger("PRAGMA integrity_check")[0][0], "ok")
        kill(pid)
        self.daemon.wait_main_pid(name, other_than=pid)
        wait_until(lambda: len(self.daemon.intervals(name)) == 1, "the new ledger is in use")

    def test_garbage_as_ledger(self):
        def damage(path):
            garbage = bytes(range(256)) * 64
            path.write_bytes(garbage)
            return garbage
        self.damaged_ledger(damage)

    def test_truncated_ledger(self):
        def damage(path):
            whole = path.read_bytes()
            self.assertGreater(len(whole), 8192)
            part = whole[:len(whole) // 2 + 100]
            path.write_bytes(part)
            return part
        self.damaged_ledger(damage)

    def test_corrupt_unit_state(self):
        names = [self.daemon.service(n, SLEEPER) for n in ("broken", "whole")]
        self.daemon.start(*names)
        pids = {n: self.daemon.wait_main_pid(n) for n in names}
        self.daemon.kill_both()
        files = [p for p in self.daemon.run_dir.rglob("broken.service.json")]
        self.assertEqual(len(files), 1)
        garbage = files[0].read_bytes()[:40] + b"\xff\0{"
        files[0].write_bytes(garbage)
        self.daemon.start()
        self.assertEqual(self.daemon.wait_main_pid("whole.service"), pids["whole.service"])
        events = self.daemon.wait_event("daemon.state-unreadable")
        self.assertIn("broken.service.json", events[0]["detail"]["error"])
        aside = files[0].with_name("broken.service.json.corrupt")
        self.assertEqual(aside.read_bytes(), garbage)


class UnitFiles(harness.DaemonTest):
    def test_removed_while_running(self):
        name = self.daemon.service("sleeper", SLEEPER)
        other = self.daemon.service("other", SLEEPER)
        self.daemon.start(name, other)
        self.daemon.act_ok("start", other)
        pid = self.daemon.wait_main_pid(name)
        (self.daemon.unit_dir / name).unlink()
        kill(pid)  # known well enough to go on
        pid = self.daemon.wait_main_pid(name, other_than=pid)
        self.daemon.kill_both()
        self.daemon.start()
        self.assertTrue(harness.alive(pid), "a unit without a file is not killed")
        self.daemon.wait_main_pid(other)
        events = self.daemon.wait_event("unit.not-adopted", name)
        self.assertEqual(events[0]["severity"], "error")
        # With its file back, the next one takes it up where it is.
        self.daemon.service("sleeper", SLEEPER)
        self.daemon.kill_both()
        self.daemon.start()
        self.assertEqual(self.daemon.wait_main_pid(name), pid)

    def test_bad_names(self):
        self.daemon.start()
        for name in ("../../etc/passwd", "a/b.service", "no such.service", "x" * 300, ".service",
                     "new\nline.service"):
            with self.subTest(name=name):
                done = self.daemon.nines("start", "--", name, check=False)
                self.assertIn(done.returncode, (1, 2, 5), done.stdout + done.stderr)
                self.assertTrue(done.stderr or done.stdout)
        done = self.daemon.nines("start", "nowhere.service", check=False)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)
        self.assertIn("nowhere.service", done.stdout + done.stderr)
        self.assertEqual(self.daemon.status()["pid"], self.daemon.worker_pids()[0])

    def test_broken_file_does_not_harm_others(self):
        good = self.daemon.service("good", SLEEPER)
        self.daemon.unit_text("bad.service", "[Service\nExecStart=relative\n\0\xff=")
        self.daemon.start("bad.service", good)
        self.daemon.wait_main_pid(good)
        done = self.daemon.nines("start", "bad.service", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("bad.service", done.stdout + done.stderr)


class Clock(harness.DaemonTest):
    def find_library(self):
        for path in ("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
                     "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"):
            if os.path.exists(path):
                return path
        raise unittest.SkipTest("needs libfaketime (Debian package faketime)")

    def test_wall_clock_jumps(self):
        """Durations are measured on a clock that does not jump; the wall clock only dates them."""
        library = self.find_library()
        control = self.daemon.work / "faketime"
        control.write_text("+0\n")
        name = self.daemon.service("sleeper", "ExecStart=/bin/sleep 1000000\nRestart=always\n"
                                   "RestartSec=300ms\nUnsetEnvironment=LD_PRELOAD")
        self.daemon.start(name, env={
            "LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": str(control),
            "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
        count = 0
        for jump in ("-400d", "+400d", "-1h", "+0"):
            pid = self.daemon.wait_main_pid(name)
            before = harness.boot_ns()
            kill(pid)
            control.write_text(jump + "\n")
            self.daemon.wait_main_pid(name, other_than=pid)
            count += 1
            rows = wait_until(lambda: len(rows := self.daemon.intervals(name)) == count and
                              rows[-1]["duration_ns"] is not None and rows, "the downtime is there")
            took = harness.boot_ns() - before
            self.assertGreater(rows[-1]["duration_ns"], 0)
            self.assertLess(rows[-1]["duration_ns"], took)
            self.assert_no_overlap(rows, name)


if __name__ == "__main__":
    harness.main()
