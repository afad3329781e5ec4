#!/usr/bin/python3
"""crash to first reply, and 1000 units: nines beside runit, s6, supervisord and systemd"""

import argparse
import os
import sys

import bench_main
import crash_cases
import many_units
from peers import PEERS, Nines

_OURS = Nines.name


def _parse(argv):
    cases = [case.name for case in crash_cases.CASES] + [many_units.CASE]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="tools/bench supervise", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--n", type=int, default=30, help="crashes a supervisor and case (30)")
    parser.add_argument(
        "--n-units", type=int, default=3, help=f"starts a supervisor in {many_units.CASE} (3)"
    )
    parser.add_argument(
        "--case", action="append", choices=cases, help="only this case; may be repeated"
    )
    parser.add_argument(
        "--peers",
        default=",".join(PEERS),
        help=f"comma-separated, of: {','.join(PEERS)} (all; {many_units.CASE}: supervisord, "
        "unless named here)",
    )
    parser.add_argument("--without-nines", action="store_true", help="measure the peers alone")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="for a busy machine: run everything under SCHED_RR, so that other work does not count",
    )
    parser.add_argument("--build", default=os.path.join(root, "build", "release"))
    options = parser.parse_args(argv)
    options.case = options.case or cases
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = [name for name in options.peers if name not in PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}")
    if options.n < 1 or options.n_units < 1:
        parser.error("--n and --n-units: at least 1")
    return options


def _supervisors(options, names):
    """Fresh drivers, ours first; all of them able to run."""
    drivers = [] if options.without_nines else [Nines(os.path.abspath(options.build))]
    drivers += [PEERS[name]() for name in names]
    for driver in drivers:
        driver.check()
    return drivers


def _rows(options):
    tools = bench_main.Tools(options.build)
    for case in crash_cases.CASES:
        if case.name in options.case:
            drivers = _supervisors(options, options.peers)
            yield crash_cases.run(case, drivers, _OURS, tools, options.n, bench_main.progress)
    if many_units.CASE in options.case:
        # The issue compares with supervisord; the others only when asked for by name.
        names = options.peers if len(options.peers) < len(PEERS) else ["supervisord"]
        drivers = _supervisors(options, names)
        yield from many_units.run(drivers, _OURS, tools, options.n_units, bench_main.progress)


def main(argv):
    options = _parse(argv)
    if options.realtime:
        # Inherited by the supervisors, their servers and the client alike. Niceness would not do:
        # where autogroups are on it counts only within a session.
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    return bench_main.run("supervise", _rows(options), options.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
