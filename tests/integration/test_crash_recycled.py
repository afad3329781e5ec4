"""A process that is killed while it is being looked at, and whose pid is somebody else's at once, a
thousand times: what is kept is of the one that crashed, or nothing is. In a pid namespace of its own,
so that pids can be chosen."""

import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import harness
import harness_core
from harness_core import core_pattern

TIMES = 1000
_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_VICTIM = ["/bin/sh", "-c", "kill -SEGV $$"]
_STRANGER = ["/bin/sleep", "60"]


class Recycled(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        harness_core.need_core_socket()

    def test_what_is_kept_is_of_the_one_that_crashed(self):
        with tempfile.TemporaryDirectory(prefix="nines-test-") as directory:
            with core_pattern(f"@@{directory}/core.sock"):
                done = subprocess.run(
                    ["unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child",
                     sys.executable, "-B", __file__, "--inside", directory], check=False,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                    timeout=harness.DEADLINE_S * 8)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = json.loads(done.stdout)
        self.assertEqual(told["wrong"], [])
        # Else nothing was tried.
        self.assertGreater(told["kept"], 0, told)
        self.assertGreater(told["refused"], 0, told)
        self.assertGreater(told["recycled_while_looked_at"], TIMES // 20, told)


class _Inside:
    """Everything here runs in the namespace."""

    def __init__(self, directory):
        self._directory = Path(directory)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._listener.bind(directory + "/core.sock")
        self._listener.listen(16)
        self._listener.settimeout(harness.DEADLINE_S)
        self._chance = random.Random(1)
        self.told = {"kept": 0, "refused": 0, "recycled_while_looked_at": 0, "wrong": []}

    def _victim(self):
        return subprocess.Popen(_VICTIM, env={"WHO": "victim"}, stderr=subprocess.DEVNULL)

    def _catcher(self, connection, kept):
        return subprocess.Popen([harness.binary("nines-crash"), str(kept)], pass_fds=(3,),
                                preexec_fn=lambda: os.dup2(connection.fileno(), 3),
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def _stranger(self, pid):
        """@return a process with this pid."""
        _LAST_PID.write_text(str(pid - 1))
        return subprocess.Popen(_STRANGER, env={"WHO": "stranger"})

    def once(self, i):
        kept = self._directory / "kept"
        victim = self._victim()
        connection, _ = self._listener.accept()
        with connection:
            catcher = self._catcher(connection, kept)
        # Anywhere between its start and its end.
        time.sleep(self._chance.uniform(0, 0.012))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        stranger = self._stranger(victim.pid)
        try:
            if stranger.pid == victim.pid and catcher.poll() is None:
                self.told["recycled_while_looked_at"] += 1
            said, _ = catcher.communicate(timeout=harness.DEADLINE_S)
            self._judge(i, catcher.returncode, said, kept)
        finally:
            stranger.kill()
            stranger.wait()

    def _judge(self, i, code, said, kept):
        wrong = []
        if "sleep" in said:
            wrong.append(said)
        if code == 0:
            self.told["kept"] += 1
            text = (kept / "facts.json").read_text()
            facts = json.loads(text)
            if "stranger" in text or facts["environment"].get("WHO") != "victim" \
                    or facts.get("command_line") != _VICTIM:
                wrong.append(text)
            for path in kept.iterdir():
                path.unlink()
            kept.rmdir()
        else:
            self.told["refused"] += 1
            wrong += [str(path) for path in self._directory.glob("kept*")]
        self.told["wrong"] += [f"{i}: {what}" for what in wrong]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        inside = _Inside(sys.argv[2])
        for attempt in range(TIMES):
            inside.once(attempt)
        print(json.dumps(inside.told))
    else:
        harness.main()
