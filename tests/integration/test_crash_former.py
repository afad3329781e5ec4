"""Crashes of others' programs, given to the handler that was there before, as the kernel would."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import harness
import harness_env
from harness import wait_until
from harness_core import CORE_PATTERN, CrashTest

HANDLER = """#!/bin/sh
exec >{out}/said.$1 2>&1
echo "$@"
id -u
pwd
grep -c CoreDumping /proc/$1/status
grep ^Pid: /proc/self/fdinfo/3
cat >{out}/core.$1
echo all
"""


class Former(CrashTest):
    def setUp(self):
        super().setUp()
        self.out = self.daemon.work / "out"
        self.out.mkdir()

    def set_up(self, former, *arguments):
        CORE_PATTERN.write_text(former + "\n")
        self.daemon.start()
        self.daemon.nines("crash", "setup", "--others=former", *arguments)

    def handler(self):
        path = self.out / "handler"
        path.write_text(HANDLER.format(out=self.out))
        path.chmod(0o755)
        return str(path)

    def crash(self, *command, limit=resource.RLIM_INFINITY, directory=None, user=False):
        command = command or ("./crash_threads", "2", "1")
        directory = directory or self.place()
        prefix = harness_env.as_ordinary_user() if user else []
        process = subprocess.Popen(
            [*prefix, *command], cwd=directory, stdin=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (limit, limit)))
        self.started.append(process)
        return process

    def place(self):
        """A directory of the ordinary user's with the program in it."""
        place = self.daemon.work / "place"
        if not place.exists():
            place.mkdir()
            program = place / "crash_threads"
            program.write_bytes(Path(harness.target("crash_threads")).read_bytes())
            program.chmod(0o755)
            os.chown(place, harness_env.ORDINARY_UID, harness_env.ORDINARY_UID)
            for path in (self.daemon.home, self.daemon.work):
                path.chmod(0o755)
        return place

    def assert_backtrace(self, core):
        gdb = subprocess.run(
            [harness.need_program("gdb"), "-nx", "-q", "-batch", "-ex", "thread apply all bt",
             harness.target("crash_threads"), str(core)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
        # Not what it says of the crash before it is asked.
        threads = gdb.stdout.partition("\nThread ")[2]
        self.assertEqual(threads.count("crash_at_depth"), 21)
        self.assertEqual(threads.count("wait_in_thread"), 2)
        self.assertNotIn("truncated", gdb.stdout + gdb.stderr)

    def passed(self, process):
        event, = self.captured(1, "crash.passed", pid=process.pid)
        self.assertEqual(event["subject"], "crash_threads")
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        return event["detail"]["to"]

    def test_a_program(self):
        self.set_up(f"|{self.handler()} %P %u %s %d %F %e %E")
        process = self.crash(user=True)
        self.assertIn("ended with 0", self.passed(process))
        said = (self.out / f"said.{process.pid}").read_text().splitlines()
        executable = str(self.place() / "crash_threads").replace("/", "!")
        self.assertEqual(said, [
            f"{process.pid} {harness_env.ORDINARY_UID} 11 1 3 crash_threads {executable}",
            "0", "/", "1", f"Pid:\t{process.pid}", "all"])
        self.assert_backtrace(self.out / f"core.{process.pid}")
        self.assertEqual(self.daemon.events(kind="crash.captured")[1:], [])
        self.assert_nothing_left()

    def test_a_program_by_the_pipe(self):
        self.set_up(f"|{self.handler()} %P %u %s %d %F %e %E", "--pipe")
        process = self.crash()
        self.passed(process)
        self.assert_backtrace(self.out / f"core.{process.pid}")

    def test_a_program_that_reads_nothing(self):
        self.set_up("|/bin/true")
        self.assertIn("/bin/true", self.passed(self.crash()))

    def test_a_program_that_is_not_there(self):
        """Then it is kept here, which is said."""
        self.set_up("|/nonexistent/handler %P")
        process = self.crash()
        event, = self.captured(1, pid=process.pid)
        self.assertIn("/nonexistent/handler", event["detail"]["note"])
        self.assert_whole(event["detail"]["directory"])

    def test_a_file(self):
        self.set_up("core.%p")
        process = self.crash(user=True)
        self.assertEqual(self.passed(process), f"file core.{process.pid}")
        core = self.place() / f"core.{process.pid}"
        info = core.stat()
        self.assertEqual((info.st_uid, info.st_gid, info.st_mode & 0o7777),
                         (harness_env.ORDINARY_UID, harness_env.ORDINARY_UID, 0o600))
        self.assertLess(info.st_blocks * 512, info.st_size, "pages of zeros are holes")
        self.assert_backtrace(core)

    def test_a_file_within_its_limit(self):
        self.set_up("core.%p")
        process = self.crash(user=True, limit=0)
        self.assertIn("core limit is 0", self.passed(process))
        process = self.crash(user=True, limit=20000)
        self.passed(process)
        core, = self.place().glob("core.*")
        self.assertEqual(core.name, f"core.{process.pid}")
        self.assertLessEqual(core.stat().st_size, 20000)

    def test_a_file_that_is_somebody_elses(self):
        """A link that it has put there, or another's file, is not written to; it is kept here."""
        self.set_up("core")
        precious = self.daemon.work / "precious"
        precious.write_text("precious")
        core = self.place() / "core"
        for put in (lambda: core.symlink_to(precious), lambda: core.hardlink_to(precious),
                    lambda: (core.write_text("x"), core.chmod(0o666)), core.mkdir):
            put()
            process = self.crash(user=True)
            event, = self.captured(1, pid=process.pid)
            self.assertIn("core", event["detail"]["note"])
            self.assertEqual(precious.read_text(), "precious")
            if core.is_dir():
                core.rmdir()
            else:
                core.unlink()

    def test_where_it_may_not_write(self):
        self.set_up("core")
        self.place().chmod(0o555)
        os.chown(self.place(), 0, 0)
        process = self.crash(user=True)
        event, = self.captured(1, pid=process.pid)
        self.assertIn("denied", event["detail"]["note"].lower())
        self.assertFalse((self.place() / "core").exists())

    def test_a_link_leads_not_out_of_its_root(self):
        """The pattern names a directory, and a process as root in a root of its own has a link
        there."""
        target = self.daemon.work / "target"
        target.mkdir()
        root = self.place()
        (root / "cores").symlink_to(target)
        self.set_up("/cores/core")
        (root / "target").mkdir()
        process = self.crash("/usr/sbin/chroot", str(root), "/crash_threads", "2", "1")
        event, = self.captured(1, pid=process.pid)
        self.assertIn("/cores/core", event["detail"]["note"])
        self.assertEqual(list(target.iterdir()), [])

    def test_a_set_uid_program_is_kept_here(self):
        """The kernel would write a file of root's; that is done here, where nobody else looks."""
        suid_dumpable = Path("/proc/sys/fs/suid_dumpable")
        self.addCleanup(suid_dumpable.write_text, suid_dumpable.read_text())
        suid_dumpable.write_text("2")
        program = self.place() / "crash_threads"
        os.chown(program, 12345, 12345)
        program.chmod(0o4755)
        self.set_up("/tmp/nines-test-core.%p")
        process = self.crash(user=True)
        event, = self.captured(1, pid=process.pid)
        self.assertIn("root alone", event["detail"]["for"])
        self.assertFalse(Path(f"/tmp/nines-test-core.{process.pid}").exists())

    def test_a_unit_is_kept_here(self):
        name = self.daemon.service(
            "crasher", f"ExecStart={harness.target('crash_threads')} 1 1\nRestart=no")
        self.set_up(f"|{self.handler()} %P")
        self.daemon.act("start", name)
        wait_until(lambda: self.daemon.events(name, "crash.captured"), "it is kept")
        wait_until(lambda: self.daemon.unit(name)["state"] == "failed", "it has ended")
        self.assertEqual(self.daemon.events(name, "crash.passed"), [])


if __name__ == "__main__":
    harness.main()
