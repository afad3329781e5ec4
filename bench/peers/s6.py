"""s6: s6-supervise for one service, s6-svscan over many; without and with readiness."""

from .peer import Peer


class S6(Peer):
    name = "s6"
    programs = ("s6-supervise", "s6-svscan")

    def _launch(self, command, port, held, standby):
        self._service("service", command)
        self.spawn(["s6-supervise", self.path("service")])

    def _launch_many(self, commands, shared):
        for i, command in enumerate(commands):
            self._service(f"services/{i:04}", command)
        # The default ceiling is 1000 services, and the log service of s6-svscan counts too.
        self.spawn(["s6-svscan", "-c", str(len(commands) + 10), self.path("services")])

    def _service(self, directory, command):
        self.write(f"{directory}/run", self.run_script(command), 0o755)


class S6Ready(S6):
    """Its best configuration: after a service has said that it is ready, s6 restarts it at once;
    without that it waits for a second."""

    name = "s6-ready"

    def _launch(self, command, port, held, standby):
        self.write("service/notification-fd", "3\n")
        super()._launch([*command, "--notify-fd", "3"], port, held, standby)
