"""As an ordinary user: no cgroups to write to, no user to switch to, the same promises."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness
import harness_env
from harness import EchoClient, kill, order, wait_until


class OrdinaryUser(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        prefix = harness_env.as_ordinary_user()
        uid = harness_env.ORDINARY_UID
        for directory in (self.daemon.home, self.daemon.unit_dir, self.daemon.work):
            os.chown(directory, uid, uid)
        self.start = lambda *units: self.daemon.start(
            *units, command_prefix=prefix, env={"HOME": str(self.daemon.home)})

    def service(self, *arguments, **options):
        name = self.daemon.service(*arguments, **options)
        os.chown(self.daemon.directory_of(name), harness_env.ORDINARY_UID, -1)
        return name

    def assert_ours(self, pid):
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, harness_env.ORDINARY_UID)

    def test_life_of_a_notifying_unit(self):
        port = harness.free_port()
        name = self.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "Restart=always\nRestartSec=0")
        self.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.assert_ours(pid)
        for line in ("C", "X 1", "A"):
            order(port, line)
            new = self.daemon.wait_main_pid(name, other_than=pid)
            self.assertEqual(self.daemon.processes_of(name), [new])
            pid = new
        rows = wait_until(lambda: len(rows := self.daemon.intervals(name)) == 3 and
                          all(r["duration_ns"] is not None for r in rows) and rows, "3 downtimes")
        self.assert_no_overlap(rows, name)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertFalse(harness.alive(pid))

    def test_adoption(self):
        port = harness.free_port()
        name = self.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "Restart=always")
        self.start(name)
        pid = self.daemon.wait_main_pid(name)
        with EchoClient(port) as client:
            worker = self.daemon.status()["pid"]
            self.daemon.kill_worker()
            self.daemon.wait_new_worker(worker)
            self.daemon.kill_keeper()
            worker = self.daemon.status()["pid"]
            self.daemon.kill_both()
            self.start()
            self.assertEqual(self.daemon.wait_main_pid(name), pid)
            self.assertEqual(client.pid(), pid)
        kill(pid)
        self.daemon.wait_main_pid(name, other_than=pid)

    def test_health_check(self):
        port = harness.free_port()
        name = self.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "Restart=always\nRestartSec=0",
            nines=f"HealthCheck=command:/bin/sh -c 'test ! -e {self.daemon.work}/sick'\n"
            "HealthCheckInterval=100ms\nHealthCheckTimeout=5s")
        self.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.daemon.unit(name)
        sick = self.daemon.work / "sick"
        sick.touch()
        wait_until(lambda: not harness.alive(pid), "the sick one is killed")
        sick.unlink()
        self.daemon.wait_main_pid(name, other_than=pid)
        self.daemon.wait_event("health.fail", name)

    def test_another_user_is_refused(self):
        name = self.service("other", "User=nobody\nExecStart=/bin/sleep 1000000")
        self.start()
        results = self.daemon.act("start", name)
        self.assertTrue(results[0].get("error"), results)
        said = str(results[0]["error"])
        self.assertIn("nobody", said)
        self.assertEqual(self.daemon.processes_of(name), [])
        # Oneself by name or number is no other user.
        own = self.service("own", f"User={harness_env.ORDINARY_UID}\nExecStart=/bin/sleep 1000000")
        self.daemon.act_ok("start", own)
        self.assert_ours(self.daemon.wait_main_pid(own))

    def test_daemon_and_command_line_meet(self):
        """Without XDG_RUNTIME_DIR and without --runtime-dir both mean the same directory."""
        uid = harness_env.ORDINARY_UID
        directory = Path(f"/tmp/nines-{uid}")
        if directory.exists() or Path(f"/run/user/{uid}").exists():
            self.skipTest(f"needs that {directory} and /run/user/{uid} are free")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("XDG_", "NINES_"))}
        environment.update(HOME=str(self.daemon.home), NINES_TEST_HOME=str(self.daemon.home))
        prefix = harness_env.as_ordinary_user()

        def nines():
            return subprocess.run([*prefix, harness.binary("nines"), "--json", "daemon", "status"],
                                  env=environment, capture_output=True, text=True, timeout=60)
        # Somebody else was there first: nobody is told lies, and the daemon says why it ends.
        directory.mkdir(mode=0o777)
        refused = subprocess.run([*prefix, harness.binary("ninesd")], env=environment,
                                 capture_output=True, text=True, timeout=60)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(str(directory), refused.stderr)
        directory.rmdir()
        process = subprocess.Popen([*prefix, harness.binary("ninesd")], env=environment,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(harness_env.stop_process, process)
        done = wait_until(lambda: (done := nines()).returncode == 0 and done, "it is found")
        self.assertEqual(json.loads(done.stdout)["runtime_dir"], str(directory))
        process.terminate()
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), 0)

    def start_family(self, extra=""):
        """A unit with a child in a session of its own, whose parent is gone, and one that has
        emptied its environment. @return (name, pids of all three)."""
        script = self.daemon.work / "family"
        script.write_text("#!/bin/sh\n(setsid sleep 1000001 &)\n"
                          "setsid env -i sleep 1000002 &\nexec sleep 1000003\n")
        script.chmod(0o755)
        name = self.service("family", f"ExecStart={script}\n{extra}")
        self.start(name)
        self.daemon.wait_main_pid(name)
        pids = wait_until(lambda: len(pids := self.daemon.processes_of(name)) == 3 and pids,
                          "all three are there")
        return name, pids

    def test_stop_reaches_other_sessions(self):
        name, pids = self.start_family()
        self.daemon.act_ok("stop", name)
        self.assertEqual([pid for pid in pids if harness.alive(pid)], [])

    def test_stop_kills_what_ignores_it(self):
        name, pids = self.start_family("KillSignal=SIGCONT\nTimeoutStopSec=1s")
        self.daemon.act_ok("stop", name)
        self.assertEqual([pid for pid in pids if harness.alive(pid)], [])

    def test_crash_takes_the_session_along(self):
        name, pids = self.start_family("Restart=always\nRestartSec=0")
        main = self.daemon.wait_main_pid(name)
        kill(main)
        self.daemon.wait_main_pid(name, other_than=main)
        # The one without an environment is nobody's child any more: not to be found.
        marked = [pid for pid in pids if harness.environment_of(pid)]
        self.assertEqual([pid for pid in marked if harness.alive(pid)], [])

    def test_kill_mode_process_leaves_them(self):
        name, pids = self.start_family("KillMode=process")
        main = self.daemon.wait_main_pid(name)
        self.daemon.act_ok("stop", name)
        self.assertEqual(sorted(p for p in pids if harness.alive(p)),
                         sorted(p for p in pids if p != main))


if __name__ == "__main__":
    harness.main()
