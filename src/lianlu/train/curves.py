"""The charts of a run, from the lines of metrics.jsonl and speed.jsonl. Knows names of numbers, neither files nor HTML.

A chart is there when its numbers are. Long runs are thinned for drawing by keeping the lowest and the highest point of
each stretch, so that a single bad step stays visible.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from lianlu.core.i18n import Text
from lianlu.page import Badge, Fold, Line, LineChart, Part
from lianlu.page.markup import number

__all__ = ["loss_chart", "more_charts", "points", "preference_charts", "speed_charts", "thinned"]

Lines = Sequence[Mapping[str, Any]]
Points = list[tuple[float, float]]
_SMOOTHED = 20
_DRAWN = 600
_STEP = Text("step", "步")
_MEBIBYTE = 1 << 20

_REWARDS = {
    "chosen": ("chosen", Text("chosen", "优选")),
    "rejected": ("rejected", Text("rejected", "拒绝")),
    "margin": ("margin", Text("margin", "差值")),
    "margins": ("margin", Text("margin", "差值")),
}
_ACCURACY = ("accuracy", "accuracies")


def loss_chart(lines: Lines, unit: Text) -> LineChart:
    """What was learned, smoothed where the run is long enough, and what was not seen."""
    learned = points(lines, "loss")
    curves = [Line(Text("learned", "训练"), thinned(learned))]
    if len(learned) > 2 * _SMOOTHED:
        curves.append(Line(Text(f"mean of {_SMOOTHED} steps", f"{_SMOOTHED} 步平均"), thinned(_smooth(learned))))
    measured = points(lines, "eval_loss")
    if measured:
        curves.append(Line(Text("unseen", "未见样本"), thinned(measured)))
    return LineChart(Text("Loss", "损失"), curves, _STEP, unit)


def preference_charts(lines: Lines) -> list[Part]:
    """Rewards of chosen and rejected answers, their margin, and how often the chosen one had more."""
    found: dict[str, Line] = {}
    accuracy: Points = []
    for name in dict.fromkeys(name for line in lines for name in line):
        word = re.sub(r"^(rewards?|logits?)[_/]|[_/]rewards?$", "", name)
        if word in _REWARDS:
            key, label = _REWARDS[word]
            found[key] = Line(label, thinned(points(lines, name)))
        elif word in _ACCURACY:
            accuracy = points(lines, name)
    charts: list[Part] = []
    if found:
        ordered = [found[key] for key in ("chosen", "rejected", "margin") if key in found]
        charts.append(LineChart(Text("Rewards", "奖励"), ordered, _STEP, Text("reward", "奖励")))
    if accuracy:
        title = Text("Pairs in which the chosen answer has more", "优选回答奖励更高的样本对")
        curves = [Line(Text("share", "占比"), thinned(accuracy))]
        if len(accuracy) > 2 * _SMOOTHED:
            curves.append(Line(Text(f"mean of {_SMOOTHED} steps", f"{_SMOOTHED} 步平均"), thinned(_smooth(accuracy))))
        charts.append(LineChart(title, curves, _STEP, Text("share", "占比")))
    return charts


def more_charts(lines: Lines) -> list[Part]:
    """Learning rate and gradient norm, folded."""
    return [
        *_folded(Text("Learning rate", "学习率"), lines, {"lr": Text("learning rate", "学习率")}),
        *_folded(Text("Gradient norm", "梯度范数"), lines, {"grad_norm": Text("gradient norm", "梯度范数")}),
    ]


def speed_charts(speed: Lines) -> list[Part]:
    """Tokens a second, memory, and what was computed for nothing or saved, folded."""
    used = [{**line, "mebibytes": line["peak_memory"] / _MEBIBYTE} for line in speed if _is_number(line, "peak_memory")]
    shares = [
        {
            "step": line["step"],
            **{name: 100 * line[name] for name in ("padding_waste", "shared") if _is_number(line, name)},
        }
        for line in speed
    ]
    return [
        *_folded(
            Text("Tokens per second", "每秒 token"),
            speed,
            {"tokens_per_second": Text("all", "全部"), "supervised_per_second": Text("learned", "被学习")},
        ),
        *_folded(Text("Peak memory", "内存峰值"), used, {"mebibytes": Text("MiB", "MiB")}, unit="MiB"),
        *_folded(
            Text("Padding and sharing", "填充与共享"),
            shares,
            {
                "padding_waste": Text("computed tokens that were padding", "计算的 token 中填充所占"),
                "shared": Text("tokens that shared beginnings saved", "共享前缀省去的 token"),
            },
            unit="%",
        ),
    ]


def points(lines: Lines, name: str) -> Points:
    """(step, value) of the lines in which `name` is a finite number."""
    return [(float(line["step"]), float(line[name])) for line in lines if _is_number(line, name)]


def thinned(found: Points) -> Points:
    """The same curve in at most about 600 points: of each stretch the lowest and the highest one, and both ends."""
    if len(found) <= _DRAWN:
        return found
    stretch = -(-2 * len(found) // _DRAWN)
    kept = {0, len(found) - 1}
    for start in range(0, len(found), stretch):
        places = range(start, min(start + stretch, len(found)))
        kept |= {min(places, key=lambda place: found[place][1]), max(places, key=lambda place: found[place][1])}
    return [found[place] for place in sorted(kept)]


def _folded(title: Text, lines: Lines, names: Mapping[str, Text], *, unit: str = "") -> list[Part]:
    """A chart of the numbers that are there, behind its title and the last value of the first."""
    curves = [Line(label, thinned(found)) for name, label in names.items() if (found := points(lines, name))]
    if not curves:
        return []
    last = f"{number(curves[0].points[-1][1])} {unit}".rstrip()
    return [Fold(title, [LineChart(title, curves, _STEP, unit)], badges=[Badge(last)])]


def _smooth(found: Points) -> Points:
    sums = [0.0, *accumulate(value for _, value in found)]
    return [
        (found[end - 1][0], (sums[end] - sums[end - _SMOOTHED]) / _SMOOTHED) for end in range(_SMOOTHED, len(found) + 1)
    ]


def _is_number(line: Mapping[str, Any], name: str) -> bool:
    value = line.get(name)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
