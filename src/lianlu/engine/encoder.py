"""What computes an embedder: numpy, torch or ONNX Runtime, chosen by what is installed, by the model and by the work.

A question of a few words must not wait for torch to be imported, which takes longer than all the rest; thousands of
chunks must not be computed without it. So BERT's family begins in numpy, and goes over to torch, where there is one, with
the first work that repays the import. All give the same vectors to the sixth figure (tests), so that a base built by one
is searched by another.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal, Protocol

from lianlu.core.errors import UsageError
from lianlu.core.extras import need
from lianlu.engine.bert import Bert, NumpyOps, bert_config
from lianlu.engine.embed_folder import EmbedderFolder
from lianlu.engine.embed_tokens import Row
from lianlu.engine.tensors import read_tensors

__all__ = ["Encoder", "NumpyEncoder", "Runtime", "check_runtime", "choose_encoder"]

Runtime = Literal["auto", "numpy", "torch", "onnx"]

_WORTH_TORCH = 12_000 * 6
"""Tokens times layers of 384 from which torch, a fifth faster, repays the two seconds of its import."""


class Encoder(Protocol):
    """Computes rows of tokens, which come sorted by length.

    Attributes:
        name: `numpy`, `torch` or `onnx`.
        dtype: what it computes in.
        vocabulary: how many tokens it knows; 0 where it does not tell.
    """

    name: str
    dtype: str

    @property
    def vocabulary(self) -> int: ...

    def hidden(self, rows: Sequence[Row]) -> Any:
        """The last state of each token, (T, E), the rows one after another: a numpy array, or a tensor on a GPU."""
        ...

    def logits(self, rows: Sequence[Row]) -> Any:
        """The score of each row, (N, 1), numpy."""
        ...


class NumpyEncoder:
    """BERT's family without torch."""

    name = "numpy"
    dtype = "float32"

    def __init__(self, folder: EmbedderFolder) -> None:
        config = bert_config(folder.config)
        assert config is not None
        self._bert = Bert(read_tensors(folder.weights), config, NumpyOps(), str(folder.path))
        self.vocabulary = self._bert.vocabulary

    def hidden(self, rows: Sequence[Row]) -> Any:
        return self._bert.hidden([ids for ids, _ in rows], [types for _, types in rows])

    def logits(self, rows: Sequence[Row]) -> Any:
        return self._bert.logits([ids for ids, _ in rows], [types for _, types in rows])


def choose_encoder(
    folder: EmbedderFolder, runtime: Runtime, tokens: int, now: Encoder | None, *, threads: int
) -> Encoder:
    """The encoder for work of so many tokens: `now`, or a new one.

    Raises:
        UsageError: extra.missing: nothing that is installed computes this model
        DataError, LimitError: as the encoders
    """
    name = _wanted(folder, runtime, tokens, now)
    if now is not None and now.name == name:
        return now
    if name == "numpy":
        return NumpyEncoder(folder)
    if name == "onnx":
        need("onnx", "onnxruntime")
        from lianlu.engine.onnx_encoder import OnnxEncoder

        return OnnxEncoder(folder, threads)
    need("torch", "torch", "transformers")
    from lianlu.engine.torch_encoder import open_torch_encoder

    return open_torch_encoder(folder)


def _wanted(folder: EmbedderFolder, runtime: Runtime, tokens: int, now: Encoder | None) -> str:
    if runtime != "auto":
        return runtime
    has_torch = find_spec("torch") is not None and find_spec("transformers") is not None
    if not folder.weights:
        return "onnx"
    if bert_config(folder.config) is not None:
        is_bulk = tokens * _layers_of_384(folder) > _WORTH_TORCH
        return "torch" if has_torch and (is_bulk or (now is not None and now.name == "torch")) else "numpy"
    if not has_torch and folder.onnx is not None and find_spec("onnxruntime") is not None:
        return "onnx"
    return "torch"


def _layers_of_384(folder: EmbedderFolder) -> float:
    """How much a token costs, in layers of MiniLM."""
    width = float(folder.config.get("hidden_size", 384))
    return float(folder.config.get("num_hidden_layers", 6)) * (width / 384) ** 2


def check_runtime(folder: EmbedderFolder, runtime: Runtime) -> None:
    """Tell at once what could never be computed here.

    Raises:
        UsageError: extra.missing, engine.no-onnx
    """
    if runtime == "onnx" and folder.onnx is None:
        raise UsageError("engine.no-onnx", path=str(folder.path))
    name = _wanted(folder, runtime, 0, None)
    if name == "onnx":
        need("onnx", "onnxruntime")
    elif name == "torch":
        need("torch", "torch", "transformers")
