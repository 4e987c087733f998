"""What a person sees in a terminal. Progress goes to stderr, results to stdout, so that pipes stay clean.

On a terminal rich draws live bars with speed and time left; elsewhere plain lines are written, at most one in five
seconds for each job. rich is imported only when something is drawn.
"""

from __future__ import annotations

import os
import re
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from lianlu.core.errors import LianluError
from lianlu.core.events import Event, Finished, Made, Metric, Note, Progress, Started
from lianlu.core.i18n import language, pick

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

__all__ = [
    "ConsoleSink",
    "LiveConsole",
    "PlainConsole",
    "console_sink",
    "harmless",
    "is_coloured",
    "print_table",
    "say",
    "say_error",
]

_PLAIN_EVERY_SECONDS = 5.0
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def say(text: str = "", *, stream: TextIO | None = None) -> None:
    """Write one line of results to stdout (or `stream`)."""
    print(text, file=stream or sys.stdout)


def harmless(text: str) -> str:
    """Words of others without the characters that steer a terminal: a document must not move the cursor.

    >>> harmless("a\\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    return _STEERING.sub("\ufffd", text)


def is_coloured() -> bool:
    """Whether standard output shows colours: it is a terminal, and nobody asked for none (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def say_error(error: LianluError) -> None:
    """Write an error with its hint to stderr, as the command line does where one ends a command."""
    hint = f"\n{pick('hint', '提示')}: {error.hint()}" if error.hint() else ""
    say(f"{pick('error', '错误')}: {error.message()} [{error.code}]{hint}", stream=sys.stderr)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """A table on stdout; cells are shown with str()."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as RichText

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(RichText(str(cell)) for cell in row))

    class Page(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1; `| head` is no failure

    console = Page(file=sys.stdout)
    if not console.is_terminal:
        console.width = 160
    console.print(table)


class ConsoleSink(ABC):
    """Base of the two console sinks: notes and failures read the same in both."""

    def __init__(self, stream: TextIO, *, verbose: int = 0) -> None:
        self.stream = stream
        self.verbose = verbose

    @abstractmethod
    def __call__(self, event: Event) -> None:
        """Show an event."""

    def close(self) -> None:  # noqa: B027 - lines need no end
        """Stop drawing."""

    def _wants(self, note: Note) -> bool:
        """Whether a note is for whoever looks here; what a step of a chain remarks about itself is not."""
        is_told = note.level in ("warning", "error") or (note.level == "notice" and "/" not in note.job)
        return is_told or self.verbose > 0

    def _line(self, event: Event) -> str | None:
        if isinstance(event, Note) and self._wants(event):
            mark = {"info": " ", "notice": " ", "warning": "!", "error": "✗"}[event.level]
            text = event.text_zh if language() == "zh" and event.text_zh else event.text
            return f"{mark} {_leaf(event.job)}: {text}"
        if isinstance(event, Finished) and "/" in event.job:
            words = {
                "done": pick("done", "完成"),
                "cached": pick("from the cache", "来自缓存"),
                "failed": pick("failed", "失败"),
                "cancelled": pick("stopped", "已停止"),
                "skipped": pick("skipped", "已跳过"),
            }
            mark = "✗" if event.outcome in ("failed", "cancelled") else "✓"
            return f"{mark} {_leaf(event.job)}: {words[event.outcome]} ({event.seconds:.1f} s)"
        if self.verbose and isinstance(event, Made):
            return f"  {_leaf(event.job)}: {event.artifact_kind} {event.artifact_id} {event.name}"
        if self.verbose and isinstance(event, Metric):
            return f"  {_leaf(event.job)}: {event.name} = {'–' if event.value is None else f'{event.value:g}'}"
        return None


class PlainConsole(ConsoleSink):
    """Lines for logs and pipes."""

    def __init__(self, stream: TextIO, *, verbose: int = 0) -> None:
        super().__init__(stream, verbose=verbose)
        self._last: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        line = self._line(event)
        if line is None and isinstance(event, Progress):
            line = self._progress(event)
        if line is not None:
            say(line, stream=self.stream)

    def _progress(self, event: Progress) -> str | None:
        last = self._last.setdefault(event.job, event.at)
        if event.at - last < _PLAIN_EVERY_SECONDS:
            return None
        self._last[event.job] = event.at
        of = f"/{event.total}" if event.total is not None else ""
        return f"  {_leaf(event.job)}: {event.label} {event.done}{of} {event.unit}".rstrip()


class LiveConsole(ConsoleSink):
    """Bars on a terminal, one for each running job."""

    def __init__(self, stream: TextIO, *, verbose: int = 0) -> None:
        super().__init__(stream, verbose=verbose)
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._console = Console(file=stream)
        self._bars: Bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started) and "/" in event.job:
            self._bars.start()
            self._tasks[event.job] = self._bars.add_task(_leaf(event.job), total=None, speed="")
            self._began[event.job] = time.monotonic()
        elif isinstance(event, Progress):
            self._advance(event)
        elif isinstance(event, Finished) and event.job in self._tasks:
            self._bars.remove_task(self._tasks.pop(event.job))
            if not self._tasks:
                self._bars.stop()
        line = self._line(event)
        if line is not None:
            self._console.print(line, markup=False, highlight=False)

    def _advance(self, event: Progress) -> None:
        if event.job not in self._tasks:
            self._bars.start()
            self._tasks[event.job] = self._bars.add_task(_leaf(event.job), total=event.total, speed="")
            self._began[event.job] = time.monotonic()
        seconds = max(time.monotonic() - self._began[event.job], 1e-6)
        self._bars.update(
            self._tasks[event.job],
            description=f"{_leaf(event.job)} · {event.label}",
            completed=event.done,
            total=event.total,
            speed=f"{event.done / seconds:.1f} {event.unit}/s" if event.done else "",
        )

    def close(self) -> None:
        self._bars.stop()


def console_sink(*, quiet: bool = False, verbose: int = 0, stream: TextIO | None = None) -> ConsoleSink | None:
    """The sink for this terminal; None when quiet."""
    if quiet:
        return None
    where: TextIO = stream or sys.stderr
    return (LiveConsole if where.isatty() else PlainConsole)(where, verbose=verbose)


def _leaf(job: str) -> str:
    return job.split("/", 1)[-1]
