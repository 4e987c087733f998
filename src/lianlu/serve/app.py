"""The routes. A request that is not streamed is watched too: when its client leaves, the model stops."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import anyio
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lianlu.core.errors import UsageError
from lianlu.core.i18n import language
from lianlu.serve.fields import BODIES
from lianlu.serve.service import Service
from lianlu.web import EventStream, create_app
from lianlu.web.body import json_object
from lianlu.web.keys import Keys
from lianlu.web.leaving import unless_gone
from lianlu.web.served_page import served_page

__all__ = ["LIMIT_BYTES", "PATHS", "serving_app"]

LIMIT_BYTES = 8 << 20
_TIMEOUT_SECONDS = 3600.0  # a long answer on a slow machine that is not streamed begins when it is whole
_OUTSIDE_V1 = ("/tokenize", "/detokenize")
PATHS = (*(path if path in _OUTSIDE_V1 else f"/v1{path}" for path in BODIES), "/v1/models", "/v1/lianlu/fingerprint")


def serving_app(service: Service, *, keys: Keys | None = None, limit_bytes: int = LIMIT_BYTES) -> FastAPI:
    """An app that serves a model. The backend is closed when the app stops.

    Args:
        keys: asked of all but the chat page and /health; None lets everyone in.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        with anyio.CancelScope(shield=True):
            await service.backend.close()
        service.log.close()

    app = create_app("lianlu serve", limit_bytes=limit_bytes, timeout_seconds=_TIMEOUT_SECONDS, lifespan=lifespan)
    routes = _Routes(service, keys)
    app.router.add_route("/", routes.page)
    app.router.add_route("/health", routes.health)
    for path in BODIES:
        for place in (path, f"/v1{path}") if path in _OUTSIDE_V1 else (f"/v1{path}",):
            app.router.add_route(place, routes.call(path), methods=["POST"])
    app.router.add_route("/v1/models", routes.models)
    app.router.add_route("/v1/models/{model:path}", routes.model)
    app.router.add_route("/v1/lianlu/fingerprint", routes.fingerprint)
    return app


class _Routes:
    def __init__(self, service: Service, keys: Keys | None) -> None:
        self._service = service
        self._keys = keys

    async def page(self, _: Request) -> Response:
        page = served_page("lianlu.serve", "chat", language(), {"model": self._service.name})
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    async def health(self, _: Request) -> Response:
        found = await self._service.health()
        told = {"status": "ok" if found.is_ok else "failing", "model": self._service.name, "why": found.why}
        return JSONResponse(told, 200 if found.is_ok else 503)

    async def models(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse({"object": "list", "data": self._service.models()})

    async def model(self, request: Request) -> Response:
        self._admit(request)
        self._service.check_model(request.path_params["model"])
        return JSONResponse(self._service.models()[0])

    async def fingerprint(self, request: Request) -> Response:
        self._admit(request)
        return JSONResponse(self._service.fingerprint())

    def call(self, path: str) -> Callable[[Request], Awaitable[Response]]:
        """The route of one call of the interface."""

        async def route(request: Request) -> Response:
            entry = self._service.entry(path)
            headers = {"X-Request-Id": entry.id}
            with ExitStack() as stack:
                stack.enter_context(self._service.log.request(entry))
                self._admit(request)
                body = await json_object(request)
                if body.get("stream") is True:
                    chunks = self._service.stream(entry, body, stack.pop_all())
                    return EventStream(chunks, done="[DONE]", headers=headers)
                answer = await unless_gone(request, partial(self._service.answer, entry, body))
            return JSONResponse(answer, headers=headers)

        return route

    def _admit(self, request: Request) -> None:
        if self._keys is not None and not self._keys.admit(request.headers.get("authorization", "")):
            raise UsageError("web.unauthorized")
