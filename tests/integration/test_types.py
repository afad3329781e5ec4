"""Type= by Type=: when a unit counts as started, which commands run around it and with what in their
environment, what a stop leaves alive, and what happens to those who do not obey it."""

import os
import signal

import harness
import harness_env
from harness import alive, kill, wait_until


class TypeTest(harness.DaemonTest):
    def start(self, name):
        self.daemon.start()
        return self.daemon.act("start", name)[0]


class Readiness(TypeTest):
    def test_exec_reports_a_program_that_is_not_there(self):
        for kind in ("simple", "exec"):
            name = self.daemon.service(kind, f"Type={kind}\nExecStart=/nowhere/program\nRestart=no")
            if kind == "simple":
                self.daemon.start()
            result = self.daemon.act("start", name)[0]
            self.assertIn("/nowhere/program", result["error"]["message"])
            self.assertEqual(self.daemon.unit(name)["state"], "failed")

    def test_notify_waits_for_the_word(self):
        name = self.daemon.service(
            "slow", f"Type=notify\nExecStart={harness.target('slow_starter')} 1000")
        self.daemon.start()
        self.daemon.act("start", name, no_block=True)
        self.daemon.wait_state(name, "starting")
        self.daemon.wait_state(name, "running")
        ready = self.daemon.wait_event("unit.ready", name)
        self.assertEqual(len(ready), 1)

    def test_forking_takes_the_main_process_from_the_pid_file(self):
        pid_file = self.daemon.home / "daemon.pid"
        name = self.daemon.service(
            "forking", f"Type=forking\nPIDFile={pid_file}\n"
            f"ExecStart={harness.target('forking_daemon')} {pid_file}\nRestartSec=0")
        self.assertIsNone(self.start(name).get("error"))
        pid = self.daemon.wait_main_pid(name)
        self.assertEqual(int(pid_file.read_text()), pid)
        kill(pid)
        self.assertEqual(self.daemon.wait_main_pid(name, other_than=pid), int(pid_file.read_text()))

    def test_forking_without_a_pid_file_takes_the_one_that_nobody_of_the_unit_started(self):
        ready = self.daemon.home / "ready"
        master = self.daemon.home / "master"
        master.write_text(f"#!/bin/sh\nsleep 1000000 &\nsleep 1000000 &\ntouch {ready}\nwait\n")
        master.chmod(0o755)
        name = self.daemon.service(
            "workers", f"Type=forking\nExecStartPre=/bin/rm -f {ready}\nRestartSec=0\n"
            f"ExecStart=/bin/sh -c '{master} & until test -e {ready}; do sleep 0.01; done'")
        self.assertIsNone(self.start(name).get("error"))
        pid = self.daemon.wait_main_pid(name)
        with open(f"/proc/{pid}/cmdline", "rb") as words:
            self.assertIn(str(master).encode(), words.read())
        kill(pid)
        self.daemon.wait_main_pid(name, other_than=pid)

    def test_oneshot(self):
        for remain, state in (("no", "stopped"), ("yes", "running")):
            out = self.daemon.home / f"ran-{remain}"
            name = self.daemon.service(
                f"oneshot-{remain}", f"Type=oneshot\nRemainAfterExit={remain}\n"
                f"ExecStart=/bin/sh -c 'echo one >> {out}'\nExecStart=/bin/sh -c 'echo two >> {out}'")
            if remain == "no":
                self.daemon.start()
            self.daemon.act_ok("start", name)
            self.assertEqual(out.read_text(), "one\ntwo\n")
            self.daemon.wait_state(name, state)
            self.assertEqual(self.daemon.intervals(name), [])


