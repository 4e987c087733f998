"""Drawing in SVG: text that fits, axes that end on round numbers. Knows pixels, not charts."""

from __future__ import annotations

import math
import unicodedata

from lianlu.core.i18n import Text
from lianlu.page.markup import attribute, label
from lianlu.page.parts import Label

__all__ = ["clipped", "pixels", "round_ticks", "svg_text", "text_width"]


def text_width(words: Label, size: float) -> float:
    """About how wide the longer half of a label is, in pixels: full-width characters count as one em."""
    halves = (words.en, words.zh) if isinstance(words, Text) else (words,)
    return max(sum(_ems(character) for character in half) for half in halves) * size


def _ems(character: str) -> float:
    return 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.58


def clipped(text: str, size: float, width: float) -> str:
    """`text` cut with an ellipsis so that it fits into `width` pixels."""
    if text_width(text, size) <= width:
        return text
    room = width / size - 1.0
    kept = 0
    for character in text:
        room -= _ems(character)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


def pixels(value: float) -> str:
    """A coordinate with one decimal at most.

    >>> pixels(3.14159), pixels(2.0)
    ('3.1', '2')
    """
    return f"{value:.1f}".removesuffix(".0")


def svg_text(words: Label, x: float, y: float, *, style: str = "", anchor: str = "start") -> str:
    place = f' x="{pixels(x)}" y="{pixels(y)}"'
    class_ = attribute("class", style) if style else ""
    return f'<text{place}{class_} text-anchor="{anchor}">{label(words, "tspan")}</text>'


def round_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """About `count` round numbers from at or below `low` to at or above `high`.

    >>> round_ticks(0, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    largest = max(abs(low), abs(high))
    if high - low <= max(largest * 1e-9, 1e-290):  # the same value to the eye, or too near for floats to part
        high = low + (largest if largest > 1e-290 else 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]
