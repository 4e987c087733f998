"""The generator: sequences in, one token for each at every step. Plain and sync; who waits for it is not its concern."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lianlu.core.errors import LianluError
from lianlu.engine.runner import Runner, Work
from lianlu.engine.sampler import Draw, choose, logprobs_of
from lianlu.engine.scheduler import Part, Scheduler
from lianlu.engine.sequence import Sequence

__all__ = ["ROWS", "STEP_TOKENS", "Engine"]

ROWS = 32
STEP_TOKENS = 1024
_ANY_ROOM = 1 << 40


class Engine:
    """Continuous batching over one model.

    Args:
        rows: most sequences at once.
        step_tokens: most tokens computed in one step, prompts included.
        room_tokens: most tokens held in key-value rows.
    """

    def __init__(
        self, runner: Runner, *, rows: int = ROWS, step_tokens: int = STEP_TOKENS, room_tokens: int = _ANY_ROOM
    ) -> None:
        self._runner = runner
        self._scheduler = Scheduler(runner.new_row, rows=rows, step_tokens=step_tokens, room_tokens=room_tokens)

    @property
    def running(self) -> int:
        """Sequences that hold a row."""
        return len(self._scheduler.running)

    @property
    def waiting(self) -> int:
        return len(self._scheduler.waiting)

    @property
    def has_work(self) -> bool:
        return bool(self._scheduler.running or self._scheduler.waiting)

    def add(self, sequence: Sequence) -> None:
        self._scheduler.add(sequence)

    def abort(self, sequence: Sequence) -> None:
        """Drop a sequence and its row; one that is finished already is no error."""
        self._scheduler.remove(sequence)

    def sequences(self) -> list[Sequence]:
        return [*self._scheduler.running, *self._scheduler.waiting]

    @torch.no_grad()
    def step(self) -> list[Sequence]:
        """Compute one step; gives the sequences that took part. One that failed carries its error and is out."""
        parts = self._scheduler.plan()
        results = self._runner.forward([_work(part) for part in parts])
        ready: list[tuple[Sequence, Tensor]] = []
        for part, result in zip(parts, results, strict=True):
            if isinstance(result, LianluError):
                part.sequence.fail(result)
            else:
                _advance(part, result, ready)
        self._choose(ready)
        for part in parts:
            if part.sequence.is_finished:
                self._scheduler.remove(part.sequence)
        return [part.sequence for part in parts]

    def _choose(self, ready: list[tuple[Sequence, Tensor]]) -> None:
        if not ready:
            return
        logits = torch.stack([row for _, row in ready])
        draws = [Draw(each.choice, each.random, each.prompt, each.tokens) for each, _ in ready]
        for (sequence, _), chosen in zip(ready, choose(logits, draws), strict=True):
            if isinstance(chosen, LianluError):
                sequence.fail(chosen)
            else:
                sequence.add(chosen)


def _wants_prompt(sequence: Sequence) -> bool:
    return sequence.has_echo and len(sequence.prompt_logprobs) < len(sequence.prompt) - 1


def _work(part: Part) -> Work:
    sequence = part.sequence
    keep = part.count if _wants_prompt(sequence) else int(part.reaches_end)
    return Work(sequence.row, sequence.ids(sequence.cached, part.count), sequence.cached, keep)


def _advance(part: Part, logits: Tensor, ready: list[tuple[Sequence, Tensor]]) -> None:
    sequence = part.sequence
    if _wants_prompt(sequence):
        _score_prompt(part, logits)
    reaches_end = part.reaches_end
    sequence.cached += part.count
    if reaches_end and sequence.wants_answer:
        ready.append((sequence, logits[-1]))
    elif reaches_end:
        sequence.finish("length")


def _score_prompt(part: Part, logits: Tensor) -> None:
    """The logits of a token are those of what follows it: the last one of the prompt scores the answer."""
    sequence = part.sequence
    first = len(sequence.prompt_logprobs)  # the token at first + 1 is the next to score
    follows: Any = sequence.prompt[first + 1 : sequence.cached + part.count + 1]
    rows = logits[first - sequence.cached :][: len(follows)]
    sequence.prompt_logprobs.extend(logprobs_of(rows, follows, sequence.choice.top_logprobs or 0))
