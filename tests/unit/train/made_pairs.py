"""Samples, pairs and rated answers of random ids, and what a step of ours makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lianlu.core.job import Job
from lianlu.train.config import TrainRecipe
from lianlu.train.samples import Encoded, Pair, Rated, Unit, content_key

__all__ = ["Learned", "learn", "made_pairs", "made_ratings", "made_samples", "scores"]

_IDS = 256  # of the tiny tokenizer: bytes, no special tokens


def _ids(random: np.random.Generator, low: int, high: int) -> NDArray[np.int32]:
    return random.integers(0, _IDS, random.integers(low, high)).astype(np.int32)


def _behind(name: str, prompt: NDArray[np.int32], answer: NDArray[np.int32]) -> Encoded:
    mask = np.arange(len(prompt) + len(answer)) >= len(prompt)
    return Encoded(name, np.concatenate([prompt, answer]), mask)


def made_samples(count: int, *, common: int = 20, seed: int = 0) -> list[Unit]:
    """Samples of which half begin with the same `common` ids, partly supervised."""
    random = np.random.default_rng(seed)
    lead = random.integers(0, _IDS, common).astype(np.int32)
    made: list[Unit] = []
    for place in range(count):
        ids = np.concatenate([lead if place % 2 else _ids(random, 1, common), _ids(random, 4, 20)])
        mask = random.random(len(ids)) < 0.5
        mask[-1] = True
        made.append(Encoded(str(place), ids, mask))
    return made


def made_pairs(count: int, *, seed: int = 0, answer: int | None = None) -> list[Unit]:
    """Two answers, of unequal length or of `answer` ids, to prompts of 17 to 24 ids: long enough to be shared."""
    low, high = (2, 12) if answer is None else (answer, answer + 1)
    random = np.random.default_rng(seed)
    made: list[Unit] = []
    for place in range(count):
        prompt, chosen, rejected = _ids(random, 17, 25), _ids(random, low, high), _ids(random, low, high)
        name = str(place)
        made.append(Pair(name, _behind(f"{name}+", prompt, chosen), _behind(f"{name}-", prompt, rejected)))
    return made


def made_ratings(count: int, *, seed: int = 0) -> list[Unit]:
    """Answers that are liked two times of three, two to a prompt, each with the next one's answer beside it."""
    random = np.random.default_rng(seed)
    prompts = [each for _ in range(-(-count // 2)) for each in [_ids(random, 17, 25)] * 2]
    answers = [_ids(random, 2, 12) for _ in range(count)]
    return [
        Rated(
            str(place),
            _behind(str(place), prompts[place], answers[place]),
            _behind(f"{place}~", prompts[place], answers[(place + 1) % count]),
            place % 3 != 0,
        )
        for place in range(count)
    ]


@dataclass(frozen=True)
class Learned:
    """What one step came to before the optimizer moves anything, and how many tokens were computed for it."""

    loss: float
    gradients: dict[str, Any]
    numbers: dict[str, float] = field(default_factory=dict[str, float])
    slots: int = 0


def scores(model: Any, units: Sequence[Unit]) -> dict[str, tuple[float, ...]]:
    """The summed log-probability of each piece of each unit: one forward pass for each, nothing packed or shared."""
    import torch

    found: dict[str, tuple[float, ...]] = {}
    with torch.no_grad():
        for unit in units:
            each: list[float] = []
            for piece in unit.pieces:
                logits = model(input_ids=torch.from_numpy(piece.ids.astype(np.int64))[None]).logits[0].log_softmax(-1)
                at = np.flatnonzero(piece.mask[1:])
                each.append(float(sum(logits[place, int(piece.ids[place + 1])] for place in at.tolist())))
            found[content_key(unit)] = tuple(each)
    return found


def learn(
    model: Any,
    objective: Any,
    units: Sequence[Unit],
    references: dict[str, tuple[float, ...]] | None = None,
    **recipe: Any,
) -> Learned:
    """Loss, reported numbers and gradients of one step over `units`, by the loop that trains."""
    from lianlu.train.loop import Training

    settings = TrainRecipe(batch_size=len(units), **recipe)
    training = Training(model, units, settings, Job("t"), "key", lambda _: None, objective=objective)
    training._references = references or {}  # pyright: ignore[reportPrivateUsage] - of another model than the first step's
    model.zero_grad()
    loss, numbers = training._learn(0, units)  # pyright: ignore[reportPrivateUsage]
    gradients = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    return Learned(loss, gradients, numbers, training._slots)  # pyright: ignore[reportPrivateUsage]
