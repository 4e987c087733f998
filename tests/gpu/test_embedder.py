"""On a GPU in half precision, vectors are those of float32 on a CPU as far as half precision goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch  # noqa: TID253 - this folder is for torch

from lianlu.engine.embed_backend import open_embedder
from tiny_embedder import tiny_embedder, tiny_reranker

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
TEXTS = ["the cat", "", "大模型微调工具", "a longer text than the others " * 5]


@pytest.mark.parametrize("modes", [("mean",), ("max", "cls"), ("lasttoken",)])
def test_vectors_of_a_gpu_are_near_those_of_a_cpu(modes: tuple[str, ...], tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", "xlm-roberta", modes=modes)
    there, here = (
        np.asarray(asyncio.run(open_embedder(folder, ref="x", threads=1, runtime=each).embed(TEXTS)).vectors)
        for each in ("torch", "numpy")
    )
    assert ((there * here).sum(axis=1) > 0.99).all()


def test_scores_of_a_gpu_are_near_those_of_a_cpu(tmp_path: Path) -> None:
    folder = tiny_reranker(tmp_path / "m")
    there, here = (
        {
            each.index: each.score
            for each in asyncio.run(open_embedder(folder, ref="x", threads=1, runtime=name).rerank("cat", TEXTS))
        }
        for name in ("torch", "numpy")
    )
    assert there == pytest.approx(here, abs=0.05)
