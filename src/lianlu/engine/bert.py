"""The encoders of BERT's family (BERT, RoBERTa, XLM-RoBERTa), computed over one flat row of texts without padding.

Written once over a small set of operations, so that the same lines run on numpy, which needs no torch and is ready in a
moment, and on torch. Layer products see all tokens of a batch at once; only attention sees texts apart, those of equal
length together. Models with more than that (relative positions, gated layers, decoders) are left to transformers.

Shapes: T tokens of all texts, N texts of one length L, H heads of size D, E = H * D.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from lianlu.core.errors import DataError
from lianlu.engine.tensors import Floats

__all__ = ["Bert", "BertConfig", "NumpyOps", "Ops", "bert_config"]

_OFFSET_FAMILIES = ("roberta", "xlm-roberta", "camembert")
_FAMILIES = ("bert", *_OFFSET_FAMILIES)
_QUERIES_AT_ONCE = 256  # a text of 8,192 tokens would want gigabytes for its weights at once
_ROWS_AT_ONCE = 64  # of the wide layer: what stays in the cache while its elements are touched ten times


class Ops(Protocol):
    """What the encoder is made of. Arrays are the library's own; weights are (out, in)."""

    def weight(self, values: Floats) -> Any: ...
    def ids(self, values: Sequence[int]) -> Any: ...
    def join(self, parts: Sequence[Any]) -> Any: ...
    def linear(self, x: Any, weight: Any, bias: Any) -> Any: ...
    def norm(self, x: Any, weight: Any, bias: Any, eps: float) -> Any: ...
    def act(self, x: Any, name: str) -> Any: ...
    def attend(self, query: Any, key: Any, value: Any, scale: float) -> Any:
        """(N, H, L, D) three times -> (N, H, L, D): every token sees all of its own text."""
        ...

    def transposed(self, x: Any) -> Any:
        """The two middle dimensions of four exchanged."""
        ...


@dataclass(frozen=True)
class BertConfig:
    """The sizes of an encoder, and which of the family it is."""

    layers: int
    heads: int
    size: int
    wide: int
    eps: float
    act: str
    positions: int
    first_position: int
    has_types: bool


def bert_config(config: Mapping[str, Any]) -> BertConfig | None:
    """What a config.json says; None where these lines do not compute the model."""
    kind, act = config.get("model_type"), config.get("hidden_act", "gelu")
    is_plain = config.get("position_embedding_type", "absolute") == "absolute" and not config.get("is_decoder")
    if kind not in _FAMILIES or act not in ("gelu", "relu", "tanh") or not is_plain:
        return None
    pad = config.get("pad_token_id")
    try:
        return BertConfig(
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            size=int(config["hidden_size"]),
            wide=int(config["intermediate_size"]),
            eps=float(config.get("layer_norm_eps", 1e-12)),
            act=act,
            positions=int(config["max_position_embeddings"]),
            first_position=(1 if pad is None else int(pad)) + 1 if kind in _OFFSET_FAMILIES else 0,
            has_types=int(config.get("type_vocab_size", 2)) > 1,
        )
    except (KeyError, TypeError, ValueError):
        return None  # transformers tells what is wrong with it


@dataclass(frozen=True)
class _Linear:
    weight: Any
    bias: Any


@dataclass(frozen=True)
class _Layer:
    """`qkv` is query, key and value as one product."""

    qkv: _Linear
    out: _Linear
    out_norm: _Linear
    wide: _Linear
    narrow: _Linear
    narrow_norm: _Linear


