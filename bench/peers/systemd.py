"""systemd as PID 1 of its own mount, pid, uts, ipc and cgroup namespaces, on the host's network.

Nothing but the kept service runs in there (no journald, no udev, no D-Bus), which is the best case
for systemd.
"""

import os
import signal

from . import units
from .peer import Missing, Peer

_BOOT = os.path.join(os.path.dirname(__file__), "systemd_namespace.sh")
_SYSTEMD = "/lib/systemd/systemd"


class Systemd(Peer):
    name = "systemd"
    programs = ("unshare", "pivot_root")
    can_hold = True
    # To unshare(1): its --kill-child takes PID 1 along, and with it the whole namespace.
    stop_signal = signal.SIGKILL

    def __init__(self):
        super().__init__()
        self._cgroup = None

    def check(self):
        super().check()
        if not os.path.exists(_SYSTEMD):
            raise Missing(f"{self.name}: no {_SYSTEMD}; run: tools/install-deps bench")
        if os.geteuid() != 0:
            raise Missing(f"{self.name}: needs root for its namespaces")
        _cgroup2_mount()

    def _launch(self, command, port, held, standby):
        wanted = ["bench.service"]
        self._unit("bench.service", units.service(command))
        if held:
            wanted.insert(0, "bench.socket")
            self._unit("bench.socket", units.socket(port))
        self._boot(wanted, [os.path.dirname(command[0])])

    def _launch_many(self, commands, shared):
        wanted = [f"bench-{i:04}.service" for i in range(len(commands))]
        for name, command in zip(wanted, commands):
            self._unit(name, units.service(command))
        self._boot(wanted, [os.path.dirname(commands[0][0]), shared])

    def _unit(self, name, text):
        self.write(f"units/{name}", text)

    def _boot(self, wanted, visible):
        self._unit(
            "bench.target", "[Unit]\nDefaultDependencies=no\nWants=" + " ".join(wanted) + "\n"
        )
        self._cgroup = os.path.join(_cgroup2_mount(), f"nines-bench-{self._mark}")
        os.mkdir(self._cgroup)
        self.spawn(["/bin/bash", _BOOT, self._cgroup, self.path(), _SYSTEMD, *visible])

    def _clean_up(self):
        if self._cgroup is None:
            return
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass  # not ours to insist on: an empty cgroup costs nothing
        self._cgroup = None


def _cgroup2_mount():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            _, where, kind, *_ = line.split()
            if kind == "cgroup2":
                return where
    raise Missing("systemd: no cgroup v2 hierarchy is mounted")
