"""The two layouts of one model in files, tensor by tensor: Llama's names, and InternLM2's with q, k and v packed.

A tensor is planned (name, type, shape, how to get it) before any is read: what is missing, unknown or of a wrong shape is
told before the first byte of a weight, and never more than one tensor is held beside the model. A folder is written
beside its place and moved there file by file with config.json last, so that a killed run leaves the old model or none.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from lianlu.core.errors import DataError
from lianlu.core.files import as_lianlu_error, sync_folder, write_bytes, writing
from lianlu.nn.internlm2 import (
    internlm2_config,
    internlm2_name,
    is_computed,
    is_internlm2,
    is_packed,
    llama_config,
    llama_names,
    packing_of,
    rope_of,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Layout",
    "Planned",
    "config_in_layout",
    "load_internlm2",
    "plan_folder",
    "plan_model",
    "save_in_layout",
    "save_planned",
]

Layout = Literal["llama", "internlm2"]
_INDEX = "model.safetensors.index.json"
_USUAL_SHARD_BYTES = 5 * 10**9
_TYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_NOT_WRITTEN = (  # what every configuration of transformers has
    "_name_or_path",
    "auto_map",
    "chunk_size_feed_forward",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
)


@dataclass(frozen=True)
class Planned:
    """A tensor that is not read yet.

    Attributes:
        dtype: as safetensors spell it: F64, F32, F16, BF16.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], Tensor]

    @property
    def parameters(self) -> int:
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        return self.parameters * _BYTES[self.dtype]


