"""Locks between processes and threads, by flock: the kernel releases them when their holder dies, however it dies.

`locks/.in-use.lock` is the one lock with two modes: whoever writes or runs holds it shared, `gc` holds it exclusively.
Shared holders never wait for each other, so taking it again inside itself is safe.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["held", "try_flock"]


@contextmanager
def held(path: Path, *, shared: bool = False, on_wait: Callable[[], None] | None = None) -> Generator[None]:
    """Hold the lock file `path` during the block; `on_wait` is called once when somebody else holds it.

    Raises:
        OSError: the lock file cannot be made
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        if not try_flock(descriptor, mode):
            if on_wait is not None:
                on_wait()
            fcntl.flock(descriptor, mode)
        yield
    finally:
        os.close(descriptor)


def try_flock(descriptor: int, mode: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if nobody holds it against us."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
