"""LlamaIndex from a cold start: a persisted BM25 retriever is loaded and asked. `build FOLDER INDEX` or `ask INDEX QUESTION`."""

from __future__ import annotations

import sys


def build(folder: str, index: str) -> None:
    from llama_index.core import SimpleDirectoryReader
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.retrievers.bm25 import BM25Retriever

    nodes = SentenceSplitter().get_nodes_from_documents(SimpleDirectoryReader(folder, recursive=True).load_data())
    BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=5).persist(index)


def ask(index: str, question: str) -> None:
    from llama_index.retrievers.bm25 import BM25Retriever

    for found in BM25Retriever.from_persist_dir(index).retrieve(question):
        print(found.node.metadata["file_path"], found.node.get_content())


{"build": build, "ask": ask}[sys.argv[1]](*sys.argv[2:])
