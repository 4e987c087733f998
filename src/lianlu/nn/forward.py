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
from lianlu.nn.losses import summed_nll
from lianlu.nn.segments import Segments, use_segments

__all__ = ["PackedRow", "RowForward", "pack_row", "pad_rows"]

Ids = NDArray[np.int32]
Mask = NDArray[np.bool_]
_CLOSE = 1e-3


@dataclass(frozen=True)
class PackedRow:
    """One forward pass.

    Attributes:
        inputs: what the model is called with.
        keep: of the flattened tokens, which predict a supervised one.
        targets: the ids they should predict.
        tokens: tokens that are no padding.
    """

    inputs: dict[str, Any]
    keep: Tensor
    targets: Tensor
    tokens: int


def pack_row(pieces: Sequence[tuple[Ids, Mask]], device: torch.device) -> PackedRow:
    """One flat row of (ids, mask) pieces, the longest first. The mask tells which tokens are supervised."""
    ordered = sorted(pieces, key=lambda piece: -len(piece[0]))
    segments = Segments(tuple(len(ids) for ids, _ in ordered), device)
    ids_T = np.concatenate([ids for ids, _ in ordered])
    starts = np.cumsum([0, *segments.lengths])[:-1]
    predicted = np.concatenate(
        [np.flatnonzero(mask[1:]) + 1 + at for (_, mask), at in zip(ordered, starts, strict=True)]
    )
    inputs = {"input_ids": _long(ids_T, device).unsqueeze(0), "position_ids": segments.positions, "segments": segments}
    return PackedRow(inputs, _long(predicted - 1, device), _long(ids_T[predicted], device), len(ids_T))


def pad_rows(pieces: Sequence[tuple[Ids, Mask]], device: torch.device) -> PackedRow:
    """The same as a padded batch, for models that cannot be packed."""
    longest = max(len(ids) for ids, _ in pieces)
    ids_BT = np.zeros((len(pieces), longest), dtype=np.int64)
    real_BT = np.zeros((len(pieces), longest), dtype=np.int64)
    mask_BT = np.zeros((len(pieces), longest), dtype=bool)
    for row, (ids, mask) in enumerate(pieces):
        ids_BT[row, : len(ids)], real_BT[row, : len(ids)], mask_BT[row, 1 : len(ids)] = ids, 1, mask[1:]
    predicted = np.flatnonzero(mask_BT)
    inputs = {
        "input_ids": torch.from_numpy(ids_BT).to(device),
        "attention_mask": torch.from_numpy(real_BT).to(device),
    }
    return PackedRow(
        inputs, _long(predicted - 1, device), _long(ids_BT.reshape(-1)[predicted], device), int(real_BT.sum())
    )


class RowForward:
    """A model made ready to be trained on rows.

    Attributes:
        packs: whether samples share one flat row; else they are padded.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device: torch.device = next(model.parameters()).device
        self.packs = _can_pack(model)
        self._has_plain_head = _has_plain_head(model, self.device, self.packs)

    def row(self, pieces: Sequence[tuple[Ids, Mask]]) -> PackedRow:
        return (pack_row if self.packs else pad_rows)(pieces, self.device)

    def loss(self, row: PackedRow) -> Tensor:
        """Summed negative log-likelihood of the supervised tokens of a row; the head sees only the tokens it needs."""
        if not self._has_plain_head:
            logits_SV = self.model(**row.inputs, use_cache=False).logits.flatten(0, 1)[row.keep]
            return summed_nll(logits_SV, row.targets, lambda each: each, vocabulary=logits_SV.shape[-1])
        head = self.model.get_output_embeddings()
        hidden_TE = self.model.base_model(**row.inputs, use_cache=False).last_hidden_state.flatten(0, 1)
        return summed_nll(hidden_TE[row.keep], row.targets, head, vocabulary=head.weight.shape[0])


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


def _logits(model: Any, ids_T: Tensor, segments: Segments) -> Tensor:
    inputs = {"input_ids": ids_T.unsqueeze(0), "position_ids": segments.positions, "segments": segments}
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


def _long(values: NDArray[Any], device: torch.device) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)
