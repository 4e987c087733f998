"""From nothing running to the first answer, by words: `lianlu rag ask` beside a LlamaIndex script.

Needs LIANLU_TEST_DATA, for the files that `rag_index.py` indexes; both sides have indexed and saved them before. Each run
is a new process, in turns, the first pair not counted, and costs its CPU seconds whole, imports included. The peer loads
its persisted BM25Retriever (the quickest it has) and prints what it retrieves; ours also writes an answer with its
citations. `equal`: what either printed holds the words that answer.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from command import timed
from peer import SCRIPTS, one_thread, peer_python, peer_versions
from rag_index import SETS, laid_out
from row import Row, arguments, median, show, versions

from lianlu.rag import build

QUESTION = "How do I quantize a model to 4 bits with AWQ?"
ANSWER = "AWQ"
PEER = SCRIPTS / "llamaindex_answer.py"


def measure(data: Path, pairs: int, place: Path, *, spoil: bool) -> Row:
    folder, store, index = place / "files", place / "store", place / "index"
    count = len(laid_out(data, folder))
    build("bench", [folder], root=store)[0].close()
    python = peer_python("llamaindex")
    timed([python, PEER, "build", folder, index])
    ours = [sys.executable, "-m", "lianlu", "rag", "ask", "bench", QUESTION, "--store", store]
    theirs = [python, PEER, "ask", index, QUESTION]
    mine, peer, equal = [], [], True
    for turn in range(pairs + 1):
        answer, passages = timed(ours), timed(theirs)
        equal = equal and ANSWER in (answer.output[:10] if spoil else answer.output) and ANSWER in passages.output
        if turn:
            mine.append(answer.cpu)
            peer.append(passages.cpu)
    return Row(
        case=f"cold start to the first answer, {count} files, lexical",
        against="LlamaIndex with a persisted BM25Retriever",
        ours=median(mine),
        peer=median(peer),
        unit="CPU s",
        floor=4,
        goal=8,
        runs=pairs,
        equal=equal,
        versions=versions("numpy") | peer_versions("llamaindex", "llama-index-core", "llama-index-retrievers-bm25"),
    )


def main() -> int:
    one_thread()
    given = arguments(__doc__).parse_args()
    data = Path(os.environ.get("LIANLU_TEST_DATA", ""))
    if not all((data / name).is_dir() for name in SETS):
        print(f"LIANLU_TEST_DATA with {', '.join(SETS)} is needed", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as place:
        row = measure(data, 3 if given.quick or given.self_test else 15, Path(place), spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
