#!/usr/bin/python3
"""A server that leaks until its memory limit kills it, under load for an hour: what clients see of it
when it is only restarted, and when it is replaced before the limit (OnPredicted=rejuvenate).

Both run at the same time under one daemon, behind a socket unit each, with the same leak. The peer is
the same supervisor without prediction: no supervisor that we know foretells anything."""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import report

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILD = os.path.join(ROOT, "build", "release")
LIMIT_MIB = 128
PAUSE_S = 0.005
OURS = "nines"
PEER = "nines, OnPredicted=warn"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Clients:
    """Two that connect, ask once, and go."""

    def __init__(self, port):
        self._port = port
        self.answered = 0
        self.failed = 0
        self.slowest_s = 0.0
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _ask(self):
        with socket.create_connection(("127.0.0.1", self._port), timeout=10) as client:
            client.sendall(b"hello\n")
            return client.makefile("rb").readline().endswith(b" hello\n")

    def _run(self):
        while not self._end.is_set():
            began = time.monotonic()
            try:
                good = self._ask()
            except OSError:
                good = False
            took = time.monotonic() - began
            with self._lock:
                self.answered += good
                self.failed += not good
                self.slowest_s = max(self.slowest_s, took)
            time.sleep(PAUSE_S)

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join()


def write_units(directory, name, port, leak_kib, on_predicted):
    with open(os.path.join(directory, name + ".socket"), "w", encoding="utf-8") as file:
        file.write(f"[Socket]\nListenStream=127.0.0.1:{port}\nBacklog=4096\n")
    with open(os.path.join(directory, name + ".service"), "w", encoding="utf-8") as file:
        file.write(f"""\
[Unit]
Requires={name}.socket
After={name}.socket
StartLimitIntervalSec=0
[Service]
Type=notify
ExecStart={os.path.join(BUILD, "targets", "leaky_server")} --kib-per-s {leak_kib}
MemoryMax={LIMIT_MIB}M
MemorySwapMax=0
LimitCORE=0
Restart=always
[X-Nines]
OnPredicted={on_predicted}
HealthCheck=tcp:127.0.0.1:{port}
HealthCheckSend=check\\n
HealthCheckExpect=check
HealthCheckInterval=1s
""")


def measure(options, base):
    units = os.path.join(base, "units")
    os.mkdir(units)
    ports = {"warned": free_port(), "replaced": free_port()}
    for name, action in (("warned", "warn"), ("replaced", "rejuvenate")):
        write_units(units, name, ports[name], options.leak_kib, action)
    directories = ["--runtime-dir", os.path.join(base, "run"), "--state-dir",
                   os.path.join(base, "state")]
    with open(os.path.join(base, "log"), "wb") as log:
        daemon = subprocess.Popen(
            [os.path.join(BUILD, "bin", "ninesd"), *directories, "--unit-path", units,
             *(name + ".service" for name in ports)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        for port in ports.values():
            wait_for(port)
        clients = {name: Clients(port) for name, port in ports.items()}
        end = time.monotonic() + options.minutes * 60
        while time.monotonic() < end:
            time.sleep(1)
        for one in clients.values():
            one.stop()
        told = subprocess.run([os.path.join(BUILD, "bin", "nines"), *directories[:2], "--json",
                               "why"], capture_output=True, text=True, check=True)
        units_told = {unit["unit"].split(".")[0]: unit
                      for unit in json.loads(told.stdout)["units"]}
        events = subprocess.run(
            [os.path.join(BUILD, "bin", "nines"), *directories[:2], "--json", "events", "-n", "10000"],
            capture_output=True, text=True, check=True)
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(60)
    replaced = sum(json.loads(line)["kind"] == "unit.rejuvenated" for line in
                   events.stdout.splitlines())
    return clients, units_told, replaced


def wait_for(port):
    for _ in range(1000):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.01)
    sys.exit("the server does not answer")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a row")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--leak-kib", type=int, default=1024, help="a second")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="nines-bench-rejuvenation-")
    try:
        clients, told, replaced = measure(options, base)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    show = report.print_json if options.json else report.print_table
    ours, peer = clients["replaced"], clients["warned"]
    case = f"{options.minutes:g}min"
    for metric, unit, one, other in (
            ("failed_requests", "requests", ours.failed, peer.failed),
            ("unplanned_outages", "downtimes", told["replaced"]["failures"],
             told["warned"]["failures"]),
            ("downtime", "s", told["replaced"]["downtime_ns"] / 1e9,
             told["warned"]["downtime_ns"] / 1e9),
            ("slowest_request", "s", ours.slowest_s, peer.slowest_s)):
        show(report.Row("rejuvenation", case, metric, unit, OURS, {OURS: [one], PEER: [other]}))
    print(f"{ours.answered + ours.failed:,} requests and {replaced} replacements in "
          f"{options.minutes:g} minutes; the peer had {peer.answered + peer.failed:,} requests.",
          file=sys.stderr)
    return 1 if ours.failed else 0


if __name__ == "__main__":
    sys.exit(main())
