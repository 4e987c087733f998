"""LlamaIndex with its default store: JSON files, all in memory, vectors compared one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from acting import act
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex, load_index_from_storage
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

_held: dict[str, Any] = {}


def build(chunks: str, vectors: str, folder: str) -> int:
    """Index chunks (JSON lines of id, document and text) with their vectors, and persist them."""
    nodes = _nodes(
        [json.loads(line) for line in Path(chunks).read_text(encoding="utf-8").splitlines()], np.load(vectors)
    )
    index = VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(), embed_model=_embedder(nodes))
    index.storage_context.persist(folder)
    return len(nodes)


def load(folder: str, vector: list[float], top: int) -> list[str]:
    """Load what was persisted, and answer the first question."""
    storage = StorageContext.from_defaults(persist_dir=folder)
    index = load_index_from_storage(storage, embed_model=MockEmbedding(1))
    _held.update(index=index, folder=folder)
    return query(vector, top)


def query(vector: list[float], top: int) -> list[str]:
    found = _held["index"].vector_store.query(VectorStoreQuery(query_embedding=vector, similarity_top_k=top))
    return found.ids


def change(document: str, chunks: list[dict[str, str]], vectors: list[list[float]]) -> int:
    """Replace all chunks of a document, and save."""
    index = _held["index"]
    index.delete_ref_doc(document, delete_from_docstore=True)
    index.insert_nodes(_nodes(chunks, np.asarray(vectors)))
    index.storage_context.persist(_held["folder"])
    return len(index.index_struct.nodes_dict)


def _nodes(chunks: list[dict[str, str]], vectors: Any) -> list[TextNode]:
    return [
        TextNode(
            id_=each["id"],
            text=each["text"],
            embedding=vector.tolist(),
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=each["document"])},
        )
        for each, vector in zip(chunks, vectors, strict=True)
    ]


def _embedder(nodes: list[TextNode]) -> MockEmbedding:
    return MockEmbedding(len(nodes[0].embedding or ()))


act({"build": build, "load": load, "query": query, "change": change})
