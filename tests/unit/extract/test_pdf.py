from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.pdf import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import Drawn, Words, lines, pdf, source_of

BODY = [
    "The first line of a paragraph that runs over the whole width of this page here",
    "and its second line goes on with words until it is nearly as wide as the first",
    "and ends in the middle of its third line.",
]


def document(content: bytes, **config: int) -> Document:
    return read(content, source_of(content, media_type="application/pdf"), ReadConfig(**config))


def shown(content: bytes) -> list[tuple[str, str]]:
    return [(block.kind, block.markdown) for block in document(content).blocks]


def test_headings_come_from_size_and_weight_with_page_and_box() -> None:
    page = [
        (72.0, 780.0, 20.0, "B", "The Title"),
        *lines(72, 740, BODY),
        (72.0, 690.0, 10.0, "B", "A bold heading"),
        *lines(72, 670, BODY),
    ]
    found = document(pdf(page))
    assert [(block.kind, block.level) for block in found.blocks] == [
        ("heading", 1),
        ("para", None),
        ("heading", 2),
        ("para", None),
    ]
    assert found.title == "The Title"
    assert found.blocks[1].markdown == " ".join(BODY)
    box = found.blocks[0].box
    assert found.blocks[0].page == 1
    assert box is not None
    assert 40 < box.top < box.bottom < 70
    assert 70 < box.left < 75


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [f"left column line number {number} of this page" for number in range(12)]
    right = [f"right column line number {number} of this page" for number in range(12)]
    title: list[Words] = [(100.0, 790.0, 18.0, "B", "A title across both of the columns of it")]
    mixed = [each for pair in zip(lines(60, 750, left), lines(320, 750, right), strict=True) for each in pair]
    random.Random(1).shuffle(mixed)
    text = document(pdf([*title, *mixed])).markdown
    assert text.index("title across") < text.index("left column line number 0")
    assert text.index("left column line number 11") < text.index("right column line number 0")


def test_hyphenated_words_and_lists_are_joined() -> None:
    page = [
        *lines(72, 780, ["These are the charac-", "teristics of it."]),
        *lines(72, 700, ["- one", "- two", "1. first"]),
    ]
    assert shown(pdf(page)) == [
        ("para", "These are the characteristics of it."),
        ("list", "- one\n- two\n1. first"),
    ]


def test_running_headers_footers_and_page_numbers_are_left_out() -> None:
    pages = [
        [
            (72.0, 810.0, 8.0, "R", f"Annual report, page {number}"),
            *lines(72, 700, [f"Body number {number} says something new.", "And more words stand here."]),
            (290.0, 30.0, 8.0, "R", str(number)),
        ]
        for number in range(1, 6)
    ]
    text = document(pdf(*pages)).markdown
    assert "Annual report" not in text
    assert [line for line in text.splitlines() if line.strip().isdigit()] == []
    assert all(f"Body number {number}" in text for number in range(1, 6))


def test_ruled_table_becomes_a_table() -> None:
    rules = [(72, y, 372, y) for y in (700, 680, 660, 640)] + [(x, 640, x, 700) for x in (72, 172, 272, 372)]
    cells: list[Words] = [
        (76 + 100 * column, 686 - 20 * row, 10.0, "R", f"r{row} c{column}") for row in range(3) for column in range(3)
    ]
    found = shown(pdf([*lines(72, 780, BODY), *rules, *cells]))
    assert found[1] == (
        "table",
        "| r0 c0 | r0 c1 | r0 c2 |\n| --- | --- | --- |\n| r1 c0 | r1 c1 | r1 c2 |\n| r2 c0 | r2 c1 | r2 c2 |",
    )


def test_aligned_columns_of_short_cells_become_a_table() -> None:
    rows = [("Name", "Size", "Year"), ("alpha", "10", "2021"), ("beta", "200", "2022"), ("gamma", "3", "2023")]
    cells = [
        (72 + 120.0 * at, 700 - 14.0 * row, 10.0, "R", text)
        for row, each in enumerate(rows)
        for at, text in enumerate(each)
    ]
    assert ("table", "| Name | Size | Year |\n| --- | --- | --- |\n| alpha | 10 | 2021 |\n| beta | 200 | 2022 |\n| gamma | 3 | 2023 |") in shown(
        pdf([*lines(72, 780, BODY), *cells])
    )  # fmt: skip


