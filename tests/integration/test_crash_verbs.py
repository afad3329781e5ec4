"""nines crash list, show, gdb, export, forget, note: what an operator types after a crash."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import harness
from harness import kill, wait_until
from harness_core import CrashTest


def answers(port):
    try:
        with harness.EchoClient(port) as client:
            return client.pid()
    except OSError:
        return None


class Verbs(CrashTest):
    def one_crash(self, *command):
        process = self.crash_elsewhere(*command)
        event, = self.captured(1, pid=process.pid)
        return event["detail"]

    def json(self, *arguments):
        return json.loads(self.daemon.nines("--json", "crash", *arguments).stdout)

    def refused(self, code, *arguments):
        done = self.daemon.nines("crash", *arguments, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr

    def test_there_is_none(self):
        self.daemon.start()
        said = self.daemon.nines("crash", "list").stdout
        self.assertIn("No crash is kept", said)
        self.assertIn("nines crash setup", said)
        self.assertEqual(self.json("list")["crashes"], [])
        self.refused(5, "show")
        self.refused(5, "gdb", "00")
        self.refused(2, "forget")
        self.refused(2, "forget", "--all", "--before", "1d")
        self.refused(1, "show", "../../etc")

    def test_list_says_when_capture_is_set_up(self):
        self.daemon.start()
        self.daemon.nines("crash", "setup")
        said = self.daemon.nines("crash", "list").stdout
        self.assertIn("No crash is kept", said)
        self.assertIn("core_pattern leads to ninesd", said)
        self.assertTrue(self.json("list")["set_up"])
        self.daemon.nines("crash", "setup", "--undo")

    def test_list_and_show(self):
        self.start_daemon()
        detail = self.one_crash()
        self.one_crash()
        other = self.one_crash("python3", "-c", "import os; os.abort()")
        self.daemon.stop()  # none of it needs the daemon
        lines = self.daemon.nines("crash", "list").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["WHEN", "CRASH", "UNIT", "WHAT", "WHERE", "SEEN"])
        self.assertEqual(len(lines), 4)
        self.assertIn("abort", lines[1])
        for line in lines[2:]:
            self.assertRegex(line, "crash_threads +null dereference +crash_at_depth.* 2x$")
        narrow = subprocess.run(
            [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "crash", "list"],
            env={**os.environ, "COLUMNS": "60"}, capture_output=True, text=True, check=True)
        self.assertLessEqual(max(map(len, narrow.stdout.splitlines())), 200)
        crashes = self.json("list")["crashes"]
        self.assertEqual([c["id"] for c in crashes][0], other["id"])
        self.assertEqual(crashes[1]["count"], 2)
        self.assertEqual(len(self.json("list", "--unit", "crash_threads")["crashes"]), 2)
        self.assertEqual(self.json("list", "--unit", "redis")["crashes"], [])
        self.assertEqual(len(self.json("list", "--since", "1h")["crashes"]), 3)
        self.assertEqual(self.json("list", "--since", "2100-01-01T00:00:00Z")["crashes"], [])

        report = self.daemon.nines("crash", "show", detail["id"]).stdout.splitlines()
        self.assertRegex(report[0], r"^null dereference in crash_at_depth")
        self.assertIn(detail["id"], report[1])
        self.assertRegex(report[2], "^seen +2 times since .*, in 1 build$")
        self.assertLessEqual(len(report), 30)
        full = self.daemon.nines("crash", "show", detail["id"], "--full").stdout.splitlines()
        self.assertGreater(len(full), len(report))
        shown = self.json("show")
        self.assertEqual(shown["crash"]["id"], other["id"])
        self.assertEqual(shown["diagnosis"]["classification"]["kind"], "abort")
        self.assertEqual(shown["known"]["count"], 1)

    def test_prefixes(self):
        self.start_daemon()
        ids = sorted(self.one_crash()["id"] for _ in range(2))
        prefix = os.path.commonprefix(ids)
        said = self.refused(1, "show", prefix)
        for one in ids:
            self.assertIn(one, said)
        self.assertEqual(self.json("show", ids[0][:len(prefix) + 1])["crash"]["id"], ids[0])
        self.assertEqual(self.json("show", "latest")["crash"]["id"], ids[1])

    def test_a_crash_without_diagnosis_is_diagnosed_when_shown(self):
        self.start_daemon()
        detail = self.one_crash()
        (Path(detail["directory"]) / "diagnosis.json").write_text("{")
        shown = self.json("show", detail["id"])
        self.assertEqual(shown["diagnosis"]["signature"]["id"], detail["signature"])
        # The whole core will do as well.
        (Path(detail["directory"]) / "core").write_bytes(b"rubbish")
        (Path(detail["directory"]) / "core.zst").unlink(missing_ok=True)
        self.refused(1, "show", detail["id"])

    def test_show_any_core(self):
        """Also one that is packed, cut off, or none."""
        self.start_daemon()
        detail = self.one_crash()
        core = self.daemon.work / "some.core"
        shutil.copy(Path(detail["directory"]) / "core", core)
        subprocess.run([harness.need_program("zstd"), "-q", core], check=True)
        packed = core.with_name("some.core.zst")
        for path in (core, packed):
            shown = self.json("show", "--core", str(path))
            self.assertEqual(shown["diagnosis"]["signature"]["id"], detail["signature"])
            self.assertEqual(shown["core"], str(path))
        self.assertIn("crash_at_depth", self.daemon.nines("crash", "show", "--core", str(core)).stdout)
        packed.write_bytes(packed.read_bytes()[:-20])
        self.assertIn("cut off", self.refused(1, "show", "--core", str(packed)))
        core.write_bytes(b"\x1f\x8b rubbish")
        self.assertIn("unpack it first", self.refused(1, "show", "--core", str(core)))
        self.refused(1, "show", "--core", "/etc/passwd")
        self.refused(1, "show", "--core", str(self.daemon.work))
        self.refused(5, "show", "--core", "/nowhere")

    def test_gdb(self):
        harness.need_program("gdb")
        self.start_daemon()
        detail = self.one_crash()
        said = self.daemon.nines("crash", "gdb", detail["id"], "--", "-nx", "-batch", "-ex", "bt").stdout
        self.assertIn("crash_at_depth", said)
        self.assertIn("main (", said)
        done = self.daemon.nines("crash", "gdb", detail["id"], "--", "-nx", "-batch", "-ex", "quit 7",
                                 check=False)
        self.assertEqual(done.returncode, 7)

    def test_gdb_with_a_program_that_was_replaced(self):
        harness.need_program("gdb")
        self.start_daemon()
        program = self.daemon.work / "teapot"
        shutil.copy(harness.target("echo_server"), program)
        port = harness.free_port()
        process = self.crash_elsewhere(program, str(port))
        wait_until(lambda: answers(port), "it is in main()")
        program.unlink()
        shutil.copy(harness.target("crash_threads"), program)
        kill(process.pid, signal.SIGSEGV)
        event, = self.captured(1, pid=process.pid)
        said = self.daemon.nines("crash", "gdb", "latest", "--", "-nx", "-batch", "-ex", "bt").stdout
        self.assertIn(" main ", said)
        self.assertIn("echo_server.cc", said)
        report = self.daemon.nines("crash", "show", event["detail"]["id"]).stdout
        self.assertIn("kept, since no longer at its path", report)
        self.assertEqual(list(Path("/tmp").glob("nines-crash-*")), [])

    def test_a_library_that_was_replaced(self):
        """Its functions have names, in the report and in gdb, though another file is at its path."""
        cc = harness.need_program("cc")
        harness.need_program("gdb")
        self.start_daemon()
        work = self.daemon.work
        source = work / "pot.c"
        source.write_text("#include <unistd.h>\nint pour(volatile int *into) { pause(); return 1; }\n")
        main = work / "main.c"
        main.write_text("int pour(volatile int *); int main(void) { return pour(0); }\n")
        library = work / "libpot.so"
        subprocess.run([cc, "-g", "-O0", "-shared", "-fPIC", "-o", library, source], check=True)
        subprocess.run([cc, "-g", "-O0", "-o", work / "teapot", main, library,
                        f"-Wl,-rpath,{work}"], check=True)
        process = self.crash_elsewhere(work / "teapot")
        wait_until(lambda: Path(f"/proc/{process.pid}/syscall").read_text().startswith("34 "),
                   "it is in pause()")
        library.unlink()
        source.write_text("int brew(void) { return 2; }\n")
        subprocess.run([cc, "-shared", "-fPIC", "-o", library, source], check=True)
        kill(process.pid, signal.SIGSEGV)
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["detail"]["function"], "pour")
        said = self.daemon.nines("crash", "gdb", "latest", "--", "-nx", "-batch", "-ex", "bt",
                                 "-ex", "info sharedlibrary").stdout
        self.assertRegex(said, r"pour \(into=.*\) at .*pot\.c:2")
        self.assertIn(" main ", said)
        self.assertRegex(said, r"nines-crash-\w+/.*libpot\.so")
        self.assertEqual(list(Path("/tmp").glob("nines-crash-*")), [])

    def test_export(self):
        self.start_daemon()
        detail = self.one_crash()
        for name in ("crash.tar", "crash.tar.zst"):
            path = self.daemon.work / name
            said = self.daemon.nines("crash", "export", "latest", str(path)).stdout
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
            listed = subprocess.run(["tar", "-tf", path], capture_output=True, text=True, check=True)
            names = {line.split("/", 1)[1] for line in listed.stdout.split()}
            # Whether it was worth a whole core is not the question here.
            self.assertEqual(names - {"core.zst"}, {"capture.json", "core", "diagnosis.json",
                                                    "executable", "facts.json", "signature.json"})
            for one in names:
                self.assertIn(one, said)
            into = self.daemon.work / "out"
            into.mkdir(exist_ok=True)
            subprocess.run(["tar", "-xf", path, "-C", into], check=True)
            self.assertEqual((into / detail["id"] / "core").read_bytes(),
                             (Path(detail["directory"]) / "core").read_bytes())
            self.assertEqual((into / detail["id"] / "executable").read_bytes(),
                             Path(harness.target("crash_threads")).read_bytes())
            before = path.read_bytes()
            self.assertIn("--force", self.refused(1, "export", "latest", str(path)))
            self.assertEqual(path.read_bytes(), before)
            self.daemon.nines("crash", "export", "--force", "latest", str(path))
            self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.refused(5, "export", "latest", str(self.daemon.work / "no/where.tar"))
        self.assertEqual([p.name for p in self.daemon.work.glob("*.part")], [])

    def test_forget_and_note(self):
        self.start_daemon()
        detail = self.one_crash()
        self.one_crash()
        other = self.one_crash("python3", "-c", "import os; os.abort()")
        signature = detail["signature"]
        self.daemon.nines("crash", "note", signature[:10], "known since Tuesday")
        self.daemon.nines("crash", "note", signature, "--fix", "https://example.org/7")
        report = self.daemon.nines("crash", "show", detail["id"]).stdout
        self.assertIn("known since Tuesday", report)
        self.assertIn("https://example.org/7", report)
        self.refused(5, "note", "0" * 32, "nobody has seen it")
        self.refused(2, "note", signature)
        self.refused(1, "note", signature, "x" * 5000)

        would = self.json("forget", "--signature", signature, "--dry-run")
        self.assertEqual((len(would["crashes"]), would["forgotten"]), (2, False))
        self.assertEqual(len(self.json("list")["crashes"]), 3)
        self.json("forget", other["id"][:20])
        self.assertEqual(len(self.json("list")["crashes"]), 2)
        self.assertEqual(self.json("forget", "--before", "1h")["crashes"], [])
        self.json("forget", detail["id"])
        self.one_crash()
        self.assertEqual(self.json("show")["known"]["count"], 3, "that outlives the crashes")
        self.json("forget", "--signature", signature)
        self.assertEqual(self.json("list")["crashes"], [])
        self.refused(5, "forget", "--signature", signature)
        self.assertIsNone(next(self.daemon.state_dir.glob(f"crash-signatures/{signature}*"), None))
        self.one_crash()
        self.json("forget", "--all")
        self.assertEqual(list(self.store.iterdir()), [])

    def test_another_user_is_told_why_not(self):
        self.start_daemon()
        self.one_crash()
        for path in (self.daemon.home, self.daemon.state_dir, self.daemon.run_dir):
            path.chmod(0o755)
        for words in (("list",), ("show",), ("forget", "--all")):
            done = subprocess.run(
                [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "crash", *words],
                user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
            self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
            self.assertIn("sudo", done.stderr)


if __name__ == "__main__":
    harness.main()
