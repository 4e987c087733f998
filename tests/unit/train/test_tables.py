"""Tables: csv as spreadsheets write it, parquet as hubs do."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import UsageError
from lianlu.train.reading import read_paths
from lianlu.train.rows import BadRow, Parsed
from lianlu.train.tables import rows_of_csv, rows_of_parquet


def cells(content: str | bytes, name: str = "d.csv", **limits: int) -> list[tuple[str, Any]]:
    content = content.encode() if isinstance(content, str) else content
    return shown(list(rows_of_csv(content, name, **limits)))


def shown(rows: list[Parsed | BadRow]) -> list[tuple[str, Any]]:
    return [(row.id, row.why.en if isinstance(row, BadRow) else row.value) for row in rows]


def test_a_row_stands_where_it_begins_also_after_cells_of_several_lines() -> None:
    found = cells('q,a\r\n"one\r\ntwo",x\r\n\r\n"three","y""z"\r\n')
    assert found == [("d.csv:2", {"q": "one\r\ntwo", "a": "x"}), ("d.csv:5", {"q": "three", "a": 'y"z'})]


@pytest.mark.parametrize(("name", "delimiter"), [("d.csv", ","), ("d.csv", ";"), ("d.csv", "\t"), ("d.tsv", "\t")])
def test_the_delimiter_is_seen_from_the_first_line(name: str, delimiter: str) -> None:
    table = f'q{delimiter}a\n"1,2;3"{delimiter}4\n'
    assert cells(table, name) == [(f"{name}:2", {"q": "1,2;3", "a": "4"})]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk", "utf-16"])
def test_tables_of_spreadsheets_are_read_in_their_encoding(encoding: str) -> None:
    text = "question,answer\n" + "这是什么问题,这是我们的回答\n" * 3
    assert cells(text.encode(encoding))[2] == ("d.csv:4", {"question": "这是什么问题", "answer": "这是我们的回答"})


def test_a_stray_comma_makes_its_row_bad() -> None:
    first, bad, last = cells("q,a\n1,2\nhello, you,2\n3,4\n")
    assert (first[0], last) == ("d.csv:2", ("d.csv:4", {"q": "3", "a": "4"}))
    assert bad[0] == "d.csv:3"
    assert bad[1].startswith("the row has 3 cells, and the first line names 2 columns")


@pytest.mark.parametrize(
    ("content", "place", "why"),
    [
        ('q,a\n"x" y,2\n', "d.csv:2", "not csv"),
        ('q,a\n1,2\n"open,2\n3,4\n', "d.csv:3", "not csv"),
        ("q,q\n1,2\n", "d.csv:1", "two columns are named 'q'"),
        (b"\x89PNG\0\0\0\0", "d.csv", "this is not text"),
    ],
    ids=["quote", "open-quote", "columns", "binary"],
)
def test_what_is_no_table_is_named(content: str | bytes, place: str, why: str) -> None:
    found, said = cells(content)[-1]
    assert (found, said.startswith(why)) == (place, True)


def test_an_empty_table_has_no_rows() -> None:
    assert (cells(""), cells("q,a\n")) == ([], [])


def test_the_limit_of_a_cell_is_ours_and_does_not_stay() -> None:
    before = csv.field_size_limit()
    assert len(cells("q,a\n" + "x" * 200_000 + ",2\n")) == 1
    (bad,) = rows_of_csv(b"q,a\n" + b"x" * 200 + b",2\n", "d.csv", 100)
    assert isinstance(bad, BadRow)
    assert bad.error().code == "train.line-too-long"
    assert csv.field_size_limit() == before


def test_messages_in_a_cell_are_read_as_json(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text('messages,tools\n"[{""role"": ""user"", ""content"": ""q""}]",\n')
    (item,) = read_paths([str(path)])
    assert not isinstance(item.content, str)


@pytest.fixture
def parquet() -> Any:
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    def write(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
        parquet.write_table(pa.Table.from_pylist(rows), path, **options)
        return path

    return write


def test_nested_columns_of_parquet_become_objects(parquet: Any, tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": str(number)}], "label": None} for number in range(3)]
    path = parquet(tmp_path / "d.parquet", rows, row_group_size=2)
    assert shown(list(rows_of_parquet(path, "d.parquet"))) == [
        (f"d.parquet#{number}", row) for number, row in enumerate(rows, 1)
    ]
    assert [item.id for item in read_paths([str(path)])] == ["d.parquet#1", "d.parquet#2", "d.parquet#3"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table" * 9, b"PAR1" + b"\0" * 64 + b"PAR1"])
def test_a_broken_parquet_file_is_named(content: bytes, tmp_path: Path, parquet: Any) -> None:
    path = tmp_path / "d.parquet"
    path.write_bytes(content)
    ((place, why),) = shown(list(rows_of_parquet(path, "d.parquet")))
    assert (place, why.startswith("not a parquet file")) == ("d.parquet", True)


def test_parquet_without_pyarrow_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in sys.modules if name.startswith("pyarrow.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError) as raised:
        list(rows_of_parquet(tmp_path / "d.parquet", "d.parquet"))
    assert (raised.value.code, raised.value.hint()) == ("extra.missing", "pip install 'lianlu[parquet]'")
