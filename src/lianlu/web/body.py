"""Read a request's body as one JSON object.

JSON must be said to be JSON. That is more than order: a page of another site can send plain text to a server on this
machine without asking, JSON it cannot.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from lianlu.core.errors import UsageError

__all__ = ["json_object"]


async def json_object(request: Request) -> dict[str, Any]:
    """The object in the body.

    Raises:
        UsageError: web.content-type, web.not-json
    """
    given = request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise UsageError("web.content-type", given=given)
    try:
        body = msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UsageError("web.not-json", why=str(error)) from None
    if not isinstance(body, dict):
        raise UsageError("web.not-json", why="not an object")
    return body
