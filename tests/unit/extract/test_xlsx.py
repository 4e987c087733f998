from __future__ import annotations

import datetime
import io
from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.reader import ReadConfig
from lianlu.extract.xlsx import read
from lianlu.records import Document
from made_files import archive, source_of, xlsx


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


def test_what_a_sheet_says_of_its_size_is_not_believed() -> None:
    import zipfile

    content = io.BytesIO(xlsx(lambda book: book.active.append(["name", "what"]) or book.active.append(["a", "b"])))
    parts = {}
    with zipfile.ZipFile(content) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    parts[sheet] = parts[sheet].replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')
    assert b"XFD1048576" in parts[sheet]
    assert workbook(archive(parts)).markdown.endswith("| a | b |")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (xlsx(lambda _: None), "extract.no-content"),
        (xlsx(filled)[:3000], "extract.broken"),
        (archive({"xl/workbook.xml": b"<workbook/>"}), "extract.broken"),
        (archive({"xl/workbook.xml": b"<!DOCTYPE w [<!ENTITY a 'b'>]><workbook/>"}), "extract.broken"),
        (archive({"xl/workbook.xml": b"0" * 60_000_000}), "extract.bomb"),
    ],
    ids=["empty", "cut off", "no sheets", "entities", "bomb"],
)
def test_what_is_no_workbook_is_told(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        workbook(content)
    assert caught.value.code == code
