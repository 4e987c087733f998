"""Limits hold over tasks, processes and deaths; waiting is fair and can be given up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.llm import FakeBackend, Limits, Rule, limited
from lianlu.llm.limiter import Limiter, _until_tokens
from unit.llm.service import asked


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _begin(limiter: Limiter, tokens: int = 0) -> tuple[int, float]:
    ticket = limiter._enter()
    return ticket, limiter._try(ticket, tokens)


@pytest.mark.parametrize(
    ("limits", "waits"),
    [
        (Limits(requests_per_minute=2), [0, 0, 60]),
        (Limits(query_per_second=2), [0, 0.5]),
        (Limits(tokens_per_minute=250), [0, 0, 60]),
        (Limits(tokens_per_minute=50), [0, 60]),
        (Limits(), [0, 0, 0, 0]),
    ],
    ids=["requests", "rate", "tokens", "one request above the limit goes alone", "none"],
)
def test_waits_by_limit(tmp_path: Path, limits: Limits, waits: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(limits, name="x", folder=tmp_path, clock=clock)
    assert [_begin(limiter, 100)[1] for _ in waits] == pytest.approx(waits)
    clock.now += 60
    assert limiter._try(len(waits), 100) == 0 or waits[-1] == 0
    limiter.close()


def test_real_use_replaces_the_guess(tmp_path: Path) -> None:
    async def main() -> float:
        limiter = Limiter(Limits(tokens_per_minute=100), name="x", folder=tmp_path)
        async with limiter.permit(90) as permit:
            permit.tokens = 10
        return _begin(limiter, 80)[1]

    assert asyncio.run(main()) == 0


def test_tokens_wait_for_as_many_as_must_leave() -> None:
    spent = [(0.0, 50), (10.0, 30), (20.0, 20)]
    assert _until_tokens(spent, 40, 100, 30.0) == 30.0
    assert _until_tokens(spent, 60, 100, 30.0) == 40.0
    assert _until_tokens(spent, 500, 100, 30.0) == 50.0


def test_names_are_separate_budgets(tmp_path: Path) -> None:
    one, other = (Limiter(Limits(concurrency=1), name=name, folder=tmp_path) for name in "ab")
    assert _begin(one)[1] == _begin(other)[1] == 0
    assert _begin(one)[1] > 0


def test_concurrency_is_kept_and_served_in_order(tmp_path: Path) -> None:
    under_way, most, order = 0, 0, []

    async def work(limiter: Limiter, number: int) -> None:
        nonlocal under_way, most
        async with limiter.permit():
            under_way += 1
            most = max(most, under_way)
            order.append(number)
            await anyio.sleep(0.02)
            under_way -= 1

    async def main() -> None:
        limiter = Limiter(Limits(concurrency=2), name="x", folder=tmp_path)
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(work, limiter, number)

    asyncio.run(main())
    assert most == 2
    assert order == sorted(order)


def test_giving_up_frees_the_place_in_the_queue(tmp_path: Path) -> None:
    async def main() -> None:
        limiter = Limiter(Limits(concurrency=1), name="x", folder=tmp_path)
        async with limiter.permit():
            with anyio.move_on_after(0.15) as given_up:
                async with limiter.permit():
                    pass
            assert given_up.cancelled_caught
        with anyio.fail_after(2):
            async with limiter.permit():
                pass

    asyncio.run(main())


_HOLDER = """
import sys, time
from pathlib import Path
from lianlu.llm import Limits
from lianlu.llm.limiter import Limiter
limiter = Limiter(Limits(concurrency=1), name="x", folder=Path(sys.argv[1]))
ticket = limiter._enter()
assert limiter._try(ticket, 0) == 0
print("held", flush=True)
time.sleep(60)
"""


def test_another_process_holds_and_its_death_lets_go(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdout.readline().strip() == "held"
    limiter = Limiter(Limits(concurrency=1), name="x", folder=tmp_path)
    ticket, wait = _begin(limiter)
    assert wait > 0
    child.kill()
    child.wait()
    child.stdout.close()
    assert limiter._try(ticket, 0) == 0
    assert len(list((tmp_path / "limits.alive").iterdir())) == 1


def test_a_limited_backend_answers_and_streams(tmp_path: Path) -> None:
    async def main() -> tuple[str, str, float]:
        backend = limited(FakeBackend([Rule(reply="ok")]), Limits(query_per_second=10), name="x", folder=tmp_path)
        began = time.monotonic()
        async with backend:
            reply = await backend.chat(asked())
            text = "".join([delta.text async for delta in backend.stream(asked())])
        return reply.message.text, text, time.monotonic() - began

    said, streamed, seconds = asyncio.run(main())
    assert said == streamed == "ok"
    assert seconds >= 0.1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "limits.sqlite").write_bytes(b"garbage" * 200)
    with pytest.raises(DataError, match=r"limits\.sqlite"):
        Limiter(Limits(concurrency=1), name="x", folder=tmp_path)


def test_an_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError):
        limited(FakeBackend(), Limits(concurrency=1), name="x", folder=tmp_path / "file")


@pytest.mark.parametrize("bad", [{"concurrency": 0}, {"query_per_second": 0}, {"requests_per_minute": -1}])
def test_limits_are_positive(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="greater"):
        Limits(**bad)
