"""An OpenAI-compatible server for tests: real HTTP in front of any answerer, with faults by script.

What answers is passed in as bodies (`lianlu.llm.OpenAIFace(backend)`), so this room knows no models. Faults are taken in
order, each for as many requests as it says: refusals with Retry-After, streams that break off, half JSON, slowness.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import anyio
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from lianlu.core.errors import LianluError
from lianlu.web.app import create_app
from lianlu.web.sse import EventStream

__all__ = ["Answerer", "FakeServer", "Fault", "fake_openai_app"]

FaultKind = Literal["status", "truncate", "half-json", "cut", "slow", "not-json", "redirect", "empty"]


class Answerer(Protocol):
    """Answers a call by path below /v1 and body: one body, or the chunks of a stream."""

    async def answer(
        self, path: str, body: Mapping[str, Any]
    ) -> dict[str, Any] | AsyncGenerator[dict[str, Any], None]: ...


@dataclass(frozen=True)
class Fault:
    """A misbehaviour.

    Attributes:
        kind: status: refuse with `status`; truncate: end a stream before its end; half-json: break off inside a chunk;
            cut: drop the connection midway; slow: wait `seconds` first; not-json: answer with a web page;
            redirect: point to `location`; empty: an event stream with nothing in it.
        times: for how many requests.
    """

    kind: FaultKind = "status"
    status: int = 500
    message: str = "scripted failure"
    retry_after: str = ""
    seconds: float = 0.0
    location: str = ""
    path: str = "/chat/completions"
    times: int = 1
    code: str = ""


@dataclass
class FakeServer:
    """What the fake server saw and still has to do wrong.

    Attributes:
        keys: accepted keys; None accepts every request.
        asked: (path, headers, body) of every request.
        cancelled: streams that the client left.
    """

    answerer: Answerer
    faults: list[Fault] = field(default_factory=list)
    keys: frozenset[str] | None = None
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    cancelled: int = 0

    @property
    def count(self) -> Counter[str]:
        """Requests by path."""
        return Counter(path for path, _, _ in self.asked)

    async def answer(self, request: Request) -> Response:
        path = "/" + request.path_params["path"]
        body: dict[str, Any] = json.loads(await request.body() or b"{}")
        self.asked.append((path, dict(request.headers), body))
        key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.keys is not None and key not in self.keys:
            message = f"Incorrect API key provided: {key}"
            return _refusal(401, message, "invalid_api_key")
        fault = self._next_fault(path)
        if fault is not None and fault.kind == "slow":
            await anyio.sleep(fault.seconds)
        elif fault is not None:
            return await self._misbehave(fault, path, body)
        try:
            answer = await self.answerer.answer(path, body)
        except LianluError as error:
            return _refusal(error.http_status, str(error), error.code)
        if isinstance(answer, dict):
            return JSONResponse(answer)
        return EventStream(self._watched(answer), done="[DONE]", keepalive_seconds=0.2)

    async def _watched(self, chunks: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[dict[str, Any], None]:
        is_whole = False
        try:
            async for chunk in chunks:
                yield chunk
            is_whole = True
        finally:
            self.cancelled += not is_whole
            await chunks.aclose()

    def _next_fault(self, path: str) -> Fault | None:
        for place, fault in enumerate(self.faults):
            if fault.path == path:
                left = fault.times - 1
                self.faults[place : place + 1] = [replace(fault, times=left)] if left else []
                return fault
        return None

    async def _misbehave(self, fault: Fault, path: str, body: dict[str, Any]) -> Response:
        if fault.kind == "status":
            headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
            return _refusal(fault.status, fault.message, fault.code, headers)
        if fault.kind == "redirect":
            return Response(status_code=307, headers={"Location": fault.location})
        if fault.kind == "not-json":
            return Response("<html><body>Welcome to the proxy</body></html>", media_type="text/html")
        if fault.kind == "empty":
            return Response("", media_type="text/event-stream")
        answer = await self.answerer.answer(path, body)
        if isinstance(answer, dict):
            content = json.dumps(answer).encode()
            if fault.kind == "half-json":
                return Response(content[: len(content) // 2], media_type="application/json")
            return StreamingResponse(_cut([content[: len(content) // 2]]), media_type="application/json")
        events = [f"data: {json.dumps(chunk)}\n\n".encode() async for chunk in answer][:-1]
        events = events[: max(len(events) // 2, 2)]
        if fault.kind == "half-json":
            events.append(b'data: {"choices": [{"index": 0, "delta": {"cont')
        source = _cut(events) if fault.kind == "cut" else _whole(events)
        return StreamingResponse(source, media_type="text/event-stream")


def fake_openai_app(
    answerer: Answerer, *, faults: Sequence[Fault] = (), keys: Collection[str] | None = None
) -> tuple[FastAPI, FakeServer]:
    """The app, to be served by `running`, and what it sees."""
    server = FakeServer(answerer, list(faults), frozenset(keys) if keys is not None else None)
    app = create_app("fake OpenAI server")
    app.router.add_route("/v1/{path:path}", server.answer, methods=["GET", "POST"])
    return app, server


def _refusal(status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = {"error": {"message": message, "type": "error", "code": code or None}}
    return JSONResponse(body, status, headers)


async def _whole(pieces: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


async def _cut(pieces: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece
        await anyio.sleep(0.01)
    raise ConnectionAbortedError("the script drops the connection here")
