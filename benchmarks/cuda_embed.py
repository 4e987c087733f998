"""4,000 texts of mixed length to vectors on a CUDA device: ours beside sentence-transformers, one folder, one process.

The model is as large as bge-m3's encoder (24 layers of 1,024, XLM-RoBERTa) with random weights, read by bytes, and limited
to 512 tokens: speed does not depend on what the weights say. A third of the texts are as long as chat lines, a third as
questions, a third as chunks, shuffled by one seed. Needs a CUDA device with torch, transformers and sentence-transformers;
seconds on the clock, both warm, in turns. sentence-transformers sorts by length and pads batches of 32, its default; once
in float32 as it loads, once in the same half precision as ours. `equal`: cosines to the peer of the same precision .999 or
more.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from row import Row, arguments, median, show, versions

SEED = 20261126
LEAST_COSINE = 0.999
LENGTHS = ((8, 40), (30, 90), (200, 500))
SIZES = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "max_position_embeddings": 520,
    "initializer_range": 0.02,
}


def mixed(count: int) -> list[str]:
    drawn = random.Random(SEED)
    words = ["".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=drawn.randint(2, 9))) for _ in range(3000)]
    texts = [" ".join(drawn.choices(words, k=100))[: drawn.randint(*LENGTHS[at % len(LENGTHS)])] for at in range(count)]
    drawn.shuffle(texts)
    return texts


def model_folder(folder: Path) -> Path:
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from tiny_embedder import tiny_embedder

    made = tiny_embedder(folder, "xlm-roberta", limit=512, **SIZES)
    pooling = made / "1_Pooling" / "config.json"
    told = json.loads(pooling.read_text(encoding="utf-8")) | {"word_embedding_dimension": SIZES["hidden_size"]}
    pooling.write_text(json.dumps(told), encoding="utf-8")
    return made


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    import torch

    torch.cuda.synchronize()
    began = time.perf_counter()
    made = work()
    torch.cuda.synchronize()
    return time.perf_counter() - began, np.asarray(made, dtype=np.float32)


def measure(count: int, runs: int, place: Path, *, spoil: bool) -> list[Row]:
    import torch
    from sentence_transformers import SentenceTransformer

    from lianlu.engine.embed_backend import open_embedder

    texts, folder = mixed(count), model_folder(place / "model")
    ours = open_embedder(folder, ref="bench", threads=1, runtime="torch")
    rows: list[Row] = []
    for dtype in ("float32", "bfloat16"):
        theirs = SentenceTransformer(str(folder), device="cuda", model_kwargs={"dtype": getattr(torch, dtype)})
        sides: tuple[Callable[[], Any], Callable[[], Any]] = (
            lambda: asyncio.run(ours.embed(texts)).vectors,
            lambda theirs=theirs: theirs.encode(texts, convert_to_tensor=True, show_progress_bar=False).float().cpu(),
        )
        seconds: tuple[list[float], list[float]] = ([], [])
        vectors: list[Any] = []
        for turn in range(runs + 1):
            vectors = []
            for side, work in enumerate(sides):
                took, made = timed(work)
                vectors.append(made)
                if turn:
                    seconds[side].append(took)
        one, other = vectors[0][::-1] if spoil else vectors[0], vectors[1]
        cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
        rows.append(
            Row(
                case=f"embed {count:,} texts, 24 layers of 1,024, {torch.cuda.get_device_name()}, least cosine {cosines.min():.5f}",
                against=f"sentence-transformers, {dtype}, batches of 32",
                ours=median(seconds[0]),
                peer=median(seconds[1]),
                unit="s",
                floor=None,
                goal=None,
                runs=runs,
                equal=bool((cosines >= LEAST_COSINE).all()),
                versions=versions("torch", "transformers", "sentence-transformers"),
            )
        )
    return rows


def main() -> int:
    given = arguments(__doc__).parse_args()
    logging.disable(logging.WARNING)
    count, runs = (500, 1) if given.quick or given.self_test else (4000, 5)
    with tempfile.TemporaryDirectory() as place:
        rows = measure(count, runs, Path(place), spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
