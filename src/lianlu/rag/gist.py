"""Which sentences say most of what documents say: chosen by numbers, quoted word for word. No model, no download.

A sentence is worth as much as it has in common with all others (continuous LexRank; Erkan and Radev 2004), more where it
opens a section, speaks of what the headings announce or says that it sums up, less where it leans on the sentence before
it. They are chosen one by one, each as unlike those before it as can be (maximal marginal relevance; Carbonell and
Goldstein 1998), and each part of the documents gives about as many as it has text, so that a long chapter does not speak
for the whole."""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np

from lianlu.rag.likeness import Floats, Likeness, likeness_of
from lianlu.rag.quotable import Quotable, Quotables, Section, is_chinese
from lianlu.records import Document
from lianlu.text.normalise import text_size
from lianlu.text.postings import Int64s
from lianlu.text.tokens import content_terms

__all__ = ["Gist", "gist_of", "most_telling"]

_HEADING = 0.35
_OPENS_SECTION = 0.15
_OPENS_DOCUMENT = 0.3
_CUE = 0.2
_PROSE = 0.15
_LEANS = -0.5
_CLIPPED = -0.35
_FRAGMENT = -0.6
_UNFINISHED = -0.3
_SHORT = -0.8
_LENGTHY = -0.15
_BESIDE_THE_POINT = -0.8
_OTHER_LANGUAGE = -1.0
_BEFORE_FOCUS = 0.5
_UNDER_ITS_HEADING = 0.5
_BEARS_ON_IT = 0.4  # of what the sentence that has most of the question has of it
_UNLIKE = 0.7
_WORTH_TELLING = 0.35  # of the best sentence's worth
_SAME = 0.6  # cosine beyond which a sentence says what another one said
_OVERVIEW_LEAD = 0.6
_OVERVIEW_CUE = 0.4
_INTRODUCTION = 0.3
_OVERVIEW_SENTENCES = 2
_OVERVIEW_SENTENCES_OF_MANY = 3
_WORTH_AN_OVERVIEW = 5  # sentences; what is shorter has its key points alone
_WORTH_OPENING = 0.5  # of what the first sentence of the overview gains
_DEPTHS = 4
_SHORT_SIZE = 20  # of `text_size`
_LENGTHY_SIZE = 100

_DEFINES = re.compile(
    r"是一[个种款套项]|是(?:面向|专为|用于)|旨在|致力于|提供了?|本[文书章节报手]|介绍了?|"
    r"\b(?:is|are) (?:an?|the)\b|\b(?:provides?|describes?|supports?|designed (?:to|for)|aims? to)\b|"
    r"\bthis (?:paper|book|report|document|guide|article|chapter|page)\b|\bwe (?:propose|present|introduce)\b",
    re.IGNORECASE,
)
_SUMS_UP = re.compile(
    r"总之|综上|总的来说|总体(?:上|而言)|结论|由此可见|最重要|关键(?:是|在于)|主要(?:包括|有|由|分为|特[点性])|核心|"
    r"\bin (?:summary|conclusion|short)\b|\boverall\b|\bconclu|\bmost important|\bkey\b|\bmain(?:ly)?\b|"
    r"\b(?:we|results?|findings?) (?:show|find|found|conclude|demonstrate)",
    re.IGNORECASE,
)
_LEANS_ON = re.compile(
    r"(?:这|此|该|那|它|其|他|她|但|然而|因此|所以|另外|此外|同时|而且|并且|例如|比如|如上|如下|上述|以下|下面|接着|然后|首先|最后|"
    r"同样|相反|前者|后者|注意|注[：:]|提示|图|表)|"
    r"(?:this|that|these|those|the (?:former|latter|above|following)|its?|they|he|she|his|her|such|however|but|and|also|then|so|thus|therefore|moreover|"
    r"furthermore|additionally|for (?:example|instance)|e\.g|i\.e|as (?:above|follows)|similarly|finally|first|second|here|now|note|tip|"
    r"fig(?:ure)?|table|you can|let'?s)\b",
    re.IGNORECASE,
)
_NAMES_THE_TEXT = re.compile(
    r"this (?:paper|book|report|document|guide|article|chapter|page|library|toolkit|project)|(?:该|此)(?:项目|工具|库)",
    re.IGNORECASE,
)
_INTRODUCES = re.compile(
    r"介绍|简介|概述|概览|摘要|引言|前言|总结|结论|关于|introduction|overview|abstract|summary|about|conclusion|what is|readme",
    re.IGNORECASE,
)

