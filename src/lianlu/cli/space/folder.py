"""The folder of a Space: made apart, then put in its place, over nothing but what was put there before.

`lianlu-space.json` lists every file with its hash. It is written first with the hashes of before and after, and last with
those of after, so that a killed run is known as ours; a file that somebody edited, or that was never ours, is not touched.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from lianlu import __version__
from lianlu.core.errors import UsageError
from lianlu.core.files import as_lianlu_error, sync_folder, write_bytes
from lianlu.core.hashing import sha256_file

__all__ = ["MARKER", "draft_of", "kept_files", "put", "sizes"]

MARKER = "lianlu-space.json"
_SHOWN = 5


class _Marker(msgspec.Struct, frozen=True, kw_only=True):
    made_by: str
    files: dict[str, str]
    before: dict[str, str] = {}


@contextmanager
def draft_of(folder: Path, *, is_kept: bool) -> Generator[Path]:
    """An empty folder to make the Space in; on the same disk as its place, if it is to be put there."""
    try:
        if is_kept:
            folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".tmp-space-", dir=folder.absolute().parent if is_kept else None))
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def kept_files(folder: Path) -> dict[str, str]:
    """What stands in a folder from an earlier time, by name with its hash; nothing where it is empty or absent.

    Raises:
        UsageError: cli.space-not-ours, cli.space-edited, file.unwritable
    """
    if not folder.exists():
        return {}
    if not folder.is_dir():
        raise UsageError("cli.space-not-ours", path=str(folder), marker=MARKER)
    if not any(folder.iterdir()):
        return {}
    marker = _read_marker(folder)
    if marker is None:
        raise UsageError("cli.space-not-ours", path=str(folder), marker=MARKER)
    named = {name for name in {*marker.files, *marker.before} if _stays_inside(name)}
    found = {name: sha256_file(folder / name) for name in named if (folder / name).is_file()}
    edited = [name for name, sha in found.items() if sha not in (marker.files.get(name), marker.before.get(name))]
    if edited:
        raise UsageError("cli.space-edited", path=str(folder), files=", ".join(sorted(edited)[:_SHOWN]))
    return found


def put(draft: Path, folder: Path, before: Mapping[str, str]) -> None:
    """Put a finished Space in its place.

    Args:
        before: what `kept_files` found.

    Raises:
        UsageError: cli.space-foreign-file, file.unwritable
        LimitError: file.disk-full
    """
    files = {name: sha256_file(draft / name) for name in sizes(draft) if name != MARKER}
    foreign = sorted(name for name in files if (folder / name).exists() and name not in before)
    if foreign:
        raise UsageError("cli.space-foreign-file", path=str(folder), files=", ".join(foreign[:_SHOWN]))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_marker(folder, files, before)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).replace(folder / name)
        for name in set(before) - set(files):
            (folder / name).unlink(missing_ok=True)
        _write_marker(folder, files)
        sync_folder(folder)
    except OSError as error:
        raise as_lianlu_error(error, folder) from error


def sizes(folder: Path) -> dict[str, int]:
    """All files of a Space by name, with their sizes."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in found}


def _stays_inside(name: str) -> bool:
    """Whether a name of the marker, which anybody may have written, is one below the folder."""
    return bool(name) and not Path(name).is_absolute() and ".." not in Path(name).parts


def _read_marker(folder: Path) -> _Marker | None:
    try:
        return msgspec.json.decode((folder / MARKER).read_bytes(), type=_Marker)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _write_marker(folder: Path, files: Mapping[str, str], before: Mapping[str, str] | None = None) -> None:
    marker: dict[str, Any] = {"made_by": f"lianlu {__version__}", "files": dict(sorted(files.items()))}
    if before:
        marker["before"] = dict(sorted(before.items()))
    write_bytes(folder / MARKER, msgspec.json.format(msgspec.json.encode(marker), indent=1) + b"\n")
