"""Bar and line charts as inline SVG. Colours are classes of the style sheet, so that dark pages need no second drawing.

Lines differ by dash and marker as well as by colour. Under each chart stands a table of its values, for screen readers,
for copying and for doubt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from lianlu.core.i18n import Text
from lianlu.page.markup import escape, label, number
from lianlu.page.parts import BarChart, Column, Label, Line, LineChart, Table
from lianlu.page.svg import clipped, pixels, round_ticks, svg_text, text_width

__all__ = ["bar_chart", "bar_values", "legend", "line_chart", "line_values"]

_WIDTH = 680.0
_FONT = 13.0
_COLOURS = 6


def bar_chart(chart: BarChart, title_id: str) -> str:
    """The SVG of a bar chart."""
    thick = 18.0 if len(chart.series) == 1 else 13.0
    group = thick * len(chart.series) + 14.0
    widest = max((text_width(bar.label, _FONT) for bar in chart.bars), default=0.0)
    left = min(widest, 220.0) + 14.0
    ticks = _bar_ticks(chart)
    end = _WIDTH - 16.0 - max((text_width(_amount(value, chart), _FONT) for value in _values(chart)), default=0.0)
    height = 8.0 + group * len(chart.bars) + 28.0

    def across(value: float) -> float:
        return left + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (end - left)

    drawn = [_bar_axis(ticks, across, height)]
    for row, bar in enumerate(chart.bars):
        top = 8.0 + group * row + 7.0
        drawn.append(svg_text(_fitted(bar.label, 220.0), left - 10, top + (group - 14) / 2 + 4.5, anchor="end"))
        for index, value in enumerate(bar.values):
            if value is None or not math.isfinite(value):
                continue
            y = top + index * thick
            start, stop = sorted((across(0.0), across(value)))
            drawn.append(
                f'<rect class="c{index % _COLOURS}" x="{pixels(start)}" y="{pixels(y)}" width="{pixels(max(stop - start, 1))}"'
                f' height="{pixels(thick - 3)}" rx="2"/>'
            )
            drawn.append(svg_text(_amount(value, chart), stop + 6, y + thick / 2 + 3, style="value"))
    return _svg("".join(drawn), height, _summary(_values(chart), chart.unit), title_id)


def bar_values(chart: BarChart) -> Table:
    """The same numbers as a table."""
    return Table(
        columns=(Column(""), *(Column(name or chart.title, unit=chart.unit) for name in chart.series)),
        rows=[(bar.label, *bar.values) for bar in chart.bars],
        filterable=False,
    )


def line_chart(chart: LineChart, title_id: str) -> str:
    """The SVG of a line chart; points that are not finite leave a gap."""
    xs = [x for line in chart.lines for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    ys = [y for line in chart.lines for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    x_ticks = round_ticks(min(xs, default=0.0), max(xs, default=1.0), 6)
    y_ticks = round_ticks(min(ys, default=0.0), max(ys, default=1.0))
    height, top = 300.0, 34.0 if chart.y_label else 10.0
    bottom = height - (48.0 if chart.x_label else 28.0)
    left = 14.0 + max(text_width(number(tick), _FONT) for tick in y_ticks)
    right = _WIDTH - 20.0
    low, high = min(xs, default=0.0), max(xs, default=1.0)
    if not high > low:
        low, high = x_ticks[0], x_ticks[-1]

    def across(x: float) -> float:
        return left + (x - low) / (high - low) * (right - left)

    def down(y: float) -> float:
        return bottom - (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0]) * (bottom - top)

    drawn = [
        f'<path class="grid" d="M{pixels(left)} {pixels(down(tick))}H{pixels(right)}"/>'
        + svg_text(number(tick), left - 8, down(tick) + 4.5, style="tick", anchor="end")
        for tick in y_ticks
    ]
    drawn += [
        svg_text(number(tick), across(tick), bottom + 18, style="tick", anchor="middle")
        for tick in x_ticks
        if low <= tick <= high
    ]
    drawn.append(f'<path class="axis" d="M{pixels(left)} {pixels(bottom)}H{pixels(right)}"/>')
    if chart.y_label:
        drawn.append(svg_text(chart.y_label, 2, 12, style="tick"))
    if chart.x_label:
        drawn.append(svg_text(chart.x_label, (left + right) / 2, height - 8, style="tick", anchor="middle"))
    drawn += [
        _polyline([(across(x), down(y)) for x, y in run], index)
        for index, line in enumerate(chart.lines)
        for run in _finite_runs(line)
    ]
    return _svg("".join(drawn), height, _summary(ys, ""), title_id)


def line_values(chart: LineChart, limit: int = 200) -> Table:
    """The points as a table: at most `limit` of them, evenly picked, first and last included."""
    columns = sorted({x for line in chart.lines for x, _ in line.points if math.isfinite(x)})
    if len(columns) > limit:
        columns = [columns[round(index * (len(columns) - 1) / (limit - 1))] for index in range(limit)]
    known = [dict(line.points) for line in chart.lines]
    return Table(
        columns=(Column(chart.x_label or "x"), *(Column(line.name) for line in chart.lines)),
        rows=[(x, *(points.get(x) for points in known)) for x in columns],
        filterable=False,
    )


def legend(names: Sequence[Label]) -> str:
    """The names of several series with their colours; nothing for one."""
    if len(names) < 2:
        return ""
    items = "".join(
        f'<li><svg class="key" viewBox="0 0 22 10" aria-hidden="true"><path class="l{index % _COLOURS}" d="M1 5H21"/></svg>'
        f"{label(name)}</li>"
        for index, name in enumerate(names)
    )
    return f'<ul class="legend">{items}</ul>'


def _bar_ticks(chart: BarChart) -> list[float]:
    values = _values(chart)
    return round_ticks(min(0.0, *values, 0.0), max(0.0, *values, 0.0))


def _values(chart: BarChart) -> list[float]:
    return [value for bar in chart.bars for value in bar.values if value is not None and math.isfinite(value)]


def _amount(value: float, chart: BarChart) -> str:
    return f"{number(value)} {chart.unit}".rstrip()


def _fitted(words: Label, width: float) -> Label:
    if isinstance(words, Text):
        return Text(clipped(words.en, _FONT, width), clipped(words.zh, _FONT, width))
    return clipped(words, _FONT, width)


def _bar_axis(ticks: list[float], across: Callable[[float], float], height: float) -> str:
    bottom = height - 24.0
    lines = [
        f'<path class="grid" d="M{pixels(across(tick))} 6V{pixels(bottom)}"/>'
        + svg_text(number(tick), across(tick), bottom + 17, style="tick", anchor="middle")
        for tick in ticks
    ]
    lines.append(f'<path class="axis" d="M{pixels(across(0.0))} 6V{pixels(bottom)}"/>')
    return "".join(lines)


def _finite_runs(line: Line) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in line.points:
        if math.isfinite(x) and math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _polyline(points: list[tuple[float, float]], index: int) -> str:
    colour = index % _COLOURS
    path = "M" + "L".join(f"{pixels(x)} {pixels(y)}" for x, y in points)
    line = f'<path class="line l{colour}" d="{path}"/>' if len(points) > 1 else ""
    apart = all(abs(b[0] - a[0]) >= 12 for a, b in pairwise(points))
    shown = points if apart else points[-1:]
    dots = "".join(f'<circle class="c{colour}" cx="{pixels(x)}" cy="{pixels(y)}" r="3"/>' for x, y in shown)
    return line + dots


def _summary(values: Sequence[float], unit: str) -> str:
    if not values:
        return "no values"
    return f"{len(values)}: {number(min(values))} – {number(max(values))} {unit}".rstrip()


def _svg(inner: str, height: float, description: str, title_id: str) -> str:
    box = f'viewBox="0 0 {pixels(_WIDTH)} {pixels(height)}"'
    named = f'role="img" aria-labelledby="{title_id}" aria-describedby="{title_id}-d"'
    return f'<svg class="chart" {box} {named}><desc id="{title_id}-d">{escape(description)}</desc>{inner}</svg>'
