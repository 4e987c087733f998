"""Merge a LoRA or DoRA adapter into the weights it was trained on, one tensor at a time.

Never more than one tensor is in memory, so that a model larger than the machine can be merged: shapes and types are
known from the headers, so a shard's own header is written first and the tensors follow. Sums and lengths are taken in
fp32 and cast back. Where only one of base and adapter has InternLM2's names, the result has Llama's. The configuration is written
last: until then the folder is no model.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.extras import require
from lianlu.core.files import as_lianlu_error, write_bytes, writing
from lianlu.core.hashing import canonical_json
from lianlu.core.job import Job
from lianlu.model.headers import INDEX, TensorEntry, is_pickle, tensors_of
from lianlu.model.internlm2 import as_llama
from lianlu.model.lora import CONFIG as ADAPTER_CONFIG
from lianlu.model.lora import Adapter, Delta, read_adapter, read_json
from lianlu.nn.layout import config_in_layout
from lianlu.nn.sentencepiece import needs_code, write_fast_folder

if TYPE_CHECKING:
    import torch

__all__ = ["Change", "merge", "product", "rewrite", "stored", "tensor_of"]

Change = Callable[[TensorEntry, Adapter], bytes]
"""What a tensor that an adapter speaks of becomes: bytes of the same shape and type."""

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


def merge(
    base: Mapping[str, Path], adapter: Mapping[str, Path], folder: Path, job: Job, *, max_shard_size: int = 5 * 10**9
) -> dict[str, Any]:
    """Write the merged model into `folder`; returns a JSON-able summary.

    Args:
        base: the files of a model by name.
        adapter: the files of a LoRA or DoRA adapter by name.

    Raises:
        DataError: model.no-weights, model.only-pickle, model.bad-index, model.bad-weights, model.no-adapter,
            model.adapter-kind, model.adapter-mismatch, model.quantized, model.bad-json, nn.no-layout
        UsageError: extra.missing
        LimitError: file.disk-full
    """
    require("torch", "torch")
    added = read_adapter(adapter)
    return rewrite(base, adapter, added, folder, job, _merged, max_shard_size=max_shard_size)


def rewrite(
    base: Mapping[str, Path],
    adapter: Mapping[str, Path],
    added: Adapter,
    folder: Path,
    job: Job,
    change: Change,
    *,
    max_shard_size: int = 5 * 10**9,
) -> dict[str, Any]:
    """Write the model of `base` into `folder`, with the tensors that `added` speaks of changed; returns a summary.

    Args:
        added: what was read from `adapter`.

    Raises:
        DataError, LimitError: as `merge`
    """
    if "config.json" not in base:
        raise DataError("model.no-config", files=", ".join(sorted(base)[:5]) or "∅")
    config = read_json(base["config.json"])
    _check_base(config)
    tensors = tensors_of(base)
    both = as_llama(config, tensors, added)
    if both is not None:
        tensors, added = both
    _check_fit(added, tensors)
    shards = _shards(list(tensors.values()), max_shard_size)
    _check_space(folder, shards)
    _remove_older(folder)
    _write_shards(folder, shards, added, change, job)
    copied = _copy(base, adapter, folder, config_in_layout(config, "llama") if both is not None else None)
    return {
        "tensors": len(tensors),
        "merged": len(added.deltas),
        "replaced": len(added.replaced),
        "parameters": sum(entry.parameters for entry in tensors.values()),
        "bytes": sum(shard.size for shard in shards),
        "shards": len(shards),
        "copied": copied,
    }


def _write_shards(folder: Path, shards: Sequence[_Shard], added: Adapter, change: Change, job: Job) -> None:
    touched = {*added.deltas, *added.replaced}
    done, total = 0, sum(len(shard.entries) for shard in shards)
    for shard in shards:
        with writing(folder / shard.name) as file:
            file.write(_header(shard.entries))
            for entry in shard.entries:
                job.check()
                file.write(change(entry, added) if entry.name in touched else _bytes(entry))
                done += 1
                job.progress("tensors", done, total, "tensors")
    if len(shards) > 1:
        _write_index(folder, shards)


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
    if not tensors.keys() & {"lm_head.weight", "output.weight"} and any(
        name.endswith(_INPUT_EMBEDDINGS) for name in touched
    ):
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
    weight = tensor_of(other or entry).to(torch.float32)
    if delta is not None:
        weight += product(delta)
        if delta.magnitude is not None:
            weight = _of_length(weight, tensor_of(delta.magnitude).to(torch.float32), delta.is_transposed)
    return stored(weight, entry.dtype)


def product(delta: Delta) -> torch.Tensor:
    """What plain LoRA adds, scale · B·A, in fp32 and the shape of the weight."""
    import torch

    found = (tensor_of(delta.b).to(torch.float32) @ tensor_of(delta.a).to(torch.float32)) * delta.scale
    return found.T if delta.is_transposed else found


def _of_length(weight: torch.Tensor, lengths: torch.Tensor, is_transposed: bool) -> torch.Tensor:
    """The weight with output rows of the given lengths; a row of nothing has no direction and stays."""
    import torch

    found = torch.linalg.vector_norm(weight, dim=0 if is_transposed else 1)
    factors = torch.where(found > 0, lengths / found, 0)
    return weight * (factors if is_transposed else factors.unsqueeze(1))


def stored(weight: torch.Tensor, dtype: str) -> bytes:
    """A tensor as safetensors keeps it, in a type by its name there."""
    import torch

    kept = weight.to(_dtype(dtype)).contiguous()
    return kept.reshape(-1).view(torch.uint8).numpy().tobytes()


def tensor_of(entry: TensorEntry) -> torch.Tensor:
    """A tensor read from its file, in the type it is stored in."""
    import torch

    content = bytearray(_bytes(entry))
    if not content:
        return torch.empty(entry.shape, dtype=_dtype(entry.dtype))
    return torch.frombuffer(content, dtype=_dtype(entry.dtype)).reshape(entry.shape)


def _bytes(entry: TensorEntry) -> bytes:
    if entry.size == 0:
        return b""
    with entry.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return b"".join(view[start:end] for start, end in entry.ranges)


def _dtype(name: str) -> torch.dtype:
    import torch

    return {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}[name]


def _write_index(folder: Path, shards: Sequence[_Shard]) -> None:
    index = {
        "metadata": {"total_size": sum(shard.size for shard in shards)},
        "weight_map": {entry.name: shard.name for shard in shards for entry in shard.entries},
    }
    write_bytes(folder / INDEX, canonical_json(index) + b"\n")


def _copy(
    base: Mapping[str, Path], adapter: Mapping[str, Path], folder: Path, config: Mapping[str, Any] | None
) -> list[str]:
    """Configuration, tokenizer, template and licence of the base; tokenizer and template of the adapter before them.

    Args:
        config: written instead of that of the base, for weights whose names were changed.
    """
    chosen = {name: path for name, path in base.items() if _is_kept(name)}
    chosen |= {name: path for name, path in adapter.items() if _is_kept(name) and name.startswith(_TOKENIZER)}
    for name in sorted(chosen, key=lambda each: (each == "config.json", each)):
        try:
            content = chosen[name].read_bytes()
        except OSError as error:
            raise UsageError("file.unreadable", path=str(chosen[name]), why=error.strerror or str(error)) from error
        if name == "config.json" and config is not None:
            if needs_code(folder):  # which does not come along
                write_fast_folder(folder, folder)
            content = canonical_json(config) + b"\n"
        write_bytes(folder / name, content)
    return sorted(chosen)


def _is_kept(name: str) -> bool:
    plain = name.casefold()
    if "/" in name or is_pickle(name) or name in _NOT_COPIED:
        return False
    return plain.endswith(_COPIED) or plain.startswith(_LICENCES)
