"""Rows of a SQLite database as documents, and what a query may not do."""

import sqlite3
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.job import Job
from lianlu.extract.sql import ExtractSqlRecipe, rows_to_documents
from lianlu.rag.filters import Filters
from lianlu.rag.sources import SqlSource


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notices (id INTEGER, title TEXT, body TEXT, date TEXT, picture BLOB)")
    connection.executemany(
        "INSERT INTO notices VALUES (?, ?, ?, ?, ?)",
        [
            (1, "退货", "七天之内可以退货。", "2023-05-01", b"\x00\x01"),
            (2, "运费", "满一百元免运费。", "2025-01-01", None),
            (3, "空", None, "2025-02-02", None),
        ],
    )
    connection.commit()
    connection.close()
    return path


def read(path: Path, query: str, **columns: object) -> tuple[list[str], list[str]]:
    recipe = ExtractSqlRecipe.model_validate({"database": str(path), "query": query, **columns})
    documents, failures = rows_to_documents(recipe, Job("test"))
    return [f"{each.source.uri}|{each.title}|{each.markdown}" for each in documents], [each.code for each in failures]


def test_a_row_is_a_document_with_its_title_and_text(shop: Path) -> None:
    documents, failures = read(shop, "SELECT id, title, body, date FROM notices ORDER BY id")
    assert documents == [
        "shop.sqlite/1|退货|# 退货\n\n七天之内可以退货。",
        "shop.sqlite/2|运费|# 运费\n\n满一百元免运费。",
    ]
    assert failures == ["extract.no-content"]


def test_columns_can_be_chosen(shop: Path) -> None:
    documents, _ = read(shop, "SELECT * FROM notices WHERE id = 2", id="title", text=["body", "date"])
    assert documents == ["shop.sqlite/运费|运费|# 运费\n\nbody: 满一百元免运费。\n\ndate: 2025-01-01"]


def test_rows_of_a_base_follow_the_database_and_are_filtered_by_their_columns(shop: Path) -> None:
    base, _ = rag.build("shop", SqlSource(database=str(shop), query="SELECT id, title, body, date FROM notices"))
    with base:
        assert base.search("可以退货吗", 1)[0].uri == "shop.sqlite/1"
        assert base.search("退货", 9, Filters(since="2024")) == []
        connection = sqlite3.connect(shop)
        connection.execute("UPDATE notices SET body = '十四天之内可以退货。' WHERE id = 1")
        connection.execute("DELETE FROM notices WHERE id = 2")
        connection.commit()
        connection.close()
        changes = base.update()
        assert (changes.changed, changes.removed) == (["shop.sqlite/1"], ["shop.sqlite/2"])
        assert "十四天" in base.search("退货", 1)[0].text


def test_a_database_that_is_away_does_not_empty_the_base(shop: Path) -> None:
    base, _ = rag.build("shop", SqlSource(database=str(shop), query="SELECT id, title, body FROM notices"))
    with base:
        shop.rename(shop.with_name("away"))
        assert [failure.code for failure in base.update().failed] == ["file.missing"]
        assert base.status().documents == 2


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM notices",
        "INSERT INTO notices VALUES (9, 'x', 'y', '', NULL)",
        "ATTACH DATABASE '/tmp/x' AS other",
        "PRAGMA journal_mode = DELETE",
        "SELECT load_extension('/tmp/x')",
        "SELECT 1; DROP TABLE notices",
        "SELECT * FROM nowhere",
        "no sql at all",
        "",
    ],
)
def test_nothing_but_one_select_is_run(shop: Path, query: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(UsageError) as caught:
        read(shop, query)
    assert caught.value.code == "extract.bad-query"
    assert shop.read_bytes() == before


def test_rows_of_one_name_are_told(shop: Path) -> None:
    documents, failures = read(shop, "SELECT 'same', body FROM notices WHERE body IS NOT NULL")
    assert len(documents) == 1
    assert failures == ["extract.same-id"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"title": "nowhere"}, "extract.no-column"),
        ({"most_rows": 1}, "extract.too-many-rows"),
        ({"database": "postgresql://user:secret@host/db"}, "extract.not-sqlite"),
        ({"database": "/nowhere.sqlite"}, "file.missing"),
    ],
)
def test_bad_settings_are_named(shop: Path, given: dict[str, object], code: str) -> None:
    with pytest.raises(LianluError) as caught:
        read(shop, "SELECT * FROM notices", **given)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_what_is_no_database_is_broken(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "x.sqlite", "SELECT 1")
    assert caught.value.code == "extract.broken"


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("LIANLU_LANG", "en")
