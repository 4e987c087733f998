"""How well what was found bears on a question: a few numbers that a person can check by hand.

Nothing is decided here; `rag.refusal` weighs these numbers. The weight of a term is its rarity, a tenth of it for a stop
word. Amounts are counted in the weight of the rarest term that a base could have, so that they mean the same in a base of
one page and of a million chunks: where the matched terms weigh more than one such term, a passage that has them all by
chance is not to be expected. One passage is looked at, that which has most of the question.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import islice

from lianlu.rag.extractive import Found, indexed_text, rarest_weight, term_weights
from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.question import Question
from lianlu.text.normalise import is_cjk
from lianlu.text.tokens import content_terms, terms

__all__ = ["FEATURES", "Evidence", "evidence_of"]

_LOOKED_AT = 3
"""How many of the best passages may be the one that counts."""
_CJK_SHARE = 0.02
_K1_AND_ONE = 2.5
"""The most that a chunk's BM25 gains by a term, in its rarity: see `rag.lexical`."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for and against an answer.

    Attributes:
        coverage: share of the question's terms, by weight, that the passage has; of its names alone where a Chinese
            question meets a passage in another language.
        matched: log(1 + weight of the question's terms that the passage has).
        content: the same of the terms that carry meaning, Chinese as pairs of characters.
        asked: log(1 + weight of all terms of the question).
        unknown: share, by weight, of the terms with meaning that no chunk of the base has.
        names_missing: share of the question's names, by weight, that the passage lacks; 0 where it has none.
        names_found: log(1 + weight of those it has).
        subject: of a question for a definition: 1 if the passage has all of its subject, -1 if none has; 0 for others.
        score: log(1 + BM25 of the first passage), counted in the most that one term can give.
        dense: cosine of the passage nearest to the question; 0 where the base is searched by words.
    """

    coverage: float = 0.0
    matched: float = 0.0
    content: float = 0.0
    asked: float = 0.0
    unknown: float = 0.0
    names_missing: float = 0.0
    names_found: float = 0.0
    subject: float = 0.0
    score: float = 0.0
    dense: float = 0.0

    @property
    def values(self) -> tuple[float, ...]:
        """In the order of `FEATURES`."""
        return astuple(self)


FEATURES = tuple(each.name for each in fields(Evidence))


def evidence_of(question: Question, found: Sequence[Found], index: LexicalIndex) -> Evidence:
    """What the passages that were found, best first, say for an answer; `index` is that of the base."""
    asked = term_weights(terms(question.text), index)
    content = term_weights(_content(question.text), index)
    names = term_weights(question.names, index)
    subject = _content(question.subject) if question.subject else set[str]()
    coverage, having = _best(question, found, asked, subject, index)
    unit = rarest_weight(index)
    return Evidence(
        coverage=coverage,
        matched=_amount(_sum_of(asked, having), unit),
        content=_amount(_sum_of(content, having), unit),
        asked=_amount(math.fsum(asked.values()), unit),
        unknown=math.fsum(weight for term, weight in content.items() if not index.has(term)) / _total(content),
        names_missing=1.0 - _coverage(names, having) if names else 0.0,
        names_found=_amount(_sum_of(names, having), unit),
        subject=(1.0 if subject <= having else -1.0) if subject else 0.0,
        score=_amount(max((each.lexical for each in found), default=0.0), unit * _K1_AND_ONE),
        dense=max((each.dense for each in found if each.dense is not None), default=0.0),
    )


def _best(
    question: Question, found: Sequence[Found], asked: Mapping[str, float], subject: set[str], index: LexicalIndex
) -> tuple[float, set[str]]:
    """Coverage and terms of the passage that has most; for a definition of one that has its subject, however far down."""
    texts = (indexed_text(each.row) for each in found)
    passages = ((text, set(terms(text))) for text in texts)
    looked_at = list(islice(passages, _LOOKED_AT))
    if subject:
        about_it = [each for each in looked_at if subject <= each[1]]
        looked_at = about_it or [*islice((each for each in passages if subject <= each[1]), 1)] or looked_at
    if not looked_at:
        return 0.0, set()
    text, having = max(looked_at, key=lambda each: _sum_of(asked, each[1]))
    return _coverage(term_weights(question.names, index) if _is_foreign(question, text) else asked, having), having


def _is_foreign(question: Question, text: str) -> bool:
    """Whether a Chinese question meets a page in another language: only its Latin words can be found there."""
    return bool(question.names) and _is_chinese(question.text) and not _is_chinese(text)


def _is_chinese(text: str) -> bool:
    return sum(map(is_cjk, text)) > _CJK_SHARE * len(text)


def _content(text: str) -> set[str]:
    return content_terms(text) or set(terms(text))


def _coverage(weights: Mapping[str, float], having: set[str]) -> float:
    return _sum_of(weights, having) / _total(weights)


def _sum_of(weights: Mapping[str, float], having: set[str]) -> float:
    return math.fsum(weight for term, weight in weights.items() if term in having)


def _total(weights: Mapping[str, float]) -> float:
    return math.fsum(weights.values()) or 1.0


def _amount(weight: float, unit: float) -> float:
    return math.log1p(weight / unit)
