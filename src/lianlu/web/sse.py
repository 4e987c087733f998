"""Server-sent events to a client: items as they are made, comments while nothing is made, and an end when it leaves.

The answer's status is sent with the first item, so that an error before it has its proper status; an error after it
becomes a last event `{"error": ...}`. A client that leaves closes the source, which stops the model.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lianlu.core.errors import LianluError
from lianlu.core.i18n import language
from lianlu.web.problem import bug_body, error_body

__all__ = ["EventStream"]

_log = logging.getLogger("lianlu.web")
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """A stream of events from an async generator of JSON-able items; text goes as it is.

    Args:
        keepalive_seconds: a comment is sent after so long without an item.
        done: text of a last event, as `[DONE]`.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        items: AsyncGenerator[Any, None],
        *,
        keepalive_seconds: float = 15.0,
        done: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(headers={**_HEADERS, **(headers or {})})
        del self.headers["content-length"]
        self._items = items
        self._keepalive_seconds = keepalive_seconds
        self._done = done
        self._has_begun = False
        self._failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        self._writing = anyio.Lock()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_client, receive, group.cancel_scope)
            group.start_soon(self._keep_alive, send)
            # A failure is carried out by hand: the task group would wrap it in an ExceptionGroup.
            try:
                async with aclosing(self._items) as items:
                    async for item in items:
                        await self._write(send, _event(item))
            except Exception as error:  # noqa: BLE001 - told to the client below, or raised to the boundary
                self._failure = error
            group.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._finish(send)

    async def _finish(self, send: Send) -> None:
        if self._failure is not None:
            if not self._has_begun:
                raise self._failure
            await self._write(send, _event(_told(self._failure)))
        elif self._done is not None:
            await self._write(send, _event(self._done))
        await self._begin(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _watch_client(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def _keep_alive(self, send: Send) -> None:
        while True:
            await anyio.sleep(self._keepalive_seconds)
            await self._write(send, b": keep-alive\n\n")

    async def _begin(self, send: Send) -> None:
        if not self._has_begun:
            self._has_begun = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _write(self, send: Send, content: bytes) -> None:
        async with self._writing:
            await self._begin(send)
            await send({"type": "http.response.body", "body": content, "more_body": True})


def _event(item: Any) -> bytes:
    text = item if isinstance(item, str) else msgspec.json.encode(item).decode()
    return "".join(f"data: {line}\n" for line in text.split("\n")).encode() + b"\n"


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, LianluError):
        return error_body(error, language())
    number = uuid.uuid4().hex[:12]
    _log.error("error %s in a stream", number, exc_info=error)
    return bug_body(number, language())
