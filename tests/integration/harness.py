"""What every integration test needs: a daemon of its own in private directories, units, clients that
crash them, and the ledger; all of it ended by pid afterwards, whatever happened in between.

A test polls with wait_until() and a deadline; it never sleeps and then asserts. Deadlines are long,
because they only say when to give up: a loaded machine makes a test slow, not red.
"""

import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

DEADLINE_S = 30.0
# In the environment of all that a test starts: finds them again. Programs that overwrite their
# environment with a title (redis) are found by their working directory.
_MARK = "NINES_TEST_HOME"

BUILD = Path(os.environ.get("NINES_BUILD_DIR", "build/release")).resolve()


def binary(name):
    return str(BUILD / "bin" / name)


def target(name):
    return str(BUILD / "targets" / name)


def need_program(name):
    """@return its path. Absent: the test skips and names it."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path:
        return path
    raise unittest.SkipTest(f"needs {name}")


def boot_ns():
    """Now on the clock of DowntimeInterval.start_since_boot."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def wait_until(condition, what, deadline_s=DEADLINE_S, step_s=0.02):
    """Polls until condition() is true and returns its value. Errors of the network and of a process
    that goes away meanwhile count as "not yet"; the last one is named if time runs out."""
    end = time.monotonic() + deadline_s
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, http.client.HTTPException, sqlite3.OperationalError) as error:
            last = error
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {deadline_s:.0f} s: {said} (last: {last!r})")
        time.sleep(step_s)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# --- processes ------------------------------------------------------------------------------------


def start_time(pid):
    """Clock ticks since boot; None when there is no such process, or only its zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in b"ZX" else int(fields[19])


def alive(pid):
    return start_time(pid) is not None


def parent_of(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return None


def before_exec(pid):
    """Forked, and still under its parent's name. PF_FORKNOEXEC of the kernel's sched.h."""
    try:
        flags = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[6]
    except OSError:
        return False
    return int(flags) & 0x40 != 0


def environment_of(pid):
    """As a dictionary; empty for what is gone, a zombie, or another user's."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return {}
    return dict(
        entry.split("=", 1) for entry in raw.decode("utf-8", "replace").split("\0") if "=" in entry
    )


