"""Charts of a run show the numbers that are there, and long runs without losing a single bad step."""

from __future__ import annotations

import math
from typing import Any

import pytest

from lianlu.core.i18n import Text
from lianlu.page import Fold, LineChart, Part
from lianlu.train.curves import loss_chart, more_charts, points, preference_charts, speed_charts, thinned

UNIT = Text("nats", "nat")


def charts(parts: list[Part]) -> dict[str, LineChart]:
    """Chart by English title, out of its fold or not."""
    found = [part.parts[0] if isinstance(part, Fold) else part for part in parts]
    return {chart.title.en: chart for chart in found if isinstance(chart, LineChart) and isinstance(chart.title, Text)}


def names(chart: LineChart) -> list[str]:
    return [line.name.en for line in chart.lines if isinstance(line.name, Text)]


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_peaks() -> None:
    curve = [(float(step), math.sin(step / 500)) for step in range(20_000)]
    curve[12_345] = (12_345.0, 99.0)
    curve[777] = (777.0, -99.0)
    kept = thinned(curve)
    assert len(kept) <= 610
    assert (kept[0], kept[-1]) == (curve[0], curve[-1])
    assert {(12_345.0, 99.0), (777.0, -99.0)} <= set(kept)
    assert kept == sorted(kept)


def test_a_short_curve_is_left_as_it_is() -> None:
    curve = [(float(step), 1.0) for step in range(600)]
    assert thinned(curve) == curve


def test_learned_smoothed_and_unseen_loss_stand_in_one_chart() -> None:
    lines = [{"step": step, "loss": float(step)} for step in range(1, 51)]
    lines[49]["eval_loss"] = 7.0
    chart = loss_chart(lines, UNIT)
    assert names(chart) == ["learned", "mean of 20 steps", "unseen"]
    assert chart.lines[1].points[0] == (20.0, pytest.approx(10.5))
    assert chart.lines[1].points[-1] == (50.0, pytest.approx(40.5))
    assert chart.lines[2].points == [(50.0, 7.0)]


def test_a_short_run_is_not_smoothed() -> None:
    assert names(loss_chart([{"step": 1, "loss": 2.0}], UNIT)) == ["learned"]


@pytest.mark.parametrize("bad", [None, "x", math.nan, math.inf, True, [1]])
def test_what_is_no_number_is_left_out(bad: Any) -> None:
    assert points([{"step": 1, "loss": bad}, {"step": 2, "loss": 3}, {"step": 3}], "loss") == [(2.0, 3.0)]


@pytest.mark.parametrize("form", ["rewards_{}", "reward_{}", "rewards/{}", "{}_reward", "{}"])
def test_rewards_are_known_by_any_of_their_usual_names(form: str) -> None:
    line = {"step": 1} | {form.format(word): 1.0 for word in ("rejected", "margin", "chosen")}
    assert names(charts(preference_charts([line]))["Rewards"]) == ["chosen", "rejected", "margin"]


def test_accuracy_of_preferences_has_a_chart_of_its_own() -> None:
    found = charts(preference_charts([{"step": 1, "rewards/accuracies": 0.5}]))
    assert [chart.lines[0].points for chart in found.values()] == [[(1.0, 0.5)]]


def test_a_run_without_preferences_has_no_charts_of_them() -> None:
    assert (
        preference_charts([{"step": 1, "loss": 1.0, "lr": 1.0, "grad_norm": 1.0, "eval_loss": 1.0, "epoch": 1}]) == []
    )


def test_rate_and_gradient_are_folded_with_their_last_value() -> None:
    parts = more_charts([{"step": 1, "lr": 0.5, "grad_norm": 2.0}, {"step": 2, "lr": 0.25, "grad_norm": 3.0}])
    assert [part.badges[0].label for part in parts if isinstance(part, Fold)] == ["0.25", "3"]
    assert list(charts(parts)) == ["Learning rate", "Gradient norm"]


def test_speed_memory_padding_and_sharing_are_drawn_where_they_were_measured() -> None:
    lines = [
        {
            "step": 1,
            "tokens_per_second": None,
            "supervised_per_second": None,
            "padding_waste": 0.25,
            "peak_memory": 1 << 21,
        },
        {"step": 2, "tokens_per_second": 8.0, "supervised_per_second": 4.0, "shared": 0.5, "peak_memory": 1 << 22},
    ]
    found = charts(speed_charts(lines))
    assert [line.points for line in found["Tokens per second"].lines] == [[(2.0, 8.0)], [(2.0, 4.0)]]
    assert found["Peak memory"].lines[0].points == [(1.0, 2.0), (2.0, 4.0)]
    assert [line.points for line in found["Padding and sharing"].lines] == [[(1.0, 25.0)], [(2.0, 50.0)]]
    assert speed_charts([]) == []
