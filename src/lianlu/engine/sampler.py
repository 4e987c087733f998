"""From logits to the next token of each row. A row is chosen by its own numbers only, whatever stands beside it.

Random rows draw from a generator of their own, seeded by the request, through the cumulative distribution: the same
seed gives the same answer alone and in a batch (up to the last bits of the logits).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lianlu.core.errors import BackendError
from lianlu.engine.choice import Choice

__all__ = ["Chosen", "Draw", "choose", "logprobs_of"]

_NEAR = 256  # tokens looked at first for top_p: a full sort of a large vocabulary costs milliseconds a token


@dataclass(frozen=True)
class Chosen:
    """A token; with its log probability and the best others by id where they were asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Draw:
    """One row to choose for: how, with which random numbers, after which prompt and answer tokens."""

    choice: Choice
    random: random.Random
    prompt: Sequence[int]
    tokens: Sequence[int]


def choose(logits: Tensor, draws: Sequence[Draw]) -> list[Chosen | BackendError]:
    """The next token of each row of `logits` [rows, vocabulary]; an error for a row without finite logits."""
    best, greedy = logits.max(dim=-1)
    is_finite = torch.isfinite(best).tolist()
    likeliest = greedy.tolist()
    chosen: list[Chosen | BackendError] = []
    for index, draw in enumerate(draws):
        if not is_finite[index]:
            chosen.append(BackendError("engine.not-finite"))
            continue
        is_plain = draw.choice.temperature == 0 and not draw.choice.has_penalty
        token = likeliest[index] if is_plain else _drawn(logits[index], draw)
        chosen.append(_with_logprobs(logits[index], token, draw.choice.top_logprobs))
    return chosen


def logprobs_of(logits: Tensor, tokens: Sequence[int], top: int) -> list[Chosen]:
    """The log probabilities of given tokens, one for each row of `logits`."""
    return [_with_logprobs(row, token, top) for row, token in zip(logits, tokens, strict=True)]


def _with_logprobs(row: Tensor, token: int, top: int | None) -> Chosen:
    if top is None:
        return Chosen(token)
    logprobs = row.log_softmax(dim=-1)
    values, ids = logprobs.topk(min(top, row.shape[-1]))
    best = tuple(zip(ids.tolist(), values.tolist(), strict=True))
    return Chosen(token, float(logprobs[token]), best)


def _drawn(row: Tensor, draw: Draw) -> int:
    choice = draw.choice
    row = _penalised(row, draw) if choice.has_penalty else row
    if choice.temperature == 0:
        return int(row.argmax())
    probabilities = (row / choice.temperature).softmax(dim=-1)
    if choice.top_k == 0 and choice.top_p >= 1 and choice.min_p == 0:
        return _picked(probabilities.cumsum(dim=-1), draw.random)
    values, ids = _likeliest(probabilities, choice)
    return int(ids[_picked(values.cumsum(dim=-1), draw.random)])


def _likeliest(probabilities: Tensor, choice: Choice) -> tuple[Tensor, Tensor]:
    """The tokens that top_k, top_p and min_p leave, likeliest first; each limit after the other, as transformers has it."""
    size = probabilities.shape[-1]
    values, ids = probabilities.topk(min(choice.top_k or _NEAR, size))
    if not choice.top_k and (choice.top_p >= 1 or float(values.sum()) < choice.top_p):
        values, ids = probabilities.sort(descending=True, stable=True)
    values = values / values.sum()
    if choice.top_p < 1:
        before = values.cumsum(dim=-1) - values
        kept = max(1, int((before < choice.top_p).sum()))
        values, ids = values[:kept], ids[:kept]
    if choice.min_p > 0:
        kept = max(1, int((values >= choice.min_p * values[0]).sum()))
        values, ids = values[:kept], ids[:kept]
    return values, ids


def _picked(cumulative: Tensor, numbers: random.Random) -> int:
    at = int(torch.searchsorted(cumulative, numbers.random() * float(cumulative[-1]), right=True))
    return min(at, cumulative.shape[-1] - 1)


def _penalised(row: Tensor, draw: Draw) -> Tensor:
    choice, row = draw.choice, row.clone()
    if choice.repetition_penalty != 1:
        seen = torch.tensor(sorted({*draw.prompt, *draw.tokens}), device=row.device)
        values = row[seen]
        row[seen] = torch.where(values > 0, values / choice.repetition_penalty, values * choice.repetition_penalty)
    counts = Counter(draw.tokens)
    if counts:
        ids = torch.tensor(list(counts), device=row.device)
        times = torch.tensor(list(counts.values()), device=row.device, dtype=row.dtype)
        row[ids] -= choice.presence_penalty + choice.frequency_penalty * times
    return row
