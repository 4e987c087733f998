"""Where things lie below the root of a store, and which format it has. Decides nothing about their contents.

`format` is written before any folder, so a folder of ours without it cannot be: blobs/ and refs/ of another program
(git and model hubs use the same words) are never taken for a store.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from lianlu.core.errors import LianluError, UsageError
from lianlu.core.files import as_lianlu_error, write_bytes
from lianlu.core.i18n import Text

__all__ = ["STORE_FORMAT", "Layout", "unusable"]

STORE_FORMAT = 1
_FORMAT_LINE = re.compile(r"lianlu store (\d+)\s*")
_FOLDERS = ("blobs", "artifacts", "steps", "refs", "runs", "state", "work", "locks", "tmp")


class Layout:
    """Paths of one store."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.format = root / "format"
        self.catalogue = root / "catalogue.sqlite"
        self.blobs = root / "blobs"
        self.artifacts = root / "artifacts"
        self.steps = root / "steps"
        self.refs = root / "refs"
        self.runs = root / "runs"
        self.state = root / "state"
        self.work = root / "work"
        self.locks = root / "locks"
        self.tmp = root / "tmp"
        self.in_use = self.locks / ".in-use.lock"
        self.sweep_turn = self.locks / ".sweep.lock"

    def found_format(self) -> int | None:
        """The version this store was made with; None where no store is.

        Raises:
            UsageError: store.unusable, store.newer-format
        """
        try:
            text = self.format.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(self.root, error) from error
        line = _FORMAT_LINE.fullmatch(text)
        if line is None:
            why = Text("its file 'format' is not that of a lianlu store", "其中的 format 文件不属于 lianlu 存储库")
            raise UsageError("store.unusable", path=str(self.root), why=why)
        if int(line.group(1)) > STORE_FORMAT:
            raise UsageError("store.newer-format", path=str(self.root), found=int(line.group(1)), known=STORE_FORMAT)
        return int(line.group(1))

    def create(self) -> None:
        """Make what is not there yet.

        Raises:
            UsageError: store.unusable
            LimitError: file.disk-full
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not self.format.exists():
                self._refuse_other_programs()
                write_bytes(self.format, f"lianlu store {STORE_FORMAT}\n".encode())
            for folder in _FOLDERS:
                (self.root / folder).mkdir(exist_ok=True)
        except OSError as error:
            raise unusable(self.root, error) from error
        except UsageError as error:
            if error.code != "file.unwritable":
                raise
            raise UsageError("store.unusable", path=str(self.root), why=error.facts["why"]) from error

    def _refuse_other_programs(self) -> None:
        taken = sorted({*_FOLDERS} & {entry.name for entry in os.scandir(self.root)})
        if taken and not self.format.exists():  # looked at again: another process may be making the same store now
            why = Text(f"it has {', '.join(taken)} of another program", f"其中已有其他程序的文件夹：{', '.join(taken)}")
            raise UsageError("store.unusable", path=str(self.root), why=why)


def unusable(root: Path, error: OSError) -> LianluError:
    """The error of a store that the operating system refuses; a full disk stays what it is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return as_lianlu_error(error, root)
    return UsageError("store.unusable", path=str(root), why=error.strerror or str(error))
