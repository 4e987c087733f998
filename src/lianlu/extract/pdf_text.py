"""What stands where on a PDF page: pieces of text with place, size and font, and the ruled lines. Judges nothing.

One piece is one text object of the page. That is four times cheaper than asking PDFium for every character, and a text
object never runs across columns. All coordinates are points with the origin at the top left of the page as it is shown.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Fragment", "PageText", "Rule", "page_text"]

_BOLD_NAME = re.compile(r"bold|black|heavy|demi|medi\b|[-,]bd|(?:cm|sf|ec)bx|simhei|msyhbd", re.IGNORECASE)
_MONO_NAME = re.compile(r"mono|courier|consol|typewriter|cmtt|menlo|inconsolata", re.IGNORECASE)
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_TRANSLATED = str.maketrans(
    {**_LIGATURES, "\u00a0": " ", "\u00ad": "-", "\u0002": "-", "\ufffe": "-", "\u200b": None, "\ufeff": None}
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_THICKEST_RULE = 3.0
_SHORTEST_RULE = 8.0
_SMALLEST_MARK, _LARGEST_MARK = 1.8, 6.0  # sides of the drawn discs and squares before list items
_MOST_MARKS = 100  # more are the points of a chart
_MOST_OBJECTS = 200_000
_DEEPEST_FORM = 8
_SEARCH_CHARACTERS = 200

Matrix = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Fragment:
    """A piece of text on one baseline. `size` is the height of the font as shown.

    `order` counts the pieces as they are drawn; `is_spaced` tells whether PDFium sees a space between the piece drawn
    before it and this one, None where that is not known. PDFium knows how far each character reaches, while the bounds
    are those of the ink: between two thin letters there is as much white as between two words.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    baseline: float
    size: float
    is_bold: bool
    is_mono: bool
    order: int = 0
    is_spaced: bool | None = None


