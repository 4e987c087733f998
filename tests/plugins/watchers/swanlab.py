"""Stands in for swanlab, as the wandb beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wandb import Run

__all__ = ["init"]


def init(*, project: str, experiment_name: str, log_dir: str, config: dict[str, Any], mode: str | None) -> Run:
    return Run(Path(log_dir), {"project": project, "name": experiment_name, "config": config, "mode": mode})
