"""What every request passes before a route sees it: errors into words, headers, bearer key, size and time limits.

Plain ASGI layers, outermost first as `create_app` stacks them. `Boundary` is the HTTP boundary of design.md §4: the one
place in this room where any exception is caught, logged under a number, and answered without internals.
"""

from __future__ import annotations

import hmac
import logging
import math
import uuid
from collections.abc import Collection
from typing import Any

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lianlu.core.errors import LianluError, LimitError, UsageError
from lianlu.core.i18n import using_language
from lianlu.web.problem import bug_body, error_body, language_of

__all__ = ["Bearer", "BodyLimit", "Boundary", "SafeHeaders", "TimeLimit"]

_log = logging.getLogger("lianlu.web")
_SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    "Cache-Control": "no-store",
}


class Boundary:
    """Turns exceptions into answers, in the language of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lang = language_of(Headers(scope=scope).get("accept-language", ""))
        has_started = False

        async def watched(message: Message) -> None:
            nonlocal has_started
            has_started = has_started or message["type"] == "http.response.start"
            await send(message)

        with using_language(lang):
            try:
                await self._app(scope, receive, watched)
            except ClientDisconnect:
                return
            except LianluError as error:
                if has_started:
                    raise
                response = JSONResponse(error_body(error, lang), error.http_status, _headers(error))
            except Exception:
                number = uuid.uuid4().hex[:12]
                _log.exception("error %s at %s %s", number, scope["method"], scope["path"])
                if has_started:
                    raise
                response = JSONResponse(bug_body(number, lang), 500)
            else:
                return
            await response(scope, receive, send)


def _headers(error: LianluError) -> dict[str, str]:
    if error.code == "web.unauthorized":
        return {"WWW-Authenticate": "Bearer"}
    seconds = error.facts.get("retry_after_seconds")
    return {"Retry-After": str(math.ceil(seconds))} if isinstance(seconds, (int, float)) else {}


class SafeHeaders:
    """Adds the headers that keep a browser from guessing, framing, storing and sending elsewhere.

    Args:
        framed_by: origins whose pages may show ours in a frame, as a hub does with its Spaces; none by default.
    """

    def __init__(self, app: ASGIApp, framed_by: Collection[str] = ()) -> None:
        self._app = app
        self._ancestors = "frame-ancestors " + " ".join(framed_by) if framed_by else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                if self._ancestors:  # X-Frame-Options can name no origin: it goes, the policy stays
                    del headers["X-Frame-Options"]
                    policy = headers["Content-Security-Policy"]
                    headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", self._ancestors)
            await send(message)

        await self._app(scope, receive, dressed if scope["type"] == "http" else send)


class Bearer:
    """Asks for `Authorization: Bearer <token>`, compared in constant time."""

    def __init__(self, app: ASGIApp, token: str, public_paths: Collection[str]) -> None:
        self._app = app
        self._token = token.encode()
        self._public = frozenset(public_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._public:
            scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
            is_same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
            if scheme.lower() != "bearer" or not is_same:
                raise UsageError("web.unauthorized")
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses bodies above a size, by what they announce and by what arrives."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > self._limit:
            raise self._too_large()
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._limit:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> LimitError:
        return LimitError("web.too-large", limit=f"{self._limit / (1 << 20):g}")


class TimeLimit:
    """Gives up a request that has not begun to answer in time. A stream that has begun may last."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with anyio.move_on_after(self._seconds) as limit:

            async def begun(message: Any) -> None:
                limit.deadline = math.inf
                await send(message)

            await self._app(scope, receive, begun)
        if limit.cancelled_caught:
            raise LimitError("web.timeout", seconds=self._seconds)
