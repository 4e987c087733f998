"""The connection to a hub: one token for one address, redirects followed by hand, refusals turned into errors.

Hubs redirect to storage on other hosts; the token must not go with it. So httpx is told to follow nothing, and each
hop is asked with a token only when it is the hub itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.model.hub import Hub, decoded

if TYPE_CHECKING:
    import httpx

__all__ = ["Broken", "Wire"]

_MOST_HOPS = 6
_LARGEST_ANSWER_BYTES = 64 << 20
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)


class Broken(Exception):
    """The connection failed in a way that may pass: try again."""

    def __init__(self, why: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(why)
        self.wait_seconds = wait_seconds


class Wire:
    """Asks one hub. Use it inside the event loop that its client was made in."""

    def __init__(self, client: httpx.AsyncClient, hub: Hub, environment: Mapping[str, str]) -> None:
        self._client = client
        self._hub = hub
        self._token = environment.get(hub.token_variable, "").strip()
        if not self._token.isascii() or not self._token.isprintable():
            raise UsageError("model.bad-token", variable=hub.token_variable)

    async def json(self, url: str) -> dict[str, Any]:
        """A JSON object.

        Raises:
            BackendError: model.odd-answer, model.hub-refused
            UsageError: model.not-found, model.no-revision, model.gated
            Broken: try again
        """
        async with self.response(url, {}) as response:
            content = b""
            async for piece in response.aiter_bytes():
                content += piece
                if len(content) > _LARGEST_ANSWER_BYTES:
                    raise BackendError("model.odd-answer", url=url, why=f"more than {_LARGEST_ANSWER_BYTES} bytes")
        return decoded(content, url)

    @asynccontextmanager
    async def response(self, url: str, headers: Mapping[str, str]) -> AsyncGenerator[httpx.Response]:
        """The answer to a GET after all redirects, its body not yet read. Raises as `json`."""
        import httpx

        try:
            response = await self._sent(url, headers)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise Broken(f"{type(error).__name__} {error}".strip()) from error

    async def _sent(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        for _ in range(_MOST_HOPS):
            own = {"Authorization": f"Bearer {self._token}"} if self._token and self._is_hub(url) else {}
            request = self._client.build_request("GET", url, headers={**headers, **own})
            response = await self._client.send(request, stream=True)
            if response.status_code not in _REDIRECTS:
                if response.status_code >= 400:
                    raise await self._refusal(response, url)
                return response
            await response.aclose()
            url = self._next(url, response.headers.get("location", ""))
        raise BackendError("model.odd-answer", url=url, why=f"more than {_MOST_HOPS} redirects")

    def _is_hub(self, url: str) -> bool:
        return _origin(url) == _origin(self._hub.endpoint)

    def _next(self, url: str, location: str) -> str:
        following = urljoin(url, location)
        was, will = urlsplit(url), urlsplit(following)
        is_weaker = was.scheme == "https" and will.scheme != "https"
        if not location or will.scheme not in ("http", "https") or not will.hostname or is_weaker:
            raise BackendError("model.odd-answer", url=url, why=f"a redirect to {_shown(following)!r}")
        return following

    async def _refusal(self, response: httpx.Response, url: str) -> LianluError | Broken:
        status, reason = response.status_code, response.headers.get("x-error-code", "")
        after = response.headers.get("retry-after", "")
        await response.aclose()
        if status in _PASSING:
            return Broken(f"HTTP {status}", wait_seconds=min(float(after), 60.0) if after.isdecimal() else 0.0)
        model, page, variable = self._hub.model, self._hub.page(), self._hub.token_variable
        if reason == "RevisionNotFound":
            return UsageError("model.no-revision", model=model, page=page)
        if status == 403 or reason == "GatedRepo" or (status == 401 and self._token):
            return UsageError("model.gated", model=model, page=page, variable=variable)
        if status in (401, 404):
            return UsageError("model.not-found", model=model, page=page, variable=variable)
        return BackendError("model.hub-refused", url=_shown(url), status=status)


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _shown(url: str) -> str:
    """An address without its query: signed links must not stand in logs."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
