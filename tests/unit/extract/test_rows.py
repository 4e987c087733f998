from __future__ import annotations

import pytest

from lianlu.extract.rows import TableRow, row_blocks
from lianlu.records import Span


def blocks(*rows: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(block.kind, block.markdown) for block in row_blocks(TableRow(row) for row in rows)]


def test_a_table_has_the_names_of_its_columns() -> None:
    assert blocks(("city", "people"), ("北京", "2184"), ("a|b", "x\ny")) == [
        ("table", "| city | people |\n| --- | --- |\n| 北京 | 2184 |\n| a\\|b | x y |")
    ]


def test_without_names_the_first_row_is_a_row() -> None:
    assert blocks(("1", "2"), ("3", "4")) == [("table", "|  |  |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |")]
    assert blocks(("a", "a"), ("b", "c"))[0][1].startswith("|  |  |")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("country", "2023", "2024"), ("China", "5.2", "5.0")),
        (("", "2024-01", "2024-02"), ("rain", "1", "20")),
        (("name", "2023年", "2024年"), ("a", "17", "18%")),
    ],
)
def test_years_may_be_names_of_columns(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert blocks(first, second)[0][1].splitlines()[0] == "| " + " | ".join(first) + " |"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("Ann", "2019"), ("Bob", "2021")),
        (("2024-01-01 10:00", "rain"), ("2024-01-02 11:00", "sun")),
        (("Ann", "ann@example.com"), ("Bob", "bob@example.com")),
        (("a page", "https://example.com/a"), ("b page", "https://example.com/b")),
    ],
)
def test_a_row_of_values_is_no_head(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    assert blocks(first, second)[0][1].splitlines()[0] == "|  |  |"


def test_a_table_of_very_many_columns_keeps_every_cell() -> None:
    ((_, text),) = blocks(tuple(f"n{at}" for at in range(2000)), tuple(f"v{at}" for at in range(2000)))
    names, marks, values = text.splitlines()
    assert marks.count("---") == names.count(" | ") + 1 == values.count(" | ") + 1 == 512
    assert names.endswith(" n1998 n1999 |")
    assert values.endswith(" v1998 v1999 |")


def test_rows_of_other_lengths_keep_every_cell() -> None:
    found = blocks(("a", "b"), ("1", "2", "", "4"), ("1",), *[("x", "y")] * 120, ("1", "2", "3", "4", "5", "", "7"))
    lines = found[0][1].splitlines()
    assert lines[0] == "| a | b |  |  |"
    assert lines[2:4] == ["| 1 | 2 |  | 4 |", "| 1 |  |  |  |"]
    assert found[-1][1].splitlines()[-1] == "| 1 | 2 | 3 | 4 5 7 |"


def test_a_long_table_is_cut_and_each_piece_has_the_names() -> None:
    found = blocks(("name", "what"), *((f"n{at}", "word " * 20) for at in range(40)))
    assert len(found) > 3
    assert all(text.startswith("| name | what |\n| --- | --- |\n| n") for _, text in found)
    assert sum(text.count("\n") - 1 for _, text in found) == 40


@pytest.mark.parametrize("names", [("Question", "Answer", "note"), ("问题", "答案", "备注"), ("Q", "A", "x")])
def test_questions_and_answers_are_sections(names: tuple[str, ...]) -> None:
    assert blocks(
        names, ("How\nmany?", "Ten.\n\nAt most.", "old"), ("", "no question", ""), ("Only asked?", "", "")
    ) == [
        ("heading", "## How many?"),
        ("para", "Ten.\n\nAt most."),
        ("list", f"- {names[2]}: old"),
        ("para", "no question"),
        ("heading", "## Only asked?"),
    ]


def test_choices_of_a_question_are_no_answer() -> None:
    found = blocks(("question", "A", "B", "answer"), ("How many?", "one", "two", "B"))
    assert found == [("heading", "## How many?"), ("para", "B"), ("list", "- A: one\n- B: two")]


def test_a_title_above_a_table_names_no_column() -> None:
    assert blocks(("Staff", "", ""), ("", "2024"), ("name", "since", "pay"), ("Ann", "2020", "7")) == [
        ("para", "Staff"),
        ("para", "2024"),
        ("table", "| name | since | pay |\n| --- | --- | --- |\n| Ann | 2020 | 7 |"),
    ]


def test_nothing_gives_nothing() -> None:
    assert blocks() == []
    assert blocks(("", " "), ()) == []
    assert blocks(("only", "names")) == []


def test_places_are_those_of_the_rows() -> None:
    spans = [Span(start=at * 10, end=at * 10 + 9, first_line=at + 1, last_line=at + 1) for at in range(3)]
    rows = [TableRow((f"a{at}", f"b{at}"), span) for at, span in enumerate(spans)]
    (table,) = row_blocks(rows)
    assert table.span == Span(start=10, end=29, first_line=2, last_line=3)
