"""Documents to be summed up: from files, addresses and databases, or from a base."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.core.job import Job
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.filters import read_filters
from lianlu.rag.gathering import documents_of_base, gather, read_sources
from lianlu.rag.shelf import build
from lianlu.rag.sources import SqlSource

from .conftest import Make, with_meta

NOWHERE = "http://127.0.0.1:9/page"  # the port of `discard`: nobody listens


@pytest.fixture
def pump(tmp_path: Path) -> Path:
    path = tmp_path / "pump.md"
    path.write_text("# Pump\n\nThe pump moves water.\n", encoding="utf-8")
    return path


def test_an_address_that_cannot_be_fetched_is_told_and_the_files_are_read(pump: Path) -> None:
    gathered = read_sources([NOWHERE, pump], Job("read"))
    assert [each.source.uri for each in gathered.documents] == ["pump.md"]
    assert [(each.uri, each.code) for each in gathered.failures] == [(NOWHERE, "rag.web-failed")]


def test_rows_of_a_database_are_documents(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.execute("CREATE TABLE notices (id, title, body)")
        connection.execute(
            "INSERT INTO notices VALUES (1, 'Pumps', 'The pump moves water.'), (2, 'Sails', 'Sails fill.')"
        )
    connection.close()
    sql = SqlSource(database=str(tmp_path / "shop.sqlite"), query="SELECT id, title, body FROM notices")
    assert [each.title for each in read_sources([sql], Job("read")).documents] == ["Pumps", "Sails"]


def test_a_file_that_is_named_twice_is_read_once(pump: Path) -> None:
    assert len(read_sources([pump, str(pump)], Job("read")).documents) == 1


def test_a_path_goes_before_a_base_of_that_name(pump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("boats", pump)[0].close()
    assert [each.source.uri for each in gather(["boats"]).documents] == ["pump.md"]
    (tmp_path / "boats").mkdir()
    (tmp_path / "boats" / "sail.md").write_text("# Sail\n\nSails fill with wind.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert [each.source.uri for each in gather(["boats"]).documents] == ["sail.md"]


def test_the_documents_of_a_base_are_taken_in_their_order(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document(f"{name}.md", f"# {name}\n\nThe {name} of the boat.") for name in ("sail", "mast", "hull")])
    gathered = documents_of_base(base)
    assert [each.source.uri for each in gathered.documents] == ["hull.md", "mast.md", "sail.md"]
    assert gathered.title == "notes"


def test_filters_choose_among_them(base: KnowledgeBase, make_document: Make) -> None:
    base.put(
        [
            with_meta(make_document("old.md", "# Old\n\nThe old pump."), date="2019-05-01"),
            with_meta(make_document("new.md", "# New\n\nThe new pump."), date="2025-05-01"),
        ]
    )
    assert [each.source.uri for each in documents_of_base(base, read_filters(since="2024")).documents] == ["new.md"]
    with pytest.raises(UsageError) as caught:
        documents_of_base(base, read_filters(since="2030"))
    assert caught.value.code == "rag.no-document-fits"


def test_an_empty_base_says_so(base: KnowledgeBase) -> None:
    with pytest.raises(UsageError) as caught:
        documents_of_base(base)
    assert caught.value.code == "rag.no-document-fits"
