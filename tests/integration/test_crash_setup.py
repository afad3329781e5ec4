"""nines crash setup: the kernel's core_pattern is taken over, proved by a crash, and given back."""

import json
import os
import signal
import subprocess
from pathlib import Path

import harness
import harness_core
import harness_env
from harness import wait_until
from harness_core import CORE_PATTERN, CrashTest, held_echo

FORMER = "/tmp/nines-test-%e.%p.core"


def pattern():
    return CORE_PATTERN.read_text().rstrip("\n")


class Setup(CrashTest):
    def setUp(self):
        super().setUp()
        CORE_PATTERN.write_text(FORMER + "\n")
        self.record = self.daemon.state_dir / "core-pattern.json"
        self.ours = f"@@{self.daemon.run_dir}/core.sock"

    def setup_crash(self, *arguments, **options):
        return self.daemon.nines("crash", "setup", *arguments, **options)

    def test_there_and_back_again(self):
        self.daemon.start()
        said = self.setup_crash().stdout
        self.assertIn(self.ours, said)
        self.assertIn(FORMER, said)
        self.assertEqual(pattern(), self.ours)
        self.assertEqual(json.loads(self.record.read_text())["former"], FORMER)
        self.assertEqual(self.record.stat().st_mode & 0o777, 0o600)
        self.assertEqual(list(self.store.iterdir()), [], "the crash that tried it out is gone again")
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)
        # Again, it knows still what was there first.
        self.setup_crash()
        self.assertEqual(json.loads(self.record.read_text())["former"], FORMER)
        self.assertIn(FORMER, self.setup_crash("--undo").stdout)
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())
        self.assertIn("nothing to undo", self.setup_crash("--undo").stdout)

    def test_a_dry_run_alters_nothing(self):
        self.daemon.start()
        said = self.setup_crash("--dry-run").stdout
        for word in ("would", self.ours, FORMER, str(self.record)):
            self.assertIn(word, said)
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())
        self.assertFalse(self.store.exists())
        self.setup_crash()
        self.assertIn(f"would write to core_pattern: {FORMER}",
                      self.setup_crash("--undo", "--dry-run").stdout)
        self.assertEqual(pattern(), self.ours)
        document = json.loads(self.daemon.nines("--json", "crash", "setup", "--dry-run").stdout)
        self.assertEqual(document, {"action": "setup", "former": FORMER, "pattern": self.ours,
                                    "others": "capture", "altered": False})

    def test_without_a_daemon_it_is_refused(self):
        done = self.setup_crash(check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(pattern(), FORMER)

    def test_what_does_not_work_is_undone(self):
        """The daemon answers, and nines-crash is killed each time: the test crash is not kept."""
        self.daemon.start(env={"NINES_FAULT": "crash_core_written:kill@*"})
        done = self.setup_crash(check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("nothing of it came", done.stderr)
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())

    def test_without_root(self):
        self.daemon.start()
        for path in (self.daemon.home, self.daemon.run_dir):
            path.chmod(0o755)
        done = subprocess.run(
            [*harness_env.as_ordinary_user(), harness.binary("nines"), "--runtime-dir",
             str(self.daemon.run_dir), "crash", "setup"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("sudo", done.stderr)
        self.assertEqual(pattern(), FORMER)

    def in_mounts(self, prepare):
        unshare = harness.need_program("unshare")
        return subprocess.run(
            [unshare, "-m", "sh", "-c", f'{prepare} && exec "$@"', "sh", harness.binary("nines"),
             "--runtime-dir", str(self.daemon.run_dir), "crash", "setup"],
            capture_output=True, text=True)

    def test_where_proc_sys_is_read_only(self):
        self.daemon.start()
        done = self.in_mounts("mount --bind /proc/sys /proc/sys && "
                              "mount -o remount,ro,bind /proc/sys /proc/sys")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("container", done.stderr)
        self.assertIn("LimitCORE=", done.stderr)
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())

    def test_from_another_mount_namespace(self):
        self.daemon.start()
        done = self.in_mounts("true")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("mount namespace", done.stderr)
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())

    def test_what_somebody_else_has_set_is_left(self):
        self.daemon.start()
        self.setup_crash()
        CORE_PATTERN.write_text("theirs\n")
        self.assertIn("left as it is", self.setup_crash("--undo").stdout)
        self.assertEqual(pattern(), "theirs")
        self.assertFalse(self.record.exists())

    def test_it_lasts_as_long_as_the_daemon_runs(self):
        """Given back at an orderly end; there again at the next start, as after a boot."""
        self.daemon.start()
        self.setup_crash()
        self.assertEqual(self.daemon.stop(), 0)
        self.assertEqual(pattern(), FORMER)
        self.assertTrue(self.record.exists())
        self.daemon.start()
        wait_until(lambda: pattern() == self.ours, "it is set again")
        process = self.crash_elsewhere()
        self.captured(1, pid=process.pid)
        self.daemon.kill_both()
        CORE_PATTERN.write_text("theirs\n")
        self.daemon.start()
        self.assertEqual(pattern(), "theirs")
        self.assertIn("theirs", self.daemon.log_path.read_text())

    def test_the_matrix_tells(self):
        def said():
            return self.daemon.nines("cell", "app.unplanned", "--no-color").stdout
        self.daemon.start()
        self.assertIn("nines crash setup", said())
        self.setup_crash()
        self.assertIn("somebody listens", said())
        self.daemon.kill_both()
        self.assertIn("nobody listens", said())

    def test_killed_before_it_wrote(self):
        """What it saves first is enough to undo."""
        self.daemon.start()
        self.record.write_text(json.dumps(
            {"former": FORMER, "installed": self.ours, "others": "capture"}))
        self.setup_crash("--undo")
        self.assertEqual(pattern(), FORMER)
        self.assertFalse(self.record.exists())


class Pipe(CrashTest):
    """Where the kernel has no core sockets it starts a program for each crash."""

    def setUp(self):
        super().setUp()
        CORE_PATTERN.write_text(FORMER + "\n")

    def set_up(self):
        said = self.daemon.nines("crash", "setup", "--pipe").stdout
        self.assertIn("|" + harness.binary("nines-crash-pipe"), said)
        self.assertTrue(pattern().startswith("|"))

    def test_with_the_daemon(self):
        self.daemon.start()
        self.set_up()
        process = self.crash_elsewhere()
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["subject"], "crash_threads")
        facts = self.assert_whole(event["detail"]["directory"])
        self.assertEqual(facts["pid"], process.pid)
        self.assertTrue(facts["for_owner"])
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        self.assert_nothing_left()
        self.daemon.nines("crash", "setup", "--undo")
        self.assertEqual(pattern(), FORMER)

    def test_a_unit(self):
        name, held, port = held_echo(self.daemon)
        self.daemon.start(held, name)
        self.set_up()
        pid = self.daemon.wait_main_pid(name)
        harness.kill(pid, signal.SIGSEGV)
        with harness.EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)
        event, = self.captured(1, pid=pid)
        self.assertEqual(event["subject"], name)
        self.assertTrue(event["caused_by"].endswith("-unit.crash"), event)

    def test_a_set_uid_program(self):
        suid_dumpable = Path("/proc/sys/fs/suid_dumpable")
        self.addCleanup(suid_dumpable.write_text, suid_dumpable.read_text())
        suid_dumpable.write_text("2")
        program = self.daemon.work / "set_uid"
        program.write_bytes(Path(harness.target("crash_threads")).read_bytes())
        os.chown(program, 12345, 12345)
        program.chmod(0o4755)
        for directory in (self.daemon.home, self.daemon.work):
            directory.chmod(0o755)
        self.daemon.start()
        self.set_up()
        process = self.crash_elsewhere(*harness_env.as_ordinary_user(), str(program), "1", "1")
        event, = self.captured(1, pid=process.pid)
        self.assertIn("root alone", event["detail"]["for"])

    def test_without_the_daemon(self):
        """It is kept all the same, and the next daemon tells."""
        self.daemon.start()
        self.set_up()
        self.daemon.stop()
        self.assertTrue(pattern().startswith("|"), "it needs no daemon")
        process = self.crash_elsewhere()
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        directory, = wait_until(lambda: [p for p in self.store.iterdir()
                                         if not p.name.endswith(".part")], "it is kept")
        self.assertEqual(self.assert_whole(directory)["pid"], process.pid)
        self.daemon.start()
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(event["detail"]["directory"], str(directory))
        self.assert_nothing_left()

    def test_worker_killed_while_some_wait(self):
        self.daemon.start(env={"NINES_FAULT": "crash_directory_made:stall"})
        self.set_up()
        pids = {self.crash_elsewhere().pid for _ in range(8)}
        records = self.daemon.run_dir / "crashes"
        wait_until(lambda: len(list(records.iterdir())) == 8, "all are known")
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        wait_until(lambda: pids <= {int(e["detail"]["pid"])
                                    for e in self.daemon.events(kind="crash.captured")}, "all kept")
        self.assert_nothing_left()

    def test_a_kernel_that_gives_no_handle(self):
        """By hand, as an older kernel would: no %F. A pid that is not dying is refused."""
        self.daemon.start()
        helper = harness.binary("nines-crash-pipe")
        CORE_PATTERN.write_text(f"|{helper} %P %d {self.daemon.run_dir} {self.daemon.state_dir}\n")
        process = self.crash_elsewhere()
        event, = self.captured(1, pid=process.pid)
        self.assertTrue(self.assert_whole(event["detail"]["directory"])["for_owner"])
        bystander = self.crash_elsewhere("/bin/sleep", "1000000")
        done = subprocess.run([helper, str(bystander.pid), "1", str(self.daemon.run_dir),
                               str(self.daemon.state_dir), ""], stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(self.daemon.events(kind="crash.captured")), 1)
        self.assertEqual(self.daemon.events(kind="crash.failed"), [])


if __name__ == "__main__":
    harness.main()
