"""The peer's end of the pipe: one JSON line for each act asked, one for what it gave. Standard library alone.

A script of this folder ends in `act({"load": load, …})`. Its imports are done by then, so no act pays for them.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Clock", "act"]


class Clock:
    """CPU seconds of this process and of the children it has waited for, and wall seconds, of a `with` block."""

    cpu = 0.0
    wall = 0.0

    def __enter__(self) -> Clock:
        self._wall, self._cpu = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = _cpu() - self._cpu, time.perf_counter() - self._wall


def act(acts: Mapping[str, Callable[..., Any]]) -> None:
    """Answer until the pipe is closed. What a library prints is kept off the pipe."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            with Clock() as clock:
                value = acts[asked["act"]](**asked["values"])
            answer = {"value": value, "cpu": clock.cpu, "wall": clock.wall}
        except Exception as error:  # noqa: BLE001 - whatever went wrong there is told here
            answer = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(answer) + "\n")
        replies.flush()


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
