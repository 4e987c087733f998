"""Roots are paths, addresses or queries, and come back as they were named."""

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.rag.sources import Root, SqlSource, root_texts


def test_paths_are_made_absolute_and_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert root_texts(["docs", Path("docs"), tmp_path / "docs"]) == [str(tmp_path / "docs")]


def test_a_folder_named_like_a_scheme_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [Root(text).kind for text in root_texts(["sql:x", "http:x", "imported:1"])] == ["path"] * 3


def test_an_address_stays_as_it_is() -> None:
    (text,) = root_texts(["https://example.org/a?b=c"])
    assert (text, Root(text).kind) == ("https://example.org/a?b=c", "web")


@pytest.mark.parametrize("address", ["http://", "https:///path", "https:// x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no web address"):
        root_texts([address])


def test_a_query_is_remembered_whole(tmp_path: Path) -> None:
    query = SqlSource(database=str(tmp_path / "shop.sqlite"), query="SELECT id, name FROM items", date="sold")
    (text,) = root_texts([query])
    assert Root(text).kind == "sql"
    assert Root(text).sql == query


def test_the_empty_path_is_refused() -> None:
    with pytest.raises(UsageError, match="file"):
        root_texts([""])
