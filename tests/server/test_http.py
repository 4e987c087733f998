"""What clients do wrong, and what happens when they leave."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from lianlu.llm import Delta, FakeBackend, Health, Identity, Rule, open_backend
from lianlu.llm.backend import Backend, Reply
from lianlu.llm.fake import Fault
from lianlu.serve.app import LIMIT_BYTES
from lianlu.web.keys import Keys
from server.served import Served, served

HELLO = {"model": "fake", "messages": [{"role": "user", "content": "hi there"}]}


class Slow(Backend):
    """Answers one piece in a while for ever, and tells when it was stopped."""

    abilities = frozenset({"chat", "stream", "health"})

    def __init__(self, every: float = 0.02) -> None:
        self.every = every
        self.begun = 0
        self.stopped = 0

    async def chat(self, *_: Any, **__: Any) -> Reply:
        async for _ in self.stream():
            pass
        raise AssertionError("it never ends")

    async def stream(self, *_: Any, **__: Any) -> AsyncGenerator[Delta, None]:
        self.begun += 1
        try:
            while True:
                await anyio.sleep(self.every)
                yield Delta(text="word ")
        finally:
            self.stopped += 1

    async def identity(self) -> Identity:
        return Identity(ref="slow", model="slow", engine="slow")

    async def health(self) -> Health:
        await anyio.sleep(self.every)
        return Health(is_ok=True, seconds=self.every)


def until(fact: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What `fact` gives as soon as it is true."""
    limit = time.monotonic() + seconds
    while not fact() and time.monotonic() < limit:
        time.sleep(0.02)
    return fact()


@pytest.fixture
def its(tmp_path: Path) -> Generator[Served]:
    with served(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b'{"model": NaN}', b"\xff\xfe", b'{"a": "\xff"}', b"[" * 100_000],
    ids=lambda body: body[:12],
)
def test_broken_json_is_refused_in_words(its: Served, body: bytes) -> None:
    answer = its.client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "web.not-json"


@pytest.mark.parametrize("given", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
def test_another_content_type_is_refused_with_the_right_one(its: Served, given: str) -> None:
    answer = its.client.post("/v1/completions", content=json.dumps(HELLO), headers={"Content-Type": given})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]["hint"]


def test_a_content_type_may_name_its_characters(its: Served) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert its.client.post("/v1/chat/completions", content=json.dumps(HELLO), headers=headers).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model_is_a_404_naming_the_served_one(its: Served, stream: bool) -> None:
    answer = its.chat(model="gpt-x", stream=stream)
    assert answer.status_code == 404
    assert "'fake'" in answer.json()["error"]["message"]
    assert its.log()[0]["code"] == "serve.unknown-model"


def test_errors_have_openai_s_shape_and_the_caller_s_language(its: Served) -> None:
    answer = its.client.post("/v1/completions", json={"model": "fake"}, headers={"Accept-Language": "zh"})
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code", "hint"}
    assert error["param"] == "prompt"
    assert "字段" in error["message"]


def test_ten_megabytes_are_refused_in_words(its: Served) -> None:
    answer = its.client.post("/v1/completions", json={"model": "fake", "prompt": "x" * 10_000_000})
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "web.too-large"
    assert its.client.get("/health").status_code == 200


