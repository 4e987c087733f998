"""An artifact as a plain folder that stands alone: its files under their names, its manifest, its lineage.

The folder is made beside its place and renamed, so a killed export leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import as_lianlu_error, sync_folder
from lianlu.core.hashing import canonical_json
from lianlu.records import Artifact, ArtifactFile
from lianlu.store.lineage import Lineage
from lianlu.store.names import check_file_names

__all__ = ["export"]

_BLOCK_BYTES = 1 << 20


def export(lineage: Lineage, names: Mapping[str, str], folder: Path, place: Callable[[ArtifactFile], Path]) -> Path:
    """Write `lineage.artifact` to `folder`, which must be absent or empty; every file is hashed while it is copied.

    Args:
        names: artifact id -> ref name, for the lineage file.
        place: where the bytes of a file lie.

    Raises:
        UsageError: store.export-target, file.unwritable
        DataError: store.corrupt-file
        LimitError: file.disk-full
    """
    artifact = lineage.artifact
    check_file_names(file.name for file in artifact.files)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError("store.export-target", path=str(folder))
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".tmp-export-"))
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    try:
        _fill(draft, lineage, names, place)
        draft.chmod(0o755)
        draft.replace(folder)  # replaces an empty folder, fails on a full one
        sync_folder(folder.parent)
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _fill(draft: Path, lineage: Lineage, names: Mapping[str, str], place: Callable[[ArtifactFile], Path]) -> None:
    artifact = lineage.artifact
    for file in artifact.files:
        target = draft / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_checked(place(file), target, file, artifact)
    taken = {file.name.split("/", 1)[0] for file in artifact.files}
    _write(draft, "manifest.json", taken, artifact)
    _write(draft, "lineage.json", taken, {**msgspec.to_builtins(lineage), "names": dict(names)})


def _write(draft: Path, name: str, taken: set[str], value: object) -> None:
    """Our own files step aside for the artifact's: a weights folder may well have its own manifest.json."""
    free = f"lianlu-{name}" if name in taken else name
    (draft / free).write_bytes(msgspec.json.format(canonical_json(value), indent=2) + b"\n")


def _copy_checked(source: Path, target: Path, file: ArtifactFile, artifact: Artifact) -> None:
    running = hashlib.sha256()
    with source.open("rb") as original, target.open("xb") as copied:
        while block := original.read(_BLOCK_BYTES):
            running.update(block)
            copied.write(block)
        copied.flush()
        os.fsync(copied.fileno())
    if running.hexdigest() != file.sha256:
        raise DataError("store.corrupt-file", name=file.name, artifact=artifact.id, path=str(source))