class Bert:
    """An encoder with its weights, and the score head of a cross-encoder where there is one.

    Raises:
        DataError: engine.missing-weights, engine.wrong-shapes
    """

    def __init__(self, tensors: Mapping[str, Floats], config: BertConfig, ops: Ops, path: str) -> None:
        self.config = config
        self.ops = ops
        self._path = path
        named, size = _Named(tensors, ops, path), config.size
        self._words = named.table("embeddings.word_embeddings.weight", size)
        self._positions = named.table("embeddings.position_embeddings.weight", size, config.positions)
        self._types = named.table("embeddings.token_type_embeddings.weight", size)
        self._norm = named.norm("embeddings.LayerNorm", size)
        self._layers = [self._layer(named, f"encoder.layer.{index}", config) for index in range(config.layers)]
        self._head = self._score_head(named)

    @property
    def vocabulary(self) -> int:
        return len(self._words)

    @staticmethod
    def _layer(named: _Named, at: str, config: BertConfig) -> _Layer:
        size, wide = config.size, config.wide
        return _Layer(
            qkv=named.linear(
                *(f"{at}.attention.self.{each}" for each in ("query", "key", "value")), shape=(size, size)
            ),
            out=named.linear(f"{at}.attention.output.dense", shape=(size, size)),
            out_norm=named.norm(f"{at}.attention.output.LayerNorm", size),
            wide=named.linear(f"{at}.intermediate.dense", shape=(wide, size)),
            narrow=named.linear(f"{at}.output.dense", shape=(size, wide)),
            narrow_norm=named.norm(f"{at}.output.LayerNorm", size),
        )

    def _score_head(self, named: _Named) -> tuple[_Linear, _Linear] | None:
        """BERT pools the first token and classifies; RoBERTa has both in its classifier."""
        size = self.config.size
        if named.has("classifier.out_proj.weight"):
            dense = named.linear("classifier.dense", shape=(size, size))
            return dense, named.linear("classifier.out_proj", shape=(1, size))
        if named.has("classifier.weight"):
            return named.linear("pooler.dense", shape=(size, size)), named.linear("classifier", shape=(1, size))
        return None

    def hidden(self, rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> Any:
        """The last layer of each token, (T, E): the rows one after another, which should come sorted by length."""
        ops, config = self.ops, self.config
        first = config.first_position
        lengths = [len(row) for row in rows]
        kinds = [each for row in types for each in row] if config.has_types else [0] * sum(lengths)
        x_TE = (
            self._words[ops.ids([each for row in rows for each in row])]
            + self._positions[ops.ids([at + first for length in lengths for at in range(length)])]
            + self._types[ops.ids(kinds)]
        )
        x_TE = ops.norm(x_TE, self._norm.weight, self._norm.bias, config.eps)
        for layer in self._layers:
            x_TE = self._through(layer, x_TE, lengths)
        return x_TE

    def logits(self, rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> Any:
        """The score of each row by the head, (N, labels)."""
        if self._head is None:
            raise DataError("engine.missing-weights", path=self._path, names="classifier", count=1)
        ops = self.ops
        starts = np.cumsum([0, *(len(row) for row in rows)])[:-1]
        first_NE = self.hidden(rows, types)[ops.ids(starts.tolist())]
        dense, out = self._head
        return ops.linear(ops.act(ops.linear(first_NE, dense.weight, dense.bias), "tanh"), out.weight, out.bias)

    def _through(self, layer: _Layer, x_TE: Any, lengths: Sequence[int]) -> Any:
        ops, eps = self.ops, self.config.eps
        seen_TE = self._attended(ops.linear(x_TE, layer.qkv.weight, layer.qkv.bias), lengths)
        x_TE = x_TE + ops.linear(seen_TE, layer.out.weight, layer.out.bias)
        x_TE = ops.norm(x_TE, layer.out_norm.weight, layer.out_norm.bias, eps)
        wide = ops.act(ops.linear(x_TE, layer.wide.weight, layer.wide.bias), self.config.act)
        x_TE = x_TE + ops.linear(wide, layer.narrow.weight, layer.narrow.bias)
        return ops.norm(x_TE, layer.narrow_norm.weight, layer.narrow_norm.bias, eps)

    def _attended(self, qkv: Any, lengths: Sequence[int]) -> Any:
        """(T, 3E) -> (T, E)"""
        heads = self.config.heads
        size = qkv.shape[1] // (3 * heads)
        parts: list[Any] = []
        for start, count, length in _runs(lengths):
            run = qkv[start : start + count * length].reshape(count, length, 3 * heads, size)
            query, key, value = (self.ops.transposed(run[:, :, at * heads : (at + 1) * heads]) for at in range(3))
            seen_NHLD = self.ops.attend(query, key, value, 1 / math.sqrt(size))
            parts.append(self.ops.transposed(seen_NHLD).reshape(count * length, heads * size))
        return self.ops.join(parts)


def _runs(lengths: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(start, how many, length) of each run of equal lengths."""
    start = 0
    for length, group in groupby(lengths):
        count = len(tuple(group))
        yield start, count, length
        start += count * length


class _Named:
    """Weights under their usual names, whatever model they were saved from."""

    def __init__(self, tensors: Mapping[str, Floats], ops: Ops, path: str) -> None:
        self._tensors = {_usual(name): values for name, values in tensors.items()}
        self._ops = ops
        self._path = path

    def has(self, name: str) -> bool:
        return name in self._tensors

    def table(self, name: str, size: int, rows: int | None = None) -> Any:
        values = self._raw(name)
        return self._ops.weight(self._checked(name, values, (len(values) if rows is None else rows, size)))

    def norm(self, name: str, size: int) -> _Linear:
        pair = (self._checked(each, self._raw(each), (size,)) for each in (f"{name}.weight", f"{name}.bias"))
        return _Linear(*(self._ops.weight(values) for values in pair))

    def linear(self, *names: str, shape: tuple[int, int]) -> _Linear:
        """Some layers of one shape as one."""
        weights = [self._checked(f"{name}.weight", self._raw(f"{name}.weight"), shape) for name in names]
        biases = [self._checked(f"{name}.bias", self._raw(f"{name}.bias"), shape[:1]) for name in names]
        return _Linear(self._ops.weight(np.concatenate(weights)), self._ops.weight(np.concatenate(biases)))

    def _raw(self, name: str) -> Floats:
        if name not in self._tensors:
            raise DataError("engine.missing-weights", path=self._path, names=name, count=1)
        return self._tensors[name]

    def _checked(self, name: str, values: Floats, shape: tuple[int, ...]) -> Floats:
        if values.shape != shape:
            found, wanted = list(values.shape), list(shape)
            raise DataError("engine.wrong-shapes", path=self._path, name=name, found=found, wanted=wanted, count=1)
        return values


def _usual(name: str) -> str:
    for prefix in ("bert.", "roberta.", "model."):
        name = name.removeprefix(prefix)
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


class NumpyOps:
    """The operations in numpy, float32."""

    def weight(self, values: Floats) -> Floats:
        return values

    def ids(self, values: Sequence[int]) -> Any:
        return np.asarray(values, dtype=np.int64)

    def join(self, parts: Sequence[Floats]) -> Floats:
        return np.concatenate(parts)

    def linear(self, x: Floats, weight: Floats, bias: Floats) -> Floats:
        made = x @ weight.T
        made += bias
        return made

    def norm(self, x: Floats, weight: Floats, bias: Floats, eps: float) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.einsum("te,te->t", centred, centred) / np.float32(x.shape[-1])
        centred *= (1 / np.sqrt(spread + np.float32(eps)))[:, None]
        centred *= weight
        centred += bias
        return centred

    def act(self, x: Floats, name: str) -> Floats:
        if name == "tanh":
            return np.tanh(x)
        if name == "relu":
            return np.maximum(x, np.float32(0))
        for start in range(0, len(x), _ROWS_AT_ONCE):
            _gelu(x[start : start + _ROWS_AT_ONCE])
        return x

    def attend(self, query: Floats, key: Floats, value: Floats, scale: float) -> Floats:
        keys = np.swapaxes(key, -1, -2)
        parts: list[Floats] = []
        for start in range(0, query.shape[2], _QUERIES_AT_ONCE):
            weights = query[:, :, start : start + _QUERIES_AT_ONCE] @ keys
            weights *= np.float32(scale)
            weights -= weights.max(axis=-1, keepdims=True)
            np.exp(weights, out=weights)
            weights /= weights.sum(axis=-1, keepdims=True)
            parts.append(weights @ value)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=2)

    def transposed(self, x: Floats) -> Floats:
        return np.swapaxes(x, 1, 2)


_ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def _gelu(x: Floats) -> None:
    """x times the normal distribution of x, in place. The error function is formula 7.1.26 of Abramowitz and Stegun's
    handbook, exact to 1.5e-7."""
    size = np.abs(x)
    size *= np.float32(math.sqrt(0.5))
    t = size * np.float32(0.3275911)
    t += np.float32(1)
    np.reciprocal(t, out=t)
    tail = t * np.float32(_ERF[0])
    for factor in _ERF[1:]:
        tail += np.float32(factor)
        tail *= t
    size *= size
    np.negative(size, out=size)
    np.exp(size, out=size)
    tail *= size  # 1 - erf(|x| / sqrt 2)
    tail *= np.float32(0.5)
    np.subtract(np.float32(1), tail, out=tail, where=x > 0)
    x *= tail
