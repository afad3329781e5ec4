"""ninesd on private directories, and what it says while it works."""

import json
import os
import signal
import subprocess
import threading
import time

_STOP_S = 20.0
# The last of these tells whether a unit serves.
_TELLING = ("unit.ready", "unit.exit", "unit.crash", "unit.unhealthy")


class Ended(Exception):
    """ninesd, or what it was asked for, is not there."""


class Ninesd:
    """One daemon; `base` is an empty directory of its own."""

    def __init__(self, bin_directory, base, unit_path):
        self._bin = bin_directory
        self._base = base
        self._unit_path = unit_path
        self._process = None
        self._follower = None
        self._ending = False
        self._changed = threading.Condition()
        self._events = []
        self._seen = set()

    def start(self, units):
        with open(os.path.join(self._base, "ninesd.log"), "wb") as log:
            self._process = subprocess.Popen(
                [os.path.join(self._bin, "ninesd"), "--runtime-dir", self._path("run"),
                 "--state-dir", self._path("state"), "--unit-path", self._unit_path, *units],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        threading.Thread(target=self._follow, daemon=True).start()

    def stop(self):
        """@return its exit code; None if it had to be killed."""
        self._ending = True
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return None
        finally:
            # It would wait for the next daemon.
            if self._follower is not None:
                self._follower.terminate()
                self._follower.wait()

    def nines(self, *arguments):
        """@return what `nines` prints; raises Ended with its message when it fails."""
        command = [os.path.join(self._bin, "nines"), "--runtime-dir", self._path("run")]
        result = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise Ended(f"nines {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def worker_pid(self):
        return json.loads(self.nines("--json", "daemon", "status"))["pid"]

    def mark(self):
        """A place in the stream of events, for wait_for()."""
        with self._changed:
            return len(self._events)

    def wait_for(self, unit, kind, mark, timeout_s):
        """The events of `unit` from `mark` on, up to the first of `kind`. None after timeout_s."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                found = [e for e in self._events[mark:] if e["subject"] == unit]
                for index, event in enumerate(found):
                    if event["kind"] == kind:
                        return found[: index + 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    return None
                self._changed.wait(min(left, 0.2))

    def current(self, unit, timeout_s):
        """The unit.ready of the instance that serves now, waiting for one. None after timeout_s."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                told = [e for e in self._events if e["subject"] == unit and e["kind"] in _TELLING]
                if told and told[-1]["kind"] == "unit.ready":
                    return told[-1]
                left = deadline - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    return None
                self._changed.wait(min(left, 0.2))

    def count(self, kind):
        with self._changed:
            return sum(event["kind"] == kind for event in self._events)

    def log_text(self):
        with open(os.path.join(self._base, "ninesd.log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def _path(self, name):
        return os.path.join(self._base, name)

    def _follow(self):
        """Reads `nines events --follow`, again when the daemon it talked to was killed."""
        command = [os.path.join(self._bin, "nines"), "--runtime-dir", self._path("run"), "--json",
                   "events", "--follow"]
        while not self._ending:
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True) as follower:
                self._follower = follower
                for line in follower.stdout:
                    self._take(json.loads(line))
            time.sleep(0.02)

    def _take(self, event):
        with self._changed:
            if event["id"] not in self._seen:
                self._seen.add(event["id"])
                self._events.append(event)
                self._changed.notify_all()
