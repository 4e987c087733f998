"""The sentences of documents that a summary may quote: where each stands, under which headings, and what a reader sees of it.

Prose and lists are quoted; tables, listings and pictures are not, unless a document has nothing else. What only leads
elsewhere (badges, tables of contents, "see also") says nothing by itself and is left out, and a sentence that stands in
several places counts once, where it stands first. A unit too long to quote, such as a text without a full stop, is cut at
a comma or a blank; what is left is a verbatim slice like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from lianlu.rag.extractive import plain_text
from lianlu.records import Block, Document, Span
from lianlu.text.chunks import heading_text
from lianlu.text.normalise import LATIN_PER_CJK, is_cjk, text_size
from lianlu.text.sentences import sentences, trim

__all__ = ["Quotable", "Quotables", "Section", "is_chinese", "quotable", "shown_text"]

_SHORTEST = 5  # of `text_size`
_LONGEST = 160
_MOST_LINKED = 0.7  # of what a reader sees: more is a list of links
_FEWEST_LETTERS = 0.45
_DEEPEST = 4  # headings below are one section
_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\n]*\)")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_ADDRESS = re.compile(r"https?://\S+")
_MARKS = re.compile(r"\*\*|__|`+|\\(?=[^\w\s])|(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?![\w*])")
_FOOTNOTES = re.compile(r"(?<=[.,;:!?\"”)。，；：！？）])(?:\[\d{1,3}\](?!\())+")
_MATH = re.compile(r"\$\$?[^$\n]{1,400}\$\$?")
_LATIN_WORD = re.compile(r"[A-Za-z][\w.-]*")
_LETTER = re.compile(r"[^\W\d_]")
_BREAK = re.compile(r"[,，、;；:：]\s?|\s")
_LEADS_ELSEWHERE = re.compile(
    r"^(?:(?:please )?(?:see|refer to|check|click|visit|read|review|join)\b|for (?:more|further) (?:details?|information)\b|"
    r"(?:请|可)?(?:参[考阅见照]|详[见细]请?|点击|查看|更多(?:信息|内容|细节))|(?:table of )?contents?$|目录$|返回|上一[页章]|下一[页章])|"
    r"^\W*(?:copyright|all rights reserved|©|版权所有)",
    re.IGNORECASE,
)
_SEMICOLONS = ("；", "; ", "；”")
_ASIDE_TITLE = re.compile(
    r"\W*(?:references|bibliography|works cited|acknowledge?ments?|参考文献|参考资料|致谢|引用文献)\W*", re.IGNORECASE
)
_QUESTION = ("?", "？")
_FULL_STOPS = tuple("。.!！；;…”\"')）》」")


@dataclass(frozen=True)
class Section:
    """A part of a document under one path of headings; `document` is its number in the list of documents."""

    document: int
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Quotable:
    """A sentence.

    Attributes:
        document: number of its document.
        span: where it stands in the document's markdown.
        text: what a reader sees of it, in one line.
        section: number of its section.
        place: how many sentences of its section stand before it.
        ordinal: how many of its document do.
        is_clipped: it is the beginning of something longer.
        is_prose: it stands in a paragraph and ends like a sentence.
        is_unfinished: it stands in a paragraph and does not.
    """

    document: int
    span: Span
    text: str
    section: int
    place: int
    ordinal: int
    is_clipped: bool = False
    is_prose: bool = True
    is_unfinished: bool = False


@dataclass
class Quotables:
    """The sentences of all documents, in reading order, and the sections they stand in."""

    units: list[Quotable] = field(default_factory=list[Quotable])
    sections: list[Section] = field(default_factory=list[Section])


def quotable(documents: Sequence[Document]) -> Quotables:
    """What may be quoted of some documents."""
    found = Quotables()
    seen: set[str] = set()
    for number, document in enumerate(documents):
        before = len(found.units)
        for prose_only in (True, False):
            _add(document, number, found, seen, prose_only=prose_only)
            if len(found.units) > before:
                break
    return found


def shown_text(markdown: str) -> str:
    """What a reader sees of a piece of markdown, in one line: without links, emphasis, tags and marks of footnotes.

    >>> shown_text("**XTuner** is a [library](a.md)\\nfor `LLM`s.")
    'XTuner is a library for LLMs.'
    """
    plain = plain_text(_IMAGE.sub(" ", markdown))
    return " ".join(_MARKS.sub("", _FOOTNOTES.sub("", plain)).split())


def is_chinese(text: str) -> bool:
    """Whether a text has as many Chinese characters as Latin words: names in it are Latin anyway.

    >>> is_chinese("用 XTuner 微调 InternLM"), is_chinese("the word 微调 here")
    (True, False)
    """
    characters = 0 if text.isascii() else sum(map(is_cjk, text))
    return characters > 0 and characters >= len(_LATIN_WORD.findall(text))


def _add(document: Document, number: int, found: Quotables, seen: set[str], *, prose_only: bool) -> None:
    path: list[tuple[int, str]] = []
    section = -1
    place = ordinal = 0
    for block, start in zip(document.blocks, document.block_starts(), strict=True):
        if block.kind == "heading":
            level = block.level or 1
            path = [above for above in path if above[0] < level]
            path.append((level, shown_text(heading_text(block.markdown))))
            section = -1
            continue
        if _ASIDE_TITLE.fullmatch(block.markdown):
            path = [*path, (_DEEPEST + 1, heading_text(block.markdown))]  # a heading that was not marked as one
            section = -1
            continue
        if prose_only and block.kind not in ("para", "list"):
            continue
        is_para = block.kind == "para"
        for span, text, is_clipped in _readable(block, prose_only=prose_only):
            key = text.casefold()
            if key in seen:
                continue
            seen.add(key)
            if section < 0:
                headings = tuple(title for _, title in path if title)[:_DEEPEST]
                section, place = _section(found, Section(number, headings)), 0
            found.units.append(
                Quotable(
                    document=number,
                    span=Span(start=start + span.start, end=start + span.end),
                    text=text,
                    section=section,
                    place=place,
                    ordinal=ordinal,
                    is_clipped=is_clipped,
                    is_prose=is_para and text.endswith(_FULL_STOPS),
                    is_unfinished=is_para and not text.endswith(_FULL_STOPS),
                )
            )
            place, ordinal = place + 1, ordinal + 1


def _section(found: Quotables, section: Section) -> int:
    """Its number; headings that come again one after the other are the same section."""
    if not found.sections or found.sections[-1] != section:
        found.sections.append(section)
    return len(found.sections) - 1


def _readable(block: Block, *, prose_only: bool) -> Iterator[tuple[Span, str, bool]]:
    """Where the sentences of a block stand in it, what a reader sees of each, and whether it goes on."""
    for span in _whole_sentences(block.markdown):
        whole = trim(block.markdown, span)
        kept = _clipped(block.markdown, whole)
        raw = kept.cut(block.markdown)
        text = shown_text(raw)
        if text_size(text) >= _SHORTEST and (not prose_only or _says_something(raw, text)):
            yield kept, text, kept.end < whole.end


def _whole_sentences(markdown: str) -> Iterator[Span]:
    """Sentences up to a full stop: parts that a semicolon ends are joined on their line, as far as they can be quoted."""
    begun: Span | None = None
    for span in sentences(markdown):
        joined = span if begun is None else Span(start=begun.start, end=span.end)
        if begun is not None and text_size(joined.cut(markdown)) > _LONGEST:
            yield begun
            joined = span
        begun = None
        said = joined.cut(markdown)
        if said.endswith(_SEMICOLONS):  # on a line that goes on: blanks behind a sentence belong to it
            begun = joined
        else:
            yield joined
    if begun is not None:
        yield begun


def _clipped(markdown: str, span: Span) -> Span:
    """The beginning of a sentence that is too long to quote, up to a comma or a blank where there is one."""
    looked_at = markdown[span.start : min(span.end, span.start + _LONGEST * LATIN_PER_CJK + 1)]
    if text_size(looked_at) <= _LONGEST:
        return span
    widths = accumulate(LATIN_PER_CJK if is_cjk(each) else 1 for each in looked_at)
    fits = sum(width <= _LONGEST * LATIN_PER_CJK for width in widths)
    breaks = [match.start() for match in _BREAK.finditer(looked_at, fits // 2, fits)]
    return Span(start=span.start, end=span.start + (breaks[-1] if breaks else fits))


def _says_something(raw: str, text: str) -> bool:
    if text.endswith(_QUESTION) or _LEADS_ELSEWHERE.match(text) or raw.startswith(("```", "~~~", "|", "$$")):
        return False
    if " | " in text and not text.endswith(_FULL_STOPS):
        return False  # a bar of languages or of pages
    bare = _ADDRESS.sub("", _MATH.sub("", text))
    if len(_LETTER.findall(bare)) < _FEWEST_LETTERS * len(text.replace(" ", "")):
        return False
    linked = sum(len(label) for label in _LINK.findall(raw))
    return linked <= _MOST_LINKED * len(text)
