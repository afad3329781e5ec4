"""What is found out about each crash: its diagnosis, the known signatures, the files of its program."""

import json
import os
import shutil
import signal
from pathlib import Path
from unittest import mock

import harness
from harness import kill, wait_until
from harness_core import CrashTest


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


class Diagnosed(CrashTest):
    def with_diagnose(self, text):
        """All of our programs, and this script in place of nines-diagnose; None: nothing."""
        build = self.daemon.work / "build"
        shutil.copytree(harness.BUILD / "bin", build / "bin", copy_function=link_or_copy)
        (build / "targets").symlink_to(harness.BUILD / "targets")
        program = build / "bin/nines-diagnose"
        program.unlink()
        if text is not None:
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        self.enterContext(mock.patch.object(harness, "BUILD", build))

    def book(self):
        directory = self.daemon.state_dir / "crash-signatures"
        if not directory.exists():
            return []
        return [json.loads(p.read_text()) for p in sorted(directory.glob("*.json"))]

    def crash_and_wait(self, count, *command):
        process = self.crash_elsewhere(*command)
        event, = self.captured(1, pid=process.pid)
        self.assertEqual(len(self.captured(count)), count)
        return event["detail"]

    def test_the_event_says_what_it_was(self):
        self.start_daemon()
        first = self.crash_and_wait(1)
        self.assertEqual(first["what"], "null-dereference")
        self.assertIn("crash_at_depth", first["function"])
        self.assertIn("0x10", first["summary"])
        self.assertEqual(first["same"], "1")
        self.assertRegex(first["signature"], "^[0-9a-f]{32}$")
        second = self.crash_and_wait(2)
        self.assertEqual((second["signature"], second["same"]), (first["signature"], "2"))
        directory = Path(second["directory"])
        diagnosis = json.loads((directory / "diagnosis.json").read_text())
        self.assertEqual(diagnosis["signature"]["id"], first["signature"])
        self.assertEqual((directory / "diagnosis.json").stat().st_mode & 0o777, 0o600)
        known, = self.book()
        self.assertEqual((known["id"], known["count"]), (first["signature"], 2))
        self.assertEqual([b["count"] for b in known["builds"]], [2])

    def fails(self, script, *words):
        """It is kept and told of whatever nines-diagnose does. @return the event's detail."""
        self.with_diagnose(script)
        self.start_daemon()
        detail = self.crash_and_wait(1)
        self.assertNotIn("what", detail)
        for word in ("not diagnosed", *words):
            self.assertIn(word, detail["note"])
        self.assert_whole(detail["directory"])
        self.assertFalse((Path(detail["directory"]) / "diagnosis.json").exists())
        self.assertEqual(self.book(), [])
        self.assert_nothing_left()
        return detail

    def test_nines_diagnose_is_missing(self):
        self.fails(None, "nines-diagnose", "No such file")

    def test_nines_diagnose_is_killed(self):
        self.fails("kill -9 $$", "signal KILL")

    def test_nines_diagnose_prints_rubbish(self):
        self.fails("echo '{\"version\": 1, \"pid\": \"x\"}'", "read diagnosis")

    def test_nines_diagnose_hangs(self):
        """The process is gone long before; the daemon hears of it when the time is over."""
        self.with_diagnose("exec sleep 1000000")
        self.start_daemon()
        process = self.crash_elsewhere()
        self.assertEqual(process.wait(timeout=harness.DEADLINE_S), -signal.SIGSEGV)
        directory, = wait_until(lambda: [p for p in self.store.glob("*") if p.suffix == ""],
                                "it is kept before it is diagnosed")
        self.assert_whole(directory, leftover=True)  # its whole core may still be on its way
        event, = wait_until(lambda: self.daemon.events(kind="crash.captured"), "the event",
                            deadline_s=60)
        self.assertIn("timeout", event["detail"]["note"])
        self.assert_nothing_left()

    def test_a_damaged_signature_costs_the_count_only(self):
        self.start_daemon()
        first = self.crash_and_wait(1)
        path = self.daemon.state_dir / "crash-signatures" / (first["signature"] + ".json")
        path.write_text("{")
        detail = self.crash_and_wait(2)
        self.assertEqual((detail["what"], detail["same"]), ("null-dereference", "0"))
        self.assertIn(str(path), detail["note"])
        self.assertEqual(path.read_text(), "{", "it is left as it is")


class GoneFiles(CrashTest):
    def crash_gone(self, replace=False):
        program = self.daemon.work / "teapot"
        shutil.copy(harness.target("echo_server"), program)
        process = self.crash_elsewhere(program, str(harness.free_port()))
        wait_until(lambda: os.readlink(f"/proc/{process.pid}/exe") == str(program), "it runs")
        program.unlink()
        if replace:
            shutil.copy(harness.target("crash_threads"), program)
        kill(process.pid, signal.SIGSEGV)
        event, = self.captured(1, pid=process.pid)
        return program, Path(event["detail"]["directory"]), event["detail"]

    def test_a_removed_executable_is_kept_once(self):
        self.start_daemon()
        original = Path(harness.target("echo_server")).read_bytes()
        inodes = set()
        for _ in range(2):
            program, directory, detail = self.crash_gone()
            listed, = json.loads((directory / "files.json").read_text())
            self.assertEqual(listed["path"], str(program))
            kept = directory / listed["name"]
            self.assertEqual(kept.read_bytes(), original)
            self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
            inodes.add(kept.stat().st_ino)
            self.assertNotIn("+0x", detail["function"], "names come from what was kept")
        self.assertEqual(len(inodes), 1)

    def test_a_replaced_executable_is_kept(self):
        self.start_daemon()
        _, directory, detail = self.crash_gone(replace=True)
        listed, = json.loads((directory / "files.json").read_text())
        self.assertEqual((directory / listed["name"]).read_bytes(),
                         Path(harness.target("echo_server")).read_bytes())

    def test_nothing_is_kept_of_what_is_there(self):
        self.start_daemon()
        process = self.crash_elsewhere()
        event, = self.captured(1, pid=process.pid)
        self.assertFalse((Path(event["detail"]["directory"]) / "files.json").exists())
        self.assertFalse((self.daemon.state_dir / "crash-files").exists())


if __name__ == "__main__":
    harness.main()
