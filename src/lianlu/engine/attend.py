"""Attention over a step's tokens laid end to end, without padding: each piece sees its own past and nothing else.

Registered with transformers as one more attention implementation, so that every model of its attention interface runs
unchanged: the model computes queries, keys and values of all tokens of all requests at once, and here each piece is
attended alone. Knows no request and no text. The pieces of the step stand in a context variable, because not every
model hands unknown arguments down to its attention.

A key-value row is one tensor per layer, contiguous and grown by doubling: a gather at every step cost more than the
attention itself on a CPU.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as attention

__all__ = ["ATTENTION", "CachedPieces", "Piece", "Pieces", "Row", "Rule", "TreePieces", "TreeSegment", "packed"]

# Letters of shapes: H query heads, K key-value heads, T tokens of the step, P tokens seen before, D head size.
ATTENTION = "lianlu_packed"
_FIRST_TOKENS = 64
_UNKNOWN_RULES = ("softcap", "s_aux", "position_bias")


class Pieces(Protocol):
    """How the tokens of one forward pass attend to each other."""

    def attend(self, layer: int, q_HTD: Tensor, k_KTD: Tensor, v_KTD: Tensor, rule: Rule) -> list[Tensor]:
        """One tensor [H, tokens of the piece, D] for each piece, in order."""
        ...


@dataclass(frozen=True)
class Rule:
    """What the model's layer asks of attention: the factor of the scores, and how far back a token sees."""

    scale: float | None
    window: int | None


_pieces: ContextVar[Pieces | None] = ContextVar("lianlu_pieces", default=None)


@contextmanager
def packed(module: Any, pieces: Pieces) -> Generator[None]:
    """Run `module` with packed attention over `pieces` inside the block; its own attention is restored after."""
    _register()
    configs = _configs(module)
    before = [config._attn_implementation for config in configs]
    token = _pieces.set(pieces)
    try:
        for config in configs:
            config._attn_implementation = ATTENTION
        yield
    finally:
        _pieces.reset(token)
        for config, implementation in zip(configs, before, strict=True):
            config._attn_implementation = implementation


def _configs(module: Any) -> list[Any]:
    """The configs that the layers of a model look at: a model's own, and that of its text part."""
    text = module.config.get_text_config()
    return [module.config] if text is module.config else [module.config, text]


def _register() -> None:
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, _attend)


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 - the pieces say who sees whom
    scaling: float | None = None,
    sliding_window: int | None = None,
    **rules: Any,
) -> tuple[Tensor, None]:
    pieces = _pieces.get()
    unknown = [name for name in _UNKNOWN_RULES if rules.get(name) is not None]
    if pieces is None or unknown:
        raise ValueError(f"packed attention cannot follow {unknown or 'a call outside its block'}")
    rule = Rule(scaling, sliding_window)
    made = pieces.attend(module.layer_idx, query[0], key[0], value[0], rule)
    return torch.cat(made, dim=1).transpose(0, 1).unsqueeze(0), None


def _piece_attention(q_HTD: Tensor, k_KSD: Tensor, v_KSD: Tensor, rule: Rule) -> Tensor:
    """Causal attention of the last T of S tokens to all S."""
    (heads, length, _), (kv_heads, seen, _) = q_HTD.shape, k_KSD.shape
    mask = _mask(length, seen, rule.window, q_HTD.device)
    if length == 1 and heads != kv_heads:  # the heads of a group as rows of one query: keys need not be repeated
        grouped = q_HTD.view(1, kv_heads, heads // kv_heads, -1)
        made = attention(grouped, k_KSD[None], v_KSD[None], attn_mask=mask, scale=rule.scale)
        return made.reshape(heads, 1, -1)
    made = attention(
        q_HTD[None],
        k_KSD[None],
        v_KSD[None],
        attn_mask=mask,
        is_causal=mask is None and length > 1,
        scale=rule.scale,
        enable_gqa=heads != kv_heads,
    )
    return made[0]


def _mask(length: int, seen: int, window: int | None, device: torch.device) -> Tensor | None:
    """Who sees whom, [length, seen]; None where plain causal attention says the same."""
    is_wide = window is None or seen <= window
    if is_wide and (length in (1, seen)):
        return None
    at = torch.arange(seen - length, seen, device=device)[:, None]
    to = torch.arange(seen, device=device)[None, :]
    mask = to <= at
    return mask if window is None else mask & (to > at - window)


@dataclass
class Row:
    """Keys and values of one sequence, by layer: two tensors [K, capacity, D]."""

    layers: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def extend(self, layer: int, k_KTD: Tensor, v_KTD: Tensor, start: int) -> tuple[Tensor, Tensor]:
        """Write at position `start`; gives all keys and values up to the end of what was written."""
        end = start + k_KTD.shape[1]
        kept = self.layers.get(layer)
        if kept is None or kept[0].shape[1] < end:
            capacity = _FIRST_TOKENS
            while capacity < end:
                capacity *= 2
            kept = (_grown(kept and kept[0], k_KTD, capacity, start), _grown(kept and kept[1], v_KTD, capacity, start))
            self.layers[layer] = kept
        keys, values = kept
        keys[:, start:end] = k_KTD
        values[:, start:end] = v_KTD
        return keys[:, :end], values[:, :end]


def _grown(old: Tensor | None, like_KTD: Tensor, capacity: int, used: int) -> Tensor:
    fresh = like_KTD.new_empty((like_KTD.shape[0], capacity, like_KTD.shape[2]))
    if old is not None:
        fresh[:, :used] = old[:, :used]
    return fresh


@dataclass(frozen=True)
class Piece:
    """`length` new tokens of a row that holds `start` tokens already."""

    row: Row
    start: int
    length: int


@dataclass(frozen=True)
class CachedPieces:
    """Pieces of sequences that are being written: each goes on from its own row."""

    pieces: Sequence[Piece]

    def attend(self, layer: int, q_HTD: Tensor, k_KTD: Tensor, v_KTD: Tensor, rule: Rule) -> list[Tensor]:
        made: list[Tensor] = []
        at = 0
        for piece in self.pieces:
            here = slice(at, at + piece.length)
            keys, values = piece.row.extend(layer, k_KTD[:, here], v_KTD[:, here], piece.start)
            made.append(_piece_attention(q_HTD[:, here], keys, values, rule))
            at += piece.length
        return made


@dataclass(frozen=True)
class TreeSegment:
    """Tokens `start` to `end` of the pass, after those of the segment `parent` (-1: the beginning)."""

    start: int
    end: int
    parent: int


@dataclass(frozen=True)
class TreePieces:
    """Texts that share their beginnings: a segment sees its ancestors and itself. Nothing is kept."""

    segments: Sequence[TreeSegment]

    def attend(self, layer: int, q_HTD: Tensor, k_KTD: Tensor, v_KTD: Tensor, rule: Rule) -> list[Tensor]:  # noqa: ARG002
        made: list[Tensor] = []
        for segment in self.segments:
            line = self._line(segment)
            keys = torch.cat([k_KTD[:, each.start : each.end] for each in line], dim=1)
            values = torch.cat([v_KTD[:, each.start : each.end] for each in line], dim=1)
            made.append(_piece_attention(q_HTD[:, segment.start : segment.end], keys, values, rule))
        return made

    def _line(self, segment: TreeSegment) -> list[TreeSegment]:
        line = [segment]
        while line[0].parent >= 0:
            line.insert(0, self.segments[line[0].parent])
        return line
