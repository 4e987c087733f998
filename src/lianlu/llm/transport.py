"""The connection to one service: tries, timeouts, refusals. Knows no shapes of requests or answers.

Three decisions. Redirects are never followed: a redirect could carry the key and the prompt to another host, so the
error names the new address instead. Only what may pass by itself is tried again (408, 409, 425, 429, 5xx, a connection
that failed before the first byte); a wrong key fails at once. And nothing that holds the key is ever shown: it lives in
one request header, and the server's own words are searched for it before they are repeated.
"""

from __future__ import annotations

import difflib
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import msgspec

from lianlu.core.errors import BackendError, LianluError, LimitError, UsageError
from lianlu.core.i18n import Text
from lianlu.llm.endpoint import Endpoint, checked_url
from lianlu.llm.refusal import RETRIED, refusal

if TYPE_CHECKING:
    import httpx

__all__ = ["Patience", "Transport"]

_LARGEST_ANSWER_BYTES = 64 << 20
_SHOWN_CHARACTERS = 200
_LONGEST_WAIT_SECONDS = 120.0
_FIRST_WAIT_SECONDS = 0.5
_ASIDE_SECONDS = 10.0  # for questions beside the work: health, the list of models for a hint
_SPENT = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")


class Transport:
    """An open service. Connections are made when first asked, and again when asked from another event loop.

    Args:
        model: whose nearest neighbours a hint names.
        seed: of the jitter between tries.
        sleep: waits between tries.

    Raises:
        UsageError: llm.key-unset, llm.bad-key, llm.bad-url
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model: str,
        *,
        ref: str,
        environment: Mapping[str, str],
        seed: int = 0,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self.url = checked_url(endpoint.url)
        self._endpoint = endpoint
        self._model = model
        self._variable, self._key = _key_from(endpoint, ref, environment)
        self._random = random.Random(seed)  # noqa: S311 - jitter, no secret
        self._sleep = sleep
        self._http: httpx.AsyncClient | None = None
        self._loop: object = None

    async def close(self) -> None:
        http, self._http = self._http, None
        if http is not None and self._loop == anyio.lowlevel.current_token():
            await http.aclose()

    async def models(self) -> tuple[str, ...]:
        """The names of the models that the service offers, asked once. Raises as `chat`."""
        async with self.response("GET", "/models", None, tries=1, seconds=_ASIDE_SECONDS) as response:
            content = await self.body(response)
        try:
            listed = msgspec.json.decode(content)["data"]
            return tuple(str(each["id"]) for each in listed)
        except (msgspec.DecodeError, KeyError, TypeError):
            raise self.unreadable(content) from None

    async def pieces(
        self, response: httpx.Response, patience: Patience, arrived: Callable[[], int]
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of a stream, as long as `patience` lasts; `arrived` tells how much they said, for the error."""
        import httpx

        source = response.aiter_bytes()
        while True:
            try:
                with anyio.fail_after(patience.left()):
                    content = await anext(source)
            except StopAsyncIteration:
                return
            except (TimeoutError, httpx.ReadTimeout):
                raise BackendError("llm.timeout", url=self.url, seconds=patience.seconds) from None
            except httpx.HTTPError as error:
                why = Text(f"the connection broke ({_kind(error)})", f"连接中断（{_kind(error)}）")
                raise self.broken(arrived(), why) from error
            yield content

    @asynccontextmanager
    async def response(
        self, method: str, path: str, body: dict[str, Any] | None, *, seconds: float, tries: int | None = None
    ) -> AsyncGenerator[httpx.Response]:
        """An answer with a good status, its body not yet read. Tries again what may pass."""
        response = await self._tried(method, path, body, seconds, tries or self._endpoint.retries + 1)
        try:
            yield response
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                await response.aclose()

    async def _tried(
        self, method: str, path: str, body: dict[str, Any] | None, seconds: float, tries: int
    ) -> httpx.Response:
        for attempt in range(tries):
            is_last = attempt == tries - 1
            try:
                response = await self._send(method, path, body, seconds)
            except BackendError as error:
                if is_last or error.code != "llm.unreachable":
                    raise
                await self._sleep(self._pause(attempt))
                continue
            if response.is_success:
                return response
            wait = _retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
            refused = await self._refused(response, wait, aside=path != "/models")
            may_pass = response.status_code in RETRIED or response.status_code >= 500
            if is_last or not may_pass or isinstance(refused, LimitError) or (wait or 0) > _LONGEST_WAIT_SECONDS:
                raise refused
            await self._sleep(self._pause(attempt) if wait is None else wait)
        raise AssertionError("the last try returns or raises")

    def _pause(self, attempt: int) -> float:
        return _FIRST_WAIT_SECONDS * 2**attempt * (0.5 + self._random.random() / 2)

    async def _send(self, method: str, path: str, body: dict[str, Any] | None, seconds: float) -> httpx.Response:
        import httpx

        http = await self._connected()
        timeout = httpx.Timeout(seconds, connect=min(self._endpoint.timeouts.connect, seconds), pool=None)
        content = msgspec.json.encode(body) if body is not None else None
        try:
            request = http.build_request(method, self.url + path, content=content, timeout=timeout)
        except (httpx.InvalidURL, UnicodeError):
            raise UsageError("llm.bad-url", url=self.url) from None
        try:
            return await http.send(request, stream=True)
        except (httpx.ReadTimeout, httpx.WriteTimeout):
            raise BackendError("llm.timeout", url=self.url, seconds=seconds) from None
        except httpx.HTTPError as error:
            why = self.clean(str(error)) or _kind(error)
            raise BackendError("llm.unreachable", url=self.url, why=why) from None

    async def _connected(self) -> httpx.AsyncClient:
        import httpx

        loop = anyio.lowlevel.current_token()
        if self._http is None or self._loop != loop:
            headers = {"Content-Type": "application/json", "User-Agent": "lianlu"}
            if self._key:
                headers["Authorization"] = f"Bearer {self._key}"
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=1024)
            try:
                is_near = _is_this_machine(self.url)
                self._http = httpx.AsyncClient(
                    headers=headers,
                    limits=limits,
                    follow_redirects=False,
                    trust_env=not is_near,
                    verify=not (
                        is_near and self.url.startswith("http:")
                    ),  # nothing to verify: no certificates are read
                )
            except (ImportError, ValueError, httpx.InvalidURL) as error:
                raise UsageError("llm.bad-proxy", why=str(error).splitlines()[0][:_SHOWN_CHARACTERS]) from None
            self._loop = loop
        return self._http

    async def body(self, response: httpx.Response) -> bytes:
        """The whole body, up to 64 MiB."""
        import httpx

        content = bytearray()
        try:
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise BackendError("llm.too-large", url=self.url, limit=_LARGEST_ANSWER_BYTES >> 20)
        except httpx.ReadTimeout:
            raise BackendError("llm.timeout", url=self.url, seconds=self._endpoint.timeouts.first_token) from None
        except httpx.HTTPError as error:
            why = Text(f"the connection broke ({_kind(error)})", f"连接中断（{_kind(error)}）")
            raise BackendError("llm.broken-stream", url=self.url, why=why, characters=len(content)) from error
        return bytes(content)

    # What went wrong

    async def _refused(self, response: httpx.Response, wait: float | None, *, aside: bool) -> LianluError:
        """The error for an answer with a bad status; the response is closed."""
        try:
            content = await self.body(response)
        except BackendError:
            content = b""
        finally:
            await response.aclose()
        if response.is_redirect:
            host = re.sub(r"^[a-z]+://|[/?#].*$", "", response.headers.get("location", ""))[:_SHOWN_CHARACTERS] or "?"
            return BackendError("llm.redirected", url=self.url, status=response.status_code, host=host)
        _, message = _said(content)
        message = self.clean(message) or response.reason_phrase
        status = response.status_code
        if status == 429 and any(word in content.decode("utf-8", "replace") for word in _SPENT):
            return LimitError("llm.quota-spent", url=self.url, message=message)
        if wait is not None and wait > _LONGEST_WAIT_SECONDS:
            message += f" (retry after {wait:.0f} s)"
        is_unknown = status == 404 or (status == 400 and b"model_not_found" in content)
        suggestion = await self._nearest() if is_unknown and aside else Text("", "")
        shown_status = 404 if is_unknown else status
        return refusal(
            shown_status, message, url=self.url, model=self._model, key=self._variable, suggestion=suggestion
        )

    async def _nearest(self) -> Text:
        """The offered model names nearest to ours, for a hint."""
        try:
            offered = await self.models()
        except LianluError:
            return Text(
                "check the model's name, and that the address ends where its documentation says (often /v1)",
                "请检查模型名，以及地址是否与文档一致（通常以 /v1 结尾）",
            )
        near = difflib.get_close_matches(self._model, offered, n=3, cutoff=0.3) or offered[:5]
        listed = ", ".join(repr(each) for each in near) or "-"
        return Text(f"the service offers, nearest first: {listed}", f"该服务提供（按相近程度）：{listed}")

    def error_in(self, found: Any) -> LianluError | None:
        """The error that a decoded answer or chunk carries in spite of its good status."""
        if not isinstance(found, dict) or not found.get("error"):
            return None
        status, message = _said(msgspec.json.encode(found))
        return refusal(status or 500, self.clean(message), url=self.url, model=self._model, key=self._variable)

    def broken(self, characters: int, why: Text) -> BackendError:
        return BackendError("llm.broken-stream", url=self.url, why=why, characters=characters)

    def unreadable(self, content: bytes) -> BackendError:
        shown = self.clean(content[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace"))[:_SHOWN_CHARACTERS]
        return BackendError("llm.bad-answer", url=self.url, shown=shown)

    def clean(self, text: str) -> str:
        """A server's words, one line, without our key."""
        if self._key:
            text = text.replace(self._key, "…")
        return re.sub(r"\s+", " ", re.sub(r"[^\S\n]|[\x00-\x1f\x7f]", " ", text)).strip()[:500]


class Patience:
    """How long to wait for the next event. Comments that only keep the connection alive do not renew it."""

    def __init__(self, seconds: float) -> None:
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        self.seconds = seconds
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        return max(self._until - time.monotonic(), 0.0)


def _key_from(endpoint: Endpoint, ref: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The name of the variable that holds the key, and the key; both empty where none is needed."""
    if not endpoint.key_env:
        return "", ""
    for variable in endpoint.key_env:
        key = environment.get(variable, "").strip()
        if key:
            if not re.fullmatch(r"[\x21-\x7e]+", key):
                raise UsageError("llm.bad-key", variable=variable)
            return variable, key
    raise UsageError("llm.key-unset", ref=ref, variable=endpoint.key_env[0], variables=" / ".join(endpoint.key_env))


def _is_this_machine(url: str) -> bool:
    """A proxy is never meant for a server on this machine, whatever NO_PROXY forgot."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _kind(error: Exception) -> str:
    return type(error).__name__


def _said(content: bytes) -> tuple[int | None, str]:
    """The status and message in an error body; servers put them in four places."""
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None, content[:_SHOWN_CHARACTERS].decode("utf-8", "replace")
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return None, str(error)
    code = error.get("code")
    status = code if isinstance(code, int) and 400 <= code <= 599 else None
    for name in ("message", "msg", "detail", "error"):
        if error.get(name):
            return status, str(error[name])
    return status, msgspec.json.encode(error)[:_SHOWN_CHARACTERS].decode("utf-8", "replace")


def _retry_after(header: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, which holds seconds or a date."""
    header = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header):
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError, TypeError):
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return max((at - now).total_seconds(), 0.0)
