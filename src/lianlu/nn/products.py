"""Matrix products in float32 on CPUs whose vendor is not that of the library which torch multiplies with.

MKL takes a slower path on AMD's processors; oneDNN, which torch brings as well, makes its code for the machine it finds
(decision 060 has figures of both). Which one is taken is told by the vendor and by a try, not by a stopwatch: a run that
goes on tomorrow must add up in the same order as today.

Shapes: T tokens (and whatever stands before), I and O features in and out.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

__all__ = ["multiply", "use_products"]

_CLOSE = 1e-5
_VENDOR = "AuthenticAMD"


def multiply(x_TI: Tensor, weight_OI: Tensor) -> Tensor:
    """What `torch.nn.functional.linear` gives, without a gradient; `weight_OI` may be the transpose of another one."""
    if not _is_plain(x_TI, weight_OI) or not _has_other():
        return linear(x_TI, weight_OI)
    return _product(x_TI, weight_OI)


def use_products(model: nn.Module) -> int:
    """Let the linear layers of a model use them, in place, where this machine has any; how many do."""
    if not _has_other():
        return 0
    found = [each for each in model.modules() if type(each) is nn.Linear and _is_plain(each.weight)]
    for each in found:
        each.forward = MethodType(_forward, each)
    return len(found)


class _Linear(torch.autograd.Function):
    """y = x · wᵀ + b."""

    @staticmethod
    def forward(ctx: Any, x_TI: Tensor, weight_OI: Tensor, bias_O: Tensor | None) -> Tensor:
        ctx.save_for_backward(x_TI, weight_OI)
        return _product(x_TI, weight_OI, bias_O)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x_TI, weight_OI = ctx.saved_tensors
        slope_TO = slopes[0].contiguous()
        flat_TO = slope_TO.flatten(0, -2)
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _product(slope_TO, weight_OI.t()) if of_x else None,
            flat_TO.t() @ x_TI.flatten(0, -2) if of_weight else None,  # here MKL is as fast
            flat_TO.sum(0) if of_bias else None,
        )


def _forward(self: Any, x_TI: Tensor) -> Tensor:
    if not _is_plain(x_TI, self.weight) or x_TI.dim() < 2 or not x_TI.numel():
        return linear(x_TI, self.weight, self.bias)
    return _Linear.apply(x_TI, self.weight, self.bias)


def _product(x_TI: Tensor, weight_OI: Tensor, bias_O: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x_TI, weight_OI, bias_O, "none", [], "")


def _is_plain(*given: Tensor) -> bool:
    """Whether float32 on a CPU is to stay float32; tensors that are spread over processes or have no numbers are not plain."""
    is_plain = all(
        type(each) in (Tensor, nn.Parameter) and each.dtype == torch.float32 and each.device.type == "cpu"
        for each in given
    )
    return is_plain and not torch.is_autocast_enabled("cpu")


@cache
def _has_other() -> bool:
    """The operation is one that torch keeps for itself, so it may be gone or changed in another version."""
    if _VENDOR not in _processor() or not torch.backends.mkldnn.is_available():
        return False
    x_TI = torch.linspace(-1, 1, 3 * 5).view(3, 5)
    weight_OI, bias_O = torch.linspace(-2, 1, 4 * 5).view(4, 5), torch.linspace(0, 1, 4)
    try:
        found = _product(x_TI, weight_OI, bias_O), _product(x_TI, weight_OI.t().contiguous().t())
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    wanted = linear(x_TI, weight_OI, bias_O), linear(x_TI, weight_OI)
    return all(torch.allclose(one, other, rtol=_CLOSE, atol=_CLOSE) for one, other in zip(found, wanted, strict=True))


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return platform.processor()