@dataclass(frozen=True)
class Rule:
    """A drawn line, or the side of a drawn box: horizontal where it is wider than high."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def is_horizontal(self) -> bool:
        return self.right - self.left > self.bottom - self.top


@dataclass(frozen=True)
class PageText:
    """All there is on one page. `turned` counts the characters that do not run from left to right."""

    number: int
    width: float
    height: float
    fragments: list[Fragment]
    rules: list[Rule]
    turned: int = 0
    has_image: bool = False


@dataclass(frozen=True)
class _Font:
    is_bold: bool
    is_mono: bool


def page_text(page: Any, number: int) -> PageText:
    """Read a pypdfium2 page."""
    return _PageReader(page).read(number)


class _PageReader:
    """One page; buffers and font facts are kept for all its objects."""

    def __init__(self, page: Any) -> None:
        import pypdfium2.raw as raw

        self._raw: Any = raw
        self._page = page
        self._textpage = page.get_textpage()
        self._fonts: dict[int, _Font] = {}
        self._buffer: Any = (ctypes.c_ushort * 4096)()
        self._matrix: Any = raw.FS_MATRIX()
        self._sides: Any = [ctypes.c_float() for _ in range(4)]
        self._rules: list[Rule] = []
        self._fragments: list[Fragment] = []
        self._marks: list[Fragment] = []
        self._turned = 0
        self._has_image = False
        self._seen = 0

    def read(self, number: int) -> PageText:
        width, height = self._page.get_size()
        self._objects(self._page, None, self._page_matrix(), 0)
        self._fragments = _with_spaces(self._fragments, self._textpage.get_text_range())
        self._textpage.close()
        marks = self._marks if len(self._marks) <= _MOST_MARKS and self._fragments else []
        fragments = [
            each for each in (*self._fragments, *marks) if -5 < each.top < height + 5 and -5 < each.left < width + 5
        ]
        return PageText(number, width, height, _distinct(fragments), self._rules, self._turned, self._has_image)

    def _page_matrix(self) -> Matrix:
        """From PDF coordinates to those of the page as shown."""
        left, bottom, right, top = self._page.get_cropbox()
        return {
            0: (1.0, 0.0, 0.0, -1.0, -left, top),
            90: (0.0, 1.0, 1.0, 0.0, -bottom, -left),
            180: (-1.0, 0.0, 0.0, 1.0, right, -bottom),
            270: (0.0, -1.0, -1.0, 0.0, top, right),
        }[self._page.get_rotation() % 360]

    def _objects(self, parent: Any, form: Any, outer: Matrix, depth: int) -> None:
        raw = self._raw
        count, get = (
            (raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject)
            if form is not None
            else (raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject)
        )
        for index in range(count(parent)):
            item = get(parent, index)
            self._seen += 1
            if not item or self._seen > _MOST_OBJECTS:
                continue
            kind = raw.FPDFPageObj_GetType(item)
            if kind == raw.FPDF_PAGEOBJ_TEXT:
                self._text(item, outer)
            elif kind == raw.FPDF_PAGEOBJ_PATH:
                self._path(item, outer)
            elif kind == raw.FPDF_PAGEOBJ_IMAGE:
                self._has_image = True
            elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _DEEPEST_FORM:
                self._objects(item, item, _times(self._matrix_of(item), outer), depth + 1)

    def _matrix_of(self, item: Any) -> Matrix:
        self._raw.FPDFPageObj_GetMatrix(item, self._matrix)
        found = self._matrix
        return (found.a, found.b, found.c, found.d, found.e, found.f)

    def _bounds(self, item: Any, outer: Matrix) -> tuple[float, float, float, float]:
        left, bottom, right, top = self._sides
        if not self._raw.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            return (0.0, 0.0, 0.0, 0.0)
        first = _apply(outer, left.value, bottom.value)
        second = _apply(outer, right.value, top.value)
        xs, ys = sorted((first[0], second[0])), sorted((first[1], second[1]))
        return (xs[0], ys[0], xs[1], ys[1])

    def _text(self, item: Any, outer: Matrix) -> None:
        text = self._words(item)
        if not text.strip():
            return
        matrix = _times(self._matrix_of(item), outer)
        if abs(matrix[1]) > 0.2 * abs(matrix[0]) or matrix[0] < 0:
            self._turned += len(text)
            return
        size = ctypes.c_float()
        self._raw.FPDFTextObj_GetFontSize(item, size)
        height = size.value * math.hypot(matrix[2], matrix[3])
        left, top, right, bottom = self._bounds(item, outer)
        if height <= 0.5 or right <= left:
            return
        font, order = self._font(item), len(self._fragments)
        self._fragments.append(
            Fragment(text, left, top, right, bottom, matrix[5], height, font.is_bold, font.is_mono, order)
        )

    def _words(self, item: Any) -> str:
        raw = self._raw
        size = raw.FPDFTextObj_GetText(item, self._textpage, self._buffer, ctypes.sizeof(self._buffer))
        if size > ctypes.sizeof(self._buffer):
            self._buffer = (ctypes.c_ushort * (size // 2 + 1))()
            size = raw.FPDFTextObj_GetText(item, self._textpage, self._buffer, ctypes.sizeof(self._buffer))
        text = bytes(self._buffer)[: max(0, size - 2)].decode("utf-16-le", errors="replace")
        return _cleaned(text)

    def _font(self, item: Any) -> _Font:
        raw = self._raw
        handle = raw.FPDFTextObj_GetFont(item)
        address = ctypes.cast(handle, ctypes.c_void_p).value or 0
        if address not in self._fonts:
            name = ctypes.create_string_buffer(256)
            raw.FPDFFont_GetBaseFontName(handle, name, 256)
            words = name.value.decode("utf-8", errors="replace")
            is_bold = raw.FPDFFont_GetWeight(handle) >= 600 or bool(_BOLD_NAME.search(words))
            self._fonts[address] = _Font(is_bold, bool(_MONO_NAME.search(words)))
        return self._fonts[address]

    def _path(self, item: Any, outer: Matrix) -> None:
        left, top, right, bottom = self._bounds(item, outer)
        width, height = right - left, bottom - top
        if min(width, height) >= _SMALLEST_MARK and max(width, height) <= _LARGEST_MARK and abs(width - height) < 0.6:
            self._marks.append(Fragment("•", left, top, right, bottom, bottom + height / 3, height * 2, False, False))
        if max(width, height) < _SHORTEST_RULE:
            return
        if min(width, height) <= _THICKEST_RULE:
            self._rules.append(Rule(left, top, right, bottom))
        elif self._raw.FPDFPath_CountSegments(item) <= 6:
            self._rules += _sides(left, top, right, bottom)


def _cleaned(text: str) -> str:
    return _CONTROLS.sub(" ", text.translate(_TRANSLATED))


def _with_spaces(fragments: list[Fragment], page_text: str) -> list[Fragment]:
    """Find each piece in the text of the page, in order, and note whether white space stands before it.

    PDFium may leave out what is drawn twice or lies outside; a piece that is not found near the last one stays unknown.
    """
    text = _cleaned(page_text)
    at = 0
    found: list[Fragment] = []
    was_found = False
    for fragment in fragments:
        words = fragment.text.strip()
        start = text.find(words, at, at + len(words) + _SEARCH_CHARACTERS)
        if start < 0:
            was_found = False
            found.append(fragment)
            continue
        between = text[at:start]
        is_next = was_found and not between.strip()
        found.append(replace(fragment, is_spaced=bool(between) if is_next else None))
        at, was_found = start + len(words), True
    return found


def _sides(left: float, top: float, right: float, bottom: float) -> Iterator[Rule]:
    yield Rule(left, top, right, top)
    yield Rule(left, bottom, right, bottom)
    yield Rule(left, top, left, bottom)
    yield Rule(right, top, right, bottom)


def _distinct(fragments: list[Fragment]) -> list[Fragment]:
    """Text drawn twice at one place (a cheap way to look bold) is read once."""
    kept: dict[tuple[str, int, int], Fragment] = {}
    for fragment in fragments:
        kept.setdefault((fragment.text, round(fragment.left / 2), round(fragment.baseline / 2)), fragment)
    return list(kept.values())


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    """The matrix that applies `inner` first."""
    a, b, c, d, e, f = inner
    p, q, r, s, t, u = outer
    return (a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u)


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return (a * x + c * y + e, b * x + d * y + f)
