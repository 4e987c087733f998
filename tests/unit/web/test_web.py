"""The HTTP kit against real requests: errors, languages, limits, keys, streams, ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from lianlu.core.errors import BackendError, Cancelled, DataError, LimitError, UsageError
from lianlu.web import EventStream, create_app, language_of, running
from lianlu.web.serve import bind, tunnel_line


class Body(BaseModel):
    number: int


class Left:
    """Counts the streams whose source was closed."""

    def __init__(self) -> None:
        self.streams = 0


async def _items(
    left: Left, *, every: float = 0.0, count: int = 3, fail: Exception | None = None
) -> AsyncGenerator[Any, None]:
    try:
        for number in range(count):
            await anyio.sleep(every)
            yield {"number": number}
        if fail is not None:
            raise fail
    finally:
        left.streams += 1


def _app(left: Left, **settings: Any) -> FastAPI:
    app = create_app("test", **settings)

    def raising(error: Exception) -> Callable[[Request], Any]:
        async def endpoint(_: Request) -> Response:
            raise error

        return endpoint

    errors: dict[str, Exception] = {
        "usage": UsageError("file.missing", path="a.md"),
        "data": DataError("file.missing", path="a.md"),
        "backend": BackendError("file.missing", path="a.md"),
        "limit": LimitError("file.disk-full", path="a.md"),
        "wait": LimitError("web.too-large", limit=1, retry_after_seconds=1.2),
        "cancelled": Cancelled(),
        "bug": RuntimeError("secret internals at /root/x"),
    }
    for name, error in errors.items():
        app.router.add_route(f"/{name}", raising(error))

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/body")
    async def body(given: Body) -> dict[str, int]:
        return {"number": given.number}

    async def length(request: Request) -> Response:
        return JSONResponse({"length": len(await request.body())})

    async def slow(_: Request) -> Response:
        await anyio.sleep(5)
        return JSONResponse({})

    async def stream(request: Request) -> Response:
        query = request.query_params
        fails = {"lianlu": BackendError("file.missing", path="x"), "bug": RuntimeError("secret internals")}
        items = _items(
            left,
            every=float(query.get("every", 0)),
            count=int(query.get("count", 3)),
            fail=fails.get(query.get("fail", "")),
        )
        return EventStream(items, keepalive_seconds=0.1, done="[DONE]")

    app.router.add_route("/length", length, methods=["POST"])
    app.router.add_route("/slow", slow)
    app.router.add_route("/stream", stream)
    return app


@pytest.fixture
def left() -> Left:
    return Left()


@pytest.fixture
def client(left: Left) -> Generator[httpx.Client]:
    with running(_app(left, limit_bytes=1000, timeout_seconds=0.4)) as url, httpx.Client(base_url=url) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "status", "family"),
    [
        ("/usage", 400, "UsageError"),
        ("/data", 422, "DataError"),
        ("/backend", 502, "BackendError"),
        ("/limit", 507, "LimitError"),
        ("/cancelled", 499, "Cancelled"),
    ],
)
def test_errors_become_json_with_their_status(client: httpx.Client, path: str, status: int, family: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == family
    assert error["code"]
    assert error["message"]
    assert error["hint"]


@pytest.mark.parametrize(
    ("accept", "word"), [("zh-CN,zh;q=0.9,en;q=0.5", "找不到"), ("en-US", "there is no"), ("fr", "there is no")]
)
def test_errors_speak_the_callers_language(client: httpx.Client, accept: str, word: str) -> None:
    assert word in client.get("/usage", headers={"Accept-Language": accept}).json()["error"]["message"]


@pytest.mark.parametrize(
    ("header", "lang"),
    [
        ("zh", "zh"),
        ("en;q=0.1,zh;q=0.2", "zh"),
        ("zh;q=0", "en"),
        (",;=,q", "en"),
        ("zh" * 5000, "en"),
        ("ZH-tw", "zh"),
    ],
)
def test_any_accept_language_is_survived(header: str, lang: str) -> None:
    assert language_of(header) == lang


def test_a_bug_shows_a_number_and_no_internals(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["id"] in caplog.text


def test_wrong_paths_methods_and_bodies_have_the_same_shape(client: httpx.Client) -> None:
    answers = [client.get("/nowhere"), client.put("/health"), client.post("/body", json={"number": "x"})]
    answers.append(client.post("/body", content=b"{"))
    assert [answer.status_code for answer in answers] == [404, 405, 422, 422]
    assert all(answer.json()["error"]["code"] == "web.bad-request" for answer in answers)
    assert "body.number" in answers[2].json()["error"]["message"]


def test_large_bodies_are_refused_announced_or_not(client: httpx.Client) -> None:
    def chunks() -> Generator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    assert client.post("/length", content=b"x" * 1000).json() == {"length": 1000}
    assert client.post("/length", content=b"x" * 1001).status_code == 413
    assert client.post("/length", content=chunks()).status_code == 413


def test_a_slow_answer_is_given_up(client: httpx.Client) -> None:
    answer = client.get("/slow")
    assert answer.status_code == 504
    assert answer.json()["error"]["code"] == "web.timeout"


def test_a_stream_may_last_longer_than_the_time_limit(client: httpx.Client) -> None:
    answer = client.get("/stream", params={"every": 0.15, "count": 5})
    assert answer.text.count('data: {"number"') == 5
    assert answer.text.endswith("data: [DONE]\n\n")
    assert ": keep-alive\n\n" in answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize("fail", ["lianlu", "bug"])
def test_an_error_in_a_stream_is_its_last_event(client: httpx.Client, fail: str) -> None:
    answer = client.get("/stream", params={"fail": fail})
    last = json.loads(answer.text.strip().split("data: ")[-1])
    assert answer.status_code == 200
    assert last["error"]["code"] == {"lianlu": "file.missing", "bug": "bug"}[fail]
    assert "secret" not in answer.text


def test_an_error_before_the_first_item_has_its_status(client: httpx.Client) -> None:
    assert client.get("/stream", params={"fail": "lianlu", "count": 0}).status_code == 502
    assert client.get("/stream", params={"fail": "bug", "count": 0}).status_code == 500


def test_a_client_that_leaves_closes_the_source(client: httpx.Client, left: Left) -> None:
    with client.stream("GET", "/stream", params={"every": 0.02, "count": 10_000}) as answer:
        next(answer.iter_bytes())
    until = time.monotonic() + 3
    while not left.streams and time.monotonic() < until:
        time.sleep(0.02)
    assert left.streams == 1


def test_a_client_that_leaves_before_the_first_item_closes_the_source(client: httpx.Client, left: Left) -> None:
    with pytest.raises(httpx.ReadTimeout):
        client.get("/stream", params={"every": 60}, timeout=httpx.Timeout(0.05))
    until = time.monotonic() + 3
    while not left.streams and time.monotonic() < until:
        time.sleep(0.02)
    assert left.streams == 1


def test_safe_headers_stand_on_every_answer(client: httpx.Client) -> None:
    for path in ("/health", "/usage", "/bug", "/nowhere"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "server" not in headers


def test_a_page_may_be_framed_by_the_named_origin_only() -> None:
    app = create_app("framed", framed_by=["https://hub.example"])
    with running(app) as url:
        headers = httpx.get(f"{url}/openapi.json").headers
    assert "x-frame-options" not in headers
    assert "frame-ancestors https://hub.example;" in headers["content-security-policy"]


def test_retry_after_is_sent_in_whole_seconds(client: httpx.Client) -> None:
    assert client.get("/wait").headers["retry-after"] == "2"


@pytest.mark.parametrize(
    "given", [None, "Bearer wrong", "Basic hush", "Bearer", "hush", "Bearer hush2", b"Bearer \xff\xfe"]
)
def test_a_wrong_key_is_refused(left: Left, given: Any) -> None:
    with running(_app(left, token="hush")) as url, httpx.Client(base_url=url) as client:
        answer = client.get("/usage", headers={"Authorization": given} if given else {})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "web.unauthorized"
        assert client.get("/usage", headers={"Authorization": "Bearer hush"}).status_code == 400
        assert client.get("/health").status_code == 200


def test_a_busy_port_is_named_with_a_free_one() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError) as caught:
            bind("127.0.0.1", port)
    free = caught.value.facts["free"]
    assert caught.value.code == "web.port-in-use"
    assert str(port) in caught.value.message()
    assert f"--port {free}" in caught.value.hint("zh")
    bind("127.0.0.1", free).close()


@pytest.mark.parametrize(
    ("host", "port"), [("no such host", 0), ("127.0.0.1", 70000), ("127.0.0.1", -1), ("300.1.1.1", 0)]
)
def test_a_bad_host_or_port_is_a_usage_error(host: str, port: int) -> None:
    with pytest.raises(UsageError) as caught:
        bind(host, port)
    assert caught.value.code == "web.bad-host"


def test_no_tunnel_without_ssh() -> None:
    assert tunnel_line(80, {}) == tunnel_line(80, {"SSH_CONNECTION": "junk"}) == ""


_SERVER = """
from lianlu.web import create_app, serve
serve(create_app("x"), port=0)
"""


def test_serve_prints_url_and_tunnel_and_stops_on_sigint() -> None:
    environment = {**os.environ, "SSH_CONNECTION": "10.0.0.2 1 10.0.0.9 2222", "USER": "ann"}
    child = subprocess.Popen(
        [sys.executable, "-u", "-c", _SERVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout
    url = child.stdout.readline().split()[2]
    tunnel = child.stdout.readline()
    port = url.rsplit(":", 1)[1]
    assert f"ssh -CNg -L {port}:127.0.0.1:{port} ann@10.0.0.9 -p 2222" in tunnel
    for _ in range(100):
        try:
            assert httpx.get(f"{url}/openapi.json").status_code == 200
            break
        except httpx.ConnectError:
            time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=10)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_an_unfinished_upload_does_not_hurt_the_server(client: httpx.Client) -> None:
    host, port = client.base_url.host, client.base_url.port
    with socket.create_connection((host, port)) as raw:
        raw.sendall(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nhalf")
    with socket.create_connection((host, port)) as raw:
        raw.sendall(b"\x00\xff garbage\r\n\r\n")
        raw.recv(100)
    assert client.get("/health").status_code == 200


def test_many_requests_at_once(client: httpx.Client) -> None:
    async def main() -> list[int]:
        async with httpx.AsyncClient(base_url=client.base_url) as many:
            answers = await asyncio.gather(*(many.get("/stream") for _ in range(40)))
        return [answer.text.count('data: {"number"') for answer in answers]

    assert asyncio.run(main()) == [3] * 40
