"""The folders of an embedder and of a reranker answer as every Backend must, on numpy and behind a served interface."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from conformance.backend import BackendConformance
from lianlu.llm import Backend, OpenAIFace, open_backend
from lianlu.web import running
from lianlu.web.testing import fake_openai_app
from tiny_embedder import tiny_embedder, tiny_reranker


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_embedder(tmp_path_factory.mktemp("models") / "embedder")


@pytest.fixture(scope="module")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_reranker(tmp_path_factory.mktemp("models") / "reranker", "xlm-roberta")


class TestEmbedder(BackendConformance):
    @pytest.fixture(autouse=True)
    def _place(self, embedder: Path) -> None:
        self.ref = f"local:{embedder}"

    def backend(self) -> Backend:
        return open_backend(self.ref)


class TestReranker(BackendConformance):
    @pytest.fixture(autouse=True)
    def _place(self, reranker: Path) -> None:
        self.ref = f"local:{reranker}"

    def backend(self) -> Backend:
        return open_backend(self.ref)


class TestServedEmbedder(BackendConformance):
    @pytest.fixture(autouse=True)
    def _service(self, embedder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[None]:
        monkeypatch.setenv("LIANLU_CONFIG", str(tmp_path))
        app, _ = fake_openai_app(OpenAIFace(open_backend(f"local:{embedder}")))
        with running(app) as url:
            (tmp_path / "endpoints.yaml").write_text(
                f"endpoints: {{here: {{url: '{url}/v1', model: m, abilities: [embed, health]}}}}"
            )
            yield

    def backend(self) -> Backend:
        return open_backend("here:m")
