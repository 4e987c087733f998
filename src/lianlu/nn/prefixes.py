"""Which beginnings several token sequences share, as a tree of segments in which each beginning stands once.

A system prompt common to many samples, or the prompt common to two answers, is computed once and all that follow attend to
it. Knows nothing of models: `nn.segments` gives the tree its attention, `nn.forward` its loss. Each sequence alone is what
it was, so losses and gradients are the same (tested to 1e-6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST_SHARED", "Node", "PrefixTree", "clusters", "grow_tree"]

LEAST_SHARED = 16  # tokens; below that an attention call of its own costs more than the tokens it saves

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Node:
    """Tokens `start` to `end` of sequence `of`; `parent` is the node they follow, -1 where they are a beginning."""

    parent: int
    of: int
    start: int
    end: int


@dataclass(frozen=True)
class PrefixTree:
    """Attributes:
    nodes: parents before their children, none of them empty.
    paths: for each sequence where its tokens stand in the row of all nodes.
    """

    nodes: tuple[Node, ...]
    paths: tuple[NDArray[np.int64], ...]

    @property
    def tokens(self) -> int:
        return sum(node.end - node.start for node in self.nodes)


def grow_tree(sequences: Sequence[Ids], least: int = LEAST_SHARED) -> PrefixTree:
    """The tree of `sequences`; beginnings of fewer than `least` tokens are not shared."""
    order, common = _sorted(sequences)
    nodes: list[Node] = []
    last: dict[int, int] = {}
    for at, parent, depth in _walk(order, common, least, nodes):
        if len(sequences[at]) > depth:
            nodes.append(Node(parent, at, depth, len(sequences[at])))
            last[at] = len(nodes) - 1
        else:
            last[at] = parent
    starts = np.cumsum([0, *(node.end - node.start for node in nodes)])
    return PrefixTree(tuple(nodes), tuple(_path(nodes, starts, last[at]) for at in range(len(sequences))))


def clusters(
    sequences: Sequence[Ids], limit: int, least: int = LEAST_SHARED, *, more: Sequence[int] | None = None
) -> list[tuple[list[int], int]]:
    """Sequences that share a beginning put together, as (indices, tokens when shared), none above `limit` tokens.

    What is shared below that beginning is not counted, so that the tokens are an upper bound. A sequence longer than the
    limit is a cluster of its own.

    Args:
        more: further tokens that each sequence brings with it.
    """
    order, common = _sorted(sequences)
    found: list[tuple[list[int], int]] = []
    shared = 0
    for place, at in enumerate(order):
        size = len(sequences[at]) + (more[at] if more else 0)
        if place and common[place - 1] >= least:
            members, tokens = found[-1]
            less = min(common[place - 1], shared) if len(members) > 1 else common[place - 1]
            again = (len(members) - 1) * (shared - less) if len(members) > 1 else 0
            total = tokens + again + size - less
            if total <= limit:
                found[-1], shared = ([*members, at], total), less
                continue
        found.append(([at], size))
    return found


def _sorted(sequences: Sequence[Ids]) -> tuple[list[int], list[int]]:
    """The order in which like beginnings are neighbours, and how many tokens each shares with the next."""
    keys = [np.asarray(each).astype(">i4").tobytes() for each in sequences]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return order, [_common(sequences[one], sequences[two]) for one, two in pairwise(order)]


def _common(one: Ids, two: Ids) -> int:
    size = min(len(one), len(two))
    differs = np.flatnonzero(one[:size] != two[:size])
    return int(differs[0]) if len(differs) else size


def _walk(order: list[int], common: list[int], least: int, nodes: list[Node]) -> Iterator[tuple[int, int, int]]:
    """(sequence, node it follows, tokens that stand there already) of each; adds the shared nodes on the way."""
    waiting = [(0, len(order), 0, -1)]
    while waiting:
        first, end, depth, parent = waiting.pop()
        start = first
        for place in range(first, end):
            if place + 1 < end and common[place] - depth >= least:
                continue
            if place == start:
                yield order[place], parent, depth
            else:
                shared = min(common[start:place])
                nodes.append(Node(parent, order[start], depth, shared))
                waiting.append((start, place + 1, shared, len(nodes) - 1))
            start = place + 1


def _path(nodes: Sequence[Node], starts: NDArray[np.int64], node: int) -> NDArray[np.int64]:
    parts: list[NDArray[np.int64]] = []
    while node >= 0:
        parts.append(np.arange(starts[node], starts[node + 1]))
        node = nodes[node].parent
    return np.concatenate(parts[::-1]) if parts else np.zeros(0, dtype=np.int64)
