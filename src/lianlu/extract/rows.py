"""Rows of a table as blocks that say something each by itself, for whatever has rows: csv, sheets.

A long table is cut into pieces of a passage's length, and each piece repeats the names of the columns: a row without them
answers nothing. A table of questions and answers is no table to a reader, but a section for each question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from lianlu.records import Block, Span
from lianlu.text.normalise import fold, text_size

__all__ = ["TableRow", "row_blocks"]

_SIZE = 300  # in Chinese characters, below the 400 of a chunk
_LOOKED_AT = 100
_MOST_COLUMNS = 512  # the cells of further ones stand together in the last: the names are repeated in every piece


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


# By preference: `A` is an answer beside `Q`, and a choice beside `answer`.
_QUESTIONS = _words("question questions query 问题 問題 提问 标准问题 标准问 用户问题 问句 问 prompt instruction q")
_ANSWERS = _words("answer answers 答案 标准答案 回答 答复 回复 答 response reply output completion a")
_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*%?")
_MOMENT = re.compile(
    r"(?:19|20)\d\d(?:[-/.]\d{1,2}){0,2}(?:[ T]\d{1,2}:\d\d\S*)?|(?:19|20)\d\d年(?:\d{1,2}月(?:\d{1,2}日)?)?"
)
_ADDRESS = re.compile(r"https?://\S+|[^@\s]+@[^@\s]+\.\w+")
_MARKS = re.compile(r"([\\|])")


@dataclass(frozen=True)
class TableRow:
    """The cells of a row as text, and where it stands if the source is text."""

    cells: tuple[str, ...]
    span: Span | None = None


def row_blocks(rows: Iterable[TableRow], level: int = 2) -> Iterator[Block]:
    """The blocks of a table; the first row gives the names of the columns if it looks like names.

    Args:
        level: of the headings that questions get.
    """
    filled = (row for row in rows if any(cell.strip() for cell in row.cells))
    looked_at = list(islice(filled, _LOOKED_AT))
    most = max((_filled(row) for row in looked_at), default=0)
    while looked_at and _filled(looked_at[0]) == 1 < most:  # a cell alone above a table names it, and no column
        title = looked_at.pop(0)
        yield Block(kind="para", markdown=" ".join(" ".join(title.cells).split()), span=title.span)
    if not looked_at:
        return
    first = looked_at[0].cells
    width = min(max(_width(row) for row in looked_at), _MOST_COLUMNS)
    others = chain(looked_at[1:], filled)
    if not _are_names(first, looked_at[1:]):
        yield from _tables((), width, chain(looked_at[:1], others))
        return
    asked, answered = _column(first, _QUESTIONS), _column(first, _ANSWERS)
    if asked is not None and answered is not None:
        for row in others:
            yield from _pair(first, row, asked, answered, level)
        return
    yield from _tables(first, width, others)


def _filled(row: TableRow) -> int:
    return sum(bool(cell.strip()) for cell in row.cells)


def _width(row: TableRow) -> int:
    return max(at for at, cell in enumerate(row.cells, start=1) if cell.strip())


def _are_names(cells: Sequence[str], others: Sequence[TableRow]) -> bool:
    """Names are words, each once; a row of a table without a head has numbers, addresses or repeats itself."""
    words = {at: cell.strip() for at, cell in enumerate(cells[:_MOST_COLUMNS]) if cell.strip()}
    return len(set(words.values())) == len(words) and all(_is_name(word, at, others) for at, word in words.items())


def _is_name(word: str, at: int, others: Sequence[TableRow]) -> bool:
    """A year or a month names a column of numbers that are none themselves: sales under 2023 and 2024."""
    if _MOMENT.fullmatch(word):
        below = [_cell(row, at).strip() for row in others]
        return any(_NUMBER.fullmatch(value) and not _MOMENT.fullmatch(value) for value in below)
    return not _NUMBER.fullmatch(word) and not _ADDRESS.fullmatch(word)


def _column(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    folded = [fold(name).strip() for name in names]
    return next((folded.index(name) for name in wanted if name in folded), None)


def _pair(names: Sequence[str], row: TableRow, asked: int, answered: int, level: int) -> Iterator[Block]:
    question = " ".join(_cell(row, asked).split())
    answer = _cell(row, answered).strip()
    if question:
        yield Block(kind="heading", level=level, markdown=f"{'#' * level} {question}", span=row.span)
    if answer:
        yield Block(kind="para", markdown=answer, span=row.span)
    others = [
        f"- {name.strip()}: {' '.join(_cell(row, at).split())}"
        for at, name in enumerate(names)
        if at not in (asked, answered) and name.strip() and _cell(row, at).strip()
    ]
    if others:
        yield Block(kind="list", markdown="\n".join(others), span=row.span)


def _cell(row: TableRow, at: int) -> str:
    return row.cells[at] if at < len(row.cells) else ""


def _tables(names: Sequence[str], width: int, rows: Iterable[TableRow]) -> Iterator[Block]:
    head = f"{_line(names, width)}\n|{' --- |' * width}"
    lines: list[str] = []
    spans: list[Span] = []
    size = 0
    for row in rows:
        line = _line(row.cells, width)
        added = text_size(line)
        if lines and size + added > _SIZE:
            yield _table(head, lines, spans)
            lines, spans, size = [], [], 0
        lines.append(line)
        spans += [row.span] if row.span else []
        size += added
    if lines:
        yield _table(head, lines, spans)


def _table(head: str, lines: Sequence[str], spans: Sequence[Span]) -> Block:
    span = _around(spans[0], spans[-1]) if spans else None
    return Block(kind="table", markdown="\n".join((head, *lines)), span=span)


def _around(first: Span, last: Span) -> Span:
    return Span(start=first.start, end=last.end, first_line=first.first_line, last_line=last.last_line)


def _line(cells: Sequence[str], width: int) -> str:
    """A row as markdown; cells beyond the columns are kept, in the last one."""
    kept = [*cells[: width - 1], " ".join(cell for cell in cells[width - 1 :] if cell)] if len(cells) > width else cells
    padded = [*kept, *[""] * (width - len(kept))]
    return "| " + " | ".join(_MARKS.sub(r"\\\1", " ".join(cell.split())) for cell in padded) + " |"
