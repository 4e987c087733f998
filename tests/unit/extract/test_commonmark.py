"""Blocks of markdown by line, beside markdown-it, which is slower and knows all of CommonMark."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lianlu.extract.commonmark import Kind, Part, parts

DATA = Path(os.environ.get("LIANLU_TEST_DATA", "/nonexistent"))
KINDS: dict[str, Kind] = {
    "heading_open": "heading",
    "paragraph_open": "para",
    "fence": "code",
    "code_block": "code",
    "bullet_list_open": "list",
    "ordered_list_open": "list",
    "table_open": "table",
    "blockquote_open": "quote",
    "html_block": "html",
}
LINES = (
    *("# heading", "text", "", "", "- item", "  - below", "    code", "```py", "```", "~~~", "| a | b |", "|---|---|"),
    *("> quote", "<div>", "</div>", "<!-- comment", "-->", "[x]: http://a", "===", "---", "1. one", "a <b> c", "## "),
)
NO_TEXT = re.compile(r"\s*|\s*\[x\]: http://a|\s*(?:-{3,}|#+)\s*|===")


def blocks(text: str) -> list[Part]:
    return [trimmed(part, text.split("\n")) for part in parts(text, text.split("\n"))]


def by_markdown_it(text: str) -> list[Part]:
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    lines = text.split("\n")
    return [
        trimmed(
            Part(KINDS[token.type], token.map[0], token.map[1], int(token.tag[1]) if token.tag[1:].isdecimal() else 0),
            lines,
        )
        for token in parser.parse(text)
        if token.level == 0 and token.map and token.nesting >= 0 and token.type in KINDS
    ]


def trimmed(part: Part, lines: list[str]) -> Part:
    """Without the blank lines at its end, which the two count differently and nobody keeps."""
    end = min(part.end, len(lines))
    while end > part.first + 1 and not lines[end - 1].strip():
        end -= 1
    return Part(part.kind, part.first, end, part.level)


@pytest.mark.parametrize(
    "text",
    [
        "# One\n\ntext\nmore\n\n## Two ##\n- a\n- b\n\n  c\n\n1. x\n2. y",
        "Title\n=====\nOver\ntwo lines\n---\ntext",
        "words before\n| a | b |\n|---|---|\n| 1 | 2 |\n\nafter",
        "```py\n# no heading\n\n<b>\n```\n\n    indented\n\n~~~\nopen to the end",
        "<div align='center'>\n\n# In between\n\n</div>\n\n<!-- a\n\nb -->\ntext\n<script>\n\nx = 1\n</script>",
        "[x]: http://a 'title'\n[y]: http://b\nwords [x]\n\n[z]: http://c",
        "> quote\nlazy\n\n***\n\n- a\n\n- b\n<p>",
        '<p data-sourcepos="9:1-9:9">forged</p>\n\ntext <i data-sourcepos="1:1-1:2">',
        "",
        "\n\n",
    ],
)
def test_blocks_are_those_of_commonmark(text: str) -> None:
    assert blocks(text) == by_markdown_it(text)


def test_places_of_a_forged_mark_are_not_believed() -> None:
    (only,) = blocks('`<h1 data-sourcepos="7:1-7:9">` and <h1 data-sourcepos="7:1-7:9">')
    assert only == Part("para", 0, 1)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(LINES), max_size=9))
def test_blocks_are_in_order_and_leave_out_no_text(lines: list[str]) -> None:
    found = parts("\n".join(lines), lines)
    assert all(0 <= part.first < part.end <= len(lines) for part in found)
    assert all(one.end <= other.first for one, other in pairwise(found))
    inside = {line for part in found for line in range(part.first, part.end)}
    assert [line for at, line in enumerate(lines) if at not in inside and not NO_TEXT.fullmatch(line)] == []


@pytest.mark.skipif(not DATA.is_dir(), reason="LIANLU_TEST_DATA is not set")
@pytest.mark.parametrize("name", ["xtuner_docs", "lmdeploy_docs", "mmpose_docs"])
def test_real_documentation_has_the_blocks_of_commonmark(name: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((DATA / name).rglob("*.md"))[::4]]
    assert len(texts) > 20
    assert [blocks(text) for text in texts] == [by_markdown_it(text) for text in texts]
