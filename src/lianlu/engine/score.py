"""How likely texts are. Texts that begin alike are computed once up to where they part.

All texts of a call become a tree of tokens: a few-shot prompt is one trunk, its questions are branches, the options of
a question twigs. A piece of the tree goes through the model in one packed pass, and only rows that score something
reach the output layer. Context and continuation are encoded together, as lm-eval does; which tokens belong to the
continuation is told by characters, as the HTTP client tells it, so that local and served scores are the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import torch
from torch import Tensor

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.engine.attend import TreeSegment
from lianlu.engine.load import Loaded
from lianlu.engine.runner import Work
from lianlu.llm import LogLikelihood

__all__ = ["Target", "encoded_pair", "rolling_windows", "scores"]

_PASS_TOKENS = 2048
_PASS_LOGITS = 1 << 26
_WORTH_TOKENS = 16  # a shared beginning that saves less is not worth a segment of its own


@dataclass(frozen=True)
class Target:
    """Tokens, of which those from `first` on are scored (first >= 1)."""

    ids: tuple[int, ...]
    first: int


@dataclass
class _Score:
    """The running score of one target."""

    values: list[float] = field(default_factory=list)
    is_greedy: bool = True


def encoded_pair(loaded: Loaded, context: str, continuation: str) -> Target:
    """The tokens of a context and its continuation, encoded as one text.

    Raises:
        UsageError: engine.bad-text, engine.too-long
    """
    encoded = loaded.tokenizer.encode(context + continuation)
    pieces = encoded.pieces(context + continuation)
    first, at = len(pieces), 0
    for index, piece in enumerate(pieces):
        if index >= len(loaded.tokenizer.start) and (at >= len(context) or at + len(piece) > len(context)):
            first = index
            break
        at += len(piece)
    ids = encoded.ids
    if first == 0 and ids:  # nothing before the first scored token: the start token, or the end of another text
        ids, first = (*loaded.tokenizer.prefix, *ids), len(loaded.tokenizer.prefix)
    if loaded.limit is not None and len(ids) > loaded.limit:
        raise UsageError("engine.too-long", tokens=len(ids), limit=loaded.limit)
    return Target(ids, max(first, 1))


def rolling_windows(loaded: Loaded, text: str) -> list[Target]:
    """A whole text as windows of the model's length; every token is scored once, with as much before it as fits.

    Raises:
        UsageError: engine.bad-text
    """
    start = loaded.tokenizer.start
    ids = loaded.tokenizer.encode(text).ids[len(start) :]
    before = start or loaded.tokenizer.prefix
    whole = (*before, *ids)
    size = loaded.limit or len(whole)
    if len(whole) <= size:
        return [Target(whole, max(len(before), 1))]
    windows = [Target(whole[:size], max(len(before), 1))]
    done = size
    while done < len(whole):
        end = min(done + size - 1, len(whole))
        begin = end - size
        windows.append(Target(whole[begin:end], done - begin))
        done = end
    return windows


def scores(loaded: Loaded, targets: Sequence[Target]) -> Iterator[list[LogLikelihood] | None]:
    """Score targets, in passes: gives None after each pass and at last the scores in order.

    Raises:
        BackendError: engine.step-failed, engine.not-finite
        LimitError: engine.out-of-memory
    """
    found = [_Score() for _ in targets]
    scored = [index for index, each in enumerate(targets) if len(each.ids) > each.first]
    order = sorted(scored, key=lambda index: targets[index].ids[:-1])  # the last token is only predicted
    for batch in _batches(loaded, targets, order):
        _score_batch(loaded, targets, batch, found)
        yield None
    yield [
        LogLikelihood(value=math.fsum(each.values), token_count=len(each.values), is_greedy=each.is_greedy)
        for each in found
    ]


def _batches(loaded: Loaded, targets: Sequence[Target], order: Sequence[int]) -> Iterator[list[int]]:
    """Neighbours in sorted order, as many as fit one pass; what two neighbours share is counted once."""
    most_rows = max(1, _PASS_LOGITS // loaded.vocabulary)
    batch: list[int] = []
    tokens = rows = 0
    for index in order:
        target = targets[index]
        shared = _common(targets[batch[-1]].ids, target.ids) if batch else 0
        own, scored = len(target.ids) - shared, len(target.ids) - target.first
        if batch and (tokens + own > _PASS_TOKENS or rows + scored > most_rows):
            yield batch
            batch, tokens, rows, own = [], 0, 0, len(target.ids)
        batch.append(index)
        tokens, rows = tokens + own, rows + scored
    if batch:
        yield batch


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(at for at in range(length) if one[at] != other[at])


@dataclass(frozen=True)
class _Branch:
    """Texts that are alike up to token `look`; of these tokens `depth` are laid out, in `rows`, below `parent`."""

    members: Sequence[int]
    depth: int
    look: int
    parent: int
    rows: tuple[int, ...]


def _families(inputs: dict[int, tuple[int, ...]], branch: _Branch) -> Iterator[list[int]]:
    """The members by their token at `look`; those that end there are a family of their own."""
    for _, family in groupby(branch.members, key=lambda member: inputs[member][branch.look : branch.look + 1]):
        yield list(family)


@dataclass
class _Tree:
    """Segments of one pass, and for each target the row of every token of it."""

    ids: list[int] = field(default_factory=list)
    segments: list[TreeSegment] = field(default_factory=list)
    places: dict[int, list[int]] = field(default_factory=dict)

    def grow(self, inputs: dict[int, tuple[int, ...]], members: Sequence[int]) -> None:
        """Lay out `members`, which are sorted by their tokens.

        What a family shares becomes a segment where that saves enough; else its tokens stay with the branches.
        """
        branches = [_Branch(members, 0, 0, -1, ())]
        while branches:
            branch = branches.pop()
            for family in _families(inputs, branch):
                first, last = inputs[family[0]], inputs[family[-1]]
                shared = _common(first, last)
                if len(first) == len(last) == shared:  # one text, or the same one several times
                    self._leaf(first, family, branch)
                elif (shared - branch.depth) * (len(family) - 1) < _WORTH_TOKENS:
                    branches.append(replace(branch, members=family, look=shared))
                else:
                    segment, trunk = self._add(first[branch.depth : shared], branch.parent)
                    branches.append(_Branch(family, shared, shared, segment, (*branch.rows, *trunk)))

    def _leaf(self, ids: tuple[int, ...], family: Sequence[int], branch: _Branch) -> None:
        own = ids[branch.depth :]
        made = self._add(own, branch.parent)[1] if own else []
        for member in family:
            self.places[member] = [*branch.rows, *made]

    def _add(self, ids: Sequence[int], parent: int) -> tuple[int, list[int]]:
        start = len(self.ids)
        self.ids.extend(ids)
        self.segments.append(TreeSegment(start, len(self.ids), parent))
        return len(self.segments) - 1, list(range(start, len(self.ids)))


@torch.no_grad()
def _score_batch(loaded: Loaded, targets: Sequence[Target], batch: Sequence[int], found: Sequence[_Score]) -> None:
    inputs = {index: targets[index].ids[:-1] for index in batch}
    tree = _Tree()
    tree.grow(inputs, batch)
    wanted = {index: tree.places[index][targets[index].first - 1 :] for index in batch}
    rows = sorted({row for each in wanted.values() for row in each})
    logits = loaded.runner.tree(tree.ids, tree.segments, rows)
    if logits is None:
        for index in batch:
            target = targets[index]
            keep = len(target.ids) - target.first
            _take(_plain(loaded, target, keep), list(range(keep)), target, found[index])
        return
    at = {row: position for position, row in enumerate(rows)}
    for index in batch:
        _take(logits, [at[row] for row in wanted[index]], targets[index], found[index])


def _plain(loaded: Loaded, target: Target, keep: int) -> Tensor:
    result = loaded.runner.forward([Work(loaded.runner.new_row(), target.ids[:-1], 0, keep)])[0]
    if isinstance(result, LianluError):
        raise result
    return result


def _take(logits: Tensor, rows: Sequence[int], target: Target, score: _Score) -> None:
    own = logits[list(rows)]
    best, likeliest = own.max(dim=-1)
    if not bool(torch.isfinite(best).all()):
        raise BackendError("engine.not-finite")
    wanted = torch.tensor(target.ids[target.first :], device=own.device)
    values = own.gather(1, wanted[:, None])[:, 0] - own.logsumexp(dim=-1)
    score.values.extend(values.tolist())
    score.is_greedy = score.is_greedy and bool((likeliest == wanted).all())
