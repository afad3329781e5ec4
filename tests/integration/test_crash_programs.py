"""Diagnoses of real programs, of the minimal core that nines-crash writes, and of what is damaged or
made to deceive."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

import crash_zoo
import harness
import harness_core
import test_crash_capture
from harness import wait_until
from test_crash_zoo import Compared, crash, diagnose


def functions(stack):
    return [frame.get("function", "") for frame in stack["frames"]]


class RealPrograms(Compared):
    """Debian's own, as they are."""

    def test_python(self):
        program = os.path.realpath("/usr/bin/python3")
        core = crash([program, "-ISc", "import ctypes; ctypes.string_at(16, 4096)"], self.dir / "run")
        diagnosis = diagnose(core)
        self.assertEqual(diagnosis["classification"]["kind"], "null-dereference")
        self.compare(diagnosis, program, core)

    def test_redis(self):
        program = harness.need_program("redis-server")

        def debug_segfault(process):
            path = self.dir / "run" / "redis.sock"
            wait_until(path.exists, "redis listens")
            subprocess.run([harness.need_program("redis-cli"), "-s", str(path), "debug", "segfault"],
                           capture_output=True, check=False)
        core = crash([program, "--port", "0", "--unixsocket", "redis.sock", "--save", "",
                      "--enable-debug-command", "local"], self.dir / "run", debug_segfault)
        diagnosis = diagnose(core)
        # It maps a page that is read-only and writes to it; its handler prints, and raises again.
        self.assertEqual(diagnosis["original_signal"]["number"], signal.SIGSEGV)
        self.assertEqual(diagnosis["classification"]["kind"], "write-protected")
        self.assertTrue(any(frame.get("signal") for frame in diagnosis["stacks"][0]["frames"]))
        self.compare(diagnosis, program, core)

    def test_nginx_worker(self):
        program = harness.need_program("nginx")
        (self.dir / "run").mkdir()
        conf = self.dir / "run" / "nginx.conf"
        conf.write_text(
            "worker_processes 1; working_directory %s; pid nginx.pid; daemon off; user root;\n"
            "error_log stderr; events {} http { access_log off;\n"
            "server { listen unix:%s/nginx.sock; } }\n" % (self.dir / "run", self.dir / "run"))

        def kill_worker(master):
            children = Path(f"/proc/{master.pid}/task/{master.pid}/children")
            wait_until(lambda: (self.dir / "run" / "nginx.sock").exists() and
                       children.read_text().split(), "it has a worker")
            worker = int(children.read_text().split()[0])
            wait_until(lambda: "S" == Path(f"/proc/{worker}/stat").read_text().split()[2], "it waits")
            os.kill(worker, signal.SIGSEGV)
            wait_until(lambda: list((self.dir / "run").glob("core*")), "its core")
            wait_until(lambda: not Path(f"/proc/{worker}").exists() or
                       str(worker) not in children.read_text().split(), "it is gone")
            master.terminate()
        core = crash([program, "-p", str(self.dir / "run"), "-c", str(conf)], self.dir / "run",
                     kill_worker)
        diagnosis = diagnose(core)
        self.assertEqual(diagnosis["classification"]["kind"], "signal")
        self.assertIn(f"by process {os.getpid()} of user 0", diagnosis["classification"]["summary"])
        self.compare(diagnosis, program, core)

    def killed_while_it_waits(self, command, number, **more):
        def kill(process):
            wait_until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")")[1].split()[0]
                       == "S", "it waits")
            time.sleep(0.2)
            process.send_signal(number)
        return crash(command, self.dir / "run", kill, **more)

    def test_rust(self):
        program = harness.need_program("rg")
        core = self.killed_while_it_waits([program, "-j1", "word", "-"], signal.SIGABRT)
        self.compare(diagnose(core), program, core)

    def test_one_with_a_library_of_130_megabytes(self):
        program = os.path.realpath(harness.need_program("clang-format-19"))

        def kill_twice(process):
            wait_until(lambda: "read" in Path(f"/proc/{process.pid}/wchan").read_text(),
                       "it waits for text")
            # Its handler gives the signal back and returns.
            process.send_signal(signal.SIGSEGV)
            wait_until(lambda: "Stack dump" in (self.dir / "said").read_text(), "its handler ran")
            process.send_signal(signal.SIGSEGV)
        with open(self.dir / "said", "wb") as said:
            core = crash([program], self.dir / "run", kill_twice, stderr=said,
                         env={"LLVM_DISABLE_SYMBOLIZATION": "1"})
        diagnosis = diagnose(core)
        sizes = [Path(module["path"]).stat().st_size for module in diagnosis["modules"]
                 if "libLLVM" in module["path"]]
        self.assertGreater(max(sizes), 50 << 20)
        self.assertTrue(any("llvm::" in name for name in functions(diagnosis["stacks"][0])))
        self.compare(diagnosis, program, core)

    def test_go(self):
        """Its runtime prints its own traces and aborts. Debian's Go programs have neither symbols nor
        unwind tables, so that there are no names to compare, and all but the innermost frame are
        guesses: gdb takes whatever it finds for frames, we follow the frame pointers that Go keeps."""
        program = harness.need_program("prometheus-node-exporter")
        core = self.killed_while_it_waits(
            [program, "--web.listen-address=127.0.0.1:0"], signal.SIGQUIT,
            env={"GOTRACEBACK": "crash", "GOMAXPROCS": "2"})
        diagnosis = diagnose(core)
        self.assertEqual(diagnosis["signal_name"], "SIGABRT")
        crashed = diagnosis["stacks"][0]["frames"]
        theirs = crash_zoo.gdb_threads(program, core)[diagnosis["stacks"][0]["tids"][0]]
        self.assertEqual(int(crashed[0]["pc"], 16), theirs["frames"][0]["pc"])
        self.assertIn("frame-pointer", {frame["trust"] for frame in crashed})


