"""What was paid for is kept: over restarts, kills and other processes; a damaged file is never believed."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.llm import Collector, FakeBackend, Reply, Rule, Sampling, stored
from lianlu.llm.fake import Fault
from lianlu.llm.request_store import RequestStore, StoredBackend
from lianlu.llm.wrapper import Question
from lianlu.records import Conversation, assistant, user
from unit.llm.service import asked


def _ask(backend: Any, text: str = "hi", **sampling: Any) -> Any:
    return asyncio.run(backend.chat(asked(text), Sampling(**sampling)))


def test_a_repeated_request_is_asked_once_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    behind = FakeBackend()
    first = stored(behind, path)
    replies = [_ask(first, "甲"), _ask(first, "甲")]
    asyncio.run(first.close())
    again = stored(behind, path)
    replies += [_ask(again, "甲"), _ask(again, "乙"), _ask(again, "甲", temperature=1.0), _ask(again.sample(1), "甲")]
    assert replies[0] == replies[1] == replies[2]
    assert len(behind.asked) == 4
    assert (first.hits, first.misses, again.hits, again.misses) == (1, 1, 1, 2)
    assert first.spent == replies[0].usage


def test_two_equal_requests_at_once_are_asked_once(tmp_path: Path) -> None:
    behind = FakeBackend([Rule(reply="x", delay_seconds=0.05)])

    async def main() -> StoredBackend:
        backend = stored(behind, tmp_path / "r.sqlite")
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(backend.chat, asked())
        return backend

    backend = asyncio.run(main())
    assert len(behind.asked) == 1
    assert (backend.hits, backend.misses) == (9, 1)


def test_a_stream_is_kept_whole_and_serves_chat(tmp_path: Path) -> None:
    behind = FakeBackend()
    backend = stored(behind, tmp_path / "r.sqlite")

    async def main() -> tuple[Any, Any]:
        replies = []
        for _ in range(2):
            collector = Collector()
            async with aclosing(backend.stream(asked("one two three"))) as deltas:
                async for delta in deltas:
                    collector.add(delta)
            replies.append(collector.reply())
        return replies[0], replies[1]

    first, second = asyncio.run(main())
    assert first == second == _ask(backend, "one two three")
    assert len(behind.asked) == 1


def test_a_stream_that_was_left_is_not_kept(tmp_path: Path) -> None:
    backend = stored(FakeBackend(), tmp_path / "r.sqlite")

    async def main() -> None:
        async with aclosing(backend.stream(asked("one two three"))) as deltas:
            await anext(deltas)

    asyncio.run(main())
    assert list(backend.store.all()) == []


def test_errors_and_empty_answers_are_not_kept(tmp_path: Path) -> None:
    behind = FakeBackend(
        [Rule(match="fails", error=Fault(status=500)), Rule(match="empty", reply=" "), Rule(reply="x")]
    )
    backend = stored(behind, tmp_path / "r.sqlite")
    with pytest.raises(BackendError):
        _ask(backend, "fails")
    _ask(backend, "empty")
    assert list(backend.store.all()) == []


def test_all_questions_are_kept(tmp_path: Path) -> None:
    backend = stored(FakeBackend(), tmp_path / "r.sqlite")

    async def main() -> list[Any]:
        return [
            await backend.complete([1, 2]),
            await backend.embed(["a"]),
            await backend.embed(["a"], kind="query"),
            await backend.rerank("a", ["a", "b"]),
            await backend.loglikelihood([("a", "b")]),
            await backend.rolling_loglikelihood(["a b"]),
        ]

    assert asyncio.run(main()) == asyncio.run(main())
    assert (backend.hits, backend.misses) == (6, 6)


@pytest.mark.parametrize("column", ["answer", "request", "checksum", "kind"])
def test_a_changed_row_is_an_error_and_no_answer(tmp_path: Path, column: str) -> None:
    path = tmp_path / "r.sqlite"
    backend = stored(FakeBackend(), path)
    _ask(backend)
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE requests SET {column} = replace({column}, 'a', 'e')")
    with pytest.raises(DataError, match=r"r\.sqlite"):
        _ask(stored(FakeBackend(), path))


def test_damaged_pages_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    backend = stored(FakeBackend(), path)
    for number in range(200):
        _ask(backend, f"question {number} " * 20)
    asyncio.run(backend.close())
    content = bytearray(path.read_bytes())
    content[4096 : len(content) - 4096] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)

    def asked_all() -> None:
        again = stored(FakeBackend(), path)
        for number in range(200):
            _ask(again, f"question {number} " * 20)

    with pytest.raises(DataError) as caught:
        asked_all()
    assert caught.value.code == "llm.store-damaged"
    assert caught.value.hint("zh")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\x01" * 2000])
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(DataError):
        stored(FakeBackend(), path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(DataError, match="no request store"):
        stored(FakeBackend(), path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        stored(FakeBackend(), tmp_path)


_CHILD = """
import asyncio, sys
from pathlib import Path
from lianlu.llm import FakeBackend, stored
from lianlu.records import Conversation, assistant, user
backend = stored(FakeBackend(), Path(sys.argv[1]))
async def main():
    for number in range(10_000):
        reply = await backend.chat(Conversation(messages=(user(f"{sys.argv[2]} {number}"),)))
        print(reply.message.text, flush=True)
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9_with_two_writers(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    children = [
        subprocess.Popen([sys.executable, "-c", _CHILD, str(path), name], stdout=subprocess.PIPE, text=True)
        for name in ("left", "right")
    ]
    acknowledged: list[str] = []
    for child in children:
        assert child.stdout
        acknowledged += [child.stdout.readline().strip() for _ in range(20)]
    for child in children:
        child.kill()
        assert child.stdout
        # a last line may be cut by the kill: only whole lines were acknowledged
        acknowledged += [line.strip() for line in child.stdout.readlines() if line.endswith("\n")]
        child.wait()
        child.stdout.close()
    behind = FakeBackend()
    backend = stored(behind, path)

    async def main() -> None:
        for text in acknowledged:
            reply = await backend.chat(Conversation(messages=(user(text),)))
            assert reply.message.text == text

    asyncio.run(main())
    assert len(acknowledged) >= 40
    assert behind.asked == []


def test_a_store_that_several_open_for_the_first_time_is_made_once(tmp_path: Path) -> None:
    """One that looked while another was making the file once took it for a foreign database."""
    for number in range(40):
        path = tmp_path / f"{number}.sqlite"
        with ThreadPoolExecutor(8) as pool:
            stores = list(pool.map(lambda _: RequestStore(path), range(8)))  # noqa: B023 - used inside the round
        for store in stores:
            store.close()


def test_many_threads_keep_at_once_and_each_returns_when_its_answer_is_on_the_disk(tmp_path: Path) -> None:
    store = RequestStore(tmp_path / "r.sqlite")

    def keep(number: int) -> bool:
        question = Question(kind="chat", request={"number": number})
        store.keep(f"key {number}", question, Reply(message=assistant(f"answer {number}")))
        with closing(RequestStore(tmp_path / "r.sqlite")) as other:  # seen by others already
            return other.find(f"key {number}", "chat").message.text == f"answer {number}"

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(keep, range(100)))
    assert len(list(store.all())) == 100
    store.close()
