"""A model folder as files: what must be there, what is refused, and the hash of what answers. Imports no torch.

Only safetensors are read: a pickle runs whatever code it holds. Code that comes with a model is never run either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError, UsageError
from lianlu.core.hashing import canonical_json, digest, sha256_file
from lianlu.nn.sentencepiece import gets_template

__all__ = ["TOKENIZER_FILES", "ModelFolder", "open_folder", "read_json", "read_list", "weight_files"]

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_NO_WEIGHTS = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth")
TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)
_TEMPLATE = "chat_template.jinja"


@dataclass(frozen=True)
class ModelFolder:
    """A folder that looks like a model; its weights are not read yet."""

    path: Path
    config: dict[str, Any]
    generation: dict[str, Any]
    weights: tuple[Path, ...]
    has_template: bool

    @cached_property
    def tokenizer_hash(self) -> str:
        return self._hash([name for name in TOKENIZER_FILES if (self.path / name).is_file()])

    @cached_property
    def template_hash(self) -> str:
        return self._hash([_TEMPLATE]) if (self.path / _TEMPLATE).is_file() else self.tokenizer_hash

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all files that decide what is answered. Reads every byte of the weights once."""
        others = [name for name in ("config.json", "generation_config.json", _TEMPLATE) if (self.path / name).is_file()]
        return digest(self._hash([*(each.name for each in self.weights), *others]), self.tokenizer_hash)

    def _hash(self, names: list[str]) -> str:
        return digest(canonical_json({name: sha256_file(self.path / name) for name in sorted(names)}))


def open_folder(path: Path) -> ModelFolder:
    """Look at a model folder.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: engine.no-config, engine.bad-json, engine.no-weights, engine.pickle, engine.missing-shard,
            engine.no-tokenizer, engine.adapter
    """
    if not path.is_dir():
        raise UsageError("file.missing", path=str(path))
    if not (path / "config.json").is_file():
        if (path / "adapter_config.json").is_file():
            raise DataError("engine.adapter", path=str(path))
        raise DataError("engine.no-config", path=str(path))
    config = read_json(path / "config.json")
    weights = weight_files(path)
    if not any((path / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise DataError("engine.no-tokenizer", path=str(path))
    tokenizer = read_json(path / "tokenizer_config.json")
    return ModelFolder(
        path=path,
        config=config,
        generation=read_json(path / "generation_config.json"),
        weights=weights,
        has_template=(path / _TEMPLATE).is_file() or bool(tokenizer.get("chat_template")) or gets_template(path),
    )


def weight_files(path: Path) -> tuple[Path, ...]:
    """The safetensors of a model folder. Raises DataError as `open_folder`."""
    index = path / "model.safetensors.index.json"
    if index.is_file():
        named = read_json(index).get("weight_map")
        shards = sorted(set(named.values())) if isinstance(named, dict) else []
        bad = [name for name in shards if not isinstance(name, str) or Path(name).name != name]
        if bad or not shards:
            raise DataError("engine.bad-json", path=str(index), why="weight_map must map tensors to file names")
        for name in shards:
            if not (path / name).is_file():
                raise DataError("engine.missing-shard", path=str(path), name=name)
        return tuple(path / name for name in shards)
    if (path / "model.safetensors").is_file():
        return (path / "model.safetensors",)
    pickles = sorted(each.name for each in path.iterdir() if each.suffix in _PICKLES and each.name not in _NO_WEIGHTS)
    if pickles:
        raise DataError("engine.pickle", path=str(path), name=pickles[0])
    raise DataError("engine.no-weights", path=str(path))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no such file. Raises UsageError file.unreadable, DataError engine.bad-json."""
    found = _parsed(path)
    if not isinstance(found, dict):
        raise DataError("engine.bad-json", path=str(path), why=f"a {type(found).__name__} instead of an object")
    return found


def read_list(path: Path) -> list[dict[str, Any]]:
    """A JSON list of objects. Raises as `read_json`."""
    found = _parsed(path)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise DataError("engine.bad-json", path=str(path), why="a list of objects was expected")
    return found


def _parsed(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataError("engine.bad-json", path=str(path), why=str(error)) from error
