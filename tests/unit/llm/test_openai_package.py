"""The official `openai` package as the client of our fake server: the wire shapes are those it expects."""

from __future__ import annotations

from collections.abc import Generator

import openai
import pytest

from lianlu.llm import FakeBackend, Rule
from lianlu.llm.fake import FakeCall
from lianlu.web.testing import Fault
from unit.llm.service import KEY, Service, service


@pytest.fixture
def its() -> Generator[Service]:
    rules = [
        Rule(match="weather", tool_calls=(FakeCall(name="weather", arguments='{"city": "上海"}'),)),
        Rule(reply="你好 there", reasoning="hm"),
    ]
    with service(FakeBackend(rules)) as running:
        yield running


@pytest.fixture
def client(its: Service) -> Generator[openai.OpenAI]:
    with openai.OpenAI(api_key=KEY, base_url=its.url, max_retries=0) as made:
        yield made


def test_chat_stream_and_usage(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(
        model="fake", messages=[{"role": "user", "content": "hi"}], logprobs=True, top_logprobs=1
    )
    assert whole.choices[0].message.content == "你好 there"
    assert whole.choices[0].logprobs
    assert whole.usage
    chunks = list(
        client.chat.completions.create(
            model="fake",
            messages=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == "你好 there"
    assert chunks[-1].usage
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"


def test_tool_calls_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="fake",
        messages=[{"role": "user", "content": "weather?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    ) as stream:
        for _ in stream:
            pass
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls
    assert (calls[0].function.name, calls[0].function.arguments) == ("weather", '{"city": "上海"}')


def test_a_tool_result_is_understood(client: openai.OpenAI, its: Service) -> None:
    client.chat.completions.create(
        model="fake",
        messages=[
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        ],
    )
    assert its.server.count["/chat/completions"] == 1


def test_completions_embeddings_models(client: openai.OpenAI) -> None:
    made = client.completions.create(model="fake", prompt=["a b", "c"], echo=True, logprobs=1, max_tokens=1)
    assert [choice.index for choice in made.choices] == [0, 1]
    assert made.choices[0].logprobs
    assert made.choices[0].logprobs.text_offset
    assert made.choices[0].logprobs.text_offset[0] == 0
    vectors = client.embeddings.create(model="fake", input=["a", "b"], encoding_format="float").data
    assert [len(vector.embedding) for vector in vectors] == [256, 256]
    assert [model.id for model in client.models.list()] == ["fake"]


def test_errors_have_the_shape_it_expects(its: Service) -> None:
    with (
        openai.OpenAI(api_key="wrong", base_url=its.url, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="Incorrect API key"),
    ):
        client.models.list()
    with openai.OpenAI(api_key=KEY, base_url=its.url, max_retries=1) as client:
        with pytest.raises(openai.BadRequestError, match="messages"):
            client.chat.completions.create(model="fake", messages=[])
        its.server.faults.append(Fault(status=429, retry_after="0.01"))
        assert client.chat.completions.create(model="fake", messages=[{"role": "user", "content": "x"}]).choices
