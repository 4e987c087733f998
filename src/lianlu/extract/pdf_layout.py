"""From pieces of text on a page to lines, tables and columns in reading order. Geometry only: no PDF, no markdown rules.

Lines are grown along baselines and end at wide gaps. Tables are taken out first (ruled grids, then rows of short aligned
cells), because a table's columns look like the gutter between columns of prose. Then the page is split: lines that run
across the best gutter cut it into bands, and each band is read column by column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from lianlu.extract.pdf_text import Fragment, PageText, Rule
from lianlu.records import Box

__all__ = ["Grid", "Line", "layout"]

_SAME_LINE = 0.45  # of the font size, between baselines: superscripts stay on their line
# of the font size, between two pieces of one line: the narrowest gutters are about one size wide, stretched words less
_GAP_OF_A_COLUMN = 0.9
_GAP_OF_A_WORD = 0.16
_GAP_OF_A_FIXED_WORD = 0.5  # narrow letters of a fixed width have much white beside them
_GAP_AFTER_A_MARK = 2.2
_MARK = re.compile(r"[•●▪◦‣∙·○■□◆➢✓]|\d{1,2}[.)]")
_SNAP = 3.0
_FRAMED_CODE = 0.05  # share of characters of fixed width in a box of code
_FEWEST_LINES_OF_A_COLUMN = 4
_DEEPEST_COLUMNS = 3
_PROSE_CHARACTERS = 24  # median of the lines on each side of a gutter between columns of prose
_LONGEST_CELL = 28  # mean characters of the cells of a table without rules


@dataclass
class Line:
    """Text on one baseline without a wide gap."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    baseline: float
    size: float
    is_bold: bool
    is_mono: bool
    is_framed: bool = False
    column: tuple[float, float] = (0.0, 0.0)

    @property
    def box(self) -> Box:
        return Box(left=_r(self.left), top=_r(self.top), right=_r(self.right), bottom=_r(self.bottom))


@dataclass
class Grid:
    """A table: rows of cell texts."""

    rows: list[list[str]]
    left: float
    top: float
    right: float
    bottom: float

    @property
    def box(self) -> Box:
        return Box(left=_r(self.left), top=_r(self.top), right=_r(self.right), bottom=_r(self.bottom))


def layout(page: PageText) -> list[Line | Grid]:
    """Lines and tables of a page in reading order."""
    groups = _touching(page.rules)
    tables, rows = _ruled_tables(groups, _rows(page.fragments))
    _mark_framed_code(groups, [line for row in rows for line in row])
    return _in_order([*(line for row in rows for line in row), *tables])


def _r(value: float) -> float:
    return round(value, 1)


def _rows(fragments: Sequence[Fragment]) -> list[list[Line]]:
    """Pieces that share a baseline, as lines from left to right."""
    waiting = sorted(fragments, key=lambda each: (each.baseline, each.left))
    rows: list[list[Fragment]] = []
    for fragment in waiting:
        anchor = rows[-1][0] if rows else None
        if anchor is not None and fragment.baseline - anchor.baseline <= _SAME_LINE * max(fragment.size, anchor.size):
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [_lines(sorted(row, key=lambda each: each.left)) for row in rows]


def _lines(row: Sequence[Fragment]) -> list[Line]:
    lines: list[Line] = []
    run: list[Fragment] = []
    for fragment in row:
        if run and fragment.left - max(each.right for each in run) > _widest_gap(run) * max(
            fragment.size, run[-1].size
        ):
            lines.append(_line(run))
            run = []
        run.append(fragment)
    if run:
        lines.append(_line(run))
    return lines


def _widest_gap(run: Sequence[Fragment]) -> float:
    is_mark = len(run) == 1 and _MARK.fullmatch(run[0].text.strip())
    return _GAP_AFTER_A_MARK if is_mark else _GAP_OF_A_COLUMN


