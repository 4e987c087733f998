"""Merge a LoRA adapter into the weights it was trained on, one tensor at a time.

Never more than one tensor is in memory, so that a model larger than the machine can be merged: shapes and types are
known from the headers, so a shard's own header is written first and the tensors follow. The sum is taken in fp32 and
cast back. The configuration is written last: until then the folder is no model.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.extras import require
from lianlu.core.files import as_lianlu_error, write_bytes, writing
from lianlu.core.hashing import canonical_json
from lianlu.core.job import Job
from lianlu.model.headers import INDEX, TensorEntry, is_pickle, tensors_of
from lianlu.model.lora import CONFIG as ADAPTER_CONFIG
from lianlu.model.lora import Adapter, Delta, read_adapter, read_json

if TYPE_CHECKING:
    import torch

__all__ = ["merge", "parse_size"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_COPIED = (".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")
_NOT_COPIED = (ADAPTER_CONFIG, INDEX, "trainer_state.json", "lianlu-model.json", "all_results.json")
_TOKENIZER = (
    "tokenizer",
    "special_tokens_map",
    "added_tokens",
    "vocab",
    "merges",
    "chat_template",
    "generation_config",
)
_LICENCES = ("license", "licence", "notice")
_INPUT_EMBEDDINGS = ("embed_tokens.weight", "wte.weight", "tok_embeddings.weight")
_FLOATING = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class _Shard:
    name: str
    entries: Sequence[TensorEntry]

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


def parse_size(text: str) -> int:
    """Bytes of a size such as `5GB` or `500MB` (powers of ten).

    Raises:
        UsageError: model.bad-size

    >>> parse_size("1.5 MB")
    1500000
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < 1:
        raise UsageError("model.bad-size", size=text)
    return size


def merge(
    base: Mapping[str, Path], adapter: Mapping[str, Path], folder: Path, job: Job, *, max_shard_size: int = 5 * 10**9
) -> dict[str, Any]:
    """Write the merged model into `folder`; returns a JSON-able summary.

    Args:
        base: the files of a model by name.
        adapter: the files of a LoRA adapter by name.

    Raises:
        DataError: model.no-weights, model.only-pickle, model.bad-index, model.bad-weights, model.no-adapter,
            model.adapter-kind, model.adapter-mismatch, model.quantized, model.bad-json
        UsageError: extra.missing
        LimitError: file.disk-full
    """
    require("torch", "torch")
    added = read_adapter(adapter)
    if "config.json" not in base:
        raise DataError("model.no-config", files=", ".join(sorted(base)[:5]) or "∅")
    _check_base(read_json(base["config.json"]))
    tensors = tensors_of(base)
    _check_fit(added, tensors)
    shards = _shards(list(tensors.values()), max_shard_size)
    _check_space(folder, shards)
    _remove_older(folder)
    done = 0
    for shard in shards:
        with writing(folder / shard.name) as file:
            file.write(_header(shard.entries))
            for entry in shard.entries:
                job.check()
                file.write(_merged(entry, added))
                done += 1
                job.progress("tensors", done, len(tensors), "tensors")
    if len(shards) > 1:
        _write_index(folder, shards)
    copied = _copy(base, adapter, folder)
    return {
        "tensors": len(tensors),
        "merged": len(added.deltas),
        "replaced": len(added.replaced),
        "parameters": sum(entry.parameters for entry in tensors.values()),
        "bytes": sum(shard.size for shard in shards),
        "shards": len(shards),
        "copied": copied,
    }


def _check_base(config: Mapping[str, Any]) -> None:
    quantized = config.get("quantization_config")
    if quantized:
        kind = quantized.get("quant_method", "quantized") if isinstance(quantized, dict) else "quantized"
        raise DataError("model.quantized", kind=str(kind))


def _check_fit(adapter: Adapter, tensors: Mapping[str, TensorEntry]) -> None:
    """Every part of the adapter has its tensor, of the right shape."""
    for name, delta in adapter.deltas.items():
        entry = tensors.get(name)
        product = (delta.b.shape[0], delta.a.shape[1])
        shape = product[::-1] if delta.is_transposed else product
        if entry is None or entry.shape != shape or entry.dtype not in _FLOATING:
            raise _mismatch(name, shape, entry)
    for name, other in adapter.replaced.items():
        entry = tensors.get(name)
        if entry is None or entry.shape != other.shape or entry.dtype not in _FLOATING:
            raise _mismatch(name, other.shape, entry)
    touched = {*adapter.deltas, *adapter.replaced}
    if "lm_head.weight" not in tensors and any(name.endswith(_INPUT_EMBEDDINGS) for name in touched):
        raise DataError("model.adapter-kind", kind="LORA on embeddings that are tied to the output")
    if not touched:
        raise DataError("model.adapter-mismatch", name="–", wanted="at least one tensor", found="none")


