"""What a page is made of: small frozen nouns, without a word of HTML. `lianlu.page.render` turns them into markup.

A label is a `Text` (words of ours, shown in the reader's language) or a plain string (names, numbers, quotations, which
are the same in both). Nothing here is ever treated as markup: strings from documents can be passed as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lianlu.core.i18n import Text

__all__ = [
    "Badge",
    "Bar",
    "BarChart",
    "Cell",
    "Citation",
    "Code",
    "Column",
    "Edge",
    "Fact",
    "Facts",
    "Fold",
    "Graph",
    "Label",
    "Line",
    "LineChart",
    "Link",
    "Markdown",
    "Node",
    "Note",
    "Page",
    "Part",
    "Quote",
    "Section",
    "Side",
    "SideBySide",
    "Table",
    "Timing",
    "Timings",
    "Tone",
]

Label = Text | str
Tone = Literal["neutral", "accent", "good", "warning", "bad"]


@dataclass(frozen=True)
class Badge:
    """A short state in a rounded frame: `cached`, `failed`."""

    label: Label
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Link:
    """`href` is `#id`, a relative path, or an http(s) or mailto address; any other scheme is shown as plain text."""

    label: Label
    href: str


@dataclass(frozen=True)
class Code:
    """Text in a fixed-width face: a block as a part, inline as a cell. `language` is only a caption."""

    text: str
    language: str = ""


Cell = Text | str | int | float | Badge | Link | Code | None


@dataclass(frozen=True)
class Column:
    """`digits` fixes the decimals of a column of numbers; `unit` is written after its title."""

    title: Label
    digits: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells. Columns whose cells are all numbers stand to the right.

    A reader can sort by every column, copy the table as CSV and, where it is long (or `filterable` says so), filter it.
    """

    columns: Sequence[Column | Label]
    rows: Sequence[Sequence[Cell]]
    title: Label = ""
    filterable: bool | None = None


@dataclass(frozen=True)
class Fact:
    label: Label
    value: Cell
    note: Label = ""


@dataclass(frozen=True)
class Facts:
    """A row of tiles, each one value with its name: what a reader should see first."""

    facts: Sequence[Fact]


@dataclass(frozen=True)
class Bar:
    """One category; `values` has one number for each series of the chart, None where there is none."""

    label: Label
    values: Sequence[float | None]


@dataclass(frozen=True)
class BarChart:
    """Horizontal bars from zero, grouped where there are several `series`."""

    title: Label
    bars: Sequence[Bar]
    series: Sequence[Label] = ("",)
    unit: str = ""


@dataclass(frozen=True)
class Line:
    name: Label
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LineChart:
    """Lines over a numeric axis, such as a loss over steps."""

    title: Label
    lines: Sequence[Line]
    x_label: Label = ""
    y_label: Label = ""


@dataclass(frozen=True)
class Citation:
    """A passage an answer stands on.

    Attributes:
        number: the n of `[n]` in the answer.
        file: name of the source file.
        context: the passage as it stands in the source.
        marks: (start, end) offsets into `context` of the cited sentences.
        href: where to open the source, if it can be opened.
        also: other files that hold the same words.
    """

    number: int
    file: str
    context: str
    marks: Sequence[tuple[int, int]] = ()
    headings: Sequence[str] = ()
    page: int | None = None
    first_line: int | None = None
    last_line: int | None = None
    href: str = ""
    also: Sequence[str] = ()


@dataclass(frozen=True)
class Note:
    text: Label
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True)
class Quote:
    """A cited answer: `[n]` in the text leads to the citation of that number, with the cited sentence highlighted."""

    text: str
    citations: Sequence[Citation] = ()
    question: str = ""
    badges: Sequence[Badge] = ()
    notes: Sequence[Note] = ()


@dataclass(frozen=True)
class Markdown:
    """A preview of a document in a safe subset of markdown; text beyond `limit_characters` is cut, and said so."""

    text: str
    limit_characters: int = 20_000


@dataclass(frozen=True)
class Node:
    """A box of a graph. `kind` stands above the name in small letters, `detail` (a short id) below it."""

    id: str
    name: str
    kind: Label = ""
    detail: str = ""
    tone: Tone = "neutral"
    href: str = ""


@dataclass(frozen=True)
class Edge:
    start: str
    end: str


@dataclass(frozen=True)
class Graph:
    """A directed graph drawn in layers from left to right; edges to nodes that are not listed are left out."""

    title: Label
    nodes: Sequence[Node]
    edges: Sequence[Edge]


@dataclass(frozen=True)
class Timing:
    name: str
    seconds: float
    cached: bool = False
    note: Label = ""


@dataclass(frozen=True)
class Timings:
    """How long each step took, as bars; what came from the cache is marked."""

    steps: Sequence[Timing]


@dataclass(frozen=True)
class Fold:
    """Parts behind a line that opens them."""

    title: Label
    parts: Sequence[Part]
    is_open: bool = False
    badges: Sequence[Badge] = ()


@dataclass(frozen=True)
class Side:
    """One of the things that are compared, under its name."""

    title: Label
    parts: Sequence[Part]
    badges: Sequence[Badge] = ()


@dataclass(frozen=True)
class SideBySide:
    """Things to compare, beside each other where there is room, else below each other."""

    sides: Sequence[Side]


Part = Table | Facts | BarChart | LineChart | Quote | Fold | Code | Note | Graph | Markdown | Timings | SideBySide


@dataclass(frozen=True)
class Section:
    """A chapter of the page; `id` is its anchor and must be unique on the page (a suffix is added where it is not)."""

    title: Label
    id: str
    parts: Sequence[Part]
    intro: Label = ""


@dataclass(frozen=True)
class Page:
    title: Label
    sections: Sequence[Section]
    subtitle: Label = ""
    footer: Label = ""
