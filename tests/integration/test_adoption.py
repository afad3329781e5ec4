"""kill -9 of the worker, of the keeper, of both: units go on, with their connections, sockets,
counters and open downtime; and the same at every fault point."""

import os
import re
import signal
import socket
import unittest
from pathlib import Path

import harness
from harness import EchoClient, alive, kill, order, wait_until

ROOT = Path(__file__).resolve().parents[2]


class Redis:
    """A connection that must outlive the daemon."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._file = self._socket.makefile("rwb", buffering=0)

    def command(self, *words):
        self._file.write(" ".join(words).encode() + b"\r\n")
        answer = self._file.readline().rstrip(b"\r\n").decode()
        if answer.startswith("$") and answer != "$-1":
            answer = self._file.readline().rstrip(b"\r\n").decode()
        return answer

    def close(self):
        self._file.close()
        self._socket.close()


class Kills(harness.DaemonTest):
    """The three ways in which the daemon can die; after each, a daemon is there again."""

    def kill_worker_and_wait(self):
        old = self.daemon.status()["pid"]
        self.assertTrue(kill(old))
        self.daemon.wait_new_worker(old)

    def kill_keeper_and_wait(self):
        old_worker = self.daemon.status()["pid"]
        old_keepers = self.daemon.kill_keeper()
        self.assertEqual(len(old_keepers), 1)
        status = self.daemon.wait_new_worker(old_worker)
        self.assertNotIn(status["keeper_pid"], old_keepers)
        wait_until(lambda: len(self.daemon.keeper_pids()) == 1, "one keeper again")

    def kill_both_and_start(self):
        self.daemon.kill_both()
        self.daemon.start()

    WAYS = (kill_worker_and_wait, kill_keeper_and_wait, kill_both_and_start)

    def each_way(self):
        """@return the ways as functions without parameters."""
        return [lambda way=way: way(self) for way in self.WAYS]


class Adoption(Kills):
    def start_redis(self):
        server = harness.need_program("redis-server")
        port = harness.free_port()
        config = self.daemon.work / "redis.conf"
        config.write_text(f'bind 127.0.0.1\nport {port}\nsave ""\nappendonly no\n'
                          f"dir {self.daemon.work}/redis.service\ndaemonize no\nsupervised systemd\n")
        name = self.daemon.service("redis", f"Type=notify\nExecStart={server} {config}\n")
        self.daemon.start(name)
        self.daemon.wait_state(name, "running")
        return name, port

    def test_redis_keeps_its_pid_and_its_connections(self):
        name, port = self.start_redis()
        pid = self.daemon.wait_main_pid(name)
        client = Redis(port)
        self.addCleanup(client.close)
        self.assertEqual(client.command("SET", "value", "0"), "+OK")
        for number, kill_it in enumerate(self.each_way(), start=1):
            kill_it()
            status = self.daemon.wait_state(name, "running")
            self.assertEqual(status["main_pid"], pid)
            self.assertEqual(status["restarts"], 0)
            self.assertEqual(client.command("INCR", "value"), f":{number}")
            self.assertEqual(self.daemon.processes_of(name), [pid])
        self.assertEqual(self.daemon.intervals(name), [])

    def test_an_adopted_unit_is_kept_up(self):
        """Adoption is more than a look: the next crash is noticed, also by a keeper that is not
        the unit's parent."""
        name, port = self.start_redis()
        for number, kill_it in enumerate(self.each_way(), start=1):
            kill_it()
            pid = self.daemon.wait_main_pid(name)
            kill(pid)
            self.daemon.wait_main_pid(name, other_than=pid)
            client = Redis(port)
            self.assertEqual(client.command("PING"), "+PONG")
            client.close()
            self.assertEqual(self.daemon.unit(name)["restarts"], number)
            intervals = wait_until(
                lambda: (rows := self.daemon.intervals(name)) and len(rows) == number and
                rows[-1]["duration_ns"] is not None and rows, "the downtime is in the ledger")
            self.assert_no_overlap(intervals, name)

    def test_death_while_nobody_watches(self):
        port = harness.free_port()
        name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        self.daemon.kill_both()
        kill(pid)
        wait_until(lambda: not alive(pid), "the unit is dead")
        self.daemon.start()
        new = self.daemon.wait_main_pid(name, other_than=pid)
        self.assertEqual(self.daemon.processes_of(name), [new])
        rows = wait_until(lambda: self.daemon.intervals(name), "the downtime is in the ledger")
        self.assertEqual(len(rows), 1)
        self.assertFalse(rows[0]["planned"])

    def test_a_process_before_its_exec_is_adopted(self):
        """Born, and the worker killed before it executed: it still looks like the worker, and is the
        unit's all the same. Frozen there, so that the successor surely meets it so."""
        port = harness.free_port()
        name = self.daemon.service(
            "echo", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        worker = self.daemon.status()["pid"]
        units = harness.cgroup2_of(pid).parent
        if units in harness.cgroup2_of(worker).parents:
            self.skipTest("the worker is in the units' cgroup and would be frozen with them")
        freeze = units / "cgroup.freeze"
        self.addCleanup(freeze.write_text, "0")
        freeze.write_text("1")
        kill(pid)
        born = wait_until(lambda: [p for p in harness.all_pids() if harness.before_exec(p) and
                                   harness.cgroup2_of(p).parent == units], "a successor is born")
        self.assertEqual(len(born), 1)
        self.assertTrue(kill(worker))
        self.daemon.wait_new_worker(worker)
        freeze.write_text("0")
        self.assertEqual(self.daemon.wait_main_pid(name, other_than=pid), born[0])
        with EchoClient(port) as client:
            self.assertEqual(client.pid(), born[0])
        self.assertEqual(self.daemon.processes_of(name), born)
        self.assertEqual(len(self.daemon.ledger_events(name, "unit.exit")), 1)

    def test_exit_status_outlives_the_worker(self):
        """Dead together with the worker: the keeper has the status for the successor."""
        name = self.daemon.service("sleeper", "ExecStart=/bin/sleep 1000000")
        self.daemon.start(name)
        pid = self.daemon.wait_main_pid(name)
        worker = self.daemon.status()["pid"]
        kill(worker, signal.SIGSTOP)  # so that it cannot learn of it
        kill(pid, signal.SIGTERM)
        wait_until(lambda: not alive(pid), "the unit is dead")
        kill(worker)
        self.daemon.wait_main_pid(name, other_than=pid)
        exits = self.daemon.wait_event("unit.exit", name)
        self.assertEqual(len(exits), 1)
        self.assertIn("TERM", exits[0]["detail"]["exit"])

    def test_held_socket_refuses_nobody(self):
        port = harness.free_port()
        self.daemon.socket_unit("held", f"ListenStream=127.0.0.1:{port}")
        name = self.daemon.service(
            "held", f"Type=notify\nExecStart={harness.target('echo_server')}\n"
            "Restart=always\nRestartSec=0", unit="Requires=held.socket\nAfter=held.socket")
        self.daemon.start("held.socket", name)
        for kill_it in self.each_way():
            pid = self.daemon.wait_main_pid(name)
            with EchoClient(port) as client:
                kill_it()
                self.assertEqual(client.pid(), pid)
            # Stopped, so that the next connection waits in the listener until the crash.
            kill(pid, signal.SIGSTOP)
            with EchoClient(port) as waiting:
                waiting.send("P")
                kill(pid)
                self.assertNotEqual(int(waiting.reply().split()[0]), pid)
            self.daemon.wait_main_pid(name, other_than=pid)

    def test_restart_counters_and_open_downtime(self):
        marker = self.daemon.work / "broken"
        name = self.daemon.service(
            "flaky", f"ExecStart=/bin/sh -c 'test ! -e {marker} || exit 7; exec sleep 1000000'\n"
            "Type=exec\nRestart=always\nRestartSec=1h")
        self.daemon.start()
        self.daemon.act_ok("start", name)
        pid = self.daemon.wait_main_pid(name)
        marker.touch()
        kill(pid)
        before = self.daemon.wait_state(name, "waiting-restart")
        for kill_it in self.each_way():
            kill_it()
            after = self.daemon.wait_state(name, "waiting-restart")
            self.assertEqual(after["restarts"], before["restarts"])
            self.assertEqual(after["last_exit"], before["last_exit"])
            self.assertEqual(after["downtime"], before["downtime"])
            wait_until(lambda: len(self.daemon.intervals(name)) == 1, "the interval is recorded")
        marker.unlink()
        self.daemon.act_ok("start", name)
        self.daemon.wait_main_pid(name, other_than=pid)
        rows = wait_until(lambda: (rows := self.daemon.intervals(name)) and
                          rows[0]["duration_ns"] is not None and rows, "the interval is closed")
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["start_ns"], before["downtime"]["since_ns"])

    def test_a_successor_leaves_stopped_what_was_stopped(self):
        """The units on the command line are started once, not by each worker that comes up."""
        name = self.daemon.service("sleeper", "ExecStart=/bin/sleep 1000000")
        other = self.daemon.service("other", "ExecStart=/bin/sleep 1000000")
        self.daemon.start(name, other)
        self.daemon.act_ok("keep", name)
        pid = self.daemon.wait_main_pid(other)
        self.daemon.act_ok("stop", name)
        for kill_it in self.each_way():
            kill_it()
            # What starts comes before this, in the order in which the daemon does its work.
            self.daemon.act_ok("start", other)
            self.assertEqual(self.daemon.wait_main_pid(other), pid)
            self.assertEqual(self.daemon.unit(name)["state"], "stopped")
            self.assertEqual(self.daemon.processes_of(name), [])

    def test_kept_units_return_after_an_orderly_end(self):
        name = self.daemon.service("sleeper", "ExecStart=/bin/sleep 1000000")
        self.daemon.start()
        self.daemon.act_ok("keep", name)
        pid = self.daemon.wait_main_pid(name)
        self.assertEqual(self.daemon.stop(), 0)
        self.assertFalse(alive(pid))
        self.daemon.start()
        self.daemon.wait_main_pid(name)
        rows = wait_until(lambda: (rows := self.daemon.intervals(name)) and
                          rows[-1]["duration_ns"] is not None and rows, "the interval is closed")
        self.assertEqual([row["planned"] for row in rows], [1])

    def test_reexec_changes_the_instance_and_nothing_else(self):
        name, port = self.start_redis()
        client = Redis(port)
        self.addCleanup(client.close)
        self.assertEqual(client.command("SET", "value", "before"), "+OK")
        pid = self.daemon.wait_main_pid(name)
        for _ in range(3):
            before = self.daemon.status()
            self.daemon.nines("daemon", "reexec")
            after = wait_until(
                lambda: (status := self.daemon.status())["instance"] != before["instance"] and
                status, "a new instance answers")
            self.assertEqual(after["keeper_pid"], before["keeper_pid"])
            self.assertEqual(self.daemon.unit(name)["main_pid"], pid)
            self.assertEqual(client.command("GET", "value"), "before")
        self.assertEqual(self.daemon.intervals(name), [])
        self.assertEqual(self.daemon.stop(), 0)
        self.assertFalse(alive(pid))


