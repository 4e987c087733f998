"""Stands in for wandb where that is not installed: the same calls, kept as lines in the folder it is given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Run", "init"]


class Run:
    def __init__(self, folder: Path, started: dict[str, Any]) -> None:
        self.file = (folder / "log.jsonl").open("w")
        (folder / "started.json").write_text(json.dumps(started))

    def log(self, data: dict[str, Any], step: int | None = None) -> None:
        self.file.write(json.dumps({"step": step, **data}) + "\n")

    def finish(self) -> None:
        self.file.close()


def init(
    *, project: str, name: str, dir: str, config: dict[str, Any], mode: str | None, settings: dict[str, Any]
) -> Run:
    if name == "refused":
        raise ValueError("the server said no\nand more")
    reports = os.environ.get("WANDB_ERROR_REPORTING", "true")
    started = {"project": project, "name": name, "config": config, "mode": mode, "reports": reports, **settings}
    return Run(Path(dir), started)