def test_a_large_request_below_the_limit_is_answered(its: Served) -> None:
    text = "word " * (LIMIT_BYTES // 10)
    assert its.chat(text, max_tokens=1).status_code == 200


def test_paths_and_methods_that_are_not_there(its: Served) -> None:
    assert its.client.post("/v1/nothing", json={}).status_code == 404
    assert its.client.get("/v1/chat/completions").status_code == 405
    assert its.client.get("/../../etc/passwd").status_code == 404


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_tokens_there_and_back(its: Served, prefix: str) -> None:
    made = its.client.post(f"{prefix}/tokenize", json={"model": "fake", "prompt": "猫 cat"}).json()
    assert made["count"] == 5
    back = its.client.post(f"{prefix}/detokenize", json={"model": "fake", "tokens": made["tokens"]}).json()
    assert back["prompt"] == "猫 cat"
    assert its.client.post(f"{prefix}/tokenize", json=HELLO).json()["count"] > 5


def test_rerank_gives_the_best_first(its: Served) -> None:
    body = {"model": "fake", "query": "cat", "documents": ["dog", "cat", "car"], "top_n": 2}
    results = its.client.post("/v1/rerank", json=body).json()["results"]
    assert [each["index"] for each in results] == [1, 2]


def test_what_the_backend_cannot_do_is_refused(tmp_path: Path) -> None:
    with served(tmp_path, Slow()) as its:
        answer = its.client.post("/v1/embeddings", json={"model": "fake", "input": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "llm.no-ability")


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_of_the_backend_has_its_status(tmp_path: Path, stream: bool) -> None:
    with served(tmp_path, FakeBackend([Rule(error=Fault(status=500))])) as its:
        assert its.chat(stream=stream).status_code == 502
        assert its.log()[0]["status"] == 502


def test_any_key_is_let_in_unless_keys_are_required(its: Served, tmp_path: Path) -> None:
    for key in ("sk-123456", "x", "任意"):
        headers = {"Authorization": f"Bearer {key}".encode()}
        assert its.client.post("/v1/chat/completions", json=HELLO, headers=headers).status_code == 200
    with served(tmp_path / "keys", keys=Keys(["ll-one"])) as guarded:
        for path in ("/v1/models", "/v1/lianlu/fingerprint"):
            assert guarded.client.get(path).status_code == 401
            assert guarded.client.get(path, headers={"Authorization": "Bearer ll-one"}).status_code == 200
        assert guarded.chat().status_code == 401
        assert guarded.client.get("/").status_code == guarded.client.get("/health").status_code == 200
        assert "ll-one" not in guarded.log_path.read_text()


def test_the_fingerprint_proves_what_answered_and_how_often(its: Served) -> None:
    its.chat()
    its.chat(best_of=7)
    found = its.client.get("/v1/lianlu/fingerprint").json()
    assert found["fingerprint"] == its.service.identity.fingerprint
    assert (found["engine"], found["model"], found["answered"], found["running"]) == ("fake", "fake", 2, 0)
    assert found["instance"] == its.log()[0]["instance"]


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_model(tmp_path: Path, stream: bool) -> None:
    slow = Slow()
    with served(tmp_path, slow) as its:
        body = {**HELLO, "stream": stream}
        if stream:
            with its.client.stream("POST", "/v1/chat/completions", json=body) as answer:
                next(answer.iter_lines())
        else:
            with pytest.raises(httpx.ReadTimeout):
                its.client.post("/v1/chat/completions", json=body, timeout=0.3)
        assert until(lambda: slow.stopped) == slow.begun == 1
        assert until(lambda: its.log_path.read_text())
        assert its.log()[0]["status"] == 499
        assert its.service.log.running == 0


def test_a_client_that_reads_slowly_gets_all_of_it_and_holds_up_nobody(tmp_path: Path) -> None:
    with served(tmp_path, FakeBackend([Rule(reply="word " * 20_000)])) as its:
        host, port = its.client.base_url.host, its.client.base_url.port
        body = json.dumps({**HELLO, "stream": True}).encode()
        with socket.create_connection((host, port)) as raw:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            raw.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
            time.sleep(0.5)
            assert its.client.get("/health").elapsed.total_seconds() < 1
            received = b"".join(iter(lambda: raw.recv(65536), b""))
    assert received.count(b'"content":"word"') + received.count(b'"content":" word"') == 20_000
    assert b"data: [DONE]" in received


def test_health_is_known_within_a_second_when_the_backend_hangs(tmp_path: Path) -> None:
    with served(tmp_path, Slow(every=30)) as its:
        answer = its.client.get("/health")
    assert answer.status_code == 503
    assert answer.elapsed.total_seconds() < 1
    assert "no answer" in answer.json()["why"]


def test_more_requests_than_allowed_are_told_to_come_again(tmp_path: Path) -> None:
    slow = Slow()
    with served(tmp_path, slow, limit_running=1) as its:
        with its.client.stream("POST", "/v1/chat/completions", json={**HELLO, "stream": True}) as first:
            lines = first.iter_lines()
            next(lines)
            with httpx.Client(base_url=its.url) as other:
                answer = other.post("/v1/chat/completions", json=HELLO)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "1"


def test_many_clients_at_once_have_one_line_each(its: Served) -> None:
    def ask(number: int) -> None:
        with httpx.Client(base_url=its.url, timeout=20) as client:
            body = {**HELLO, "stream": number % 2 == 0}
            assert client.post("/v1/chat/completions", json=body).status_code == 200

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({line["id"] for line in its.log()}) == 24


def test_a_gateway_serves_another_server(its: Served, tmp_path: Path) -> None:
    behind = open_backend(f"{its.url}/v1#fake")
    with served(tmp_path / "gateway", behind, name="front") as front:
        answer = front.chat("猫", stream=True)
        assert "猫" in answer.text
        assert front.chat(model="fake").status_code == 404
        assert front.client.get("/health").json()["status"] == "ok"
    assert len(its.log()) == 1


def test_a_stopping_server_ends_streams_with_words(tmp_path: Path) -> None:
    with served(tmp_path, Slow()) as its:
        with its.client.stream("POST", "/v1/chat/completions", json={**HELLO, "stream": True}) as answer:
            lines = answer.iter_lines()
            next(lines)
            its.service.stops_at = time.monotonic()
            rest = list(lines)
        last = json.loads([line for line in rest if line][-1].removeprefix("data: "))
        assert last["error"]["code"] == "web.stopping"
        assert (its.log()[0]["status"], its.log()[0]["code"]) == (503, "web.stopping")
