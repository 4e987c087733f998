"""Attention over one flat row of packed segments: each segment attends to itself alone, causally.

Registered with transformers as the attention "segments", so that any model which takes its attention from there can be
trained without padding. A segment may follow another one, so that a beginning common to many is computed once
(nn.prefixes finds them). Knows nothing of losses or data. On a CPU one SDPA call is made for each run of segments of equal
length, because a call for each segment spends its time in Python when samples are short, and nn.branches joins what they
find with what they follow; on CUDA with half precision
torch's variable-length kernel does the row at once where a try shows that it can, elsewhere a block mask.

Shapes: B batch (always 1), H heads, K key heads, T tokens of the row, N segments of one length L, D size of a head.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import accumulate, groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as sdpa

from lianlu.core.errors import UsageError
from lianlu.nn.branches import Call, attend, can_attend, has_kernel

__all__ = ["ATTENTION", "Segments", "use_segments"]

ATTENTION = "segments"
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")
_ROUGH = 0.05  # the last bits of half precision


@dataclass(frozen=True)
class Part:
    """Consecutive tokens that one call attends to: `count` segments of equal length, or one that follows others.

    Attributes:
        after: the parts whose tokens come before, from the beginning on; none for segments that are beginnings.
    """

    count: int
    length: int
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segments:
    """How a row is cut: the lengths in order; equal lengths should stand side by side, which makes fewer calls.

    Attributes:
        parents: for each segment the earlier one whose tokens it follows, -1 where it is a beginning; empty: all are.
    """

    lengths: tuple[int, ...]
    device: torch.device
    parents: tuple[int, ...] = ()
    _masks: dict[tuple[int, int, int | None], Tensor] = field(
        default_factory=dict[tuple[int, int, int | None], Tensor], compare=False, repr=False
    )

    @property
    def total(self) -> int:
        return sum(self.lengths)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The calls that make up the row."""
        if not self.parents:
            return tuple(Part(len(tuple(group)), length) for length, group in groupby(self.lengths))
        followed = set(self.parents)
        found: list[Part] = []
        at: dict[int, int] = {}
        for place, (length, parent) in enumerate(zip(self.lengths, self.parents, strict=True)):
            is_alone = parent < 0 and place not in followed
            if is_alone and found and found[-1].length == length and len(found) - 1 not in at.values():
                found[-1] = Part(found[-1].count + 1, length)
                continue
            found.append(Part(1, length, (*found[at[parent]].after, at[parent]) if parent >= 0 else ()))
            if not is_alone:
                at[place] = len(found) - 1
        return tuple(found)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The same as calls that are joined: each segment to itself, then to each one all that come after it."""
        starts = [0, *accumulate(self.lengths)]
        found: list[Call] = []
        for _, group in groupby(range(len(self.lengths)), self.lengths.__getitem__):
            places = list(group)
            own = slice(starts[places[0]], starts[places[-1] + 1])
            found.append(Call(own, own, is_causal=True, pieces=len(places)))
        behind: dict[int, list[int]] = {}
        for place, parent in enumerate(self.parents):
            while parent >= 0:
                behind.setdefault(parent, []).append(place)
                parent = self.parents[parent]
        for before, places in behind.items():
            keys = slice(starts[before], starts[before + 1])
            for _, run in groupby(enumerate(places), lambda each: each[1] - each[0]):
                after = [place for _, place in run]
                found.append(Call(slice(starts[after[0]], starts[after[-1] + 1]), keys))
        return tuple(found)

    @cached_property
    def ends(self) -> Tensor:
        """Where segments begin and the last ends, int32 of shape (N + 1,), as variable-length kernels want it."""
        lengths = torch.tensor((0, *self.lengths), dtype=torch.int32)
        return lengths.cumsum(0, dtype=torch.int32).to(self.device)

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """How many tokens come before each segment."""
        found: list[int] = []
        for parent in self.parents or (-1,) * len(self.lengths):
            found.append(found[parent] + self.lengths[parent] if parent >= 0 else 0)
        return tuple(found)

    @cached_property
    def reach(self) -> int:
        """Tokens of the longest sequence."""
        return max(depth + size for depth, size in zip(self.depths, self.lengths, strict=True))

    @cached_property
    def positions(self) -> Tensor:
        """The position of each token in its sequence, shape (1, T)."""
        pieces = [torch.arange(depth, depth + size) for depth, size in zip(self.depths, self.lengths, strict=True)]
        return torch.cat(pieces).unsqueeze(0).to(self.device)

    @cached_property
    def seen(self) -> Tensor:
        """For each segment in turn the tokens it may look at, its own last; of shape (sum over N of depth + length,)."""
        starts = [0, *accumulate(self.lengths)]
        paths: list[list[Tensor]] = []
        for place, parent in enumerate(self.parents):
            own = torch.arange(starts[place], starts[place + 1])
            paths.append([*(paths[parent] if parent >= 0 else []), own])
        return torch.cat([each for path in paths for each in path]).to(self.device)

    @cached_property
    def seen_ends(self) -> Tensor:
        """Like `ends`, of `seen`."""
        sizes = [depth + length for depth, length in zip(self.depths, self.lengths, strict=True)]
        return torch.tensor((0, *sizes), dtype=torch.int32).cumsum(0, dtype=torch.int32).to(self.device)

    def block_mask(self, window: int | None) -> Tensor:
        """True where a token may look, shape (T, T)."""
        if window is None:
            return self._causal_mask
        at = self.positions[0]
        return self._causal_mask & (at[:, None] - at[None, :] < window)

    def lower_right(self, length: int, before: int, window: int | None) -> Tensor:
        """What is added to the scores of the last `length` of `before + length` tokens, kept for all layers.

        Zero where they may look and minus infinity elsewhere, shape (length, before + length).
        """
        key = length, before, window
        if key not in self._masks:
            at = torch.arange(before + length, device=self.device)
            gap = at[before:, None] - at[None, :]
            sees = (gap >= 0) if window is None else (gap >= 0) & (gap < window)
            self._masks[key] = torch.zeros(sees.shape, device=self.device).masked_fill_(~sees, -torch.inf)
        return self._masks[key]

    @cached_property
    def _causal_mask(self) -> Tensor:
        """Kept, because every layer of a row asks for it."""
        sizes = torch.tensor(self.lengths)
        owner = torch.repeat_interleave(torch.arange(len(self.lengths)), sizes).to(self.device)
        at = torch.arange(self.total, device=self.device)
        follows = self._follows[owner][:, owner] if self.parents else owner[:, None] == owner[None, :]
        return follows & (at[:, None] >= at[None, :])

    @cached_property
    def _follows(self) -> Tensor:
        """True where a segment (row) comes after another or is it, shape (N, N)."""
        found = torch.eye(len(self.parents), dtype=torch.bool)
        for place, parent in enumerate(self.parents):
            if parent >= 0:
                found[place] |= found[parent]
        return found.to(self.device)


def use_segments(model: Any) -> bool:
    """Give a transformers model the attention "segments"; False where it does not let itself be told.

    Its forward must then be called with `segments=Segments(…)` and position ids that restart with every segment.
    """
    from transformers import AttentionInterface

    has_kernel()
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
        attended = _on_cpu(query, key, value, segments, sliding_window, options)
    return attended, None


def _by_parts(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, options: dict[str, Any]
) -> Tensor:
    is_plain = not options["dropout_p"] and (window is None or window >= segments.reach)
    if segments.parents and is_plain and can_attend(query):
        return attend(query[0], key[0], value[0], segments.calls, options["scale"]).unsqueeze(0)
    parts = segments.parts
    sizes = [part.count * part.length for part in parts]
    q_HTD, k_KTD, v_KTD = (tensor[0].split(sizes, dim=1) for tensor in (query, key, value))
    attended: list[Tensor] = []
    for place, part in enumerate(parts):
        if part.after:
            seen = (*part.after, place)
            keys, values = (torch.cat([each[at] for at in seen], dim=1)[None] for each in (k_KTD, v_KTD))
            queries = q_HTD[place][None]
            before = keys.shape[2] - part.length
            rule: dict[str, Any] = {"attn_mask": segments.lower_right(part.length, before, window).to(query.dtype)}
        else:
            batch = (each[place].unflatten(1, (part.count, part.length)) for each in (q_HTD, k_KTD, v_KTD))
            queries, keys, values = (each.transpose(0, 1) for each in batch)
            rule = _rule(part.length, window, segments, query.dtype)
        out_NHLD = sdpa(queries, keys, values, **rule, **options, enable_gqa=queries.shape[1] != keys.shape[1])
        attended.append(out_NHLD.transpose(1, 2).flatten(0, 1))
    return torch.cat(attended).unsqueeze(0)


def _rule(length: int, window: int | None, segments: Segments, dtype: torch.dtype) -> dict[str, Any]:
    if window is None or window >= length:
        return {"is_causal": True}
    return {"attn_mask": segments.lower_right(length, 0, window).to(dtype)}


def _on_cpu(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, window: int | None, options: dict[str, Any]
) -> Tensor:
    """In float32 whatever autocast says: the backward pass of half precision takes three times as long on a CPU."""
    if not torch.is_autocast_enabled("cpu"):
        return _by_parts(query, key, value, segments, window, options)
    with torch.autocast("cpu", enabled=False):
        return _by_parts(query.float(), key.float(), value.float(), segments, window, options)


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
    ends = seen = segments.ends
    longest = most_seen = max(segments.lengths)
    if segments.parents:  # what several follow is put before each of them: the kernel aligns masks at the lower right
        k_THD, v_THD, seen = k_THD[segments.seen], v_THD[segments.seen], segments.seen_ends
        most_seen = segments.reach
    reach = (-1 if window is None else window - 1, 0)
    out_THD = varlen_attn(q_THD, k_THD, v_THD, ends, seen, longest, most_seen, scale=scale, window_size=reach)
    assert isinstance(out_THD, Tensor)
    return out_THD.unsqueeze(0)


@cache
def _kernel_fits(device: torch.device, dtype: torch.dtype, head_size: int, has_window: bool) -> bool:
    """Try the kernel on a few tokens, forwards and backwards: old cards, odd head sizes and some builds do without it."""
    if dtype not in (torch.float16, torch.bfloat16):
        return False
    segments, window = Segments((3, 2, 2), device, (-1, 0, 0)), 2 if has_window else None
    ramp_HTD = torch.linspace(-1, 1, 2 * 7 * head_size, device=device).view(7, 2, head_size).transpose(0, 1)
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
