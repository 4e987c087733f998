"""Attention of segments that follow others, on a CPU: what many follow is met by all of them in one call without a mask.

A token sees its own segment up to itself, and every segment before that one as a whole. Each of these is a call of torch's
kernel, and what they find is joined by the logarithms of their sums, as in ring attention (arXiv 2310.01889). The kernel's
backward pass, given the joined output and logarithm, finds exactly what each call adds to the gradients.

Shapes: H heads, K key heads, T tokens of the row, N pieces of one length L, D size of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as sdpa

__all__ = ["Call", "attend", "can_attend", "has_kernel"]

_CLOSE = 1e-5


class Call(NamedTuple):
    """Tokens that look at tokens: at those of `keys` from the first up to itself, or at all of them.

    Attributes:
        pieces: both are cut into so many of equal length, and each piece of queries looks at its piece of keys.
    """

    queries: slice
    keys: slice
    is_causal: bool = False
    pieces: int = 1


def attend(query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, calls: Sequence[Call], scale: float | None) -> Tensor:
    """The softmax over all that a token looks at in any of `calls`, of shape (T, H, D).

    Args:
        query_HTD: float32, like the others.
        calls: causal ones first; each token stands in one of these, and no call repeats what another says.
    """
    return _Joined.apply(query_HTD, key_KTD, value_KTD, tuple(calls), scale)


def can_attend(query_HTD: Tensor) -> bool:
    """Whether `attend` takes such tensors; half precision would be rounded once for each call."""
    return query_HTD.dtype == torch.float32 and query_HTD.device.type == "cpu" and has_kernel()


@cache
def has_kernel() -> bool:
    """Whether torch has the kernel as it is known here: it is one of its own, and may be gone or changed in another version.

    To be asked before the first forward pass: what it tries inside a layer that is recomputed would count as the layer's.
    """
    ramp = torch.linspace(-1, 1, 4 * 5 * 8).view(4, 5, 8)
    sees = torch.block_diag(torch.ones(2, 2), torch.ones(2, 2), torch.ones(1, 1)).tril()
    sees[2:, :2] = 1
    calls = (
        Call(slice(0, 4), slice(0, 4), is_causal=True, pieces=2),
        Call(slice(4, 5), slice(4, 5), is_causal=True),
        Call(slice(2, 5), slice(0, 2)),
    )
    try:
        with torch.inference_mode(False), torch.enable_grad():
            query, key, value = given = [each.clone().requires_grad_() for each in (ramp, ramp[:2].flip(0), -ramp[:2])]
            found_HTD = attend(query, key, value, calls, 0.5).transpose(0, 1)
            wanted_HTD = sdpa(query[None], key[None], value[None], sees.bool(), scale=0.5, enable_gqa=True)[0]
            found, wanted = ((each, *_slopes(each, given)) for each in (found_HTD, wanted_HTD))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return False
    return all(torch.allclose(one, other, rtol=_CLOSE, atol=_CLOSE) for one, other in zip(found, wanted, strict=True))


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query_HTD: Tensor, key_KTD: Tensor, value_KTD: Tensor, calls: tuple[Call, ...], scale: float | None
    ) -> Tensor:
        heads, tokens, size = query_HTD.shape
        out_HTD = query_HTD.new_empty(tokens, heads, size).transpose(0, 1)
        sum_HT = query_HTD.new_empty(tokens, heads).t()  # the kernel's order in memory, of both
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        for queries, keys, is_causal, count in calls:
            query = _cut(query_HTD[:, queries], count)
            key, value = (_cut(each[:, keys], count) for each in (key_KTD, value_KTD))
            found = [_whole(each) for each in kernel(query, key, value, 0.0, is_causal, scale=scale)]
            if is_causal:
                out_HTD[:, queries], sum_HT[:, queries] = found
            else:
                _join(out_HTD[:, queries], sum_HT[:, queries], *found)
        ctx.save_for_backward(query_HTD, key_KTD, value_KTD, out_HTD, sum_HT)
        ctx.calls, ctx.scale = calls, scale
        return out_HTD.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        query_HTD, key_KTD, value_KTD, out_HTD, sum_HT = ctx.saved_tensors
        slope_HTD = slopes[0].transpose(0, 1)
        gradients = [torch.empty_like(each) for each in (query_HTD, key_KTD, value_KTD)]
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
        for queries, keys, is_causal, count in ctx.calls:
            slope, query, out, total = (
                _cut(each[:, queries], count) for each in (slope_HTD, query_HTD, out_HTD, sum_HT)
            )
            key, value = (_cut(each[:, keys], count) for each in (key_KTD, value_KTD))
            found = kernel(slope, query, key, value, out, total, 0.0, is_causal, scale=ctx.scale)
            for gradient, tokens, part in zip(gradients, (queries, keys, keys), found, strict=True):
                if is_causal:
                    gradient[:, tokens] = _whole(part)
                else:
                    gradient[:, tokens] += _whole(part)
        return (*gradients, None, None)


def _cut(each_HT: Tensor, count: int) -> Tensor:
    """(H, N·L, …) -> (N, H, L, …)."""
    return each_HT.unflatten(1, (count, -1)).transpose(0, 1)


def _whole(each_NHL: Tensor) -> Tensor:
    """(N, H, L, …) -> (H, N·L, …)."""
    return each_NHL.transpose(0, 1).flatten(1, 2)


def _join(out_HTD: Tensor, sum_HT: Tensor, other_HTD: Tensor, other_HT: Tensor) -> None:
    """Put the attention to further keys into what is there, in place; sums are logarithms."""
    both_HT = torch.logaddexp(sum_HT, other_HT)
    out_HTD.mul_((sum_HT - both_HT).exp_().unsqueeze(-1))
    out_HTD.addcmul_(other_HTD, (other_HT - both_HT).exp_().unsqueeze(-1))
    sum_HT.copy_(both_HT)


def _slopes(out_HTD: Tensor, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    weights = torch.linspace(1, -1, out_HTD.numel()).view(out_HTD.shape)
    return torch.autograd.grad((out_HTD * weights).sum(), given)
