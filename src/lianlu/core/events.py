"""What happens in a run, as one union of records. `events.jsonl` is the truth; console, JSON and web pages are sinks.

Only `Job` emits events. `job` is the path of jobs from the run down, joined with '/'; `at` is seconds since the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from lianlu.core.files import as_lianlu_error

__all__ = [
    "Event",
    "Finished",
    "JsonLinesSink",
    "Level",
    "Made",
    "Metric",
    "Note",
    "Outcome",
    "Progress",
    "Sink",
    "Started",
    "decode_events",
]

Level = Literal["info", "notice", "warning", "error"]
Outcome = Literal["done", "cached", "failed", "cancelled", "skipped"]


class _Base(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=str.lower):
    job: str
    at: float


class Started(_Base, frozen=True, kw_only=True, omit_defaults=True):
    meta: dict[str, Any] = {}


class Progress(_Base, frozen=True, kw_only=True, omit_defaults=True):
    label: str
    done: int
    total: int | None = None
    unit: str = ""


class Metric(_Base, frozen=True, kw_only=True, omit_defaults=True):
    """`value` is None where the number was not finite: JSON has no word for it."""

    name: str
    value: float | None
    step: int | None = None


class Note(_Base, frozen=True, kw_only=True, omit_defaults=True):
    """`text` is English; `text_zh` where the sender had both.

    Attributes:
        level: a notice is shown to whoever started the job itself, an info to those who asked for more.
    """

    level: Level
    text: str
    text_zh: str = ""
    code: str = ""


class Made(_Base, frozen=True, kw_only=True, omit_defaults=True):
    artifact_kind: str
    artifact_id: str
    name: str = ""


class Finished(_Base, frozen=True, kw_only=True, omit_defaults=True):
    outcome: Outcome
    seconds: float
    code: str = ""
    message: str = ""


Event = Started | Progress | Metric | Note | Made | Finished
Sink = Callable[[Event], None]


class JsonLinesSink:
    """Append each event to a file as one JSON line, flushed at once; progress at most every `every_seconds` a job.

    A line that a killed process left half written is closed first, so that the next line stays readable.
    """

    def __init__(self, path: Path, *, every_seconds: float = 0.5) -> None:
        self._path = path
        self._every = every_seconds
        self._last: dict[str, float] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torn = path.exists() and path.stat().st_size > 0 and path.read_bytes()[-1:] != b"\n"
            self._file: IO[bytes] = path.open("ab")
            if torn:
                self._file.write(b"\n")
        except OSError as error:
            raise as_lianlu_error(error, path) from error

    def __call__(self, event: Event) -> None:
        if isinstance(event, Progress) and event.done != event.total:
            if event.at - self._last.get(event.job, -math.inf) < self._every:
                return
            self._last[event.job] = event.at
        try:
            self._file.write(msgspec.json.encode(event) + b"\n")
            self._file.flush()
        except OSError as error:
            raise as_lianlu_error(error, self._path) from error

    def close(self) -> None:
        self._file.close()


def decode_events(lines: bytes) -> list[Event]:
    """Events of a log; lines that a killed process left unreadable are skipped."""
    decoder = msgspec.json.Decoder(Event)
    events: list[Event] = []
    for line in lines.splitlines():
        try:
            events.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return events
