"""200 random kill -9 of the daemon while its units crash: no unit lost, none run twice, no downtime
lost, invented or doubled.

Three threads: one kills worker, keeper or both; one crashes units and notes when each was dead and
when it answered again, by its own eyes; one looks all the time for a unit that runs twice. What they
saw is compared with the ledger. NINES_TEST_SEED repeats a sequence (the machine's timing is its own).
"""

import os
import random
import signal
import sys
import threading
import time

import harness
from harness import EchoClient, alive, boot_ns, kill, wait_until

KILLS = 200
SECONDS = 120  # a slow machine gets fewer kills, and says so, rather than more time
FEWEST_KILLS = 50
ALREADY_LOCKED = 99


class Crash:
    """One death of a unit, as seen from outside. Times of CLOCK_BOOTTIME in ns."""

    def __init__(self, unit, pid, how):
        self.unit = unit
        self.pid = pid
        self.how = how
        self.before_ns = boot_ns()
        self.answered_ns = None  # by a successor

    def __repr__(self):
        return f"{self.unit} pid {self.pid} {self.how} at {self.before_ns} to {self.answered_ns}"


class Thread(threading.Thread):
    """Runs `step` until told to stop; keeps the first exception for the test."""

    def __init__(self, step):
        super().__init__(daemon=True)
        self._step = step
        self._halt = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self._halt.is_set():
                self._step()
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def finish(self):
        self._halt.set()
        self.join(harness.DEADLINE_S * 2)
        if self.is_alive():
            raise AssertionError("a thread of the test does not end")
        if self.error is not None:
            raise self.error


