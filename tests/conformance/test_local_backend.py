"""A model folder answers as every Backend must, with and without a chat template."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from conformance.backend import BackendConformance
from lianlu.llm import Backend, open_backend
from tiny_model import tiny_model_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


class TestLocal(BackendConformance):
    @pytest.fixture(autouse=True)
    def _one_thread(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LIANLU_THREADS", "1")

    @pytest.fixture(autouse=True)
    def _place(self, folder: Path) -> None:
        self.ref = f"local:{folder}"

    def backend(self) -> Backend:
        return open_backend(self.ref)


class TestLocalBase(TestLocal):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        base = tiny_model_folder(tmp_path / "base")
        (base / "chat_template.jinja").unlink()
        self.ref = f"local:{base}"
