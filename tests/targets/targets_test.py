#!/usr/bin/python3
"""Every program of the zoo does the one thing that it is named for.

    targets_test.py DIRECTORY
"""

import array
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

TARGETS = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
WAIT_S = 20


def wait_until(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("gave up waiting")
        time.sleep(0.005)


class Target(unittest.TestCase):
    """Each test has a directory, a notify socket, and its programs ended at the end."""

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.notify.settimeout(WAIT_S)
        self.notify.bind(self.path("notify"))
        self.addCleanup(self.notify.close)

    def path(self, name):
        return os.path.join(self._directory.name, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def start(self, program, *arguments, environment=None, **options):
        variables = {**os.environ, "NOTIFY_SOCKET": self.path("notify"), **(environment or {})}
        process = subprocess.Popen(
            [os.path.join(TARGETS, program), *arguments], env=variables, **options
        )
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()

    def message(self):
        """@return (text, [fd], pid of the sender) of the next notification."""
        space = socket.CMSG_SPACE(12) + socket.CMSG_SPACE(16)
        data, ancillary, _, _ = self.notify.recvmsg(4096, space)
        fds, pid = array.array("i"), None
        for _, kind, payload in ancillary:
            if kind == socket.SCM_RIGHTS:
                fds.frombytes(payload)
            elif kind == socket.SCM_CREDENTIALS:
                pid = array.array("i", payload)[0]
        return data.decode(), list(fds), pid

    def quiet(self):
        return not select.select([self.notify], [], [], 0.3)[0]


class EchoServer(Target):
    def serve(self, *arguments):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        fd = listener.fileno()
        process = self.start("echo_server", "--fd", str(fd), *arguments, pass_fds=(fd,))
        self.address = listener.getsockname()
        return process

    def ask(self, line):
        with socket.create_connection(self.address, timeout=WAIT_S) as connection:
            connection.sendall(line.encode() + b"\n")
            try:
                return connection.recv(1000).decode()
            except ConnectionResetError:
                return ""

    def test_answers(self):
        process = self.serve("--mib", "2")
        self.assertTrue(self.message()[0].startswith("READY=1"))
        self.assertEqual(self.ask("P"), f"{process.pid} 1\n")
        self.assertEqual(self.ask("E hello there"), "hello there\n")
        self.assertEqual(self.ask("M 1"), "ok\n")
        self.assertEqual(self.ask("?"), "unknown command\n")

    def test_dies_as_told(self):
        for line, status in (
            ("C", -signal.SIGSEGV),
            ("A", -signal.SIGABRT),
            ("X 42", 42),
            ("S 9", -signal.SIGKILL),
        ):
            process = self.serve("--core", "off")
            self.ask(line)
            self.assertEqual(process.wait(WAIT_S), status, line)
            process = self.serve("--core", "off", "--die-with", line, "--die-after", "1")
            self.assertEqual(process.wait(WAIT_S), status, line)

    def test_hangs(self):
        process = self.serve()
        with socket.create_connection(self.address) as one:
            one.sendall(b"H\n")
            one.settimeout(0.3)
            self.assertRaises(TimeoutError, one.recv, 1)
        self.assertIsNone(process.poll())

    def test_several_connections_stay_open(self):
        self.serve()
        with socket.create_connection(self.address) as a, socket.create_connection(self.address) as b:
            for connection in (a, b, a):
                connection.sendall(b"E x\n")
                self.assertEqual(connection.recv(10), b"x\n")

    def test_takes_the_listener_of_listen_fds(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        script = "exec 3<&$FD; LISTEN_PID=$$ LISTEN_FDS=1 exec $0"
        variables = {**os.environ, "FD": str(listener.fileno())}
        process = subprocess.Popen(
            ["/bin/sh", "-c", script, os.path.join(TARGETS, "echo_server")],
            env=variables,
            pass_fds=(listener.fileno(),),
        )
        self.addCleanup(self._end, process)
        self.address = listener.getsockname()
        self.assertEqual(self.ask("P"), f"{process.pid} 1\n")


class Daemons(Target):
    def test_forking_daemon_is_there_when_the_starter_ends(self):
        starter = self.start("forking_daemon", self.path("pid"))
        self.assertEqual(starter.wait(WAIT_S), 0)
        pid = int(self.read("pid"))
        self.assertNotEqual(pid, starter.pid)
        os.kill(pid, signal.SIGKILL)

    def test_fork_children_leaves_grandchildren(self):
        main = self.start("fork_children", "--pids", self.path("pids"), "--exit", "5", "2")
        self.assertEqual(main.wait(WAIT_S), 5)
        pids = [int(line) for line in self.read("pids").split()]
        self.assertEqual(len(pids), 2)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)  # raises when it is not there

    def test_ignores_sigterm(self):
        process = self.start("ignores_sigterm")
        self.assertEqual(self.message()[0], "READY=1")
        process.terminate()
        self.assertRaises(subprocess.TimeoutExpired, process.wait, 0.3)
        process.kill()
        self.assertEqual(process.wait(WAIT_S), -signal.SIGKILL)


class Notifiers(Target):
    def test_watchdog_pinger_falls_silent(self):
        process = self.start("watchdog_pinger", environment={"WATCHDOG_USEC": "20000"})
        self.assertEqual(self.message()[0], "READY=1")
        self.assertEqual([self.message()[0] for _ in range(3)], ["WATCHDOG=1"] * 3)
        process.send_signal(signal.SIGUSR1)
        wait_until(self.quiet)
        self.assertIsNone(process.poll())

    def test_fd_storer_counts_its_starts(self):
        first = self.start("fd_storer", self.path("count"))
        text, fds, _ = self.message()
        self.assertEqual((text, len(fds)), ("FDSTORE=1\nFDNAME=counter", 1))
        self.addCleanup(os.close, fds[0])
        self.assertIn("READY=1", self.message()[0])
        first.kill()
        script = "exec 3<&$FD; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=counter exec $0 $1"
        variables = {**os.environ, "FD": str(fds[0]), "NOTIFY_SOCKET": self.path("notify")}
        program = os.path.join(TARGETS, "fd_storer")
        second = subprocess.Popen(
            ["/bin/sh", "-c", script, program, self.path("count")], env=variables, pass_fds=fds
        )
        self.addCleanup(self._end, second)
        self.assertIn("started 2 times", self.message()[0])
        self.assertEqual(self.read("count"), "2\n")
        second.send_signal(signal.SIGUSR1)
        self.assertEqual(self.message()[0], "FDSTOREREMOVE=1\nFDNAME=counter")

    def test_notify_chain_speaks_through_a_grandchild(self):
        main = self.start("notify_chain", "--take-over")
        text, _, pid = self.message()
        self.assertTrue(text.startswith(f"MAINPID={pid}\nREADY=1"), text)
        self.assertNotEqual(pid, main.pid)
        self.assertEqual(main.wait(WAIT_S), 0)
        os.kill(pid, signal.SIGKILL)

    def test_slow_starter_asks_for_time(self):
        self.start("slow_starter", "--extend", "250")
        texts = [self.message()[0] for _ in range(4)]
        self.assertEqual(texts, ["EXTEND_TIMEOUT_USEC=500000"] * 3 + ["READY=1"])


class Eaters(Target):
    def test_crash_loop_counts(self):
        for _ in range(3):
            self.assertEqual(self.start("crash_loop", "--count", self.path("n"), "7").wait(WAIT_S), 7)
        self.assertEqual(self.read("n"), "xxx")
        self.assertEqual(self.start("crash_loop", "--signal", "15").wait(WAIT_S), -signal.SIGTERM)

    def test_oom_eater_stops_at_its_cap(self):
        self.assertEqual(self.start("oom_eater", "--cap-mib", "4").wait(WAIT_S), 3)

    def test_leaker_grows(self):
        process = self.start("leaker", "--mib-per-s", "20", "--fds-per-s", "20", "--threads-per-s", "20")
        self.assertEqual(self.message()[0], "READY=1")
        proc = f"/proc/{process.pid}"

        def rss_pages():
            with open(f"{proc}/statm", encoding="ascii") as file:
                return int(file.read().split()[1])

        fds, threads, pages = len(os.listdir(f"{proc}/fd")), len(os.listdir(f"{proc}/task")), rss_pages()
        wait_until(lambda: len(os.listdir(f"{proc}/fd")) >= fds + 3)
        wait_until(lambda: len(os.listdir(f"{proc}/task")) >= threads + 3)
        wait_until(lambda: rss_pages() >= pages + 512)

    def test_log_spammer_numbers_its_lines(self):
        process = self.start("log_spammer", "--total", "1000", "--bytes", "40", stdout=subprocess.PIPE)
        lines = process.stdout.read().decode().splitlines()
        self.assertEqual([int(line.split()[0]) for line in lines], list(range(1000)))
        self.assertEqual({len(line) for line in lines}, {39})


class Reporters(Target):
    def test_announcer_says_its_pid(self):
        with open(self.path("roll"), "w", encoding="ascii"):
            pass
        process = self.start("announcer", self.path("roll"))
        wait_until(lambda: self.read("roll") == f"{process.pid}\n")

    def test_env_dump_tells_what_it_was_given(self):
        awkward = 'a"b\\c\nd'
        process = self.start(
            "env_dump",
            "--stay",
            "one two",
            self.path("dump"),
            environment={"AWKWARD": awkward, "EMPTY": ""},
            cwd=self.path(""),
            umask=0o027,
        )
        self.assertEqual(self.message()[0], "READY=1")
        dump = json.loads(self.read("dump"))
        self.assertEqual(dump["argv"][1:], ["--stay", "one two", self.path("dump")])
        self.assertEqual(dump["environment"]["AWKWARD"], awkward)
        self.assertEqual(dump["environment"]["EMPTY"], "")
        self.assertEqual((dump["pid"], dump["umask"]), (process.pid, 0o027))
        self.assertEqual(dump["cwd"], os.path.realpath(self.path("")))
        self.assertEqual(dump["affinity"], sorted(os.sched_getaffinity(0)))
        self.assertEqual(dump["listen"], {"fds": 0, "names": []})


if __name__ == "__main__":
    unittest.main()
