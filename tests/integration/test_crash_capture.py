"""Stage 1 of a crash, by the kernel's core socket: what is kept of a dying process, and that gdb makes
the same of it as of the whole core. core_pattern is the whole machine's: it is given back."""

import json
import re
import signal
import socket
import subprocess

import harness
import harness_core
from harness import alive, wait_until
from harness_core import core_pattern


class Capture(harness_core.CoreSocketTest):
    def start(self, *command):
        process = subprocess.Popen(
            ["setarch", "-R", *command], cwd=self.dir, env={"API_TOKEN": "hunter2", "PLAIN": "seen"},
            preexec_fn=lambda: __import__("resource").setrlimit(
                __import__("resource").RLIMIT_CORE, (-1, -1)))
        self.addCleanup(lambda: (process.kill(), process.wait()))
        return process

    def capture(self, process, directory):
        with self.connection_of(process) as connection:
            catcher = self.catcher(connection, directory)
            out, err = catcher.communicate(timeout=harness.DEADLINE_S)
            self.assertTrue(alive(process.pid), "it waits as long as anybody has the connection")
        process.wait(timeout=harness.DEADLINE_S)
        return catcher.returncode, out, err

    def backtraces(self, program, core):
        gdb = subprocess.run(
            [harness.need_program("gdb"), "-nx", "-q", "-batch", "-ex", "set auto-load no", "-ex",
             "thread apply all bt", program, str(core)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        # An old gdb warns of registers that a new processor has, with the thread's id.
        said = re.sub(r"^warning: Unexpected size of section .*\n", "", gdb.stdout, flags=re.M)
        _, *blocks = re.split(r"^Thread \d+ .*$", said, flags=re.M)
        blocks = [block.strip() for block in blocks]
        return sorted(blocks)

    def compare(self, threads, *command):
        """@return the backtraces, which gdb shows of the whole core and of what is kept."""
        with core_pattern("whole.%p"):
            whole = self.start(*command)
            whole.wait(timeout=harness.DEADLINE_S)
        with self.pattern():
            process = self.start(*command)
            code, out, err = self.capture(process, self.dir / "kept")
        self.assertEqual(code, 0, err)
        said = json.loads(out)
        self.assertEqual((said["pid"], said["threads"]), (process.pid, threads))
        kept = self.dir / "kept" / "core"
        self.assertLess(kept.stat().st_size, 2 << 20)
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        expected = self.backtraces(command[0], self.dir / f"whole.{whole.pid}")
        self.assertEqual(self.backtraces(command[0], kept), expected)
        self.assertEqual(len(expected), threads)
        return expected

    def test_gdb_sees_what_it_sees_in_the_whole_core(self):
        """Of a program with libraries, which gdb finds by what the dynamic linker left in memory."""
        python, = self.compare(1, "/usr/bin/python3", "-ISc",
                               "import ctypes; ctypes.string_at(16, 4096)")
        self.assertIn("libffi", python)
        self.assertGreater(python.count("\n#"), 10)

    def test_of_many_threads(self):
        program = harness.target("crash_threads")
        expected = self.compare(33, program, "32", "100")
        self.assertEqual(sum("wait_in_thread" in trace for trace in expected), 32)
        self.assertEqual(max(trace.count("crash_at_depth") for trace in expected), 21)
        facts = json.loads((self.dir / "kept" / "facts.json").read_text())
        self.assertEqual(facts["signal"]["number"], signal.SIGSEGV)
        self.assertEqual(facts["signal"]["address"], "0x10")
        self.assertEqual(facts["command_line"], [program, "32", "100"])
        self.assertEqual(facts["environment"], {"API_TOKEN": "(redacted)", "PLAIN": "seen"})
        self.assertEqual(len(facts["threads"]), 33)

    def test_one_that_is_killed_meanwhile_leaves_nothing(self):
        with self.pattern():
            process = self.start(harness.target("crash_threads"), "1", "1")
            with self.connection_of(process) as connection:
                process.kill()
                wait_until(lambda: process.poll() is not None, "it has ended")
                catcher = self.catcher(connection, self.dir / "kept")
                _, err = catcher.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(catcher.returncode, 1)
        self.assertIn("nines-crash: ", err)
        self.assertFalse((self.dir / "kept").exists())
        self.assertFalse((self.dir / "kept.part").exists())

    def test_a_catcher_that_is_killed_holds_nobody(self):
        with self.pattern():
            process = self.start(harness.target("crash_threads"), "1", "1")
            with self.connection_of(process) as connection:
                catcher = self.catcher(connection, self.dir / "kept")
                catcher.kill()
                catcher.communicate()
            process.wait(timeout=harness.DEADLINE_S)

    def test_somebody_else_is_no_crash(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            catcher = self.catcher(ours, self.dir / "kept")
            _, err = catcher.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(catcher.returncode, 1)
        self.assertIn("is not being dumped", err)
        self.assertFalse((self.dir / "kept").exists())
        self.assertFalse((self.dir / "kept.part").exists())

    def test_a_disk_that_is_full_leaves_no_half_of_it(self):
        with self.pattern():
            process = self.start(harness.target("crash_threads"), "8", "1")
            full = self.dir / "full"
            full.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(full)], check=True)
            self.addCleanup(lambda: subprocess.run(["umount", str(full)], check=True))
            code, _, err = self.capture(process, full / "kept")
        self.assertEqual(code, 1)
        self.assertIn("No space left", err)
        self.assertEqual(list(full.iterdir()), [])


if __name__ == "__main__":
    harness.main()
