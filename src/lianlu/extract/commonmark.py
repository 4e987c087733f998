"""Where the blocks of a markdown text begin and end, by line: the top level only, nothing is rendered.

cmark finds them (the C library behind GitHub's markdown, through `cmarkgfm`). It answers with HTML whose elements carry the
lines they come from. Raw HTML it leaves out in its safe mode, so no text can forge such a mark, and leaves a hole where that
was: what lies between two blocks and begins with `<` is raw HTML, the rest is definitions of links. Twelve times as fast as
the parser in Python it replaced, and its import costs a hundredth (`docs/decisions/042-cmark.md`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Kind", "Part", "parts"]

Kind = Literal["heading", "para", "code", "list", "table", "quote", "html"]

_TAG = re.compile(
    r"<(?P<closing>/?)(?P<name>h[1-6]|p|pre|ul|ol|li|blockquote|table|hr)\b"
    r"(?P<attributes>[^>]*?data-sourcepos=\"(?P<first>\d+):\d+-(?P<last>\d+):\d+\"[^>]*)?>"
)
_KINDS: dict[str, Kind] = {
    "p": "para",
    "pre": "code",
    "ul": "list",
    "ol": "list",
    "blockquote": "quote",
    "table": "table",
}
_DEFINITION = re.compile(r" {0,3}\[[^\[\]]+\]:[ \t]*[^\s<]\S*(?:[ \t]+(?:\"[^\"]*\"|'[^']*'|\([^()]*\)))?[ \t]*$")
_HTML_START = re.compile(r" {0,3}<")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_NUMBER_SIGN = re.compile(r" {0,3}#")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
# Raw HTML of these kinds goes on over blank lines up to its own end; any other ends at a blank line (CommonMark 4.6).
_UNTIL: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(start, re.IGNORECASE), re.compile(end, re.IGNORECASE))
    for start, end in (
        (r" {0,3}<(?:script|pre|style|textarea)(?:[\s>]|$)", r"</(?:script|pre|style|textarea)>"),
        (r" {0,3}<!--", r"-->"),
        (r" {0,3}<\?", r"\?>"),
        (r" {0,3}<![A-Z]", r">"),
        (r" {0,3}<!\[CDATA\[", r"\]\]>"),
    )
)


@dataclass(frozen=True)
class Part:
    """One block: lines `first` up to `end` (exclusive), counted from 0; `level` of a heading."""

    kind: Kind
    first: int
    end: int
    level: int = 0


def parts(text: str, lines: Sequence[str]) -> list[Part]:
    """The blocks of a text at its top level, in order: CommonMark with GitHub's tables.

    Args:
        lines: the lines of `text`, without their ends.
    """
    from cmarkgfm import cmark

    options = cmark.Options.CMARK_OPT_SOURCEPOS
    found: list[Part] = []
    after = 0
    for element in _elements(cmark.github_flavored_markdown_to_html(text, options), len(lines)):
        for mended in _mended(element, lines):
            part = replace(mended, first=max(mended.first, after))
            found += _raw_html(lines, after, part.first)
            found.append(part)
            after = part.end
    return [*found, *_raw_html(lines, after, len(lines))]


def _elements(html: str, count: int) -> Iterator[Part]:
    depth = 0
    for tag in _TAG.finditer(html):
        name = tag["name"]
        if tag["closing"]:
            depth -= 1
            continue
        level = int(name[1:]) if name[1:].isdecimal() else 0
        kind = "heading" if level else _KINDS.get(name)
        if depth == 0 and kind is not None and tag["first"]:
            yield Part(kind, int(tag["first"]) - 1, min(int(tag["last"]), count), level)
        if name != "hr":
            depth += 1


def _mended(part: Part, lines: Sequence[str]) -> Iterator[Part]:
    """The block where it is: cmark tells three kinds of places wrong (seen with cmark-gfm 0.29)."""
    if part.first < 0:  # the paragraph that a table interrupts: its lines are counted to the table
        return
    if part.kind == "heading" and not _NUMBER_SIGN.match(lines[part.first]):
        first = _after_definitions(part, lines)
        underline = _first(_UNDERLINE, lines, first + 1, part.end)
        yield replace(part, first=first, end=part.end if underline is None else underline + 1)
    elif part.kind == "table":
        header = (_first(_DELIMITERS, lines, part.first, part.end) or part.first + 1) - 1
        if header > part.first:
            yield Part("para", part.first, header)
        yield replace(part, first=header)
    elif part.kind == "para":
        yield replace(part, first=_after_definitions(part, lines))
    else:
        yield part


def _after_definitions(part: Part, lines: Sequence[str]) -> int:
    candidates = range(part.first, part.end - 1)
    return next((line for line in candidates if not _DEFINITION.match(lines[line])), part.end - 1)


def _first(pattern: re.Pattern[str], lines: Sequence[str], first: int, end: int) -> int | None:
    return next((line for line in range(first, end) if pattern.match(lines[line])), None)


def _raw_html(lines: Sequence[str], first: int, end: int) -> Iterator[Part]:
    line = first
    while line < end:
        if not _HTML_START.match(lines[line]):
            line += 1
            continue
        begin, line = line, _end_of_html(lines, line, end)
        yield Part("html", begin, line)


def _end_of_html(lines: Sequence[str], first: int, end: int) -> int:
    until = next((until for start, until in _UNTIL if start.match(lines[first])), None)
    for line in range(first, end):
        if until is None and not lines[line].strip():
            return line
        if until is not None and until.search(lines[line]):
            return line + 1
    return end
