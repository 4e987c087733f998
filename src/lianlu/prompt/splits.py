"""Cases in three parts: to learn from, to choose by, and for the end alone."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from lianlu.core.errors import UsageError
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case

__all__ = ["MINIBATCH", "Splits", "split_cases"]

MINIBATCH = 3
"""Cases that one proposal learns from."""
_LEAST_FOR_A_TEST = 12


class Splits(msgspec.Struct, frozen=True, kw_only=True):
    """Cases to learn from, to choose by, and for the end alone."""

    train: tuple[Case, ...]
    val: tuple[Case, ...]
    test: tuple[Case, ...] = ()

    @property
    def learned_at_once(self) -> int:
        return min(MINIBATCH, len(self.train))

    @property
    def step(self) -> int:
        """Most answers that one proposal takes: the old and the new text on a few cases, the new one on all to choose by."""
        return 2 * self.learned_at_once + len(self.val)

    @property
    def least_budget(self) -> int:
        """Answers that the prompt and one proposal take."""
        return len(self.val) + self.step

    def check_asserted(self, own: Sequence[Assertion]) -> None:
        """Whether every case asserts something, by itself or through the prompt: an answer without a score is no guide.

        Raises:
            UsageError: prompt.case-without-assertion
        """
        for case in (*self.train, *self.val, *self.test):
            if not own and not any(turn.asserts for turn in case.turns):
                raise UsageError("prompt.case-without-assertion", at=case.place, case=case.id)


def split_cases(cases: Sequence[Case], seed: int) -> Splits:
    """The cases by their own `split`; those without one are parted by the seed.

    Where no case is marked `test` and at least twelve are not marked at all, a third of these is kept for the end.

    Raises:
        UsageError: prompt.too-few-cases
    """
    test = [case for case in cases if case.split == "test"]
    train = [case for case in cases if case.split == "train"]
    val = [case for case in cases if case.split == "val"]
    free = [case for case in cases if not case.split]
    random.Random(seed).shuffle(free)  # noqa: S311 - no secret
    if not test and len(free) >= _LEAST_FOR_A_TEST:
        third = len(free) // 3
        test, free = free[:third], free[third:]
    if free:
        # What is marked already counts: 5 marked `train` and 5 without a mark make 5 and 5.
        more = min(len(free), max(0, (len(train) + len(val) + len(free) + 1) // 2 - len(train)))
        train += free[:more]
        val += free[more:]
    if not train or not val:
        raise UsageError("prompt.too-few-cases", train=len(train), val=len(val))
    return Splits(train=tuple(train), val=tuple(val), test=tuple(test))
