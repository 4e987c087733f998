"""Who runs in the next step. Knows lengths and rows, no model and no text.

Every step takes one token of each running answer and fills the rest of its budget with prompts, oldest first, in chunks:
requests join and leave between steps, and a long prompt does not hold up those who are being answered. When the
key-value rows outgrow their room, the youngest gives its row back and is computed again later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lianlu.engine.sequence import Sequence

__all__ = ["Part", "Scheduler"]


@dataclass(frozen=True)
class Part:
    """The next `count` tokens of a sequence."""

    sequence: Sequence
    count: int

    @property
    def reaches_end(self) -> bool:
        return self.sequence.cached + self.count == self.sequence.length


class Scheduler:
    """Waiting and running sequences.

    Args:
        new_row: gives an empty key-value row.
        rows: most sequences that run at once.
        step_tokens: most tokens of one step.
        room_tokens: most tokens that all rows together may hold.
    """

    def __init__(self, new_row: Callable[[], Any], *, rows: int, step_tokens: int, room_tokens: int) -> None:
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []
        self._new_row = new_row
        self._rows = rows
        self._step_tokens = step_tokens
        self._room_tokens = room_tokens

    def add(self, sequence: Sequence) -> None:
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence and let its row go; one that is not here is no error."""
        sequence.row = None
        if sequence in self.running:
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def plan(self) -> list[Part]:
        """The parts of the next step, running answers first."""
        self._make_room()
        self._admit()
        parts: list[Part] = []
        left = self._step_tokens
        for sequence in sorted(self.running, key=lambda each: each.length - each.cached > 1):
            count = min(sequence.length - sequence.cached, left)
            if count > 0:
                parts.append(Part(sequence, count))
                left -= count
        return parts

    def _admit(self) -> None:
        while self.waiting and len(self.running) < self._rows:
            sequence = self.waiting[0]
            if self.running and self._used() + sequence.length > self._room_tokens:
                return
            sequence.row, sequence.cached = self._new_row(), 0
            self.running.append(self.waiting.popleft())

    def _make_room(self) -> None:
        while len(self.running) > 1 and self._used() > self._room_tokens:
            youngest = self.running.pop()
            youngest.row, youngest.cached = None, 0
            self.waiting.appendleft(youngest)

    def _used(self) -> int:
        return sum(sequence.length for sequence in self.running)
