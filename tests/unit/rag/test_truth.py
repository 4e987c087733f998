"""The file that is a knowledge base: whole documents or none, whoever is killed and whoever reads."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lianlu.core.errors import DataError, LimitError
from lianlu.rag import database
from lianlu.rag.truth import Truth, write_snapshot
from lianlu.records import Failure
from lianlu.text.chunks import chunk_document

from .conftest import Make

WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import markdown_document
from lianlu.rag.truth import Truth
from lianlu.text.chunks import chunk_document
truth = Truth.create(Path({path!r}), "notes")
for number in range(10_000):
    document = markdown_document(f"{{number}}.md", "# T\\n\\n" + f"正文 {{number}}。" * 200)
    truth.put(document, chunk_document(document))
    print(number, flush=True)
"""


def put(truth: Truth, make: Make, uri: str, text: str, root: int = 0) -> None:
    document = make(uri, text)
    truth.put(document, chunk_document(document), root=root)


def test_a_document_is_replaced_by_uri(tmp_path: Path, make_document: Make) -> None:
    with Truth.create(tmp_path / "a.sqlite", "a") as truth:
        put(truth, make_document, "a.md", "first")
        put(truth, make_document, "a.md", "second")
        assert [truth.document(row.row).markdown for row in truth.documents()] == ["second"]
        assert truth.chunk_count() == 1


def test_documents_with_equal_text_both_stay_and_both_go(tmp_path: Path, make_document: Make) -> None:
    with Truth.create(tmp_path / "a.sqlite", "a") as truth:
        put(truth, make_document, "a.md", "same")
        put(truth, make_document, "b.md", "same")
        assert [row.uri for row in truth.documents()] == ["a.md", "b.md"]
        truth.remove(0, "a.md")
        assert [row.uri for row in truth.documents()] == ["b.md"]
        truth.remove(0, "b.md")
        assert truth.chunk_count() == 0


def test_a_chunk_id_is_never_used_twice(tmp_path: Path, make_document: Make) -> None:
    with Truth.create(tmp_path / "a.sqlite", "a") as truth:
        put(truth, make_document, "a.md", "one")
        (first,) = truth.chunk_ids()
        truth.remove(0, "a.md")
        put(truth, make_document, "a.md", "two")
        assert truth.chunk_ids() > [first]


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path, make_document: Make) -> None:
    with Truth.create(tmp_path / "a.sqlite", "a") as truth:
        before = truth.state()

        def fail_half_way() -> None:
            with truth.writing():
                put(truth, make_document, "a.md", "text")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_half_way()
        assert truth.documents() == []
        assert truth.state() == before


def test_a_reader_sees_one_state_while_a_writer_goes_on(tmp_path: Path, make_document: Make) -> None:
    with Truth.create(tmp_path / "a.sqlite", "a") as writer, Truth.open(tmp_path / "a.sqlite", "a") as reader:
        put(writer, make_document, "a.md", "one")
        with reader.reading():
            assert reader.chunk_count() == 1
            put(writer, make_document, "b.md", "two")
            assert reader.chunk_count() == 1
        assert reader.chunk_count() == 2


def test_a_held_writer_lock_is_a_limit_with_a_hint(
    tmp_path: Path, make_document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    with Truth.create(tmp_path / "a.sqlite", "a") as first, Truth.open(tmp_path / "a.sqlite", "a") as second:
        with first.writing(), pytest.raises(LimitError) as caught:
            put(second, make_document, "b.md", "two")
        assert caught.value.code == "rag.busy"
        assert "another process" in caught.value.message("en")
        put(second, make_document, "b.md", "two")


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096], ids=["text", "torn"]
)
def test_a_file_that_is_no_base_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        Truth.open(path, "a")
    assert caught.value.code == "rag.corrupt"
    assert str(path) in caught.value.message("en")
    assert "rag build a" in caught.value.hint("en")


def test_a_truncated_base_is_found(tmp_path: Path, make_document: Make) -> None:
    path = tmp_path / "a.sqlite"
    with Truth.create(path, "a") as truth:
        put(truth, make_document, "a.md", "正文。" * 5000)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(DataError), Truth.open(path, "a") as truth:
        truth.check()


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    Truth.create(path, "a").close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format_version'")
    connection.close()
    with pytest.raises(DataError, match="99"):
        Truth.open(path, "a")


def test_snapshots_of_equal_documents_are_equal_bytes(tmp_path: Path, make_document: Make) -> None:
    documents = [make_document(f"{number}.md", f"# T{number}\n\n正文 {number}。") for number in range(20)]
    chunked = [(document, list(chunk_document(document))) for document in documents]
    failures = [Failure(uri="bad.pdf", code="x.y", reason="broken")]
    for name in ("one", "two"):
        write_snapshot(tmp_path / name, chunked, failures, "{}")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with Truth.open_snapshot(tmp_path / "one") as truth:
        assert len(truth.documents()) == 20
        assert truth.failures() == [(0, failures[0])]


def test_a_snapshot_keeps_two_documents_of_one_uri(tmp_path: Path, make_document: Make) -> None:
    documents = [make_document("a.md", "one"), make_document("a.md", "two")]
    write_snapshot(tmp_path / "s", [(each, list(chunk_document(each))) for each in documents], [], "{}")
    with Truth.open_snapshot(tmp_path / "s") as truth:
        assert len(truth.documents()) == 2


@pytest.mark.parametrize("seconds", [0.05, 0.15, 0.3])
def test_killed_at_any_moment_keeps_what_was_acknowledged_and_nothing_partial(tmp_path: Path, seconds: float) -> None:
    path = tmp_path / "a.sqlite"
    script = WRITER.format(tests=str(Path(__file__).parent), path=str(path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "0"
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)
        acknowledged = [0, *(int(line) for line in writer.stdout.read().splitlines() if line.strip().isdigit())]
    with Truth.open(path, "a") as truth:
        truth.check()
        rows = truth.documents()
        assert {f"{number}.md" for number in acknowledged} <= {row.uri for row in rows}
        for row in rows:
            expected = [chunk.text for chunk in chunk_document(truth.document(row.row))]
            assert [each.chunk.text for each in truth.chunks_of(row.row)] == expected
