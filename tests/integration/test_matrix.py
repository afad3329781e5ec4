"""`nines` without a verb, on the machine as it is: as root, as an ordinary user, with and without a
daemon, beside a daemon that hangs, and in a systemd that is PID 1 of its own namespaces. What is
compared is read here once more, by other means."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness
import harness_env
from harness import wait_until

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "bench/peers/systemd_namespace.sh"
SYSTEMD = Path("/lib/systemd/systemd")
CELLS = [f"{row}/{column}" for row in ("app", "os", "hw")
         for column in ("unplanned", "planned", "proactive")]
VERDICTS = {"ready", "partial", "missing", "not possible here", "unknown"}


def first_line(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").split("\n")[0].strip()
    except OSError:
        return None


class Matrix(harness.DaemonTest):
    def document(self, prefix=()):
        done = subprocess.run(
            [*prefix, harness.binary("nines"), "--json", "--runtime-dir", str(self.daemon.run_dir)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(done.stdout)
        self.assertEqual([cell["cell"] for cell in document["cells"]], CELLS)
        for cell in document["cells"]:
            self.assertIn(cell["verdict"], VERDICTS)
            self.assertTrue(cell["why"] and cell["findings"], cell)
        return document

    def finding(self, document, cell, source):
        found = [finding for entry in document["cells"] if entry["cell"] == cell
                 for finding in entry["findings"] if finding["source"] == source]
        self.assertTrue(found, f"{cell} has no finding from {source}")
        return found[0]

    def test_tells_what_is_there(self):
        document = self.document()
        pattern = first_line("/proc/sys/kernel/core_pattern")
        if pattern:
            said = self.finding(document, "app/unplanned", "/proc/sys/kernel/core_pattern")["said"]
            self.assertTrue(said.startswith(pattern[:100]), said)
        for name in ("panic", "panic_on_oops", "softlockup_panic"):
            path = f"/proc/sys/kernel/{name}"
            value = first_line(path)
            said = self.finding(document, "os/unplanned", path)["said"]
            self.assertTrue(said.startswith(value) if value else "absent" in said, said)
        # A machine that is too busy to say so at once says that.
        self.assertRegex(document["daemon_unknown"], "no daemon answers|no answer within")
        criu = shutil.which("criu", path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin")
        proactive = document["cells"][8]
        self.assertEqual(proactive["why"] == "criu is not installed", criu is None, proactive)

    def test_explains_a_cell(self):
        for name in ("app.unplanned", "app/unplanned"):
            text = self.daemon.nines(name).stdout
            self.assertIn("app.unplanned: ", text)
            self.assertRegex(text, r"verdict   (ready|partial|missing|unknown): ")
            self.assertIn("/proc/sys/kernel/core_pattern", text)
        one = json.loads(self.daemon.nines("--json", "os.planned").stdout)
        self.assertEqual(one["cell"], "os/planned")
        wrong = self.daemon.nines("cell", "app.sometimes", check=False)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("app.unplanned", wrong.stderr)

    def test_fits_eighty_columns(self):
        for arguments in ([], ["hw.unplanned"], ["app.planned"]):
            for line in self.daemon.nines(*arguments).stdout.splitlines():
                if line.startswith(("host ", "daemon ", "  ninesd", "last ")) or "/" in line:
                    continue  # a name or a path is never cut
                self.assertLessEqual(len(line), 80, line)

    def test_names_only_verbs_that_there_are(self):
        verbs = set(re.findall(r"^  ([a-z-]+)", self.daemon.nines("help").stdout, re.M))
        document = self.document()
        advised = [finding["advice"] for cell in document["cells"] for finding in cell["findings"]]
        advised += [cell["next"] for cell in document["cells"]]
        for advice in advised:
            for verb in re.findall(r"\bnines ([a-z]+)", advice):
                if verb not in ("on",):  # "run nines on the container host"
                    self.assertIn(verb, verbs, advice)

    def test_knows_the_units_and_the_last_event(self):
        kept = self.daemon.service("kept", "ExecStart=/bin/sleep 1000000\nRestart=always")
        once = self.daemon.service("once", "ExecStart=/bin/sleep 1000000\nRestart=no")
        self.daemon.start(kept, once)
        os.kill(self.daemon.wait_main_pid(kept), signal.SIGKILL)

        def crashed():
            document = self.document()
            event = document["cells"][0]["last_event"]
            return document if event and event["cell"] == "app/unplanned" else None
        document = wait_until(crashed, "the crash is the cell's last event")
        self.assertIsNone(document["daemon_unknown"])
        said = [finding["said"] for finding in document["cells"][0]["findings"]]
        self.assertTrue([s for s in said if s.startswith(f"{kept}: Restart=always")], said)
        self.assertTrue([s for s in said if "do not restart after a crash" in s and once in s], said)

    def test_daemon_that_hangs(self):
        """It is said, and the rest is told all the same."""
        self.daemon.run_dir.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(self.daemon.run_dir / "api.sock"))
            silent.listen()
            document = self.document()
        self.assertIn("no answer", document["daemon_unknown"])
        self.assertIn("no answer", document["events_unknown"])

    def test_ordinary_user(self):
        harness_env.need_root()
        # Whoever may not look says so, and never that there is nothing.
        def told():
            document = self.document(harness_env.as_ordinary_user())
            stale = self.finding(document, "app/planned", "/proc/PID/maps")
            self.assertNotEqual(stale["state"], "yes")
            return re.search("not readable|hidden", stale["said"]) and document
        document = wait_until(told, "it is said what could not be read")
        self.assertIn("without CAP_SYS_PTRACE", self.finding(
            document, "app/proactive", "/proc/sys/kernel/yama/ptrace_scope")["said"])

    def test_process_with_a_replaced_program(self):
        harness_env.need_root()
        directory = Path(tempfile.mkdtemp(prefix="nines-matrix-", dir="/opt"))
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        program = directory / "old-sleep"
        shutil.copy("/bin/sleep", program)
        process = subprocess.Popen([program, "1000000"])
        self.addCleanup(harness_env.stop_process, process)
        program.unlink()

        def told():
            said = self.finding(self.document(), "app/planned", "/proc/PID/maps")["said"]
            return re.search(r"run replaced files", said) and said
        self.assertIn("replaced", wait_until(told, "the process is told"))


class InSystemd(unittest.TestCase):
    def test_namespace_of_a_systemd(self):
        """It is a container there, and the services enabled in it are told with their policies."""
        harness_env.need_root()
        for program in ("unshare", "nsenter", "pivot_root"):
            harness.need_program(program)
        if not SYSTEMD.exists():
            raise unittest.SkipTest(f"needs {SYSTEMD}")
        cgroup = tempfile.mkdtemp(prefix="nines-test-", dir=harness.cgroup2_mount())
        work = Path(tempfile.mkdtemp(prefix="nines-matrix-"))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        wants = work / "units/bench.target.wants"
        wants.mkdir(parents=True)
        (work / "units/bench.target").write_text("[Unit]\nDefaultDependencies=no\n")
        for name, policy in (("good", "Restart=always\nMemoryDenyWriteExecute=yes"),
                             ("bad", "Restart=no")):
            unit = work / f"units/{name}.service"
            unit.write_text("[Unit]\nDefaultDependencies=no\n[Service]\n"
                            f"ExecStart=/bin/sleep 1000000\n{policy}\n")
            (wants / f"{name}.service").symlink_to(f"../{name}.service")
        process = subprocess.Popen(
            ["/bin/bash", str(BOOT), cgroup, str(work), str(SYSTEMD), str(harness.BUILD)],
            stdin=subprocess.DEVNULL)
        self.addCleanup(self._end, process, cgroup)

        def document():
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            if not children or first_line(f"/proc/{children[0]}/comm") != "systemd":
                return None
            done = subprocess.run(["nsenter", "-t", children[0], "-a", harness.binary("nines"),
                                   "--json"], capture_output=True, text=True, timeout=60)
            if done.returncode != 0:
                raise OSError(done.stderr)
            read = json.loads(done.stdout)
            said = [finding["said"] for finding in read["cells"][0]["findings"]]
            return read if [s for s in said if s.startswith("good.service")] else None
        read = wait_until(document, "nines runs in there")
        self.assertTrue(read["container"])
        for cell in read["cells"][3:8]:
            self.assertEqual(cell["verdict"], "not possible here", cell["cell"])
        said = "\n".join(finding["said"] for finding in read["cells"][0]["findings"])
        self.assertIn("1 of 2 do not restart after a crash: bad.service", said)
        self.assertIn("good.service: Restart=always (systemd)", said)
        proactive = "\n".join(finding["said"] for finding in read["cells"][2]["findings"])
        self.assertIn("MemoryDenyWriteExecute=yes, no code can be added: good.service", proactive)

    def _end(self, process, cgroup):
        harness_env.stop_process(process)  # --kill-child takes all in there along

        def removed():
            for directory, _, _ in os.walk(cgroup, topdown=False):
                os.rmdir(directory)
            return True
        wait_until(removed, "the cgroup is empty")


if __name__ == "__main__":
    harness.main()
