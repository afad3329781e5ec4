"""Socket units: what a service inherits, on-demand activation, the held listener through a crash, the
descriptor store, and the warm spare."""

import json
import os
import signal
import socket
import sys
import time
import unittest

import harness
from harness import EchoClient, alive, kill, order, wait_until


class Sockets(harness.DaemonTest):
    def held_echo(self, service="", nines="", core="off"):
        """An echo_server behind a held socket. @return (unit, port)."""
        port = harness.free_port()
        self.daemon.socket_unit("echo", f"ListenStream=127.0.0.1:{port}")
        name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} --notify"
            f" --core {core}\n{service}",
            unit="Requires=echo.socket\nAfter=echo.socket", nines=nines)
        return name, port

    def crash(self, port, pid, how):
        """Ends the main process in one of the ways an application dies."""
        if how == "exit":
            order(port, "X 3")
        elif how == "SIGSEGV":
            order(port, "C")
        else:
            kill(pid, signal.Signals[how])


class Inheritance(Sockets):
    def dump(self, sockets, service=""):
        """@return what a service finds that names these sockets."""
        out = self.daemon.work / "dump.json"
        name = self.daemon.service(
            "dump", f"Type=notify\nExecStart={harness.target('env_dump')} {out} --stay\n"
            f"Sockets={' '.join(sockets)}\n{service}")
        self.daemon.start(*sockets, name)
        self.daemon.wait_main_pid(name)
        return json.loads(out.read_text())

    def test_listen_fds_and_names(self):
        first, second = harness.free_port(), harness.free_port()
        path = self.daemon.work / "listener"
        web = self.daemon.socket_unit(
            "web", f"ListenStream=127.0.0.1:{first}\nListenStream=127.0.0.1:{second}\n"
            "FileDescriptorName=web\nService=dump.service")
        admin = self.daemon.socket_unit("admin", f"ListenStream={path}\nSocketMode=0600\n"
                                        "Service=dump.service")
        environment = self.dump([web, admin])["environment"]
        self.assertEqual(environment["LISTEN_FDS"], "3")
        self.assertEqual(sorted(environment["LISTEN_FDNAMES"].split(":")),
                         ["admin.socket", "web", "web"])
        self.assertEqual(int(environment["LISTEN_PID"]), self.daemon.unit("dump")["main_pid"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_an_address_in_use_is_an_error_that_names_it(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            self.daemon.socket_unit("taken", f"ListenStream=127.0.0.1:{port}")
            self.daemon.start()
            done = self.daemon.nines("start", "taken.socket", check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(str(port), done.stderr + done.stdout)


class Activation(Sockets):
    def test_the_first_connection_starts_it(self):
        name, port = self.held_echo()
        self.daemon.start("echo.socket")
        self.assertEqual(self.daemon.wait_state("echo.socket", "running")["state"], "running")
        self.assertIn(self.daemon.unit(name)["state"], ("stopped",))
        with EchoClient(port) as client:
            self.assertEqual(client.ask("E hello"), "hello")
        pid = self.daemon.wait_main_pid(name)
        # Stopped by hand, the socket goes on to listen: the next connection starts it again.
        self.daemon.act_ok("stop", name)
        with EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)

    def test_activation_outlives_the_daemon(self):
        name, port = self.held_echo()
        self.daemon.start("echo.socket")
        self.daemon.wait_state("echo.socket", "running")
        old = self.daemon.status()["pid"]
        kill(old)
        with EchoClient(port) as client:  # nobody but the keeper holds it now
            client.send("E hello")
            self.assertEqual(client.reply(), "hello")
        self.daemon.wait_main_pid(name)


class CrashNotice(Sockets):
    """Large processes, which the kernel takes a while to take down: time enough to be first."""

    MIB = 700

    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def start(self, nines=""):
        name = self.daemon.service(
            "big", f"Type=notify\nExecStart={harness.target('echo_server')} {self.port} --notify"
            f" --core off --mib {self.MIB} --fill background", nines=nines)
        self.daemon.start(name)
        if self.daemon.events(kind="daemon.no-crash-notice"):
            self.skipTest("needs the kernel's process events (the initial namespaces)")
        return name, self.daemon.wait_main_pid(name)

    def filled(self):
        with EchoClient(self.port) as client:
            return client.ask("P").split()[1] == "1"

    def crash_when_filled(self, name, pid):
        """@return the kinds of the unit's events up to the successor's readiness and the end of the
        dump, in their order."""
        wait_until(self.filled, "its memory is filled")
        order(self.port, "C")
        self.daemon.wait_main_pid(name, other_than=pid)
        self.daemon.wait_event("unit.ready", name, count=2)
        return [event["kind"] for event in self.daemon.events(name)]

    def test_early_frees_the_port_and_starts_the_successor_at_once(self):
        name, pid = self.start("CrashHandover=early")
        kinds = self.crash_when_filled(name, pid)
        self.assertIn("unit.crash", kinds)
        self.daemon.wait_event("unit.dumped", name)
        when = {kind: self.daemon.events(name, kind)[-1]["since_boot_ns"]
                for kind in ("unit.crash", "unit.ready", "unit.dumped")}
        self.assertLess(when["unit.crash"], when["unit.ready"])
        self.assertLess(when["unit.ready"], when["unit.dumped"])
        intervals = wait_until(lambda: self.daemon.intervals(name), "the downtime is in the database")
        self.assertEqual(len(intervals), 1)
        self.assert_no_overlap(intervals, name)

    def test_early_frees_what_was_opened_after_the_last_look_too(self):
        second, marker = harness.free_port(), self.daemon.work / "second"
        program = self.daemon.work / "late.py"
        program.write_text(f"""
import os, signal, socket, time
def listen(port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server
servers = [listen({self.port})]
def more(*_):
    servers.append(listen({second}))
    open("{marker}", "a").write("x")
signal.signal(signal.SIGUSR1, more)
memory = bytearray({self.MIB} << 20)
if os.path.exists("{marker}"):
    more()
while True:
    time.sleep(60)
""")
        name = self.daemon.service("late", f"ExecStart={sys.executable} {program}\nLimitCORE=0",
                                   nines="CrashHandover=early")
        self.daemon.start(name)
        if self.daemon.events(kind="daemon.no-crash-notice"):
            self.skipTest("needs the kernel's process events (the initial namespaces)")
        pid = self.daemon.wait_main_pid(name)
        def listens(port):
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        wait_until(lambda: listens(self.port), "it listens")
        time.sleep(1)  # until after the look; before it, the test would find nothing new
        kill(pid, signal.SIGUSR1)
        wait_until(lambda: listens(second) and marker.exists() and marker.read_text() == "x",
                   "it listens on the second port, and has said so")
        kill(pid, signal.SIGSEGV)
        wait_until(lambda: marker.exists() and marker.read_text() == "xx", "its successor does")
        self.assertEqual(self.daemon.events(name, "unit.exit"), [])
        self.assertEqual(len(self.daemon.events(name, "unit.crash")), 1)

    def test_without_it_the_successor_waits_for_the_end(self):
        name, pid = self.start()
        kinds = self.crash_when_filled(name, pid)
        self.assertNotIn("unit.crash", kinds)
        self.assertIn("unit.exit", kinds)

    def test_who_cannot_start_beside_the_dying_one_starts_when_it_is_gone(self):
        # As a server that finds its data locked: it ends at once while the other one is there.
        lock = self.daemon.work / "lock"
        script = (f"exec 9>{lock}; flock -n 9 || exit 3; "
                  f"exec {harness.target('echo_server')} {self.port} --core off --mib {self.MIB}"
                  " --fill background")
        name = self.daemon.service("big", f"ExecStart=/bin/sh -c '{script}'\nRestartMaxDelaySec=60",
                                   nines="CrashHandover=early")
        self.daemon.start(name)
        if self.daemon.events(kind="daemon.no-crash-notice"):
            self.skipTest("needs the kernel's process events (the initial namespaces)")
        pid = self.daemon.wait_main_pid(name)
        wait_until(self.filled, "its memory is filled")
        order(self.port, "C")
        def answers():
            with EchoClient(self.port) as client:
                return client.pid() != pid
        wait_until(answers, "the successor answers")
        wait_until(lambda: all(i["duration_ns"] is not None for i in self.daemon.intervals(name)),
                   "the downtime is over")
        self.assert_no_overlap(self.daemon.intervals(name), name)


class HeldListener(Sockets):
    WAYS = ("SIGKILL", "SIGSEGV", "exit", "SIGTERM", "SIGABRT")

    def test_no_connection_is_refused_in_a_crash(self):
        name, port = self.held_echo("RestartSec=0")
        self.daemon.start("echo.socket", name)
        for how in self.WAYS:
            with self.subTest(how=how):
                pid = self.daemon.wait_main_pid(name)
                self.crash(port, pid, how)
                # From the first moment on: connected, and answered by the successor.
                with EchoClient(port) as client:
                    self.assertNotEqual(client.pid(), pid)
                self.daemon.wait_main_pid(name, other_than=pid)

    def test_who_waits_during_the_crash_is_served_by_the_successor(self):
        name, port = self.held_echo("RestartSec=0")
        self.daemon.start("echo.socket", name)
        pid = self.daemon.wait_main_pid(name)
        order_sent = EchoClient(port)
        self.addCleanup(order_sent.close)
        self.assertEqual(order_sent.pid(), pid)
        kill(pid, signal.SIGSTOP)  # from now on connections wait in the listener
        waiting = [EchoClient(port) for _ in range(20)]
        try:
            for number, client in enumerate(waiting):
                client.send(f"E {number}")
            kill(pid)
            self.assertEqual([client.reply() for client in waiting],
                             [str(number) for number in range(20)])
        finally:
            for client in waiting:
                client.close()

    def test_a_long_restart_delay_makes_clients_wait_but_refuses_none(self):
        name, port = self.held_echo("RestartSec=2")
        self.daemon.start("echo.socket", name)
        pid = self.daemon.wait_main_pid(name)
        kill(pid)
        self.daemon.wait_state(name, "waiting-restart")
        with EchoClient(port) as client:
            self.assertNotEqual(client.pid(), pid)


class DescriptorStore(Sockets):
    def storer(self):
        count = self.daemon.work / "count"
        name = self.daemon.service(
            "storer", f"Type=notify\nExecStart={harness.target('fd_storer')} {count}\n"
            "FileDescriptorStoreMax=4\nRestartSec=0")
        self.daemon.start(name)
        return name, count

    def wait_count(self, path, number):
        wait_until(lambda: path.read_text() == f"{number}\n",
                   lambda: f"start number {number}; it is {path.read_text()!r}")

    def test_it_survives_crashes_restarts_and_the_daemon(self):
        name, count = self.storer()
        self.wait_count(count, 1)
        pid = self.daemon.wait_main_pid(name)
        self.assertEqual(wait_until(lambda: self.daemon.unit(name)["fd_store"], "stored"), 1)
        kill(pid)
        self.wait_count(count, 2)
        pid = self.daemon.wait_main_pid(name, other_than=pid)
        self.daemon.act_ok("restart", name)
        self.wait_count(count, 3)
        pid = self.daemon.wait_main_pid(name, other_than=pid)

        worker = self.daemon.status()["pid"]
        kill(worker)
        self.daemon.wait_new_worker(worker)
        kill(pid)
        self.wait_count(count, 4)
        pid = self.daemon.wait_main_pid(name, other_than=pid)

        worker = self.daemon.status()["pid"]
        self.daemon.kill_keeper()
        self.daemon.wait_new_worker(worker)
        kill(pid)
        self.wait_count(count, 5)

    def test_it_ends_with_a_stop_and_with_removal(self):
        name, count = self.storer()
        self.wait_count(count, 1)
        pid = self.daemon.wait_main_pid(name)
        wait_until(lambda: self.daemon.unit(name)["fd_store"] == 1, "stored")
        kill(pid, signal.SIGUSR1)  # FDSTOREREMOVE=1
        wait_until(lambda: self.daemon.unit(name)["fd_store"] == 0, "removed")
        kill(pid)
        self.daemon.wait_main_pid(name, other_than=pid)
        self.wait_count(count, 1)
        wait_until(lambda: self.daemon.unit(name)["fd_store"] == 1, "stored")
        self.daemon.act_ok("stop", name)
        self.assertEqual(self.daemon.unit(name)["fd_store"], 0)
        count.unlink()
        self.daemon.act_ok("start", name)
        self.wait_count(count, 1)


class Standby(Sockets):
    def start_with_spare(self):
        name, port = self.held_echo(nines="Standby=1")
        self.daemon.start("echo.socket", name)
        return name, port

    def wait_spare(self, name, activations):
        """Until the spare is frozen and waits. @return (main pid, spare pid)."""
        self.daemon.wait_event("standby.ready", name, count=activations + 1)
        status = wait_until(lambda: (s := self.daemon.unit(name)) and s.get("standby_pid") and
                            s.get("main_pid") and s, "a spare is there")
        return status["main_pid"], status["standby_pid"]

    def test_the_spare_takes_over_and_a_new_one_appears(self):
        name, port = self.start_with_spare()
        for number, how in enumerate(("SIGSEGV", "SIGKILL", "exit", "SIGSEGV", "SIGKILL")):
            with self.subTest(how=how, number=number):
                main, spare = self.wait_spare(name, number)
                self.crash(port, main, how)
                with EchoClient(port) as client:
                    self.assertEqual(client.pid(), spare)
                self.assertEqual(self.daemon.wait_main_pid(name, other_than=main), spare)
                self.daemon.wait_event("standby.activated", name, count=number + 1)
        self.wait_spare(name, 5)
        rows = wait_until(lambda: (rows := self.daemon.intervals(name)) and len(rows) == 5 and
                          all(r["duration_ns"] is not None for r in rows) and rows,
                          "five downtimes in the ledger")
        self.assert_no_overlap(rows, name)

    def test_no_request_is_lost_between(self):
        """What was sent to a listener whose server does not accept any more is answered."""
        name, port = self.start_with_spare()
        main, spare = self.wait_spare(name, 0)
        kill(main, signal.SIGSTOP)
        waiting = [EchoClient(port) for _ in range(20)]
        try:
            for client in waiting:
                client.send("P")
            kill(main)
            self.assertEqual({int(client.reply().split()[0]) for client in waiting}, {spare})
        finally:
            for client in waiting:
                client.close()

    def test_the_spare_is_adopted(self):
        name, port = self.start_with_spare()
        main, spare = self.wait_spare(name, 0)
        worker = self.daemon.status()["pid"]
        kill(worker)
        self.daemon.wait_new_worker(worker)
        self.assertEqual(self.daemon.unit(name).get("standby_pid"), spare)
        kill(main)
        with EchoClient(port) as client:
            self.assertEqual(client.pid(), spare)
        self.daemon.wait_main_pid(name, other_than=main)

    def test_a_dead_spare_is_replaced_and_nobody_notices(self):
        name, port = self.start_with_spare()
        main, spare = self.wait_spare(name, 0)
        kill(spare)
        self.daemon.wait_event("standby.ready", name, count=2)
        status = self.daemon.unit(name)
        self.assertEqual(status["main_pid"], main)
        self.assertNotEqual(status["standby_pid"], spare)
        self.assertEqual(self.daemon.intervals(name), [])

    def test_a_stop_takes_the_spare_along(self):
        name, port = self.start_with_spare()
        main, spare = self.wait_spare(name, 0)
        self.daemon.act_ok("stop", name)
        wait_until(lambda: not alive(main) and not alive(spare), "both are gone")
        self.assertEqual(self.daemon.processes_of(name), [])


if __name__ == "__main__":
    harness.main()
