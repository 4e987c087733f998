"""2,000 texts of mixed length to vectors: ours beside LlamaIndex's HuggingFaceEmbedding with its defaults, one model folder.

Needs LIANLU_TEST_DATA: a third are lines of group chats (huixiangdou), a third questions (xquad, English), a third chunks
of 30 to 180 words of the documents of lmdeploy and mmpose, shuffled by one seed, as an assistant meets them. The model is
all-MiniLM-L6-v2 from the package in the peer's environment. One thread each; models are loaded and warm before; CPU
seconds of texts in a file to vectors in a file, in turns. `equal`: every pair of vectors has a cosine of .999 or more.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from peer import Clock, Peer, one_thread, peer_versions
from row import Row, arguments, median, show, versions

from lianlu.core import aio
from lianlu.llm import Backend, open_backend

SEED = 20261126
COSINE = 0.999
WARM = 600


def mixed(data: Path, count: int) -> list[str]:
    """Chat lines, questions and chunks, a third each, in one order for ever."""
    drawn = random.Random(SEED)
    chats = sorted({each for path in (data / "huixiangdou").glob("*questions*.json") for each in _listed(path)})
    squad = json.loads((data / "xquad" / "xquad.en.json").read_text(encoding="utf-8"))["data"]
    questions = [each["question"] for article in squad for part in article["paragraphs"] for each in part["qas"]]
    files = sorted(path for name in ("lmdeploy_docs", "mmpose_docs") for path in (data / name).rglob("*.md"))
    words = [word for path in files if "zh" not in str(path) for word in re.findall(r"\S+", path.read_text("utf-8"))]
    texts: list[str] = []
    for at in range(count):
        if at % 3 == 0:
            texts.append(drawn.choice(chats))
        elif at % 3 == 1:
            texts.append(drawn.choice(questions))
        else:
            start, size = drawn.randrange(len(words) - 200), drawn.randrange(30, 181)
            texts.append(" ".join(words[start : start + size]))
    drawn.shuffle(texts)
    return texts


def _listed(path: Path) -> list[str]:
    found = json.loads(path.read_text(encoding="utf-8"))
    return [each for each in found if isinstance(each, str) and each.strip()]


def ours(backend: Backend, texts: Path, vectors: Path) -> None:
    made = aio.run(lambda: backend.embed(json.loads(texts.read_text(encoding="utf-8"))))
    np.save(vectors, np.asarray(made.vectors, dtype=np.float32))


def measure(data: Path, count: int, runs: int, place: Path, *, spoil: bool) -> Row:
    texts, few = place / "texts.json", place / "few.json"
    listed = mixed(data, count)
    texts.write_text(json.dumps(listed), encoding="utf-8")
    few.write_text(json.dumps(listed[:WARM]), encoding="utf-8")
    mine, theirs = [], []
    with Peer("llamaindex", "llamaindex_embed") as peer:
        folder = peer("folder").value
        assert peer("load", model=folder).value == 10
        backend = open_backend(f"local:{folder}")
        ours(backend, few, place / "warm.npy")
        peer("embed", texts=str(few), vectors=str(place / "warm_peer.npy"))
        for _ in range(runs):
            with Clock() as clock:
                ours(backend, texts, place / "ours.npy")
            mine.append(clock.cpu)
            theirs.append(peer("embed", texts=str(texts), vectors=str(place / "peer.npy")).cpu)
        aio.run(backend.close)
    one, other = np.load(place / "ours.npy"), np.load(place / "peer.npy")
    if spoil:
        one = one[::-1]
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    return Row(
        case=f"embed {count:,} texts of mixed length, MiniLM, least cosine {cosines.min():.6f}",
        against="LlamaIndex HuggingFaceEmbedding",
        ours=median(mine),
        peer=median(theirs),
        unit="CPU s",
        floor=1.8,
        goal=3,
        runs=runs,
        equal=bool(one.shape == other.shape and (cosines >= COSINE).all()),
        versions=versions("torch", "numpy") | peer_versions("llamaindex", "llama-index-core", "sentence-transformers"),
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    data = Path(os.environ["LIANLU_TEST_DATA"])
    count, runs = (400, 2) if given.quick or given.self_test else (2000, 2)
    with tempfile.TemporaryDirectory() as place:
        row = measure(data, count, runs, Path(place), spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    one_thread()
    sys.exit(main())
