"""Rows of a bench: medians, spreads, ratios; as a table or as one JSON object a row."""

import json
import math
import statistics
import sys
from dataclasses import dataclass, field


def percentile(values, percent):
    """Linear between the two nearest ranks."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


@dataclass
class Row:
    """One metric of one case, for all supervisors. Less is better in every metric."""

    bench: str
    case: str
    metric: str
    unit: str
    ours: str
    #: Supervisor -> its measured values.
    samples: dict
    #: Among whom the one to compare with is chosen; None: any but ours.
    rivals: tuple | None = None
    #: What a supervisor's name leaves out, such as "socket unit".
    notes: dict = field(default_factory=dict)

    def _median(self, name):
        return statistics.median(self.samples[name]) if self.samples.get(name) else None

    def best_peer(self):
        names = [n for n in self.samples if n != self.ours and self.samples[n]]
        if self.rivals is not None:
            names = [n for n in names if n in self.rivals]
        return min(names, key=self._median, default=None)

    def label(self, name):
        return f"{name} ({self.notes[name]})" if name in self.notes else name

    def as_dict(self):
        ours, peer_name = self._median(self.ours), self.best_peer()
        peer = self._median(peer_name) if peer_name else None
        counted = [self.samples[n] for n in (self.ours, peer_name) if n and self.samples.get(n)]
        return {
            "bench": self.bench,
            "case": self.case,
            "metric": self.metric,
            "unit": self.unit,
            "ours": _rounded(ours),
            "peer": _rounded(peer),
            "peer_name": self.label(peer_name) if peer_name else None,
            "ratio": _rounded(ours / peer) if ours is not None and peer else None,
            "n": min((len(values) for values in counted), default=0),
            "spread": {
                self.label(name): {
                    "p10": _rounded(percentile(values, 10)),
                    "p50": _rounded(percentile(values, 50)),
                    "p90": _rounded(percentile(values, 90)),
                    "n": len(values),
                }
                for name, values in self.samples.items()
                if values
            },
        }


def _rounded(value):
    return None if value is None else float(f"{value:.4g}")


def _cell(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def print_json(row, stream=sys.stdout):
    print(json.dumps(row.as_dict()), file=stream, flush=True)


def print_table(row, stream=sys.stdout):
    """One block a row: every supervisor with its spread, then the ratio."""
    data = row.as_dict()
    print(f"\n{row.case}  {row.metric} ({row.unit})", file=stream)
    width = max((len(name) for name in data["spread"]), default=0)
    for name, spread in sorted(data["spread"].items(), key=lambda item: item[1]["p50"]):
        print(
            f"  {name:<{width}}  median {_cell(spread['p50']):>6}"
            f"   p10-p90 {_cell(spread['p10']):>6} - {_cell(spread['p90']):<6}  n={spread['n']}",
            file=stream,
        )
    if data["ratio"] is not None:
        print(f"  ratio to {data['peer_name']}: {data['ratio']:.3g}", file=stream)
    stream.flush()
