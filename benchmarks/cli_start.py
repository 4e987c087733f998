"""How long a person waits for `lianlu --help`, beside the bare start of the same Python.

Two processes are started in turns, the first pair is not counted. The ratio is bare Python's time over ours: 1 would be
a help page for free; the floor 1/5 is the promise of the style page. Cost of both sides: process start, no disk but
Python's own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib.metadata import version

FLOOR, GOAL = 1 / 5, 1 / 4
OURS = [sys.executable, "-m", "lianlu", "--help"]
PEER = [sys.executable, "-c", "pass"]
WANTED = ("extract", "rag", "prompt", "run", "doctor", "train")


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds and output of one process."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "LIANLU_LANG": "en"})
    return time.perf_counter() - began, done.stdout


def is_whole(page: str) -> bool:
    """Whether the page that was printed names the verbs: a fast empty page would be no help."""
    return all(f"\n  {name} " in page for name in WANTED)


def measure(pairs: int, *, spoil: bool = False) -> dict[str, object]:
    """One row in the form of design.md §7."""
    ours: list[float] = []
    peer: list[float] = []
    equal = True
    for turn in range(pairs + 1):
        bare, _ = timed(PEER)
        seconds, page = timed(OURS)
        equal = equal and is_whole(page[: len(page) // 4] if spoil else page)
        if turn:
            peer.append(bare)
            ours.append(seconds)
    ratio = statistics.median(peer) / statistics.median(ours)
    return {
        "case": "lianlu --help",
        "against": "python -c pass",
        "ours": round(statistics.median(ours) * 1000, 2),
        "peer": round(statistics.median(peer) * 1000, 2),
        "unit": "ms",
        "ratio": round(ratio, 3),
        "floor": FLOOR,
        "goal": GOAL,
        "met": ratio >= GOAL,
        "runs": pairs,
        "equal": equal,
        "versions": {"python": platform.python_version(), "lianlu": version("lianlu")},
    }


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer pairs")
    arguments.add_argument("--json", action="store_true", help="print nothing but the rows")
    arguments.add_argument("--self-test", action="store_true", help="spoil our page; must say equal: false and exit 1")
    given = arguments.parse_args()
    row = measure(10 if given.quick else 40, spoil=given.self_test)
    print(json.dumps(row))
    if not given.json:
        print(f"lianlu --help {row['ours']} ms, bare Python {row['peer']} ms: {row['ratio']} of it", file=sys.stderr)
    return int(not row["equal"])


if __name__ == "__main__":
    sys.exit(main())
