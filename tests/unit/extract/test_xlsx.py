from __future__ import annotations

import datetime
import io
import re
import zipfile
from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.reader import ReadConfig
from lianlu.extract.xlsx import read
from lianlu.records import Document
from made_files import archive, changed, source_of, xlsx


def workbook(content: bytes) -> Document:
    return read(content, source_of(content, "d/staff.xlsx"), ReadConfig())


def filled(book: Any) -> None:
    sheet = book.active
    sheet.title = "人员"
    sheet.append(["姓名", "入职", "时间", "工资", "在职", "公式"])
    day = datetime.date(2024, 5, 1)
    sheet.append(["李雷", day, datetime.datetime(2024, 5, 1, 8, 30), 1000.0, True, "=1+1"])
    sheet.append([None, None, None, 0.1 + 0.2])
    sheet.append([])
    sheet["H40"] = "   "
    faq = book.create_sheet("FAQ")
    faq.append(["问题", "答案"])
    faq.append(["怎样报销？", "填写报销单。"])
    book.create_sheet("空")
    hidden = book.create_sheet("隐藏")
    hidden.sheet_state = "hidden"
    hidden.append(["a", "b"])
    hidden.append(["x|y", "z"])


def test_sheets_are_sections_and_rows_are_tables() -> None:
    found = workbook(xlsx(filled))
    assert [(block.kind, block.level, block.markdown) for block in found.blocks] == [
        ("heading", 2, "## 人员"),
        (
            "table",
            None,
            "| 姓名 | 入职 | 时间 | 工资 | 在职 | 公式 |\n| --- | --- | --- | --- | --- | --- |\n"
            "| 李雷 | 2024-05-01 | 2024-05-01 08:30:00 | 1000 | TRUE |  |\n|  |  |  | 0.3 |  |  |",
        ),
        ("heading", 2, "## FAQ"),
        ("heading", 3, "### 怎样报销？"),
        ("para", None, "填写报销单。"),
        ("heading", 2, "## 隐藏"),
        ("table", None, "| a | b |\n| --- | --- |\n| x\\|y | z |"),
    ]
    assert found.title == "staff.xlsx"
    assert found.meta["hidden_sheets"] == ["隐藏"]
    assert len(found.meta["date"]) == 10


def markdown(fill: Any) -> str:
    return workbook(xlsx(fill)).markdown


def test_numbers_are_read_as_they_are_shown() -> None:
    def shown(book: Any) -> None:
        sheet = book.active
        sheet.append(["what", "value"])
        for row, (value, form) in enumerate(
            [(0.125, "0.0%"), (2, "0%"), (0.5, '0.0"%"'), (0.07, "0.00"), (10**15, "General"), (1e300, "General")],
            start=2,
        ):
            sheet.append([f"row {row}", value])
            sheet.cell(row, 2).number_format = form

    assert [line.split(" | ")[1] for line in markdown(shown).splitlines()[4:]] == [
        "12.5% |",
        "200% |",
        "0.5 |",
        "0.07 |",
        "1000000000000000 |",
        "1e+300 |",
    ]


def test_a_cell_merged_over_rows_stands_in_each_of_them() -> None:
    def merged(book: Any) -> None:
        sheet = book.active
        for row in (
            ("部门", "姓名"),
            ("销售", "李雷"),
            (None, "韩梅梅"),
            ("财务", "王强"),
            (None, None),
            (None, "赵敏"),
        ):
            sheet.append(row)
        sheet.merge_cells("A2:A3")
        sheet.merge_cells("A4:A5")

    assert markdown(merged).splitlines()[4:] == [
        "| 销售 | 李雷 |",
        "| 销售 | 韩梅梅 |",
        "| 财务 | 王强 |",
        "|  | 赵敏 |",
    ]


def test_a_merged_column_at_the_end_reaches_down_too() -> None:
    def merged(book: Any) -> None:
        for row in (("name", "since", "lamp"), ("Bo", 2019, "north"), ("Ivo", 2021, None)):
            book.active.append(row)
        book.active.merge_cells("C2:C3")

    assert markdown(merged).splitlines()[-1] == "| Ivo | 2021 | north |"


def test_a_head_of_two_rows_is_one() -> None:
    def headed(book: Any) -> None:
        sheet = book.active
        for row in (("销售表",), ("地区", "销量", None, "备注"), (None, "一月", "二月"), ("华东", 1, 2, "好")):
            sheet.append(row)
        for cells in ("A1:D1", "A2:A3", "B2:C2", "D2:D3"):
            sheet.merge_cells(cells)

    assert markdown(headed) == (
        "## Sheet\n\n销售表\n\n| 地区 | 销量 一月 | 销量 二月 | 备注 |\n| --- | --- | --- | --- |\n| 华东 | 1 | 2 | 好 |"
    )


