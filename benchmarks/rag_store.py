"""A base of 5,000 chunks with vectors, beside LlamaIndex's default store: load it, ask it, change a document and save.

The same texts of 800 characters and the same vectors of 384 dimensions (`synthetic.py`) stand on both sides, and both
work in one process that has imported everything. Loading ends with the first answer, questions come ten in a row on
either side, and a change replaces the ten chunks of one document and ends when both the disk and the next question know
it. CPU seconds; ours keeps vectors in half precision, so `equal` compares the cosines of the best five, to a thousandth.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from peer import Clock, Peer, one_thread, peer_versions
from row import Row, arguments, median, show, versions
from synthetic import CHARACTERS, OF_DOCUMENT, Corpus, Floats, document_of, fill, halves, made, text_id, uri_of

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.truth import Truth

CHUNKS, TOP, QUESTIONS, IN_A_ROW = 5_000, 5, 60, 10
CLOSE = 1e-3
AGAINST = "LlamaIndex SimpleVectorStore"


@dataclass
class Seconds:
    """CPU seconds of each run, ours and the peer's."""

    ours: list[float] = field(default_factory=list[float])
    peer: list[float] = field(default_factory=list[float])

    def add(self, ours: float, peer: float) -> None:
        self.ours.append(ours)
        self.peer.append(peer)

    def row(self, case: str, unit: str, floor: float, goal: float, *, equal: bool) -> Row:
        times = {"s": 1.0, "ms": 1000.0}[unit]
        return Row(
            case=case,
            against=AGAINST,
            ours=median(self.ours) * times,
            peer=median(self.peer) * times,
            unit=f"CPU {unit}",
            floor=floor,
            goal=goal,
            runs=len(self.ours),
            equal=equal,
            versions=versions("numpy") | peer_versions("llamaindex", "llama-index-core"),
        )


def opened(path: Path) -> KnowledgeBase:
    """A base that is ready to answer."""
    base = KnowledgeBase(Truth.open(path, "store"))
    assert base.vectors is not None
    return base


def nearest(base: KnowledgeBase, vector: Floats) -> list[int]:
    """Row ids of the best chunks."""
    assert base.vectors is not None
    return [row for row, _ in base.vectors.search(vector, TOP)]


def ids_of(base: KnowledgeBase, rows: list[int]) -> list[str]:
    found = base.truth.chunks(rows)
    return [text_id(found[row].chunk.text) for row in rows]


def is_same(corpus: Corpus, vector: Floats, ours: list[str], peer: list[str]) -> bool:
    """Whether both lists are as near to a vector, place by place."""
    number = {text_id(text): place for place, text in enumerate(corpus.texts)}
    if len(ours) != TOP or len(peer) != TOP:
        return False
    near = [corpus.vectors[[number[each] for each in ids]] @ vector for ids in (ours, peer)]
    return bool(np.abs(near[0] - near[1]).max() < CLOSE)


def loading(path: Path, index: Path, vector: Floats, peer: Peer, runs: int) -> Seconds:
    """From the file to the first answer, for that one may read what a load has put off."""
    seconds = Seconds()
    for _ in range(runs):
        with Clock() as clock:
            base = opened(path)
            nearest(base, vector)
        base.close()
        seconds.add(clock.cpu, peer("load", folder=str(index), vector=vector.tolist(), top=TOP).cpu)
    return seconds


def asking(base: KnowledgeBase, corpus: Corpus, peer: Peer, *, spoil: bool) -> tuple[Seconds, bool]:
    seconds, equal = Seconds(), True
    for start in range(0, len(corpus.planted), IN_A_ROW):
        some = corpus.planted[start : start + IN_A_ROW]
        mine: list[float] = []
        found: list[list[int]] = []
        for each in some:
            with Clock() as clock:
                found.append(nearest(base, -each.vector if spoil else each.vector))
            mine.append(clock.cpu)
        theirs = [peer("query", vector=each.vector.tolist(), top=TOP) for each in some]
        for each, rows, reply in zip(some, found, theirs, strict=True):
            equal = equal and is_same(corpus, each.vector, ids_of(base, rows), reply.value)
        for one, other in zip(mine[1:], theirs[1:], strict=True):
            seconds.add(one, other.cpu)
    return seconds, equal


def changing(base: KnowledgeBase, corpus: Corpus, peer: Peer, runs: int, *, spoil: bool) -> tuple[Seconds, bool]:
    """Give some documents the texts and vectors of a new corpus, and look for a new chunk."""
    seconds, equal = Seconds(), True
    new = made((runs + 1) * OF_DOCUMENT, questions=1, seed=1)
    for turn in range(runs + 1):
        part = slice(turn * OF_DOCUMENT, (turn + 1) * OF_DOCUMENT)
        texts, vectors = [f"new-{text}"[:CHARACTERS].rstrip() for text in new.texts[part]], new.vectors[part]
        document, chunks = document_of(turn, texts)
        with Clock() as clock:
            base.truth.put(document, chunks, vectors=halves(-vectors if spoil else vectors))
            base.vectors  # noqa: B018 - brings the indexes up to date, and saves them
        lines = [{"id": text_id(text), "document": uri_of(turn), "text": text} for text in texts]
        theirs = peer("change", document=uri_of(turn), chunks=lines, vectors=vectors.tolist())
        found = ids_of(base, nearest(base, vectors[3]))
        also = peer("query", vector=vectors[3].tolist(), top=TOP).value
        equal = equal and found[0] == also[0] == lines[3]["id"]
        equal = equal and base.truth.chunk_count() == theirs.value == len(corpus)
        if turn:
            seconds.add(clock.cpu, theirs.cpu)
    return seconds, equal


def measure(runs: int, folder: Path, *, spoil: bool) -> list[Row]:
    corpus = made(CHUNKS, QUESTIONS)
    path, index = folder / "store.sqlite", folder / "index"
    with Truth.create(path, "store") as truth:
        fill(truth, corpus)
    opened(path).close()  # writes the sidecars
    chunks, vectors = corpus.write(folder)
    with Peer("llamaindex", "llamaindex_store") as peer:
        peer("build", chunks=str(chunks), vectors=str(vectors), folder=str(index))
        loads = loading(path, index, corpus.planted[0].vector, peer, runs)
        with opened(path) as base:
            asked, found_same = asking(base, corpus, peer, spoil=spoil)
            changes, changed_same = changing(base, corpus, peer, runs, spoil=spoil)
    return [
        loads.row(f"load a base of {CHUNKS:,} chunks", "s", 50, 200, equal=found_same),
        asked.row(f"vector query among {CHUNKS:,} chunks, p50", "ms", 50, 150, equal=found_same),
        changes.row(f"change one document of {CHUNKS:,} chunks and save", "s", 100, 500, equal=changed_same),
    ]


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(1 if given.quick or given.self_test else 5, Path(folder), spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
