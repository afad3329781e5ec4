"""As PID 1 of a container: reaps what is orphaned, passes signals on, ends as its command ends."""

import os
import signal
import subprocess
import unittest

import harness
import harness_env
from harness import wait_until


class Container:
    """A pid namespace whose init is a program of ours; ends with it."""

    def __init__(self, test, *command):
        harness_env.need_root()
        self.process = subprocess.Popen(
            [harness.need_program("unshare"), "--pid", "--fork", "--mount-proc",
             "--kill-child=SIGKILL", *map(str, command)],
            env={**os.environ, "NINES_TEST_HOME": str(test.daemon.home)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        test.addCleanup(self.close)

    def init(self):
        """Its PID 1, seen from outside."""
        return wait_until(self._child, "the namespace has an init")

    def _child(self):
        children = [p for p in harness.all_pids() if harness.parent_of(p) == self.process.pid]
        return children[0] if children else None

    def end(self):
        """@return (exit code, what it printed)."""
        out, _ = self.process.communicate(timeout=harness.DEADLINE_S)
        return self.process.returncode, out.decode(errors="replace")

    def close(self):
        harness_env.stop_process(self.process)
        self.process.stdout.close()


class AsPid1(harness.DaemonTest):
    def command(self, *words):
        """The command line that keeps a command up, without the namespace."""
        return [harness.binary("ninesd"), "--runtime-dir", self.daemon.run_dir, "--state-dir",
                self.daemon.state_dir, "--foreground", "--command", "--", *words]

    def units(self, *names):
        return [harness.binary("ninesd"), "--runtime-dir", self.daemon.run_dir, "--state-dir",
                self.daemon.state_dir, "--unit-path", self.daemon.unit_dir, "--foreground", *names]

    def script(self, text):
        path = self.daemon.work / "script"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return path

    def test_exit_codes(self):
        for how, code in (("exit 7", 7), ("kill -KILL $$", 137), ("kill -SEGV $$", 139), ("exit 0", 0)):
            with self.subTest(how):
                script = self.script(how + "\n")
                name = self.daemon.service("once", f"Type=exec\nRestart=no\nExecStart={script}")
                self.assertEqual(Container(self, *self.units(name)).end()[0], code)

    def test_command_is_done(self):
        code, out = Container(self, *self.command("sh", "-c", "echo done; exit 0")).end()
        self.assertEqual((code, out.count("done\n")), (0, 1), out)

    def test_nines_keep(self):
        """Options of the command are the command's."""
        code, out = Container(self, harness.binary("nines"), "keep", "--", "sh", "-c",
                              'echo "$0 $1 $$"', "--runtime-dir", "--keeper-fd").end()
        self.assertEqual(code, 0, out)
        self.assertIn("--runtime-dir --keeper-fd ", out)

    def test_unknown_command(self):
        code, out = Container(self, *self.command("/no/such/program")).end()
        self.assertNotEqual(code, 0)
        self.assertIn("/no/such/program", out)

    def test_crashes_are_restarted(self):
        starts = self.daemon.work / "starts"
        script = self.script(f"echo x >>{starts}\n"
                             f"test $(wc -l <{starts}) -ge 5 || kill -SEGV $$\nexit 0\n")
        code, out = Container(self, *self.command(script)).end()
        self.assertEqual(code, 0, out)
        self.assertEqual(starts.read_text().count("x"), 5)

    def test_signals(self):
        """HUP and USR1 reach the command; TERM ends it, and its exit code is ours."""
        got = self.daemon.work / "got"
        # The shell's child takes a signal with its parent's handler until it has reset that, and
        # forgets it: by KILL it ends in any case, or its 90 seconds would be waited for.
        script = self.script(
            f"trap 'echo HUP >>{got}' HUP\ntrap 'echo USR1 >>{got}' USR1\n"
            f"trap 'echo TERM >>{got}; kill -KILL $!; exit 9' TERM\necho ready >>{got}\n"
            "while :; do sleep 1000000 & wait $!; kill $! 2>/dev/null; done\n")
        container = Container(self, *self.command(script))
        init = container.init()
        said = lambda word: got.exists() and word in got.read_text().split()
        wait_until(lambda: said("ready"), "the command runs")
        for number, word in ((signal.SIGHUP, "HUP"), (signal.SIGUSR1, "USR1"),
                             (signal.SIGTERM, "TERM")):
            os.kill(init, number)
            wait_until(lambda word=word: said(word), f"{word} arrives")
        code, out = container.end()
        self.assertEqual(code, 9, out)
        self.assertEqual(got.read_text().split(), ["ready", "HUP", "USR1", "TERM"])

    def test_orphans_are_reaped(self):
        """Also those that no unit knows: children of children whose parents are gone."""
        done = self.daemon.work / "done"
        script = self.script("i=0\nwhile test $i -lt 50; do i=$((i+1)); (sleep 0.1 &) ; done\n"
                             f"touch {done}\nexec sleep 1000000\n")
        container = Container(self, *self.command(script))
        init = container.init()
        wait_until(done.exists, "the orphans are made")
        sleepers = lambda: [p for p in harness.all_pids() if harness.parent_of(p) == init]
        # What is left: the worker and the command.
        wait_until(lambda: len(sleepers()) == 2, lambda: f"only two children: {sleepers()}")
        self.assertEqual(harness_env.zombies_of(init), [])
        os.kill(init, signal.SIGTERM)
        self.assertEqual(container.end()[0], 128 + signal.SIGTERM)

    def test_worker_killed(self):
        """The container and its command survive our own crash."""
        name = self.daemon.service("sleeper", "ExecStart=/bin/sleep 1000000\nRestart=always")
        container = Container(self, *self.units(name))
        container.init()
        wait_until(lambda: self.daemon.request("GET", "/v1/status"), "it answers")
        self.daemon.wait_state(name, "running")
        pids = self.daemon.processes_of(name)
        instance = self.daemon.status()["instance"]
        worker = wait_until(self.daemon.worker_pids, "the worker")[0]
        harness.kill(worker)
        wait_until(lambda: self.daemon.status()["instance"] != instance, "a successor answers")
        self.daemon.wait_state(name, "running")
        self.assertEqual(self.daemon.processes_of(name), pids)
        self.assertIsNone(container.process.poll())


if __name__ == "__main__":
    harness.main()
