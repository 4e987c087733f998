"""Checkpoints: Hugging Face folders with the trainer's state beside the weights, whole or not there at all.

    step-00000200/    config.json, model.safetensors (or the adapter's files), tokenizer files
        trainer/      optimizer.safetensors, state.json
        manifest.json sha256 of every file
    latest            the name of the newest whole one

A checkpoint is written under a temporary name, flushed, renamed, and only then named by `latest`; what a kill leaves
behind is ignored and cleared away by the next save. Random numbers need no file: every step seeds them from (seed, step).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import as_lianlu_error, sync_folder, write_bytes
from lianlu.core.hashing import canonical_json, sha256_file

__all__ = ["Checkpoint", "TrainerState", "clear", "newest", "save_checkpoint"]

_LATEST = "latest"
_NAME = re.compile(r"step-\d{8}")
_TEMPORARY = ".tmp-"
_MANIFEST = "manifest.json"


class TrainerState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run stands. `key` tells which run: a checkpoint of another one is not gone on with."""

    key: str
    step: int
    tokens: int
    metrics: list[dict[str, float | int | None]]


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint."""

    folder: Path
    state: TrainerState

    @property
    def optimizer(self) -> Path:
        return self.folder / "trainer" / "optimizer.safetensors"


def save_checkpoint(
    root: Path, state: TrainerState, optimizer: dict[str, Any], write_model: Callable[[Path], None], *, keep: int
) -> Path:
    """Write a checkpoint, name it as the latest, and drop the oldest beyond `keep`.

    Args:
        optimizer: tensors by name.
        write_model: writes the model's files into a folder.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    from safetensors.torch import save

    name = f"step-{state.step:08d}"
    temporary = root / f"{_TEMPORARY}{name}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        write_model(temporary)
        (temporary / "trainer").mkdir()
        (temporary / "trainer" / "optimizer.safetensors").write_bytes(save(optimizer))
        (temporary / "trainer" / "state.json").write_bytes(msgspec.json.encode(state))
        _seal(temporary)
        target = root / name
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
        sync_folder(root)
        write_bytes(root / _LATEST, name.encode() + b"\n")
        for old in sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name))[:-keep]:
            shutil.rmtree(old)
    except OSError as error:
        raise as_lianlu_error(error, root / name) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # half a checkpoint: on a full disk it takes the room that is left
    return root / name


def newest(root: Path, key: str) -> Checkpoint | None:
    """The newest whole checkpoint of the run `key`; one that is torn is passed over.

    Raises:
        UsageError: train.other-run: the folder holds checkpoints of another run
    """
    if not root.is_dir():
        return None
    named = _read(root / _LATEST).decode("ascii", "replace").strip()
    found = sorted((path for path in root.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
    for folder in sorted(found, key=lambda path: path.name != named):
        state = _whole(folder)
        if state is not None:
            if state.key != key:
                raise UsageError("train.other-run", path=str(root))
            return Checkpoint(folder, state)
    return None


def clear(root: Path) -> None:
    """Remove all checkpoints of a run. Raises UsageError file.unwritable."""
    try:
        if root.is_dir():
            shutil.rmtree(root)
    except OSError as error:
        raise as_lianlu_error(error, root) from error


def _seal(folder: Path) -> None:
    """Flush every file and write the manifest that tells whether they are whole."""
    hashes: dict[str, str] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        hashes[path.relative_to(folder).as_posix()] = sha256_file(path)
    write_bytes(folder / _MANIFEST, canonical_json(hashes))
    sync_folder(folder / "trainer")
    sync_folder(folder)


def _whole(folder: Path) -> TrainerState | None:
    try:
        hashes = json.loads(_read(folder / _MANIFEST))
        if all(sha256_file(folder / name) == wanted for name, wanted in hashes.items()):
            return msgspec.json.decode(_read(folder / "trainer" / "state.json"), type=TrainerState)
    except (OSError, ValueError, AttributeError, msgspec.DecodeError):
        return None
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _sweep(root: Path) -> None:
    for path in root.iterdir():
        if path.name.startswith(_TEMPORARY) and path.is_dir():
            shutil.rmtree(path)
