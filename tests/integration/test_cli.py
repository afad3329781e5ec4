"""The command line against a daemon: exit codes, JSON, what is remembered, who may do what."""

import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import harness
import harness_env
from harness import wait_until

SLEEPER = "ExecStart=/bin/sleep 1000000\nRestart=always"
OK, FAILED, USAGE, UNREACHABLE, DENIED, NO_SUCH_UNIT, PARTLY = range(7)


class CommandLine(harness.DaemonTest):
    def code(self, *arguments):
        return self.daemon.nines(*arguments, check=False).returncode

    def json(self, *arguments):
        return json.loads(self.daemon.nines("--json", *arguments).stdout)

    def test_nobody_there(self):
        for verb in (["status"], ["events"], ["logs", "x"], ["start", "x"], ["daemon", "status"]):
            done = self.daemon.nines(*verb, check=False)
            self.assertEqual(done.returncode, UNREACHABLE, (verb, done.stdout, done.stderr))
            self.assertIn(str(self.daemon.run_dir), done.stderr)

    def test_exit_codes(self):
        good = self.daemon.service("good", SLEEPER)
        bad = self.daemon.service("bad", "ExecStart=/no/such/program")
        self.daemon.start()
        self.assertEqual(self.code("start", good), OK)
        self.assertEqual(self.code("start", good), OK)
        self.assertEqual(self.code("start", bad), FAILED)
        self.assertEqual(self.code("start", good, bad), PARTLY)
        self.assertEqual(self.code("start", "nowhere"), NO_SUCH_UNIT)
        self.assertEqual(self.code("status", "nowhere"), NO_SUCH_UNIT)
        self.assertEqual(self.code("start"), USAGE)
        self.assertEqual(self.code("frobnicate"), USAGE)
        self.assertEqual(self.code("status", good), OK)
        self.assertEqual(self.code("stop", good), OK)

    def test_status(self):
        name = self.daemon.service("good", SLEEPER)
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        document = self.json("status", name)
        text = json.dumps(document)
        self.assertIn(str(pid), text)
        self.assertIn('"running"', text)
        self.assertIn("good", self.daemon.nines("status").stdout)
        daemon = self.json("daemon", "status")
        self.assertTrue(daemon["ledger_ok"])
        self.assertEqual(daemon["pid"], self.daemon.worker_pids()[0])

    def test_kept_over_the_daemon(self):
        kept = self.daemon.service("kept", SLEEPER)
        once = self.daemon.service("once", SLEEPER)
        self.daemon.start()
        self.daemon.nines("keep", "--detach", kept)
        self.daemon.nines("start", once)
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        self.daemon.wait_main_pid(kept)
        self.assertEqual(self.daemon.processes_of(once), [])
        self.daemon.nines("unkeep", kept)
        self.daemon.wait_main_pid(kept)  # left as it is
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        self.daemon.nines("start", once)  # comes after what starts by itself
        self.assertEqual(self.daemon.processes_of(kept), [])

    def test_planned_stop(self):
        name = self.daemon.service("good", SLEEPER)
        self.daemon.start(name)
        self.daemon.wait_main_pid(name)
        for verb in (["stop", "start"], ["restart"]):
            for word in verb:
                self.daemon.nines(word, name)
        rows = wait_until(lambda: len(rows := self.daemon.intervals(name)) == 2 and
                          all(r["duration_ns"] is not None for r in rows) and rows, "2 downtimes")
        self.assertEqual([row["planned"] for row in rows], [1, 1])
        self.assert_no_overlap(rows, name)

    def test_events_since(self):
        name = self.daemon.service("good", SLEEPER)
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        ready = self.daemon.wait_event("unit.ready", name)[0]
        harness.kill(pid)
        self.daemon.wait_event("unit.ready", name, count=2)
        def kinds(*arguments):
            out = self.daemon.nines("--json", "events", "--unit", name, *arguments).stdout
            return [json.loads(line)["kind"] for line in out.splitlines()]
        self.assertIn("unit.exit", kinds("--since", "1h"))
        self.assertEqual(kinds("--since", "1h").count("unit.ready"), 2)
        self.assertEqual(kinds("--since", "2099-01-01T00:00:00Z"), [])
        self.assertEqual(len(kinds("-n", "1")), 1)
        self.assertEqual(self.code("events", "--since", "yesterday-ish"), USAGE)
        self.assertTrue(ready["time"])

    def test_following_goes_on_over_a_kill_of_both(self):
        """Not one event twice, not one missing: those of the successor's adoption too."""
        name = self.daemon.service("good", SLEEPER)
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        command = [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "--json",
                   "events", "--follow"]
        out = self.daemon.work / "followed"
        with open(out, "wb") as file:
            follower = subprocess.Popen(command, stdout=file, stdin=subprocess.DEVNULL)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        def followed():
            lines = [line for line in out.read_text().splitlines() if line]
            return [json.loads(line)["id"] for line in lines]
        wait_until(followed, "it follows")
        self.daemon.kill_both()
        harness.kill(pid)
        self.daemon.start()
        self.daemon.wait_event("unit.ready", name, count=2)
        def stored():
            return [row["id"] for row in self.daemon.events(limit=1000)]
        wait_until(lambda: set(stored()) == set(followed()), "it has all of them")
        self.assertEqual(len(followed()), len(set(followed())), "none twice")
        self.assertEqual(follower.poll(), None)
        after = followed()[1]
        again = self.daemon.nines("--json", "events", "--after", after, "-n", "1").stdout
        self.assertEqual([json.loads(line)["id"] for line in again.splitlines()], followed()[2:])
        self.assertEqual(self.code("events", "--after", "no-such-event"), NO_SUCH_UNIT)

    def test_another_user(self):
        prefix = harness_env.as_ordinary_user()
        name = self.daemon.service("good", SLEEPER)
        os.chmod(self.daemon.home, 0o755)
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        for verb in (["status"], ["stop", name], ["daemon", "reexec"]):
            done = subprocess.run(
                [*prefix, harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), *verb],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, DENIED, (verb, done.stdout, done.stderr))
        self.assertEqual(self.daemon.wait_main_pid(name), pid)

    def test_a_refused_unit_leaves_nothing(self):
        self.daemon.start()
        kept = self.daemon.run_dir / "transient"
        good = "[Service]\nExecStart=/bin/true\n"
        bad = "[Service]\nType=simple\n"

        def load(text):
            self.daemon.request("POST", "/v1/units/load", {"name": "made.service", "text": text})
        with self.assertRaises(harness.ApiError):
            load(bad)
        self.assertEqual(list(kept.iterdir()), [])
        load(good)
        with self.assertRaises(harness.ApiError):
            load(bad)
        self.assertEqual((kept / "made.service").read_text(), good)

    def test_a_directory_on_a_disk_is_said_once(self):
        kind = subprocess.run(["stat", "--file-system", "--format=%T", str(self.daemon.home)],
                              capture_output=True, text=True, check=True).stdout.strip()
        self.daemon.start()
        worker = self.daemon.status()["pid"]
        self.daemon.kill_worker()
        self.daemon.wait_new_worker(worker)
        said = self.daemon.log_path.read_text().count(f"{self.daemon.run_dir} is on a disk")
        self.assertEqual(said, 0 if kind in ("tmpfs", "ramfs") else 1)

    def keep(self, *words, wait=True):
        """`nines keep` without a daemon. @return (process, its private directory)."""
        process = subprocess.Popen(
            [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "keep", *words],
            cwd=self.daemon.work, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "NINES_TEST_HOME": str(self.daemon.home),
                 "NINES_UNIT_PATH": f"{self.daemon.unit_dir}:"})
        directory = Path(process.stderr.readline().split("--runtime-dir ")[1].split()[0])
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(harness_env.stop_process, process)
        if wait:
            process.communicate(timeout=harness.DEADLINE_S)
        return process, directory

    def test_keep_in_the_foreground_leaves_nothing(self):
        for words, code in ((["--", "true"], 0), (["--", "/no/such/program"], 1)):
            process, directory = self.keep(*words)
            self.assertEqual(process.returncode, code, words)
            self.assertFalse(directory.exists(), words)
        script = self.long_script()
        process, directory = self.keep("--", script, wait=False)
        wait_until((self.daemon.work / "began").exists, "it runs")
        process.terminate()
        process.communicate(timeout=harness.DEADLINE_S)
        self.assertFalse(directory.exists())

    def long_script(self):
        """Says that it began, and runs until it is told to end. @return its path."""
        script = self.daemon.work / "script"
        script.write_text("#!/bin/sh\n: >began\nwhile test ! -e end; do sleep 0.1; done\n")
        script.chmod(0o755)
        return str(script)

    def workers(self):
        """Of the foreground daemon, which the harness does not know."""
        return [p for p in harness.all_pids()
                if harness.environment_of(p).get("NINES_TEST_HOME") == str(self.daemon.home) and
                Path(f"/proc/{p}/comm").read_text() == "ninesd\n"]

    def test_keep_in_the_foreground_killed(self):
        """A successor of the worker needs the directory, and removes it in the end."""
        process, directory = self.keep("--", self.long_script(), wait=False)
        wait_until((self.daemon.work / "began").exists, "it runs")
        worker = self.workers()[0]
        harness.kill(worker)
        wait_until(lambda: (now := self.workers()) and worker not in now, "another")
        self.assertTrue(directory.exists())
        (self.daemon.work / "end").touch()
        process.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(process.returncode, 0)
        self.assertFalse(directory.exists())


if __name__ == "__main__":
    harness.main()