class RandomKills(harness.DaemonTest):
    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("NINES_TEST_SEED", random.randrange(1 << 32)))
        sys.stderr.write(f"NINES_TEST_SEED={self.seed} ")
        self.crash_random = random.Random(self.seed)
        self.kill_random = random.Random(self.seed + 1)
        self.ports = {}
        self.down = {}  # unit -> its open Crash
        self.crashes = []
        self.twice = []

    def write_units(self):
        """Plain ones hold a lock, on which a second instance would fail with ALREADY_LOCKED."""
        server = harness.target("echo_server")
        for number in range(4):
            name, port = f"plain{number}", harness.free_port()
            lock = f"/usr/bin/flock --no-fork -n -E {ALREADY_LOCKED} {self.daemon.work}/{name}.lock"
            self.ports[self.daemon.service(
                name, f"Type=notify\nExecStart={lock} {server} {port} --notify\nRestartSec=0\n"
                "LimitCORE=0")] = port
        for number in range(2):
            name, port = f"held{number}", harness.free_port()
            self.daemon.socket_unit(name, f"ListenStream=127.0.0.1:{port}")
            self.ports[self.daemon.service(
                name, f"Type=notify\nExecStart={server} --notify\nRestartSec=0",
                unit=f"Requires={name}.socket\nAfter={name}.socket")] = port

    # The three threads' steps

    def kill_something(self):
        way = self.kill_random.choices(("worker", "keeper", "both"), (75, 15, 10))[0]
        if way == "worker":
            self.daemon.kill_worker()
        elif way == "keeper":
            self.daemon.kill_keeper()
        else:
            self.daemon.kill_both()
        if self.kill_random.random() < 0.75:
            self.daemon_is_there()
        # Where in the next daemon's life it is hit is what is random here.
        time.sleep(self.kill_random.random() * 0.15)

    def daemon_is_there(self):
        def there():
            self.daemon.reap()
            if not self.daemon.daemon_processes():
                self.daemon.start(wait=False)
            return self.daemon.request("GET", "/v1/status", timeout_s=1)
        wait_until(there, "a daemon answers")

    def crash_something(self):
        for unit, crash in list(self.down.items()):
            pid = self.answering_pid(unit)
            if pid is not None and pid != crash.pid:
                crash.answered_ns = boot_ns()
                del self.down[unit]
        up = [unit for unit in self.ports if unit not in self.down]
        if up:
            self.crash(self.crash_random.choice(up))
        time.sleep(self.crash_random.random() * 0.1)

    def crash(self, unit):
        pid = self.answering_pid(unit)
        if pid is None:
            return
        ways = ["SIGKILL", "exit", "SIGTERM"] + (["SIGSEGV"] if unit.startswith("plain") else [])
        how = self.crash_random.choice(ways)
        crash = Crash(unit, pid, how)
        if how == "exit":
            try:
                with EchoClient(self.ports[unit], timeout_s=2) as client:
                    client.send("X 3")
                    client.reply()
            except OSError:
                pass
        else:
            kill(pid, signal.Signals[how])
        wait_until(lambda: not alive(pid), f"{crash} is dead")
        self.crashes.append(crash)
        self.down[unit] = crash

    def answering_pid(self, unit):
        try:
            with EchoClient(self.ports[unit], timeout_s=0.3) as client:
                return client.pid()
        except OSError:
            return None

    def look_for_doubles(self):
        for unit in self.ports:
            found = self.daemon.processes_of(unit)
            # Both lived when the second was found, if the first one still lives afterwards.
            still = [pid for pid in found if alive(pid)]
            if len(still) > 1:
                self.twice.append((unit, still))
        time.sleep(0.01)

    # The verdict

    def assert_ledger_agrees(self, unit):
        crashes = [crash for crash in self.crashes if crash.unit == unit]
        rows = [row for row in self.daemon.intervals(unit)]
        self.assert_no_overlap(rows, unit)
        self.assertTrue(all(not row["planned"] for row in rows))
        spans = [(row["start_since_boot_ns"], row["start_since_boot_ns"] + row["duration_ns"])
                 for row in rows]
        for crash in crashes:
            self.assertTrue(
                any(start <= crash.answered_ns and end >= crash.before_ns for start, end in spans),
                f"lost: {crash}; intervals: {spans}")
        for start, end in spans:
            self.assertTrue(
                any(start <= crash.answered_ns and end >= crash.before_ns for crash in crashes),
                f"invented for {unit}: {start} to {end}; crashes: {crashes}")
        self.assert_none_doubled(unit, spans, crashes)

    def assert_none_doubled(self, unit, spans, crashes):
        """Each downtime has a crash of its own. (Not the other way round: a unit that crashes again
        before anybody saw that it was back is down once.)"""
        free = sorted(crashes, key=lambda crash: crash.answered_ns)
        for start, end in sorted(spans, key=lambda span: span[1]):
            mine = next((crash for crash in free
                         if start <= crash.answered_ns and end >= crash.before_ns), None)
            if mine is None:
                near = [f"{event['since_boot_ns']} {kind} {event['detail']}"
                        for kind in ("unit.exit", "unit.crash", "unit.ready")
                        for event in self.daemon.ledger_events(unit, kind)
                        if abs(event["since_boot_ns"] - start) < 5e9]
                near.sort()
                self.fail(f"doubled for {unit}: {start} to {end}; its crashes then: "
                          f"{[c for c in crashes if abs(c.before_ns - start) < 5e9]}; its events:\n" +
                          "\n".join(near))
            free.remove(mine)

    def test_units_survive_and_the_ledger_knows(self):
        self.write_units()
        self.daemon.start()
        self.daemon.act_ok("start", *(u.replace(".service", ".socket") for u in self.ports
                                      if u.startswith("held")), *self.ports)
        for unit in self.ports:
            self.daemon.wait_main_pid(unit)
        crasher, watcher = Thread(self.crash_something), Thread(self.look_for_doubles)
        crasher.start()
        watcher.start()
        end = time.monotonic() + SECONDS
        kills = 0
        try:
            while kills < KILLS and time.monotonic() < end:
                self.kill_something()
                kills += 1
                if crasher.error or watcher.error:
                    break
        finally:
            self.daemon_is_there()
            crasher.finish()
            watcher.finish()
        sys.stderr.write(f"{kills} kills, {len(self.crashes)} crashes ")
        self.assertGreaterEqual(kills, FEWEST_KILLS)

        for unit, crash in list(self.down.items()):
            wait_until(lambda unit=unit, crash=crash:
                       self.answering_pid(unit) not in (None, crash.pid), f"{unit} is not lost")
            crash.answered_ns = boot_ns()
        for unit in self.ports:
            pid = self.daemon.wait_main_pid(unit)
            wait_until(lambda unit=unit, pid=pid: self.daemon.processes_of(unit) == [pid],
                       f"{unit} is exactly {pid}")
        self.assertEqual(self.twice, [])
        wait_until(lambda: len(self.daemon.worker_pids()) == 1 and
                   len(self.daemon.keeper_pids()) == 1, "one keeper and one worker")
        for unit in self.ports:
            wait_until(lambda unit=unit: all(row["duration_ns"] is not None
                                             for row in self.daemon.intervals(unit)),
                       f"{unit}: all downtimes are closed")
            self.assert_ledger_agrees(unit)
            for row in self.daemon.ledger_events(unit, "unit.exit"):
                self.assertNotIn(str(ALREADY_LOCKED), row["detail"], f"{unit} was started twice")


if __name__ == "__main__":
    harness.main()
