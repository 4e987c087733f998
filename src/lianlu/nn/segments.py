"""Attention over one flat row of packed segments: each segment attends to itself alone, causally.

Registered with transformers as the attention "segments", so that any model which takes its attention from there can be
trained without padding. Knows nothing of losses or data. On a CPU one SDPA call is made for each run of segments of equal
length, because a call for each segment spends its time in Python when samples are short; on CUDA with half precision
torch's variable-length kernel does the row at once where a try shows that it can, elsewhere a block mask.

Shapes: B batch (always 1), H heads, K key heads, T tokens of the row, N segments of one length L, D size of a head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as sdpa

from lianlu.core.errors import UsageError

__all__ = ["ATTENTION", "Segments", "use_segments"]

ATTENTION = "segments"
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")
_ROUGH = 0.05  # the last bits of half precision


@dataclass(frozen=True)
class Segments:
    """How a row is cut: the lengths in order; equal lengths should stand side by side, which makes fewer calls."""

    lengths: tuple[int, ...]
    device: torch.device

    @property
    def total(self) -> int:
        return sum(self.lengths)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(start, how many, length) of each run of equal lengths."""
        start = 0
        for length, group in groupby(self.lengths):
            count = len(tuple(group))
            yield start, count, length
            start += count * length

    @cached_property
    def ends(self) -> Tensor:
        """Where segments begin and the last ends, int32 of shape (N + 1,), as variable-length kernels want it."""
        lengths = torch.tensor((0, *self.lengths), dtype=torch.int32)
        return lengths.cumsum(0, dtype=torch.int32).to(self.device)

    @cached_property
    def positions(self) -> Tensor:
        """The position of each token in its segment, shape (1, T)."""
        return torch.cat([torch.arange(length) for length in self.lengths]).unsqueeze(0).to(self.device)

    def block_mask(self, window: int | None) -> Tensor:
        """True where a token may look, shape (T, T)."""
        if window is None:
            return self._causal_mask
        at = torch.arange(self.total, device=self.device)
        return self._causal_mask & (at[:, None] - at[None, :] < window)

    @cached_property
    def _causal_mask(self) -> Tensor:
        """Kept, because every layer of a row asks for it."""
        lengths = torch.tensor(self.lengths)
        owner = torch.repeat_interleave(torch.arange(len(self.lengths)), lengths).to(self.device)
        at = torch.arange(self.total, device=self.device)
        return (owner[:, None] == owner[None, :]) & (at[:, None] >= at[None, :])


def use_segments(model: Any) -> bool:
    """Give a transformers model the attention "segments"; False where it does not let itself be told.

    Its forward must then be called with `segments=Segments(…)` and position ids that restart with every segment.
    """
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)
    try:
        model.set_attn_implementation(ATTENTION)
    except (ValueError, ImportError):
        return False
    return model.config._attn_implementation == ATTENTION


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 - the segments are the mask
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    segments: Segments | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """The function transformers calls: query (1, H, T, D), key and value (1, K, T, D) -> (1, T, H, D).

    Raises:
        UsageError: nn.cannot-pack: the model asks for something this attention has no meaning for
    """
    wanted = [name for name in _UNSUPPORTED if more.get(name) is not None]
    if segments is None or segments.total != query.shape[2] or not getattr(module, "is_causal", True):
        wanted.append("segments")
    if wanted:
        raise UsageError("nn.cannot-pack", feature=", ".join(wanted))
    assert segments is not None
    options: dict[str, Any] = {"scale": scaling, "dropout_p": dropout}
    if query.is_cuda:
        attended = _on_cuda(query, key, value, segments, sliding_window, options)
    else:
        attended = _by_runs(query, key, value, segments, sliding_window, options)
    return attended, None


