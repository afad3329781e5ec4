"""The cases of tools/bench crash with a program that is not started again: how long until its whole
core is on the disk, and how long it was held for stage 1."""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from core_handlers import NinesSocket, ZstdPipe, unpacked_size
from peers import Nines, processes, units
from report import Row

SPEED = "core/1GiB"
STAGE1 = "32threads"
_MIB = 1024
_THREADS = 32
_LIMIT_S = 120
_VICTIM = Path(__file__).resolve().parent / "mixed_memory.py"


class _Once(Nines):
    """Keeps one program until its first end."""

    def keep(self, command, crash_core):
        """@return what takes its core."""
        self._begin()
        handler = NinesSocket(self)
        handler.arm()  # before there is anything to crash
        service = units.service(command, nines=f"[X-Nines]\nCrashCore={crash_core}\n")
        self.write("units/bench.service",
                   service.replace("Restart=always", "Restart=no\nLimitCORE=infinity"))
        self._daemon(["bench.service"])
        return handler


def _wait_for(path):
    deadline = time.monotonic() + _LIMIT_S
    while not path.exists():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {path} within {_LIMIT_S} s")
        time.sleep(0.005)
    return path.read_text(encoding="utf-8")


def _seconds_to_core(handler, ready):
    pid = int(_wait_for(ready))
    handler.arm()
    time.sleep(0.5)
    begun = time.monotonic()
    os.kill(pid, signal.SIGSEGV)
    complete, core = handler.take()
    if unpacked_size(core) < _MIB << 20:
        raise RuntimeError(f"{core} is not whole")
    handler.forget()
    return complete - begun


def _by_pipe(pipe, directory):
    ready = directory / "ready-pipe"
    victim = processes.spawn([sys.executable, str(_VICTIM), str(_MIB), str(ready)], signal.SIGKILL)
    try:
        return _seconds_to_core(pipe, ready)
    finally:
        victim.kill()
        victim.wait()
        ready.unlink()


def _by_nines(nines, directory):
    ready = directory / "ready-nines"
    handler = nines.keep([sys.executable, str(_VICTIM), str(_MIB), str(ready)], "full")
    try:
        return _seconds_to_core(handler, ready)
    finally:
        nines.stop()
        ready.unlink()


def writing(tools, n, progress):
    """In turns with a bare pipe, which is what the disk and zstd can do. @return the Row."""
    nines = _Once(tools.build_directory)
    nines.check()
    pipe = ZstdPipe()
    samples = {Nines.name: [], pipe.name: []}
    try:
        with tempfile.TemporaryDirectory(prefix="nines-bench-") as name:
            for i in range(n):
                progress(f"{SPEED}: core {i + 1} of {n}")
                samples[pipe.name].append(_by_pipe(pipe, Path(name)))
                samples[Nines.name].append(_by_nines(nines, Path(name)))
    finally:
        pipe.close()
    return Row(bench="crash", case=SPEED, metric="core_written", unit="s", ours=Nines.name,
               samples=samples)


def _held_ms(nines, tools):
    """@return how long a program with many threads was held, as nines-crash says itself."""
    handler = nines.keep([tools.target("crash_threads"), str(_THREADS), "1"], "minimal")
    try:
        return json.loads(handler.take_minimal().read_text(encoding="utf-8"))["us"] / 1000
    finally:
        nines.stop()


def stage1(tools, n, progress):
    """@return the Row: there is no peer."""
    nines = _Once(tools.build_directory)
    nines.check()
    samples = []
    for i in range(n + 1):
        progress(f"{STAGE1}: crash {i} of {n}")
        held = _held_ms(nines, tools)
        if i > 0:  # the first brings programs into the page cache
            samples.append(held)
    return Row(bench="crash", case=STAGE1, metric="stage1", unit="ms", ours=Nines.name,
               samples={Nines.name: samples})
