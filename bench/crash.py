#!/usr/bin/python3
"""crash to first reply with the whole core kept, stage 1, and how fast cores are written"""

import argparse
import os
import resource
import sys

import bench_main
import core_cases
import core_speed
from core_handlers import core_pattern_kept
from peers import PEERS, Nines

_PEERS = ("runit", "supervisord", "systemd")


def _parse(argv):
    cases = [case.name for case in core_cases.CASES] + [core_speed.SPEED, core_speed.STAGE1]
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="tools/bench crash", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--n", type=int, default=10, help="crashes a supervisor and case (10)")
    parser.add_argument(
        "--case", action="append", choices=cases, help="only this case; may be repeated"
    )
    parser.add_argument(
        "--peers", default=",".join(_PEERS), help=f"comma-separated, of: {','.join(_PEERS)} (all)"
    )
    parser.add_argument("--build", default=os.path.join(root, "build", "release"))
    options = parser.parse_args(argv)
    options.case = options.case or cases
    options.peers = [name for name in options.peers.split(",") if name]
    unknown = [name for name in options.peers if name not in _PEERS]
    if unknown:
        parser.error(f"no such peer: {', '.join(unknown)}")
    if options.n < 1:
        parser.error("--n: at least 1")
    return options


def _rows(options):
    tools = bench_main.Tools(options.build)
    with core_pattern_kept():
        for case in core_cases.CASES:
            if case.name in options.case:
                drivers = [Nines(tools.build_directory, settings="CrashCore=full\n")]
                drivers += [PEERS[name]() for name in options.peers]
                for driver in drivers:
                    driver.check()
                yield from core_cases.crash_to_reply(
                    case, drivers, tools, options.n, bench_main.progress)
        if core_speed.SPEED in options.case:
            yield core_speed.writing(tools, options.n, bench_main.progress)
        if core_speed.STAGE1 in options.case:
            yield core_speed.stage1(tools, options.n, bench_main.progress)


def main(argv):
    options = _parse(argv)
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return bench_main.run("crash", _rows(options), options.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
