from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.i18n import Text
from lianlu.page import Bar, BarChart, Line, LineChart
from lianlu.page.charts import bar_chart, bar_values, line_chart, line_values
from lianlu.page.svg import clipped, round_ticks, text_width

_FINITE = st.floats(-1e12, 1e12)


@given(_FINITE, _FINITE)
def test_ticks_are_few_and_enclose_the_values(first: float, second: float) -> None:
    low, high = sorted((first, second))
    ticks = round_ticks(low, high)
    slack = max(1e-6 * max(abs(low), abs(high)), 1e-280)  # what nobody can see
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 12
    assert ticks[-1] > ticks[0]


@given(st.text(max_size=60), st.floats(20, 300))
def test_clipped_text_fits(text: str, width: float) -> None:
    assert text_width(clipped(text, 13, width), 13) <= width + 13


@pytest.mark.parametrize(
    "values",
    [[], [0], [-3, 5], [float("nan"), 1], [math.inf], [None], [1e300, -1e300], [1e-300]],
    ids=str,
)
def test_any_values_can_be_drawn(values: list[float | None]) -> None:
    bars = bar_chart(BarChart("t", [Bar(str(n), [value]) for n, value in enumerate(values)]), "c")
    lines = line_chart(
        LineChart("t", [Line("a", [(n, math.nan if v is None else v) for n, v in enumerate(values)])]), "c"
    )
    for drawn in (bars, lines):
        assert not re.search(r'[ "](?:nan|-?inf)', drawn)


def test_a_point_that_is_not_finite_leaves_a_gap() -> None:
    drawn = line_chart(LineChart("t", [Line("a", [(0, 1), (1, 2), (2, math.nan), (3, 1), (4, 2)])]), "c")
    assert drawn.count('class="line l0"') == 2


def test_the_values_stand_in_a_table_too() -> None:
    chart = BarChart(Text("a", "甲"), [Bar("x", [1.5, None])], series=["p", "q"])
    assert bar_values(chart).rows == [("x", 1.5, None)]


def test_long_series_are_thinned_for_the_table_with_both_ends() -> None:
    rows = line_values(LineChart("t", [Line("a", [(n, n) for n in range(5000)])])).rows
    assert (len(rows), rows[0][0], rows[-1][0]) == (200, 0, 4999)
