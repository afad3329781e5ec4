"""The case with many units: how fast they start, and what the supervisor itself costs then."""

import fcntl
import os
import select
import tempfile
import time

from peers import processes
from report import Row

CASE = "1000units"
UNITS = 1000
#: Supervisors finish their start-up work (supervisord: a second after each start) before the
#: idle window begins.
SETTLE_S = 3.0
IDLE_S = 10.0
_START_LIMIT_S = 300.0


class _Roll:
    """A FIFO that every started program writes one line to."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "roll")
        os.mkfifo(self.path)
        # Opened for writing too: no end of file between two writers.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, 1 << 20)

    def wait_for(self, count, alive):
        """@return when `count` different processes had reported, on the monotonic clock."""
        deadline = time.monotonic() + _START_LIMIT_S
        text = b""
        while len(set(text.split(b"\n")[:-1])) < count:
            if time.monotonic() > deadline or not alive():
                seen = text.count(b"\n")
                raise RuntimeError(f"only {seen} of {count} units started")
            if select.select([self._fd], [], [], 0.2)[0]:
                text += os.read(self._fd, 1 << 16)
        return time.monotonic()

    def close(self):
        os.close(self._fd)


def _own_processes(program):
    """The supervisor's processes: whatever the bench started that is not one of the units."""
    return [
        pid
        for pid in processes.descendants(os.getpid())
        if not processes.is_program(pid, program)
        and not processes.is_program(pid, "/usr/bin/unshare")
    ]


def _measure_once(peer, program):
    """@return {metric: value} of one start."""
    with tempfile.TemporaryDirectory(prefix="nines-bench-roll-") as directory:
        os.chmod(directory, 0o755)
        roll = _Roll(directory)
        try:
            start = time.monotonic()
            peer.start_many([[program, roll.path]] * UNITS, directory)
            started = roll.wait_for(UNITS, peer.alive)
            time.sleep(SETTLE_S)
            own = _own_processes(program)
            before, cpu_before = time.monotonic(), sum(map(processes.cpu_seconds, own))
            time.sleep(IDLE_S)
            after, cpu_after = time.monotonic(), sum(map(processes.cpu_seconds, own))
            return {
                "start_s": started - start,
                "daemon_rss_mib": sum(map(processes.rss_bytes, own)) / 2**20,
                "idle_cpu_percent": 100 * (cpu_after - cpu_before) / (after - before),
            }
        except RuntimeError as error:
            raise RuntimeError(f"{peer.name}: {error}\n{peer.log()[-4000:]}") from None
        finally:
            peer.stop()
            roll.close()


_UNIT_OF = {"start_s": "s", "daemon_rss_mib": "MiB", "idle_cpu_percent": "%"}


def run(supervisors, ours, tools, n, progress):
    """@return a Row for each metric; the ratio is to supervisord."""
    program = tools.target("announcer")
    samples = {metric: {peer.name: [] for peer in supervisors} for metric in _UNIT_OF}
    for i in range(n):
        for peer in supervisors:
            progress(f"{CASE}: {peer.name}, start {i + 1} of {n}")
            for metric, value in _measure_once(peer, program).items():
                samples[metric][peer.name].append(value)
    return [
        Row(
            bench="supervise",
            case=CASE,
            metric=metric,
            unit=unit,
            ours=ours,
            samples=samples[metric],
            rivals=("supervisord",),
        )
        for metric, unit in _UNIT_OF.items()
    ]
