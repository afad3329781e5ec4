"""The machine's core_pattern, which tests change and give back, one at a time on the whole machine."""

import contextlib
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

import harness
import harness_env
from harness import wait_until

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
# Whoever changes the pattern of this machine holds it.
_LOCK = "/tmp/nines-core-pattern.lock"


def need_core_socket():
    release = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
    if os.geteuid() != 0 or release < (6, 17) or not os.access(CORE_PATTERN, os.W_OK):
        raise unittest.SkipTest("needs root, Linux 6.17 and a /proc/sys that can be written to")


@contextlib.contextmanager
def restored_core_pattern():
    """Whatever is done to it inside is undone. In a child (in_own_mounts) it is ours already."""
    with open(_LOCK, "a", encoding="utf-8") as lock:
        mine = "NINES_TEST_CORE_PATTERN" not in os.environ
        if mine:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.environ["NINES_TEST_CORE_PATTERN"] = "held"
        before = CORE_PATTERN.read_text()
        try:
            yield before.rstrip("\n")
        finally:
            CORE_PATTERN.write_text(before)
            if mine:
                del os.environ["NINES_TEST_CORE_PATTERN"]


@contextlib.contextmanager
def core_pattern(pattern):
    with restored_core_pattern():
        CORE_PATTERN.write_text(pattern + "\n")
        yield


def unpacked(core):
    """What plain zstd makes of a whole core."""
    return subprocess.run([harness.need_program("zstd"), "-dcq", str(core)],
                          stdout=subprocess.PIPE, check=True).stdout


def held_echo(daemon, nines=""):
    """A server whose socket is held for it. @return (its unit, the socket's, the port)."""
    port = harness.free_port()
    daemon.socket_unit("held", f"ListenStream=127.0.0.1:{port}")
    name = daemon.service(
        "held", "Type=notify\nLimitCORE=infinity\nRestart=always\n"
        f"ExecStart={harness.target('echo_server')} --notify",
        unit="Requires=held.socket\nAfter=held.socket", nines=nines)
    return name, "held.socket", port


class CoreSocketTest(unittest.TestCase):
    """A core socket of the test's own, and nines-crash without a daemon."""

    @classmethod
    def setUpClass(cls):
        need_core_socket()

    def setUp(self):
        self.dir = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="nines-test-")))
        self.listener = self.enterContext(
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
        self.path = self.dir / "core.sock"
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        self.listener.settimeout(harness.DEADLINE_S)

    def pattern(self):
        return core_pattern("@@" + str(self.path))

    def connection_of(self, process):
        """The kernel's; those of other programs that crash meanwhile are let go."""
        while True:
            connection, _ = self.listener.accept()
            pid, = struct.unpack_from("i", connection.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if pid == process.pid:
                return connection
            connection.close()

    def catcher(self, connection, directory, *options):
        """nines-crash, which takes what comes over the connection."""
        return subprocess.Popen([harness.binary("nines-crash"), *options, str(directory)],
                                pass_fds=(3,), preexec_fn=lambda: os.dup2(connection.fileno(), 3),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def keep_whole(self, process, connection):
        catcher = self.catcher(connection, self.dir / "kept", "--core", "full")
        _, err = catcher.communicate(timeout=harness.DEADLINE_S)
        self.assertEqual(catcher.returncode, 0, f"of {process.pid}: {err}")


class CrashTest(harness.DaemonTest):
    """A daemon whose core socket the kernel is told to use."""

    @classmethod
    def setUpClass(cls):
        need_core_socket()

    def setUp(self):
        super().setUp()
        self.enterContext(restored_core_pattern())
        self.started = []
        self.addCleanup(self.end_started)

    @property
    def store(self):
        return self.daemon.state_dir / "crashes"

    def start_daemon(self, *units, **options):
        self.daemon.start(*units, **options)
        self.point_kernel_at_us()

    def point_kernel_at_us(self):
        CORE_PATTERN.write_text(f"@@{self.daemon.run_dir}/core.sock\n")

    def crash_elsewhere(self, *command):
        """A program that nobody supervises; @return its Popen."""
        process = subprocess.Popen(command or [harness.target("crash_threads"), "1", "1"],
                                   cwd=self.daemon.work, stdin=subprocess.DEVNULL)
        self.started.append(process)
        return process

    def end_started(self):
        for process in self.started:
            harness_env.stop_process(process)

    def captured(self, count, kind="crash.captured", **wanted):
        def matching():
            events = [e for e in self.daemon.events(kind=kind)
                      if all(str(e["detail"].get(k)) == str(v) for k, v in wanted.items())]
            return events if len(events) >= count else None
        return wait_until(matching, lambda: f"{count} {kind}; there are "
                          f"{[(e['kind'], e['detail']) for e in self.daemon.events()][-8:]}")

    def assert_whole(self, directory, leftover=False):
        """@param leftover  half a whole core may be there: it is being written, or its nines-crash was
        killed."""
        directory = Path(directory)
        self.assertEqual(directory.stat().st_mode & 0o777, 0o700)
        names = {p.name for p in directory.iterdir()}
        optional = {"diagnosis.json", "core.zst", "log.txt"} | ({"core.zst.part"} if leftover else set())
        self.assertEqual(names - optional, {"capture.json", "core", "facts.json"})
        for path in directory.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
            self.assertEqual(path.stat().st_uid, 0)
        return json.loads((directory / "facts.json").read_text())

    def assert_nothing_left(self):
        """No half directory, no record, no process of ours but the daemon's."""
        wait_until(lambda: not list((self.daemon.run_dir / "crashes").iterdir()), "no records left")
        self.assertEqual([p for p in self.store.iterdir() if p.name.endswith(".part")], [])
