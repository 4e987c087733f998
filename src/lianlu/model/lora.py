"""A LoRA adapter in peft's file format: what it adds to which weight.

W' = W + scale · B·A with scale = alpha / r, or alpha / √r for rsLoRA (arXiv 2106.09685, 2312.03732). DoRA gives each
output row a length m: W' = m · V / ‖V‖ with V = W + scale · B·A (arXiv 2402.09353). Everything that changes weights in
another way (PiSSA, IA³, …) is refused by its name: a merge that is nearly right is worse than none.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.model.headers import TensorEntry, is_pickle, read_header

__all__ = ["CONFIG", "WEIGHTS", "Adapter", "Delta", "read_adapter", "read_json"]

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PREFIX = "base_model.model."
_MAGNITUDE = re.compile(r"(?P<module>.+)\.lora_magnitude_vector(?:\.weight)?")
_PART = re.compile(r"(?P<module>.+)\.lora_(?P<embedding>embedding_)?(?P<part>[AB])(?:\.weight)?")
_PLAIN_STARTS = (True, False, None, "gaussian", "orthogonal")
_MUST_BE_UNSET = (
    "lora_bias",
    "use_qalora",
    "use_bdlora",
    "alora_invocation_tokens",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "layer_replication",
    "megatron_config",
    "target_parameters",
    "trainable_token_indices",
)


@dataclass(frozen=True)
class Delta:
    """The two factors for one weight. Of an embedding they stand the other way round.

    Attributes:
        magnitude: of DoRA, the length of each row of the changed weight; shape (rows of b,).
    """

    a: TensorEntry
    b: TensorEntry
    scale: float
    is_transposed: bool
    magnitude: TensorEntry | None = None


@dataclass(frozen=True)
class Adapter:
    """What is added (`deltas`) and what stands instead (`replaced`), by name of the base tensor."""

    deltas: Mapping[str, Delta]
    replaced: Mapping[str, TensorEntry] = field(default_factory=dict[str, TensorEntry])
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])


def read_adapter(files: Mapping[str, Path]) -> Adapter:
    """Read an adapter folder without loading its tensors.

    Raises:
        DataError: model.no-adapter, model.only-pickle, model.adapter-kind, model.bad-weights, model.bad-json
    """
    if CONFIG not in files:
        raise DataError("model.no-adapter", file=CONFIG, files=", ".join(sorted(files)[:5]) or "∅")
    config = read_json(files[CONFIG])
    _check_kind(config)
    if WEIGHTS not in files:
        pickles = [name for name in sorted(files) if is_pickle(name)]
        if pickles:
            raise DataError("model.only-pickle", files=", ".join(pickles[:3]))
        raise DataError("model.no-adapter", file=WEIGHTS, files=", ".join(sorted(files)[:5]))
    return _parts(read_header(files[WEIGHTS]), config, files[WEIGHTS])


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DataError model.bad-json."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("model.bad-json", path=str(path), why=str(error)) from error
    if not isinstance(value, dict):
        raise DataError("model.bad-json", path=str(path), why="it is no object")
    return value


def _check_kind(config: Mapping[str, Any]) -> None:
    kind = config.get("peft_type", "LORA")
    if kind != "LORA":
        raise DataError("model.adapter-kind", kind=str(kind))
    for name in _MUST_BE_UNSET:
        if config.get(name):
            raise DataError("model.adapter-kind", kind=f"LORA, {name}")
    start = config.get("init_lora_weights", True)
    if start not in _PLAIN_STARTS:
        raise DataError("model.adapter-kind", kind=f"LORA, init_lora_weights={start}")


def _parts(entries: list[TensorEntry], config: Mapping[str, Any], path: Path) -> Adapter:
    factors: dict[str, dict[str, TensorEntry]] = {}
    replaced: dict[str, TensorEntry] = {}
    embeddings: set[str] = set()
    is_dora = bool(config.get("use_dora"))
    for entry in entries:
        name = entry.name.removeprefix(_PREFIX)
        match, magnitude = _PART.fullmatch(name), _MAGNITUDE.fullmatch(name)
        if match:
            factors.setdefault(match["module"], {})[match["part"]] = entry
            if match["embedding"]:
                embeddings.add(match["module"])
        elif magnitude and is_dora:
            factors.setdefault(magnitude["module"], {})["magnitude"] = entry
        elif "lora_" in name:
            raise DataError("model.adapter-kind", kind=f"LORA, lora_{name.rsplit('.lora_', 1)[-1]}")
        else:
            # peft writes an embedding that has factors of its own whole as well, as `….base_layer.weight`
            replaced[name.replace(".base_layer.", ".")] = entry
    if is_dora and embeddings:
        raise DataError("model.adapter-kind", kind="LORA, use_dora on embeddings")
    is_transposed = bool(config.get("fan_in_fan_out"))
    deltas = {
        f"{module}.weight": _delta(module, parts, config, path, is_transposed != (module in embeddings))
        for module, parts in sorted(factors.items())
    }
    return Adapter(deltas, replaced, config)


def _delta(
    module: str, parts: Mapping[str, TensorEntry], config: Mapping[str, Any], path: Path, is_transposed: bool
) -> Delta:
    if not {"A", "B"} <= set(parts):
        raise DataError("model.bad-weights", path=str(path), why=f"{module} has only one of its two factors")
    a, b, magnitude = parts["A"], parts["B"], parts.get("magnitude")
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise DataError("model.adapter-kind", kind="LORA, convolution")
    if a.shape[0] != b.shape[1] or a.shape[0] == 0:
        raise DataError("model.bad-weights", path=str(path), why=f"{module}: shapes {a.shape} and {b.shape} do not fit")
    if config.get("use_dora") and (magnitude is None or magnitude.shape != b.shape[:1]):
        found = "none" if magnitude is None else str(magnitude.shape)
        why = f"{module}: {b.shape[0]} lengths of rows are wanted, there are {found}"
        raise DataError("model.bad-weights", path=str(path), why=why)
    return Delta(a, b, _scale(module, a.shape[0], config, path), is_transposed, magnitude)


def _scale(module: str, rank: int, config: Mapping[str, Any], path: Path) -> float:
    alpha = config.get("lora_alpha", 8)
    for pattern, own in (config.get("alpha_pattern") or {}).items():
        if re.fullmatch(rf"(?:.*\.)?(?:{pattern})", module):
            alpha = own
            break
    if not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise DataError("model.bad-json", path=str(path.with_name(CONFIG)), why=f"lora_alpha is {alpha!r}")
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
