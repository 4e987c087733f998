"""Files beside metrics.jsonl that grow by a line a step or so: speed.jsonl, samples.jsonl. Imports no torch.

They hold what must not stand in metrics.jsonl (times) or is too long for it (answers), and are written while the run goes
on. A line is one write, so a kill leaves at most the last one torn; who reads drops it, who goes on cuts it off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.files import as_lianlu_error, write_bytes

__all__ = ["StepLines", "lines_of"]


class StepLines:
    """A file of JSON objects, each with a `step`, that is only appended to."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep_until(self, step: int) -> None:
        """Drop the lines after `step`, which a resumed run makes again; 0 begins anew.

        Raises:
            LimitError: file.disk-full
            UsageError: file.unwritable
        """
        kept = [line for line in self.read() if line["step"] <= step]
        write_bytes(self.path, b"".join(_encoded(line) for line in kept))

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Add lines with one write; a torn last line of a killed process is cut off first.

        Raises:
            LimitError: file.disk-full
            UsageError: file.unwritable
        """
        content = b"".join(_encoded(line) for line in lines)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn(self.path)
            with self.path.open("ab", buffering=0) as file:
                file.write(content)
        except OSError as error:
            raise as_lianlu_error(error, self.path) from error

    def read(self) -> list[dict[str, Any]]:
        """The whole lines; none where there is no file. Raises UsageError file.unwritable where it cannot be opened."""
        try:
            return lines_of(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise as_lianlu_error(error, self.path) from error


def lines_of(content: bytes) -> list[dict[str, Any]]:
    """The lines that are whole: what is no JSON object with a whole number as `step` is dropped."""
    found: list[dict[str, Any]] = []
    for line in content.splitlines():
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(value, dict) and type(value.get("step")) is int:
            found.append(value)
    return found


def _encoded(line: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def _cut_torn(path: Path) -> None:
    """Let the file end with a line end, whatever stood after the last one."""
    if not path.exists() or not path.stat().st_size:
        return
    with path.open("r+b") as file:
        file.seek(-1, 2)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
