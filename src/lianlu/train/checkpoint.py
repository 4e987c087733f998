"""Checkpoints: Hugging Face folders with the trainer's state beside the weights, whole or not there at all.

    step-00000200/    config.json, model.safetensors (or the adapter's files), tokenizer files
        trainer/      optimizer.safetensors (of several processes a file each), state.json
        manifest.json sha256 of every file
    latest            the name of the newest whole one

A checkpoint is written under a temporary name, flushed, renamed, and only then named by `latest`; what a kill leaves
behind is ignored and cleared away by the next save. Random numbers need no file: every step seeds them from (seed, step).
Several processes write the optimizer's state by torch.distributed.checkpoint, in its safetensors form: its own has pickles,
and this one is read by any number of processes, as a plain file is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.files import as_lianlu_error, sync_folder, write_bytes
from lianlu.core.hashing import canonical_json, sha256_file
from lianlu.train.group import Alone, Group

__all__ = ["Checkpoint", "TrainerState", "clear", "newest", "read_optimizer", "save_checkpoint"]

_LATEST = "latest"
_OPTIMIZER = "optimizer.safetensors"
_SPEED = "speed.jsonl"
_NAME = re.compile(r"step-\d{8}")
_TEMPORARY = ".tmp-"
_MANIFEST = "manifest.json"


class TrainerState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the run stands. `key` tells which run: a checkpoint of another one is not gone on with."""

    key: str
    step: int
    tokens: int
    metrics: list[dict[str, float | int | None]]
    facts: dict[str, Any] = {}


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint."""

    folder: Path
    state: TrainerState

    @property
    def optimizer(self) -> Path:
        """The folder of its safetensors files."""
        return self.folder / "trainer"


def save_checkpoint(
    root: Path,
    state: TrainerState,
    optimizer: dict[str, Any],
    write_model: Callable[[Path], None],
    *,
    keep: int,
    group: Group | None = None,
) -> Path:
    """Write a checkpoint, name it as the latest, and drop the oldest beyond `keep`.

    Args:
        optimizer: tensors by name; of several processes DTensors.
        write_model: writes the model's files into a folder; all processes call it, the first one writes.
        group: the processes, each of which calls this.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    group = group or Alone()
    is_first = group.place.rank == 0
    name = f"step-{state.step:08d}"
    temporary = root / f"{_TEMPORARY}{name}"
    try:
        if is_first:
            root.mkdir(parents=True, exist_ok=True)
            _sweep(root)
        write_model(temporary)
        if is_first:
            (temporary / "trainer").mkdir()
            (temporary / "trainer" / "state.json").write_bytes(msgspec.json.encode(state))
        group.barrier()
        _write_optimizer(temporary / "trainer", optimizer, group)
        if is_first:
            _seal(temporary)
            _put_in_place(temporary, root, name, keep)
        group.barrier()
    except OSError as error:
        raise as_lianlu_error(error, root / name) from error
    finally:
        if is_first:  # half a checkpoint: on a full disk it takes the room that is left
            shutil.rmtree(temporary, ignore_errors=True)
    return root / name


def _put_in_place(temporary: Path, root: Path, name: str, keep: int) -> None:
    target = root / name
    if target.exists():
        shutil.rmtree(target)
    temporary.rename(target)
    sync_folder(root)
    write_bytes(root / _LATEST, name.encode() + b"\n")
    for old in sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name))[:-keep]:
        shutil.rmtree(old)


def _write_optimizer(folder: Path, tensors: dict[str, Any], group: Group) -> None:
    if group.place.world == 1:
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        from lianlu.nn.weights import system_error

        try:
            save_file(tensors, folder / _OPTIMIZER)  # straight from the tensors: `save` would copy all of them first
        except SafetensorError as error:
            raise system_error(error) from error
        return
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
    from torch.distributed.checkpoint.state_dict_saver import save as save_shards

    try:
        save_shards(tensors, storage_writer=HuggingFaceStorageWriter(str(folder), save_distributed=True))
    except CheckpointException as error:
        system = [each for each, _ in error.failures.values() if isinstance(each, OSError)]
        raise (system[0] if system else error) from error


def read_optimizer(start: Checkpoint, wanted: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a checkpoint, however many processes wrote them.

    Args:
        wanted: tensors of the names and shapes that are read; of several processes DTensors. They may be filled.
    """
    plain = start.optimizer / _OPTIMIZER
    is_alone = not any(hasattr(each, "device_mesh") for each in wanted.values())
    if plain.is_file() and is_alone:
        from safetensors.torch import load_file

        return load_file(plain)
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader
    from torch.distributed.checkpoint.state_dict_loader import load as load_shards

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is disabled")  # as it was asked to be
        load_shards(wanted, storage_reader=HuggingFaceStorageReader(str(start.optimizer)), no_dist=is_alone)
    return wanted


def newest(root: Path, key: str, facts: Mapping[str, Any] | None = None) -> Checkpoint | None:
    """The newest whole checkpoint of the run `key`; one that is torn is passed over.

    Args:
        facts: what the key is made of, to name what is different.

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
                raise UsageError("train.other-run", path=str(root), changed=_difference(state.facts, facts or {}))
            return Checkpoint(folder, state)
    return None


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "; ".join(f"{name}: {before.get(name)} → {now.get(name)}" for name in names) or "?"


def clear(root: Path) -> None:
    """Remove all that a run needs to go on; its record of speed stays. Raises UsageError file.unwritable."""
    try:
        for path in root.iterdir() if root.is_dir() else ():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != _SPEED:
                path.unlink()
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
