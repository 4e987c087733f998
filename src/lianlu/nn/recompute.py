"""Keep less of the forward pass and make it again in the backward pass (activation checkpointing), layer by layer.

Knows no model class: the decoder layers are the largest list of as many modules as the configuration has layers. A layer
gets a `forward` of its own inside the instance, so names, state and class stay as they are (peft and FSDP see nothing of
it), hooks stay outside and run once, and a deep copy of the model recomputes by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from types import MethodType
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from lianlu.core.errors import UsageError

__all__ = ["Recompute", "decoder_layers", "recompute"]

Recompute = Literal["none", "selective", "full"]
_KEPT = frozenset(
    {
        *("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "aten::linear", "aten::mkldnn_linear"),
        "mkldnn::_linear_pointwise",  # what nn.products multiplies with
        *("aten::_scaled_mm", "aten::_grouped_mm", "bitsandbytes::gemm_4bit"),
        "aten::_scaled_dot_product_flash_attention",
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_efficient_attention",
        "aten::_scaled_dot_product_cudnn_attention",
        "aten::_scaled_dot_product_fused_attention_overrideable",
        *("aten::_flash_attention_forward", "aten::_efficient_attention_forward", "aten::_cudnn_attention_forward"),
        "torch_attn::_varlen_attn",  # what torch.nn.attention.varlen calls
    }
)


def recompute(model: Any, policy: Recompute) -> None:
    """Choose what each decoder layer keeps for the backward pass while the model trains.

    Args:
        model: a transformers decoder model, or a peft model around one; changed in place, any number of times.
        policy: none keeps all; selective keeps what matrix products and attention give, and makes norms, activations
            and casts again; full keeps a layer's input alone. Losses and gradients are those of none to the bit.

    Raises:
        UsageError: nn.no-layers
    """
    for layer in decoder_layers(model):
        vars(layer).pop("forward", None)
        if policy != "none":
            layer.forward = MethodType(_FORWARDS[policy], layer)


def decoder_layers(model: Any) -> Sequence[nn.Module]:
    """The decoder layers of a model, in order.

    Raises:
        UsageError: nn.no-layers: there is no list of as many modules as the configuration has layers
    """
    wanted = getattr(model.config.get_text_config(decoder=True), "num_hidden_layers", None)
    lists = [each for each in model.modules() if isinstance(each, nn.ModuleList) and len(each) == wanted]
    if not lists:
        raise UsageError("nn.no-layers", model=type(model).__name__)
    return list(max(lists, key=_size))


def _size(module: nn.Module) -> int:
    return sum(each.numel() for each in module.parameters())


def _forward(layer: nn.Module, contexts: Callable[[], Any] | None, *inputs: Any, **named: Any) -> Any:
    plain = partial(type(layer).forward, layer)
    if not (layer.training and torch.is_grad_enabled()):
        return plain(*inputs, **named)
    options = {} if contexts is None else {"context_fn": contexts}
    return checkpoint(plain, *inputs, use_reentrant=False, **options, **named)


def _full(self: nn.Module, *inputs: Any, **named: Any) -> Any:
    return _forward(self, None, *inputs, **named)


def _selective(self: nn.Module, *inputs: Any, **named: Any) -> Any:
    return _forward(self, _contexts, *inputs, **named)


_FORWARDS: dict[str, Callable[..., Any]] = {"full": _full, "selective": _selective}


def _contexts() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    return create_selective_checkpoint_contexts(_kept)


def _kept(context: Any, operation: Any, *inputs: Any, **named: Any) -> CheckpointPolicy:
    del context
    if operation._schema.name in _KEPT and not _is_random(operation, inputs, named):
        return CheckpointPolicy.MUST_SAVE
    return CheckpointPolicy.PREFER_RECOMPUTE


def _is_random(operation: Any, inputs: Sequence[Any], named: dict[str, Any]) -> bool:
    """Attention with dropout is made again: were it skipped, all that draws after it would draw other numbers."""
    place = _dropout_place(operation)
    return place is not None and bool(inputs[place] if len(inputs) > place else named.get("dropout_p"))


@cache
def _dropout_place(operation: Any) -> int | None:
    names = [each.name for each in operation._schema.arguments]
    return names.index("dropout_p") if "dropout_p" in names else None
