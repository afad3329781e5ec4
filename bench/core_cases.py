"""The cases of tools/bench crash that crash a kept server, whose whole core is kept."""

import json
import subprocess
import time
from dataclasses import dataclass

import crash_cases
from core_handlers import NinesSocket, ZstdPipe, unpacked_size
from peers import Missing, Nines
from report import Row

LIMIT_MS = 180000


@dataclass(frozen=True)
class Case:
    name: str
    mib: int


CASES = (Case("10MiB", 10), Case("1GiB", 1024), Case("4GiB", 4096))


class _Contestant:
    """A supervisor that keeps a server, and what takes that one's cores."""

    def __init__(self, supervisor, handler, case, tools):
        self.supervisor = supervisor
        self.handler = handler
        self.replies, self.cores = [], []
        self._mib = case.mib
        self._client = tools.crash_client
        self._server = tools.target("echo_server")
        self._looked_at = False

    def crash(self):
        port = crash_cases.free_port(())
        command = [self._server, str(port), "--mib", str(self._mib)]
        command += ["--fill", "background", "--core", "unlimited"]
        self.supervisor.start(command, port, held=self.supervisor.can_hold)
        try:
            self.handler.arm()
            done = subprocess.run(
                [self._client, str(port), "--gap-ms", "1500", "--limit-ms", str(LIMIT_MS)],
                stdout=subprocess.PIPE, check=False)
            replied = time.monotonic()
            if done.returncode != 0:
                raise RuntimeError(f"{self.supervisor.name}: the server did not come back within "
                                   f"{LIMIT_MS} ms\n{self.supervisor.log()[-4000:]}")
            reply_ms = json.loads(done.stdout)["ms"]
            complete, core = self.handler.take()
            self.replies.append(reply_ms)
            self.cores.append(complete - (replied - reply_ms / 1000))
            if not self._looked_at and unpacked_size(core) < self._mib << 20:
                raise RuntimeError(f"{self.supervisor.name}: {core} is not whole")
            self._looked_at = True
            self.handler.forget()
        finally:
            self.supervisor.stop()


def _check_memory(mib):
    with open("/proc/meminfo", encoding="ascii") as file:
        available = next(int(l.split()[1]) for l in file if l.startswith("MemAvailable:"))
    if available < (2 * mib + 1024) * 1024:
        raise Missing(f"needs {2 * mib + 1024} MiB of free memory")


def crash_to_reply(case, supervisors, tools, n, progress):
    """Crashes every supervisor's server n times, in turns; each is started for its crash alone, so
    that never more than two instances of the server are there. @return the case's Rows."""
    _check_memory(case.mib)
    pipe = ZstdPipe()
    try:
        contestants = [
            _Contestant(s, NinesSocket(s) if s.name == Nines.name else pipe, case, tools)
            for s in supervisors]
        for i in range(n):
            for contestant in contestants:
                progress(f"{case.name}: {contestant.supervisor.name}, crash {i + 1} of {n}")
                contestant.crash()
    finally:
        pipe.close()
    notes = {s.name: "socket unit" if s.can_hold else "pipe to zstd" for s in supervisors}
    notes["systemd"] = "socket unit, pipe to zstd"
    for metric, unit, values in (("crash_to_reply", "ms", "replies"), ("core_kept", "s", "cores")):
        samples = {c.supervisor.name: getattr(c, values) for c in contestants}
        yield Row(bench="crash", case=case.name, metric=metric, unit=unit, ours=Nines.name,
                  samples=samples, notes={n: notes[n] for n in samples})
