"""Where the metrics of a run go besides its own files: TensorBoard, Weights & Biases, SwanLab, or a plug-in.

Members of the registry group `sink`. Nothing leaves the machine unless the user says so in the words of the tool itself
(WANDB_MODE, SWANLAB_MODE): W&B runs offline and without the reports it sends even then, SwanLab for its local page. A sink
that fails while a run goes on is told once and left out: a training is worth more than its curve. Imports no torch.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

from lianlu.core import registry
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.extras import require
from lianlu.core.i18n import Text
from lianlu.core.job import Job

__all__ = [
    "Sink",
    "SinkOpener",
    "Sinks",
    "WatchedRun",
    "open_sinks",
    "open_swanlab",
    "open_tensorboard",
    "open_wandb",
]

_PROJECT = "lianlu"


@dataclass(frozen=True)
class WatchedRun:
    """The run that is watched.

    Attributes:
        name: what it is called among others.
        folder: where a sink may keep files, in a folder of its own.
        done: the step that is gone on from; 0 for a new run.
    """

    name: str
    folder: Path
    done: int = 0


@runtime_checkable
class Sink(Protocol):
    """One place that metrics go to; what it raises costs it its place, not the run its life."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Keep finite values by name; steps rise."""
        ...

    def close(self) -> None:
        """Write what is held back."""
        ...


@runtime_checkable
class SinkOpener(Protocol):
    """A member of the registry group `sink`."""

    def __call__(self, run: WatchedRun, settings: Mapping[str, Any]) -> Sink:
        """Begin, with the settings of the run, which JSON can hold. Raises UsageError extra.missing."""
        ...


class Sinks:
    """The sinks of one run as one; use it as a context, so that all are closed whatever happens."""

    def __init__(self, sinks: Mapping[str, Sink], job: Job) -> None:
        self._sinks = dict(sinks)
        self._job = job

    def log(self, step: int, values: Mapping[str, float | int | None]) -> None:
        """Pass the finite numbers on to every sink that still works; `step` among them is left out."""
        kept = {
            name: float(value)
            for name, value in values.items()
            if name != "step" and value is not None and math.isfinite(value)
        }
        for name, sink in list(self._sinks.items()):
            if not self._did(name, partial(sink.log, step, kept)):
                del self._sinks[name]
                self._did(name, sink.close)

    def close(self) -> None:
        """Close all, each once."""
        while self._sinks:
            name, sink = self._sinks.popitem()
            self._did(name, sink.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _did(self, name: str, work: Callable[[], None]) -> bool:
        """Let the sink work behind the boundary of items; what it raises is told, whatever it is."""
        try:
            [tried] = Job(name).each([name], lambda _: work(), label=name)  # a job of its own: ours may be stopping
        except LianluError as error:
            why = error.message("en")
        else:
            if tried.failure is None:
                return True
            why = _first_line(tried.failure.reason)
        self._job.note(
            Text(f"{name} takes no more metrics, the run goes on: {why}", f"{name} 不再接收指标，训练继续：{why}"),
            "warning",
            "train.sink-dropped",
        )
        return False


def open_sinks(names: Sequence[str], run: WatchedRun, settings: Mapping[str, Any], job: Job) -> Sinks:
    """Open each named sink once, before anything is trained.

    Raises:
        UsageError: registry.unknown-name; extra.missing, with the pip command; train.sink-failed
    """
    opened: dict[str, Sink] = {}
    try:
        for name in dict.fromkeys(names):
            opened[name] = _opened(name, run, settings)
    except LianluError:
        Sinks(opened, job).close()
        raise
    return Sinks(opened, job)


def open_tensorboard(run: WatchedRun, settings: Mapping[str, Any]) -> Sink:
    """Event files below `tensorboard`; `tensorboard --logdir FOLDER` shows them. Raises UsageError extra.missing."""
    require("tensorboard", "tensorboard")
    require("torch", "torch")
    from torch.utils.tensorboard import SummaryWriter

    purge = run.done + 1 if run.done else None  # what the killed run wrote after the step gone on from
    writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=purge, max_queue=100, flush_secs=5)
    shown = json.dumps(settings, ensure_ascii=False, indent=2)
    writer.add_text("settings", f"```\n{shown}\n```", run.done)
    return _TensorBoard(writer)


def open_wandb(run: WatchedRun, settings: Mapping[str, Any]) -> Sink:
    """Weights & Biases: files below `wandb`, which `wandb sync` uploads; WANDB_MODE=online uploads them at once.

    Raises UsageError extra.missing.
    """
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # else it calls home even when it is offline (0.31)
    wandb = require("wandb", "wandb")
    folder = run.folder / "wandb"
    folder.mkdir(parents=True, exist_ok=True)
    mode = None if os.environ.get("WANDB_MODE") else "offline"
    options = {"console": "off", "silent": True}  # our lines are not its business
    made = wandb.init(
        project=_PROJECT, name=run.name, dir=str(folder), config=dict(settings), mode=mode, settings=options
    )
    return _Logger(made)


def open_swanlab(run: WatchedRun, settings: Mapping[str, Any]) -> Sink:
    """SwanLab: files below `swanlab`, which `swanlab watch` shows; SWANLAB_MODE=online uploads them.

    Raises UsageError extra.missing.
    """
    swanlab = require("swanlab", "swanlab")
    mode = None if os.environ.get("SWANLAB_MODE") else "local"
    if mode == "local":
        require("swanboard", "swanlab")  # without it the local mode says so in its log and keeps nothing to show
    folder = run.folder / "swanlab"
    folder.mkdir(parents=True, exist_ok=True)
    made = swanlab.init(
        project=_PROJECT, experiment_name=run.name, log_dir=str(folder), config=dict(settings), mode=mode
    )
    return _Logger(made)


class _TensorBoard:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _Logger:
    """A run of W&B or SwanLab, which take the same two calls."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def _opened(name: str, run: WatchedRun, settings: Mapping[str, Any]) -> Sink:
    opener: SinkOpener = registry.find("sink", name)
    try:
        return opener(run, settings)
    except LianluError:
        raise
    except Exception as error:
        raise UsageError("train.sink-failed", sink=name, why=_first_line(f"{type(error).__name__}: {error}")) from error


def _first_line(reason: str) -> str:
    return next(iter(reason.splitlines()), "")[:300].removesuffix(": ")
