"""A tiny base and a few conversations; float32 means float32 (no TF32), so that devices can be compared."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch  # noqa: TID253 - this folder is for torch

from tiny_model import tiny_model_folder

QUESTIONS = ("who are you?", "你是谁？", "what is 2+2?", "say hi", "name a colour", "数到三", "bye", "再见")
ANSWERS = ("I am Lian.", "我叫小链。", "4", "hi", "red, or blue in the evening", "一二三", "goodbye", "再会")


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setenv("LIANLU_THREADS", "1")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny", head_dim=16)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
        for asked, said in zip(QUESTIONS, ANSWERS, strict=True)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path
