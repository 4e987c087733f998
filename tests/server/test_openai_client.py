"""The official `openai` package against a served model."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import openai
import pytest

from lianlu.llm import FakeBackend, Rule
from lianlu.llm.fake import FakeCall
from server.served import Served, served

RULES = [
    Rule(match="weather", tool_calls=(FakeCall(name="weather", arguments='{"city": "上海"}'),)),
    Rule(reply="你好 there", reasoning="hm"),
]


@pytest.fixture
def its(tmp_path: Path) -> Generator[Served]:
    with served(tmp_path, FakeBackend(RULES, model="inner"), name="outer") as running:
        yield running


@pytest.fixture
def client(its: Served) -> Generator[openai.OpenAI]:
    with openai.OpenAI(api_key="sk-any", base_url=f"{its.url}/v1", max_retries=0) as made:
        yield made


def test_it_lists_the_one_model_and_chats_with_it(client: openai.OpenAI, its: Served) -> None:
    (model,) = client.models.list().data
    assert model.id == client.models.retrieve("outer").id == "outer"
    reply = client.chat.completions.create(
        model=model.id, messages=[{"role": "user", "content": "hi"}], logprobs=True, top_logprobs=1, user="ann"
    )
    assert reply.choices[0].message.content == "你好 there"
    assert reply.model == "outer"
    assert reply.created > 1_700_000_000
    assert reply.system_fingerprint == its.service.identity.fingerprint
    assert reply.usage
    (entry,) = its.log()
    assert (entry["id"], entry["model"], entry["status"]) == (reply.id, "outer", 200)
    assert entry["completion_tokens"] == reply.usage.completion_tokens


def test_it_streams_with_usage_when_that_is_asked_for(client: openai.OpenAI, its: Served) -> None:
    chunks = list(
        client.chat.completions.create(
            model="outer",
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "你好 there"
    assert chunks[-1].usage
    assert {chunk.id for chunk in chunks} == {its.log()[0]["id"]}
    assert {chunk.model for chunk in chunks} == {"outer"}
    assert its.log()[0]["completion_tokens"] == chunks[-1].usage.completion_tokens


def test_usage_is_logged_but_not_sent_when_it_is_not_asked_for(client: openai.OpenAI, its: Served) -> None:
    chunks = list(
        client.chat.completions.create(model="outer", messages=[{"role": "user", "content": "hi"}], stream=True)
    )
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert its.log()[0]["completion_tokens"] > 0


def test_tool_calls_come_through_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="outer",
        messages=[{"role": "user", "content": "weather?"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
    ) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls
    assert (calls[0].function.name, calls[0].function.arguments) == ("weather", '{"city": "上海"}')


def test_it_completes_texts_and_token_ids_with_echo_and_log_probabilities(client: openai.OpenAI) -> None:
    made = client.completions.create(
        model="outer", prompt=[[97, 98], [99]], echo=True, logprobs=1, max_tokens=1, temperature=0, seed=1
    )
    assert [choice.index for choice in made.choices] == [0, 1]
    assert made.choices[0].text.startswith("ab")
    scored = made.choices[0].logprobs
    assert scored
    assert scored.tokens
    assert scored.token_logprobs
    assert scored.token_logprobs[0] is None
    assert len(scored.tokens) == len(scored.token_logprobs) == len(scored.text_offset or ())
    streamed = client.completions.create(model="outer", prompt="ab", stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == "你好 there"


def test_it_gives_vectors_in_the_client_s_own_encoding(client: openai.OpenAI) -> None:
    packed = client.embeddings.create(model="outer", input=["a", "b"]).data
    plain = client.embeddings.create(model="outer", input=["a", "b"], encoding_format="float").data
    assert [len(each.embedding) for each in packed] == [256, 256]
    assert packed[1].embedding == pytest.approx(plain[1].embedding, abs=1e-6)


def test_errors_are_those_that_the_client_knows(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="serves 'outer'"):
        client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-x")
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="outer", messages=[{"role": "user", "content": "hi"}], logit_bias={"5": 1})
    assert (caught.value.param, caught.value.code) == ("logit_bias", "serve.unsupported-field")
