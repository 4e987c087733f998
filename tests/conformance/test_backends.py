"""Our own backends keep what every Backend must keep."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from conformance.backend import BackendConformance
from lianlu.llm import Backend, FakeBackend, Limits, OpenAIFace, limited, open_backend, recorded, stored
from lianlu.records import Conversation, user
from lianlu.web import running
from lianlu.web.testing import fake_openai_app


class _Bare(Backend):
    """A backend that declares nothing."""

    async def identity(self):
        return await FakeBackend().identity()


class TestBare(BackendConformance):
    def backend(self) -> Backend:
        return _Bare()


class TestFake(BackendConformance):
    def backend(self) -> Backend:
        return open_backend("fake:echo")


class TestStored(BackendConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "requests.sqlite"

    def backend(self) -> Backend:
        return stored(FakeBackend(), self.path)


class TestLimited(BackendConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def backend(self) -> Backend:
        return limited(FakeBackend(), Limits(concurrency=4), name="fake", folder=self.folder)


class TestReplay(BackendConformance):
    @pytest.fixture(autouse=True)
    def _recording(self, tmp_path: Path) -> None:
        self.path = tmp_path / "talk.jsonl"
        question = "Which tool fine-tunes? 哪个工具用于微调？"
        from lianlu.llm import Sampling

        async def record() -> None:
            backend = recorded(FakeBackend(), self.path)
            for sampling in (Sampling(), Sampling(max_tokens=1)):
                await backend.chat(Conversation(messages=(user(question),)), sampling)

        asyncio.run(record())

    def backend(self) -> Backend:
        return open_backend(f"replay:{self.path}")


class TestClient(BackendConformance):
    @pytest.fixture(autouse=True)
    def _service(self) -> Generator[None]:
        app, _ = fake_openai_app(OpenAIFace(FakeBackend()))
        with running(app) as url:
            self.ref = f"{url}/v1#fake"
            yield

    def backend(self) -> Backend:
        return open_backend(self.ref)
