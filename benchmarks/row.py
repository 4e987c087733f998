"""What every script of this folder shares: its arguments, the form of a row (design.md §7), how rows are shown."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

__all__ = ["Row", "arguments", "median", "show", "versions"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case. `ratio` above 1 means that we are better; `met` says more where the goal is no ratio."""

    case: str
    against: str | None
    ours: float
    peer: float | None
    unit: str
    floor: float | str | None
    goal: float | str | None
    runs: int
    equal: bool
    versions: Mapping[str, str]
    more_is_better: bool = False
    met: bool | None = None

    @property
    def ratio(self) -> float | None:
        if self.peer is None:
            return None
        return (self.ours / self.peer) if self.more_is_better else (self.peer / self.ours)

    def as_line(self) -> dict[str, object]:
        ratio, goal = self.ratio, self.goal
        met = self.met
        if met is None:
            met = goal is None or (ratio is not None and isinstance(goal, int | float) and ratio >= goal)
        return {
            "case": self.case,
            "against": self.against,
            "ours": rounded(self.ours),
            "peer": None if self.peer is None else rounded(self.peer),
            "unit": self.unit,
            "ratio": None if ratio is None else rounded(ratio),
            "floor": self.floor,
            "goal": goal,
            "met": met,
            "runs": self.runs,
            "equal": self.equal,
            "versions": dict(self.versions),
        }


def rounded(value: float) -> float:
    """Four figures, which is more than a run repeats."""
    return float(f"{value:.4g}")


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def versions(*packages: str) -> dict[str, str]:
    """Of packages of our own environment, and of Python."""
    return {name: version(name) for name in ("lianlu", *packages)} | {"python": platform.python_version()}


def arguments(about: str | None) -> argparse.ArgumentParser:
    """The flags that every script has."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller or fewer runs, about a minute a row")
    parser.add_argument("--json", action="store_true", help="print nothing but the rows")
    parser.add_argument("--self-test", action="store_true", help="spoil our result; must say equal: false and exit 1")
    return parser


def show(rows: Sequence[Row], *, only_json: bool) -> int:
    """Print the rows as they are promised; the exit code is 1 if one of them did not compare equal work."""
    for row in rows:
        line = row.as_line()
        print(json.dumps(line, ensure_ascii=False), flush=True)
        if not only_json:
            peer = "" if row.peer is None else f", {row.against} {line['peer']}: {line['ratio']}x"
            print(f"{row.case}: {line['ours']} {row.unit}{peer}", file=sys.stderr)
    return int(not all(row.equal for row in rows))
