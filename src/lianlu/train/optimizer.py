"""AdamW over what is trained: matrices shrink, norms and biases do not; LoRA+ lets one side of an adapter run ahead."""

from __future__ import annotations

from typing import Any

import torch

from lianlu.train.config import LoraRecipe, TrainRecipe

__all__ = ["is_fused_on", "make_optimizer", "trained"]


def trained(model: Any) -> list[tuple[str, Any]]:
    """The parameters that are moved, with their names."""
    return [(name, each) for name, each in model.named_parameters() if each.requires_grad]


def is_fused_on(device: torch.device) -> bool:
    """Whether AdamW has one kernel for all parameters there; it then keeps its counter of steps on the device."""
    return device.type in ("cpu", "cuda")


def make_optimizer(model: Any, recipe: TrainRecipe, device: torch.device) -> torch.optim.AdamW:
    """Groups carry `share`, what the learning rate of the step is multiplied by for them.

    With `b_rate` the matrix B of an adapter learns so many times as fast as A (LoRA+, arXiv 2402.12354).
    """
    ahead = recipe.b_rate if isinstance(recipe, LoraRecipe) else 1.0
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in trained(model):
        decay = recipe.weight_decay if parameter.dim() > 1 else 0.0
        share = ahead if ".lora_B." in name or ".lora_embedding_B." in name else 1.0
        groups.setdefault((decay, share), []).append(parameter)
    made = [
        {"params": parameters, "weight_decay": decay, "share": share, "lr": recipe.learning_rate * share}
        for (decay, share), parameters in groups.items()
    ]
    return torch.optim.AdamW(made, lr=recipe.learning_rate, betas=recipe.betas, fused=is_fused_on(device))
