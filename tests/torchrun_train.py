"""Run training steps one after the other, in each process that torchrun starts.

argv[1] is a JSON list of runs: step, recipe, place (out/ and scratch/ below it), and where wanted one of `kill`, `stop`,
`fail`: [process, step], which is killed, sent SIGTERM, or broken after the metrics of that step; `kill-saving` kills it
while a checkpoint is written. What came of a run is in the file said-RANK of its place.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.errors import LianluError
from lianlu.core.job import Job
from lianlu.train import checkpoint, loop

RANK = int(os.environ.get("RANK", "0"))


def fail() -> None:
    raise RuntimeError("broken on purpose")


ACTS: dict[str, Callable[[], None]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "kill-saving": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "fail": fail,
}


class Watched(loop.Training):
    """Every process is at the same step here, which no event of the others tells."""

    acts: dict[tuple[int, int], str] = {}

    def _report(self, line: loop.Metrics, *rest: Any) -> None:
        super()._report(line, *rest)
        act = self.acts.get((RANK, int(line["step"] or 0)))
        if act == "kill-saving":
            checkpoint._write_optimizer = lambda *_: ACTS["kill-saving"]()  # pyright: ignore[reportPrivateUsage]
        elif act is not None:
            ACTS[act]()


def run(wanted: dict[str, Any]) -> None:
    from lianlu.train import fit

    step, place = registry.find("step", wanted["step"]), Path(wanted["place"])
    Watched.acts = {(rank, at): name for name in ACTS for rank, at in [wanted.get(name, (-1, -1))]}
    fit.Training = Watched  # type: ignore[misc]
    said = "done"
    try:
        job = Job("t", outputs=place / "out", scratch=place / "scratch")
        step.run(step.recipe.model_validate(wanted["recipe"]), {}, job)
    except (LianluError, RuntimeError) as error:
        code = error.code if isinstance(error, LianluError) else str(error)
        said = f"{code} elsewhere" if error.__cause__ and not isinstance(error.__cause__, RuntimeError) else code
    (place / f"said-{RANK}").write_text(said)


for each in json.loads(sys.argv[1]):
    run(each)
