"""A secret is found wherever it may hide in a Space."""

from __future__ import annotations

import sqlite3
import zipfile
from pathlib import Path

import pytest

from lianlu.cli.space.scan import leaks

KEY = 'sk-0123"456789'


@pytest.mark.parametrize("text", [f"x {KEY} y", '{"key": "sk-0123\\"456789"}'], ids=["plain", "json"])
def test_in_a_text(tmp_path: Path, text: str) -> None:
    (tmp_path / ".env").write_text(text)
    assert list(leaks(tmp_path, {"API_KEY": KEY})) == [("API_KEY", ".env")]


def test_in_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.txt", KEY * 3)
    assert list(leaks(tmp_path, {"API_KEY": KEY})) == [("API_KEY", "a.whl")]


def test_over_the_pages_of_a_database(tmp_path: Path) -> None:
    key = "k" * 5000  # longer than a page, so it stands nowhere in one piece
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.execute("CREATE TABLE t (x TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", ("before " + key,))
    connection.commit()
    connection.close()
    assert key.encode() not in (tmp_path / "a.sqlite").read_bytes()
    assert list(leaks(tmp_path, {"API_KEY": key})) == [("API_KEY", "a.sqlite")]


def test_over_the_border_of_what_is_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * ((1 << 22) - 5) + KEY.encode())
    assert list(leaks(tmp_path, {"API_KEY": KEY})) == [("API_KEY", "large")]


def test_nowhere_where_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("nothing")
    assert list(leaks(tmp_path, {"API_KEY": KEY})) == []
