"""Cut Chinese and English text into sentences whose spans rebuild it exactly.

Markdown is respected: list items, table rows and headings are units of their own, a code fence is one unit, and a line
that is merely wrapped goes on in the next one. Decimals, versions, addresses and abbreviations are not cut. The spans
are a partition of the text; `trim` gives the part a reader wants to see quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lianlu.records import Span
from lianlu.text.normalise import CJK, text_size

__all__ = ["sentences", "trim"]

_END = re.compile(r"(?:[。！？；｡…‥]+|[.!?]+)[\"”’」』》〉）】)\]*_]*(?:[ ]?\[\d{1,3}(?:\s?[,，–-]\s?\d{1,3})*\])*")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_MARKER = re.compile(r"[ \t]*(?:[-*+•·]|\d{1,3}[.)、]|[(（]?\d{1,2}[)）]|[a-zA-Z][.)])[ \t]+")
_STANDS_ALONE = re.compile(r"[ \t]*(?:\||#{1,6}\s|</?[a-zA-Z!]|!\[|\[!\[|={3,}|-{3,}|\.\. )")
_BEGINS_ANEW = re.compile(
    r"[ \t]*(?:[-*+•·>][ \t]|\d{1,3}[.)、]|\*\*|[一二三四五六七八九十]{1,3}、|[(（]?\d{1,2}[)）])"
)
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ABBREVIATIONS = """al approx assn ave cf ch co corp dept dr ed eds eg e.g eq eqs etc ex fig figs gen gov ie i.e inc jr ltd mr mrs ms
    no nos op p pp prof rev sec sect sen sr st tab univ u.s u.k u.n v viz vol vols vs jan feb mar apr jun jul aug sep
    sept oct nov dec"""
_ABBREVIATED = frozenset(_ABBREVIATIONS.split())
_VISIBLE = re.compile(r"\S")
_WORD_BEFORE = re.compile(r"[A-Za-z][A-Za-z.]*$")
_CJK = re.compile(f"[{CJK}]")
_WRAPPED_LINE_SIZE = 17  # of `text_size`: about 50 Latin characters; shorter lines were broken on purpose
_TRIMMED = re.compile(r"(?:\s|[-*+•·>](?=\s)|\d{1,3}[.)、](?=\s)|#{1,6}(?=\s)|\|)*(?P<kept>.*?)[\s|]*\Z", re.DOTALL)


def sentences(text: str) -> list[Span]:
    """Spans of the sentences, in order; each begins where the one before ends.

    >>> text = "XTuner 支持 v0.1.18。它很快！See e.g. the docs. Done."
    >>> [span.cut(text) for span in sentences(text)]
    ['XTuner 支持 v0.1.18。', '它很快！', 'See e.g. the docs. ', 'Done.']
    """
    cuts = [0]
    for start, end, is_prose in _units(text):
        if is_prose:
            cuts.extend(_ends(text, start, end))
        if end > cuts[-1]:
            cuts.append(end)
    return [Span(start=start, end=end) for start, end in pairwise(cuts)]


def trim(text: str, span: Span) -> Span:
    """The span without surrounding blanks, list and heading markers and the outer bars of table rows.

    >>> trim("- item one\\n", Span(start=0, end=11))
    Span(start=2, end=10, first_line=None, last_line=None)
    """
    match = _TRIMMED.match(text[span.start : span.end])
    assert match is not None, "the pattern matches every text"
    return Span(start=span.start + match.start("kept"), end=span.start + match.end("kept"))


def _units(text: str) -> Iterator[tuple[int, int, bool]]:
    """Runs of lines that belong together: start, end, and whether sentences are to be found inside."""
    start = 0
    is_prose = True
    fence = ""
    before = ""
    for match in _LINE.finditer(text):
        line = match.group()
        opening = _FENCE.match(line)
        if fence:
            if opening and opening.group(1).startswith(fence):
                fence = ""
                yield start, match.end(), False
                start, before = match.end(), ""
            continue
        if line.isspace():
            before = ""
            continue
        if match.start() > start and not _goes_on(before, line):
            yield start, match.start(), is_prose
            start = match.start()
        if opening:
            fence = opening.group(1)
            if match.start() > start:
                yield start, match.start(), is_prose
                start = match.start()
        is_prose = not fence and _STANDS_ALONE.match(line) is None
        before = line
    if start < len(text):
        yield start, len(text), is_prose and not fence


def _goes_on(before: str, line: str) -> bool:
    """Whether `line` continues the sentence of the line `before` it: a wrapped paragraph."""
    if not before or _STANDS_ALONE.match(before) or _STANDS_ALONE.match(line) or _BEGINS_ANEW.match(line):
        return False
    ended = before.rstrip()
    return not ended.endswith(("：", ":", "\\", "  ")) and text_size(ended) >= _WRAPPED_LINE_SIZE


def _ends(text: str, start: int, end: int) -> Iterator[int]:
    """Offsets behind the sentences inside one unit, white space included."""
    marker = _MARKER.match(text, start, end)
    first = marker.end() if marker else start
    for match in _END.finditer(text, first, end):
        if _is_end(text, match, first, end):
            after = match.end()
            while after < end and text[after].isspace():
                after += 1
            yield after


def _is_end(text: str, match: re.Match[str], start: int, end: int) -> bool:
    mark = match.group()[0]
    after = text[match.end()] if match.end() < end else " "
    if mark not in ".!?":
        return mark not in "…‥" or after.isspace() or _CJK.match(after) is not None or after.isupper()
    if mark in "!?":
        return after.isspace() or _CJK.match(after) is not None
    return _is_full_stop(text, match, start, end, after)


def _is_full_stop(text: str, match: re.Match[str], start: int, end: int, after: str) -> bool:
    at = match.start()
    if not after.isspace():  # `3.14`, `a.b`, `README.md`; but 他来了.我走了 was typed without an input method
        return at > start and _CJK.match(text[at - 1]) is not None and _CJK.match(after) is not None
    following = _VISIBLE.search(text, match.end(), end)  # a slice of the rest would be copied at every full stop
    if following is not None and following.group().islower():
        return False
    word = _WORD_BEFORE.search(text, max(start, at - 24), at)
    if word is None:
        return True
    is_initial = len(word.group()) == 1 and word.group().isupper() and word.group() != "I"
    return not is_initial and word.group().casefold() not in _ABBREVIATED