_FRONT = re.compile(r"(?:.*/)?(?:readme|index|overview|introduction|简介|介绍|概述|摘要)[^/]*", re.IGNORECASE)
_ASIDE = re.compile(
    r"许可|授权|版权|贡献|致谢|鸣谢|引用|参考(?:文献|资料)|更新(?:日志|记录)?$|最新(?:动态|消息|进展)|加入我们|联系|附录|目录|"
    r"licen[cs]e|contribut|acknowledg|thanks|citation|references|bibliography|changelog|news|contact|community|third.party|appendix|contents",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(r"https?://|www\.|\bdoi\b|[\w.]+@[\w.]+|arXiv", re.IGNORECASE)
_OPEN_END = (":", "：", "，", ",", "、")
_FRAGMENT_START = re.compile(r"[a-z]+[\s,;.]|[,，.。;；:：)）、]")


@dataclass(frozen=True)
class Gist:
    """Numbers of sentences, in reading order."""

    overview: tuple[int, ...] = ()
    points: tuple[int, ...] = ()


def gist_of(
    found: Quotables, documents: Sequence[Document], points: int, *, focus: str = "", is_zh: bool | None = None
) -> Gist:
    """The sentences that sum up some documents.

    Args:
        found: what may be quoted of the documents.
        points: how many key points at most; those of the overview come on top.
        focus: a question that what is chosen should bear on.
        is_zh: the language that is preferred where the documents have both; None for none.
    """
    units = found.units
    if not units:
        return Gist()
    above = [" ".join((documents[each.document].title, *each.headings)) for each in found.sections]
    asked_for = " ".join(sorted(content_terms(focus))) or focus
    likeness = likeness_of([unit.text for unit in units], [*above, asked_for])
    worth = _worth(found, likeness)
    if focus:
        covered = likeness.coverage(len(units) + len(found.sections))
        own = np.array([len(units) + unit.section for unit in units], dtype=np.int64)
        asked = covered[: len(units)] + _UNDER_ITS_HEADING * covered[own]
        asked /= max(float(asked.max()), 1e-9)
        worth = np.where(asked < _BEARS_ON_IT, _BESIDE_THE_POINT, _BEFORE_FOCUS * worth + asked)
    if is_zh is not None:
        worth = worth + _OTHER_LANGUAGE * np.array([is_chinese(unit.text) != is_zh for unit in units])
    fronts = {number for number, each in enumerate(documents) if _FRONT.fullmatch(each.source.uri)}
    choosing = _Choosing(found, likeness, worth, fronts)
    sentences = _OVERVIEW_SENTENCES if len(documents) == 1 else _OVERVIEW_SENTENCES_OF_MANY
    overview = choosing.overview(sentences) if len(units) >= _WORTH_AN_OVERVIEW else []
    chosen = choosing.points(points, overview)
    if len(chosen) < len(overview):
        overview, chosen = [], [*overview, *chosen][:points]  # so few that they need no overview
    return Gist(overview=tuple(sorted(overview)), points=tuple(sorted(chosen)))


def most_telling(texts: Sequence[str], limit: int) -> list[int]:
    """The numbers of those texts that say most of what all of them say, in their order."""
    likeness = likeness_of(texts)
    worth = likeness.centrality()
    said = np.zeros(len(texts))
    chosen: list[int] = []
    for _ in range(min(limit, len(texts))):
        gain = worth - _UNLIKE * said
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        said = np.maximum(said, likeness.likeness(best))
    return sorted(chosen)


# ------------------------------------------------------------------ worth


def _worth(found: Quotables, likeness: Likeness) -> Floats:
    units = found.units
    own = np.array([likeness.count + unit.section for unit in units], dtype=np.int64)
    announced = likeness.likeness_to_own(own)
    form = np.array([_form(unit, found.sections[unit.section]) for unit in units])
    return likeness.centrality() + _HEADING * np.sqrt(np.clip(announced, 0.0, 1.0)) + form


def _form(unit: Quotable, section: Section) -> float:
    """What the place and the form of a sentence add."""
    size = text_size(unit.text)
    score = _OPENS_SECTION / (1 + unit.place) + _OPENS_DOCUMENT / (1 + unit.ordinal) ** 0.5
    score += _PROSE * unit.is_prose + _CLIPPED * unit.is_clipped
    score += _SHORT * max(0.0, 1 - size / _SHORT_SIZE) + _LENGTHY * (size > _LENGTHY_SIZE)
    score += _CUE * (_SUMS_UP.search(unit.text) is not None) + _LEANS * _leans(unit.text)
    score += _FRAGMENT * (_FRAGMENT_START.match(unit.text) is not None or unit.text.endswith(_OPEN_END))
    score += _UNFINISHED * unit.is_unfinished
    is_aside = any(map(_ASIDE.search, section.headings)) or _ADDRESSED.search(unit.text)
    return score + _BESIDE_THE_POINT * bool(is_aside)


def _leans(text: str) -> bool:
    return bool(_LEANS_ON.match(text)) and not _NAMES_THE_TEXT.match(text)


# ------------------------------------------------------------------ choice


class _Choosing:
    """Sentences taken one by one; each makes what is like it, and what stands in the same parts, worth less."""

    def __init__(self, found: Quotables, likeness: Likeness, worth: Floats, fronts: Set[int]) -> None:
        self._found = found
        self._fronts = fronts
        self._likeness = likeness
        self._worth = worth
        self._said = np.zeros(len(worth))
        self._parts = _parts(found)
        self._shares = [np.bincount(parts) / len(worth) for parts in self._parts]
        self._taken = [np.zeros(len(share)) for share in self._shares]

    def overview(self, limit: int) -> list[int]:
        """Sentences that tell what the documents are: near the beginning, or where they introduce or conclude."""
        score = self._worth + np.array([self._introduces(unit) for unit in self._found.units])
        chosen: list[int] = []
        documents: set[int] = set()
        first = 0.0
        of_many = self._found.units[0].document != self._found.units[-1].document
        for _ in range(limit):
            gain = score - _UNLIKE * self._said
            gain[chosen] = -np.inf
            if of_many:
                gain[[unit.document in documents for unit in self._found.units]] = -np.inf
            best = int(np.argmax(gain))
            if chosen and (gain[best] < _WORTH_OPENING * first or self._said[best] > _SAME):
                break
            first = first if chosen else float(gain[best])
            self._take(best, chosen)
            documents.add(self._found.units[best].document)
        return chosen

    def points(self, limit: int, without: Sequence[int]) -> list[int]:
        """The key points."""
        chosen: list[int] = []
        worth = np.maximum(self._worth, 0.01)
        closed = worth < _WORTH_TELLING * float(worth.max())
        closed[list(without)] = True
        for _ in range(limit):
            room = np.ones(len(worth))
            for parts, shares, taken in zip(self._parts, self._shares, self._taken, strict=True):
                fair = np.maximum(shares * limit, 0.5)
                room *= (1.0 / (1.0 + taken / fair))[parts]
            gain = worth * room - _UNLIKE * self._said
            gain[closed | (self._said > _SAME)] = -np.inf
            best = int(np.argmax(gain))
            if not np.isfinite(gain[best]):
                break
            closed[best] = True
            self._take(best, chosen)
        return chosen

    def _take(self, best: int, chosen: list[int]) -> None:
        chosen.append(best)
        self._said = np.maximum(self._said, self._likeness.likeness(best))
        for parts, taken in zip(self._parts, self._taken, strict=True):
            taken[parts[best]] += 1

    def _introduces(self, unit: Quotable) -> float:
        headings = self._found.sections[unit.section].headings
        score = _OVERVIEW_LEAD / (1 + unit.ordinal) ** 0.5 + 2 * _LEANS * _leans(unit.text)
        score += _OVERVIEW_CUE * (_DEFINES.search(unit.text) is not None) + 2 * _PROSE * unit.is_prose
        return score + _INTRODUCTION * (any(map(_INTRODUCES.search, headings)) + (unit.document in self._fronts))


def _parts(found: Quotables) -> list[Int64s]:
    """For each depth at which there is more than one part, the number of the part that each sentence stands in."""
    depths: list[Int64s] = []
    for depth in range(_DEPTHS + 1):
        numbers: dict[tuple[int, tuple[str, ...]], int] = {}
        of_section = [
            numbers.setdefault((each.document, each.headings[:depth]), len(numbers)) for each in found.sections
        ]
        if len(numbers) > 1 and (not depths or len(numbers) > depths[-1].max() + 1):
            depths.append(np.array([of_section[unit.section] for unit in found.units], dtype=np.int64))
    return depths
