"""Samples dealt to the processes of a run, the same deal on each, so that all are done at about the same time.

Sharded weights are gathered by all processes at once, so each must pass as often as the others: one that has fewer rows
passes a spare row that counts nothing. Knows neither models nor processes, only how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lianlu.train.samples import Unit, units_of_rows

__all__ = ["Deal", "deal"]

_PARTS = 4  # of a process's share stay together: what shares a beginning is computed together


@dataclass(frozen=True)
class Deal:
    """Rows for each process.

    Attributes:
        rows: of samples, for each process; some may have none.
        spare: the shortest sample, for a row that counts nothing.
    """

    rows: tuple[list[list[Unit]], ...]
    spare: Unit

    @property
    def passes(self) -> int:
        """Rows that each process passes, spare ones included."""
        return max(len(each) for each in self.rows)

    def of(self, rank: int) -> list[tuple[list[Unit], bool]]:
        """The rows that a process passes, each with whether it counts."""
        own = self.rows[rank]
        return [(row, True) for row in own] + [([self.spare], False)] * (self.passes - len(own))

    def rounds(self) -> list[list[list[Unit]]]:
        """For each pass, the rows of all processes; empty where a process has a spare one."""
        return [[own[turn] if turn < len(own) else [] for own in self.rows] for turn in range(self.passes)]


def deal(units: Sequence[Unit], world: int, limit: int, least_shared: int | None) -> Deal:
    """Rows of at most `limit` tokens for each of `world` processes, about as many tokens for each.

    Args:
        units: at least one.
        least_shared: as `units_of_rows`.
    """
    hands = [list(units)] if world == 1 else _hands(units, world, limit, least_shared)
    rows = tuple(
        [[hand[index] for index in row] for row in units_of_rows(hand, limit, least_shared)] if hand else []
        for hand in hands
    )
    return Deal(rows, min(units, key=lambda unit: unit.tokens))


def _hands(units: Sequence[Unit], world: int, limit: int, least_shared: int | None) -> list[list[Unit]]:
    """Parts that stay together, the largest first, each to the process that has least."""
    share = -(-sum(unit.tokens for unit in units) // (world * _PARTS))
    parts = [[units[index] for index in part] for part in units_of_rows(units, min(limit, share), least_shared)]
    hands: list[list[Unit]] = [[] for _ in range(world)]
    held = [0] * world
    for part in sorted(parts, key=_tokens, reverse=True):
        least = held.index(min(held))
        hands[least] += part
        held[least] += _tokens(part)
    return hands


def _tokens(units: Sequence[Unit]) -> int:
    return sum(unit.tokens for unit in units)