def _line(run: Sequence[Fragment]) -> Line:
    text = run[0].text
    for before, after in pairwise(run):
        text += _space(before, after, text) + after.text
    weights = [(len(each.text.strip()), each) for each in run]
    largest = max(weights, key=lambda pair: pair[0])[1]
    count = sum(weight for weight, _ in weights) or 1
    return Line(
        text=" ".join(text.split()) if not largest.is_mono else text.rstrip(),
        left=min(each.left for each in run),
        top=min(each.top for each in run),
        right=max(each.right for each in run),
        bottom=max(each.bottom for each in run),
        baseline=largest.baseline,
        size=largest.size,
        is_bold=sum(weight for weight, each in weights if each.is_bold) > 0.6 * count,
        is_mono=sum(weight for weight, each in weights if each.is_mono) > 0.8 * count,
    )


def _space(before: Fragment, after: Fragment, text: str) -> str:
    if text.endswith(" ") or after.text.startswith(" "):
        return ""
    gap = after.left - before.right
    if after.is_spaced is not None and after.order == before.order + 1 and gap < _GAP_OF_A_COLUMN * before.size:
        return " " if after.is_spaced and not (is_wide(text[-1:]) and is_wide(after.text[:1])) else ""
    wide = is_wide(text[-1:]) or is_wide(after.text[:1])
    least = 0.6 if wide else _GAP_OF_A_FIXED_WORD if before.is_mono and after.is_mono else _GAP_OF_A_WORD
    return " " if gap > least * min(before.size, after.size) else ""


def is_wide(character: str) -> bool:
    """Chinese, Japanese and full-width characters, which are written without spaces."""
    return bool(character) and "\u2e80" <= character[0] <= "\uffef" and not "\uac00" <= character[0] <= "\ud7af"


# --- tables -------------------------------------------------------------------------------------------------------------


def _mark_framed_code(groups: Sequence[Sequence[Rule]], lines: Sequence[Line]) -> None:
    """In a box with text of fixed width all lines are code: Chinese in a listing is set in another font."""
    for group in groups:
        xs, ys = _snapped(each.left for each in group), _snapped(each.top for each in group)
        if len(xs) != 2 or len(ys) != 2:
            continue
        inside = [line for line in lines if xs[0] <= line.left <= xs[1] and ys[0] <= line.baseline <= ys[1]]
        fixed = sum(len(line.text) for line in inside if line.is_mono)
        if fixed > _FRAMED_CODE * sum(len(line.text) for line in inside):
            for line in inside:
                line.is_mono = line.is_framed = True


def _ruled_tables(groups: Sequence[Sequence[Rule]], rows: list[list[Line]]) -> tuple[list[Grid], list[list[Line]]]:
    """Grids of horizontal and vertical rules that touch each other, with at least two rows and two columns."""
    grids: list[Grid] = []
    for group in groups:
        ys = _snapped(each.top for each in group if each.is_horizontal)
        xs = _snapped(each.left for each in group if not each.is_horizontal)
        if len(ys) < 3 or len(xs) < 3 or len(ys) > 300 or len(xs) > 60:
            continue
        cells = [["" for _ in xs[1:]] for _ in ys[1:]]
        kept: list[list[Line]] = []
        for row in rows:
            rest: list[Line] = []
            for line in row:
                at = _cell_at(line, xs, ys)
                if at is None:
                    rest.append(line)
                else:
                    cells[at[0]][at[1]] = f"{cells[at[0]][at[1]]} {line.text}".strip()
            kept.append(rest)
        cells = _without_empty(cells)
        if len(cells) > 1 and len(cells[0]) > 1 and sum(bool(cell) for row in cells for cell in row) >= 4:
            rows = [row for row in kept if row]
            grids.append(Grid(cells, xs[0], ys[0], xs[-1], ys[-1]))
    return grids, rows


def _without_empty(cells: list[list[str]]) -> list[list[str]]:
    """Rows and columns with something in them: a frame around one column of text is no table."""
    filled = [row for row in cells if any(row)]
    columns = [index for index in range(len(cells[0])) if any(row[index] for row in filled)]
    return [[row[index] for index in columns] for row in filled]


