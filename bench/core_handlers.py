"""What the kernel gives a core to, in turns: the pattern is the whole machine's, and is given back."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from peers import Missing

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
#: Whoever changes it on this machine, tests too, holds this.
_LOCK = "/tmp/nines-core-pattern.lock"
_LIMIT_S = 180


@contextlib.contextmanager
def core_pattern_kept():
    """Whatever is written to it inside is undone."""
    if os.geteuid() != 0 or not os.access(CORE_PATTERN, os.W_OK):
        raise Missing("core_pattern: needs root and a /proc/sys that can be written to")
    with open(_LOCK, "a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = CORE_PATTERN.read_text()
        try:
            yield
        finally:
            CORE_PATTERN.write_text(before)


def _wait_for(condition, what):
    deadline = time.monotonic() + _LIMIT_S
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} within {_LIMIT_S} s")
        time.sleep(0.002)


class CoreHandler:
    """Takes cores, one at a time."""

    name = ""

    def pattern(self):
        raise NotImplementedError

    def _kept(self):
        """@return the whole cores that are complete."""
        raise NotImplementedError

    def take(self):
        """Waits for the one that is being written. @return (when it was complete, its path)."""
        core = _wait_for(self._kept, f"{self.name} kept no whole core")[0]
        return time.monotonic(), core

    def forget(self):
        """Removes all that was kept."""
        raise NotImplementedError

    def arm(self):
        CORE_PATTERN.write_text(self.pattern() + "\n")


class ZstdPipe(CoreHandler):
    """What one writes oneself: a pipe into zstd, the file whole or absent."""

    name = "pipe to zstd -1 -T2"

    def __init__(self):
        if shutil.which("zstd") is None:
            raise Missing("zstd is not installed; run: tools/install-deps bench")
        self._directory = Path(tempfile.mkdtemp(prefix="nines-bench-cores-"))
        self._script = self._directory / "handler"
        self._script.write_text(
            f"#!/bin/sh\nzstd -1 -T2 -q -o {self._directory}/$1.part && "
            f"mv {self._directory}/$1.part {self._directory}/$1.zst\n")
        self._script.chmod(0o755)

    def pattern(self):
        return f"|{self._script} %P"

    def _kept(self):
        return list(self._directory.glob("*.zst"))

    def forget(self):
        for core in self._directory.glob("*.*"):
            core.unlink()

    def close(self):
        shutil.rmtree(self._directory, ignore_errors=True)


class NinesSocket(CoreHandler):
    """The core socket of a ninesd that a bench started."""

    name = "nines"

    def __init__(self, nines):
        self._nines = nines

    def pattern(self):
        return f"@@{self._nines.runtime}/core.sock"

    def _kept(self):
        return list(self._store().glob("*/core.zst"))

    def take_minimal(self):
        """@return what is told of the next crash, of which no whole core is kept."""
        told = _wait_for(lambda: list(self._store().glob("*[0-9a-f]/capture.json")),
                         "nines kept no crash")
        self._settle()
        return told[0]

    def forget(self):
        self._settle()
        for crash in self._store().iterdir():
            shutil.rmtree(crash)

    def _store(self):
        return Path(self._nines.state) / "crashes"

    def _settle(self):
        """Until nothing of nines works on a crash any more."""
        records = Path(self._nines.runtime) / "crashes"
        _wait_for(lambda: not list(records.iterdir()), "nines came to no end")


def unpacked_size(core):
    """@return bytes of the core in `core`, all of which are read."""
    with subprocess.Popen(["zstd", "-dcq", core], stdout=subprocess.PIPE) as zstd:
        size = 0
        while block := zstd.stdout.read(1 << 20):
            size += len(block)
    if zstd.returncode != 0:
        raise RuntimeError(f"zstd cannot read {core}")
    return size