def directory_of(pid):
    """Its working directory; empty for what is gone."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def cgroup2_mount():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            _, where, kind, *_ = line.split()
            if kind == "cgroup2" and os.access(where, os.W_OK):
                return Path(where)
    raise unittest.SkipTest("needs a cgroup v2 hierarchy that can be written to")


def cgroup2_of(pid):
    """The directory of its v2 cgroup; the mount itself for what is gone."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    path = next((line[3:] for line in lines if line.startswith("0::")), "/")
    return cgroup2_mount() / path.lstrip("/")


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def kill(pid, number=signal.SIGKILL):
    """@return whether there was such a process."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class DaemonProcess:
    """One process of ours: its role is in its name."""

    def __init__(self, pid, role):
        self.pid = pid
        self.role = role


# --- clients --------------------------------------------------------------------------------------


class EchoClient:
    """One connection to targets/echo_server."""

    def __init__(self, port, timeout_s=DEADLINE_S):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._file = self._socket.makefile("rwb", buffering=0)

    def send(self, line):
        self._file.write(line.encode() + b"\n")

    def ask(self, line):
        self.send(line)
        return self.reply()

    def reply(self):
        """@return the next line; raises ConnectionError if the server went away."""
        answer = self._file.readline()
        if not answer.endswith(b"\n"):
            raise ConnectionResetError("the server closed the connection")
        return answer.decode().rstrip("\n")

    def pid(self):
        return int(self.ask("P").split()[0])

    def close(self):
        self._file.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def order(port, line):
    """Sends a command to an echo_server that will not live to answer it."""
    with EchoClient(port) as client:
        client.send(line)
        try:
            client.reply()
        except OSError:
            pass


# --- the daemon -----------------------------------------------------------------------------------


class ApiError(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout_s):
        super().__init__("nines", timeout=timeout_s)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Daemon:
    """ninesd with its keeper, in directories of its own.

    home/run, home/state, home/units, home/daemon.log; home/work is for the test's own files.
    """

    def __init__(self, prefix="nines-test-"):
        self.home = Path(tempfile.mkdtemp(prefix=prefix))
        self.run_dir = self.home / "run"
        self.state_dir = self.home / "state"
        self.unit_dir = self.home / "units"
        self.work = self.home / "work"
        for directory in (self.unit_dir, self.work):
            directory.mkdir()
        self.log_path = self.home / "daemon.log"
        self.api_path = str(self.run_dir / "api.sock")
        self._started = []  # Popen: to be reaped

    # Units

    def service(self, name, service, unit="", nines="", extra=""):
        """Writes NAME.service. The sections are texts of directives; processes get marks by which
        processes_of() and the cleaning up find them. @return its full name."""
        unit_name = name if name.endswith(".service") else name + ".service"
        self.directory_of(unit_name).mkdir(exist_ok=True)
        self.unit_text(
            unit_name,
            f"[Unit]\n{unit}\n"
            f"[Service]\nEnvironment={_MARK}={self.home} NINES_TEST_UNIT={unit_name}\n"
            f"WorkingDirectory={self.directory_of(unit_name)}\n{service}\n"
            f"[X-Nines]\n{nines}\n{extra}",
        )
        return unit_name

    def directory_of(self, unit):
        """The working directory of the unit's processes."""
        return self.work / unit

    def socket_unit(self, name, socket_section, unit=""):
        unit_name = name + ".socket"
        self.unit_text(unit_name, f"[Unit]\n{unit}\n[Socket]\n{socket_section}\n")
        return unit_name

    def unit_text(self, unit_name, text):
        path = self.unit_dir / unit_name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    # Its life

    def start(self, *units, env=None, arguments=(), command_prefix=(), wait=True):
        """@param env  added to the environment, e.g. {"NINES_FAULT": "spool_append:kill"}."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NINES_FAULT")}
        environment[_MARK] = str(self.home)
        environment.update(env or {})
        command = [*command_prefix, binary("ninesd"), "--runtime-dir", str(self.run_dir),
                   "--state-dir", str(self.state_dir), "--unit-path", str(self.unit_dir),
                   "--log-level", "debug", *arguments, *units]
        with open(self.log_path, "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env=environment, start_new_session=True)
        self._started.append(process)
        if wait:
            wait_until(lambda: self.status()["pid"], "the daemon answers")
        return process

    def status(self):
        return self.get("/v1/status")

    def _ours(self):
        """Pids of everything with our mark, units and daemon alike."""
        home = str(self.home)
        found = []
        for pid in all_pids():
            if pid == os.getpid():
                continue
            if environment_of(pid).get(_MARK) == home or directory_of(pid).startswith(home + "/"):
                found.append(pid)
        return found

    def daemon_processes(self):
        """Keepers and workers that are alive, by /proc alone: also while nobody answers."""
        found = []
        for pid in self._ours():
            # Asked before the name: a unit's process looks like the worker until its exec.
            if before_exec(pid):
                continue
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            role = os.path.basename(words[0]).decode()
            if b"--runtime-dir" not in words:
                continue
            if role == "nines-keeper":
                found.append(DaemonProcess(pid, "keeper"))
            elif role == "ninesd" and b"--keeper-fd" in words:
                found.append(DaemonProcess(pid, "worker"))
        return found

    def worker_pids(self):
        return [p.pid for p in self.daemon_processes() if p.role == "worker"]

    def keeper_pids(self):
        return [p.pid for p in self.daemon_processes() if p.role == "keeper"]

    def kill_worker(self):
        """kill -9; @return the pids. The keeper starts the next one."""
        return [pid for pid in self.worker_pids() if kill(pid)]

    def kill_keeper(self):
        return [pid for pid in self.keeper_pids() if kill(pid)]

    def kill_both(self):
        """Keeper and worker in one go, and whatever they start meanwhile: nobody is left."""
        def none_left():
            processes = self.daemon_processes()
            for process in sorted(processes, key=lambda p: p.role):  # the keeper first
                kill(process.pid)
            self.reap()
            return not processes
        wait_until(none_left, "keeper and worker are dead")

    def wait_new_worker(self, old_pid):
        """Until a worker other than `old_pid` answers. @return its status."""
        def answered():
            status = self.status()
            return status if status["pid"] != old_pid else None
        return wait_until(answered, f"a successor of worker {old_pid} answers")

    def reap(self):
        for process in self._started:
            process.poll()

    def stop(self):
        """As an operator would: SIGTERM to the keeper, which stops all units. @return exit code."""
        keepers = self.keeper_pids()
        for pid in keepers:
            kill(pid, signal.SIGTERM)
        wait_until(lambda: self.reap() or not any(alive(pid) for pid in keepers),
                   "the daemon stops on SIGTERM")
        return self._started[-1].poll() if self._started else None

    def close(self):
        """Ends everything, by pid, and removes the directories."""
        end = time.monotonic() + 10
        # One look is not enough: a process that was started after it had listed /proc, by one that
        # ended before it got there, is missed.
        clean_looks = 0
        while clean_looks < 3 and time.monotonic() < end:
            self.reap()
            left = self._ours()
            clean_looks = 0 if left else clean_looks + 1
            # The daemon first, or it would start again what is killed below.
            names = {p.pid for p in self.daemon_processes()}
            for pid in sorted(left, key=lambda p: p not in names):
                kill(pid)
            time.sleep(0.02)
        for process in self._started:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                pass
        self._remove_cgroups()
        shutil.rmtree(self.home, ignore_errors=True)

    def _remove_cgroups(self):
        """kill -9 leaves the units' (empty) groups behind, in a tree named after our run_dir."""
        number = 2166136261
        for byte in str(self.run_dir).encode():
            number = (number ^ byte) * 16777619 & 0xFFFFFFFF
        name = f"nines-{number:08x}"
        for directory, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if name in directory.split("/"):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass

    # Asking it

    def request(self, method, path, body=None, timeout_s=DEADLINE_S):
        """One request, not repeated. @return the decoded document. Raises ApiError on 4xx and 5xx."""
        connection = _UnixConnection(self.api_path, timeout_s)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body),
                               headers={"Content-Type": "application/json"} if body else {})
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        document = json.loads(text) if text else {}
        if response.status >= 400:
            raise ApiError(response.status, document)
        return document

    def get(self, path):
        """Reading is repeated while a successor of the daemon takes over."""
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                return self.request("GET", path)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)

    def unit(self, name):
        return self.get("/v1/units/" + urllib.parse.quote(name, safe=""))

    def events(self, unit=None, kind=None, limit=1000):
        """Oldest first, as the API tells them; each with "detail" as a dictionary."""
        path = f"/v1/events?limit={limit}" + (f"&unit={urllib.parse.quote(unit)}" if unit else "")
        return [e for e in self.get(path)["events"] if kind is None or e["kind"] == kind]

    def act(self, verb, *units, no_block=False):
        """@return the results, one for each unit asked for; each has "error" or not."""
        body = {"units": list(units), "no_block": no_block}
        return self.request("POST", f"/v1/units/{verb}", body)["results"]

    def act_ok(self, verb, *units, **options):
        results = self.act(verb, *units, **options)
        for result in results:
            if result.get("error"):
                raise AssertionError(f"{verb} {result['unit']}: {result['error']}")
        return results

    def nines(self, *arguments, check=True):
        """The command line. @return subprocess.CompletedProcess with text."""
        done = subprocess.run(
            [binary("nines"), "--runtime-dir", str(self.run_dir), *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(f"nines {' '.join(arguments)}: exit {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done

    # Waiting for it

    def wait_state(self, unit, *states, deadline_s=DEADLINE_S):
        """@return the unit's status once it is in one of the states ("running", "failed" ...)."""
        def reached():
            status = self.unit(unit)
            return status if status["state"] in states else None
        return wait_until(reached, lambda: f"{unit} becomes {' or '.join(states)}; it is "
                          f"{self.unit(unit)}", deadline_s)

    def wait_main_pid(self, unit, other_than=None, deadline_s=DEADLINE_S):
        """@return the pid of the running unit's main process, when it is not `other_than`."""
        def other():
            status = self.unit(unit)
            pid = status.get("main_pid")
            return pid if status["state"] == "running" and pid and pid != other_than else None
        return wait_until(other, lambda: f"{unit} runs anew; it is {self.unit(unit)}", deadline_s)

    def wait_event(self, kind, unit=None, count=1, deadline_s=DEADLINE_S):
        """@return the events of that kind once there are at least `count`."""
        def enough():
            events = self.events(unit, kind)
            return events if len(events) >= count else None
        return wait_until(enough, lambda: f"{count} {kind} of {unit}; there are "
                          f"{[e['kind'] for e in self.events(unit)]}", deadline_s)

    def processes_of(self, unit):
        """Live pids that this unit started and that have come through exec. A child between clone
        and exec still shows the daemon's environment and is not among them."""
        found = []
        for pid in self._ours():
            marked = environment_of(pid).get("NINES_TEST_UNIT") == unit
            if (marked or directory_of(pid) == str(self.directory_of(unit))) and alive(pid):
                found.append(pid)
        return found

    # The ledger, read as any SQLite client would

    def ledger(self, sql, *parameters):
        connection = sqlite3.connect(f"file:{self.state_dir}/ledger.db?mode=ro", uri=True,
                                     timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # created with the first record
                raise
            return []
        finally:
            connection.close()

    def intervals(self, unit):
        """Downtime of a unit, oldest first: start_since_boot_ns, duration_ns (None: open), planned."""
        return self.ledger(
            "SELECT i.* FROM intervals i JOIN names n ON n.id = i.unit WHERE n.text = ?"
            " ORDER BY start_since_boot_ns", unit)

    def ledger_events(self, unit, kind):
        return self.ledger(
            "SELECT e.* FROM events e JOIN names s ON s.id = e.subject JOIN names k ON k.id = e.kind"
            " WHERE s.text = ? AND k.text = ? ORDER BY seq", unit, kind)


class DaemonTest(unittest.TestCase):
    """One Daemon for each test method, in self.daemon; its log is printed when the test fails."""

    def setUp(self):
        self.daemon = self.new_daemon()

    def new_daemon(self):
        daemon = Daemon()
        self.addCleanup(self._finish, daemon)
        return daemon

    def _finish(self, daemon):
        result = self._outcome.result
        failed = any(test.id().startswith(self.id()) for test, _ in result.failures + result.errors)
        if failed and daemon.log_path.exists():
            log = daemon.log_path.read_text(errors="replace").splitlines()[-60:]
            sys.stderr.write(f"\n--- log of the daemon in {self.id()} ---\n" + "\n".join(log) +
                             "\n--- its events ---\n" + _tell_events(daemon) + "---\n")
        daemon.close()

    def assert_no_overlap(self, intervals, unit):
        """No interval is open for ever, doubled, or overlaps its predecessor."""
        end = None
        for interval in intervals:
            self.assertIsNotNone(interval["duration_ns"], f"{unit}: still open: {dict(interval)}")
            if end is not None:
                self.assertGreaterEqual(interval["start_since_boot_ns"], end,
                                        f"{unit}: overlaps its predecessor: {dict(interval)}")
            end = interval["start_since_boot_ns"] + interval["duration_ns"]


def _tell_events(daemon):
    try:
        rows = daemon.ledger(
            "SELECT e.since_boot_ns AS t, k.text AS kind, s.text AS subject, e.detail AS detail"
            " FROM events e JOIN names k ON k.id = e.kind LEFT JOIN names s ON s.id = e.subject"
            " ORDER BY seq DESC LIMIT 60")
    except sqlite3.Error as error:
        return f"none to be read: {error}\n"
    return "".join(f"{row['t'] / 1e9:.3f} {row['subject'] or ''} {row['kind']} {row['detail']}\n"
                   for row in reversed(rows))


def main():
    """Runs the file's tests: the build directory comes from NINES_BUILD_DIR, set by CTest. What was
    skipped is said again in the words that tools/test looks for, which decides whether it may be."""
    result = unittest.main(verbosity=2, exit=False).result
    for test, reason in result.skipped:
        print(f"SKIP: {test}: {reason}", flush=True)
    sys.exit(not result.wasSuccessful())