def _touching(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Rules joined where they meet. Quadratic, so pages full of drawing are left alone."""
    if len(rules) > 1500:
        return []
    groups: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda each: (each.top, each.left)):
        met = [group for group in groups if any(_meet(rule, other) for other in group)]
        joined = [rule, *(each for group in met for each in group)]
        groups = [group for group in groups if group not in met] + [joined]
    return groups


def _meet(one: Rule, other: Rule) -> bool:
    return (
        one.left <= other.right + _SNAP
        and other.left <= one.right + _SNAP
        and one.top <= other.bottom + _SNAP
        and other.top <= one.bottom + _SNAP
    )


def _snapped(values: Iterable[float]) -> list[float]:
    kept: list[float] = []
    for value in sorted(values):
        if not kept or value - kept[-1] > _SNAP:
            kept.append(value)
    return kept


def _cell_at(line: Line, xs: Sequence[float], ys: Sequence[float]) -> tuple[int, int] | None:
    x, y = (line.left + min(line.right, line.left + 20)) / 2, (line.top + line.bottom) / 2
    if not (xs[0] - 1 <= x <= xs[-1] + 1 and ys[0] - 1 <= y <= ys[-1] + 1):
        return None
    column = max(index for index in range(len(xs) - 1) if xs[index] <= x + 1 or index == 0)
    row = max(index for index in range(len(ys) - 1) if ys[index] <= y + 1 or index == 0)
    return row, column


def _with_aligned_tables(items: Sequence[Line | Grid]) -> list[Line | Grid]:
    """Runs of at least three rows whose short cells stand below each other become tables."""
    grids = [item for item in items if isinstance(item, Grid)]
    kept: list[Line] = []
    run: list[list[Line]] = []
    for row in [*_by_baseline([item for item in items if isinstance(item, Line)]), []]:
        if len(row) >= 2 and (not run or _continues(run, row)):
            run.append(row)
            continue
        grid = _grid_of(run)
        if grid is not None:
            grids.append(grid)
        else:
            kept += [line for each in run for line in each]
        run = [row] if len(row) >= 2 else []
        if not run:
            kept += row
    return [*kept, *grids]


def _by_baseline(lines: Sequence[Line]) -> list[list[Line]]:
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda each: (each.baseline, each.left)):
        if rows and line.baseline - rows[-1][0].baseline <= _SAME_LINE * max(line.size, rows[-1][0].size):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda each: each.left) for row in rows]


def _continues(run: Sequence[Sequence[Line]], row: Sequence[Line]) -> bool:
    above = run[-1]
    if row[0].baseline - above[0].baseline > 3.2 * max(row[0].size, above[0].size):
        return False
    fitting = sum(any(_is_below(line, other) for other in above) for line in row)
    return fitting >= min(len(row), len(above)) and fitting >= 2


def _is_below(line: Line, other: Line) -> bool:
    near = line.size
    centre = abs((line.left + line.right) - (other.left + other.right)) / 2
    return abs(line.left - other.left) < near or abs(line.right - other.right) < near or centre < near


def _grid_of(run: Sequence[Sequence[Line]]) -> Grid | None:
    if len(run) < 3:
        return None
    cells = [line for row in run for line in row]
    mean = sum(len(line.text) for line in cells) / len(cells)
    if mean > _LONGEST_CELL or (mean > 18 and median(len(row) for row in run) < 3):
        return None
    columns = _columns(cells)
    if not 2 <= len(columns) <= 30:
        return None
    rows = [["" for _ in columns] for _ in run]
    for at, row in enumerate(run):
        for line in row:
            column = max(range(len(columns)), key=lambda index: _overlap(columns[index], (line.left, line.right)))
            rows[at][column] = f"{rows[at][column]} {line.text}".strip()
    filled = sum(bool(cell) for row in rows for cell in row)
    if filled < 0.5 * len(rows) * len(columns):
        return None
    return Grid(
        rows,
        min(line.left for line in cells),
        min(line.top for line in cells),
        max(line.right for line in cells),
        max(line.bottom for line in cells),
    )


def _columns(cells: Sequence[Line]) -> list[tuple[float, float]]:
    """The x ranges that no gap interrupts."""
    merged: list[tuple[float, float]] = []
    for left, right in sorted((line.left, line.right) for line in cells):
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], right))
        else:
            merged.append((left, right))
    return merged


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> float:
    return min(one[1], other[1]) - max(one[0], other[0])


# --- reading order ------------------------------------------------------------------------------------------------------


def _in_order(items: Sequence[Line | Grid], depth: int = 0) -> list[Line | Grid]:
    """Read bands from top to bottom and, inside a band, columns from left to right."""
    gutter = _gutter(items, of_prose=True) if depth < _DEEPEST_COLUMNS else None
    if gutter is None:
        items = _with_aligned_tables(items)
        gutter = _gutter(items, of_prose=False) if depth < _DEEPEST_COLUMNS else None
    if gutter is None:
        _mark_column(items)
        return sorted(items, key=lambda item: (_y(item), item.left))
    ordered: list[Line | Grid] = []
    band: list[Line | Grid] = []
    for item in [*sorted(items, key=_y), None]:
        if item is not None and not _crosses(item, gutter):
            band.append(item)
            continue
        left = [each for each in band if each.right <= gutter + 1]
        right = [each for each in band if each.right > gutter + 1]
        ordered += _in_order(left, depth + 1) + _in_order(right, depth + 1)
        band = []
        if item is not None:
            _mark_column([item])
            ordered.append(item)
    return ordered


def _y(item: Line | Grid) -> float:
    return item.baseline if isinstance(item, Line) else item.top


def _crosses(item: Line | Grid, x: float) -> bool:
    return item.left < x - 1 and item.right > x + 1


def _mark_column(items: Sequence[Line | Grid]) -> None:
    lines = [item for item in items if isinstance(item, Line)]
    if lines:
        column = (min(line.left for line in lines), max(line.right for line in lines))
        for line in lines:
            line.column = column


def _gutter(items: Sequence[Line | Grid], *, of_prose: bool) -> float | None:
    """The x that the fewest lines cross, if enough lines end before it and enough begin behind it, side by side."""
    lines = [item for item in items if isinstance(item, Line)]
    if len(lines) < 2 * _FEWEST_LINES_OF_A_COLUMN:
        return None
    best: tuple[float, float] | None = None
    for x in sorted({line.left - 2.0 for line in lines}):
        before = [line for line in lines if line.right <= x + 1]
        behind = [line for line in lines if line.left >= x - 1]
        if min(len(before), len(behind)) < _FEWEST_LINES_OF_A_COLUMN:
            continue
        if of_prose and not (_is_prose(before) and _is_prose(behind)):
            continue
        crossing = sum(1 for item in items if _crosses(item, x))
        side_by_side = _shared_height(before, behind)
        score = side_by_side - 2.0 * crossing
        if (
            side_by_side >= _FEWEST_LINES_OF_A_COLUMN
            and crossing <= 0.6 * side_by_side
            and (best is None or score > best[0])
        ):
            best = (score, x)
    return best[1] if best else None


def _is_prose(lines: Sequence[Line]) -> bool:
    return median(len(line.text) for line in lines) >= _PROSE_CHARACTERS


def _shared_height(before: Sequence[Line], behind: Sequence[Line]) -> float:
    """How many lines of the shorter column have text of the other column at their height."""
    return min(_beside(before, behind), _beside(behind, before))


def _beside(lines: Sequence[Line], others: Sequence[Line]) -> int:
    tops = [(other.top, other.bottom) for other in others]
    return sum(any(top < line.bottom and bottom > line.top for top, bottom in tops) for line in lines)
