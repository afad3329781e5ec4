"""As a service of a real systemd, PID 1 of namespaces of its own: packaging/ninesd.service says who
is watched, and whatever is killed, afterwards systemd watches the keeper and no unit was touched."""

import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness
import harness_env
from harness import EchoClient, kill, wait_until

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "bench/peers/systemd_namespace.sh"
SYSTEMD = Path("/lib/systemd/systemd")
SERVICE = "ninesd.service"
STRANGER = "stranger.service"


class Systemd:
    """Boots systemd with the daemon's service in it. The daemon's directories are seen from both
    sides; pids that the daemon tells are those of the namespace."""

    def __init__(self, test, daemon, environment="", wanted=SERVICE):
        harness_env.need_root()
        for program in ("unshare", "nsenter", "pivot_root", "systemctl"):
            harness.need_program(program)
        if not SYSTEMD.exists():
            raise unittest.SkipTest(f"needs {SYSTEMD}")
        self._cgroup = tempfile.mkdtemp(prefix="nines-test-", dir=harness.cgroup2_mount())
        test.addCleanup(self._remove_cgroup)
        work = Path(tempfile.mkdtemp(prefix="nines-systemd-"))
        test.addCleanup(shutil.rmtree, work, ignore_errors=True)
        units = work / "units"
        units.mkdir()
        (units / "bench.target").write_text(
            f"[Unit]\nDefaultDependencies=no\nWants={wanted}\n")
        for name in (SERVICE, STRANGER):
            (units / name).write_text(self._service(daemon, environment))
        self._process = subprocess.Popen(
            ["/bin/bash", str(BOOT), self._cgroup, str(work), str(SYSTEMD), str(daemon.home),
             str(harness.BUILD)], stdin=subprocess.DEVNULL)
        test.addCleanup(self._end)

    def _service(self, daemon, environment):
        """The shipped one, but for what would drag in the rest of a host."""
        text = (ROOT / "packaging" / SERVICE).read_text()
        program = "ExecStart=/usr/sbin/ninesd"
        if text.count(program + "\n") != 1:
            raise AssertionError(f"{program} is not in the shipped unit")
        text = text.replace(program, (
            f"ExecStart={harness.binary('ninesd')} --runtime-dir {daemon.run_dir} "
            f"--state-dir {daemon.state_dir} --unit-path {daemon.unit_dir} --log-level debug\n"
            f"StandardOutput=append:{daemon.log_path}\nStandardError=inherit\n"
            f"Environment=NINES_TEST_HOME={daemon.home} {environment}"))
        return text.replace("[Unit]\n", "[Unit]\nDefaultDependencies=no\n", 1)

    def _init(self):
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        first = children.read_text().split()[:1]
        if not first or Path(f"/proc/{first[0]}/comm").read_text() != "systemd\n":
            raise ProcessLookupError("systemd is not there yet")
        return first[0]

    def ctl(self, *words):
        """systemctl in there. @return what it printed."""
        done = subprocess.run(["nsenter", "-t", self._init(), "-a", "systemctl", *words],
                              capture_output=True, text=True, timeout=harness.DEADLINE_S)
        return done.stdout + done.stderr

    def show(self, service=SERVICE):
        """What systemd knows of a service."""
        names = "MainPID,ActiveState,SubState,NRestarts,Result"
        text = self.ctl("show", service, f"--property={names}")
        if "MainPID=" not in text:
            raise ProcessLookupError(text)
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def _end(self):
        harness_env.stop_process(self._process)  # --kill-child takes all in there along

    def _remove_cgroup(self):
        def removed():
            for directory, _, _ in os.walk(self._cgroup, topdown=False):
                os.rmdir(directory)
            return True
        wait_until(removed, "the cgroup is empty")


