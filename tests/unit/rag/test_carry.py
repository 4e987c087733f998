"""A base in one file: carried over whole, and nothing taken from a stranger on trust."""

import sqlite3
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import DataError, UsageError
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.carry import export_base, import_base
from lianlu.rag.config import BaseConfig


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("---\ndate: 2025-01-02\n---\n# 备份\n\n我们每晚两点做备份。\n", encoding="utf-8")
    (folder / "b.md").write_text("# 监控\n\n监控每分钟检查一次。\n", encoding="utf-8")
    (folder / "empty.md").write_bytes(b"")
    base, _ = rag.build("docs", folder, config=BaseConfig(embed="fake:echo"))
    with base:
        return export_base(base, tmp_path / "kb" / "docs.sqlite")


def test_what_was_carried_over_answers_alike(exported: Path) -> None:
    with rag.open("docs") as old, import_base("copy", exported) as new:
        assert [(p.uri, p.text, p.score) for p in new.search("备份几点", 3)] == [
            (p.uri, p.text, p.score) for p in old.search("备份几点", 3)
        ]
        before, after = old.status(), new.status()
        assert (after.documents, after.vectors, after.embed) == (before.documents, before.vectors, before.embed)
        assert [failure.uri for failure in after.failures] == ["empty.md"]


def test_the_file_names_no_folder_of_its_machine(exported: Path, tmp_path: Path) -> None:
    assert str(tmp_path).encode() not in exported.read_bytes()


def test_the_same_documents_give_the_same_bytes(exported: Path, tmp_path: Path) -> None:
    with rag.open("docs") as base:
        assert export_base(base, tmp_path / "again.sqlite").read_bytes() == exported.read_bytes()


def test_an_update_leaves_imported_documents_alone(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "c.md").write_text("# 新\n\n新加的一篇。\n", encoding="utf-8")
    with import_base("copy", exported) as base:
        base.add([tmp_path / "c.md"])
        base.update()
        assert base.status().documents == 3


def test_the_file_can_be_opened_as_it_stands(exported: Path) -> None:
    with KnowledgeBase.open_snapshot(exported) as base:
        assert base.search("监控", 1)[0].uri == "b.md"


def test_a_base_of_that_name_is_kept_unless_said(exported: Path) -> None:
    with pytest.raises(UsageError, match="already"):
        import_base("docs", exported)
    with import_base("docs", exported, replaces=True) as base:
        assert base.status().documents == 2


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER evil AFTER INSERT ON documents BEGIN DELETE FROM documents; END",
        "CREATE VIEW spy AS SELECT * FROM documents",
        "CREATE TABLE other (x)",
        "DROP TRIGGER chunk_gone",
    ],
)
def test_a_file_with_other_tables_than_ours_is_refused(exported: Path, statement: str) -> None:
    connection = sqlite3.connect(exported)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="cannot be taken in"):
        import_base("copy", exported)
    assert rag.names() == ["docs"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chunks SET text = 'something else'",
        "UPDATE documents SET document = 'no json'",
        "UPDATE vectors SET vector = x'00'",
        "UPDATE meta SET value = '{\"size\": -1}' WHERE key = 'config'",
        "UPDATE meta SET value = '{}' WHERE key = 'space'",
        "UPDATE meta SET value = '99' WHERE key = 'format_version'",
    ],
)
def test_content_that_does_not_hold_together_is_refused(exported: Path, statement: str) -> None:
    connection = sqlite3.connect(exported)
    connection.execute(statement)
    connection.commit()
    connection.close()
    with pytest.raises(DataError, match="cannot be taken in"):
        import_base("copy", exported)
    assert rag.names() == ["docs"]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_what_is_no_base_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(content)
    with pytest.raises(DataError, match="cannot be taken in"):
        import_base("copy", tmp_path / "x.sqlite")


def test_a_file_cut_off_is_refused(exported: Path) -> None:
    content = exported.read_bytes()
    exported.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="cannot be taken in"):
        import_base("copy", exported)
