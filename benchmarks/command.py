"""Run a command whole and tell what it cost: for rows about what a person types."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from peer import OFFLINE, Clock, fair_environment

__all__ = ["Done", "timed"]


@dataclass(frozen=True)
class Done:
    """CPU seconds of the process and its children, and what it printed."""

    cpu: float
    output: str


def timed(command: Sequence[str | Path]) -> Done:
    """Run a command to its end, in English, offline and with one thread.

    Raises:
        subprocess.CalledProcessError: it failed
    """
    environment = {**fair_environment(), **OFFLINE, "LIANLU_LANG": "en"}
    with Clock() as clock:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Done(clock.cpu, done.stdout)
