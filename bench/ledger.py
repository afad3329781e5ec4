#!/usr/bin/python3
"""10 million events: `why` over a year and appending, beside plain SQLite

The peer is what one writes without us, with the same SQLite: a table of events with an index by unit
and time. It finds downtimes by pairing each unit's exits with the next start (a window function),
and commits each event by itself (WAL, synchronous=FULL), or 1,000 of them at once.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

import report

OURS = "nines"
PEER_WHY = "sqlite: exits paired with starts"
PEER_ONE = "sqlite: a commit for each event"
PEER_MANY = "sqlite: a commit for 1,000 events"

_PAIRS = """
WITH edges AS (
  SELECT unit, kind, time_ns, lead(time_ns) OVER (PARTITION BY unit ORDER BY time_ns) AS next_ns
  FROM events WHERE kind IN ('down', 'up') AND time_ns >= ?)
SELECT unit, count(*), sum(next_ns - time_ns) FROM edges WHERE kind = 'down' GROUP BY unit"""


def _parse(argv):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="tools/bench ledger", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the year (10M)")
    parser.add_argument("--units", type=int, default=50, help="units that they are about (50)")
    parser.add_argument("--n", type=int, default=15, help="runs of each question (15)")
    parser.add_argument("--seconds", type=int, default=10, help="how long 1,000 events/s are written")
    parser.add_argument("--without-peer", action="store_true", help="measure nines alone")
    parser.add_argument("--dir", help="where the databases go: a disk (the temporary directory)")
    parser.add_argument("--build", default=os.path.join(root, "build", "release"))
    options = parser.parse_args(argv)
    if min(options.n, options.events, options.units, options.seconds) < 1:
        parser.error("--n, --events, --units and --seconds: at least 1")
    return options


def case_name(events):
    return f"{events // 1_000_000}M" if events >= 1_000_000 else str(events)


class Client:
    """Our side: bench/ledger_client."""

    def __init__(self, build_directory):
        self._program = os.path.join(os.path.abspath(build_directory), "bench", "ledger_client")
        if not os.access(self._program, os.X_OK):
            raise SystemExit(f"ledger: no {self._program}; run: tools/build release bench")

    def lines(self, *arguments):
        done = subprocess.run([self._program, *map(str, arguments)], check=True,
                              stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()


def _open_peer(path):
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY, time_ns INTEGER,"
                     " unit TEXT, kind TEXT, detail TEXT)")
    return database


def fill_peer(ours, path):
    """The same events, from our database; a down and an up for each interval."""
    database = _open_peer(path)
    database.execute("ATTACH ? AS ours", (ours,))
    database.execute("BEGIN")
    database.execute("INSERT INTO events SELECT hex(e.id), e.time_ns, s.text, k.text, e.detail FROM"
                     " ours.events e JOIN ours.names k ON k.id = e.kind JOIN ours.names s ON s.id ="
                     " e.subject")
    for kind, moment in (("down", "start_ns"), ("up", "start_ns + duration_ns")):
        database.execute(f"INSERT INTO events SELECT '{kind}' || i.seq, i.{moment}, n.text, '{kind}',"
                         " '{}' FROM ours.intervals i JOIN ours.names n ON n.id = i.unit"
                         .replace("i.start_ns + duration_ns", "i.start_ns + i.duration_ns"))
    database.execute("COMMIT")
    database.execute("CREATE INDEX by_unit ON events (unit, time_ns)")
    database.execute("DETACH ours")
    database.close()


def ask_peer(path, runs):
    """@return milliseconds of each run, and (downtimes, their sum)."""
    times, answer = [], None
    since = time.time_ns() - 365 * 86400 * 10**9
    for _ in range(runs):
        begin = time.perf_counter()
        database = sqlite3.connect(path)
        rows = database.execute(_PAIRS, (since,)).fetchall()
        database.close()
        times.append((time.perf_counter() - begin) * 1e3)
        answer = (sum(row[1] for row in rows), sum(row[2] or 0 for row in rows))
    return times, answer


def append_peer(directory, events, together):
    """@return events a second."""
    path = os.path.join(directory, f"peer-append-{together}.db")
    database = _open_peer(path)
    begin = time.perf_counter()
    for first in range(0, events, together):
        database.execute("BEGIN")
        for number in range(first, min(first + together, events)):
            database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)",
                             (f"{time.time_ns():016x}{number:016x}", time.time_ns(),
                              "unit07.service", "health.ok", '{"pid":"4711"}'))
        database.execute("COMMIT")
    took = time.perf_counter() - begin
    database.close()
    return events / took


def paced_peer(directory, rate, seconds):
    """@return per cent of one CPU for `rate` events a second, each committed by itself, without
    what it costs to make them."""
    database = _open_peer(os.path.join(directory, "peer-paced.db"))

    def used():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    def share(take):
        before, begin = used(), time.perf_counter()
        for number in range(rate * seconds):
            take((f"{time.time_ns():016x}{number:016x}", time.time_ns(), "unit07.service",
                  "health.ok", '{"pid":"4711"}'))
            late = begin + (number + 1) / rate - time.perf_counter()
            if late > 0:
                time.sleep(late)
        return 100 * (used() - before) / (time.perf_counter() - begin)

    without = share(lambda event: None)
    costs = share(lambda event: database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", event))
    database.close()
    return costs - without


def rows(options, directory):
    client, case = Client(options.build), case_name(options.events)
    ours = os.path.join(directory, "ledger.db")
    print(f"filling {options.events} events ...", file=sys.stderr, flush=True)
    filled = json.loads(client.lines("fill", ours, options.events, options.units)[0])
    answers = [line.split() for line in client.lines("why", ours, options.n)]
    why = {OURS: [float(answer[0]) for answer in answers]}
    if not options.without_peer:
        peer = os.path.join(directory, "peer.db")
        print("filling the peer ...", file=sys.stderr, flush=True)
        fill_peer(ours, peer)
        why[PEER_WHY], (downtimes, _) = ask_peer(peer, options.n)
        # Both must have seen the same downtimes, or nothing is compared.
        if abs(downtimes - filled["intervals"]) > filled["intervals"] // 1000 + 2:
            raise SystemExit(f"ledger: the peer saw {downtimes} of {filled['intervals']} downtimes")
        os.unlink(peer)
    if int(answers[0][1]) < filled["intervals"] * 999 // 1000 - 2:
        raise SystemExit(f"ledger: why saw {answers[0][1]} of {filled['intervals']} downtimes")
    yield report.Row("ledger", case, "why_ms", "ms", OURS, why)

    append, cpu = {OURS: []}, {OURS: []}
    for number in range(3):
        home = os.path.join(directory, f"append-{number}")
        os.mkdir(home)
        append[OURS].append(float(client.lines("burst", home, 100_000)[0]))
        if not options.without_peer:
            append.setdefault(PEER_ONE, []).append(append_peer(home, 2_000, 1))
            append.setdefault(PEER_MANY, []).append(append_peer(home, 100_000, 1000))
        shutil.rmtree(home)
    # More is better here: the peer to compare with is the quickest.
    yield report.Row("ledger", case, "append_per_s", "events/s", OURS, append, rivals=(PEER_MANY,))

    # Into the large ledger, as a daemon has it after a year.
    for _ in range(3):
        cpu[OURS].append(float(client.lines("paced", directory, 1000, options.seconds)[0]))
        if not options.without_peer:
            cpu.setdefault(PEER_ONE, []).append(paced_peer(directory, 1000, options.seconds))
    yield report.Row("ledger", case, "cpu_at_1000_per_s", "% of a CPU", OURS, cpu)


def main(argv):
    options = _parse(argv)
    directory = tempfile.mkdtemp(prefix="nines-bench-ledger-", dir=options.dir)
    try:
        for row in rows(options, directory):
            (report.print_json if options.json else report.print_table)(row)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
