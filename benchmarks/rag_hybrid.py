"""A question by words and by vectors at once, among 50,000 chunks, beside LlamaIndex's fusion of BM25 and vectors.

The corpus is `synthetic.py`; the vector of a question is given to both, so that no model is measured. Both look at the
best 200 of either ranking and join them. One thread, CPU seconds, ours and the peer's question in turns.
`equal`: for every planted question both put the chunk that holds its words first. The goal is absolute: ten milliseconds.
`--quick`: 10,000 chunks, fewer questions; its figures are no evidence for the row.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from peer import Clock, Peer, one_thread, peer_versions
from row import Row, arguments, median, show, versions
from synthetic import fill, made, text_id

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.question import read_question
from lianlu.rag.truth import Truth

TOP, GOAL_MS = 10, 10.0
DEEP = 200  # how far down each ranking both sides look


def measure(chunks: int, questions: int, folder: Path, *, spoil: bool) -> Row:
    corpus = made(chunks, questions)
    path = folder / "hybrid.sqlite"
    with Truth.create(path, "hybrid") as truth:
        fill(truth, corpus)
    texts, rows = corpus.write(folder)
    mine, theirs, equal = [], [], True
    with KnowledgeBase(Truth.open(path, "hybrid")) as base, Peer("llamaindex", "llamaindex_fusion") as peer:
        peer("build", chunks=str(texts), vectors=str(rows), top=TOP, deep=DEEP)
        for turn, each in enumerate([corpus.planted[0], *corpus.planted]):
            vector = -each.vector if spoil else each.vector
            with Clock() as clock:
                found = base.find(read_question(each.question), TOP, vector=vector)
            reply = peer("query", question=each.question, vector=each.vector.tolist())
            right = text_id(corpus.texts[each.chunk])
            equal = equal and text_id(found[0].row.chunk.text) == reply.value[0] == right
            if turn:
                mine.append(clock.cpu * 1000)
                theirs.append(reply.cpu * 1000)
    return Row(
        case=f"hybrid query among {chunks:,} chunks, p50",
        against="LlamaIndex QueryFusionRetriever, BM25Retriever and SimpleVectorStore",
        ours=median(mine),
        peer=median(theirs),
        unit="CPU ms",
        floor=5,
        goal="10 ms",
        runs=len(mine),
        equal=equal,
        versions=versions("numpy") | peer_versions("llamaindex", "llama-index-core", "llama-index-retrievers-bm25"),
        met=median(mine) <= GOAL_MS,
    )


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    chunks, questions = (10_000, 20) if given.quick or given.self_test else (50_000, 40)
    with tempfile.TemporaryDirectory() as folder:
        row = measure(chunks, questions, Path(folder), spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
