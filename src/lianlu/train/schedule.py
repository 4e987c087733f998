"""The learning rate as a function of the step alone, so that a resumed run needs no state for it."""

from __future__ import annotations

import math
from typing import Literal

__all__ = ["rate_share"]


def rate_share(
    step: int,
    steps: int,
    *,
    kind: Literal["cosine", "wsd", "linear", "constant"],
    warmup: float,
    decay: float,
    final: float,
) -> float:
    """The share of the highest rate at `step` (from 0) of `steps`.

    Args:
        warmup: share of the steps in which the rate rises from nothing.
        decay: share of the steps at the end in which `wsd` falls.
        final: where it ends.

    >>> [round(rate_share(s, 8, kind="wsd", warmup=0.25, decay=0.5, final=0.0), 2) for s in range(8)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return (step + 1) / rising
    if kind == "constant":
        return 1.0
    falling = math.ceil(decay * steps) if kind == "wsd" else steps - rising
    gone = max(0.0, (step - (steps - falling)) / max(1, falling))
    if kind == "cosine":
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * gone))
    return final + (1 - final) * (1 - gone)
