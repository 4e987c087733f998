"""The client against a real HTTP server on this machine, well-behaved and not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from lianlu.core.errors import BackendError, LianluError, LimitError, UsageError
from lianlu.llm import Collector, Delta, FakeBackend, Rule, Sampling, open_backend
from lianlu.llm.client import Client
from lianlu.llm.endpoint import Endpoint, Timeouts
from lianlu.llm.fake import FakeCall
from lianlu.llm.transport import _retry_after
from lianlu.records import ReasoningPart, Tool, ToolCallPart
from lianlu.web import running
from lianlu.web.testing import Fault, fake_openai_app
from unit.llm.service import KEY, Service, asked, run, service


async def _collected(client: Client, text: str = "hello there", **sampling: Any) -> tuple[list[Delta], Collector]:
    deltas, collector = [], Collector()
    async with aclosing(client.stream(asked(text), Sampling(**sampling))) as stream:
        async for delta in stream:
            deltas.append(delta)
            collector.add(delta)
    return deltas, collector


def _streamed(client: Client, text: str = "hello there", **sampling: Any) -> tuple[list[Delta], Collector]:
    return run(client, lambda each: _collected(each, text, **sampling))


def test_chat_sends_only_what_was_set_and_counts_cost() -> None:
    with service() as its:
        client = its.client(price_in=1.0, price_out=2.0, currency="CNY")
        reply = run(client, lambda each: each.chat(asked("你好 world"), Sampling(temperature=0.0, extra={"top_k": 1})))
    assert reply.message.text == "你好 world"
    assert reply.usage.cost == pytest.approx((reply.usage.prompt_tokens + 2 * reply.usage.completion_tokens) / 1e6)
    assert reply.usage.currency == "CNY"
    assert its.server.asked[0][2] == {
        "model": "fake",
        "messages": [{"role": "user", "content": "你好 world"}],
        "temperature": 0.0,
        "top_k": 1,
    }


def test_stream_gives_the_same_as_chat_with_usage() -> None:
    with service() as its:
        whole = run(its.client(), lambda each: each.chat(asked("甲乙丙 abc")))
        deltas, collector = _streamed(its.client(), "甲乙丙 abc")
    assert len(deltas) > 3
    assert collector.reply() == whole


def test_tool_calls_and_reasoning_survive_both_ways() -> None:
    backend = FakeBackend([Rule(reasoning="thinking", tool_calls=(FakeCall(name="look", arguments='{"at": "x"}'),))])
    with service(backend) as its:
        with_tool = asked().__class__(messages=asked().messages, tools=(Tool(name="look"),))
        reply = run(its.client(), lambda each: each.chat(with_tool))
        _, collector = _streamed(its.client())
    call = ToolCallPart(id="call_0", name="look", arguments='{"at": "x"}')
    assert reply.message.parts == (ReasoningPart(text="thinking"), call)
    assert collector.reply().message.parts == reply.message.parts
    assert reply.finish_reason == collector.reply().finish_reason == "tool_calls"
    assert its.server.asked[0][2]["tools"][0]["function"]["name"] == "look"


def test_logprobs_embeddings_rerank_complete_and_likelihoods_agree_with_the_backend_behind() -> None:
    behind = FakeBackend()
    with service(FakeBackend()) as its:
        client = its.client(embed_batch=2)

        async def both(each: Any) -> list[Any]:
            return [
                (await each.chat(asked(), Sampling(logprobs=True))).logprobs,
                (await each.embed(["a", "b", "c d"])).vectors,
                await each.rerank("b c", ["x", "b c", "c"], limit=2),
                await each.complete("abc def", Sampling(top_logprobs=1), echo=True),
                await each.rolling_loglikelihood(["one two three"]),
            ]

        over_http, directly = run(client, both), asyncio.run(both(behind))
        assert its.server.count["/embeddings"] == 2
        scores = run(its.client(), lambda each: each.loglikelihood([("the cat", " sat")]))
    assert over_http[:3] == directly[:3]
    assert over_http[3].logprobs == directly[3].logprobs
    assert over_http[4][0].token_count == 2  # the first token has nothing before it
    assert scores[0].token_count == 1
    assert scores[0].value < 0


def test_a_prefix_of_the_endpoint_stands_before_what_is_embedded() -> None:
    with service(FakeBackend()) as its:
        client = its.client(query_prefix="find: ", document_prefix="text: ", send_input_type=True)
        run(client, lambda each: each.embed(["a"], kind="query"))
        run(client, lambda each: each.embed(["b"]))
        run(its.client(), lambda each: each.embed(["c"], kind="query"))
    bodies = [body for path, _, body in its.server.asked if path.endswith("/embeddings")]
    assert [(body["input"], body.get("input_type")) for body in bodies] == [
        (["find: a"], "query"),
        (["text: b"], "document"),
        (["c"], None),
    ]


def test_a_pinned_service_with_other_prefixes_is_another_one() -> None:
    with service() as its:
        told = [its.client(pin="1", **more) for more in ({}, {"query_prefix": "q"}, {"send_input_type": True})]
        prints = {asyncio.run(client.identity()).fingerprint for client in told}
        assert asyncio.run(its.client(embed_tokens=8192).identity()).limit_tokens == 8192
    assert len(prints) == 3


def test_a_wrong_key_fails_at_once_and_is_never_shown() -> None:
    with service() as its:
        client = its.client(key="sk-wrong-key-1234")
        with pytest.raises(BackendError) as caught:
            run(client, lambda each: each.chat(asked()))
        assert its.server.count["/chat/completions"] == 1
    shown = f"{caught.value.message()} {caught.value.hint()} {caught.value.facts} {client!r} {vars(client)['_ref']}"
    assert caught.value.code == "llm.unauthorized"
    assert "SERVICE_KEY" in caught.value.hint()
    assert "sk-wrong" not in shown
    assert its.slept == []


@pytest.mark.parametrize(
    ("status", "code"), [(400, "llm.bad-request"), (403, "llm.unauthorized"), (422, "llm.bad-request")]
)
def test_what_will_not_pass_is_not_tried_again(status: int, code: str) -> None:
    with service(None, Fault(status=status, message="field 'x' is\nnot known")) as its:
        with pytest.raises(BackendError) as caught:
            run(its.client(), lambda each: each.chat(asked()))
        assert its.server.count["/chat/completions"] == 1
    assert caught.value.code == code
    assert "field 'x' is not known" in caught.value.message()


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with service(None, Fault(status=status, times=2)) as its:
        assert run(its.client(), lambda each: each.chat(asked("hi"))).message.text == "hi"
    assert len(its.slept) == 2
    assert 0.25 <= its.slept[0] <= 0.5 <= its.slept[1] <= 1.0


def test_retry_after_is_kept_in_seconds_and_as_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert _retry_after("7", now) == 7
    assert _retry_after(format_datetime(now + timedelta(seconds=30), usegmt=True), now) == 30
    assert _retry_after("soon", now) is None
    assert _retry_after("-3", now) is None
    with service(None, Fault(status=429, retry_after="7")) as its:
        run(its.client(), lambda each: each.chat(asked()))
    assert its.slept == [7.0]


def test_a_wait_of_an_hour_is_an_error_now() -> None:
    with service(None, Fault(status=429, retry_after="3600")) as its, pytest.raises(BackendError) as caught:
        run(its.client(), lambda each: each.chat(asked()))
    assert (caught.value.code, caught.value.http_status, its.slept) == ("llm.rate-limited", 429, [])
    assert "3600" in caught.value.message()


def test_tries_end() -> None:
    with service(None, Fault(status=503, times=99)) as its:
        with pytest.raises(BackendError, match="scripted failure"):
            run(its.client(retries=2), lambda each: each.chat(asked()))
        assert its.server.count["/chat/completions"] == 3


def test_a_spent_account_is_a_limit_and_not_tried_again() -> None:
    with service(None, Fault(status=429, code="insufficient_quota")) as its, pytest.raises(LimitError) as caught:
        run(its.client(), lambda each: each.chat(asked()))
    assert (caught.value.code, its.slept) == ("llm.quota-spent", [])


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    backend = FakeBackend(model="internlm2.5-latest")
    with service(backend, Fault(status=404, message="model not found")) as its, pytest.raises(BackendError) as caught:
        run(its.client(model="interlm2.5"), lambda each: each.chat(asked()))
    assert caught.value.code == "llm.not-found"
    assert "internlm2.5-latest" in caught.value.hint()
    assert "internlm2.5-latest" in caught.value.hint("zh")


def test_a_dead_endpoint_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    its = Service(url, server=None)  # pyright: ignore
    with pytest.raises(BackendError) as caught:
        run(its.client(), lambda each: each.chat(asked()))
    assert caught.value.code == "llm.unreachable"
    assert url in caught.value.message()
    assert "server running" in caught.value.hint()
    assert len(its.slept) == 3


@pytest.mark.parametrize("kind", ["truncate", "half-json", "cut", "empty"])
def test_a_broken_stream_says_how_much_arrived_and_is_not_tried_again(kind: Any) -> None:
    with service(None, Fault(kind=kind)) as its:
        with pytest.raises(BackendError) as caught:
            _streamed(its.client(), "one two three four five six")
        assert its.server.count["/chat/completions"] == 1
    assert caught.value.code == "llm.broken-stream"
    assert "characters" in caught.value.message()


@pytest.mark.parametrize("kind", ["half-json", "cut"])
def test_half_an_answer_is_an_error(kind: Any) -> None:
    with service(None, Fault(kind=kind)) as its, pytest.raises(BackendError) as caught:
        run(its.client(), lambda each: each.chat(asked()))
    assert caught.value.code == {"half-json": "llm.bad-answer", "cut": "llm.broken-stream"}[kind]


@pytest.mark.parametrize("ask", ["chat", "stream"])
def test_a_web_page_instead_of_an_answer_is_shown(ask: str) -> None:
    with service(None, Fault(kind="not-json")) as its, pytest.raises(BackendError) as caught:
        _streamed(its.client()) if ask == "stream" else run(its.client(), lambda each: each.chat(asked()))
    assert caught.value.code == "llm.bad-answer"
    assert "Welcome to the proxy" in caught.value.message()


def test_a_redirect_is_named_and_not_followed() -> None:
    with service() as other:
        fault = Fault(kind="redirect", location=other.url + "/chat/completions")
        with service(None, fault) as its, pytest.raises(BackendError) as caught:
            run(its.client(), lambda each: each.chat(asked()))
        assert other.server.asked == []
    assert caught.value.code == "llm.redirected"


def test_slowness_ends_at_the_timeout() -> None:
    with service(None, Fault(kind="slow", seconds=3)) as its:
        began = time.monotonic()
        with pytest.raises(BackendError) as caught:
            run(its.client(timeouts=Timeouts(first_token=0.3)), lambda each: each.chat(asked()))
        assert time.monotonic() - began < 2
    assert caught.value.code == "llm.timeout"


def test_keepalives_do_not_hide_a_model_that_stopped() -> None:
    backend = FakeBackend([Rule(reply="one two three", pause_seconds=1)])
    with service(backend) as its, pytest.raises(BackendError) as caught:
        _streamed(its.client(timeouts=Timeouts(first_token=5, between_tokens=0.5)))
    assert caught.value.code == "llm.timeout"


def test_closing_a_stream_stops_the_model() -> None:
    backend = FakeBackend([Rule(reply="word " * 500, pause_seconds=0.01)])

    async def leave(client: Client) -> None:
        async with aclosing(client.stream(asked())) as stream:
            async for delta in stream:
                if delta.text:
                    break

    with service(backend) as its:
        run(its.client(), leave)
        until = time.monotonic() + 3
        while not its.server.cancelled and time.monotonic() < until:
            time.sleep(0.02)
        assert its.server.cancelled == 1


def test_one_client_serves_several_event_loops() -> None:
    with service() as its:
        client = its.client()
        for _ in range(3):
            assert asyncio.run(client.chat(asked("x"))).message.text == "x"
        asyncio.run(client.close())


def test_health_says_rather_than_raises() -> None:
    with service() as its:
        good = run(its.client(), lambda each: each.health())
        bad = run(its.client(key="no"), lambda each: each.health())
    assert (good.is_ok, good.models) == (True, ("fake",))
    assert not bad.is_ok
    assert "401" in bad.why


def test_identity_is_pinned_only_by_the_users_word() -> None:
    its = Service("http://127.0.0.1:1/v1", server=None)  # pyright: ignore
    free, pinned = (asyncio.run(its.client(pin=pin).identity()) for pin in ("", "2026-01"))
    assert free.fingerprint is None
    assert pinned.fingerprint


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ("http://", "llm.bad-url"),
        ("http://host:99999/v1#m", "llm.bad-url"),
        ("http://ho st/v1#m", "llm.bad-url"),
        ("https://me:secretword@host/v1#m", "llm.literal-key"),
        ("http://127.0.0.1:1/v1", "llm.no-model"),
        ("openai:", "llm.no-model"),
        ("openai:gpt", "llm.key-unset"),
        ("https://api.openai.com/v1#gpt", "llm.key-unset"),
        ("opnai:gpt", "llm.unknown-ref"),
        ("gpt-4", "llm.unknown-ref"),
        ("", "llm.unknown-ref"),
        ("local:out/nowhere", "file.missing"),
        ("@", "llm.bad-ref"),
        ("fake:", "llm.bad-ref"),
        ("fake:nowhere.yaml", "file.missing"),
        ("replay:nowhere.jsonl", "file.missing"),
    ],
)
def test_a_bad_ref_is_a_usage_error_with_a_hint(ref: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_backend(ref)
    assert caught.value.code == code
    for lang in ("en", "zh"):
        assert caught.value.message(lang)
        assert caught.value.hint(lang)
    assert "secretword" not in f"{caught.value.message()}{caught.value.hint()}{caught.value.facts}"


def test_unset_key_names_all_variables() -> None:
    with pytest.raises(UsageError, match=r"INTERNLM_API_KEY / API_KEY"):
        open_backend("internlm:internlm2.5-latest")


@pytest.mark.parametrize("key", ["two words", "key\nline", "密钥"])
def test_a_key_that_is_none_is_refused_unshown(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_backend("openai:gpt", environment={"OPENAI_API_KEY": key})
    assert caught.value.code == "llm.bad-key"
    assert key not in caught.value.message() + str(caught.value.facts)


def test_a_bad_proxy_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    endpoint = Endpoint(url="http://example.invalid/v1")
    with pytest.raises(LianluError) as caught:
        asyncio.run(Client(endpoint, "m", ref="x:m", environment={}).chat(asked()))
    assert caught.value.code in ("llm.bad-proxy", "llm.unreachable")


def test_an_undeclared_ability_is_refused_before_anything_is_sent() -> None:
    with service() as its, pytest.raises(UsageError) as caught:
        run(its.client(abilities=("chat",)), lambda each: each.embed(["a"]))
    assert caught.value.code == "llm.no-ability"
    assert its.server.asked == []


def test_the_key_is_sent_as_bearer() -> None:
    with service() as its:
        run(its.client(), lambda each: each.chat(asked()))
    assert its.server.asked[0][1]["authorization"] == f"Bearer {KEY}"


class _Scripted:
    """Answers with what it was given, whatever is asked."""

    def __init__(self, *answers: dict[str, Any], is_stream: bool = False) -> None:
        self._answers = answers
        self._is_stream = is_stream

    async def answer(self, path: str, body: Any) -> Any:
        return self._chunks() if self._is_stream else self._answers[0]

    async def _chunks(self) -> Any:
        for answer in self._answers:
            yield answer


def _against(answerer: _Scripted, call: Callable[[Client], Any]) -> Any:
    app, server = fake_openai_app(answerer)
    with running(app) as url:
        return run(Service(f"{url}/v1", server).client(), call)


WHOLE = {"choices": [{"message": {"role": "assistant", "content": [{"type": "text", "text": "parts"}]}}], "usage": None}


def test_a_server_that_does_not_stream_gives_the_whole_at_once() -> None:
    _, collector = _against(_Scripted(WHOLE), _collected)
    assert collector.reply().message.text == "parts"


@pytest.mark.parametrize("ask", ["chat", "stream"])
def test_an_error_under_a_good_status_is_an_error(ask: str) -> None:
    refused = _Scripted({"error": {"code": 429, "message": "slow down"}}, is_stream=ask == "stream")
    with pytest.raises(BackendError, match="slow down") as caught:
        _against(refused, _collected if ask == "stream" else lambda each: each.chat(asked()))
    assert caught.value.code == "llm.rate-limited"


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"choices": []},
        {"choices": [{}]},
        {"choices": "x"},
        {"choices": [{"message": {"content": 3}}]},
        {"choices": [{"message": {"content": "x"}, "logprobs": {"tokens": ["a"], "token_logprobs": []}}]},
        {"msgCode": "A0202", "msg": "no such user"},
    ],
)
def test_an_answer_of_another_shape_is_shown(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError) as caught:
        _against(_Scripted(answer), lambda each: each.chat(asked()))
    assert caught.value.code == "llm.bad-answer"
    assert json.dumps(answer, separators=(",", ":"))[:20] in caught.value.message()


@pytest.mark.parametrize("answer", [{}, {"data": [{"embedding": [1.0]}]}, {"data": [{"embedding": "x"}] * 2}])
def test_missing_vectors_are_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="no answer of this interface"):
        _against(_Scripted(answer), lambda each: each.embed(["a", "b"]))


@pytest.mark.parametrize("answer", [{}, {"results": [{"index": 5, "relevance_score": 1}]}, {"results": [{"index": 0}]}])
def test_ranks_outside_the_list_are_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(BackendError, match="no answer of this interface"):
        _against(_Scripted(answer), lambda each: each.rerank("a", ["a", "b"]))


def test_a_server_that_ignores_echo_is_found_out() -> None:
    with pytest.raises(BackendError) as caught:
        _against(_Scripted({"choices": [{"text": "x"}]}), lambda each: each.loglikelihood([("a", "b")]))
    assert caught.value.code == "llm.no-echo"


@pytest.mark.parametrize("host", ["a..b", "ho\u2028st", "-", "xn--", "a" * 300, "[::1]x", "%00"])
def test_a_strange_host_is_one_clear_error(host: str) -> None:
    async def main() -> None:
        async with open_backend(f"http://{host}:1/v1#m") as backend:
            health = await backend.health()
            assert not health.is_ok

    with contextlib.suppress(UsageError):
        asyncio.run(main())
