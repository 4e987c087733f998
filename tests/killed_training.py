"""A training in a process that somebody kills; imported before the fork, so that a try costs no start of PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lianlu.core.job import Job
from lianlu.train.steps import SFT


def train(recipe: dict[str, Any], place: Path) -> None:
    """Go on with the training in `place`."""
    import torch

    torch.set_num_threads(1)
    SFT.run(SFT.recipe.model_validate(recipe), {}, Job("t", outputs=place / "out", scratch=place / "scratch"))
