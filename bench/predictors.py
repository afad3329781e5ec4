#!/usr/bin/python3
"""How many failures the predictors warn about in time, how often they cry wolf, and what they cost

No peer: simulated applications (src/policy/zoo) in virtual time, on seeds that the predictors were not
tuned on. `warned` means with a lead of 10 % of the failure's length, and of 10 s at least; a false
alarm is one episode of a healthy application, counted per unit and simulated week.
"""

import argparse
import json
import os
import subprocess
import sys

_COLUMNS = ("kind", "case", "runs", "warned", "with_any_warning", "median_lead_share", "p10_lead_share",
            "median_lead_s", "false_alarms", "weeks", "readings")


def _parse(argv):
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(prog="tools/bench predictors", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--n", type=int, default=200, help="runs of each species (200)")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed (1,000,000)")
    parser.add_argument("--build", default=os.path.join(root, "build", "release"))
    options = parser.parse_args(argv)
    if options.n < 1 or options.seed < 0:
        parser.error("--n: at least 1; --seed: not negative")
    return options


def zoo_row(line):
    """@return one species as a dictionary, with its false alarms per unit and week."""
    row = dict(zip(_COLUMNS, line.split("\t")))
    for name in _COLUMNS[2:]:
        row[name] = float(row[name]) if "." in row[name] else int(row[name])
    weeks = row["weeks"]
    row["false_alarms_per_week"] = round(row["false_alarms"] / weeks, 3) if weeks else None
    return row


def totals(rows):
    """@return share of failures warned in time, and false alarms per week over the healthy ones."""
    failing = [row for row in rows if row["kind"] == "failing"]
    healthy = [row for row in rows if row["kind"] == "healthy"]
    return (sum(r["warned"] for r in failing) / max(1, sum(r["runs"] for r in failing)),
            sum(r["false_alarms"] for r in healthy) / max(1e-9, sum(r["weeks"] for r in healthy)))


def _objects(rows, costs):
    for row in rows:
        healthy = row["kind"] == "healthy"
        missed = 1 - row["warned"] / row["runs"]
        yield {"bench": "predictors", "case": row["case"],
               "metric": "false_alarms" if healthy else "missed",
               "unit": "per unit-week" if healthy else "share",
               "ours": row["false_alarms_per_week"] if healthy else round(missed, 4),
               "peer": None, "peer_name": None, "ratio": None, "n": row["runs"], "spread": {}, **row}
    for name, cost in costs:
        yield {"bench": "predictors", "case": name, "metric": "add", "unit": "ns", "ours": cost,
               "peer": None, "peer_name": None, "ratio": None, "n": 1_000_000, "spread": {}}


def _print_table(rows, costs):
    print("| target | runs | warned | missed | median lead | false alarms per unit-week |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        alarms = row["false_alarms_per_week"]
        alarms = "-" if alarms is None else f"{alarms:.3f}"
        if row["kind"] == "healthy":
            print(f"| {row['case']} | {row['runs']} | | | | {alarms} |")
            continue
        missed = row["runs"] - row["warned"]
        print(f"| {row['case']} | {row['runs']} | {row['warned']} | {missed} | "
              f"{100 * row['median_lead_share']:.0f} % | {alarms} |")
    share, alarms = totals(rows)
    print(f"\nwarned in time: {100 * share:.1f} %; false alarms per healthy unit-week: {alarms:.3f}")
    print("\n".join(f"add(), {name}: {cost:.0f} ns" for name, cost in costs))


def main(argv):
    options = _parse(argv)
    program = os.path.join(os.path.abspath(options.build), "bench", "predictors_client")
    if not os.access(program, os.X_OK):
        raise SystemExit(f"predictors: no {program}; run: tools/build release bench")

    def lines(*arguments):
        done = subprocess.run([program, *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                              text=True)
        return done.stdout.splitlines()

    rows = [zoo_row(line) for line in lines("zoo", options.seed, options.n)]
    costs = [(name, float(cost)) for name, cost in (line.split("\t") for line in lines("cost"))]
    if options.json:
        for item in _objects(rows, costs):
            print(json.dumps(item))
    else:
        _print_table(rows, costs)
    share, alarms = totals(rows)
    return int(share < 0.9 or alarms >= 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
