"""Plain text: paragraphs between blank lines, verbatim. Guesses a heading only where hardly anything else is possible."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_LONGEST_HEADING = 60
_CHINESE_HEADING = re.compile(r"第[一二三四五六七八九十百零〇\d]{1,5}(?P<unit>[编篇部卷章节])(?:[\s　:：、].*)?")
_NUMBERED_HEADING = re.compile(r"(?P<number>\d{1,2}(?:\.\d{1,2}){1,3})\.?[\s　]+[^\d\s].*")
_LEVELS = {"编": 1, "篇": 1, "部": 1, "卷": 1, "章": 1, "节": 2}
_SENTENCE_END = ("。", "！", "？", "；", "…", "”", ".", "!", "?", ";", ",", "，", ":", "：", "」")
_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+\S")


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read plain text of any encoding.

    Raises:
        DataError: text.binary, extract.no-content
    """
    decoded = decode(content)
    lines = Lines(decoded.text)
    meta = {"encoding": decoded.encoding} | ({"replaced": decoded.replaced} if decoded.replaced else {})
    return document_of(source, _blocks(lines), meta=meta)


def _blocks(lines: Lines) -> Iterator[Block]:
    one_a_line = _is_one_paragraph_a_line(lines)
    first = 0
    for line in range(len(lines) + 1):
        is_end = line == len(lines) or not lines[line].strip()
        if is_end or (line > first and (one_a_line or lines[line].startswith("　　"))):
            if line > first:
                yield _block(lines, first, line)
            first = line + 1 if is_end else line


def _block(lines: Lines, first: int, end: int) -> Block:
    level = _heading_level(lines[first].strip()) if end == first + 1 else None
    if level is not None:
        return lines.block("heading", first, end, level)
    is_list = end > first + 1 and all(_BULLET.match(lines[line]) for line in range(first, end))
    return lines.block("list" if is_list else "para", first, end)


def _heading_level(line: str) -> int | None:
    if len(line) > _LONGEST_HEADING or line.endswith(_SENTENCE_END):
        return None
    chinese = _CHINESE_HEADING.fullmatch(line)
    if chinese:
        return _LEVELS[chinese["unit"]]
    numbered = _NUMBERED_HEADING.fullmatch(line)
    return min(6, numbered["number"].count(".") + 1) if numbered else None


def _is_one_paragraph_a_line(lines: Lines) -> bool:
    """Novels and exports often have no blank lines at all: then a line that ends a sentence ends a paragraph."""
    filled = [lines[line].strip() for line in range(len(lines)) if lines[line].strip()]
    blank = len(lines) - len(filled)
    if len(filled) < 20 or blank > 0.02 * len(lines) + 1:
        return False
    return sum(line.endswith(_SENTENCE_END) for line in filled) > 0.8 * len(filled)
