"""From token ids to a loss, without padding where the model allows it.

Whether a model can be packed is not read off its class but tried: two short segments in one row must give the logits
that they give alone. So a model whose layers carry a state from token to token (Mamba, convolutions), or whose positions
are not told by `position_ids`, falls back to padded batches instead of leaking one sample into the next.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lianlu.core.errors import UsageError
from lianlu.nn.fused import fuse
from lianlu.nn.losses import Head, summed_nll, token_nll
from lianlu.nn.prefixes import grow_tree
from lianlu.nn.products import use_products
from lianlu.nn.segments import Segments, use_segments

__all__ = ["PackedRow", "RowForward", "pack_row", "pad_rows"]

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]
_CLOSE = 1e-3


@dataclass(frozen=True)
class PackedRow:
    """One forward pass over several pieces.

    Attributes:
        inputs: what the model is called with.
        keep: of the flattened tokens, which predict a supervised one; one at which pieces part predicts several.
        targets: the ids they should predict.
        owners: the piece of each target.
        pieces: how many there are.
        ends: of the flattened tokens, the last one of each piece.
        tokens: tokens that are computed and no padding.
        slots: tokens that are computed, padding included.
    """

    inputs: dict[str, Any]
    keep: Tensor
    targets: Tensor
    owners: Tensor
    pieces: int
    ends: Tensor
    tokens: int
    slots: int


def pack_row(
    pieces: Sequence[tuple[Ids, Mask]], device: torch.device, *, least_shared: int | None = None, whole: bool = True
) -> PackedRow:
    """One flat row of (ids, mask) pieces. The mask tells which tokens are supervised.

    Args:
        least_shared: beginnings of so many tokens and more that pieces have in common stand in the row once.
        whole: compute all tokens; else those behind which nothing is predicted are left out: nobody looks at them.
    """
    inputs = [ids if whole else ids[: _needed(mask)] for ids, mask in pieces]
    if least_shared is not None and len(pieces) > 1:
        tree = grow_tree(inputs, least_shared)
        if tree.tokens < sum(len(each) for each in inputs):
            lengths = tuple(node.end - node.start for node in tree.nodes)
            segments = Segments(lengths, device, tuple(node.parent for node in tree.nodes))
            ids_T = np.concatenate([inputs[node.of][node.start : node.end] for node in tree.nodes])
            return _row(pieces, tree.paths, ids_T, segments)
    order = sorted(range(len(inputs)), key=lambda place: -len(inputs[place]))
    segments = Segments(tuple(len(inputs[place]) for place in order), device)
    ids_T = np.concatenate([inputs[place] for place in order])
    starts = np.cumsum([0, *segments.lengths])
    paths = {place: np.arange(starts[at], starts[at + 1]) for at, place in enumerate(order)}
    return _row(pieces, [paths[place] for place in range(len(pieces))], ids_T, segments)


def _needed(mask: Mask) -> int:
    """How many tokens of a sample are looked at: those before the last one that is predicted."""
    predicted = np.flatnonzero(mask[1:])
    return int(predicted[-1]) + 1 if len(predicted) else len(mask)


def _row(
    pieces: Sequence[tuple[Ids, Mask]], paths: Sequence[NDArray[np.int64]], ids_T: Ids, segments: Segments
) -> PackedRow:
    predicted = [np.flatnonzero(mask[1:]) + 1 for _, mask in pieces]
    keep = np.concatenate([path[at - 1] for path, at in zip(paths, predicted, strict=True)])
    targets = np.concatenate([ids[at] for (ids, _), at in zip(pieces, predicted, strict=True)])
    device = segments.device
    return PackedRow(
        inputs={"input_ids": _long(ids_T, device)[None], "position_ids": segments.positions, "segments": segments},
        keep=_long(keep, device),
        targets=_long(targets, device),
        owners=_owners(predicted, device),
        pieces=len(pieces),
        ends=_long(np.array([path[-1] for path in paths]), device),
        tokens=len(ids_T),
        slots=len(ids_T),
    )


def pad_rows(pieces: Sequence[tuple[Ids, Mask]], device: torch.device) -> PackedRow:
    """The same as a padded batch, for models that cannot be packed."""
    longest = max(len(ids) for ids, _ in pieces)
    ids_BT = np.zeros((len(pieces), longest), dtype=np.int64)
    real_BT = np.zeros((len(pieces), longest), dtype=np.int64)
    for row, (ids, _) in enumerate(pieces):
        ids_BT[row, : len(ids)], real_BT[row, : len(ids)] = ids, 1
    predicted = [np.flatnonzero(mask[1:]) + 1 for _, mask in pieces]
    flat = np.concatenate([at + row * longest for row, at in enumerate(predicted)])
    return PackedRow(
        inputs={
            "input_ids": torch.from_numpy(ids_BT).to(device),
            "attention_mask": torch.from_numpy(real_BT).to(device),
        },
        keep=_long(flat - 1, device),
        targets=_long(ids_BT.reshape(-1)[flat], device),
        owners=_owners(predicted, device),
        pieces=len(pieces),
        ends=_long(np.array([row * longest + len(ids) - 1 for row, (ids, _) in enumerate(pieces)]), device),
        tokens=int(real_BT.sum()),
        slots=ids_BT.size,
    )


class RowForward:
    """A model made ready to be trained on rows.

    Attributes:
        packs: whether samples share one flat row; else they are padded.
        least_shared: beginnings of so many tokens are computed once for all samples of a row; None shares none.
    """

    def __init__(self, model: Any, *, least_shared: int | None = None) -> None:
        self.model = model
        self.device: torch.device = next(model.parameters()).device
        fuse(model)
        use_products(model)
        self.packs = _can_pack(model)
        self.least_shared = least_shared if self.packs and _keeps_order(model) else None
        self._has_plain_head = _has_plain_head(model, self.device, self.packs)
        self._slots = 0

    def take_slots(self) -> int:
        """Tokens that rows were made of since this was last asked, padding included."""
        slots, self._slots = self._slots, 0
        return slots

    def row(self, pieces: Sequence[tuple[Ids, Mask]], *, whole: bool = False) -> PackedRow:
        """One forward pass over pieces.

        Args:
            whole: compute all tokens; else those behind which nothing is predicted are left out, as nobody sees them.
        """
        options: dict[str, Any] = {"least_shared": self.least_shared, "whole": whole}
        row = pack_row(pieces, self.device, **options) if self.packs else pad_rows(pieces, self.device)
        self._slots += row.slots
        return row

    def loss(self, row: PackedRow) -> Tensor:
        """Summed negative log-likelihood of the supervised tokens of a row; the head sees only the tokens it needs."""
        return summed_nll(*self._predictions(row))

    def losses(self, row: PackedRow) -> Tensor:
        """The same for each piece, shape (N,), float32."""
        each_S = token_nll(*self._predictions(row))
        return each_S.new_zeros(row.pieces).index_add(0, row.owners, each_S)

    def hidden(self, row: PackedRow) -> Tensor:
        """Last hidden states of all tokens of a row, shape (T, E)."""
        return self.model.base_model(**row.inputs, use_cache=False).last_hidden_state.flatten(0, 1)

    def _predictions(self, row: PackedRow) -> tuple[Tensor, Tensor, Head]:
        if not self._has_plain_head:
            logits_SV = self.model(**row.inputs, use_cache=False).logits.flatten(0, 1)[row.keep]
            return logits_SV, row.targets, Head(lambda each: each, logits_SV.shape[-1])
        layer = self.model.get_output_embeddings()
        bias: Tensor | None = getattr(layer, "bias", None)
        is_linear = type(layer) is torch.nn.Linear and bias is None
        head = Head(layer, layer.weight.shape[0], layer.weight if is_linear else None)
        return self.hidden(row)[row.keep], row.targets, head


def _can_pack(model: Any) -> bool:
    """Try whether segments keep to themselves in this model; it has the attention "segments" afterwards if so."""
    before = model.config._attn_implementation
    device = next(model.parameters()).device
    highest = model.get_input_embeddings().num_embeddings
    ids_T = torch.arange(12, device=device) * 7919 % highest
    try:
        packs = use_segments(model) and _keeps_apart(model, ids_T, Segments((7, 5), device))
    except (UsageError, TypeError, ValueError, KeyError, RuntimeError):
        packs = False  # a model that is not made for it says so in its own way; padding works for all
    if not packs:
        model.set_attn_implementation(before)
    return packs


def _keeps_apart(model: Any, ids_T: Tensor, segments: Segments) -> bool:
    with torch.no_grad(), _evaluating(model):
        together = _logits(model, ids_T, segments)
        alone = [_logits(model, ids, Segments((len(ids),), segments.device)) for ids in ids_T.split(segments.lengths)]
    apart = torch.cat(alone)
    return bool((together - apart).abs().max() <= _CLOSE * (1 + apart.abs().max()))


def _keeps_order(model: Any) -> bool:
    """Whether a segment that follows another one is what it is as the end of a longer one."""
    device = next(model.parameters()).device
    ids_T = torch.arange(12, device=device) * 7919 % model.get_input_embeddings().num_embeddings
    apart, whole = Segments((7, 5), device, (-1, 0)), Segments((12,), device)
    with torch.no_grad(), _evaluating(model):
        found, wanted = _logits(model, ids_T, apart), _logits(model, ids_T, whole)
    return bool((found - wanted).abs().max() <= _CLOSE * (1 + wanted.abs().max()))


def _logits(model: Any, ids_T: Tensor, segments: Segments) -> Tensor:
    """The logits of each token; of a model that gives none (a reward model scores the last one) its hidden states."""
    inputs = {"input_ids": ids_T.unsqueeze(0), "position_ids": segments.positions, "segments": segments}
    if model.get_output_embeddings() is None and model.base_model is not model:
        return model.base_model(**inputs, use_cache=False).last_hidden_state[0].float()
    return model(**inputs, use_cache=False).logits[0].float()


def _has_plain_head(model: Any, device: torch.device, packs: bool) -> bool:
    """Whether logits are the head applied to the last hidden state and no more: tried on a few tokens."""
    head = model.get_output_embeddings()
    if head is None or not hasattr(head, "weight") or model.base_model is model:
        return False
    ids = torch.arange(3, device=device)
    inputs: dict[str, Any] = {"input_ids": ids.unsqueeze(0), "use_cache": False}
    if packs:
        segments = Segments((3,), device)
        inputs |= {"position_ids": segments.positions, "segments": segments}
    with torch.no_grad(), _evaluating(model):
        whole = model(**inputs).logits
        hidden = model.base_model(**inputs)
        if not hasattr(hidden, "last_hidden_state"):
            return False
        found = head(hidden.last_hidden_state)
    return torch.equal(whole, found)  # near is not enough: a soft cap hardly shows on the small logits of a new model


@contextmanager
def _evaluating(model: Any) -> Generator[None]:
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


def _owners(predicted: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    return _long(np.repeat(np.arange(len(predicted)), [len(each) for each in predicted]), device)


def _long(values: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)
