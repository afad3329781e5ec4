"""nines itself: a ninesd in the foreground on private directories."""

import os
import shutil
import signal
import tempfile

from . import units
from .peer import Missing, Peer

_NINES_SECTION = "[X-Nines]\nHealthyUptime=1s\n"


class Nines(Peer):
    name = "nines"
    can_hold = True
    stop_signal = signal.SIGTERM

    def __init__(self, build_directory, settings=""):
        """`settings`: lines for the [X-Nines] section of a server kept alone."""
        super().__init__()
        self._settings = settings
        self._state = None
        self._ninesd = os.path.join(build_directory, "bin", "ninesd")

    def check(self):
        if not os.access(self._ninesd, os.X_OK):
            raise Missing(f"{self.name}: no {self._ninesd}; run: tools/build")

    @property
    def runtime(self):
        """Where the daemon's sockets are."""
        return self.path("runtime")

    @property
    def state(self):
        """What it keeps; on the disk."""
        return self._state

    def _launch(self, command, port, held, standby):
        wanted = ["bench.service"]
        extra = _NINES_SECTION + self._settings + ("Standby=1\n" if standby else "")
        if not held:
            # The server locks nothing and sets SO_REUSEADDR, so it may say so.
            extra += "CrashHandover=early\n"
        self.write("units/bench.service", units.service(command, nines=extra))
        if held:
            wanted.insert(0, "bench.socket")
            self.write("units/bench.socket", units.socket(port))
        self._daemon(wanted)

    def _launch_many(self, commands, shared):
        wanted = [f"bench-{i:04}.service" for i in range(len(commands))]
        for name, command in zip(wanted, commands):
            self.write(f"units/{name}", units.service(command, nines=_NINES_SECTION))
        self._daemon(wanted)

    def _daemon(self, wanted):
        os.mkdir(self.runtime, 0o755)
        # Of all that the supervisors write only the ledger is on the disk in earnest.
        self._state = tempfile.mkdtemp(prefix="nines-bench-ledger-")
        directories = ["--runtime-dir", self.runtime, "--state-dir", self._state]
        self.spawn([self._ninesd, *directories, "--unit-path", self.path("units"), *wanted])

    def _clean_up(self):
        if self._state is not None:
            shutil.rmtree(self._state, ignore_errors=True)
            self._state = None
