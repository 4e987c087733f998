"""Which cases make the best examples: by a seeded search that scores them, or without a model those that differ most."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from lianlu.prompt.cases import Case

__all__ = ["chosen_by_score", "most_different", "usable"]

_TRIES = 8


def usable(cases: Sequence[Case]) -> list[Case]:
    """Cases with one turn and a good answer, that are not kept for choosing or for the end."""
    return [case for case in cases if case.split in ("", "train") and len(case.turns) == 1 and case.turns[0].good]


def most_different(cases: Sequence[Case], count: int) -> list[Case]:
    """So many cases that each is far from those taken before, in the letters of question and answer."""
    grams = [_grams(case) for case in cases]
    taken = [0] if cases else []
    while len(taken) < min(count, len(cases)):
        left = [at for at in range(len(cases)) if at not in taken]
        taken.append(max(left, key=lambda at: (min(_distance(grams[at], grams[one]) for one in taken), -at)))
    return [cases[at] for at in sorted(taken)]


def chosen_by_score(
    cases: Sequence[Case], count: int, score: Callable[[Sequence[Case]], float], *, seed: int, tries: int = _TRIES
) -> tuple[list[Case], float]:
    """The best of a few draws and of the most different ones, and its score; the first of equal ones."""
    drawn = random.Random(seed)  # noqa: S311 - no secret
    sets = [most_different(cases, count)]
    for _ in range(tries):
        made = sorted(drawn.sample(range(len(cases)), min(count, len(cases))))
        sets.append([cases[at] for at in made])
    distinct = list({tuple(case.id for case in each): each for each in sets}.values())
    scores = [score(each) for each in distinct]
    best = scores.index(max(scores))
    return distinct[best], scores[best]


def _grams(case: Case) -> set[str]:
    text = f"{case.turns[0].said}\n{case.turns[0].good}".casefold()
    return {text[at : at + 3] for at in range(max(1, len(text) - 2))}


def _distance(first: set[str], second: set[str]) -> float:
    return 1 - len(first & second) / len(first | second)