def test_table_that_goes_on_in_the_next_column_is_one() -> None:
    def grid(left: int, top: int, rows: list[list[str]]) -> list[Words | Drawn]:
        bottom = top - 20 * len(rows)
        ys = range(top, bottom - 1, -20)
        xs = (left, left + 60, left + 200)
        rules: list[Drawn] = [(left, y, left + 200, y) for y in ys]
        rules += [(x, bottom, x, top) for x in xs]
        words: list[Words] = [
            (xs[at] + 4, top - 14 - 20 * row, 9, "R", text)
            for row, cells in enumerate(rows)
            for at, text in enumerate(cells)
        ]
        return [*rules, *words]

    left = [f"left column line number {number} of this page" for number in range(10)]
    right = [f"right column line number {number} of this page" for number in range(10)]
    page = [
        *lines(60, 780, left),
        *grid(60, 640, [["Name", "Meaning"], ["a", "first"]]),
        *grid(320, 780, [["b", "second"], ["c", "third"]]),
        *lines(320, 700, right),
    ]
    tables = [markdown for kind, markdown in shown(pdf(page)) if kind == "table"]
    assert tables == ["| Name | Meaning |\n| --- | --- |\n| a | first |\n| b | second |\n| c | third |"]


def test_all_lines_in_a_box_with_code_are_code() -> None:
    frame = [(60, 720, 400, 720), (60, 660, 400, 660), (60, 660, 60, 720), (400, 660, 400, 720)]
    page = [*frame, *lines(70, 705, ["$ lianlu extract notes"], font="M"), *lines(70, 690, ["printed in another font"])]
    page += lines(72, 600, BODY)
    assert shown(pdf(page))[0] == ("code", "```\n$ lianlu extract notes\nprinted in another font\n```")


def test_drawn_discs_begin_list_items() -> None:
    page = [b"60 702 3 3 re f", b"60 688 3 3 re f", *lines(72, 700, ["first item", "second item"], pitch=14)]
    assert shown(pdf(page)) == [("list", "- first item\n- second item")]


def test_fixed_width_lines_are_code() -> None:
    page = [
        *lines(72, 780, BODY),
        *lines(72, 700, ["def f(x):"], font="M"),
        *lines(96, 688, ["return x + 1"], font="M"),
    ]
    assert shown(pdf(page))[1] == ("code", "```\ndef f(x):\n    return x + 1\n```")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pdf([(72.0, 700.0, 10.0, "R", "text")], encrypted=True), "extract.encrypted"),
        (pdf([]), "extract.no-text"),
        (b"%PDF-1.4\nnothing of a PDF follows", "extract.broken"),
        (pdf(lines(72, 700, BODY))[:150], "extract.broken"),
    ],
    ids=["encrypted", "no text", "not a pdf", "cut off"],
)
def test_files_that_cannot_be_read_say_why(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        document(content)
    assert caught.value.code == code


def test_scan_is_told_that_recognition_is_planned() -> None:
    with pytest.raises(DataError) as caught:
        document(pdf([(10, 10, 300, 300)]))
    assert "OCR" in caught.value.hint("en")


def test_pages_are_limited() -> None:
    with pytest.raises(DataError) as caught:
        document(pdf(*[lines(72, 700, BODY)] * 4), max_pages=3)
    assert caught.value.code == "extract.too-large"


def test_pages_without_text_are_counted() -> None:
    found = document(pdf(lines(72, 700, BODY), []))
    assert found.meta["pages"] == 2
    assert found.meta["pages_without_text"] == [2]


@pytest.mark.parametrize("seed", range(12))
def test_damaged_files_end_in_a_document_or_an_error(seed: int) -> None:
    content = bytearray(pdf(lines(72, 700, BODY), lines(72, 700, BODY)))
    chance = random.Random(seed)
    for _ in range(40):
        content[chance.randrange(len(content))] = chance.randrange(256)
    try:
        document(bytes(content))
    except DataError:
        return


def test_same_bytes_give_the_same_document() -> None:
    content = pdf(lines(72, 700, BODY), title="T")
    assert document(content) == document(content)


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
def test_journal_paper_is_read_in_order() -> None:
    path = Path(os.environ["LIANLU_TEST_DATA"]) / "mineru_demo" / "demo1.pdf"
    found = document(path.read_bytes())
    headings = [block.markdown.lstrip("# ") for block in found.blocks if block.kind == "heading"]
    assert found.title == "The response of flow duration curves to afforestation"
    wanted = ["1. Introduction", "2. Methods", "2.1. Characterisation of flow regime", "2.2. Zero flow day analysis"]
    assert [heading for heading in headings if heading in wanted] == wanted
    assert "Journal of Hydrology 310 (2005) 253–265" not in "".join(
        b.markdown for b in found.blocks if (b.page or 0) > 2
    )


HANDBOOK = Path(__file__).resolve().parents[3] / "examples" / "handbook"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("05-documents.en.pdf", "lianlu extract reads files into documents."),
        ("05-documents.en.pdf", "$ lianlu extract notes/ report.pdf --out"),
        ("08-knowledge.zh.pdf", "知识库是一组有名字、可检索的文档。lianlu rag 负责建立知识库、保持更新"),
    ],
)
def test_words_that_a_browser_printed_letter_by_letter_stay_whole(name: str, words: str) -> None:
    content = (HANDBOOK / name).read_bytes()
    assert words in read(content, source_of(content), ReadConfig()).markdown
