"""An ONNX file gives the vectors that its states and the folder's pooling make, and needs no torch for it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from lianlu.core.errors import LianluError
from lianlu.engine.embed_backend import EmbedBackend, open_embedder
from tiny_embedder import tiny_embedder
from tiny_onnx import lookup_onnx

TABLE = np.random.default_rng(0).standard_normal((264, 32)).astype(np.float32)


def opened(folder: Path) -> EmbedBackend:
    return open_embedder(folder, ref="onnx:x", threads=1, runtime="onnx")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tiny_embedder(tmp_path / "m", is_normal=False)
    lookup_onnx(made / "onnx" / "model.onnx", TABLE)
    return made


def test_vectors_are_pooled_from_what_the_file_gives(folder: Path) -> None:
    from tokenizers import Tokenizer

    texts = ["the cat", "", "a longer text than the others", "大"]
    made = asyncio.run(opened(folder).embed(texts)).vectors
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    expected = [TABLE[tokenizer.encode(text).ids].mean(axis=0) for text in texts]
    np.testing.assert_allclose(made, expected, atol=1e-6)


def test_a_folder_of_an_onnx_file_alone_opens_by_itself(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    backend = open_embedder(folder, ref="local:x", threads=1)
    assert len(asyncio.run(backend.embed(["a"])).vectors[0]) == 32
    assert backend.runtime == "onnx"


def test_another_onnx_file_is_another_model_where_it_is_the_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    before = asyncio.run(opened(folder).identity()).fingerprint
    lookup_onnx(folder / "onnx" / "model.onnx", TABLE + 1)
    assert asyncio.run(opened(folder).identity()).fingerprint != before


def test_a_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LianluError) as caught:
        opened(tiny_embedder(tmp_path / "m"))
    assert caught.value.code == "engine.no-onnx"


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, None], ids=["empty", "noise", "strange input"])
def test_a_file_that_cannot_be_used_is_told(content: bytes | None, folder: Path) -> None:
    path = folder / "onnx" / "model.onnx"
    if content is None:
        lookup_onnx(path, TABLE, inputs=("input_ids", "pixels"))
    else:
        path.write_bytes(content)
    with pytest.raises(LianluError) as caught:
        asyncio.run(opened(folder).embed(["a"]))
    assert caught.value.code == "engine.bad-onnx"


@pytest.mark.parametrize("scheme", ["onnx", "local"])
def test_a_question_imports_neither_torch_nor_transformers(scheme: str, folder: Path) -> None:
    code = f"""
import asyncio, sys
from lianlu.llm import open_backend
async def main():
    async with open_backend("{scheme}:{folder}") as backend:
        await backend.identity()
        await backend.token_starts(["a"])
        return await backend.embed(["a"], kind="query")
assert len(asyncio.run(main()).vectors[0]) == 32
heavy = {{"torch", "transformers", "safetensors", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
