from __future__ import annotations

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.csv_table import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document, Span
from made_files import source_of


def table(content: bytes, name: str = "a.csv") -> Document:
    return read(content, source_of(content, name), ReadConfig())


CITIES = '城市,人口\n北京,2184\n"上海, 市","24\n87"\n广州,1882\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_any_encoding_is_read(encoding: str) -> None:
    found = table(CITIES.encode(encoding))
    assert found.markdown.splitlines()[2:] == ["| 北京 | 2184 |", "| 上海, 市 | 24 87 |", "| 广州 | 1882 |"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_mark_between_cells_is_told(mark: str) -> None:
    rows = ("name", "size", "what"), ("a", "1", "one, two"), ("b", "2", "three")
    text = "\n".join(mark.join(f'"{cell}"' if mark in cell else cell for cell in row) for row in rows)
    assert table(text.encode()).markdown.splitlines()[0] == "| name | size | what |"


def test_the_ending_tells_of_tabs() -> None:
    assert table(b"a, b\tc, d\n1, 2\t3, 4\n", "a.tsv").markdown.splitlines()[2] == "| 1, 2 | 3, 4 |"


@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_marks_inside_of_quotes_do_not_count(mark: str) -> None:
    others = ",;|".replace(mark, "")
    text = f"name{mark}what\n" + f'x{mark}"a{others[0]} b{others[1]} c{others[0]} d"\n' * 5
    assert table(text.encode()).markdown.splitlines()[0] == "| name | what |"


def test_the_first_line_of_excel_says_the_mark() -> None:
    assert table(b"sep=;\na,b;c\n1,2;3\n").markdown == "| a,b | c |\n| --- | --- |\n| 1,2 | 3 |"
    assert table(b"sep=;\na;b\n1;2\n").blocks[0].span == Span(start=10, end=13, first_line=3, last_line=3)


@pytest.mark.parametrize("after", ["", "Cyd,fine\n" * 20, '"Dan" said,"hm\n'], ids=["end", "rows", "another"])
def test_a_quote_that_nothing_closes_takes_no_rows(after: str) -> None:
    found = table(f'name,said\nAnn,"hello\nBob,fine\nCyd,ok\n{after}'.encode())
    assert found.markdown.splitlines()[2:5] == ['| Ann | "hello |', "| Bob | fine |", "| Cyd | ok |"]


def test_a_cell_of_several_lines_is_kept_whole() -> None:
    found = table(b'name,address\nAnn,"12 Main St\nSpringfield, IL\nUSA"\nBob,"5"" pipe"\n')
    assert found.markdown.splitlines()[2:] == ["| Ann | 12 Main St Springfield, IL USA |", '| Bob | 5" pipe |']


def test_a_row_is_traced_to_its_lines() -> None:
    long = "word " * 150
    text = f'q,a\n"first\nasked?","{long}"\nsecond?,short\n'
    found = table(text.encode())
    spans = [block.span for block in found.blocks if block.kind == "para"]
    assert [(span.first_line, span.last_line) for span in spans if span] == [(2, 3), (4, 4)]
    assert spans[1] is not None
    assert spans[1].cut(text) == "second?,short"


def test_a_cell_may_be_longer_than_the_module_likes() -> None:
    assert "x" * 300_000 in table(b"name,text\na," + b"x" * 300_000 + b"\n").markdown


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"name,text\n", "extract.no-content"),
        (b",,,\n,,,\n", "extract.no-content"),
        (b"name,text\na,\x00\x01\x02\x00\x00\n" * 40, "text.binary"),
        (b'name,text\na,"' + b"x" * 10_500_000, "extract.broken"),
    ],
    ids=["only names", "only commas", "binary", "a cell without end"],
)
def test_what_is_no_table_is_told(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        table(content)
    assert caught.value.code == code
    assert caught.value.hint("zh")
