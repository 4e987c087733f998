"""What a model folder holds, told from its files without loading a weight and without torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.hashing import sha256_file, short_id
from lianlu.core.job import Job
from lianlu.model.headers import TensorEntry, is_pickle, read_header, tensors_of, weight_files
from lianlu.model.lora import CONFIG as ADAPTER_CONFIG
from lianlu.model.lora import WEIGHTS as ADAPTER_WEIGHTS
from lianlu.model.lora import read_json

__all__ = ["ModelFile", "ModelInfo", "inspect_model"]

_CONTEXT = ("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length", "n_ctx")
_LICENCE_LINE = re.compile(r"^license:\s*[\"']?([\w.\-]+)", re.MULTILINE)
_LICENCE_FILES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE")
_FRONT_BYTES = 20_000


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the folder; `sha256` is empty when it was not asked for."""

    name: str
    size: int
    sha256: str = ""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a model or adapter.

    Attributes:
        kind: weights or adapter.
        parameters: numbers in all weight files; a tied output layer is counted once, as it is stored.
        dtypes: share of each number format, largest first.
        tied: whether input and output embeddings are one tensor.
        weights_id: hash of the weight files; equal for equal weights whatever the folder is called.
        pickles: files that are never loaded, because loading them can run code.
        base: of an adapter, the model it was trained on.
    """

    kind: str
    architecture: str
    parameters: int
    tensors: int
    dtypes: dict[str, int]
    size: int
    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    vocabulary: int | None
    context: int | None
    tied: bool | None
    tokenizer: int | None
    has_template: bool
    licence: str
    quantization: str
    base: str
    rank: int | None
    alpha: float | None
    weights_id: str
    files: list[ModelFile]
    pickles: list[str]


def inspect_model(files: Mapping[str, Path], job: Job | None = None, *, hashes: bool = True) -> ModelInfo:
    """Read a model folder.

    Args:
        hashes: also compute the sha256 of every file, which reads them whole.

    Raises:
        DataError: model.no-weights, model.only-pickle, model.bad-index, model.bad-weights, model.bad-json
        UsageError: file.unreadable
    """
    is_adapter = ADAPTER_CONFIG in files
    config = read_json(files["config.json"]) if "config.json" in files else {}
    adapter = read_json(files[ADAPTER_CONFIG]) if is_adapter else {}
    tensors = _adapter_tensors(files) if is_adapter else tensors_of(files)
    listed = _listed(files, job or Job(), hashes=hashes)
    weights = [ADAPTER_WEIGHTS] if is_adapter else weight_files(files)
    sums = {each.name: each.sha256 for each in listed}
    quantization = config.get("quantization_config")
    text = config.get("text_config")
    inner: dict[str, Any] = {**config, **text} if isinstance(text, dict) else config
    rank, alpha = adapter.get("r"), adapter.get("lora_alpha")
    return ModelInfo(
        kind="adapter" if is_adapter else "weights",
        architecture=_architecture(config, adapter),
        parameters=sum(each.parameters for each in tensors.values()),
        tensors=len(tensors),
        dtypes=_dtypes(tensors),
        size=sum(each.size for each in listed),
        layers=_number(inner, "num_hidden_layers", "n_layer"),
        hidden=_number(inner, "hidden_size", "n_embd"),
        heads=_number(inner, "num_attention_heads", "n_head"),
        kv_heads=_number(inner, "num_key_value_heads"),
        vocabulary=_number(inner, "vocab_size"),
        context=_number(inner, *_CONTEXT),
        tied=bool(config["tie_word_embeddings"]) if "tie_word_embeddings" in config else None,
        tokenizer=_tokenizer_size(files),
        has_template=_has_template(files),
        licence=_licence(files),
        quantization=str(quantization.get("quant_method", "")) if isinstance(quantization, dict) else "",
        base=str(adapter.get("base_model_name_or_path") or ""),
        rank=rank if isinstance(rank, int) else None,
        alpha=alpha if isinstance(alpha, int | float) else None,
        weights_id=short_id(*(sums[name] for name in weights)) if hashes else "",
        files=listed,
        pickles=[name for name in sorted(files) if is_pickle(name)],
    )


def _adapter_tensors(files: Mapping[str, Path]) -> dict[str, TensorEntry]:
    if ADAPTER_WEIGHTS not in files:
        pickles = [name for name in sorted(files) if is_pickle(name)]
        if pickles:
            raise DataError("model.only-pickle", files=", ".join(pickles[:3]))
        raise DataError("model.no-weights", files=", ".join(sorted(files)[:5]))
    return {entry.name: entry for entry in read_header(files[ADAPTER_WEIGHTS])}


def _listed(files: Mapping[str, Path], job: Job, *, hashes: bool) -> list[ModelFile]:
    return [
        ModelFile(name=name, size=files[name].stat().st_size, sha256=sha256_file(files[name]) if hashes else "")
        for name in job.track(sorted(files), "sha256" if hashes else "files", unit="files")
    ]


def _architecture(config: Mapping[str, Any], adapter: Mapping[str, Any]) -> str:
    listed = config.get("architectures")
    if isinstance(listed, list) and listed:
        return str(listed[0])
    return str(config.get("model_type") or adapter.get("peft_type") or "")


def _dtypes(tensors: Mapping[str, TensorEntry]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for entry in tensors.values():
        counts[entry.dtype] += entry.parameters
    return dict(counts.most_common())


def _number(config: Mapping[str, Any], *names: str) -> int | None:
    found = (config.get(name) for name in names)
    return next((each for each in found if isinstance(each, int) and not isinstance(each, bool)), None)


def _tokenizer_size(files: Mapping[str, Path]) -> int | None:
    """Different tokens of tokenizer.json, the added ones included; None where there is none of that kind."""
    if "tokenizer.json" not in files:
        return None
    described = read_json(files["tokenizer.json"])
    model = described.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    added = described.get("added_tokens")
    try:
        names = [each if isinstance(each, str) else each[0] for each in vocabulary or ()]
        names += [each["content"] for each in added or ()]
        return len(set(names))
    except (TypeError, KeyError, IndexError) as error:
        raise DataError("model.bad-json", path=str(files["tokenizer.json"]), why=f"{type(error).__name__}") from error


def _has_template(files: Mapping[str, Path]) -> bool:
    if "chat_template.jinja" in files or "chat_template.json" in files:
        return True
    return "tokenizer_config.json" in files and bool(read_json(files["tokenizer_config.json"]).get("chat_template"))


def _licence(files: Mapping[str, Path]) -> str:
    """What the model card says, else the first line of the licence file."""
    card = files.get("README.md")
    if card is not None:
        opening = card.read_bytes()[:_FRONT_BYTES].decode(errors="replace")
        front = opening.split("---", 2)[1] if opening.startswith("---") and opening.count("---") > 1 else ""
        match = _LICENCE_LINE.search(front)
        if match:
            return match[1]
    for name in _LICENCE_FILES:
        if name in files:
            lines = files[name].read_bytes()[:_FRONT_BYTES].decode(errors="replace").split("\n")
            return next((line.strip() for line in lines if line.strip()), "")
    return ""
