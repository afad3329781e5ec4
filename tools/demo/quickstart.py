"""What tools/quickstart shows, once everything is built:

    quickstart.py BIN-DIRECTORY

Keeps redis and nginx up under the unit files that Debian ships, crashes and hangs them, and says how
long each recovery took; then the matrix of this host, and why redis was down, beside what an observer
from outside saw. Exit code 0 only if each of them came back every time, and both agree.
"""

import json
import os
import pwd
import resource
import signal
import subprocess
import sys
import time

import sandbox
from clients import NginxClient, RedisClient
from failures import FAILURES
from keeping import Ended, Ninesd
from observer import Observer

_UNITS = {"redis": "redis-server.service", "nginx": "nginx.service"}
_START_S = 30.0
_RECOVER_S = 20.0
# nines restarts at once what has been well for HealthyUptime=; sooner it backs off.
_HEALTHY_S = 1.0
# By so much of the whole, and so much for each outage, the ledger and the observer may differ.
_AGREES_SHARE = 0.01
_AGREES_S = 0.02

_DROP_INS = {
    "redis-server.service": """\
[X-Nines]
HealthCheck=tcp:127.0.0.1:6379
HealthCheckSend=PING\\r\\n
HealthCheckExpect=+PONG
""",
    "nginx.service": """\
[X-Nines]
HealthCheck=http://127.0.0.1:8080/alive
""",
}
# A hang is dated from the first check that was not answered: the more often, the more exactly.
_DROP_IN_TAIL = """\
HealthCheckInterval=20ms
HealthCheckTimeout=500ms
HealthCheckFailures=2
HealthyUptime=1s
"""

_WWW = "/run/quickstart/www"
_NGINX_SITE = f"""\
server {{
    listen 127.0.0.1:8080;
    root {_WWW};
    dav_methods PUT;
    location = /alive {{ access_log off; return 200 "alive\\n"; }}
}}
"""

_ROW = "{:>2}  {:<5}  {:<21}  {:<27}  {:>10}  {:>10}  {:>10}"


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def prepare(base):
    """@return the directory for --unit-path, which has drop-ins and no unit file."""
    units = os.path.join(base, "units")
    for unit, text in _DROP_INS.items():
        write(os.path.join(units, unit + ".d", "quickstart.conf"), text + _DROP_IN_TAIL)
    write("/etc/nginx/conf.d/quickstart.conf", _NGINX_SITE)
    os.mkdir(_WWW)
    owner = pwd.getpwnam("www-data")
    os.chown(_WWW, owner.pw_uid, owner.pw_gid)
    return units


def milliseconds(value):
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def notice_in(events):
    """@return (how nines noticed, when: nanoseconds since boot)."""
    for event in events:
        if event["kind"] == "unit.unhealthy":
            return "health check: no answer", event["since_boot_ns"]
        if event["kind"] == "unit.exit":
            return "its exit: " + event["detail"]["exit"], event["since_boot_ns"]
        if event["kind"] == "unit.crash":
            return "kernel: dumps core", event["since_boot_ns"]
    return "?", None


