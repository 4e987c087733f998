from __future__ import annotations

from typing import Any

import pytest
from pptx.util import Inches

from lianlu.core.errors import DataError
from lianlu.extract.pptx import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import archive, pptx, source_of


def presentation(content: bytes, **config: Any) -> Document:
    return read(content, source_of(content, "a.pptx"), ReadConfig(**config))


def filled(slides: Any) -> None:
    first = slides.slides.add_slide(slides.slide_layouts[1])
    first.shapes.title.text = "季度总结"
    text = first.placeholders[1].text_frame
    text.text = "收入增长 12%"
    below = text.add_paragraph()
    below.text = "华东区最好"
    below.level = 1
    first.notes_slide.notes_text_frame.text = "强调现金流。"
    second = slides.slides.add_slide(slides.slide_layouts[5])
    second.shapes.title.text = "Budget"
    table = second.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for at, words in enumerate(("Item", "Cost", "GPU", "$30k")):
        table.cell(at // 2, at % 2).text = words
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(Inches(1), Inches(4), Inches(2), Inches(1)).text_frame.text = "in a group"
    second._element.set("show", "0")
    slides.slides.add_slide(slides.slide_layouts[6])
    slides.core_properties.title = "Review"


def test_slides_are_pages_with_title_text_tables_and_notes() -> None:
    found = presentation(pptx(filled))
    assert [(block.kind, block.page, block.markdown) for block in found.blocks] == [
        ("heading", 1, "## 季度总结"),
        ("list", 1, "- 收入增长 12%\n  - 华东区最好"),
        ("para", 1, "强调现金流。"),
        ("heading", 2, "## Budget"),
        ("table", 2, "| Item | Cost |\n| --- | --- |\n| GPU | $30k |"),
        ("para", 2, "in a group"),
    ]
    assert found.title == "Review"
    assert (found.meta["slides"], found.meta["hidden_slides"]) == (3, [2])


def test_slides_come_in_the_order_they_are_shown() -> None:
    def turned(slides: Any) -> None:
        for title in ("one", "two"):
            slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = title
        ids = slides.slides._sldIdLst
        ids.append(ids[0])

    assert presentation(pptx(turned)).markdown == "## two\n\n## one"


def test_more_slides_than_the_limit_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        presentation(pptx(filled), max_pages=2)
    assert caught.value.code == "extract.too-large"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pptx(lambda _: None), "extract.no-content"),
        (pptx(filled)[:5000], "extract.broken"),
        (archive({"ppt/presentation.xml": b"<a"}), "extract.broken"),
        (archive({"ppt/presentation.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"}), "extract.broken"),
        (archive({"ppt/presentation.xml": b"<a/>", "ppt/slides/slide1.xml": b"<a/>"}), "extract.no-content"),
        (archive({"ppt/presentation.xml": b"0" * 60_000_000}), "extract.bomb"),
    ],
    ids=["empty", "cut off", "no xml", "entities", "no slides", "bomb"],
)
def test_what_is_no_presentation_is_told(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        presentation(content)
    assert caught.value.code == code
