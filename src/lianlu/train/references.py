"""The scores of the model as it was before the first step, made once and kept beside the checkpoints.

A run that is gone on with reads them: its weights are no longer those that made them. A file is whole or not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from torch import Tensor

from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.job import Job
from lianlu.train.objectives import References
from lianlu.train.samples import Unit, content_key

__all__ = ["FILE", "make_references"]

FILE = "references.json"


class _Kept(msgspec.Struct, frozen=True):
    key: str
    scores: dict[str, tuple[float, ...]]


def make_references(
    rows: Sequence[Sequence[Unit]],
    score: Callable[[Sequence[Unit]], Tensor],
    job: Job,
    folder: Path | None,
    key: str,
    *,
    is_new: bool,
) -> References:
    """Scores by `content_key`, one for each piece of a sample.

    Args:
        score: log-probabilities of all pieces of the samples of a row, in order.
        folder: where they are kept; None keeps nothing.
        is_new: make them; else read what the beginning of this run kept.

    Raises:
        Cancelled
        LimitError: file.disk-full
        UsageError: train.no-references, file.unwritable
    """
    kept = _read(folder / FILE) if folder is not None else None
    if kept is not None and kept.key == key:
        return kept.scores
    if not is_new:
        raise UsageError("train.no-references", path=str(folder))
    found: dict[str, tuple[float, ...]] = {}
    for units in job.track(rows, "reference", unit="rows"):
        values = score(units).tolist()
        for unit in units:
            size = len(unit.pieces)
            found[content_key(unit)], values = tuple(values[:size]), values[size:]
    if folder is not None:
        write_bytes(folder / FILE, msgspec.json.encode(_Kept(key, found)))
    return found


def _read(path: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.DecodeError):
        return None
