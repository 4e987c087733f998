"""The style sheet keeps its promises: contrast in both schemes, no address, print and narrow screens thought of."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

_CSS = files("lianlu.page").joinpath("page.css").read_text(encoding="utf-8")
_TEXT_ON = [
    ("ink", "paper"), ("ink", "raised"), ("muted", "paper"), ("muted", "raised"), ("accent", "paper"), ("accent", "accent-soft"),
    ("good", "good-soft"), ("warning", "warning-soft"), ("bad", "bad-soft"), ("good", "paper"), ("mark-ink", "mark"),
    ("ink", "accent-soft"), ("ink", "good-soft"), ("ink", "warning-soft"), ("ink", "bad-soft"),
    ("muted", "accent-soft"), ("muted", "good-soft"), ("muted", "warning-soft"), ("muted", "bad-soft"),
]  # fmt: skip
_DRAWN_ON = [("edge", "paper"), *((f"c{index}", "paper") for index in range(6))]


def _scheme(name: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", _CSS, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in (light, dark)]
    return read[0] if name == "light" else {**read[0], **read[1]}


def _luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), _TEXT_ON, ids="-on-".join)
def test_text_meets_wcag_aa(scheme: str, front: str, back: str) -> None:
    colours = _scheme(scheme)
    assert _contrast(colours[front], colours[back]) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("front", "back"), _DRAWN_ON, ids="-on-".join)
def test_lines_and_bars_meet_wcag_aa(scheme: str, front: str, back: str) -> None:
    colours = _scheme(scheme)
    assert _contrast(colours[front], colours[back]) >= 3.0


def test_both_schemes_define_the_same_colours() -> None:
    assert _scheme("light").keys() == _scheme("dark").keys()


def test_every_colour_used_is_defined() -> None:
    assert set(re.findall(r"var\(--([\w-]+)\)", _CSS)) <= _scheme("light").keys()


@pytest.mark.parametrize("query", ["print", "prefers-color-scheme: dark", "prefers-reduced-motion", "max-width"])
def test_paper_night_and_phones_are_thought_of(query: str) -> None:
    assert query in _CSS
