"""A folder with a file of every format, and hostile ones among them: what can be read is found and cited, the rest is named."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from made_files import archive, docx, pptx, xlsx

from .conftest import Command


def fill(folder: Path) -> None:
    folder.mkdir()
    files: dict[str, bytes] = {
        "slides.pptx": pptx(_slides),
        "staff.xlsx": xlsx(_sheet),
        "letter.docx": docx(lambda made: made.add_paragraph("The kiln at Vela is fired on Tuesdays.")),
        "faq.csv": "问题,答案\n怎样预约参观？,请提前三天在网站上预约。\n".encode("gbk"),
        "walk.ipynb": json.dumps(
            {"cells": [{"cell_type": "markdown", "source": "The footpath to Orlo takes ninety minutes."}]}
        ).encode(),
        "tide.py": b'def tide_height(hour):\n    """Height of the tide at Sarn in centimetres."""\n    return 40 + hour\n',
        "book.epub": archive(
            {
                "META-INF/container.xml": b'<c><rootfile full-path="a.opf"/></c>',
                "a.opf": b'<p><item id="a" href="a.html" media-type="text/html"/><itemref idref="a"/></p>',
                "a.html": "<h1>第三章</h1><p>老船长把罗盘埋在灯塔下面。</p>".encode(),
            }
        ),
        "bomb.xlsx": archive({"xl/workbook.xml": b"0" * 60_000_000}),
        "entities.pptx": archive(
            {"ppt/presentation.xml": b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a/>"}
        ),
        "lying.pptx": _lying(pptx(_slides)),
        "old.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "cut.docx": docx(lambda made: made.add_paragraph("x"))[:900],
        "climbing.epub": archive(
            {"META-INF/container.xml": b'<c><rootfile full-path="../../etc/passwd"/></c>', "../evil.html": b"<p>x</p>"}
        ),
        "bundle.min.js": b"var a=1;" * 9000,
        "empty.csv": b"",
        "binary.csv": bytes(range(256)) * 40,
        "long.md": b"x" * 500_000,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "loop").symlink_to(folder)
    (folder / "outside.md").symlink_to("/etc/hostname")


def _slides(made: object) -> None:
    slide = made.slides.add_slide(made.slide_layouts[1])  # pyright: ignore[reportAttributeAccessIssue]
    slide.shapes.title.text = "Harbour plan"
    slide.placeholders[1].text_frame.text = "The crane of the harbour lifts forty tonnes."
    untitled = made.slides.add_slide(made.slide_layouts[6])  # pyright: ignore[reportAttributeAccessIssue]
    frame = untitled.shapes.add_textbox(0, 0, 900, 900).text_frame
    frame.text = "The ferry to Vela carries two hundred passengers and leaves the eastern pier at seven every morning."


def _lying(content: bytes) -> bytes:
    """The directory says of the presentation's main part that it has ten bytes."""
    changed = bytearray(content)
    at = changed.rindex(b"ppt/presentation.xml") - 46
    struct.pack_into("<L", changed, at + 24, 10)
    return bytes(changed)


def _sheet(book: object) -> None:
    sheet = book.active  # pyright: ignore[reportAttributeAccessIssue]
    sheet.title = "Keepers"
    for row in (("name", "since", "lamp"), ("Brena Holt", 2019, "north lamp"), ("Ivo Marsh", 2021, "south lamp")):
        sheet.append(row)


ASKED: tuple[tuple[str, str, str, tuple[str, object] | None], ...] = (
    ("How many tonnes does the crane of the harbour lift?", "slides.pptx", "forty tonnes", ("page", 1)),
    ("When does the ferry to Vela leave?", "slides.pptx", "at seven", ("page", 2)),
    ("Which lamp does Ivo Marsh keep?", "staff.xlsx", "south lamp", ("headings", ["Keepers"])),
    ("When is the kiln at Vela fired?", "letter.docx", "Tuesdays", None),
    ("怎样预约参观？", "faq.csv", "提前三天", ("first_line", 2)),
    ("How long does the footpath to Orlo take?", "walk.ipynb", "ninety minutes", None),
    ("What is the height of the tide at Sarn?", "tide.py", "centimetres", ("first_line", 1)),
    ("老船长把罗盘埋在哪里？", "book.epub", "灯塔下面", ("headings", ["第三章"])),
)


def test_every_format_answers_with_its_place_and_what_fails_is_named(tmp_path: Path, lianlu: Command) -> None:
    fill(tmp_path / "docs")
    made = lianlu("rag", "build", "kb", tmp_path / "docs", "--json").json
    assert {each["uri"].rpartition("/")[2]: each["code"] for each in made["failures"]} == {
        "bomb.xlsx": "extract.bomb",
        "entities.pptx": "extract.broken",
        "lying.pptx": "extract.bomb",
        "old.xls": "extract.save-as",
        "cut.docx": "extract.broken",
        "climbing.epub": "extract.broken",
        "bundle.min.js": "extract.generated",
        "empty.csv": "extract.empty",
        "binary.csv": "text.binary",
        "outside.md": "extract.link-outside",
    }
    for question, uri, words, place in ASKED:
        answer = lianlu("rag", "ask", "kb", question, "--json").json
        cited = [each for each in answer.get("citations", ()) if each["uri"].endswith(uri) and words in each["quote"]]
        assert cited, answer
        assert place is None or cited[0][place[0]] == place[1]
