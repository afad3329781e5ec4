"""Stage 2 of a crash: the whole core. That it is the kernel's own, byte for byte, and what becomes of it
when nines-crash is killed. When it is kept is test_crash_core_policy.py's."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import harness
from harness import kill, wait_until
from harness_core import CoreSocketTest, CrashTest, unpacked

PYTHON = "/usr/bin/python3"
# Every kind of memory that the kernel writes in its own way.
ALL_KINDS = """
import ctypes, mmap, os, tempfile
noise = os.urandom(3 << 20)
untouched = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
untouched[20 << 20:(20 << 20) + 5000] = b"x" * 5000
shared = mmap.mmap(-1, 4 << 20, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
shared[1 << 20] = 1
file = tempfile.TemporaryFile()
file.write(b"f" * 100000)
file.flush()
private = mmap.mmap(file.fileno(), 100000, mmap.MAP_PRIVATE)
private[5000] = 7
locked = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
locked[0:4] = b"deep"
libc = ctypes.CDLL(None)
address = ctypes.addressof(ctypes.c_char.from_buffer(locked))
libc.mprotect(ctypes.c_void_p(address), 1 << 20, 0)
ctypes.string_at(16, 8)
"""


class ByteForByte(CoreSocketTest):
    """nines-crash alone: whoever holds the connection gets the kernel's own core afterwards."""

    def keep(self, crash):
        """@return (whole core as kept, what the kernel had still to write)."""
        with self.pattern():
            process = crash()
            self.addCleanup(lambda: (process.kill(), process.wait()))
            with self.connection_of(process) as connection:
                self.keep_whole(process, connection)
                rest = bytearray()
                while piece := connection.recv(1 << 20):
                    rest += piece
            process.wait(timeout=harness.DEADLINE_S)
        return unpacked(self.dir / "kept" / "core.zst"), bytes(rest)

    def same(self, crash, program):
        whole, rest = self.keep(crash)
        self.assertGreater(len(rest), 1 << 20)
        self.assertEqual(len(whole[-len(rest):]), len(rest))
        if whole[-len(rest):] != rest:
            tail = whole[-len(rest):]
            at = next(i for i in range(0, len(rest), 4096) if tail[i:i + 4096] != rest[i:i + 4096])
            self.fail(f"differs at {at} of {len(rest)}")
        (self.dir / "whole").write_bytes(whole)
        traces = [re.findall(r"^#.*", self.gdb(program, core, "thread apply all bt"), re.M)
                  for core in (self.dir / "whole", self.dir / "kept" / "core")]
        self.assertTrue(traces[0])
        self.assertEqual(*traces)
        return whole

    def gdb(self, program, core, *commands):
        words = [word for command in commands for word in ("-ex", command)]
        return subprocess.run(
            [harness.need_program("gdb"), "-nx", "-q", "-batch", "-ex", "set auto-load no", *words,
             program, str(core)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout

    def test_of_every_kind_of_memory(self):
        whole = self.same(lambda: subprocess.Popen([PYTHON, "-ISc", ALL_KINDS], cwd=self.dir), PYTHON)
        self.assertIn(b"deep", whole)
        self.assertGreater(len(whole), 64 << 20)

    def test_of_a_server_with_a_heap(self):
        program = harness.target("echo_server")
        whole = self.same(lambda: subprocess.Popen(
            [program, str(harness.free_port()), "--mib", "64", "--die-with", "C",
             "--die-after", "1"]), program)
        self.assertGreater(len(whole), 64 << 20)
        # What fill_memory() has put there, by gdb.
        address = re.search(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at 0x[0-9a-f]+: load\d+ ALLOC LOAD "
                            r"HAS_CONTENTS", self.largest_section(program))
        self.assertTrue(address)
        read = self.gdb(program, self.dir / "whole", f"x/1gx {address[1]}")
        self.assertRegex(read, r":\t0x0*1$")

    def largest_section(self, program):
        lines = self.gdb(program, self.dir / "whole", "maint info sections").splitlines()
        def size(line):
            found = re.search(r"(0x[0-9a-f]+)->(0x[0-9a-f]+) at .*load", line)
            return int(found[2], 16) - int(found[1], 16) if found else 0
        return max(lines, key=size)

    def test_of_redis(self):
        server = harness.need_program("redis-server")
        port = harness.free_port()

        def crash():
            process = subprocess.Popen(
                [server, "--bind", "127.0.0.1", "--port", str(port), "--save", "",
                 "--enable-debug-command", "yes"], cwd=self.dir, stdout=subprocess.DEVNULL)
            def reached():
                try:
                    return socket.create_connection(("127.0.0.1", port), timeout=5)
                except OSError:
                    return None
            with wait_until(reached, "redis answers") as client:
                client.sendall(b"SET needle haystack-42\r\nDEBUG SEGFAULT\r\n")
            return process
        self.assertIn(b"haystack-42", self.same(crash, server))

    def test_zeros_cost_next_to_nothing(self):
        """1 GiB of zeros that were written, and 64 GiB that nobody touched."""
        script = ("import ctypes, mmap\n"
                  "a = mmap.mmap(-1, 1 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
                  "for i in range(0, 1 << 30, 4096): a[i] = 0\n"
                  "b = mmap.mmap(-1, 64 << 30, 0x4022)\n"  # MAP_NORESERVE
                  "ctypes.string_at(16, 8)\n")
        with self.pattern():
            process = subprocess.Popen([PYTHON, "-ISc", script])
            self.addCleanup(lambda: (process.kill(), process.wait()))
            with self.connection_of(process) as connection:
                self.keep_whole(process, connection)
            process.wait(timeout=harness.DEADLINE_S)
        self.assertLess((self.dir / "kept" / "core.zst").stat().st_size, 24 << 20)


class Kills(CrashTest):
    """nines-crash killed, stopped or failing in stage 2: stage 1 is kept, and nobody hangs."""

    def crash_with(self, fault):
        token = self.daemon.work / "token"
        self.start_daemon(env={"NINES_FAULT": fault, "NINES_FAULT_TOKEN": str(token)})
        token.touch()
        process = self.crash_elsewhere(harness.target("crash_threads"), "4", "64")
        wait_until(lambda: not token.exists(), f"{fault} fires")
        return process

    def killed(self, point):
        process = self.crash_with(f"{point}:kill@*")
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        event, = self.captured(1, pid=process.pid)
        self.assert_whole(event["detail"]["directory"], leftover=True)
        return event["detail"]

    def kept_without(self, detail):
        self.assertEqual(detail["core"], "minimal")
        self.assertIn("KILL", detail["core_reason"])
        # What is half goes with the next one.
        self.captured(1, pid=self.crash_elsewhere().pid)
        self.assert_whole(detail["directory"])
        self.assertFalse(Path(detail["directory"], "core.zst").exists())
        self.assert_nothing_left()

    def test_kill_whole_core_begun(self):
        self.kept_without(self.killed("whole_core_begun"))

    def test_kill_whole_core_half(self):
        self.kept_without(self.killed("whole_core_half"))

    def test_kill_whole_core_written(self):
        self.kept_without(self.killed("whole_core_written"))

    def test_kill_whole_core_kept(self):
        detail = self.killed("whole_core_kept")
        self.assertEqual(detail["core"], "full")
        self.assertGreater(len(unpacked(detail["directory"] + "/core.zst")), 64 << 20)

    def test_every_point_has_a_test(self):
        text = (Path(__file__).resolve().parents[2] / "src/base/fault_points.def").read_text()
        for point in re.findall(r"^NINES_FAULT_POINT\((whole_core_\w+)\)", text, re.M):
            self.assertTrue(hasattr(self, f"test_kill_{point}"), point)

    def test_a_failure_leaves_nothing_half(self):
        process = self.crash_with("whole_core_half:fail@*")
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["detail"]["core"], "minimal")
        self.assertIn("whole_core_half", event["detail"]["core_reason"])
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        self.assert_whole(event["detail"]["directory"])

    def test_one_that_stops_is_given_up(self):
        """Longer than any step may take: the process is let go all the same."""
        self.start_daemon(env={"NINES_FAULT": "whole_core_half:stall@*"})
        process = self.crash_elsewhere(harness.target("crash_threads"), "4", "64")
        part = wait_until(lambda: next(self.store.glob("*/core.zst.part"), None), "it has begun")
        helper = wait_until(lambda: self.helper(part), "nines-crash writes it")
        kill(helper, signal.SIGSTOP)
        event, = wait_until(lambda: [e for e in self.daemon.events(kind="crash.captured")
                                     if e["detail"]["pid"] == str(process.pid)],
                            "it is given up", deadline_s=90)
        self.assertEqual(event["detail"]["core"], "minimal")
        self.assertIn("too long", event["detail"]["core_reason"])
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)

    def helper(self, part):
        for pid in harness.all_pids():
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/nines-crash") and str(part.parent).encode() in words:
                return pid
        return None

    def test_a_victim_that_is_killed_is_not_kept_whole(self):
        process = self.crash_with("whole_core_begun:stall@*")
        process.kill()
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["detail"]["core"], "minimal")
        self.assertIn("killed", event["detail"]["core_reason"])
        self.assert_whole(event["detail"]["directory"])


if __name__ == "__main__":
    harness.main()
