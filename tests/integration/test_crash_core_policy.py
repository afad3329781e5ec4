"""Which crash gets a whole core and which not, that the event says why, and that nobody waits for it who
need not."""

import os
import signal
import subprocess
from pathlib import Path

import harness
from harness import alive, kill, wait_until
from harness_core import CORE_PATTERN, CrashTest, held_echo, unpacked

PYTHON = "/usr/bin/python3"
DIE = "import ctypes; ctypes.string_at(16, 8)"


class Policy(CrashTest):
    """Which core is kept, as the event tells."""

    def detail(self, **wanted):
        return self.captured(1, **wanted)[0]["detail"]

    def held(self, nines, *arguments, env=None):
        name, held, port = held_echo(self.daemon, nines)
        self.start_daemon(held, name, env=env, arguments=arguments)
        return name, port

    def crash_held(self, name):
        pid = self.daemon.wait_main_pid(name)
        kill(pid, signal.SIGSEGV)
        return pid

    def files(self, detail):
        return sorted(p.name for p in Path(detail["directory"]).iterdir())

    def noise(self, mib):
        return self.crash_elsewhere(
            PYTHON, "-ISc", f"import os; noise = os.urandom({mib} << 20)\n{DIE}")

    def test_auto_keeps_one_whole_core_of_a_crash(self):
        name, _ = self.held("")
        pid = self.crash_held(name)
        first = self.detail(pid=pid)
        self.assertEqual(first["core"], "full")
        self.assertIn("core.zst", self.files(first))
        size = Path(first["directory"], "core.zst").stat().st_size
        self.assertEqual(int(first["core_bytes"]), size)
        self.assertEqual(int(first["core_size"]), len(unpacked(first["directory"] + "/core.zst")))
        self.assertEqual(Path(first["directory"], "core.zst").stat().st_mode & 0o777, 0o600)
        self.daemon.wait_main_pid(name, other_than=pid)
        pid = self.crash_held(name)
        second = self.detail(pid=pid)
        self.assertEqual(second["core"], "minimal")
        self.assertIn(first["id"], second["core_reason"])
        self.assertNotIn("core.zst", self.files(second))

    def test_full_keeps_each(self):
        name, _ = self.held("CrashCore=full")
        for _ in range(2):
            pid = self.crash_held(name)
            self.assertEqual(self.detail(pid=pid)["core"], "full")
            self.daemon.wait_main_pid(name, other_than=pid)

    def test_minimal(self):
        name, _ = self.held("CrashCore=minimal")
        detail = self.detail(pid=self.crash_held(name))
        self.assertEqual((detail["core"], detail["core_reason"]), ("minimal", "CrashCore=minimal"))
        self.assertNotIn("core.zst", self.files(detail))

    def test_none_keeps_no_memory(self):
        name, _ = self.held("CrashCore=none")
        detail = self.detail(pid=self.crash_held(name))
        self.assertEqual(detail["core"], "none")
        self.assertEqual(self.files(detail), ["capture.json", "facts.json"])

    def test_a_limit_of_the_unit(self):
        name, _ = self.held("CrashCore=full\nCrashCoreLimit=100K")
        detail = self.detail(pid=self.crash_held(name))
        self.assertEqual(detail["core"], "minimal")
        self.assertRegex(detail["core_reason"], "CrashCoreLimit= is 100.0 KiB")

    def own_port(self, nines):
        port = harness.free_port()
        name = self.daemon.service(
            "own", "Type=notify\nLimitCORE=infinity\nRestart=always\n"
            f"ExecStart={harness.target('echo_server')} {port} --notify --mib 16", nines=nines)
        self.start_daemon(name)
        self.daemon.wait_state(name, "running")
        return name, port

    def test_who_waits_is_not_kept_waiting(self):
        name, _ = self.own_port("")
        pid = self.crash_held(name)
        detail = self.detail(pid=pid)
        self.assertEqual(detail["core"], "minimal")
        self.assertIn("its successor waits", detail["core_reason"])
        self.daemon.wait_main_pid(name, other_than=pid)

    def test_who_waits_and_wants_all_gets_all(self):
        name, port = self.own_port("CrashCore=full")
        pid = self.crash_held(name)
        self.assertEqual(self.detail(pid=pid)["core"], "full")
        self.daemon.wait_main_pid(name, other_than=pid)
        wait_until(lambda: self.daemon.unit(name)["state"] == "running", "it serves")
        with harness.EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)

    def test_kill_dump_waits_for_no_whole_core(self):
        name, _ = self.own_port("CrashCore=full\nCrashHandover=kill-dump")
        pid = self.crash_held(name)
        detail = self.detail(pid=pid)
        self.assertEqual(detail["core"], "minimal")
        self.assertIn("kill-dump", detail["core_reason"])
        self.daemon.wait_main_pid(name, other_than=pid)

    def test_kill_dump_ends_a_dump_that_is_not_ours(self):
        """core_pattern leads to somebody who does not read: the dump would never end."""
        name, port = self.own_port("CrashHandover=kill-dump")
        CORE_PATTERN.write_text("|/bin/sleep 20\n")
        pid = self.crash_held(name)
        wait_until(lambda: not alive(pid), "it is gone", deadline_s=15)
        self.daemon.wait_main_pid(name, other_than=pid)
        self.assertTrue(port)

    def test_all_crashes_together_have_a_limit(self):
        self.start_daemon(arguments=("--crash-store-max", "12M"))
        process = self.noise(100)
        detail = self.detail(pid=process.pid)
        self.assertEqual(detail["core"], "minimal")
        self.assertIn("--crash-store-max", detail["core_reason"])
        # One that might have been packed to so little, and is not.
        process = self.noise(30)
        detail = self.detail(pid=process.pid)
        self.assertEqual(detail["core"], "minimal")
        self.assertIn("it was larger than the 12.0 MiB", detail["core_reason"])
        self.assertEqual([f for f in self.files(detail) if "zst" in f], [])

    def test_old_whole_cores_make_room(self):
        self.start_daemon(arguments=("--crash-store-max", "40M"))
        details = [self.detail(pid=self.crash_elsewhere(
            PYTHON, "-ISc", f"import os; noise = os.urandom(24 << 20); os.kill(os.getpid(), {number})"
        ).pid) for number in (signal.SIGSEGV, signal.SIGABRT)]
        self.assertEqual([d["core"] for d in details], ["full", "minimal"])
        self.assertIn("whole cores of the last day", details[1]["core_reason"])
        process = self.crash_with_full("sleeper")
        self.assertEqual(self.detail(pid=process)["core"], "full")
        wait_until(lambda: "core.zst" not in self.files(details[0]), "the older one is gone")
        self.assertIn("core", self.files(details[0]), "what a backtrace needs is still there")

    def crash_with_full(self, name):
        script = self.daemon.work / "noise.py"
        script.write_text("import os, time; noise = os.urandom(24 << 20)\n"
                          "open('up', 'w').close()\ntime.sleep(100000)\n")
        unit = self.daemon.service(
            name, f"WorkingDirectory={self.daemon.work}\nExecStart={PYTHON} {script}",
            nines="CrashCore=full")
        self.daemon.nines("daemon", "reload", check=False)
        self.daemon.act_ok("start", unit)
        wait_until((self.daemon.work / "up").exists, "it has its memory")
        return self.crash_held(unit)

    def test_a_disk_that_is_full_leaves_stage_one(self):
        self.store.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(self.store)], check=True)
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(self.store)], check=True))
        self.start_daemon()
        process = self.noise(60)
        detail = self.detail(pid=process.pid)
        self.assertEqual(detail["core"], "minimal")
        self.assertRegex(detail["core_reason"], "No space left|kept free")
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        self.assertEqual([f for f in self.files(detail) if "zst" in f], [])
        self.assertIn("core", self.files(detail))

    def test_the_successor_answers_while_the_whole_core_is_taken(self):
        name, port = self.held("CrashCore=full", env={"NINES_FAULT": "whole_core_half:stall"})
        pid = self.crash_held(name)
        with harness.EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)
        wait_until(lambda: any(self.store.glob("*/core.zst.part")), "the whole core has begun")
        self.assertTrue(alive(pid), "it waits for that")
        self.assertEqual(self.detail(pid=pid)["core"], "full")
        wait_until(lambda: not alive(pid), "it is let go")

    def test_whole_cores_keep_nobody_from_stage_one(self):
        """Two are being written; those that come meanwhile do not wait for them."""
        self.start_daemon(env={"NINES_FAULT": "whole_core_begun:stall@*"})
        pids = {self.crash_elsewhere().pid for _ in range(8)}
        events = self.captured(8)
        self.assertEqual({int(e["detail"]["pid"]) for e in events}, pids)
        reasons = [e["detail"].get("core_reason", "") for e in events]
        self.assertTrue(any("other whole cores are being written" in r for r in reasons), reasons)
        self.assertTrue(any(e["detail"]["core"] == "full" for e in events))

    def test_clients_hear_of_the_end_at_once(self):
        name, port = self.held("", env={"NINES_FAULT": "crash_directory_made:stall"})
        pid = self.daemon.wait_main_pid(name)
        with harness.EchoClient(port) as client:
            self.assertEqual(client.pid(), pid)
            kill(pid, signal.SIGSEGV)
            with self.assertRaises(ConnectionResetError):
                client.reply()
            self.assertTrue(alive(pid), "the kernel still holds it")
        with harness.EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)

    def test_by_the_pipe(self):
        self.daemon.start()
        self.daemon.nines("crash", "setup", "--pipe")
        # Else the daemon, while it is taken down, may put it in place once more.
        self.addCleanup(self.daemon.nines, "crash", "setup", "--undo")
        process = self.noise(8)
        self.assertEqual(self.detail(pid=process.pid)["core"], "full")


if __name__ == "__main__":
    harness.main()
