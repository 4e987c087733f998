"""Fresh folders for work in progress, removed when it ends, and swept when the process that owned them is dead.

The owner holds a flock on the folder itself: a process id could be that of another machine or container on the same
store. Making and sweeping take turns (`locks/.sweep.lock`), so that no folder is seen before it is locked.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lianlu.store.locks import held, try_flock

__all__ = ["sweep", "workspace"]


@contextmanager
def workspace(folder: Path, turn: Path) -> Generator[Path]:
    """A new folder below `folder`; `turn` is the lock file of sweeping.

    Raises:
        OSError: it cannot be made
    """
    with held(turn):
        place = Path(tempfile.mkdtemp(dir=folder, prefix="w-"))
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try_flock(descriptor)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(descriptor)


def sweep(folder: Path, turn: Path) -> int:
    """Remove the workspaces whose owner is dead; returns how many there were."""
    swept = 0
    with held(turn):
        for place in sorted(folder.iterdir()):
            if not place.is_dir() or place.is_symlink():
                place.unlink(missing_ok=True)
                continue
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if try_flock(descriptor):
                    shutil.rmtree(place, ignore_errors=True)
                    swept += 1
            finally:
                os.close(descriptor)
    return swept
