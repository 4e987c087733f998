"""Which weights of a model are moved: all, the last layers, or small matrices added to frozen ones (through peft).

QLoRA keeps the frozen matrices in four bits (NF4, arXiv 2305.14314, by bitsandbytes). The files are peft's both ways: it
opens what we write, and we go on from what it wrote.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lianlu.core.errors import UsageError
from lianlu.core.extras import require
from lianlu.core.files import write_bytes
from lianlu.nn.recompute import decoder_layers
from lianlu.nn.weights import save_model
from lianlu.train.config import LoraRecipe

__all__ = ["ADAPTER_WEIGHTS", "add_adapter", "freeze_all_but_last", "quantize_frozen"]

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def freeze_all_but_last(model: Any, layers: int) -> None:
    """Train the last decoder layers, what stands behind them, and the head where it is no embedding as well.

    Raises:
        UsageError: train.too-many-layers, nn.no-layers
    """
    found = decoder_layers(model)
    if layers > len(found):
        raise UsageError("train.too-many-layers", wanted=layers, layers=len(found))
    tied = model.get_input_embeddings().weight
    frozen = {id(each) for layer in found[: len(found) - layers] for each in layer.parameters()} | {id(tied)}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) not in frozen)


def quantize_frozen(model: Any, device: str, *, compute: torch.dtype) -> Any:
    """Put the matrices of all linear layers but the head into four bits, each on its way to the device.

    Args:
        compute: the type that products are computed in.

    Raises:
        UsageError: extra.missing
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of a kernel that would have to be fetched
    bitsandbytes: Any = require("bitsandbytes", "qlora")
    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and layer is not head:
                bias: Any = layer.bias
                made = bitsandbytes.nn.Linear4bit(
                    layer.in_features,
                    layer.out_features,
                    bias=bias is not None,
                    compute_dtype=compute,
                    quant_type="nf4",
                    device="meta",
                )
                made.weight = bitsandbytes.nn.Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
                made.bias = bias
                # asked without gradients it would repack its weights for good, at a lower precision and not in all sizes
                made.support_avx512bf16_for_cpu = False
                setattr(parent, name, made.to(device))
    model.is_loaded_in_4bit = True  # how peft sees it
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.to(device)


def add_adapter(
    model: Any, recipe: LoraRecipe, tokenizer_files: Path, start: Path | None
) -> tuple[Any, Callable[[Path], None]]:
    """The model with added matrices inside it (itself, changed in place), and what writes them.

    Args:
        start: folder of a checkpoint whose matrices are gone on with; None begins with matrices that add nothing.

    Raises:
        UsageError: extra.missing, train.bad-targets
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    require("peft", "train")
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors.torch import load_file

    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # pyright: ignore[reportArgumentType] - peft takes fractions too
        lora_dropout=recipe.dropout,
        target_modules=recipe.targets or "all-linear",
        use_rslora=recipe.variant == "rslora",
        use_dora=recipe.variant == "dora",
        task_type="CAUSAL_LM",
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft reads a property that transformers renames
            adapted: Any = get_peft_model(model, config)
    except ValueError as error:
        raise UsageError("train.bad-targets", why=str(error).splitlines()[0][:300]) from error
    named = Path(recipe.model).name if recipe.model is not None else ""
    adapted.peft_config["default"].base_model_name_or_path = named
    if start is not None:
        set_peft_model_state_dict(adapted, load_file(start / ADAPTER_WEIGHTS))
    return adapted.get_base_model(), lambda folder: _save(adapted, folder, tokenizer_files)


def _save(adapted: Any, folder: Path, tokenizer_files: Path) -> None:
    save_model(adapted, folder, tokenizer_files, save_embedding_layers=False)  # "auto" would ask the hub
    path = folder / "adapter_config.json"
    config = json.loads(path.read_bytes())
    for name, value in config.items():  # peft writes sets in the order of the day
        if name in ("target_modules", "exclude_modules", "modules_to_save") and isinstance(value, list):
            config[name] = sorted(value)
    write_bytes(path, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")
