"""From the states of tokens to one vector for each text: what the folders after the encoder say, in their order.

Pooling sees one flat row of tokens, so no padding can leak into a vector. Numpy on a CPU; on a GPU the sums are made there
and only vectors come back. The rest (dense layers, normalising) is small and always numpy.

Shapes: T tokens of all texts, E size of a state, N texts, M modes of pooling joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lianlu.engine.tensors import Floats

__all__ = ["ACTIVATIONS", "MODES", "Dense", "Norm", "Normalize", "PoolMode", "Pooling", "Step", "pooled"]

PoolMode = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
MODES: tuple[PoolMode, ...] = get_args(PoolMode)
"""In the order in which several are joined."""

_SMALLEST = np.float32(1e-12)


@dataclass(frozen=True)
class Pooling:
    """How states become one vector.

    Attributes:
        with_prompt: whether the tokens of a prompt count too.
    """

    modes: tuple[PoolMode, ...] = ("mean",)
    with_prompt: bool = True


class Step:
    """Something done to vectors after pooling."""

    def __call__(self, x_NE: Floats) -> Floats:
        raise NotImplementedError


@dataclass(frozen=True)
class Normalize(Step):
    """To length one; a vector of zeros stays."""

    def __call__(self, x_NE: Floats) -> Floats:
        return x_NE / np.maximum(np.linalg.norm(x_NE, axis=-1, keepdims=True), _SMALLEST)


@dataclass(frozen=True, eq=False)
class Dense(Step):
    """A product with an activation."""

    weight: Floats
    bias: Floats | None
    activation: str

    def __call__(self, x_NE: Floats) -> Floats:
        made = x_NE @ self.weight.T
        return ACTIVATIONS[self.activation](made if self.bias is None else made + self.bias)


@dataclass(frozen=True, eq=False)
class Norm(Step):
    """Layer normalisation."""

    weight: Floats
    bias: Floats

    def __call__(self, x_NE: Floats) -> Floats:
        centred = x_NE - x_NE.mean(axis=-1, keepdims=True)
        spread = np.mean(centred * centred, axis=-1, keepdims=True)
        return centred / np.sqrt(spread + np.float32(1e-5)) * self.weight + self.bias


def _sigmoid(x: Floats) -> Floats:
    return (np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))).astype(np.float32)


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "Identity": lambda x: x,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "Sigmoid": _sigmoid,
    "Tanh": np.tanh,
}


def pooled(hidden_TE: Any, lengths: Sequence[int], pooling: Pooling, prompt_tokens: int = 0) -> Floats:
    """The vectors of texts, (N, M * E), from a numpy array or a tensor.

    Args:
        prompt_tokens: tokens at the start of each text that do not count where `pooling` leaves prompts out.
    """
    sizes = np.asarray(lengths)
    ends = np.cumsum(sizes)
    skipped = 0 if pooling.with_prompt else prompt_tokens
    firsts = ends - sizes + np.where(sizes > skipped, skipped, 0)
    at_T = np.arange(int(ends[-1])) - np.repeat(ends - sizes, sizes)
    counts_T = at_T >= np.repeat(firsts - (ends - sizes), sizes)
    parts: list[Floats] = []
    for mode in pooling.modes:
        if mode in ("cls", "lasttoken"):
            parts.append(_numbers(hidden_TE[_places(firsts if mode == "cls" else ends - 1, hidden_TE)]))
        elif mode == "max":
            parts.append(_greatest(hidden_TE, counts_T, sizes))
        else:
            parts.append(_mean(hidden_TE, mode, at_T, counts_T, sizes))
    return np.concatenate(parts, axis=1)


def _mean(hidden_TE: Any, mode: PoolMode, at_T: Any, counts_T: Any, sizes: NDArray[np.int64]) -> Floats:
    weights_T = (counts_T * (at_T + 1) if mode == "weightedmean" else counts_T).astype(np.float32)
    starts = np.cumsum(sizes) - sizes
    totals_N = np.add.reduceat(weights_T, starts).astype(np.float32)
    divisors_N = np.sqrt(totals_N) if mode == "mean_sqrt_len_tokens" else totals_N
    return (_summed(hidden_TE, weights_T, sizes) / np.maximum(divisors_N, 1e-9)[:, None]).astype(np.float32)


def _summed(hidden_TE: Any, weights_T: Floats, sizes: NDArray[np.int64]) -> Floats:
    if isinstance(hidden_TE, np.ndarray):
        return np.add.reduceat(hidden_TE * weights_T[:, None], np.cumsum(sizes) - sizes, axis=0)
    import torch

    device = hidden_TE.device
    owners = torch.repeat_interleave(torch.arange(len(sizes)), torch.from_numpy(sizes)).to(device)
    zeros = torch.zeros(len(sizes), hidden_TE.shape[1], device=device)
    weighted = hidden_TE.float() * torch.from_numpy(weights_T).to(device)[:, None]
    return _numbers(zeros.index_add_(0, owners, weighted))


def _greatest(hidden_TE: Any, counts_T: Any, sizes: NDArray[np.int64]) -> Floats:
    hidden = _numbers(hidden_TE)
    return np.maximum.reduceat(np.where(counts_T[:, None], hidden, -np.inf), np.cumsum(sizes) - sizes, axis=0)


def _places(places: Any, hidden_TE: Any) -> Any:
    if isinstance(hidden_TE, np.ndarray):
        return places
    import torch

    return torch.from_numpy(places).to(hidden_TE.device)


def _numbers(values: Any) -> Floats:
    """As numpy, float32."""
    return values if isinstance(values, np.ndarray) else values.float().cpu().numpy()
