"""Keep a base up to date while its folders change. Looks at times and sizes, reads only when they have settled.

Looking, not listening: it works on every file system, network disks and containers too, where events do not arrive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lianlu.core.errors import LianluError, UsageError
from lianlu.core.files import walk
from lianlu.core.job import Job
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.changes import Changes
from lianlu.rag.sources import Root

__all__ = ["Noticed", "watch"]

_FOREIGN_EVERY_SECONDS = 600.0
"""How often addresses and databases are read again: looking at them costs others something."""

Signature = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Noticed:
    """What one look led to: the changes, or the error that kept the base as it was."""

    changes: Changes | None = None
    error: LianluError | None = None


def watch(
    base: KnowledgeBase,
    job: Job,
    *,
    every_seconds: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Noticed]:
    """Update the base whenever its sources have changed; ends when the job is cancelled.

    A file that is still being written changes between two looks and is left for the next one.
    """
    read: Signature | None = None
    before: Signature | None = None
    foreign_at = clock()
    while not job.is_cancelled:
        now = _signature(base)
        is_due = clock() - foreign_at >= _FOREIGN_EVERY_SECONDS and _has_foreign(base)
        has_settled = now == before or before is None
        if (now != read and has_settled) or is_due:
            yield _updated(base, job)
            read, foreign_at = now, clock() if is_due else foreign_at
        before = now
        sleep(every_seconds)


def _updated(base: KnowledgeBase, job: Job) -> Noticed:
    try:
        return Noticed(changes=base.update((), job))
    except LianluError as error:
        return Noticed(error=error)


def _has_foreign(base: KnowledgeBase) -> bool:
    return any(Root(text).kind in ("web", "sql") for text in base.truth.roots().values())


def _signature(base: KnowledgeBase) -> Signature:
    """Time and size of every file of the base; a folder that cannot be looked at now counts as empty."""
    found: Signature = {}
    for text in base.truth.roots().values():
        root = Root(text)
        try:
            paths = walk(root.path) if root.kind == "path" else []
        except UsageError:
            continue
        for path in paths:
            stat = _stat(path)
            if stat is not None:
                found[str(path)] = (stat.st_mtime_ns, stat.st_size)
    return found


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
