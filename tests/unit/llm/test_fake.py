"""The fake answers by its script, the same every time, and says where a script is wrong."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import BackendError, UsageError
from lianlu.llm import FakeBackend, Rule, Sampling, open_backend
from lianlu.llm.fake import Fault
from lianlu.records import Conversation, ToolCallPart, assistant, system, user
from unit.llm.service import asked

SCRIPT = """
model: scripted
rules:
  - match: XTuner
    reply: "微调工具 [1]"
    usage: {prompt_tokens: 7, completion_tokens: 3}
  - pattern: "^cite (\\\\d)"
    tool_calls: [{name: search, arguments: '{"q": 1}'}]
  - match: wrong key
    error: {status: 401, message: no such key}
  - match: "<|system|>be strict"
    within: prompt
    reply: strict
  - match: twice
    times: 1
    reply: first
  - match: twice
    reply: then
  - reply: "I read: {last}"
"""


def _opened(folder: Path, text: str = SCRIPT) -> Any:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return open_backend(f"fake:{path}")


def _said(backend: Any, text: str, **sampling: Any) -> str:
    return asyncio.run(backend.chat(asked(text), Sampling(**sampling))).message.text


def test_the_first_rule_that_fits_answers(tmp_path: Path) -> None:
    backend = _opened(tmp_path)
    reply = asyncio.run(backend.chat(asked("what is xtuner?")))
    assert (reply.message.text, reply.model) == ("微调工具 [1]", "scripted")
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (7, 3)
    assert [_said(backend, "twice") for _ in range(3)] == ["first", "then", "then"]
    assert _said(backend, "anything else") == "I read: anything else"
    strict = Conversation(messages=(system("be strict"), user("a"), assistant("b"), user("c")))
    assert asyncio.run(backend.chat(strict)).message.text == "strict"
    calls = asyncio.run(backend.chat(asked("cite 3")))
    assert calls.message.parts == (ToolCallPart(id="call_0", name="search", arguments='{"q": 1}'),)
    assert calls.finish_reason == "tool_calls"
    with pytest.raises(BackendError) as caught:
        _said(backend, "wrong key")
    assert caught.value.code == "llm.unauthorized"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rules: 3", "recipe.bad-value"),
        ("rules:\n  - mach: x\n", "recipe.unknown-key"),
        ("rules:\n  - pattern: '('\n", "recipe.bad-value"),
        ("model: x", "recipe.missing-key"),
        ("rules: [", "recipe.not-yaml"),
        ("", "recipe.missing-key"),
    ],
)
def test_a_bad_script_is_refused_with_its_place(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        _opened(tmp_path, text)
    assert caught.value.code == code
    assert "script.yaml" in caught.value.message()


def test_a_request_that_no_rule_fits_is_an_error() -> None:
    with pytest.raises(UsageError, match="no rule fits the request 'b'"):
        _said(FakeBackend([Rule(match="a")]), "b")


def test_a_function_may_answer() -> None:
    async def later(conversation: Conversation, sampling: Sampling) -> str:
        return f"{len(conversation.messages)} {sampling.max_tokens}"

    assert _said(FakeBackend(later), "x", max_tokens=9) == "1 9"
    assert _said(FakeBackend(lambda conversation, _: assistant(conversation.messages[0].text.upper())), "x") == "X"


def test_length_and_stop_are_kept() -> None:
    backend = FakeBackend([Rule(reply="one two three")])
    short = asyncio.run(backend.chat(asked(), Sampling(max_tokens=2)))
    assert (short.message.text, short.finish_reason) == ("one two", "length")
    assert _said(backend, "x", stop=(" three",)) == "one two"
    assert len(asyncio.run(backend.chat(asked(), Sampling(n=3))).others) == 2


def test_the_fingerprint_follows_the_script(tmp_path: Path) -> None:
    one, same = (asyncio.run(_opened(tmp_path).identity()) for _ in range(2))
    other = asyncio.run(_opened(tmp_path, SCRIPT.replace("strict", "lax")).identity())
    assert one.fingerprint == same.fingerprint != other.fingerprint
    assert asyncio.run(FakeBackend(lambda *_: "x").identity()).fingerprint is None


def test_texts_that_share_words_are_nearer() -> None:
    made = asyncio.run(FakeBackend().embed(["大模型微调工具", "微调大模型的工具", "今天天气很好", ""]))
    near, far = (math.fsum(a * b for a, b in zip(made.vectors[0], other, strict=True)) for other in made.vectors[1:3])
    assert near > far + 0.2
    assert all(math.isclose(math.fsum(v * v for v in vector), 1) for vector in made.vectors)


def test_it_reads_no_more_tokens_than_it_says_and_tells_where_they_are() -> None:
    backend = FakeBackend()
    limit = asyncio.run(backend.identity()).limit_tokens
    text = "字 word " * limit
    starts = asyncio.run(backend.token_starts([text, ""]))
    assert starts[1] == ()
    made = asyncio.run(backend.embed([text, text[: starts[0][limit]]])).vectors
    assert made[0] == made[1]


def test_rerank_prefers_overlap() -> None:
    ranked = asyncio.run(FakeBackend().rerank("微调工具", ["天气", "一个微调工具", "工具"]))
    assert [each.index for each in ranked] == [1, 2, 0]


def test_a_scripted_answer_is_the_likeliest_continuation() -> None:
    backend = FakeBackend([Rule(match="2+2", reply="4"), Rule(reply="?")])
    four, five = asyncio.run(backend.loglikelihood([("2+2=", "4"), ("2+2=", "5")]))
    assert four.is_greedy
    assert not five.is_greedy
    assert four.value > five.value


def test_faults_bring_the_servers_words() -> None:
    with pytest.raises(BackendError, match="too many"):
        _said(FakeBackend([Rule(error=Fault(status=429, message="too many"))]), "x")


def test_a_reply_can_break_off_after_it_was_streamed() -> None:
    backend = FakeBackend([Rule(reply="half an", then_error=Fault(status=503, message="gone"))])
    seen: list[str] = []

    async def read() -> None:
        async for delta in backend.stream(Conversation(messages=(user("hi"),))):
            seen.append(delta.text)  # noqa: PERF401 - what came before the failure counts

    with pytest.raises(BackendError, match="gone"):
        asyncio.run(read())
    assert "".join(seen) == "half an"
    with pytest.raises(BackendError, match="gone"):
        asyncio.run(backend.chat(Conversation(messages=(user("hi"),))))


def test_a_reply_can_be_cut_off() -> None:
    reply = asyncio.run(
        FakeBackend([Rule(reply="half an", is_cut_off=True)]).chat(Conversation(messages=(user("hi"),)))
    )
    assert (reply.message.text, reply.finish_reason) == ("half an", "length")
