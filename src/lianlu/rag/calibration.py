"""How much the vectors of a base may say beside its words, for each language: measured on the base itself.

An embedder may not know the language of the documents: joined at equal weight it then halves what words alone find. So a
sentence is taken out of a chunk and asked for, and the chunk must be found by what is left of it (the inverse cloze task,
Lee et al. 2019, arXiv 1906.00300): neither side can win by repeating the sentence. A weight is taken only where it beats
words alone by more than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from lianlu.core.hashing import digest
from lianlu.rag.fusion import Candidates, Doubles, fuse
from lianlu.records import Chunk
from lianlu.text.normalise import text_size
from lianlu.text.sentences import sentences, trim

__all__ = ["MOST_PROBES", "Asked", "LanguageWeight", "Probe", "best_weight", "probe_of", "sampled"]

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
_VECTORS_ALONE = 1e9
MOST_PROBES = 128
FEWEST_PROBES = 12
"""With fewer a weight would be chance: words alone."""
_AMONG = 10
_SENTENCE_SIZES = range(8, 80)
_REST_TIMES = 1.5
_LOSES_BELOW = 0.6  # of what words alone find


class LanguageWeight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The weight of vectors for questions in a language, and what it was chosen by.

    Attributes:
        lexical, dense, hybrid: mean reciprocal rank among ten of either ranking alone and of both joined.
        probes: how many sentences were asked for.
    """

    weight: float
    lexical: float = 0.0
    dense: float = 0.0
    hybrid: float = 0.0
    probes: int = 0


@dataclass(frozen=True)
class Probe:
    """A sentence, and what is left of its chunk."""

    row: int
    sentence: str
    rest: str


@dataclass(frozen=True)
class Asked:
    """What a probe found, and which row it should."""

    target: int
    found: Candidates


def sampled(rows: Sequence[int], count: int = MOST_PROBES) -> list[int]:
    """Some rows, the same at every time: those whose hash is lowest."""
    return sorted(sorted(rows, key=lambda row: digest(str(row)))[:count])


def probe_of(row: int, chunk: Chunk) -> Probe | None:
    """A sentence of a chunk to ask for; None where too little would be left."""
    spans = [trim(chunk.text, span) for span in sentences(chunk.text)]
    able = [
        span
        for span in spans[1:]
        if text_size(span.cut(chunk.text)) in _SENTENCE_SIZES
        and text_size(chunk.text) - text_size(span.cut(chunk.text)) >= _REST_TIMES * text_size(span.cut(chunk.text))
        and "```" not in span.cut(chunk.text)
    ]
    if not able:
        return None
    chosen = able[int(digest(str(row), chunk.text)[:8], 16) % len(able)]
    rest = f"{chunk.text[: chosen.start]} {chunk.text[chosen.end :]}"
    return Probe(row, chosen.cut(chunk.text), rest)


def best_weight(asked: Sequence[Asked]) -> LanguageWeight:
    """Half the smallest weight that is within chance of the best one; 0 where vectors lose, or where the best is chance.

    Half, because a probe is harder for words than a question is: people use the words of what they ask for. On xquad-en
    words find .81 of the probes and .97 of the questions; probes ask for a weight of 1.5, questions do best at 0.75.
    """
    if len(asked) < FEWEST_PROBES:
        return LanguageWeight(weight=0.0, probes=len(asked))
    by_weight = {weight: _reciprocals(asked, weight) for weight in WEIGHTS}
    means = {weight: float(values.mean()) for weight, values in by_weight.items()}
    dense = float(_reciprocals(asked, _VECTORS_ALONE).mean())
    top = max(WEIGHTS, key=lambda weight: (means[weight], -weight))
    chosen = 0.0
    if dense >= _LOSES_BELOW * means[0.0]:
        smallest = next(weight for weight in WEIGHTS if _is_within_chance(by_weight[top] - by_weight[weight]))
        chosen = smallest / 2
    return LanguageWeight(
        weight=chosen,
        lexical=round(means[0.0], 4),
        dense=round(dense, 4),
        hybrid=round(float(_reciprocals(asked, chosen).mean()), 4),
        probes=len(asked),
    )


def _is_within_chance(gain: Doubles) -> bool:
    """Whether a mean gain is no more than its standard error."""
    return float(gain.mean()) <= float(gain.std(ddof=1)) / len(gain) ** 0.5


def _reciprocals(asked: Sequence[Asked], weight: float) -> Doubles:
    """Of each probe one by the rank of its target among ten, 0 when it is not there."""

    def one(each: Asked) -> float:
        joined = fuse(each.found.rows, each.found.lexical, each.found.dense, weight)
        rows = [row for row, _ in joined[:_AMONG]]
        return 1.0 / (rows.index(each.target) + 1) if each.target in rows else 0.0

    return np.array([one(each) for each in asked], dtype=np.float64)
