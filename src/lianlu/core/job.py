"""The handle of running work: progress, metrics, cancelling, a seed, places to write. Knows no step and no store.

`Job.each` is the only error boundary for items: one bad file must not stop the other ninety-nine, and nowhere else may
code swallow an exception to get the same effect.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from lianlu.core.errors import Cancelled, LianluError, LimitError, UsageError
from lianlu.core.events import Event, Finished, Level, Made, Metric, Note, Outcome, Progress, Sink, Started
from lianlu.core.files import as_lianlu_error, refused
from lianlu.core.i18n import Text
from lianlu.records import Failure

__all__ = ["Job", "Tried"]

ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Tried(Generic[ItemT, ValueT]):
    """An item with what came of it: exactly one of `value` and `failure` is meaningful."""

    item: ItemT
    value: ValueT | None
    failure: Failure | None


class Job:
    """One piece of running work.

    Args:
        name: path of jobs, joined with '/'.
        sink: receives every event.
        seed: all randomness of the work derives from it.
        outputs: folder below which `folder(name)` gives the place of each output.
        scratch: folder that survives a kill and is removed when the work is finished: for checkpoints.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        name: str = "job",
        sink: Sink | None = None,
        *,
        seed: int = 0,
        outputs: Path | None = None,
        scratch: Path | None = None,
        cancelled: threading.Event | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.seed = seed
        self._sink = sink
        self._outputs = outputs
        self._scratch = scratch
        self._cancelled = cancelled or threading.Event()
        self._clock = clock

    def cancel(self) -> None:
        """Ask the work to stop at its next `check`."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled if the work was asked to stop. Called by `track` and `each` before every item."""
        if self._cancelled.is_set():
            raise Cancelled

    def emit(self, event: Event) -> None:
        """Pass an event on unchanged: for jobs that run in a child process."""
        if self._sink is not None:
            self._sink(event)

    def folder(self, output: str) -> Path:
        """The folder to fill with the files of one output. Raises UsageError file.unwritable, LimitError file.disk-full."""
        if self._outputs is None:
            raise UsageError("file.unwritable", path=output, why="this job has no output folder")
        return _made(self._outputs / output)

    @property
    def scratch(self) -> Path | None:
        """A folder for checkpoints that the next try of the same work finds again; None where nothing is kept."""
        return None if self._scratch is None else _made(self._scratch)

    def progress(self, label: str, done: int, total: int | None = None, unit: str = "") -> None:
        self.emit(Progress(job=self.name, at=self._clock(), label=label, done=done, total=total, unit=unit))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        kept = value if math.isfinite(value) else None
        self.emit(Metric(job=self.name, at=self._clock(), name=name, value=kept, step=step))

    def note(self, text: Text | str, level: Level = "info", code: str = "") -> None:
        both = text if isinstance(text, Text) else Text(text, "")
        self.emit(Note(job=self.name, at=self._clock(), level=level, text=both.en, text_zh=both.zh, code=code))

    def made(self, kind: str, artifact_id: str, name: str = "") -> None:
        self.emit(Made(job=self.name, at=self._clock(), artifact_kind=kind, artifact_id=artifact_id, name=name))

    def track(self, items: Iterable[ItemT], label: str, *, total: int | None = None, unit: str = "") -> Iterator[ItemT]:
        """Iterate with progress; stops with Cancelled between items."""
        if total is None and isinstance(items, Collection):
            total = len(items)
        for done, item in enumerate(items, start=1):
            self.check()
            yield item
            self.progress(label, done, total, unit)

    def each(
        self,
        items: Iterable[ItemT],
        work: Callable[[ItemT], ValueT],
        *,
        label: str,
        uri: Callable[[ItemT], str] = str,
    ) -> Iterator[Tried[ItemT, ValueT]]:
        """Do `work` for every item; an item that fails is reported with its reason and the rest go on.

        Cancelling and limits (a full disk, a spent quota) end the loop: every further item would meet them too.
        """
        for item in self.track(items, label):
            try:
                value = work(item)
            except (Cancelled, LimitError):
                raise
            except LianluError as error:
                yield Tried(item, None, self._failed(uri(item), error))
            except OSError as error:
                known = refused(error)
                if isinstance(known, LimitError):
                    raise known from error
                yield Tried(item, None, self._failed(uri(item), known) if known else self._bug(uri(item), error))
            except Exception as error:  # noqa: BLE001 - the item boundary of design.md §4
                yield Tried(item, None, self._bug(uri(item), error))
            else:
                yield Tried(item, value, None)

    def _failed(self, uri: str, error: LianluError) -> Failure:
        reason = Text(error.message("en"), error.message("zh"))
        self.note(Text(f"{uri}: {reason.en}", f"{uri}：{reason.zh}"), "warning", error.code)
        facts = {name: _plain(fact) for name, fact in error.facts.items()}
        return Failure(uri=uri, code=error.code, reason=reason.en, hint=error.hint("en"), facts=facts)

    def _bug(self, uri: str, error: Exception) -> Failure:
        reason = f"{type(error).__name__}: {error}"
        self.note(f"{uri}: {reason}", "warning", "bug")
        return Failure(uri=uri, code="bug", reason=reason, hint="".join(traceback.format_exception(error)[-2:]).strip())

    @contextmanager
    def child(self, name: str, *, meta: dict[str, Any] | None = None, **places: Any) -> Generator[Job]:
        """A part of this job with its own Started and Finished events; shares cancelling, sink and seed."""
        job = Job(
            f"{self.name}/{name}" if self.name else name,
            self._sink,
            seed=self.seed,
            cancelled=self._cancelled,
            clock=self._clock,
            **places,
        )
        with job.reported(meta=meta):
            yield job

    def passed(self, name: str, outcome: Outcome) -> None:
        """Report a part of this job that needed no work."""
        now = self._clock()
        path = f"{self.name}/{name}" if self.name else name
        self.emit(Started(job=path, at=now))
        self.emit(Finished(job=path, at=now, outcome=outcome, seconds=0.0))

    @contextmanager
    def reported(self, *, meta: dict[str, Any] | None = None) -> Generator[None]:
        """Emit Started now and Finished at the end, with the outcome that the block has."""
        began = self._clock()
        self.emit(Started(job=self.name, at=began, meta=meta or {}))
        try:
            yield
        except (Cancelled, KeyboardInterrupt):
            self._finished("cancelled", began)
            raise
        except LianluError as error:
            self._finished("failed", began, error.code, error.message("en"))
            raise
        except BaseException as error:
            self._finished("failed", began, "bug", repr(error))
            raise
        self._finished("done", began)

    def _finished(self, outcome: Outcome, began: float, code: str = "", message: str = "") -> None:
        now = self._clock()
        self.emit(Finished(job=self.name, at=now, outcome=outcome, seconds=now - began, code=code, message=message))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    return folder


def _plain(fact: object) -> str | int | float:
    return fact if isinstance(fact, str | int | float) else str(fact)
