"""The factory of every HTTP app here, so that errors, limits and headers are the same in all of them.

The interactive docs pages of FastAPI are off: they load scripts from other hosts. /openapi.json stays.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse

from lianlu import __version__
from lianlu.core.i18n import language
from lianlu.web.guard import Bearer, BodyLimit, Boundary, SafeHeaders, TimeLimit
from lianlu.web.problem import error_body, status_error

__all__ = ["create_app"]


def create_app(
    title: str,
    *,
    token: str | None = None,
    public_paths: Collection[str] = ("/health",),
    limit_bytes: int = 32 << 20,
    timeout_seconds: float = 600.0,
    framed_by: Collection[str] = (),
    **settings: Any,
) -> FastAPI:
    """An app that answers errors as JSON in the caller's language and refuses what is too large or too slow.

    Args:
        token: asked of every request as `Authorization: Bearer`; None leaves the app open.
        public_paths: paths that need no token.
        limit_bytes: largest request body.
        timeout_seconds: how long a request may take to begin its answer.
        framed_by: origins whose pages may show ours in a frame.
        settings: passed on to FastAPI (lifespan, version, ...).
    """
    layers = [
        Middleware(SafeHeaders, framed_by=framed_by),
        Middleware(Boundary),
        *([Middleware(Bearer, token=token, public_paths=public_paths)] if token is not None else []),
        Middleware(BodyLimit, limit_bytes=limit_bytes),
        Middleware(TimeLimit, seconds=timeout_seconds),
    ]
    settings.setdefault("version", __version__)
    app = FastAPI(title=title, docs_url=None, redoc_url=None, middleware=layers, **settings)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _body_error)
    return app


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    body = error_body(status_error(error.status_code, str(error.detail)), language())
    return JSONResponse(body, error.status_code, dict(error.headers or {}))


async def _body_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse(error_body(status_error(422, f"{where}: {first['msg']}"), language()), 422)