def fault_points():
    text = (ROOT / "src/base/fault_points.def").read_text()
    return re.findall(r"^NINES_FAULT_POINT\((\w+)\)", text, re.MULTILINE)


class FaultPoints(Kills):
    """One life of a held and a plain unit, with one fault in each chapter: start, crash, takeover,
    restart, stop. Whatever the fault did, each chapter ends as if nothing had happened."""

    # Passed only when the ledger is found damaged, or by units with a spare or an early handover:
    # tests of their own below. While a unit is replaced: test_rejuvenation.py.
    ELSEWHERE = {"quarantine_renamed", "standby_thawed", "port_freed"}
    REPLACED = {"successor_ready", "successor_serves"}
    # Passed only as a service of systemd.
    WITH_SYSTEMD = {"service_holder_found", "service_left"}
    # Passed only where the kernel's core socket is ours: test_crash_kills.py, test_crash_core.py.
    OF_CRASHES = {p for p in fault_points() if p.startswith(("core_", "crash_", "whole_core_"))}
    # Passed by `nines patch` alone: src/app/livepatch/apply_test.cc.
    OF_PATCHES = {p for p in fault_points() if p.startswith("patch_")}

    def set_up_units(self):
        self.ports = {}
        self.units = []
        for name in ("plain", "held"):
            port = self.ports[f"{name}.service"] = harness.free_port()
            own = str(port) if name == "plain" else ""
            self.units.append(self.daemon.service(
                name, f"Type=notify\nExecStart={harness.target('echo_server')} {own} --notify\n"
                "Restart=always",
                unit="" if name == "plain" else "Requires=held.socket\nAfter=held.socket"))
        self.daemon.socket_unit("held", f"ListenStream=127.0.0.1:{self.ports['held.service']}")
        self.token = self.daemon.work / "token"

    def start_armed(self, fault):
        """The token is not there yet: nothing fires before the first chapter."""
        self.daemon.start(env={"NINES_FAULT": fault, "NINES_FAULT_TOKEN": str(self.token)})

    def ensure_daemon(self):
        """What an operator's init system does: a keeper that is gone is started again."""
        def there():
            self.daemon.reap()
            if not self.daemon.daemon_processes():
                self.daemon.start(wait=False)
            return self.daemon.request("GET", "/v1/status", timeout_s=2)
        wait_until(there, "a daemon answers")

    def chapter(self, action):
        """Runs action() with the fault armed. @return whether it fired."""
        self.token.touch()
        try:
            action()
        except (OSError, harness.http.client.HTTPException, harness.ApiError):
            pass  # the fault may hit the very request
        self.ensure_daemon()
        return True

    def disarm(self):
        """@return whether the fault had fired."""
        try:
            self.token.unlink()
            return False
        except FileNotFoundError:
            return True

    def insist(self, verb):
        """The same command again, now that the daemon is there: must do, and change nothing twice."""
        said = []

        def done():
            said[:] = [r["error"] for r in self.daemon.act(verb, *self.units) if r.get("error")]
            return not said
        wait_until(done, lambda: f"{verb} succeeds: {said}")

    def assert_each_runs_once(self):
        for unit in self.units:
            pid = self.daemon.wait_main_pid(unit)
            wait_until(lambda unit=unit, pid=pid: self.daemon.processes_of(unit) == [pid],
                       f"{unit} is exactly process {pid}", deadline_s=10)
            with EchoClient(self.ports[unit]) as client:
                self.assertEqual(client.pid(), pid)

    def wait_intervals(self, unplanned, planned):
        """Exactly so many for each unit, all closed and apart from each other."""
        for unit in self.units:
            def as_expected(unit=unit):
                rows = self.daemon.intervals(unit)
                return (sum(not r["planned"] for r in rows) == unplanned and
                        sum(r["planned"] for r in rows) == planned and
                        all(r["duration_ns"] is not None for r in rows) and (rows or True))
            rows = wait_until(as_expected, lambda unit=unit: f"{unit} has {unplanned} unplanned and "
                              f"{planned} planned downtimes: "
                              f"{[dict(r) for r in self.daemon.intervals(unit)]}", deadline_s=15)
            if rows is not True:
                self.assert_no_overlap(rows, unit)

    def crash_all(self):
        for unit in self.units:
            pid = self.daemon.unit(unit).get("main_pid")
            self.crashed[unit] = pid
            kill(pid, signal.SIGSEGV)

    def live(self, fault):
        """@return the chapters in which the fault fired."""
        self.set_up_units()
        self.start_armed(fault)
        fired = []
        self.crashed = {}

        self.chapter(lambda: self.daemon.act("start", "held.socket", *self.units))
        self.insist("start")
        self.assert_each_runs_once()
        if self.disarm():
            fired.append("start")
        # A start that fails for the fault's sake and is tried again is no downtime: never ready.
        self.wait_intervals(unplanned=0, planned=0)

        self.chapter(self.crash_all)
        for unit, pid in self.crashed.items():
            self.daemon.wait_main_pid(unit, other_than=pid)
        self.assert_each_runs_once()
        self.wait_intervals(unplanned=1, planned=0)
        if self.disarm():
            fired.append("crash")

        pids = {unit: self.daemon.wait_main_pid(unit) for unit in self.units}
        self.chapter(self.daemon.kill_worker)
        self.assert_each_runs_once()
        self.assertEqual({unit: self.daemon.wait_main_pid(unit) for unit in self.units}, pids)
        if self.disarm():
            fired.append("takeover")

        before = self.daemon.status()["instance"]
        self.chapter(lambda: self.daemon.request("POST", "/v1/daemon/reexec"))
        wait_until(lambda: self.daemon.status()["instance"] != before or
                   self.daemon.nines("daemon", "reexec", check=False) is None,
                   "a new instance answers")
        self.assert_each_runs_once()
        self.assertEqual({unit: self.daemon.wait_main_pid(unit) for unit in self.units}, pids)
        if self.disarm():
            fired.append("reexec")

        self.chapter(lambda: self.daemon.act("stop", *self.units))
        self.insist("stop")
        for unit in self.units:
            self.daemon.wait_state(unit, "stopped")
            wait_until(lambda unit=unit: not self.daemon.processes_of(unit), f"{unit} has gone")
        if self.disarm():
            fired.append("stop")
        self.insist("start")
        self.assert_each_runs_once()
        self.wait_intervals(unplanned=1, planned=1)
        return fired

    def test_every_point_has_a_test(self):
        names = {name for name in dir(self) if name.startswith("test_kill_")}
        with_systemd = Path(__file__).with_name("test_systemd.py").read_text()
        for point in fault_points():
            if point in self.WITH_SYSTEMD:
                self.assertIn(f"def test_kill_{point}(", with_systemd)
            elif point not in self.REPLACED | self.OF_CRASHES | self.OF_PATCHES:
                self.assertIn(f"test_kill_{point}", names)

    def test_kill_quarantine_renamed(self):
        self.set_up_units()
        self.daemon.start()
        self.insist("start")
        pids = {unit: self.daemon.wait_main_pid(unit) for unit in self.units}
        self.daemon.kill_both()
        # The log too: with it SQLite would make the whole database anew.
        for name in ("ledger.db", "ledger.db-wal"):
            (self.daemon.state_dir / name).write_bytes(b"no database at all" * 1000)
        self.token.touch()
        self.daemon.start(env={"NINES_FAULT": "quarantine_renamed:kill@*",
                               "NINES_FAULT_TOKEN": str(self.token)}, wait=False)
        wait_until(lambda: not self.token.exists(), "the fault fires")
        self.ensure_daemon()
        self.assert_each_runs_once()
        self.assertEqual({unit: self.daemon.wait_main_pid(unit) for unit in self.units}, pids)
        aside = [p for p in self.daemon.state_dir.iterdir()
                 if p.name != "ledger.db" and not p.name.endswith(("-wal", "-shm")) and
                 p.is_file() and p.read_bytes().startswith(b"no database at all")]
        self.assertEqual(len(aside), 1, list(self.daemon.state_dir.iterdir()))
        self.assertEqual(self.daemon.ledger("PRAGMA integrity_check")[0][0], "ok")


    def crash_armed(self, fault, name, port, how):
        """Crashes the unit with the fault armed. @return its main process before and after."""
        old = self.daemon.wait_main_pid(name)
        self.token.touch()
        kill(old, how)
        wait_until(lambda: not self.token.exists(), f"{fault} fires")
        self.ensure_daemon()
        new = self.daemon.wait_main_pid(name, other_than=old)
        with EchoClient(port) as client:
            self.assertEqual(client.pid(), new)
        rows = wait_until(lambda: (r := self.daemon.intervals(name)) and
                          r[-1]["duration_ns"] is not None and r, "the downtime is in the ledger")
        self.assertEqual([row["planned"] for row in rows], [0])
        return old, new

    def test_kill_standby_thawed(self):
        self.set_up_units()
        name, port = "spare.service", harness.free_port()
        self.daemon.socket_unit("spare", f"ListenStream=127.0.0.1:{port}")
        self.daemon.service("spare", f"Type=notify\nExecStart={harness.target('echo_server')} --notify",
                            unit="Requires=spare.socket\nAfter=spare.socket", nines="Standby=1")
        self.start_armed("standby_thawed:kill@*")
        self.daemon.act_ok("start", "spare.socket", name)
        self.daemon.wait_event("standby.ready", name)
        spare = wait_until(lambda: self.daemon.unit(name).get("standby_pid"), "there is a spare")
        _, new = self.crash_armed("standby_thawed", name, port, signal.SIGKILL)
        self.assertEqual(new, spare)
        self.daemon.wait_event("standby.ready", name, count=2)
        self.assertEqual(len(self.daemon.processes_of(name)), 2)

    def test_kill_port_freed(self):
        self.set_up_units()
        name, port = "early.service", harness.free_port()
        self.daemon.service(
            "early", f"Type=notify\nExecStart={harness.target('echo_server')} {port} --notify\n"
            "LimitCORE=0", nines="CrashHandover=early")
        self.start_armed("port_freed:kill@*")
        self.daemon.act_ok("start", name)
        if self.daemon.events(kind="daemon.no-crash-notice"):
            self.skipTest("needs the kernel's process events (the initial namespaces)")
        _, new = self.crash_armed("port_freed", name, port, signal.SIGSEGV)
        wait_until(lambda: self.daemon.processes_of(name) == [new], f"{name} is exactly {new}")


# fault::hit, whose callers go on after a failure; at the others only a kill means something.
FAILING_POINTS = ("file_write_temp", "file_rename", "spawn_before_clone", "spool_append",
                  "store_begin", "store_commit", "keeper_spawn_worker", "keeper_reexec")


def _add_tests():
    def make(point, action):
        def test(self):
            fired = self.live(f"{point}:{action}@*")
            self.assertTrue(fired, f"no chapter passes {point}")
        return test

    for point in fault_points():
        if point not in (FaultPoints.ELSEWHERE | FaultPoints.REPLACED | FaultPoints.WITH_SYSTEMD |
                         FaultPoints.OF_CRASHES | FaultPoints.OF_PATCHES):
            setattr(FaultPoints, f"test_kill_{point}", make(point, "kill"))
    for point in FAILING_POINTS:
        setattr(FaultPoints, f"test_fail_{point}", make(point, "fail"))


_add_tests()

if __name__ == "__main__":
    harness.main()
