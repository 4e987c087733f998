from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.records import Block, Document, Failure, Source
from lianlu.text.documents import _safe_name, load_documents, load_entries, load_failures, write_documents


def document(uri: str, text: str = "Hello", number: int = 1) -> Document:
    source = Source(uri=uri, sha256=f"{number:064x}", size=5)
    return Document(id=f"{number:024x}", source=source, blocks=(Block(kind="para", markdown=text),))


def files(folder: Path) -> Files:
    return Files.of_folder(folder, kind="documents")


def test_documents_and_failures_come_back(tmp_path: Path) -> None:
    made = [document("b/c.pdf", number=2), document("a.md")]
    failed = [Failure(uri="z", code="x.y", reason="r"), Failure(uri="e.md", code="x.y", reason="r")]
    write_documents(tmp_path, made, failed)
    assert list(load_documents(files(tmp_path))) == [made[1], made[0]]
    assert [failure.uri for failure in load_failures(files(tmp_path))] == ["e.md", "z"]
    assert (tmp_path / "b/c.pdf.md").read_text() == "Hello\n"


def test_names_that_clash_are_kept_apart(tmp_path: Path) -> None:
    made = [document("a.md", "1", 1), document("a", "2", 2), document("A", "3", 3)]
    write_documents(tmp_path, made)
    assert len({entry.json.casefold() for entry in load_entries(files(tmp_path))}) == 3
    assert sorted(each.markdown for each in load_documents(files(tmp_path))) == ["1", "2", "3"]


def test_files_of_the_run_before_are_removed(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("gone/a.md"), document("b.md", number=2)])
    write_documents(tmp_path, [document("b.md", number=2)])
    assert sorted(files(tmp_path)) == ["b.json", "b.md", "documents.jsonl", "failures.jsonl"]
    assert not (tmp_path / "gone").exists()


def test_same_documents_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_documents(tmp_path / name, [document("a.md"), document("b.md", number=2)])
    first, second = files(tmp_path / "one"), files(tmp_path / "two")
    assert {name: path.read_bytes() for name, path in first.items()} == {
        name: path.read_bytes() for name, path in second.items()
    }


def test_folder_without_index_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"documents\.jsonl"):
        list(load_documents(files(tmp_path)))


@pytest.mark.parametrize("content", [b"{", b"\xff\n", b'{"id": 1}\n', b"[]\n"])
def test_broken_index_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "documents.jsonl").write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_entries(files(tmp_path))
    assert caught.value.code == "text.documents-broken"


def test_missing_document_is_told(tmp_path: Path) -> None:
    write_documents(tmp_path, [document("a.md")])
    (tmp_path / "a.json").unlink()
    with pytest.raises(DataError, match=r"a\.json"):
        list(load_documents(files(tmp_path)))


@given(st.text(max_size=300))
def test_any_uri_gives_a_name_inside_the_folder(uri: str) -> None:
    parts = _safe_name(uri).split("/")
    assert parts
    assert all(part and not part.startswith(".") and len(part.encode(errors="replace")) < 200 for part in parts)
