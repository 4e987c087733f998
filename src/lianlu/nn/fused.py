"""Norms, gated MLPs and rotary positions with fewer passes over memory, forwards and backwards, for training.

What is replaced is not known by its class but tried: a module that names itself RMSNorm, or has gate, up and down
projections around SiLU, must give the same on a few numbers, and so must the function by which attention turns queries and
keys. Only the instance gets another `forward`, so names, state and class stay. Under autocast a norm gives its result in
the type in which all that read it would cast it for themselves.

Shapes: T tokens (and whatever stands before), E size of a hidden state, I size inside the MLP, D size of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

__all__ = ["fuse"]

Rotation = Callable[..., tuple[Tensor, Tensor]]
_CLOSE = 1e-5
_ROTATION = "apply_rotary_pos_emb"  # what the attention of a model calls from its module


def fuse(model: nn.Module) -> int:
    """Replace what can be replaced, in place; how many modules were."""
    count = 0
    for module in model.modules():
        if _is_norm(module):
            module.forward = MethodType(_norm, module)
            count += 1
        elif _is_gated(module):
            module.forward = MethodType(_gated, module)
            count += 1
        elif (theirs := _rotation_of(module)) is not None:
            module.forward = MethodType(_turning(type(module).forward, theirs), module)
            count += 1
    return count


class _RmsNorm(torch.autograd.Function):
    """y = w · x / rms(x), arXiv 1910.07467."""

    @staticmethod
    def forward(ctx: Any, x_TE: Tensor, weight_E: Tensor, epsilon: float, dtype: torch.dtype) -> Tensor:
        wide_TE = x_TE.float()
        norm_T1 = torch.linalg.vector_norm(wide_TE, dim=-1, keepdim=True)
        scale_T1 = norm_T1.square_().div_(x_TE.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x_TE, weight_E, scale_T1)
        unit_TE = (wide_TE * scale_T1).to(x_TE.dtype)
        same = unit_TE.dtype == weight_E.dtype
        return (unit_TE.mul_(weight_E) if same else unit_TE * weight_E).to(dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        x_TE, weight_E, scale_T1 = ctx.saved_tensors
        slope_TE = slopes[0].float()
        unit_TE = x_TE.float() * scale_T1
        inner_TE = slope_TE * weight_E
        of_weight = None
        if ctx.needs_input_grad[1]:
            of_weight = (slope_TE * unit_TE).flatten(0, -2).sum(0).to(weight_E.dtype)
        share_T1 = torch.linalg.vecdot(inner_TE, unit_TE).unsqueeze(-1).div_(-x_TE.shape[-1])
        return inner_TE.addcmul_(unit_TE, share_T1).mul_(scale_T1).to(x_TE.dtype), of_weight, None, None


class _Gate(torch.autograd.Function):
    """silu(g) · u, which keeps g and u and no product (arXiv 2002.05202)."""

    @staticmethod
    def forward(ctx: Any, gate_TI: Tensor, up_TI: Tensor) -> Tensor:
        ctx.save_for_backward(gate_TI, up_TI)
        return silu(gate_TI).mul_(up_TI)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        gate_TI, up_TI = ctx.saved_tensors
        of_gate = torch.ops.aten.silu_backward(slopes[0] * up_TI, gate_TI)
        return of_gate, silu(gate_TI).mul_(slopes[0])


class _Rotate(torch.autograd.Function):
    """Rotary positions (arXiv 2104.09864), pairs made of the two halves of a head."""

    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, cos_TD: Tensor, sin_TD: Tensor) -> Tensor:
        ctx.save_for_backward(cos_TD, sin_TD)
        ctx.dtype = x_TD.dtype
        return _rotated(x_TD, cos_TD, sin_TD, 1)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        cos_TD, sin_TD = ctx.saved_tensors
        return _rotated(slopes[0], cos_TD, sin_TD, -1).to(ctx.dtype), None, None


def _rotated(x_TD: Tensor, cos_TD: Tensor, sin_TD: Tensor, way: int) -> Tensor:
    half = x_TD.shape[-1] // 2
    turned_TD = x_TD * cos_TD
    first, second = x_TD.to(turned_TD.dtype).split(half, dim=-1)
    turned_TD[..., :half].addcmul_(second, sin_TD[..., :half], value=-way)
    turned_TD[..., half:].addcmul_(first, sin_TD[..., half:], value=way)
    return turned_TD


def _rotate(query: Tensor, key: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return _Rotate.apply(query, cos, sin), _Rotate.apply(key, cos, sin)


def _rotation_of(module: Any) -> Rotation | None:
    """The function by which a module turns queries and keys, if it is attention that does so as `_rotate` does."""
    forward = type(module).forward
    if not isinstance(forward, FunctionType) or _ROTATION not in forward.__code__.co_names:
        return None
    found: Rotation | None = forward.__globals__.get(_ROTATION)
    return found if found is not None and _is_rotation(found) else None


@cache
def _is_rotation(theirs: Rotation) -> bool:
    """Tried with angles that are the same for both halves of a head, as they are in every model; gradients need it."""
    query, key = torch.linspace(-1, 2, 2 * 3 * 4).view(1, 2, 3, 4), torch.linspace(-2, 1, 3 * 4).view(1, 1, 3, 4)
    angles_TD = torch.linspace(0, 3, 3 * 2).view(1, 3, 2).repeat(1, 1, 2)
    cos, sin = angles_TD.cos(), angles_TD.sin()
    try:
        wanted, found = theirs(query, key, cos, sin), _rotate(query, key, cos, sin)
        return all(torch.allclose(one, other, rtol=_CLOSE) for one, other in zip(wanted, found, strict=True))
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False


def _turning(forward: FunctionType, theirs: Rotation) -> FunctionType:
    """The same function with another rotation among its globals; theirs still turns heads of which a part is turned."""

    def rotate(query: Tensor, key: Tensor, cos: Tensor, *more: Any, **named: Any) -> tuple[Tensor, Tensor]:
        ours = _rotate if cos.shape[-1] == query.shape[-1] == key.shape[-1] else theirs
        return ours(query, key, cos, *more, **named)

    names = forward.__globals__ | {_ROTATION: rotate}
    made = FunctionType(forward.__code__, names, forward.__name__, forward.__defaults__, forward.__closure__)
    made.__kwdefaults__ = forward.__kwdefaults__
    return made


def _norm(self: Any, x_TE: Tensor) -> Tensor:
    kind = x_TE.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x_TE.dtype
    return _RmsNorm.apply(x_TE, self.weight, self.variance_epsilon, dtype)


def _gated(self: Any, x_TE: Tensor) -> Tensor:
    return self.down_proj(_Gate.apply(self.gate_proj(x_TE), self.up_proj(x_TE)))


def _is_norm(module: Any) -> bool:
    is_named = type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon")
    if not is_named or not isinstance(getattr(module, "weight", None), Tensor) or module.weight.dim() != 1:
        return False
    return _gives_the_same(module, _norm, len(module.weight))


def _is_gated(module: Any) -> bool:
    names = ("gate_proj", "up_proj", "down_proj")
    if any(not isinstance(getattr(module, name, None), nn.Module) for name in names):
        return False
    size = getattr(module.gate_proj, "in_features", None)
    return isinstance(size, int) and _gives_the_same(module, _gated, size)


def _gives_the_same(module: nn.Module, forward: Any, size: int) -> bool:
    parameter = next(module.parameters())
    tried_TE = torch.linspace(-2, 2, 3 * size, device=parameter.device).view(1, 3, size)
    tried_TE = tried_TE.to(parameter.dtype if parameter.is_floating_point() else torch.float32)
    was_training = module.training
    module.eval()  # dropout of an adapter would tell two calls apart
    try:
        with torch.no_grad():
            wanted, found = type(module).forward(module, tried_TE), forward(module, tried_TE)
    except (TypeError, ValueError, RuntimeError, AttributeError):
        return False
    finally:
        module.train(was_training)
    if not isinstance(wanted, Tensor) or wanted.shape != found.shape or wanted.dtype != found.dtype:
        return False
    return bool((wanted - found).abs().max() <= _CLOSE * (1 + wanted.abs().max()))
