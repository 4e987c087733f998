"""Tables as text, with commas, semicolons, tabs or bars between cells: each row traceable to its lines."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator

from lianlu.core.errors import DataError
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_DELIMITERS = ",;\t|"
_SAMPLE_LINES = 50
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
    delimiter = _delimiter(lines, source.uri)
    try:
        blocks = list(row_blocks(_rows(lines, delimiter)))
    except csv.Error as error:
        raise DataError("extract.broken", what="csv", why=str(error)) from error
    return document_of(source, blocks, title=source.uri.rpartition("/")[2], meta=meta)


def _rows(lines: Lines, delimiter: str) -> Iterator[TableRow]:
    csv.field_size_limit(_LARGEST_CELL)
    texts = (
        lines.text[start:end] for start, end in zip(lines.starts, [*lines.starts[1:], len(lines.text)], strict=True)
    )
    reader = csv.reader(texts, delimiter=delimiter, skipinitialspace=True)
    first = 0
    for cells in reader:
        end = reader.line_num
        yield TableRow(tuple(cells), lines.span(first, end) if any(cells) else None)
        first = end


def _delimiter(lines: Lines, uri: str) -> str:
    """The mark that most lines have, equally often; a tab where the ending says so."""
    if uri.lower().endswith((".tsv", ".tab")):
        return "\t"
    counted: Counter[str] = Counter()
    sample = [lines[line] for line in range(min(len(lines), _SAMPLE_LINES)) if lines[line].strip()]
    for mark in _DELIMITERS:
        counts = Counter(count for line in sample if (count := line.count(mark)))
        counted[mark] = counts.most_common(1)[0][1] if counts else 0
    return max(_DELIMITERS, key=lambda mark: counted[mark])  # of equals the first, the comma
