"""A backend behind the OpenAI interface, without HTTP: streams, batches, packed vectors, whose error is whose."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from lianlu.core.errors import BackendError, UsageError
from lianlu.llm import Delta, Embeddings, EmbedKind, FakeBackend, OpenAIFace, Reply, Rule, TokenLogprob
from lianlu.llm.backend import Backend, Completion
from lianlu.llm.fake import Fault
from lianlu.records import ReasoningPart

HELLO = {"model": "fake", "messages": [{"role": "user", "content": "hi there"}]}


def answer(backend: Backend, path: str, body: Mapping[str, Any]) -> Any:
    """The body of an answer, or the list of its chunks."""

    async def main() -> Any:
        made = await OpenAIFace(backend).answer(path, body)
        return made if isinstance(made, dict) else [chunk async for chunk in made]

    return asyncio.run(main())


def test_a_stream_that_fails_at_once_gives_no_chunk_before_its_error() -> None:
    async def main() -> list[Any]:
        made = await OpenAIFace(FakeBackend([Rule(error=Fault(status=500))])).answer(
            "/chat/completions", {**HELLO, "stream": True}
        )
        assert not isinstance(made, dict)
        seen: list[Any] = []
        with pytest.raises(BackendError):
            seen.extend([chunk async for chunk in made])
        return seen

    assert asyncio.run(main()) == []


def test_a_stream_carries_log_probabilities() -> None:
    class Scoring(Backend):
        abilities = frozenset({"stream"})

        async def stream(self, *_: Any, **__: Any) -> Any:
            yield Delta(text="a", logprobs=(TokenLogprob(token="a", logprob=-0.5),))
            yield Delta(finish_reason="stop")

    first, second, last = answer(Scoring(), "/chat/completions", {**HELLO, "stream": True})
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert second["choices"][0]["logprobs"]["content"][0]["logprob"] == -0.5
    assert last["choices"][0]["finish_reason"] == "stop"


def test_streamed_completions_come_one_after_the_other_and_then_their_usage() -> None:
    body = {"model": "fake", "prompt": ["a b", [99]], "stream": True, "stream_options": {"include_usage": True}}
    chunks = answer(FakeBackend(), "/completions", body)
    assert [(each["index"], each["text"]) for chunk in chunks for each in chunk["choices"]] == [(0, "a b"), (1, "c")]
    assert chunks[-1]["usage"]["prompt_tokens"] > 0


def test_completions_of_one_request_are_asked_together() -> None:
    class Meeting(Backend):
        """Answers nobody until both have come."""

        abilities = frozenset({"complete"})

        def __init__(self) -> None:
            self.both = asyncio.Barrier(2)

        async def complete(self, prompt: Any, *_: Any, **__: Any) -> Completion:
            await asyncio.wait_for(self.both.wait(), 5)
            return Completion(text=prompt)

    made = answer(Meeting(), "/completions", {"model": "m", "prompt": ["x", "y"]})
    assert [each["text"] for each in made["choices"]] == ["x", "y"]


def test_the_first_failure_of_several_completions_is_told_as_it_is() -> None:
    with pytest.raises(UsageError) as caught:
        answer(FakeBackend(), "/completions", {"model": "m", "prompt": [[97], [-1]]})
    assert caught.value.code == "llm.bad-token-id"


def test_packed_vectors_are_those_that_are_listed() -> None:
    listed = answer(FakeBackend(), "/embeddings", {"model": "m", "input": "猫"})["data"][0]["embedding"]
    packed = answer(FakeBackend(), "/embeddings", {"model": "m", "input": "猫", "encoding_format": "base64"})
    values = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    assert values == pytest.approx(listed, abs=1e-6)


class _Kinds(FakeBackend):
    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:
        return Embeddings(vectors=((1.0 if kind == "query" else 2.0,),) * len(texts))


@pytest.mark.parametrize(("more", "expected"), [({}, 2.0), ({"input_type": "query"}, 1.0), ({"input_type": None}, 2.0)])
def test_input_type_says_what_is_embedded(more: dict[str, Any], expected: float) -> None:
    assert answer(_Kinds(), "/embeddings", {"input": "猫", **more})["data"][0]["embedding"] == (expected,)


def test_an_unknown_input_type_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        answer(_Kinds(), "/embeddings", {"input": "猫", "input_type": "passage"})
    assert caught.value.code == "llm.bad-body"


def test_text_goes_to_ids_and_back() -> None:
    ids = answer(FakeBackend(), "/tokenize", {"prompt": "猫 cat"})
    assert ids["count"] == len(ids["tokens"]) == 5
    assert answer(FakeBackend(), "/detokenize", {"tokens": ids["tokens"]})["prompt"] == "猫 cat"
    assert answer(FakeBackend(), "/tokenize", HELLO)["count"] > len("hi there")


@pytest.mark.parametrize("ids", [[-1], [0xD800], [1 << 40]])
def test_ids_that_are_no_tokens_are_refused(ids: list[int]) -> None:
    with pytest.raises(UsageError) as caught:
        answer(FakeBackend(), "/detokenize", {"tokens": ids})
    assert caught.value.code == "llm.bad-token-id"


def test_a_bug_of_the_backend_is_not_told_as_the_senders_mistake() -> None:
    def broken(*_: Any) -> Reply:
        raise TypeError("a bug")

    with pytest.raises(TypeError):
        answer(FakeBackend(broken), "/chat/completions", HELLO)


def test_thoughts_that_come_back_with_a_talk_are_kept() -> None:
    backend = FakeBackend()
    talk = [*HELLO["messages"], {"role": "assistant", "content": "x", "reasoning_content": "hm"}]
    answer(backend, "/chat/completions", {"model": "m", "messages": [*talk, {"role": "user", "content": "go on"}]})
    assert ReasoningPart(text="hm") in backend.asked[0].messages[1].parts
