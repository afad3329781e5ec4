"""The cases that crash one kept server: how long until a client is answered again."""

import json
import socket
import subprocess
import time
from dataclasses import dataclass

from peers import Missing
from report import Row

#: Quiet time between two crashes of the same server. runit and s6 hold a service back that lived
#: for less than a second; that is not what is compared here.
_GAP_S = 1.5
LIMIT_MS = 30000
#: Outside the kernel's ephemeral ports, so that no client's port is ever in the way.
_PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Case:
    name: str
    mib: int
    #: The supervisor holds the listener, where it can.
    held: bool
    #: A warm spare, where there is such a thing.
    standby: bool = False


CASES = (
    Case("plain/10MiB", 10, held=False),
    Case("held/10MiB", 10, held=True),
    Case("standby/10MiB", 10, held=True, standby=True),
    Case("held/1GiB", 1024, held=True),
)


def free_port(taken):
    for port in _PORTS:
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def _check_memory(case, supervisors):
    """Old and new instance of each may be there together."""
    with open("/proc/meminfo", encoding="ascii") as file:
        available_kib = next(int(l.split()[1]) for l in file if l.startswith("MemAvailable:"))
    needed_mib = case.mib * (len(supervisors) + 2) + 256
    if available_kib < needed_mib * 1024:
        raise Missing(f"{case.name}: needs {needed_mib} MiB of free memory; try fewer --peers")


class _Contestant:
    """One supervisor with its server."""

    def __init__(self, peer, case, tools, port):
        self.peer = peer
        self.port = port
        self.samples = []
        self._client = tools.crash_client
        self._quiet_since = 0.0
        command = [tools.target("echo_server"), str(port), "--mib", str(case.mib)]
        command += ["--fill", "background", "--core", "off"]
        peer.start(command, port, held=case.held and peer.can_hold, standby=case.standby)

    def crash_once(self, count=True):
        time.sleep(max(0.0, self._quiet_since + _GAP_S - time.monotonic()))
        done = subprocess.run(
            [self._client, str(self.port), "--gap-ms", "20", "--limit-ms", str(LIMIT_MS)],
            stdout=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{self.peer.name}: the server did not come back within {LIMIT_MS} ms\n"
                f"{self.peer.log()[-4000:]}"
            )
        if count:
            self.samples.append(json.loads(done.stdout)["ms"])
        self._quiet_since = time.monotonic()


def run(case, supervisors, ours, tools, n, progress):
    """Crashes every supervisor's server n times, taking turns, so that whatever else the machine
    does meets all of them. @return the case's Row."""
    _check_memory(case, supervisors)
    contestants = []
    try:
        for peer in supervisors:
            port = free_port({c.port for c in contestants})
            contestants.append(_Contestant(peer, case, tools, port))
        for contestant in contestants:
            contestant.crash_once(count=False)  # page cache, first-start work
        for i in range(n):
            progress(f"{case.name}: crash {i + 1} of {n}, {len(contestants)} supervisors")
            turn = i % len(contestants)
            for contestant in contestants[turn:] + contestants[:turn]:
                contestant.crash_once()
    finally:
        for peer in supervisors:
            peer.stop()
    notes = {p.name: "socket unit" for p in supervisors if case.held and p.can_hold}
    if case.standby and ours in notes:
        notes[ours] = "socket unit, Standby=1"
    return Row(
        bench="supervise",
        case=case.name,
        metric="crash_to_reply",
        unit="ms",
        ours=ours,
        samples={c.peer.name: c.samples for c in contestants},
        notes=notes,
    )