def _mismatch(name: str, shape: tuple[int, ...], entry: TensorEntry | None) -> DataError:
    found = "no such tensor" if entry is None else f"{list(entry.shape)} {entry.dtype}"
    return DataError("model.adapter-mismatch", name=name, wanted=str(list(shape)), found=found)


def _check_space(folder: Path, shards: Sequence[_Shard]) -> None:
    import shutil

    needed = sum(shard.size for shard in shards)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise as_lianlu_error(error, folder) from error
    if free < needed:
        raise LimitError("model.no-space", path=str(folder), needed=needed, free=free)


def _remove_older(folder: Path) -> None:
    """Nothing of an earlier model may stay beside the new one."""
    for path in [*folder.glob("*.safetensors"), folder / INDEX, folder / "config.json"]:
        path.unlink(missing_ok=True)


def _shards(entries: Sequence[TensorEntry], most: int) -> list[_Shard]:
    groups: list[list[TensorEntry]] = []
    size = 0
    for entry in entries:
        if not groups or size + entry.size > most:
            groups.append([])
            size = 0
        groups[-1].append(entry)
        size += entry.size
    if len(groups) == 1:
        return [_Shard("model.safetensors", groups[0])]
    total = len(groups)
    return [_Shard(f"model-{place:05d}-of-{total:05d}.safetensors", each) for place, each in enumerate(groups, start=1)]


def _header(entries: Sequence[TensorEntry]) -> bytes:
    """The opening of a safetensors file, padded so that the tensors are aligned to eight bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for entry in entries:
        header[entry.name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [at, at + entry.size],
        }
        at += entry.size
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content


def _merged(entry: TensorEntry, adapter: Adapter) -> bytes:
    """The bytes of a tensor of the merged model."""
    import torch

    delta, other = adapter.deltas.get(entry.name), adapter.replaced.get(entry.name)
    if delta is None and other is None:
        return _bytes(entry)
    weight = _tensor(other or entry).to(torch.float32)
    if delta is not None:
        weight += _product(delta)
    kept = weight.to(_dtype(entry.dtype)).contiguous()
    return kept.reshape(-1).view(torch.uint8).numpy().tobytes()


def _product(delta: Delta) -> torch.Tensor:
    import torch

    product = (_tensor(delta.b).to(torch.float32) @ _tensor(delta.a).to(torch.float32)) * delta.scale
    return product.T if delta.is_transposed else product


def _tensor(entry: TensorEntry) -> torch.Tensor:
    import torch

    content = bytearray(_bytes(entry))
    if not content:
        return torch.empty(entry.shape, dtype=_dtype(entry.dtype))
    return torch.frombuffer(content, dtype=_dtype(entry.dtype)).reshape(entry.shape)


def _bytes(entry: TensorEntry) -> bytes:
    if entry.size == 0:
        return b""
    with entry.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view[entry.start : entry.end]


def _dtype(name: str) -> torch.dtype:
    import torch

    return {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[name]


def _write_index(folder: Path, shards: Sequence[_Shard]) -> None:
    index = {
        "metadata": {"total_size": sum(shard.size for shard in shards)},
        "weight_map": {entry.name: shard.name for shard in shards for entry in shard.entries},
    }
    write_bytes(folder / INDEX, canonical_json(index) + b"\n")


def _copy(base: Mapping[str, Path], adapter: Mapping[str, Path], folder: Path) -> list[str]:
    """Configuration, tokenizer, template and licence of the base; tokenizer and template of the adapter before them."""
    chosen = {name: path for name, path in base.items() if _is_kept(name)}
    chosen |= {name: path for name, path in adapter.items() if _is_kept(name) and name.startswith(_TOKENIZER)}
    for name in sorted(chosen, key=lambda each: (each == "config.json", each)):
        try:
            content = chosen[name].read_bytes()
        except OSError as error:
            raise UsageError("file.unreadable", path=str(chosen[name]), why=error.strerror or str(error)) from error
        write_bytes(folder / name, content)
    return sorted(chosen)


def _is_kept(name: str) -> bool:
    plain = name.casefold()
    if "/" in name or is_pickle(name) or name in _NOT_COPIED:
        return False
    return plain.endswith(_COPIED) or plain.startswith(_LICENCES)
