"""A model folder served by our own engine: what comes over HTTP is what the engine says in process."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from lianlu.llm import Backend, Sampling, open_backend
from lianlu.records import Conversation, user
from server.served import Served, served
from tiny_model import tiny_model_folder

HELLO = Conversation(messages=(user("hi there"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def its(folder: Path, tmp_path: Path) -> Generator[Served]:
    with served(tmp_path, open_backend(f"local:{folder}"), name="tiny") as running:
        yield running


def in_process(folder: Path, call: Any) -> Any:
    async def main() -> Any:
        async with open_backend(f"local:{folder}") as backend:
            return await call(backend)

    return asyncio.run(main())


def test_chat_streamed_or_not_says_what_the_engine_says(its: Served, folder: Path) -> None:
    sampling = Sampling(temperature=0.0, max_tokens=12)
    said = in_process(folder, lambda backend: backend.chat(HELLO, sampling))
    whole = its.chat(temperature=0, max_tokens=12).json()
    assert whole["choices"][0]["message"]["content"] == said.message.text
    assert whole["usage"]["completion_tokens"] == said.usage.completion_tokens
    assert its.chat(temperature=0, max_tokens=12, stream=True).text.endswith("data: [DONE]\n\n")


def test_echoed_log_probabilities_are_those_of_the_engine(its: Served, folder: Path) -> None:
    ids = its.client.post("/tokenize", json={"model": "tiny", "prompt": "hello world"}).json()["tokens"]
    body = {"model": "tiny", "prompt": [ids, ids], "echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
    choices = its.client.post("/v1/completions", json=body).json()["choices"]

    async def complete(backend: Backend) -> Any:
        return await backend.complete(ids, Sampling(temperature=0.0, max_tokens=1, top_logprobs=1), echo=True)

    said = in_process(folder, complete)
    for choice in choices:
        assert choice["text"] == said.text
        assert choice["logprobs"]["token_logprobs"][1:] == pytest.approx(
            [each.logprob for each in said.logprobs][1:], abs=1e-4
        )


def test_rendered_messages_are_the_ids_of_the_engine(its: Served, folder: Path) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi there"}]}
    ids = its.client.post("/tokenize", json=body).json()["tokens"]
    assert tuple(ids) == in_process(folder, lambda backend: backend.render(HELLO))


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"response_format": {"type": "json_object"}}, None), ({"guided_regex": "x"}, "guided_regex")],
    ids=str,
)
def test_what_the_engine_cannot_do_is_refused(its: Served, fields: dict[str, Any], param: str | None) -> None:
    answer = its.chat(**fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert next(iter(fields)) in answer.json()["error"]["message"]


def test_fields_of_the_engine_are_used(its: Served) -> None:
    answer = its.chat(temperature=1, top_k=1, seed=3, max_tokens=4)
    assert answer.status_code == 200
    assert answer.json()["choices"][0] == its.chat(temperature=1, top_k=1, seed=4, max_tokens=4).json()["choices"][0]


def test_tools_and_images_that_the_engine_cannot_read_are_not_dropped_silently(its: Served) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    body = {"model": "tiny", "messages": [{"role": "user", "content": [image]}]}
    assert its.client.post("/v1/chat/completions", json=body).status_code == 400