class Show:
    """One run; fails with Ended and a message."""

    def __init__(self, ninesd, clients):
        self._ninesd = ninesd
        self._clients = clients

    def start(self):
        began = time.monotonic()
        self._ninesd.start(list(_UNITS.values()))
        for unit in _UNITS.values():
            if self._ninesd.current(unit, _START_S) is None:
                raise Ended(f"{unit} did not become ready within {_START_S:.0f} s")
        for client in self._clients.values():
            client.start()
            if not client.wait_for_answer(0, _START_S):
                raise Ended(f"{client.name} answers no {client.writes_what}")
        print(f"Both are ready and answer after {milliseconds((time.monotonic() - began) * 1000)}.\n")

    def fail_all(self):
        print(_ROW.format("", "", "what happens to it", "noticed by", "after", "restarted", "client"))
        print(_ROW.format("", "", "", "", "", "in", "waited"))
        for number, failure in enumerate(FAILURES, start=1):
            self._fail(number, failure)

    def kill_worker(self):
        """The daemon itself: nothing that it keeps may notice."""
        pids = {name: self._wait_until_well(name) for name in _UNITS}
        failed = {name: client.failed for name, client in self._clients.items()}
        for client in self._clients.values():
            client.forget()
        worker = self._ninesd.worker_pid()
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + _RECOVER_S
        while True:
            try:
                if self._ninesd.worker_pid() != worker:
                    break
            except Ended:
                pass
            if time.monotonic() > deadline:
                raise Ended("ninesd did not come back after SIGKILL")
            time.sleep(0.02)
        for name, unit in _UNITS.items():
            if f'"main_pid":{pids[name]},' not in self._ninesd.nines("--json", "status", unit):
                raise Ended(f"{unit} did not survive the SIGKILL of ninesd")
        lost = sum(client.failed - failed[name] for name, client in self._clients.items())
        print(f"\nninesd itself, SIGKILL: its successor took both over, same processes, "
              f"{lost} requests failed.")
        if lost:
            raise Ended("requests failed although only ninesd was killed")

        # Its first health checks.
        time.sleep(0.5)

    def _wait_until_well(self, name):
        """@return the main process's pid, once it serves for long enough to be restarted at once."""
        unit = _UNITS[name]
        while True:
            event = self._ninesd.current(unit, _RECOVER_S)
            if event is None:
                raise Ended(f"{unit} is down, and nobody did anything to it")
            age_s = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - event["since_boot_ns"]) / 1e9
            if age_s > _HEALTHY_S:
                return int(event["detail"]["pid"])
            time.sleep(_HEALTHY_S + 0.05 - age_s)

    def _fail(self, number, failure):
        name, unit = failure.application, _UNITS[failure.application]
        client = self._clients[name]
        pid = self._wait_until_well(name)
        mark = self._ninesd.mark()
        client.forget()
        struck_ns = failure.inflict(pid)
        events = self._ninesd.wait_for(unit, "unit.ready", mark, _RECOVER_S)
        if events is None:
            raise Ended(f"{unit} was not ready again within {_RECOVER_S:.0f} s after {failure.what}")
        if not client.wait_for_answer(time.monotonic(), _RECOVER_S):
            raise Ended(f"{unit} is ready again after {failure.what}, but its client gets no answer")
        how, noticed_ns = notice_in(events)
        if noticed_ns is None:
            raise Ended(f"{unit} is ready again after {failure.what}, but nobody says why it was not")
        ready_ns = events[-1]["since_boot_ns"]
        print(_ROW.format(number, name, failure.what, how,
                          milliseconds(max(0, noticed_ns - struck_ns) / 1e6),
                          milliseconds((ready_ns - noticed_ns) / 1e6),
                          milliseconds(client.longest_gap_ms())), flush=True)


def version(command, marker):
    text = subprocess.run(command, capture_output=True, text=True, check=False)
    words = (text.stdout + text.stderr).replace("/", "=").split()
    return next((w[len(marker):] for w in words if w.startswith(marker)), "")


def explain_columns(clients, unasked):
    print("\nafter: from the blow to nines's notice; a crashing redis first writes its report.")
    print("restarted in: from the notice to ready (redis: READY=1, nginx: its forking ExecStart= done).")
    print("client waited: the longest time between two answers.")
    parts = [f"{c.name} {c.answered:,} {c.writes_what} answered, {c.failed} failed"
             for c in clients.values()]
    print("clients: " + "; ".join(parts) + ".")
    if unasked > 0:
        print(f"Beside that nines restarted {unasked} times what did not answer its health check: this "
              "machine is very busy.")


def show_state(ninesd):
    for arguments in (("status", *_UNITS.values()), ("events", "-n", "10")):
        print(f"\n$ nines {' '.join(a for a in arguments if not a.endswith('.service'))}")
        # A card for one unit, a table for several.
        print(ninesd.nines(*arguments).rstrip())


