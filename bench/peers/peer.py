"""What the bench asks of every supervisor."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import uuid

from . import processes


class Missing(Exception):
    """A program that the bench needs is not installed or not built."""


class Peer:
    """One supervisor on a private temporary directory.

    A driver implements `_launch` (one kept server), and `_launch_many` where it takes part in the
    case with many units. `start` and `stop` are the bench's; nothing survives `stop`.
    """

    name = ""
    #: Programs that must be on PATH.
    programs = ()
    #: Holds the listening socket itself when asked to.
    can_hold = False
    #: What ends the supervisor in an orderly way.
    stop_signal = signal.SIGTERM

    def __init__(self):
        self._directory = None
        self._process = None
        self._mark = uuid.uuid4().hex

    def check(self):
        """Raises Missing when this supervisor cannot run here."""
        for program in self.programs:
            if shutil.which(program) is None:
                raise Missing(f"{self.name}: {program} is not installed; run: tools/install-deps bench")

    def start(self, command, port, held=False, standby=False):
        """Keeps `command` up. With `held` the supervisor owns the listener on 127.0.0.1:port and
        `command` inherits it, otherwise `command` binds it itself."""
        self._begin()
        self._launch(command, port, held, standby)

    def start_many(self, commands, shared):
        """Keeps all of `commands` up; they can write below the directory `shared`."""
        self._begin()
        self._launch_many(commands, shared)

    def stop(self):
        """Ends the supervisor and everything it started. Safe to call at any time, and twice."""
        if self._process is not None:
            doomed = processes.descendants(self._process.pid)
            if self._process.poll() is None:
                self._process.send_signal(self.stop_signal)
                try:
                    self._process.wait(20)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            processes.end(doomed)
            processes.end(processes.marked("NINES_BENCH_PEER", self._mark))
            self._process = None
        self._clean_up()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def log(self):
        """The supervisor's own output, for the message when something fails."""
        with open(self.path("supervisor.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def path(self, *parts):
        return os.path.join(self._directory, *parts)

    def write(self, relative, text, mode=0o644):
        path = self.path(relative)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run_script(self, command):
        return "#!/bin/sh\nexec " + shlex.join(command) + "\n"

    def spawn(self, argv):
        environment = {**os.environ, "NINES_BENCH_PEER": self._mark}
        with open(self.path("supervisor.log"), "ab") as log:
            self._process = processes.spawn(
                argv,
                death_signal=self.stop_signal,
                env=environment,
                cwd=self._directory,
                stdout=log,
                stderr=log,
            )

    def _begin(self):
        if self._process is not None:
            raise RuntimeError(f"{self.name} is started already")
        # In memory, as /run is: what the disk does is no supervisor's doing.
        self._directory = tempfile.mkdtemp(prefix=f"nines-bench-{self.name}-", dir="/dev/shm")

    def _launch(self, command, port, held, standby):
        raise NotImplementedError

    def _launch_many(self, commands, shared):
        raise Missing(f"{self.name} has no driver for many units")

    def _clean_up(self):
        """For what is neither a process nor in the directory."""
