"""Tables as text, with commas, semicolons, tabs or bars between cells: each row traceable to its lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from lianlu.core.errors import DataError
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
_SAID = re.compile(r"sep=(?P<mark>[,;\t|])\s*")  # Excel's own first line
_QUOTED = re.compile(r'"[^"]*"')
_LARGEST_CELL = 10_000_000  # characters; the module's own limit of 131,072 is less than a long answer


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a table as text, of any encoding; a table of questions and answers becomes a section for each.

    Raises:
        DataError: text.binary, extract.broken, extract.no-content
    """
    decoded = decode(content)
    lines = Lines(decoded.text)
    meta: dict[str, str | int] = {"encoding": decoded.encoding}
    if decoded.replaced:
        meta["replaced"] = decoded.replaced
    said = _SAID.fullmatch(lines[0])
    delimiter = said["mark"] if said else _delimiter(lines, source.uri)
    try:
        blocks = list(row_blocks(_rows(lines, 1 if said else 0, delimiter)))
    except csv.Error as error:
        raise DataError("extract.broken", what="csv", why=str(error)) from error
    return document_of(source, blocks, title=source.uri.rpartition("/")[2], meta=meta)


def _rows(lines: Lines, first: int, delimiter: str) -> list[TableRow]:
    """The rows from line `first` on. A quote that nothing closes is a character, if it took other rows for its cell."""
    rows = list(_parsed(lines, first, delimiter))
    columns = len(rows[0].cells) if rows else 0
    if any(_has_rows_inside(row, lines, delimiter, columns) for row in rows) and not _closes(lines, first, delimiter):
        return list(_parsed(lines, first, delimiter, quoting=csv.QUOTE_NONE))
    return rows


def _parsed(
    lines: Lines, first: int, delimiter: str, *, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL, strict: bool = False
) -> Iterator[TableRow]:
    csv.field_size_limit(_LARGEST_CELL)
    ends = [*lines.starts[1:], len(lines.text)]
    texts = (lines.text[lines.starts[line] : ends[line]] for line in range(first, len(lines)))
    reader = csv.reader(texts, delimiter=delimiter, skipinitialspace=True, quoting=quoting, strict=strict)
    begin = first
    for cells in reader:
        end = first + reader.line_num
        yield TableRow(tuple(cells), lines.span(begin, end) if any(cells) else None)
        begin = end


def _has_rows_inside(row: TableRow, lines: Lines, delimiter: str, columns: int) -> bool:
    """Whether the lines within a row are each cut into as many cells as the table has columns."""
    span = row.span
    if columns < 2 or span is None or span.first_line is None or span.last_line is None:
        return False
    inside = [lines[line] for line in range(span.first_line, span.last_line - 1)]  # without its first and its last
    counts = [line.count(delimiter) for line in inside if line.strip()]
    return bool(counts) and min(counts) == max(counts) == columns - 1


def _closes(lines: Lines, first: int, delimiter: str) -> bool:
    """Whether every quote is closed where a cell ends."""
    try:
        return sum(1 for _ in _parsed(lines, first, delimiter, strict=True)) > 0
    except csv.Error:
        return False


def _delimiter(lines: Lines, uri: str) -> str:
    """The mark that most lines have, equally often; a tab where the ending says so."""
    if uri.lower().endswith((".tsv", ".tab")):
        return "\t"
    counted: Counter[str] = Counter()
    sample = [_QUOTED.sub("", lines[line]) for line in range(min(len(lines), _SAMPLE_LINES)) if lines[line].strip()]
    for mark in _DELIMITERS:
        counts = Counter(count for line in sample if (count := line.count(mark)))
        counted[mark] = counts.most_common(1)[0][1] if counts else 0
    return max(_DELIMITERS, key=lambda mark: counted[mark])  # of equals the first, the comma
