"""What was already done: `steps/<key>.json` says which artifacts a step with this cache key made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.files import write_bytes
from lianlu.core.hashing import canonical_json
from lianlu.core.i18n import Text
from lianlu.store.names import check_name

__all__ = ["StepRecord", "Steps"]

_WHAT = Text("step key", "步骤键")


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A finished step: its outputs by name as artifact ids, and the summary it gave."""

    key: str
    name: str
    version: int
    outputs: dict[str, str]
    summary: dict[str, Any] = {}


class Steps:
    """The records below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, key: str) -> Path:
        return self._folder / f"{check_name(key, what=_WHAT, nested=False)}.json"

    def read(self, key: str) -> StepRecord | None:
        """The record; None when there is none or it cannot be read, for then the step is simply done again."""
        try:
            record = msgspec.json.decode(self.path(key).read_bytes(), type=StepRecord)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return record if record.key == key else None

    def write(self, record: StepRecord) -> None:
        """Raises LimitError file.disk-full, UsageError file.unwritable, store.bad-name."""
        write_bytes(self.path(record.key), canonical_json(record) + b"\n")

    def all(self) -> list[tuple[StepRecord, float]]:
        """Every readable record with the time it was written (seconds since the epoch), sorted by key."""
        found: list[tuple[StepRecord, float]] = []
        for path in sorted(self._folder.glob("*.json")):
            record = self.read(path.stem)
            if record is not None:
                found.append((record, path.stat().st_mtime))
        return found

    def remove(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)
