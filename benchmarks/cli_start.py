"""How long a person waits for `lianlu --help`, beside the bare start of the same Python.

Two processes are started in turns, the first pair is not counted. The ratio is bare Python's time over ours: 1 would be
a help page for free; the floor 1/5 is the promise of the style page. Cost of both sides: process start, no disk but
Python's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from row import Row, arguments, median, show, versions

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


def measure(pairs: int, *, spoil: bool = False) -> Row:
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
    return Row(
        case="lianlu --help",
        against="python -c pass",
        ours=median(ours) * 1000,
        peer=median(peer) * 1000,
        unit="ms",
        floor=FLOOR,
        goal=GOAL,
        runs=pairs,
        equal=equal,
        versions=versions(),
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    return show([measure(10 if given.quick else 40, spoil=given.self_test)], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
