"""LlamaIndex's fusion of its BM25 retriever and its vector retriever, over its default store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from acting import act
from llama_index.core import VectorStoreIndex
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import QueryBundle, TextNode
from llama_index.retrievers.bm25 import BM25Retriever

_held: dict[str, Any] = {}


def build(chunks: str, vectors: str, top: int, deep: int) -> int:
    """Index chunks (JSON lines of id and text) with their vectors, in memory."""
    lines = Path(chunks).read_text(encoding="utf-8").splitlines()
    rows = np.load(vectors)
    nodes = [
        TextNode(id_=each["id"], text=each["text"], embedding=row.tolist())
        for each, row in zip(map(json.loads, lines), rows, strict=True)
    ]
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(rows.shape[1]))
    _held["retriever"] = QueryFusionRetriever(
        [index.as_retriever(similarity_top_k=deep), BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=deep)],
        llm=MockLLM(),
        mode=FUSION_MODES.RECIPROCAL_RANK,
        similarity_top_k=top,
        num_queries=1,
        use_async=False,
    )
    return len(nodes)


def query(question: str, vector: list[float]) -> list[str]:
    found = _held["retriever"].retrieve(QueryBundle(question, embedding=vector))
    return [each.node.node_id for each in found]


act({"build": build, "query": query})
