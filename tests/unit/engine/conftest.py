"""One tiny model for all tests of this room, and ways to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from lianlu.core.settings import Settings
from lianlu.engine.backend import LocalBackend
from lianlu.engine.engine import Engine
from lianlu.engine.folder import open_folder
from lianlu.engine.load import Loaded, load
from lianlu.engine.request import sequences_of
from lianlu.engine.sequence import Sequence
from lianlu.llm import Sampling, open_backend
from tiny_model import tiny_model_folder

torch.set_num_threads(1)  # threads that wait for each other cost more than such a model
GREEDY = Sampling(temperature=0.0, max_tokens=24, extra={"ignore_eos": True})


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_THREADS", "1")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def loaded(folder: Path) -> Loaded:
    return load(open_folder(folder), device="cpu")


@pytest.fixture
def ask(folder: Path) -> Callable[[Callable[[LocalBackend], Awaitable[Any]]], Any]:
    """Open the tiny model, do something with it, close it."""

    def run(main: Callable[[LocalBackend], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            async with open_backend(f"local:{folder}", settings=Settings.from_environment()) as backend:
                assert isinstance(backend, LocalBackend)
                return await main(backend)

        return asyncio.run(opened())

    return run


def begun(loaded: Loaded, prompt: str | tuple[int, ...], sampling: Sampling = GREEDY, **more: Any) -> Sequence:
    """One sequence that answers a prompt, not yet in an engine."""
    ids = loaded.tokenizer.encode(prompt).ids if isinstance(prompt, str) else prompt
    return sequences_of(
        ids,
        sampling,
        loaded.tokenizer,
        generation=loaded.generation,
        ends=loaded.ends,
        limit=loaded.limit,
        **more,
    )[0]


def finished(engine: Engine, *sequences: Sequence) -> None:
    """Run an engine until all is answered."""
    for sequence in sequences:
        engine.add(sequence)
    while engine.has_work:
        engine.step()