class Minimal(test_crash_capture.Capture):
    """The minimal core tells the same as the whole one."""

    def both(self, *command):
        with harness_core.core_pattern("whole.%p"):
            whole = self.start(*command)
            whole.wait(timeout=harness.DEADLINE_S)
        with harness_core.core_pattern("@@" + str(self.path)):
            process = self.start(*command)
            code, _, err = self.capture(process, self.dir / "kept")
        self.assertEqual(code, 0, err)
        return diagnose(self.dir / f"whole.{whole.pid}"), diagnose(self.dir / "kept" / "core")

    def check(self, *command):
        whole, kept = self.both(*command)
        self.assertEqual(kept["signature"], whole["signature"])
        self.assertEqual(kept["classification"], whole["classification"])
        self.assertEqual([functions(stack) for stack in kept["stacks"]],
                         [functions(stack) for stack in whole["stacks"]])
        return kept

    def test_threads(self):
        self.assertEqual(self.check(harness.target("crash_threads"), "32", "10")["thread_count"], 33)

    def zoo(self, name):
        animal, = [one for one in crash_zoo.ZOO if one.name == name]
        return str(crash_zoo.make(animal, self.dir))

    def test_inlined(self):
        self.check(self.zoo("inlined"))

    def test_the_message_of_an_assertion(self):
        self.check(self.zoo("assertion"))

    def test_one_whose_list_of_libraries_is_a_loop(self):
        program = self.dir / "link_map_loop"
        crash_zoo.run("gcc", "-w", "-O0", "-o", str(program),
                      str(crash_zoo.SOURCES / "link_map_loop.c"))
        kept = self.check(str(program))
        self.assertEqual(functions(kept["stacks"][0])[0], "main")

    def test_an_exception(self):
        self.check(self.zoo("uncaught"))

    def test_of_a_static_program(self):
        self.check(self.zoo("uncaught_static"))

    def test_handler_on_its_own_stack(self):
        self.check(self.zoo("altstack"))


# The tests of the capture itself are run by their own file.
for name in [name for name in dir(test_crash_capture.Capture) if name.startswith("test_")]:
    setattr(Minimal, name, None)


