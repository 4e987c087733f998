"""How near an answer comes to what was expected, by the rules of CMRC 2018.

Its published script lowers the case, takes out spaces and punctuation, and cuts the rest into Chinese characters and words
of other scripts. Exact match compares what is left; F1 counts the longest run that both have in common (Cui et al. 2019).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from lianlu.text.normalise import is_cjk

__all__ = ["exact_match", "f1", "has_answer", "units"]

_WORD = re.compile(r"[^\W_]+")


def units(text: str) -> list[str]:
    """Chinese characters, and words of other scripts.

    >>> units("XTuner 是，训练 Engine。")
    ['xtuner', '是', '训', '练', 'engine']
    """
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        run = ""
        for character in word:
            if is_cjk(character):
                found += [run, character] if run else [character]
                run = ""
            else:
                run += character
        found += [run] if run else []
    return found


def exact_match(said: str, answers: Sequence[str]) -> float:
    """1 where the answer is one of those expected, spaces, case and punctuation aside."""
    given = units(said)
    return float(any(given == units(answer) for answer in answers))


def f1(said: str, answers: Sequence[str]) -> float:
    """The best F1 over the answers, by the longest run in common.

    >>> round(f1("他在北京工作", ["北京"]), 3)
    0.5
    """
    given = units(said)
    return max((_f1(given, units(answer)) for answer in answers), default=0.0)


def has_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the answers stands in a text, spaces, case and punctuation aside."""
    joined = " ".join(units(text))
    return any(answer and f" {' '.join(answer)} " in f" {joined} " for answer in map(units, answers))


def _f1(given: Sequence[str], answer: Sequence[str]) -> float:
    common = _longest_run(given, answer)
    if not common:
        return 0.0
    precision, recall = common / len(given), common / len(answer)
    return 2 * precision * recall / (precision + recall)


def _longest_run(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest run of units that both have."""
    best = 0
    before = [0] * (len(other) + 1)
    for unit in one:
        now = [0] * (len(other) + 1)
        for at, each in enumerate(other, start=1):
            if unit == each:
                now[at] = before[at - 1] + 1
                best = max(best, now[at])
        before = now
    return best
