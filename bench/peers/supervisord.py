"""supervisord: one [program] a service, logs captured as is its default."""

import shlex

from .peer import Peer


class Supervisord(Peer):
    name = "supervisord"
    programs = ("supervisord",)

    def _launch(self, command, port, held, standby):
        self._keep([command])

    def _launch_many(self, commands, shared):
        self._keep(commands)

    def _keep(self, commands):
        # Five descriptors a program; the default of 1024 would end at 200 programs.
        minfds = max(1024, 6 * len(commands) + 256)
        parts = [
            f"[supervisord]\nnodaemon=true\nuser=root\nminfds={minfds}\n"
            f"logfile={self.path('supervisord.log')}\npidfile={self.path('supervisord.pid')}\n"
            f"childlogdir={self.path()}\n"
        ]
        for i, command in enumerate(commands):
            parts.append(
                f"[program:bench{i:04}]\ncommand={shlex.join(command)}\n"
                "autorestart=true\nstartsecs=0\n"
            )
        config = self.write("supervisord.conf", "\n".join(parts))
        self.spawn(["supervisord", "-c", config])