class Commands(TypeTest):
    def noting(self, word, code=0):
        return (f"/bin/sh -c 'echo {word} main=$$MAINPID result=$$SERVICE_RESULT code=$$EXIT_CODE "
                f"status=$$EXIT_STATUS >> {self.daemon.home}/notes; exit {code}'")

    def notes(self):
        path = self.daemon.home / "notes"
        return path.read_text().splitlines() if path.exists() else []

    def service(self, directives):
        return self.daemon.service("unit", directives.format(
            condition=self.noting("condition"), pre=self.noting("pre"), post=self.noting("post"),
            reload=self.noting("reload"), stop=self.noting("stop"),
            stop_post=self.noting("stop-post")))

    ALL = ("Type=exec\nExecCondition={condition}\nExecStartPre={pre}\nExecStart=/bin/sleep 1000000\n"
           "ExecStartPost={post}\nExecReload={reload}\nExecStop={stop}\nExecStopPost={stop_post}\n")

    def test_a_reload_that_cannot_be_executed_leaves_it_running(self):
        name = self.daemon.service(
            "unit", "Type=exec\nExecStart=/bin/sleep 1000000\nExecReload=/nowhere/program")
        self.start(name)
        pid = self.daemon.wait_main_pid(name)
        result = self.daemon.act("reload", name)[0]
        self.assertIn("/nowhere/program", result["error"]["message"])
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        self.assertEqual(len(self.daemon.events(name, "unit.reload-failed")), 1)

    def test_order_and_environment(self):
        name = self.service(self.ALL)
        self.assertIsNone(self.start(name).get("error"))
        pid = self.daemon.wait_main_pid(name)
        self.daemon.act_ok("reload", name)
        self.assertEqual(self.daemon.unit(name)["main_pid"], pid)
        self.daemon.act_ok("stop", name)
        notes = self.notes()
        self.assertEqual([note.split()[0] for note in notes],
                         ["condition", "pre", "post", "reload", "stop", "stop-post"])
        for note in notes[2:5]:
            self.assertIn(f"main={pid} ", note)
        self.assertIn("result=success", notes[-1])

    def test_stop_post_learns_how_it_ended(self):
        name = self.service(self.ALL + "Restart=no\n")
        self.start(name)
        kill(self.daemon.wait_main_pid(name), signal.SIGKILL)
        self.daemon.wait_state(name, "failed")
        self.assertIn("result=signal code=killed status=", self.notes()[-1])
        self.assertEqual(self.notes()[-1].split()[0], "stop-post")
        self.assertNotIn("stop", [note.split()[0] for note in self.notes()])

    def test_a_condition_that_says_no_is_no_failure(self):
        name = self.daemon.service("unit", f"ExecCondition={self.noting('condition', 1)}\n"
                                   "ExecStart=/bin/sleep 1000000")
        self.start(name)
        status = self.daemon.wait_state(name, "stopped", "condition-failed")
        self.assertEqual(status["restarts"], 0)
        self.assertEqual(self.daemon.processes_of(name), [])

    def test_a_failing_pre_command_prevents_the_start_unless_forgiven(self):
        for mark, state in (("", "failed"), ("-", "running")):
            name = self.daemon.service(f"unit{mark}x", "Type=exec\nRestart=no\n"
                                       f"ExecStartPre={mark}/bin/false\nExecStart=/bin/sleep 1000000")
            if not mark:
                self.daemon.start()
            self.daemon.act("start", name)
            self.daemon.wait_state(name, state)


class Stopping(TypeTest):
    def children(self, directives, arguments=""):
        pids = self.daemon.home / "pids"
        name = self.daemon.service(
            "parent", f"Type=notify\nExecStart={harness.target('fork_children')} --pids {pids}"
            f" {arguments} 3\n{directives}")
        self.assertIsNone(self.start(name).get("error"))
        found = [int(line) for line in pids.read_text().split()]
        self.assertEqual(len(found), 3)
        return name, found

    def test_control_group_takes_the_children_along(self):
        name, children = self.children("KillMode=control-group")
        self.daemon.act_ok("stop", name)
        wait_until(lambda: not any(alive(pid) for pid in children), "the children are gone")

    def test_mixed_kills_stubborn_children_after_the_main_process(self):
        name, children = self.children("KillMode=mixed", "--stubborn")
        self.daemon.act_ok("stop", name)
        wait_until(lambda: not any(alive(pid) for pid in children), "the children are gone")

    def test_process_leaves_the_children(self):
        name, children = self.children("KillMode=process")
        main = self.daemon.wait_main_pid(name)
        self.daemon.act_ok("stop", name)
        self.assertFalse(alive(main))
        self.assertTrue(all(alive(pid) for pid in children))

    def test_who_ignores_sigterm_gets_sigkill_after_the_timeout(self):
        name = self.daemon.service(
            "deaf", f"Type=notify\nExecStart={harness.target('ignores_sigterm')}\n"
            "TimeoutStopSec=500ms")
        self.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.daemon.act_ok("stop", name)
        self.assertFalse(alive(pid))
        asked = self.daemon.wait_event("unit.stop-requested", name)[0]
        late = self.daemon.wait_event("unit.stop-timeout", name)[0]
        self.assertGreaterEqual(late["since_boot_ns"] - asked["since_boot_ns"], 500_000_000)
        self.assertEqual([row["planned"] for row in self.daemon.intervals(name)], [1])

    def test_a_start_that_takes_too_long_is_ended(self):
        name = self.daemon.service("slow", "Type=notify\nExecStart=/bin/sleep 1000000\n"
                                   "TimeoutStartSec=500ms\nRestart=no")
        result = self.start(name)
        self.assertIsNotNone(result.get("error"))
        self.daemon.wait_state(name, "failed")
        self.assertEqual(self.daemon.processes_of(name), [])


class Scheduling(harness.DaemonTest):
    def policies(self, **options):
        """@return of the worker, the keeper and a unit."""
        name = self.daemon.service("a", f"ExecStart={harness.target('echo_server')}"
                                   f" {harness.free_port()}")
        self.daemon.start(name, **options)
        pid = self.daemon.wait_main_pid(name)
        status = self.daemon.status()
        return [os.sched_getscheduler(p) for p in (status["pid"], status["keeper_pid"], pid)]

    def test_we_come_first_and_our_units_do_not(self):
        harness_env.need_root()
        ours = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        self.assertEqual(self.policies(), [ours, ours, os.SCHED_OTHER])

    def test_unless_told_otherwise(self):
        self.assertEqual(self.policies(env={"NINES_REALTIME": "0"}), [os.SCHED_OTHER] * 3)


if __name__ == "__main__":
    harness.main()
