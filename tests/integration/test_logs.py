"""What a unit prints: kept, shown, followed, rotated, and never a reason for it to die."""

import json
import os
import signal
import subprocess
import unittest

import harness
from harness import wait_until

MAX_KIB_OF_A_SPAMMER = 200 * 1024


class Logs(harness.DaemonTest):
    def lines(self, unit, count=1000):
        """Only what the unit wrote, not the supervisor's remarks."""
        out = self.daemon.nines("--json", "logs", "-n", str(count), unit).stdout
        return [doc["text"] for doc in map(json.loads, out.splitlines()) if doc["stream"] != "nines"]

    def printer(self, script, **options):
        return self.daemon.service(
            "printer", f"ExecStart=/bin/sh -c '{script}; exec sleep 1000000'", **options)

    def test_both_streams_in_order(self):
        name = self.printer("echo one; echo two >&2; echo three")
        self.daemon.start(name)
        wait_until(lambda: self.lines(name) == ["one", "two", "three"],
                   lambda: f"three lines: {self.lines(name)}")
        self.assertEqual(self.lines(name, 2), ["two", "three"])
        plain = self.daemon.nines("logs", "--plain", "-n", "1", name).stdout
        self.assertIn("three", plain)

    def test_nothing_printed_and_no_such_unit(self):
        name = self.printer("true")
        self.daemon.start(name)
        self.daemon.wait_main_pid(name)
        self.assertEqual(self.lines(name), [])
        self.assertEqual(self.daemon.nines("logs", "nowhere", check=False).returncode, 5)

    def test_follow(self):
        feed = self.daemon.work / "feed"
        os.mkfifo(feed)
        name = self.daemon.service("printer", f"ExecStart=/bin/sh -c 'echo old; exec cat <>{feed}'")
        self.daemon.start(name)
        wait_until(lambda: self.lines(name) == ["old"], "it has begun")
        follower = subprocess.Popen(
            [harness.binary("nines"), "--runtime-dir", str(self.daemon.run_dir), "logs", "-f",
             "--plain", name], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.assertIn("old", follower.stdout.readline())
        for word in ("new", "newer"):
            feed.write_text(word + "\n")
            self.assertIn(word, follower.stdout.readline())
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.wait(timeout=harness.DEADLINE_S), 0)

    def test_writers_survive_us(self):
        """Nobody reads the pipe for a while: no SIGPIPE, no line lost, none twice."""
        name = self.daemon.service(
            "spammer", f"ExecStart={harness.target('log_spammer')} --lines-per-s 200")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        for _ in range(3):
            before = len(self.lines(name, 10_000))
            self.daemon.kill_both()
            self.assertTrue(harness.alive(pid))
            self.daemon.start()
            wait_until(lambda before=before: len(self.lines(name, 10_000)) > before + 50,
                       "it goes on printing")
        self.assertEqual(self.daemon.wait_main_pid(name), pid)
        numbers = [int(line.split()[0]) for line in self.lines(name, 10_000)]
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_rotation_and_neighbours(self):
        """As fast as it can: its files stay bounded, and the others are looked after."""
        port = harness.free_port()
        spammer = self.daemon.service(
            "spammer", f"ExecStart={harness.target('log_spammer')} --bytes 200")
        echo = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "Restart=always\nRestartSec=0")
        self.daemon.start(spammer, echo)
        pid = self.daemon.wait_main_pid(echo)
        files = lambda: [f for f in self.daemon.state_dir.rglob("spammer.service*") if f.is_file()]
        wait_until(lambda: len(files()) > 1, "it has been rotated", deadline_s=120)
        for _ in range(5):
            harness.order(port, "X 1")
            pid = self.daemon.wait_main_pid(echo, other_than=pid)
        self.daemon.wait_main_pid(spammer)
        self.assertLess(sum(f.stat().st_size for f in files()) // 1024, MAX_KIB_OF_A_SPAMMER)
        # What is there is whole lines in order, over the rotation too.
        self.daemon.act_ok("stop", spammer)
        numbers = [int(line.split()[0]) for line in self.lines(spammer, 2000) if line[:1].isdigit()]
        self.assertGreater(len(numbers), 100)
        self.assertEqual(numbers, sorted(set(numbers)))


if __name__ == "__main__":
    harness.main()
