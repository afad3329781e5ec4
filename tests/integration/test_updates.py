"""nines updates: what waits, who uses it, what its restart will cost. Packages and indexes are made up,
laid over the host's in a mount namespace of the test; the processes and the ledger are real."""

import json
import os
import shutil
import subprocess

import harness
import harness_env
from harness import wait_until

STATUS = """Package: teapot
Status: install ok installed
Architecture: amd64
Version: 1.0-1

Package: kettle
Status: hold ok installed
Architecture: all
Version: 2.0-1

"""
INDEX = """Package: teapot
Architecture: amd64
Version: 1.0-1+deb12u1

Package: kettle
Architecture: all
Version: 2.0-2

"""
RELEASE = ("Origin: Debian\nLabel: Debian-Security\nSuite: oldstable-security\n"
           "Date: Sat, 07 Jun 2025 10:00:00 UTC\n")


class Updates(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        harness_env.need_root()
        if not os.path.isdir("/var/lib/dpkg") or not os.path.isdir("/var/lib/apt/lists"):
            self.skipTest("needs a host with dpkg and apt")
        self.program = self.daemon.work / "teapot"
        shutil.copy(harness.target("echo_server"), self.program)
        self.dpkg = self.daemon.work / "dpkg"
        self.lists = self.daemon.work / "lists"
        (self.dpkg / "info").mkdir(parents=True)
        self.lists.mkdir()
        (self.dpkg / "status").write_text(STATUS)
        (self.dpkg / "info" / "teapot:amd64.list").write_text(f"/.\n{self.program}\n")
        (self.dpkg / "info" / "kettle.list").write_text("/usr/share/kettle\n")
        prefix = self.lists / "deb.debian.org_dists_oldstable-security_"
        (self.lists / f"{prefix.name}InRelease").write_text(RELEASE)
        (self.lists / f"{prefix.name}main_binary-amd64_Packages").write_text(INDEX)

    def updates(self, *options, check=True):
        over = (f"mount --bind {self.dpkg} /var/lib/dpkg && "
                f"mount --bind {self.lists} /var/lib/apt/lists && exec \"$@\"")
        done = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", over, "sh",
             str(harness.binary("nines")), "--runtime-dir", str(self.daemon.run_dir), *options, "updates"],
            capture_output=True, text=True, timeout=harness.DEADLINE_S, check=False)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def test_what_runs_and_what_its_restart_costs(self):
        port = harness.free_port()
        name = self.daemon.service("brew", f"Type=notify\nExecStart={self.program} --notify {port}\n")
        self.daemon.start()
        self.daemon.act_ok("start", name)
        step, = json.loads(self.updates("--json").stdout)["after_upgrade"]
        self.assertIsNone(step["expected_ns"])
        for count in (1, 2, 3):
            self.daemon.act_ok("restart", name)
            self.daemon.wait_event("unit.ready", name, count=count + 1)
        picture = wait_until(
            lambda: p if (p := json.loads(self.updates("--json").stdout))["after_upgrade"][0][
                "samples"] == 3 else None, "all restarts are in the ledger")
        teapot, = [p for p in picture["pending"] if p["package"] == "teapot"]
        kettle, = [p for p in picture["pending"] if p["package"] == "kettle"]
        self.assertEqual((teapot["installed"], teapot["candidate"]), ("1.0-1", "1.0-1+deb12u1"))
        user, = teapot["used_by"]
        self.assertEqual((user["pid"], user["files"]), (self.daemon.wait_main_pid(name),
                                                        [str(self.program)]))
        self.assertEqual((kettle["held"], kettle["used_by"]), (True, []))
        step, = picture["after_upgrade"]
        self.assertEqual((step["who"], step["nines"], step["command"], step["by"]),
                         (name, True, "nines restart brew", "restarts"))
        self.assertGreater(step["expected_ns"], 0)
        self.assertLess(step["expected_ns"], 5e9)
        page = self.updates().stdout
        self.assertIn("2 security updates wait; 1 is in use here.", page)
        self.assertIn("nines restart brew", page)
        self.assertRegex(page, r"down for about .*, by 3 restarts")
        self.assertIn("Nothing that runs uses kettle.", page)

    def test_without_daemon_ledger_index(self):
        page = self.updates().stdout
        self.assertIn("Nothing that runs uses kettle, teapot: no restart is needed.", page)
        for index in self.lists.iterdir():
            index.unlink()
        self.assertIn("No index of a security archive is here", self.updates().stdout)
        (self.dpkg / "status").unlink()
        done = self.updates(check=False)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("/var/lib/dpkg/status", done.stderr)

    def test_a_broken_database(self):
        (self.dpkg / "status").write_bytes(b"Package: teapot\nStatus: inst\xff\x00\nVersion\n\n" * 3)
        (self.dpkg / "info" / "teapot:amd64.list").write_bytes(b"\xff\x00\n/" + b"x" * 100000)
        done = self.updates(check=False)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertNotIn("Traceback", done.stderr)


if __name__ == "__main__":
    harness.main()
