"""Processes that die without any word to us: the kernel kills them for want of memory, or writes their
core into a file, since core_pattern leads to nobody. They are crashes as any other."""

import json
import os
import shutil
import signal
from pathlib import Path

import harness
import harness_env
from harness import wait_until
from harness_core import CORE_PATTERN, CrashTest

CRASH = "LimitCORE=infinity\nRestart=always\nRestartSec=0\n"


class Untold(CrashTest):
    def json(self, *arguments):
        return json.loads(self.daemon.nines("--json", "crash", *arguments).stdout)

    def start_eater(self, **options):
        harness_env.need_root()
        name = self.daemon.service(
            "eater", f"ExecStart={harness.target('oom_eater')} --cap-mib 256\n"
            "MemoryMax=32M\nRestart=always\nRestartSec=100ms", unit="StartLimitIntervalSec=0")
        self.daemon.start(**options)
        if "memory" not in self.daemon.status()["cgroup_mode"]:
            self.skipTest("needs a memory controller")
        self.daemon.act("start", name)
        return name

    def test_killed_for_want_of_memory(self):
        name = self.start_eater()
        first, second = self.captured(2, what="oom-kill")[:2]
        self.assertEqual(first["detail"]["signature"], second["detail"]["signature"])
        self.assertEqual(second["detail"]["same"], "2")
        self.daemon.act_ok("stop", name)
        exit_event = next(e for e in self.daemon.events(kind="unit.exit")
                          if e["id"] == first["caused_by"])
        self.assertIn("Its own limit was 32.0 MiB", exit_event["detail"]["evidence"])
        listed = self.daemon.nines("crash", "list", "--unit", "eater").stdout
        self.assertIn("oom kill", listed)
        shown = self.daemon.nines("crash", "show", first["detail"]["id"]).stdout
        self.assertIn("The kernel has killed 1 of its processes", shown)
        self.assertIn("Its own limit was 32.0 MiB; it used 32.0 MiB at most", shown)
        self.assertIn("core: none; the kernel writes none", shown)
        done = self.daemon.nines("crash", "gdb", first["detail"]["id"], check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("the kernel writes none of a process that it kills", done.stderr)
        self.assertIn("out of memory", self.daemon.nines("why", name).stdout)
        self.assertIn("out of memory", json.dumps(self.daemon.unit(name)))

    def test_worker_killed_before_it_is_kept(self):
        token = self.daemon.work / "token"
        token.touch()
        self.start_eater(env={"NINES_FAULT": "core_recorded:kill@*", "NINES_FAULT_TOKEN": str(token)})
        wait_until(lambda: not token.exists(), "the worker was killed with the record made")
        self.captured(1, what="oom-kill")
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])
        self.assertEqual(list((self.daemon.run_dir / "crashes").iterdir()), [])

    def crash(self, name, count=1):
        port = harness.free_port()
        work = self.daemon.work / name
        work.mkdir(exist_ok=True)
        unit = self.daemon.service(
            name, f"ExecStart={harness.target('echo_server')} {port}\nWorkingDirectory={work}\n{CRASH}")
        self.daemon.start()
        self.daemon.act_ok("start", unit)
        self.daemon.wait_main_pid(unit)
        wait_until(lambda: self.answers(port), "it serves")
        harness.order(port, "C")
        return unit, work, self.captured(count, what="null-dereference")[-1]["detail"]

    @staticmethod
    def answers(port):
        try:
            with harness.EchoClient(port) as client:
                return client.pid()
        except OSError:
            return None

    def test_core_in_a_file(self):
        CORE_PATTERN.write_text("core.%e.%p\n")
        _, work, detail = self.crash("filed")
        path, = work.glob("core.*")
        self.assertEqual(detail["core"], "none")
        self.assertIn(str(path), detail["core_reason"])
        self.assertIn("null_dereference", detail["function"])
        self.assertEqual(detail["threads"], "1")
        shown = self.daemon.nines("crash", "show", detail["id"]).stdout
        self.assertIn(f"core: {path}; to look into it", shown)
        as_json = self.json("show", detail["id"])
        self.assertEqual(as_json["crash"]["kind"], "null-dereference")
        # A static-pie program lies behind the vdso, and is named first all the same.
        executed = as_json["diagnosis"]["modules"][0]
        self.assertEqual(executed["path"], harness.target("echo_server"))
        self.assertEqual([b["build_id"] for b in as_json["known"]["builds"]], [executed["build_id"]])
        if shutil.which("gdb"):
            said = self.daemon.nines("crash", "gdb", detail["id"], "--", "-nx", "-batch", "-ex", "bt")
            self.assertIn("main (", said.stdout)
        # Somebody else's core at that place is not taken for it, and one that is gone is told of.
        path.write_bytes(b"\x7fELF" + bytes(4000))
        done = self.daemon.nines("crash", "gdb", detail["id"], check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(path), done.stderr)
        path.unlink()
        done = self.daemon.nines("crash", "gdb", detail["id"], check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("null dereference", self.daemon.nines("crash", "list").stdout)

    def test_of_several_its_own(self):
        CORE_PATTERN.write_text("core\n")
        uses_pid = Path("/proc/sys/kernel/core_uses_pid")
        before = uses_pid.read_text()
        self.addCleanup(uses_pid.write_text, before)
        uses_pid.write_text("1\n")
        work = self.daemon.work / "many"
        work.mkdir()
        for number in range(1, 6):
            (work / f"core.{number}").write_bytes(b"\x7fELF" + os.urandom(5000))
        os.mkfifo(work / "core.7")
        os.symlink("/dev/zero", work / "core.8")
        _, _, detail = self.crash("many")
        self.assertIn(f"{work}/core.{detail['pid']}", detail["core_reason"])

    def test_no_core_to_be_found(self):
        """It had gone elsewhere before it crashed. That is told, with what was looked at."""
        CORE_PATTERN.write_text("core.%p\n")
        away = self.daemon.work / "away"
        away.mkdir()
        script = self.daemon.work / "leaves"
        script.write_text(f"#!/bin/sh\ncd {away}\nkill -SEGV $$\n")
        script.chmod(0o755)
        self.daemon.service("leaves", f"ExecStart={script}\nWorkingDirectory={self.daemon.work}\n"
                            "LimitCORE=infinity\nRestart=no\n")
        self.daemon.start()
        self.daemon.act("start", "leaves.service")
        failed, = self.captured(1, kind="crash.failed")
        self.assertIn(f"none of 0 files in {self.daemon.work}", failed["detail"]["error"])
        self.assertEqual(len(list(away.glob("core.*"))), 1)
        self.assertIn("No crash is kept", self.daemon.nines("crash", "list").stdout)

    def test_last_lines_of_the_log(self):
        """Kept in any case, also those that were in the pipe when it crashed."""
        script = self.daemon.work / "talks"
        script.write_text("#!/bin/sh\nseq -f 'line %g' 1 30000\necho last words >&2\nkill -SEGV $$\n")
        script.chmod(0o755)
        self.daemon.service("talks", f"ExecStart={script}\nLimitCORE=infinity\nRestart=no\n")
        self.start_daemon()
        self.daemon.act("start", "talks.service")
        detail = self.captured(1)[0]["detail"]
        shown = self.daemon.nines("crash", "show", detail["id"]).stdout
        self.assertRegex(shown, r"last in its log:\n.* line 29999\n.* line 30000\n.* last words\n")
        log = self.json("show", detail["id"])["log"]
        self.assertEqual((log[-1].split(" ", 1)[1], len(log)), ("last words", 1000))
        self.assertLess((Path(detail["directory"]) / "log.txt").stat().st_size, (64 << 10) + 1)


if __name__ == "__main__":
    harness.main()