def _by_runs(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, options: dict[str, Any]
) -> Tensor:
    runs = list(segments.runs())
    sizes = [count * length for _, count, length in runs]
    parts: list[Tensor] = []
    for (_, count, length), q_HTD, k_KTD, v_KTD in zip(runs, *_split((query, key, value), sizes), strict=True):
        batch = (each.unflatten(1, (count, length)).transpose(0, 1) for each in (q_HTD, k_KTD, v_KTD))
        q_NHLD, k_NKLD, v_NKLD = batch
        rule = _rule(length, window, query.device)
        grouped = q_NHLD.shape[1] != k_NKLD.shape[1]
        out_NHLD = sdpa(q_NHLD, k_NKLD, v_NKLD, **rule, **options, enable_gqa=grouped)
        parts.append(out_NHLD.transpose(1, 2).flatten(0, 1))
    return torch.cat(parts).unsqueeze(0)


def _split(tensors: Sequence[Tensor], sizes: list[int]) -> list[tuple[Tensor, ...]]:
    return [tensor[0].split(sizes, dim=1) for tensor in tensors]


def _rule(length: int, window: int | None, device: torch.device) -> dict[str, Any]:
    if window is None or window >= length:
        return {"is_causal": True}
    return {"attn_mask": Segments((length,), device).block_mask(window)}


def _on_cuda(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, options: dict[str, Any]
) -> Tensor:
    device = query.device
    if torch.is_autocast_enabled(device.type):  # rotary positions leave queries and keys in float32; values are not
        dtype = torch.get_autocast_dtype(device.type)
        query, key, value = (each.to(dtype) for each in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    if not options["dropout_p"] and _kernel_fits(device, query.dtype, query.shape[-1], window is not None):
        return _by_kernel(query, key, value, segments, window, options["scale"])
    return _by_mask(query, key, value, segments, window, options)


def _by_mask(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, options: dict[str, Any]
) -> Tensor:
    return sdpa(query, key, value, attn_mask=segments.block_mask(window), **options).transpose(1, 2)


def _by_kernel(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, scale: float | None
) -> Tensor:
    """torch's variable-length kernel, all heads with keys of their own; `window_size` came with torch 2.11."""
    from torch.nn.attention.varlen import varlen_attn

    q_THD, k_THD, v_THD = (each[0].transpose(0, 1).contiguous() for each in (query, key, value))
    ends, longest = segments.ends, max(segments.lengths)
    reach = (-1 if window is None else window - 1, 0)
    out_THD = varlen_attn(q_THD, k_THD, v_THD, ends, ends, longest, longest, scale=scale, window_size=reach)
    assert isinstance(out_THD, Tensor)
    return out_THD.unsqueeze(0)


@cache
def _kernel_fits(device: torch.device, dtype: torch.dtype, head_size: int, has_window: bool) -> bool:
    """Try the kernel on five tokens, forwards and backwards: old cards, odd head sizes and some builds do without it."""
    if dtype not in (torch.float16, torch.bfloat16):
        return False
    segments, window = Segments((3, 2), device), 2 if has_window else None
    ramp_HTD = torch.linspace(-1, 1, 2 * 5 * head_size, device=device).view(5, 2, head_size).transpose(0, 1)
    found: list[list[Tensor]] = []
    try:
        for by_kernel in (True, False):
            query, key, value = (each[None].to(dtype).requires_grad_() for each in (ramp_HTD, -ramp_HTD, ramp_HTD))
            with torch.enable_grad():
                if by_kernel:
                    out = _by_kernel(query, key, value, segments, window, 1 / head_size)
                else:
                    out = _by_mask(query, key, value, segments, window, {"scale": 1 / head_size})
                grads = torch.autograd.grad((out.float() * ramp_HTD.transpose(0, 1)).sum(), (query, key, value))
            found.append([out.detach(), *grads])
    except torch.OutOfMemoryError:
        raise
    except (ImportError, TypeError, ValueError, RuntimeError):
        return False  # what is missing is said by each build in its own way
    return all(torch.allclose(one, other, rtol=_ROUGH, atol=_ROUGH) for one, other in zip(*found, strict=True))
