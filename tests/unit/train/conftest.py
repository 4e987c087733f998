"""A tiny tokenizer, a tiny base, and data that are learned in a second."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.train.config import ModelShape, PretrainRecipe, TokenizerRecipe
from lianlu.train.steps import PRETRAIN, TOKENIZER

SHAPE = ModelShape(layers=2, hidden=32, heads=2, kv_heads=1, intermediate=48, positions=256)
QUESTIONS = ("who are you?", "你是谁？", "what is 2+2?", "say hi", "name a colour", "数到三", "bye", "再见")
ANSWERS = ("I am Lian.", "我叫小链。", "4", "hi", "red", "一二三", "goodbye", "再会")


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_THREADS", "1")  # two threads that wait for each other are slow on a busy machine


def write_lines(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def chats(system: str = "") -> list[dict[str, Any]]:
    lead = [{"role": "system", "content": system}] if system else []
    return [
        {"messages": [*lead, {"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
        for asked, said in zip(QUESTIONS, ANSWERS, strict=True)
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "chats.jsonl", chats())


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "a.txt").write_text("lianlu is a chain from documents to answers. " * 8, encoding="utf-8")
    (folder / "b.md").write_text("链路把文档变成可信的助手。" * 12, encoding="utf-8")
    write_lines(folder / "c.jsonl", chats())
    return folder


@pytest.fixture(scope="session")
def tokenizer(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer")
    TOKENIZER.run(TokenizerRecipe(data=[str(corpus)]), {}, Job("t", outputs=out))
    return out / "tokenizer"


@pytest.fixture(scope="session")
def base(corpus: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    out = tmp_path_factory.mktemp("base")
    recipe = PretrainRecipe(
        data=[str(corpus)], tokenizer=str(tokenizer), shape=SHAPE, steps=4, batch_size=4, max_tokens=64
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIANLU_THREADS", "1")
        PRETRAIN.run(recipe, {}, Job("t", outputs=out))
    return out / "weights"


@pytest.fixture
def run_step(tmp_path: Path) -> Callable[..., Files]:
    """`run_step(SFT, recipe)`: the files of the one output."""

    def run(step: Any, recipe: Any, inputs: dict[str, Files] | None = None, *, place: str = "out", **job: Any) -> Files:
        step.run(recipe, inputs or {}, Job("t", outputs=tmp_path / place, **job))
        (output, kind), *_ = step.outputs.items()
        return Files.of_folder(tmp_path / place / output, kind=kind)

    return run
