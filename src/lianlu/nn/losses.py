"""The loss of language modelling, as a sum over supervised tokens: whoever calls divides by the count of the whole step.

A sum, because the mean of means over accumulated rows is not the mean over their tokens (transformers issue 34191). The
logits are made in chunks and never kept. Where only the sum is wanted the gradients are made in the same pass, while a
chunk is still in the cache; where each token's loss is wanted (preferences weigh whole answers) the chunk is made once
more in the backward pass.

Shapes: S supervised tokens, E size of a hidden state, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, softmax
from torch.utils.checkpoint import checkpoint

from lianlu.nn.products import multiply

__all__ = ["LEAST_ROWS", "MOST_LOGITS", "Head", "summed_nll", "token_nll"]

MOST_LOGITS = 1 << 22  # 16 MiB of float32: what glibc maps anew each time (32 MiB and more) costs a page fault a page
_LEAST_SHARE = 1e-30
LEAST_ROWS = 256  # fewer at a time, and adding up the gradient of a large vocabulary takes longer than making it


@dataclass(frozen=True)
class Head:
    """What makes logits of hidden states.

    Attributes:
        apply: hidden states to logits.
        weight: of shape (V, E), where logits are `hidden @ weight.T` and no more; else None.
    """

    apply: Callable[[Tensor], Tensor]
    vocabulary: int
    weight: Tensor | None = None


def summed_nll(hidden_SE: Tensor, targets_S: Tensor, head: Head, *, limit: int = MOST_LOGITS) -> Tensor:
    """Minus the log-likelihood of the targets, summed, in float32.

    Args:
        hidden_SE: last hidden states of the S tokens that predict a supervised one.
        limit: most logits at a time, but never less than `LEAST_ROWS` rows of them.
    """
    if head.weight is None:
        return _foreign_nll(hidden_SE, targets_S, head, limit).sum()
    return _Summed.apply(hidden_SE, head.weight, targets_S, _rows(head, limit), torch.is_grad_enabled())


def token_nll(hidden_SE: Tensor, targets_S: Tensor, head: Head, *, limit: int = MOST_LOGITS) -> Tensor:
    """The same for each token, shape (S,), in float32."""
    if head.weight is None:
        return _foreign_nll(hidden_SE, targets_S, head, limit)
    return _Each.apply(hidden_SE, head.weight, targets_S, _rows(head, limit))


def _rows(head: Head, limit: int) -> int:
    return max(LEAST_ROWS if limit == MOST_LOGITS else 1, limit // head.vocabulary)


def _foreign_nll(hidden_SE: Tensor, targets_S: Tensor, head: Head, limit: int) -> Tensor:
    def nll(hidden: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(head.apply(hidden).float(), targets, reduction="none")

    rows = _rows(head, limit)
    if len(targets_S) <= rows:
        return nll(hidden_SE, targets_S)
    pairs = zip(hidden_SE.split(rows), targets_S.split(rows), strict=True)
    return torch.cat([checkpoint(nll, hidden, targets, use_reentrant=False) for hidden, targets in pairs])


def _arithmetic(hidden_SE: Tensor, weight_VE: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the type that autocast would compute in, if it is on."""
    kind = hidden_SE.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight_VE.dtype
    return hidden_SE.to(dtype), weight_VE.to(dtype)


def _chunks(count: int, rows: int) -> Iterator[slice]:
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))


class _Gradients:
    """Sums up what chunks of logits' gradients mean for hidden states and weight."""

    def __init__(self, hidden_SE: Tensor, weight_VE: Tensor, wanted: tuple[bool, bool]) -> None:
        self._hidden_SE, self._weight_VE = hidden_SE, weight_VE
        self.hidden = torch.empty_like(hidden_SE) if wanted[0] else None
        self._wants_weight = wanted[1]
        self.weight: Tensor | None = None

    def add(self, part: slice, logits_CV: Tensor) -> None:
        slope_CV = logits_CV.to(self._weight_VE.dtype)
        if self.hidden is not None:
            self.hidden[part] = multiply(slope_CV, self._weight_VE.t())
        if not self._wants_weight:
            return
        if self.weight is None:
            self.weight = (slope_CV.t() @ self._hidden_SE[part]).float()
        elif slope_CV.dtype == torch.float32:
            self.weight.addmm_(slope_CV.t(), self._hidden_SE[part])
        else:
            self.weight += slope_CV.t() @ self._hidden_SE[part]


