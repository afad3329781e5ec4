"""Two daemons never share a directory; what a dead one left locked is taken over."""

import unittest

import harness
import harness_env
from harness import kill, wait_until

SLEEPER = "ExecStart=/bin/sleep 1000000"


class Instances(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.name = self.daemon.service("sleeper", SLEEPER)
        self.daemon.start(self.name)
        self.pid = self.daemon.wait_main_pid(self.name)
        self.other = self.daemon.home / "other"

    def assert_refused(self, runtime_dir, state_dir, shared):
        done = harness_env.run_daemon("--runtime-dir", runtime_dir, "--state-dir", state_dir,
                                      "--unit-path", self.daemon.unit_dir, self.name)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn(str(self.daemon.status()["keeper_pid"]), done.stderr)
        self.assertIn(str(shared), done.stderr)
        # The first has noticed nothing.
        self.assertEqual(self.daemon.wait_main_pid(self.name), self.pid)
        self.assertEqual(self.daemon.processes_of(self.name), [self.pid])

    def test_same_state_directory(self):
        self.assert_refused(self.other, self.daemon.state_dir, self.daemon.state_dir)

    def test_same_runtime_directory(self):
        self.assert_refused(self.daemon.run_dir, self.other, self.daemon.run_dir)

    def test_lock_outlives_the_worker(self):
        """There is no moment between two workers at which a stranger could get in."""
        for _ in range(3):
            worker = self.daemon.status()["pid"]
            kill(worker)
            self.assert_refused(self.other, self.daemon.state_dir, self.daemon.state_dir)
            self.daemon.wait_new_worker(worker)

    def test_the_new_keeper_is_named(self):
        old = self.daemon.status()["keeper_pid"]
        kill(old)
        wait_until(lambda: self.daemon.status()["keeper_pid"] != old, "another keeper")
        self.assert_refused(self.other, self.daemon.state_dir, self.daemon.state_dir)

    def test_stale_lock(self):
        self.daemon.kill_both()
        self.assertTrue((self.daemon.state_dir / "lock").exists())
        self.daemon.start()
        self.assertEqual(self.daemon.wait_main_pid(self.name), self.pid)


if __name__ == "__main__":
    harness.main()