def explain_why(ninesd, outages):
    """The matrix, and the ledger's word on redis against the observer's."""
    print("\n$ nines")
    print(ninesd.nines().rstrip())
    print("\n$ nines why redis-server")
    print(ninesd.nines("why", "redis-server").rstrip())
    report = json.loads(ninesd.nines("--json", "why", "redis-server"))
    told = sum(unit["downtime_ns"] for unit in report["units"]) / 1e9
    times = sum(unit["outages"] for unit in report["units"])
    seen = sum(outages)
    print(f"\nThe ledger says {told:.3f} s in {times} downtimes; an observer that asks PING every 2 ms "
          f"saw {seen:.3f} s in {len(outages)}.")
    if abs(told - seen) > _AGREES_SHARE * seen + _AGREES_S * max(times, len(outages)):
        raise Ended("the ledger and the observer do not agree on how long redis was down")


def leftovers():
    """Commands of the processes of this sandbox that are not its first."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                continue
            if command:  # a zombie has none
                found.append(f"{name} {command}")
    return found


def complain(message, ninesd):
    print(f"\nquickstart: {message}", file=sys.stderr)
    print("\n--- ninesd's log", file=sys.stderr)
    print(ninesd.log_text().rstrip(), file=sys.stderr)
    for arguments in (("status",), ("events", "-n", "20"), *(("logs", u, "-n", "15")
                                                            for u in _UNITS.values())):
        print(f"\n--- nines {' '.join(arguments)}", file=sys.stderr)
        try:
            print(ninesd.nines(*arguments).rstrip(), file=sys.stderr)
        except Ended as ended:
            print(ended, file=sys.stderr)


def end(ninesd):
    """@return True if everything ended in order."""
    code = ninesd.stop()
    left = leftovers()
    if code != 0:
        print(f"quickstart: ninesd did not stop in order (exit code {code})", file=sys.stderr)
    if left:
        print("quickstart: still there after ninesd: " + "; ".join(left), file=sys.stderr)
    return code == 0 and not left


def perform(bin_directory):
    """Inside the sandbox. @return the exit code."""
    # Cores would go to where the host wants them.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    base = "/run/quickstart"
    os.mkdir(base, 0o755)
    ninesd = Ninesd(bin_directory, base, prepare(base))
    clients = {"redis": RedisClient(), "nginx": NginxClient()}
    show = Show(ninesd, clients)
    observer = None
    began = time.monotonic()
    good = False
    try:
        show.start()
        observer = Observer()
        show.fail_all()
        show.kill_worker()
        for client in clients.values():
            client.stop()
        outages, observer = observer.stop(), None
        explain_columns(clients, ninesd.count("unit.ready") - len(_UNITS) - len(FAILURES))
        show_state(ninesd)
        explain_why(ninesd, outages)
        good = True
    except KeyboardInterrupt:
        print("\nquickstart: interrupted; stopping redis and nginx", file=sys.stderr)
        if observer is not None:
            observer.stop()
        end(ninesd)
        return 130
    except (Ended, OSError, ValueError) as error:
        complain(str(error), ninesd)
    if observer is not None:
        observer.stop()
    stopped = end(ninesd)
    if good and stopped:
        print(f"\nAll {len(FAILURES)} times they came back; {time.monotonic() - began:.0f} s in all. "
              "Everything is stopped again.")
    return 0 if good and stopped else 1


def introduce():
    redis = version(["redis-server", "--version"], "v=")
    nginx = version(["nginx", "-v"], "nginx=")
    print(f"\nKeeping redis {redis} and nginx {nginx} up, by the unit files that Debian ships and a "
          "drop-in for each\nthat says how to ask whether it is well. A client writes to each. "
          "Network, processes, /run and\ndata directories are private: nothing of this host is "
          "touched.\n")


def what_next():
    print("""
Next:
  build/release/bin/nines unit check redis-server.service   what each line of a unit file will do
  build/release/bin/nines keep redis-server.service         keep it up here, in the foreground
  build/release/bin/ninesd & build/release/bin/nines        the daemon, and what it knows
  tools/test                                                every test that needs no virtual machine""")


def main(arguments):
    if len(arguments) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    introduce()
    try:
        code = sandbox.run(lambda: perform(os.path.abspath(arguments[0])))
    except sandbox.NotPermitted as reason:
        print(f"quickstart: cannot make private namespaces ({reason}), and without them it would use "
              "this host's\nports and data. In a container: run it again in one started with "
              "--privileged.", file=sys.stderr)
        return 1
    if code == 0:
        what_next()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
