from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from lianlu.core.errors import DataError
from lianlu.extract.pptx import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from lianlu.text.chunks import ChunkConfig, chunk_document
from made_files import archive, changed, pptx, source_of


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
        ("heading", 1, "### 备注"),
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


def test_a_slide_without_title_is_named_by_its_number() -> None:
    """Else its words would be cited under the title of the slide before."""

    def untitled(slides: Any) -> None:
        slides.slides.add_slide(slides.slide_layouts[5]).shapes.title.text = "Harbour"
        second = slides.slides.add_slide(slides.slide_layouts[6])
        second.shapes.add_textbox(Inches(1), Inches(1), Inches(2), Inches(1)).text_frame.text = "The crane lifts more."
        second.notes_slide.notes_text_frame.text = "Say which crane."

    found = presentation(pptx(untitled))
    assert found.markdown == "## Harbour\n\n## Slide 2\n\nThe crane lifts more.\n\n### Notes\n\nSay which crane."
    assert found.title == "Harbour"
    assert [(chunk.headings, chunk.page) for chunk in chunk_document(found, ChunkConfig(size=20, smallest=1))][-1] == (
        ("Slide 2", "Notes"),
        2,
    )


def test_a_table_of_one_row_is_kept() -> None:
    def placed(slides: Any) -> None:
        slide = slides.slides.add_slide(slides.slide_layouts[5])
        slide.shapes.title.text = "Plan"
        table = slide.shapes.add_table(1, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
        table.cell(0, 0).text = "before"
        table.cell(0, 1).text = "after"

    assert presentation(pptx(placed)).markdown == "## Plan\n\nbefore · after"


def test_charts_are_tables_of_their_values() -> None:
    def charted(slides: Any) -> None:
        figures = CategoryChartData()
        figures.categories = ["Q1", "Q2"]
        figures.add_series("Sales", (19.2, 21.4))
        figures.add_series("Cost", (7, None))
        points = XyChartData()
        series = points.add_series("Height")
        series.add_data_point(1.5, 40)
        slide = slides.slides.add_slide(slides.slide_layouts[6])
        for kind, values in ((XL_CHART_TYPE.COLUMN_CLUSTERED, figures), (XL_CHART_TYPE.XY_SCATTER, points)):
            frame = slide.shapes.add_chart(kind, Inches(1), Inches(1), Inches(4), Inches(3), values)
            frame.chart.has_title = True
            frame.chart.chart_title.text_frame.text = f"Figures of {values[0].name}"

    assert [(block.kind, block.page, block.markdown) for block in presentation(pptx(charted)).blocks] == [
        ("heading", 1, "## Slide 1"),
        ("list", 1, "- Figures of Sales"),
        ("table", 1, "| # | Sales | Cost |\n| --- | --- | --- |\n| Q1 | 19.2 | 7 |\n| Q2 | 21.4 |  |"),
        ("list", 1, "- Figures of Height"),
        ("table", 1, "| # | Height |\n| --- | --- |\n| 1.5 | 40 |"),
    ]


SLIDE = "ppt/slides/slide1.xml"
COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def slide_of(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        return made.read(SLIDE).decode()


def test_what_is_drawn_for_older_programs_too_is_read_once() -> None:
    content = pptx(filled)
    slide = slide_of(content)
    start = slide.index("<p:sp>", slide.index("季度总结"))
    end = slide.index("</p:sp>", start) + len("</p:sp>")
    shape = slide[start:end]
    either = (
        f'<mc:AlternateContent xmlns:mc="{COMPATIBLE}"><mc:Choice Requires="p14">{shape}</mc:Choice>'
        f"<mc:Fallback>{shape}</mc:Fallback></mc:AlternateContent>"
    )
    doubled = changed(content, {SLIDE: (slide[:start] + either + slide[end:]).encode()})
    assert presentation(doubled).markdown == presentation(content).markdown


def test_presentations_of_the_strict_kind_are_read() -> None:
    content = pptx(filled)
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        parts = {name: made.read(name) for name in made.namelist()}
    kinds = rb"http://schemas.openxmlformats.org/(presentationml|drawingml|officeDocument)/2006/(\w+)"
    strict = {name: re.sub(kinds, rb"http://purl.oclc.org/ooxml/\1/\2", part) for name, part in parts.items()}
    assert strict[SLIDE] != parts[SLIDE]
    assert presentation(archive(strict)).markdown == presentation(content).markdown


def test_a_slide_that_is_named_often_is_read_once() -> None:
    content = pptx(filled)
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        main = made.read("ppt/presentation.xml").decode()
    first = main[main.index("<p:sldId ") : main.index("/>", main.index("<p:sldId ")) + 2]
    often = changed(content, {"ppt/presentation.xml": main.replace(first, first * 4000).encode()})
    assert presentation(often).markdown == presentation(content).markdown


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
