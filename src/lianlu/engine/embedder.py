"""Texts to vectors, and pairs to scores: batches of about equal length, so that hardly anything is computed for padding.

Rows are sorted by length and cut where longest times count reaches a budget of tokens. Chat lines among chunks made
batches in the given order compute three times the tokens there are (benchmarks/rag_embed.py). Work comes as generators of
one batch a step: whoever drives them may leave between two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lianlu.core.errors import BackendError, DataError
from lianlu.engine.embed_folder import EmbedderFolder
from lianlu.engine.embed_tokens import EmbedTokenizer, Row
from lianlu.engine.encoder import Encoder, Runtime, choose_encoder
from lianlu.engine.pooling import ACTIVATIONS, Step, pooled
from lianlu.engine.tensors import Floats

__all__ = ["Embedder", "Made", "batches"]

_CPU_TOKENS = 3072
_GPU_TOKENS = 65_536


@dataclass(frozen=True)
class Made:
    """What came of a work: vectors (N, E) or scores (N,), and how many tokens were read."""

    values: Floats
    tokens: int


class Embedder:
    """A folder that is computed here; weights are read at the first work.

    Raises:
        DataError: engine.bad-tokenizer
        UsageError: extra.missing
    """

    def __init__(self, folder: EmbedderFolder, *, threads: int, runtime: Runtime = "auto") -> None:
        self.folder = folder
        self.tokenizer = EmbedTokenizer(folder.body, limit=folder.limit, lowercase=folder.lowercase)
        self._runtime: Runtime = runtime
        self._threads = threads
        self._encoder: Encoder | None = None
        self._steps: tuple[Step, ...] | None = None

    @property
    def runtime(self) -> str:
        """What has computed last: `numpy`, `torch` or `onnx`; empty before the first work."""
        return self._encoder.name if self._encoder else ""

    def embed(self, texts: Sequence[str], kind: str) -> Iterator[Made | None]:
        """The vectors of texts: nothing after each batch, then all."""
        prompt = self.folder.prompts[kind]
        rows = self.tokenizer.rows([prompt + text for text in texts])
        encoder = self._ready(rows)
        steps = self._after_pooling()
        prompt_tokens = 0 if self.folder.pooling.with_prompt or not prompt else self.tokenizer.prompt_tokens(prompt)
        made = np.zeros((len(rows), self.folder.dimensions), dtype=np.float32)
        for batch in batches([len(ids) for ids, _ in rows], self._budget(encoder)):
            chosen = [rows[at] for at in batch]
            vectors = pooled(
                encoder.hidden(chosen), [len(ids) for ids, _ in chosen], self.folder.pooling, prompt_tokens
            )
            for step in steps:
                vectors = step(vectors)
            made[batch] = self._finite(vectors, made.shape[1])
            yield None
        yield Made(made, sum(len(ids) for ids, _ in rows))

    def score(self, query: str, documents: Sequence[str]) -> Iterator[Made | None]:
        """How well each document answers the query: nothing after each batch, then all."""
        rows = self.tokenizer.pairs(query, documents)
        encoder = self._ready(rows)
        made = np.zeros((len(rows), 1), dtype=np.float32)
        for batch in batches([len(ids) for ids, _ in rows], self._budget(encoder)):
            logits = np.asarray(encoder.logits([rows[at] for at in batch]), dtype=np.float32)
            made[batch] = self._finite(logits, 1)
            yield None
        yield Made(ACTIVATIONS[self.folder.activation](made)[:, 0], sum(len(ids) for ids, _ in rows))

    def _ready(self, rows: Sequence[Row]) -> Encoder:
        tokens = sum(len(ids) for ids, _ in rows)
        before, self._encoder = self._encoder, None  # two sets of weights would stand in memory while one is read
        try:
            found = choose_encoder(self.folder, self._runtime, tokens, before, threads=self._threads)
            if found is not before:
                self._check_vocabulary(found)
            self._encoder = found
        except BaseException:
            self._encoder = before
            raise
        if self._encoder is not before and self._encoder.name == "torch":
            import torch

            torch.set_num_threads(self._threads)
        return self._encoder

    def _check_vocabulary(self, encoder: Encoder) -> None:
        path, tokens = str(self.folder.path), self.tokenizer.size
        if 0 < encoder.vocabulary < tokens:
            raise DataError("engine.vocabulary", path=path, tokens=tokens, rows=encoder.vocabulary)

    def _after_pooling(self) -> tuple[Step, ...]:
        if self._steps is None:
            self._steps = self.folder.steps()
        return self._steps

    def _budget(self, encoder: Encoder) -> int:
        return _GPU_TOKENS if getattr(encoder, "is_on_gpu", False) else _CPU_TOKENS

    def _finite(self, values: Floats, width: int) -> Floats:
        if values.shape[1] != width:
            why = f"vectors of {values.shape[1]}, config.json says {width}"
            raise DataError("engine.bad-config", path=str(self.folder.path), why=why)
        if not np.isfinite(values).all():
            raise BackendError("engine.not-finite")
        return values


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Places of rows, the longest first, so many at once that longest times count stays within the budget.

    >>> list(batches([3, 9, 3, 8], budget=18))
    [[1, 3], [0, 2]]
    """
    order = sorted(range(len(lengths)), key=lambda at: -lengths[at])
    batch: list[int] = []
    for at in order:
        if batch and (len(batch) + 1) * lengths[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
