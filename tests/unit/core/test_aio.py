"""The bridge to async code: values, exceptions unchanged, cancelling within a moment."""

from __future__ import annotations

import threading
import time

import anyio
import anyio.lowlevel
import pytest

from lianlu.core import aio
from lianlu.core.errors import BackendError, Cancelled
from lianlu.core.job import Job


@pytest.mark.parametrize("job", [None, Job()], ids=["without a job", "with a job"])
def test_the_value_comes_back(job: Job | None) -> None:
    async def main() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    assert aio.run(main, job) == "done"


@pytest.mark.parametrize("job", [None, Job()], ids=["without a job", "with a job"])
def test_none_is_a_value(job: Job | None) -> None:
    async def main() -> None:
        await anyio.lowlevel.checkpoint()

    assert aio.run(main, job) is None


@pytest.mark.parametrize("job", [None, Job()], ids=["without a job", "with a job"])
def test_an_exception_comes_back_as_the_same_object(job: Job | None) -> None:
    error = BackendError("x.y", status=500)

    async def main() -> None:
        raise error

    with pytest.raises(BackendError) as caught:
        aio.run(main, job)
    assert caught.value is error


def test_cancelling_the_job_ends_the_work_soon_and_runs_its_clean_up() -> None:
    job = Job()
    cleaned: list[bool] = []

    async def main() -> None:
        try:
            await anyio.sleep(60)
        finally:
            cleaned.append(True)

    threading.Timer(0.1, job.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        aio.run(main, job)
    assert time.monotonic() - began < 2
    assert cleaned == [True]


def test_a_job_cancelled_before_is_not_begun_in_earnest() -> None:
    job = Job()
    job.cancel()

    async def main() -> None:
        await anyio.sleep(60)

    with pytest.raises(Cancelled):
        aio.run(main, job)


def test_the_bridge_does_not_wait_once_the_work_is_done() -> None:
    async def main() -> int:
        await anyio.lowlevel.checkpoint()
        return 1

    began = time.monotonic()
    assert sum(aio.run(main, Job()) for _ in range(5)) == 5
    assert time.monotonic() - began < 0.4
