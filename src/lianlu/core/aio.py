"""The one bridge between plain code and async code. Rooms are one or the other; this is where they meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from lianlu.core.job import Job

__all__ = ["run"]

ValueT = TypeVar("ValueT")
_LOOK_EVERY_SECONDS = 0.1


def run(main: Callable[[], Awaitable[ValueT]], job: Job | None = None) -> ValueT:
    """Run an async function to its end from plain code; cancelling `job` cancels it within a tenth of a second.

    Raises:
        Cancelled: the job was cancelled
    """
    return anyio.run(_watched, main, job)


async def _watched(main: Callable[[], Awaitable[ValueT]], job: Job | None) -> ValueT:
    if job is None:
        return await main()
    values: list[ValueT] = []
    raised: list[Exception] = []

    async def work() -> None:
        # An exception is carried out by hand: a task group would wrap it in an ExceptionGroup.
        try:
            values.append(await main())
        except Exception as error:  # noqa: BLE001 - re-raised below, unchanged
            raised.append(error)
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(work)
        while not job.is_cancelled:
            await anyio.sleep(_LOOK_EVERY_SECONDS)
        group.cancel_scope.cancel()
    if raised:
        raise raised[0]
    if not values:
        job.check()
    return values[0]
