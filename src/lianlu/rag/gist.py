"""The sentences that say most of some documents, word for word, without a model.

A sentence is worth the words that its document keeps coming back to (frequent there, rare elsewhere), more when it
opens the document or a section, when it holds the words of its headings, defines what it speaks of, or draws a conclusion;
less when it only refers elsewhere or is an item of news. One that repeats what was chosen is worth less, and so is the
fifth from one document while others have said nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lianlu.rag.extractive import plain_text
from lianlu.rag.truth import ChunkRow
from lianlu.records import Span
from lianlu.text.normalise import is_cjk, text_size
from lianlu.text.sentences import sentences, trim
from lianlu.text.tokens import content_terms

__all__ = ["Telling", "tellings", "word_count"]

_SHORTEST, _LONGEST = 8, 160  # of `text_size`
_POSITION = 0.3
_HEADING = 0.3
_CONCLUSION = 0.15
_DEFINITION = 0.4
_NO_GIST = 0.4
_SAME = 0.7
_SAME_DOCUMENT = 0.85
_LOOKED_AT = 400
_WORTH_KEEPING = 0.3  # of the first one
_PLAIN_SHARE = 0.5
_NOT_PROSE = re.compile(r"\s*(?:#{1,6}\s|\||```|~~~|!\[|\[!\[|</?[a-zA-Z!]|={3,}|-{3,}|\.\. )")
_ENDS = tuple("。.!！；;…”」)）`")
_CONCLUDING = re.compile(
    r"总之|综上|因此|总的来说|结论|重要的是|关键|核心|旨在|主要|"
    r"\b(?:in conclusion|in summary|overall|therefore|importantly|key|main(?:ly)?|we (?:propose|present|show|find)|aims? to)\b",
    re.IGNORECASE,
)
_DEFINING = re.compile(
    r"^[^，,。.]{1,30}?(?:，[^，。]{1,20}，)?\s*(?:是(?!否|不是|因为|为了)|指(?!出|向)|为一|is an?\b|are\b|refers? to\b|means\b)|"
    r"，是(?:一|涵盖|面向|用于|针对)",
    re.IGNORECASE,
)
_REFERRING = re.compile(
    r"请?(?:参考|参见|参阅|查看|访问|加入我们)|如下|如图|"
    r"\b(?:refer to|see|visit|join|click|as follows|for (?:more|usage|details))\b|^\W*\d{4}\s*[-/.年]|^\W*20\d\d\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Telling:
    """A sentence; `span` counts in the document's markdown."""

    row: ChunkRow
    span: Span
    text: str
    terms: frozenset[str]
    score: float


def tellings(rows: Sequence[ChunkRow], words: int) -> list[Telling]:
    """The sentences of some chunks that say most, about `words` words in all and at least one, in reading order."""
    waiting = sorted(_scored(rows), key=lambda each: -each.score)[:_LOOKED_AT]
    chosen: list[Telling] = []
    least = 0.0
    while waiting:
        gain, best = max(((_gain(each, chosen), -number) for number, each in enumerate(waiting)))
        telling = waiting.pop(-best)
        size = word_count(telling.text)
        if chosen and (gain < least or size > words):
            break
        least = least or _WORTH_KEEPING * gain
        chosen.append(telling)
        words -= size
    order = {row.row: place for place, row in enumerate(rows)}
    return sorted(chosen, key=lambda each: (order[each.row.row], each.span.start))


def word_count(text: str) -> int:
    """Chinese characters and words of other scripts.

    >>> word_count("XTuner 支持 QLoRA")
    4
    """
    ideographs = sum(map(is_cjk, text))
    rest = "".join(" " if is_cjk(each) else each for each in text)
    return ideographs + len(_WORD.findall(rest))


def _scored(rows: Sequence[ChunkRow]) -> list[Telling]:
    having = Counter(term for row in rows for term in content_terms(row.chunk.text))
    rarity = {term: math.log1p(len(rows) / count) for term, count in having.items()}
    by_document: dict[int, list[tuple[ChunkRow, Span, str, bool]]] = {}
    for row in rows:
        by_document.setdefault(row.document_row, []).extend((row, *each) for each in _sentences_of(row))
    found: list[Telling] = []
    for listed in by_document.values():
        found.extend(_scored_in(listed, rarity))
    return found


def _scored_in(listed: Sequence[tuple[ChunkRow, Span, str, bool]], rarity: dict[str, float]) -> Iterator[Telling]:
    """The sentences of one document, by how much they say of it."""
    termed = [content_terms(plain_text(text)) for _, _, text, _ in listed]
    often = Counter(term for terms in termed for term in terms)
    weight = {term: math.log1p(count) * rarity.get(term, 1.0) for term, count in often.items() if count > 1}
    centrality = [sum(weight.get(term, 0.0) for term in terms) / math.sqrt(len(terms) + 1) for terms in termed]
    most = max(centrality, default=0.0) or 1.0
    for number, ((row, span, text, opens), terms) in enumerate(zip(listed, termed, strict=True)):
        headings = content_terms(" ".join((row.title, *row.chunk.headings)))
        score = centrality[number] / most
        score += _POSITION * (1.0 / (1 + number) + (0.5 if opens else 0.0))
        score += _HEADING * len(terms & headings) / (len(headings) or 1)
        score += _form(text, terms & headings)
        yield Telling(row, span, text, frozenset(terms), score)


def _form(text: str, named: set[str]) -> float:
    """What the form of a sentence adds; `named` are the words it shares with its headings."""
    said = plain_text(text).lstrip("*_\\[ ")
    score = _CONCLUSION if _CONCLUDING.search(said) else 0.0
    score += _DEFINITION if named and _DEFINING.search(said) else 0.0
    return score - (_NO_GIST if _REFERRING.search(said) else 0.0)


def _sentences_of(row: ChunkRow) -> Iterator[tuple[Span, str, bool]]:
    """The sentences of a chunk that can be quoted: where, what, and whether one opens its section."""
    text, start = row.chunk.text, row.chunk.span.start
    opens = text.lstrip().startswith("#")
    for span in sentences(text):
        if _NOT_PROSE.match(span.cut(text)):
            continue
        kept = trim(text, span)
        said = kept.cut(text)
        if _is_telling(said):
            yield Span(start=start + kept.start, end=start + kept.end), said, opens
            opens = False


def _is_telling(said: str) -> bool:
    """Whether a sentence can be quoted for itself: a whole one, no row of links, no command."""
    plain = plain_text(said).strip()
    is_whole = said.rstrip("*_ ").endswith(_ENDS) and _SHORTEST <= text_size(plain) <= _LONGEST
    is_links = " |" in said or len(plain) < _PLAIN_SHARE * len(said)
    return is_whole and not is_links and not (plain.startswith("`") and plain.count("`") == 2 and plain.endswith("`"))


def _gain(telling: Telling, chosen: Sequence[Telling]) -> float:
    """What a sentence adds to those chosen before."""
    shared = max((len(telling.terms & each.terms) / (min(len(telling.terms), len(each.terms)) or 1) for each in chosen), default=0.0)
    same = sum(each.row.document_row == telling.row.document_row for each in chosen)
    return telling.score * _SAME_DOCUMENT**same - _SAME * shared