class UnderSystemd(harness.DaemonTest):
    def boot(self, environment=""):
        port = harness.free_port()
        self.name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "Restart=always")
        self.daemon.socket_unit("idle", f"ListenStream={self.daemon.run_dir}/idle.sock")
        self.port = port
        self.systemd = Systemd(self, self.daemon, environment)
        self.wait_watched()
        self.daemon.act_ok("start", self.name, "idle.socket")
        self.pid = self.daemon.wait_main_pid(self.name)

    def wait_watched(self, restarts=None):
        """Until systemd's main process is the keeper that holds the lock."""
        self._shown = None

        def watched():
            shown = self._shown = self.systemd.show()
            ours = str(self.daemon.request("GET", "/v1/status", timeout_s=5)["keeper_pid"])
            as_it_should = (shown.get("SubState") == "running" and shown["MainPID"] == ours and
                            (restarts is None or shown["NRestarts"] == str(restarts)))
            return shown if as_it_should else None
        return wait_until(watched, lambda: f"systemd watches the keeper: {self._shown}")

    def assert_untouched(self, client):
        self.assertEqual(client.pid(), self.pid)
        self.assertEqual(self.daemon.wait_main_pid(self.name), self.pid)
        self.assertEqual(len(self.daemon.processes_of(self.name)), 1)
        self.assertEqual(self.daemon.intervals(self.name), [])
        wait_until(lambda: len(self.daemon.keeper_pids()) == 1 and
                   len(self.daemon.worker_pids()) == 1, "one keeper and one worker")

    def kill_keeper(self):
        killed = self.daemon.kill_keeper()
        self.assertEqual(len(killed), 1)

    def test_keeper_killed(self):
        """One restart, in which the newcomer makes the running keeper the main process; it is the
        main process in earnest, so that its death is seen as well."""
        self.boot()
        with EchoClient(self.port) as client:
            for count in (1, 2, 3):
                self.kill_keeper()
                self.wait_watched(restarts=count)
                self.assert_untouched(client)
        # A stop reaches it: all units are stopped in order.
        self.systemd.ctl("stop", SERVICE)
        self.assertEqual(self.systemd.show()["ActiveState"], "inactive")
        self.assertEqual(self.daemon.processes_of(self.name), [])

    def test_worker_killed(self):
        self.boot()
        with EchoClient(self.port) as client:
            worker = self.daemon.status()["pid"]
            self.assertEqual(len(self.daemon.kill_worker()), 1)
            self.daemon.wait_new_worker(worker)
            self.wait_watched(restarts=0)
            self.assert_untouched(client)

    def test_restarted(self):
        """KillMode=process and SIGTERM stop the units in order; the next start is whole."""
        self.boot()
        self.systemd.ctl("restart", SERVICE)
        self.wait_watched()

    def test_both_killed(self):
        self.boot()
        with EchoClient(self.port) as client:
            for pid in self.daemon.keeper_pids() + self.daemon.worker_pids():
                kill(pid, signal.SIGSTOP)  # nobody of them starts anything meanwhile
            for pid in self.daemon.keeper_pids() + self.daemon.worker_pids():
                kill(pid)
            self.wait_watched(restarts=1)
            self.assert_untouched(client)

    def kill_newcomer_at(self, point, restarts):
        token = self.daemon.work / "token"
        self.boot(f"NINES_FAULT={point}:kill@* NINES_FAULT_TOKEN={token}")
        with EchoClient(self.port) as client:
            token.touch()
            self.kill_keeper()
            wait_until(lambda: not token.exists(), "the newcomer is killed")
            self.wait_watched(restarts=restarts)
            self.assert_untouched(client)

    def test_kill_service_holder_found(self):
        self.kill_newcomer_at("service_holder_found", restarts=2)

    def test_kill_service_left(self):
        self.kill_newcomer_at("service_left", restarts=1)

    def test_a_stranger_is_refused(self):
        """A daemon that is not of the service is not made its main process."""
        self.systemd = Systemd(self, self.daemon, wanted=STRANGER)
        wait_until(lambda: self.systemd.show(STRANGER)["SubState"] == "running", "it runs")
        keeper = self.daemon.status()["keeper_pid"]
        self.systemd.ctl("start", "--no-block", SERVICE)
        wait_until(lambda: int(self.systemd.show()["NRestarts"]) >= 2, "the service is refused")
        self.assertNotEqual(self.systemd.show()["MainPID"], str(keeper))
        self.assertEqual(self.systemd.show(STRANGER)["MainPID"], str(keeper))
        self.assertEqual(self.daemon.status()["keeper_pid"], keeper)


if __name__ == "__main__":
    harness.main()
