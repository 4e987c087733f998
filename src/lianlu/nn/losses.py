"""The loss of language modelling, as a sum over supervised tokens: whoever calls divides by the count of the whole step.

A sum, because the mean of means over accumulated rows is not the mean over their tokens (transformers issue 34191). Where
the logits would be large they are made in chunks and made again in the backward pass instead of being kept.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

__all__ = ["MOST_LOGITS", "summed_nll"]

MOST_LOGITS = 1 << 26  # 256 MiB of float32


def summed_nll(
    hidden_SE: Tensor, targets_S: Tensor, head: Callable[[Tensor], Tensor], *, vocabulary: int, limit: int = MOST_LOGITS
) -> Tensor:
    """Minus the log-likelihood of the targets, summed, in float32.

    Args:
        hidden_SE: last hidden states of the S tokens that predict a supervised one.
        head: hidden states to logits.
        vocabulary: number of logits of one token.
        limit: most logits at a time.
    """
    rows = max(1, limit // vocabulary)
    if len(targets_S) <= rows:
        return _nll(hidden_SE, targets_S, head)
    parts = [
        checkpoint(_nll, hidden, targets, head, use_reentrant=False)
        for hidden, targets in zip(hidden_SE.split(rows), targets_S.split(rows), strict=True)
    ]
    return torch.stack(parts).sum()


def _nll(hidden_SE: Tensor, targets_S: Tensor, head: Callable[[Tensor], Tensor]) -> Tensor:
    return cross_entropy(head(hidden_SE).float(), targets_S, reduction="sum")