class Damaged(Compared):
    def make(self, name):
        animal, = [one for one in crash_zoo.ZOO if one.name == name]
        program = crash_zoo.make(animal, self.dir)
        return program, crash([program], self.dir / "run")

    def run_on(self, core, *options):
        begun = time.monotonic()
        done = subprocess.run([harness.binary("nines-diagnose"), *options, str(core)],
                              capture_output=True, text=True, timeout=90, check=False)
        return done, time.monotonic() - begun

    def assert_right_or_refused(self, core):
        """A failure that says why, or a document; no hang, no crash of ours, no empty answer."""
        done, _ = self.run_on(core)
        if done.returncode == 0:
            self.assertGreaterEqual(len(json.loads(done.stdout)["stacks"]), 1)
        else:
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("nines-diagnose: ", done.stderr)
        return done

    def test_a_core_where_less_memory_is_allowed(self):
        """What is allowed already is enough, and nobody may raise it."""
        _, core = self.make("plain")
        done = subprocess.run(
            [harness.need_program("prlimit"), f"--as={1 << 30}", harness.binary("nines-diagnose"),
             str(core)], capture_output=True, text=True, timeout=90, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["signature"], diagnose(core)["signature"])

    def test_a_core_that_is_cut_off(self):
        _, core = self.make("plain")
        whole = core.read_bytes()
        cut = self.dir / "cut"
        for size in (0, 1, 63, 64, 200, 1000, 3000, 5000, len(whole) // 2, len(whole) - 4096):
            cut.write_bytes(whole[:size])
            done = self.assert_right_or_refused(cut)
            if done.returncode == 0:
                self.assertIn("cut off", " ".join(json.loads(done.stdout)["notes"]), size)

    def test_mutated_cores(self):
        _, core = self.make("uncaught")
        whole = bytearray(core.read_bytes())
        chance = random.Random(20261126)
        mutated = self.dir / "mutated"
        for i in range(60):
            content = bytearray(whole)
            reach = 4096 if i % 2 else len(content)
            for _ in range(1 << i % 10):
                content[chance.randrange(reach)] = chance.randrange(256)
            mutated.write_bytes(content)
            self.assert_right_or_refused(mutated)

    def test_mutated_debug_information(self):
        """Costs names at most: what the core alone tells is still right."""
        program, core = self.make("inlined")
        expected = diagnose(core)
        whole = program.read_bytes()
        sections = subprocess.run(["readelf", "-SW", str(program)], capture_output=True, text=True,
                                  check=True).stdout.splitlines()
        ranges = [(int(found[1], 16), int(found[2], 16)) for found in
                  (re.search(r"\] \.(?:debug|symtab|eh_frame)\S* +\w+ +\w+ (\w+) (\w+)", line)
                   for line in sections) if found]
        self.assertGreater(len(ranges), 5)
        chance = random.Random(20261127)
        for i in range(60):
            content = bytearray(whole)
            for offset, size in ranges:
                for _ in range(1 << i % 8):
                    content[offset + chance.randrange(size)] = chance.randrange(256)
            program.write_bytes(content)
            done, _ = self.run_on(core)
            self.assertEqual(done.returncode, 0, done.stderr)
            diagnosis = json.loads(done.stdout)
            self.assertEqual(diagnosis["stacks"][0]["frames"][0]["pc"],
                             expected["stacks"][0]["frames"][0]["pc"])
            self.assertEqual(diagnosis["classification"]["kind"], "null-dereference")

    def test_debug_information_that_explodes(self):
        """A section that says it decompresses to a million times its size costs the lines and no more:
        neither memory nor time without an end."""
        program, core = self.make("compressed_debug")
        whole = bytearray(program.read_bytes())
        sections = subprocess.run(["readelf", "-SW", str(program)], capture_output=True, text=True,
                                  check=True).stdout
        offset = int(re.search(r" \.debug_info +\w+ +\w+ (\w+)", sections)[1], 16)
        # Elf64_Chdr: type, reserved, then the size.
        whole[offset + 8:offset + 16] = (1 << 36).to_bytes(8, "little")
        program.write_bytes(whole)
        done, took = self.run_on(core)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(functions(json.loads(done.stdout)["stacks"][0])[:2], ["innermost", "middle"])

    def test_an_executable_that_was_replaced(self):
        program, core = self.make("plain")
        kept = self.dir / "kept"
        shutil.copy(program, kept)
        expected = diagnose(core)
        program.unlink()
        crash_zoo.run("gcc", "-O2", "-o", str(program), str(crash_zoo.SOURCES / "aborts.c"))
        replaced = diagnose(core)
        self.assertIn(f"{program} is another file by now: it was not used.", replaced["notes"])
        self.assertNotIn("give_up", functions(replaced["stacks"][0]))
        self.assertEqual(replaced["signature"]["frames"][0], expected["signature"]["frames"][0])
        given = diagnose(core, "--file", str(kept))
        self.assertEqual(functions(given["stacks"][0]), functions(expected["stacks"][0]))
        self.assertEqual(given["signature"], expected["signature"])

    def test_what_is_no_core(self):
        for path in ("/dev/zero", "/bin/true", str(self.dir), "/nowhere"):
            done, _ = self.run_on(path)
            self.assertEqual((done.returncode, done.stdout), (1, ""), path)
            self.assertIn("nines-diagnose: ", done.stderr)

    def test_the_signature_is_the_same_without_symbols_and_at_another_address(self):
        program, core = self.make("inlined")
        first = diagnose(core)["signature"]
        crash_zoo.run("strip", str(program))
        again = diagnose(crash([program], self.dir / "run"))
        self.assertNotIn("outer", functions(again["stacks"][0]))
        self.assertEqual(again["signature"], first)


if __name__ == "__main__":
    harness.main()
