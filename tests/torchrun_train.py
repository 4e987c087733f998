"""Run training steps one after the other, in each process that torchrun starts.

argv[1] is a JSON list of runs: step, recipe, place (out/ and scratch/ below it), and where wanted one of `kill`, `stop`,
`fail`: [process, step], which is killed, sent SIGTERM, or broken after the metrics of that step; `kill-saving` kills it
while a checkpoint is written. A run with `typed` instead of a step is `python -m lianlu` with these arguments. What came
of a run is in the file said-RANK of its place.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.errors import LianluError
from lianlu.core.job import Job
from lianlu.train import checkpoint, fit, group, loop

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


def type_in(wanted: dict[str, Any]) -> None:
    """What is printed is flushed, or it were lost where this process is killed later."""
    sys.argv[1:] = wanted["typed"]
    try:
        runpy.run_module("lianlu", run_name="__main__", alter_sys=True)
    except SystemExit as left:
        sys.stdout.flush()
        (Path(wanted["place"]) / f"said-{RANK}").write_text(f"left with {left.code or 0}")


def run(wanted: dict[str, Any]) -> None:
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


def apart(wanted: dict[str, Any]) -> None:
    """In a process that ends with the run: only its end closes all connections, which is how the others notice a failure.

    Autograd bears no fork once it was at work, so such runs come first. The boards of the parent's runs are not touched.
    """
    import lianlu.train.sharded  # noqa: F401  # pyright: ignore[reportUnusedImport] - read once, not on each side

    child = os.fork()
    if child == 0:
        code = 1
        try:
            group._turns = count(1000)  # pyright: ignore[reportPrivateUsage]
            run(wanted)
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


for each in json.loads(sys.argv[1]):
    way = type_in if "typed" in each else apart if "fail" in each else run
    way(each)