def test_the_rows_of_a_form_are_no_head() -> None:
    def form(book: Any) -> None:
        for row in (("Name", "Bo Holt"), ("Born", "Vela"), ("Lives", "Orlo")):
            book.active.append(row)
        for row in (1, 2, 3):
            book.active.merge_cells(start_row=row, end_row=row, start_column=2, end_column=3)

    assert markdown(form).splitlines()[2:] == [
        "| Name | Bo Holt |", "| --- | --- |", "| Born | Vela |", "| Lives | Orlo |",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "value", "form"),
    [
        (("name", "what it is"), "a long value", r"Rows (\d+)–(\d+)"),
        (("名称", "说明"), "说明文字", r"第 (\d+)–(\d+) 行"),
    ],
)
def test_every_hundred_rows_of_a_long_table_are_named(names: tuple[str, str], value: str, form: str) -> None:
    def long(book: Any) -> None:
        book.active.append(names)
        book.active.append([])
        for number in range(250):
            book.active.append([f"{number}", value * 3])

    blocks = workbook(xlsx(long)).blocks
    row, said = 3, (0, 0)
    for block in blocks[1:]:
        assert block.span is None
        if block.kind == "heading":
            assert row == said[1] + 1 or said == (0, 0)
            match = re.fullmatch(f"### {form}", block.markdown)
            assert match
            said = (int(match[1]), int(match[2]))
            assert said[0] == row
            assert said[1] - said[0] < 100
        else:
            head, _, *lines = block.markdown.splitlines()
            assert head == f"| {names[0]} | {names[1]} |"
            assert lines == [f"| {number - 3} | {value * 3} |" for number in range(row, row + len(lines))]
            row += len(lines)
    assert row == 253
    assert said[1] == 252
    assert sum(block.level == 3 for block in blocks) == 3


def test_a_table_that_is_not_long_has_its_sheet_as_place() -> None:
    def short(book: Any) -> None:
        for number in range(80):
            book.active.append([f"name {number}", "words " * 20])

    blocks = workbook(xlsx(short)).blocks
    assert sum(block.kind == "table" for block in blocks) > 2
    assert [block.level for block in blocks if block.kind == "heading"] == [2]


def test_a_row_alone_is_kept() -> None:
    assert (
        markdown(lambda book: book.active.append(["See  the other", None, "file"]))
        == "## Sheet\n\nSee the other · file"
    )


def test_cells_too_far_to_the_right_are_counted() -> None:
    found = workbook(xlsx(lambda book: book.active.append(["name", *[None] * 600, "far", "farther"])))
    assert found.markdown == "## Sheet\n\nname"
    assert found.meta["cells_left_out"] == 2


def test_a_sheet_of_too_many_rows_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lianlu.extract.xlsx._MOST_ROWS", 3)
    with pytest.raises(DataError) as caught:
        workbook(xlsx(filled_rows))
    assert caught.value.code == "extract.long-sheet"
    assert "'Sheet'" in caught.value.message("en")
    assert "CSV" in caught.value.hint("zh")


def filled_rows(book: Any) -> None:
    for number in range(4):
        book.active.append([f"name {number}", number])


SHEET = "xl/worksheets/sheet1.xml"


def sheet_with(old: str, new: str) -> bytes:
    """The workbook of four rows, with its first sheet changed by hand."""
    content = xlsx(filled_rows)
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = book.read(SHEET).decode()
    assert old in sheet
    return changed(content, {SHEET: sheet.replace(old, new).encode()})


def test_what_a_sheet_says_of_its_size_is_not_believed() -> None:
    found = workbook(sheet_with('ref="A1:B4"', 'ref="A1:XFD1048576"'))
    assert found.markdown.endswith("| name 3 | 3 |")


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))


@pytest.mark.parametrize(("entity", "why"), [("a8", "amplification"), ("file", "undefined entity")])
def test_entities_in_a_part_of_another_ending_are_stopped_by_its_parser(entity: str, why: str) -> None:
    with zipfile.ZipFile(io.BytesIO(sheet_with("<v>1</v>", f"<v>&{entity};</v>"))) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    typed = f'<!DOCTYPE w [<!ENTITY a0 "{"ha" * 20}">{LAUGHS}<!ENTITY file SYSTEM "file:///etc/passwd">]>'
    parts["xl/worksheets/sheet1.dat"] = typed.encode() + parts.pop(SHEET)
    for name in ("xl/_rels/workbook.xml.rels", "[Content_Types].xml"):
        parts[name] = parts[name].replace(b"sheet1.xml", b"sheet1.dat")
    with pytest.raises(DataError) as caught:
        workbook(archive(parts))
    assert caught.value.code == "extract.broken"
    assert why in caught.value.message("en")


def test_merged_cells_without_end_cost_nothing() -> None:
    merged = "</sheetData><mergeCells>" + '<mergeCell ref="A1:XFD1048576"/>' * 1000 + "</mergeCells>"
    assert workbook(sheet_with("</sheetData>", merged)).markdown.endswith("| name 3 | 3 |")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (xlsx(lambda _: None), "extract.no-content"),
        (xlsx(filled)[:3000], "extract.broken"),
        (archive({"xl/workbook.xml": b"<workbook/>"}), "extract.broken"),
        (archive({"xl/workbook.xml": b"<!DOCTYPE w [<!ENTITY a 'b'>]><workbook/>"}), "extract.broken"),
        (archive({"xl/workbook.xml": b"0" * 60_000_000}), "extract.bomb"),
        (sheet_with('<row r="4"', '<row r="999999999"'), "extract.broken"),
        (sheet_with(' t="n"', ' t="s"'), "extract.broken"),
        (changed(xlsx(filled_rows), {SHEET: b"<worksheet"}), "extract.broken"),
    ],
    ids=["empty", "cut off", "no sheets", "entities", "bomb", "far row", "no such string", "no xml"],
)
def test_what_is_no_workbook_is_told(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        workbook(content)
    assert caught.value.code == code
