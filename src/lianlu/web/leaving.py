"""A client that leaves before its answer is whole: what is made for it stops, since nobody would read it.

Streams see to that themselves (`lianlu.web.sse`); this is for answers that are sent at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from starlette.requests import Request

from lianlu.core.errors import Cancelled

__all__ = ["unless_gone"]

MadeT = TypeVar("MadeT")


async def unless_gone(request: Request, make: Callable[[], Awaitable[MadeT]]) -> MadeT:
    """What `make` makes. The body of the request must have been read before.

    Raises:
        Cancelled: the client left
    """
    made: list[MadeT] = []
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, request, group.cancel_scope)
            made.append(await make())
            group.cancel_scope.cancel()
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    if not made:
        raise Cancelled
    return made[0]


async def _watch(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
