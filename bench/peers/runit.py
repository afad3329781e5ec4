"""runit: one runsv for one service, runsvdir over many."""

import signal

from .peer import Peer


class Runit(Peer):
    name = "runit"
    programs = ("runsv", "runsvdir")

    def _launch(self, command, port, held, standby):
        self.write("service/run", self.run_script(command), 0o755)
        self.spawn(["runsv", self.path("service")])

    def _launch_many(self, commands, shared):
        for i, command in enumerate(commands):
            self.write(f"services/{i:04}/run", self.run_script(command), 0o755)
        # runsvdir passes SIGHUP on to every runsv as SIGTERM; SIGTERM would leave them running.
        self.stop_signal = signal.SIGHUP
        self.spawn(["runsvdir", self.path("services")])
