from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.page.markdown import to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A", "<h4>A</h4>"),
        ("**b** and `c<`", "<p><strong>b</strong> and <code>c&lt;</code></p>"),
        ("[x](https://a.b)", '<p><a href="https://a.b" rel="noopener noreferrer">x</a></p>'),
        ("[x](javascript:alert(1))", "<p>x)</p>"),
        ("[x](../secret.md)", "<p>x</p>"),
        ("![alt](https://a.b/c.png)", '<p><span class="image">alt</span></p>'),
        ("<b>raw</b>", "<p>&lt;b&gt;raw&lt;/b&gt;</p>"),
        ("```\n<a>\n", "<pre><code>&lt;a&gt;\n</code></pre>"),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        ("---", "<hr>"),
    ],
)
def test_the_subset_is_read(text: str, html: str) -> None:
    assert to_html(text) == html


@given(st.text(alphabet="ab<>`*[]()!#|-: \n>~\"'&", max_size=80))
def test_no_text_opens_a_tag_of_its_own(text: str) -> None:
    known = (
        "p",
        "h4",
        "h5",
        "h6",
        "hr",
        "pre",
        "code",
        "ul",
        "li",
        "span",
        "blockquote",
        "div",
        "table",
        "thead",
        "tbody",
    )
    known += ("tr", "th", "td", "strong", "em", "a")
    tags = {piece.split(">")[0].split(" ")[0].strip("/") for piece in to_html(text).split("<")[1:]}
    assert tags <= set(known)


@pytest.mark.parametrize("piece", ["[", "![", "**", "*a", "`", "> ", "- ", "| ", "[a](", "#", "~", "- - -"])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    began = time.perf_counter()
    to_html(piece * 20_000)
    to_html(f"{piece}\n" * 20_000)
    assert time.perf_counter() - began < 3.0
