"""tools/install-criu: a CRIU that works on this kernel, in a directory of its own, from Debian's mirror."""

import os
import subprocess
import time
from pathlib import Path

import harness
import harness_env
from harness import wait_until

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "install-criu"


def run(*arguments):
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=300,
                          check=False)


class InstallCriu(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        harness_env.need_root()
        self.prefix = self.daemon.work / "criu"

    def test_it_dumps_and_restores(self):
        system = Path("/etc/apt/sources.list.d")
        before = {p.name: p.stat().st_mtime_ns for p in system.iterdir()} if system.is_dir() else {}
        done = run("--prefix", str(self.prefix), "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        criu = done.stdout.strip()
        self.assertEqual(criu, f"{self.prefix}/bin/criu")
        self.assertEqual({p.name: p.stat().st_mtime_ns for p in system.iterdir()}, before)
        # Of its own only: not one library of the system.
        maps = subprocess.run([f"{self.prefix}/lib/ld-linux-x86-64.so.2", "--list", criu],
                              capture_output=True, text=True, check=False).stdout
        libraries = [line.split(" => ")[1].split()[0] for line in maps.splitlines() if " => " in line]
        self.assertGreater(len(libraries), 5, maps)
        self.assertEqual([l for l in libraries if not l.startswith(str(self.prefix))], [])
        self.dump_and_restore(criu)
        again = time.monotonic()
        done = run("--prefix", str(self.prefix), "--suite", "no-such-suite")
        self.assertEqual(done.returncode, 0, f"one that works is enough\n{done.stderr}")
        self.assertLess(time.monotonic() - again, 60)
        done = run("--prefix", str(self.prefix), "--remove")
        self.assertEqual((done.returncode, self.prefix.exists()), (0, False))

    def dump_and_restore(self, criu):
        images = self.daemon.work / "images"
        images.mkdir()
        port = harness.free_port()
        process = subprocess.Popen(
            [harness.target("echo_server"), str(port), "--mib", "8"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.daemon.work,
            start_new_session=True)
        self.addCleanup(process.kill)
        wait_until(lambda: self.pid_behind(port) == process.pid, "it serves")
        for step in (["dump", "-t", str(process.pid)], ["restore", "-d"]):
            done = subprocess.run([criu, *step, "-D", str(images), "-v4", "-o", "log"],
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, (images / "log").read_text()[-2000:])
            if step[0] == "dump":
                process.wait(timeout=harness.DEADLINE_S)
        wait_until(lambda: self.pid_behind(port) == process.pid, "it serves again, with its pid")
        harness.kill(process.pid)

    @staticmethod
    def pid_behind(port):
        try:
            with harness.EchoClient(port) as client:
                return client.pid()
        except OSError:
            return None

    def test_refusals(self):
        self.assertEqual(run("--what").returncode, 1)
        self.assertIn("absolute", run("--prefix", "relative").stderr)
        self.prefix.mkdir()
        (self.prefix / "precious").write_text("")
        done = run("--prefix", str(self.prefix), "--remove")
        self.assertEqual(done.returncode, 1)
        self.assertIn("was not made by this script", done.stderr)
        done = run("--prefix", str(self.prefix), "--force", "--suite", "no-such-suite")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no suite of the mirror has criu", done.stderr)
        self.assertEqual(os.listdir(self.prefix), ["precious"])


if __name__ == "__main__":
    harness.main()
