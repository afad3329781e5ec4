"""A unit that eats its memory limit: the kernel kills it, and the ledger says that it was that."""

import unittest

import harness
import harness_env
from harness import wait_until


class OutOfMemory(harness.DaemonTest):
    def test_oom_kill_is_recognised(self):
        harness_env.need_root()
        name = self.daemon.service(
            "eater", f"ExecStart={harness.target('oom_eater')} --cap-mib 256\n"
            "MemoryMax=32M\nRestart=always\nRestartSec=0", unit="StartLimitIntervalSec=0")
        self.daemon.start()
        if "memory" not in self.daemon.status()["cgroup_mode"]:
            self.skipTest("needs a memory controller")
        self.daemon.act("start", name)
        exits = self.daemon.wait_event("unit.exit", name, count=3)
        for event in exits[:3]:
            self.assertEqual(event["detail"]["outcome"], "oom-kill", exits)
        self.assertGreaterEqual(self.daemon.unit(name)["restarts"], 2)
        self.daemon.act_ok("stop", name)
        wait_until(lambda: not self.daemon.processes_of(name), "it is gone")

    def test_a_killed_child_is_no_crash_of_the_main_process(self):
        harness_env.need_root()
        script = self.daemon.work / "parent"
        script.write_text(f"#!/bin/sh\n{harness.target('oom_eater')} --cap-mib 256\n"
                          f"echo $? >{self.daemon.work}/code\nexec sleep 1000000\n")
        script.chmod(0o755)
        name = self.daemon.service("parent", f"ExecStart={script}\nMemoryMax=32M\n"
                                   "OOMPolicy=continue\nRestart=always\nRestartSec=0")
        self.daemon.start()
        if "memory" not in self.daemon.status()["cgroup_mode"]:
            self.skipTest("needs a memory controller")
        self.daemon.act_ok("start", name)
        code = self.daemon.work / "code"
        wait_until(lambda: code.exists() and code.read_text().strip(), "the child has ended")
        self.assertEqual(code.read_text().strip(), "137")
        self.daemon.wait_main_pid(name)
        self.assertEqual(self.daemon.unit(name)["restarts"], 0)


if __name__ == "__main__":
    harness.main()