class _Summed(torch.autograd.Function):
    """Loss and gradients in one pass; the backward pass only scales them, in place: it comes once."""

    @staticmethod
    def forward(ctx: Any, hidden_SE: Tensor, weight_VE: Tensor, targets_S: Tensor, rows: int, learns: bool) -> Tensor:
        wanted = (learns and ctx.needs_input_grad[0], learns and ctx.needs_input_grad[1])
        ctx.dtypes = hidden_SE.dtype, weight_VE.dtype
        hidden, weight = _arithmetic(hidden_SE, weight_VE)
        with torch.autocast(hidden.device.type, enabled=False):
            gradients = _Gradients(hidden, weight, wanted)
            total = torch.zeros((), device=hidden.device)
            for part in _chunks(len(targets_S), rows):
                logits_CV = multiply(hidden[part], weight).float()
                at = targets_S[part].unsqueeze(1)
                slope_CV = softmax(logits_CV, -1)
                shares_C = slope_CV.gather(1, at)
                if shares_C.min() > _LEAST_SHARE:
                    total -= shares_C.log_().sum()
                else:  # too small for its logarithm to be exact, or none at all
                    total -= log_softmax(logits_CV, -1).gather(1, at).sum()
                del logits_CV
                if any(wanted):
                    slope_CV.scatter_add_(1, at, slope_CV.new_full(at.shape, -1.0))
                    gradients.add(part, slope_CV)
        ctx.save_for_backward(gradients.hidden, gradients.weight)
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight = ctx.saved_tensors
        of_hidden, of_weight = ctx.dtypes
        return (
            None if hidden is None else hidden.mul_(slopes[0]).to(of_hidden),
            None if weight is None else weight.mul_(slopes[0]).to(of_weight),
            None,
            None,
            None,
        )


class _Each(torch.autograd.Function):
    """Each token's loss; the logits are made again in the backward pass, when it is known what each token weighs."""

    @staticmethod
    def forward(ctx: Any, hidden_SE: Tensor, weight_VE: Tensor, targets_S: Tensor, rows: int) -> Tensor:
        ctx.dtypes, ctx.rows = (hidden_SE.dtype, weight_VE.dtype), rows
        hidden, weight = _arithmetic(hidden_SE, weight_VE)
        ctx.save_for_backward(hidden, weight, targets_S)
        with torch.autocast(hidden.device.type, enabled=False):
            found = [
                log_softmax(multiply(hidden[part], weight).float(), -1).gather(1, targets_S[part].unsqueeze(1))
                for part in _chunks(len(targets_S), rows)
            ]
        return -torch.cat(found).squeeze(1) if found else hidden_SE.new_zeros(0, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight, targets_S = ctx.saved_tensors
        of_hidden, of_weight = ctx.dtypes
        gradients = _Gradients(hidden, weight, (ctx.needs_input_grad[0], ctx.needs_input_grad[1]))
        with torch.autocast(hidden.device.type, enabled=False):
            for part in _chunks(len(targets_S), ctx.rows):
                at = targets_S[part].unsqueeze(1)
                slope_CV = log_softmax(multiply(hidden[part], weight).float(), -1).exp_()
                slope_CV.scatter_add_(1, at, slope_CV.new_full(at.shape, -1.0))
                gradients.add(part, slope_CV.mul_(slopes[0][part].unsqueeze(1)))
        return (
            None if gradients.hidden is None else gradients.hidden.to(of_hidden),
            None if gradients.weight is None else gradients.weight.to(of_weight),
            None,
            None,
        )