def config_in_layout(config: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """A config.json of either kind as one of the kind of `layout`, without remote code. Raises DataError nn.no-layout."""
    try:
        return _config_for(config, layout)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError("nn.no-layout", layout=layout, why=str(error)) from error


def plan_folder(config: Mapping[str, Any], folder: Path, files: Iterable[Path]) -> dict[str, Planned]:
    """The tensors of weight files in either layout, under Llama's names.

    Args:
        config: the config.json of the folder.
        files: whole safetensors files.

    Raises:
        DataError: nn.wrong-weights, nn.bad-internlm2
    """
    from safetensors import safe_open

    found: dict[str, Planned] = {}
    for path in files:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                if is_computed(name):
                    continue
                view = file.get_slice(name)
                for each in _planned(config, folder, path, name, view.get_dtype(), tuple(view.get_shape())):
                    if each.name in found:
                        raise _wrong(folder, f"{each.name} stands in them twice")
                    found[each.name] = each
    return found


def plan_model(model: Any) -> dict[str, Planned]:
    """The tensors of a model in memory; one that is tied to another is left out."""
    kinds = {name: kind for kind, name in _TYPES.items()}
    return {
        name: Planned(name, kinds[str(each.dtype).removeprefix("torch.")], tuple(each.shape), _given(each))
        for name, each in model.named_parameters()
    }


def load_internlm2(config: Mapping[str, Any], folder: Path, files: Iterable[Path], *, device: Any, dtype: str) -> Any:
    """An InternLM2 folder as `LlamaForCausalLM` on `device`. No code of the folder is run.

    Args:
        config: the config.json of the folder.
        files: whole safetensors files, in the layout of InternLM2 or of Llama.
        dtype: `float32`, …, or `auto`: as the configuration says, else as the weights are stored.

    Raises:
        DataError: nn.bad-internlm2, nn.no-weights, nn.wrong-weights
    """
    import torch
    from transformers import GenerationConfig, LlamaForCausalLM
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    settings = _llama_settings(config, folder)
    planned = plan_folder(config, folder, files)
    with torch.device("meta"):
        model: Any = LlamaForCausalLM(settings)
    kind = getattr(torch, _stored_type(config, planned) if dtype == "auto" else dtype)
    _fill(model, planned, folder, device, kind)
    model.model.rotary_emb = LlamaRotaryEmbedding(settings).to(device)  # computed, so nothing of it is in the files
    model.tie_weights()
    settings.dtype = kind
    if (folder / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    return model.eval()


def save_in_layout(
    model: Any, folder: Path, layout: Layout = "llama", *, max_shard_size: int = _USUAL_SHARD_BYTES
) -> None:
    """Write a Llama model in either layout; nothing of an earlier model stays in the folder.

    Args:
        max_shard_size: bytes; a weight file holds no more, unless one tensor alone does.

    Raises:
        DataError: nn.no-layout
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    config = {**model.config.to_dict(), "dtype": str(model.dtype).removeprefix("torch.")}
    generation = model.generation_config.to_json_string().encode() if model.can_generate() else b""
    save_planned(plan_model(model), config, folder, layout, max_shard_size=max_shard_size, generation=generation)


def save_planned(
    planned: Mapping[str, Planned],
    config: Mapping[str, Any],
    folder: Path,
    layout: Layout,
    *,
    max_shard_size: int = _USUAL_SHARD_BYTES,
    generation: bytes = b"",
    on_tensor: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write tensors that have Llama's names in either layout.

    Args:
        config: a config.json of either kind.
        generation: the generation_config.json, none where empty.
        on_tensor: told how many tensors of how many are written.

    Raises:
        DataError: nn.no-layout
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    written_config = config_in_layout(config, layout)
    try:
        wanted = planned if layout == "llama" else _packed(planned, config)
    except ValueError as error:
        raise DataError("nn.no-layout", layout=layout, why=str(error)) from error
    shards = _shards(wanted.values(), max_shard_size)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
            _write(Path(made), shards, on_tensor)
            if generation:
                write_bytes(Path(made) / "generation_config.json", generation)
            _write_json(Path(made) / "config.json", written_config)
            _move(Path(made), folder)
    except OSError as error:
        raise as_lianlu_error(error, folder) from error


def _planned(
    config: Mapping[str, Any], folder: Path, path: Path, name: str, dtype: str, shape: tuple[int, ...]
) -> list[Planned]:
    """A stored tensor under its Llama name; three of them if it is packed."""
    if dtype not in _TYPES:
        raise _wrong(folder, f"{name} is {dtype}")
    names = (name,) if internlm2_name(name) else llama_names(name)
    if not names:
        raise _wrong(folder, f"{name} is not known")
    if not is_packed(name):
        return [Planned(names[0], dtype, shape, _stored(path, name))]
    try:
        packing = packing_of(llama_config(config))
    except ValueError as error:
        raise DataError("nn.bad-internlm2", path=str(folder), why=str(error)) from error
    if shape[:1] != (packing.rows,):
        raise _wrong(folder, f"{name} is {list(shape)}, {packing.rows} rows were expected")
    read = _stored(path, name)
    heads = (packing.heads, packing.kv_heads, packing.kv_heads)
    return [
        Planned(
            each, dtype, (heads[part] * packing.head_dim, *shape[1:]), lambda part=part: packing.unpack(read())[part]
        )
        for part, each in enumerate(names)
    ]


def _stored(path: Path, name: str) -> Callable[[], Tensor]:
    """The file is opened for each tensor: what was read of it does not count as memory any longer."""

    def read() -> Tensor:
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)

    return read


def _given(tensor: Tensor) -> Callable[[], Tensor]:
    return lambda: tensor.detach()


def _llama_settings(config: Mapping[str, Any], folder: Path) -> Any:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import LlamaConfig

    try:
        if config.get("quantization_config"):
            raise ValueError("its weights are quantized")
        return LlamaConfig.from_dict(deepcopy(llama_config(config)))  # it writes into what it is given
    except (ValueError, TypeError, KeyError, AttributeError, StrictDataclassError) as error:
        why = " ".join(str(error).split())[:300]
        raise DataError("nn.bad-internlm2", path=str(folder), why=why) from error


def _stored_type(config: Mapping[str, Any], planned: Mapping[str, Planned]) -> str:
    named = config.get("dtype") or config.get("torch_dtype")
    if named in _TYPES.values():
        return str(named)
    return next((_TYPES[each.dtype] for each in planned.values()), "float32")


def _fill(model: Any, planned: Mapping[str, Planned], folder: Path, device: Any, dtype: Any) -> None:
    from torch.nn import Parameter

    wanted = dict(model.named_parameters())
    missing = sorted(set(wanted) - set(planned))
    if missing:
        raise DataError("nn.no-weights", path=str(folder), missing=", ".join(missing[:3]))
    allowed = {*wanted, *model.state_dict()}  # an output that is tied to the input may be stored all the same
    for name in planned:
        if name not in allowed:
            raise _wrong(folder, f"{name} is not in the model that config.json describes")
    for name, empty in wanted.items():
        if planned[name].shape != tuple(empty.shape):
            why = f"{name} is {list(planned[name].shape)}, the configuration wants {list(empty.shape)}"
            raise _wrong(folder, why)
    for name in wanted:
        module, _, leaf = name.rpartition(".")
        # copied: the tensor that is read lies in the file, which may be replaced while the model lives
        setattr(model.get_submodule(module), leaf, Parameter(planned[name].read().to(device, dtype, copy=True)))


def _wrong(folder: Path, why: str) -> DataError:
    return DataError("nn.wrong-weights", path=str(folder), why=why)


def _config_for(config: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    plain = llama_config(config) if is_internlm2(config) else dict(config)
    if layout == "internlm2":
        return internlm2_config(plain)
    if plain.get("model_type") != "llama":
        raise ValueError(f"its model_type is {plain.get('model_type')!r}")
    kind = plain.get("dtype") or plain.get("torch_dtype")
    return {name: value for name, value in plain.items() if name not in _NOT_WRITTEN} | {
        "architectures": ["LlamaForCausalLM"],
        **_rope_for_all(plain),
        **({"dtype": kind, "torch_dtype": kind} if kind else {}),
    }


def _rope_for_all(config: Mapping[str, Any]) -> dict[str, Any]:
    """The rotation in both spellings: transformers 5 writes `rope_parameters`, which 4 and vLLM of its time do not read."""
    try:
        theta, scaling = rope_of(config)
    except ValueError:  # one that InternLM2 does not have is left as it is
        return {}
    new = {"rope_type": "default", **(scaling or {}), "rope_theta": theta}
    if scaling:
        new["rope_type"] = new.pop("type")
    return {"rope_theta": theta, "rope_scaling": scaling, "rope_parameters": new}


def _packed(planned: Mapping[str, Planned], config: Mapping[str, Any]) -> dict[str, Planned]:
    """The same tensors under InternLM2's names. Raises ValueError for a tensor that has none."""
    packing = packing_of(config)
    parts: dict[str, list[Planned]] = {}
    for name, each in planned.items():
        target = internlm2_name(name)
        if target is None:
            raise ValueError(f"the tensor {name} has no place in it")
        parts.setdefault(target, []).append(each)
    made: dict[str, Planned] = {}
    for name, each in parts.items():
        if not is_packed(name):
            made[name] = Planned(name, each[0].dtype, each[0].shape, each[0].read)
            continue
        if len(each) != 3:
            raise ValueError(f"of {name} only {', '.join(part.name for part in each)} is there")
        in_order = sorted(each, key=lambda part: "qkv".index(part.name.rpartition("_proj")[0][-1]))
        shape = (packing.rows, *each[0].shape[1:])
        made[name] = Planned(name, each[0].dtype, shape, _packing(packing.pack, in_order))
    return made


def _packing(pack: Callable[[Tensor, Tensor, Tensor], Tensor], parts: Sequence[Planned]) -> Callable[[], Tensor]:
    return lambda: pack(*(part.read() for part in parts))


def _shards(planned: Iterable[Planned], most: int) -> dict[str, list[Planned]]:
    """Files of at most `most` bytes. The widest types come first, so that every tensor is aligned to its type."""
    groups: list[list[Planned]] = [[]]
    size = 0
    for each in planned:
        if groups[-1] and size + each.size > most:
            groups.append([])
            size = 0
        groups[-1].append(each)
        size += each.size
    total = len(groups)
    names = [f"model-{place:05d}-of-{total:05d}.safetensors" for place in range(1, total + 1)]
    names = ["model.safetensors"] if total == 1 else names
    ordered = [sorted(group, key=lambda each: (-_BYTES[each.dtype], each.name)) for group in groups]
    return dict(zip(names, ordered, strict=True))


def _write(folder: Path, shards: Mapping[str, Sequence[Planned]], on_tensor: Callable[[int, int], None]) -> None:
    done, total = 0, sum(map(len, shards.values()))
    for name, group in shards.items():
        with writing(folder / name) as file:
            file.write(_header(group))
            for each in group:
                file.write(_bytes(each))
                done += 1
                on_tensor(done, total)
    if len(shards) > 1:
        sizes = sum(each.size for group in shards.values() for each in group)
        places = {each.name: name for name, group in shards.items() for each in group}
        _write_json(folder / _INDEX, {"metadata": {"total_size": sizes}, "weight_map": dict(sorted(places.items()))})


def _header(group: Sequence[Planned]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for each in group:
        header[each.name] = {"dtype": each.dtype, "shape": list(each.shape), "data_offsets": [at, at + each.size]}
        at += each.size
    content = json.dumps(header, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content


def _bytes(planned: Planned) -> memoryview:
    import torch

    tensor = planned.read().to(device="cpu", dtype=getattr(torch, _TYPES[planned.dtype])).contiguous()
    return memoryview(cast(Any, tensor.reshape(-1).view(torch.uint8).numpy()))


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    write_bytes(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def _move(made: Path, folder: Path) -> None:
    """Replace the model in `folder`. Without config.json it is none, so that file goes first and comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").unlink(missing_ok=True)
    for old in (*folder.glob("*.safetensors"), folder / _INDEX):
        old.unlink(missing_ok=True)
    for path in sorted(made.iterdir(), key=lambda each: each.name == "config.json"):
        shutil.move(path, folder / path.name)
    sync_folder(folder)
