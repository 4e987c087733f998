# ruff: noqa: RUF005 - lists of samples read best in rows
from __future__ import annotations

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.extract.html import read
from lianlu.extract.html_blocks import blocks_of, markdown_table, parse_html, words_of
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import source_of

PROSE = "This is a sentence of the article that is long enough to be taken for prose, as articles have. "


def document(html: str | bytes, *, main_content: bool = True) -> Document:
    content = html.encode() if isinstance(html, str) else html
    return read(content, source_of(content), ReadConfig(main_content=main_content))


def shown(html: str) -> list[tuple[str, str]]:
    return [(block.kind, block.markdown) for block in blocks_of(parse_html(html))]


def test_article_is_kept_and_furniture_left_out() -> None:
    page = f"""<html lang="de"><head><title>A page</title><meta property="og:title" content="The article">
    <meta name="author" content="Ann"><meta property="article:published_time" content="2024-05-01T10:00:00Z"></head><body>
    <nav><a href="/">Home</a> <a href="/x">Menu words</a></nav><div class="cookie-banner">We use cookies.</div>
    <main><article><h1>The article</h1><p>{PROSE * 3}</p><h2>Part</h2><p>{PROSE * 3}</p>
    <div class="share-buttons"><a href="#">Share it</a></div><ul class="related-posts"><li><a href="/o">Other</a></li></ul>
    </article></main><aside>Sidebar words</aside><footer>Footer words</footer><script>var x = "script words"</script></body></html>"""
    found = document(page)
    assert [block.kind for block in found.blocks] == ["heading", "para", "heading", "para"]
    assert found.title == "The article"
    assert found.meta["author"] == "Ann"
    assert found.meta["date"].startswith("2024-05-01")
    for word in ("Menu", "cookies", "Share", "Other", "Sidebar", "Footer", "script"):
        assert word not in found.markdown


def test_all_text_can_be_asked_for() -> None:
    page = f"<body><nav>Menu words</nav><p>{PROSE}</p><p style='display:none'>unseen</p></body>"
    assert document(page, main_content=False).markdown == f"Menu words\n\n{PROSE.strip()}"


def test_page_without_prose_is_kept() -> None:
    assert document("<h1>Notice</h1><ul><li>a 1</li><li>b 2</li></ul>").markdown == "# Notice\n\n- a 1\n- b 2"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a <b>bold </b>word<br>next</p>", [("para", "a **bold** word\nnext")]),
        ("<div>loose <p>in p</p> after</div>", [("para", "loose"), ("para", "in p"), ("para", "after")]),
        ("<h2><a href='/x'>Head</a> ¶</h2>", [("heading", "## [Head](/x)")]),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", [("list", "- a\n  - b\n- c")]),
        ("<ol start=3><li>a</li><li><p>b</p><p>c</p></li></ol>", [("list", "3. a\n4. b\n   c")]),
        ("<pre><code class='language-py'>x = 1\n  y</code></pre>", [("code", "```py\nx = 1\n  y\n```")]),
        ("<pre>has ``` inside</pre>", [("code", "````\nhas ``` inside\n````")]),
        ("<dl><dt>T</dt><dd>means</dd></dl>", [("list", "- **T**: means")]),
        ("<blockquote><p>q1</p><p>q2</p></blockquote>", [("para", "> q1\n>\n> q2")]),
        ("<figure><img src=a.png alt='A picture'><figcaption>Cap</figcaption></figure>", [("figure", "![A picture](a.png)\n\nCap")]),
        ("<img src=a.png><img src=b.png alt='of a cat'>", [("figure", "![of a cat](b.png)")]),
        ("<a href='javascript:x()'>js</a> <a href='#top'>top</a>", [("para", "js top")]),
        ("<p hidden>no</p><p aria-hidden=true>no</p><p>yes</p>", [("para", "yes")]),
        ("<table><tr><td>one cell</td></tr></table>", [("para", "one cell")]),
    ],
)  # fmt: skip
def test_html_becomes_markdown(html: str, expected: list[tuple[str, str]]) -> None:
    assert shown(html) == expected


def test_spanned_cells_keep_columns_aligned() -> None:
    html = "<table><tr><th>a<th>b<th>c</tr><tr><td rowspan=2>x|y<td colspan=2>wide</tr><tr><td>2<td>3</tr></table>"
    assert shown(html) == [("table", "| a | b | c |\n| --- | --- | --- |\n| x\\|y | wide |  |\n|  | 2 | 3 |")]


def test_blocks_know_their_source_lines() -> None:
    blocks = document("<html>\n<body>\n<h1>Title</h1>\n<p>one\ntwo</p>\n</body></html>").blocks
    assert [block.span.first_line for block in blocks if block.span] == [3, 4]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_encoding_is_declared_or_found(encoding: str) -> None:
    text = "<html><head><meta charset='gbk'></head><body><p>这里是网页的正文，它有足够多的汉字可以判断编码。</p></body></html>"
    assert "网页的正文" in document(text.encode(encoding)).markdown


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE html [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><html><body><p>&i;</p><p>end</p></body></html>"
)


@pytest.mark.parametrize(
    "html",
    [
        BOMB,
        '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><body><p>&x; end</p></body></html>',
        "<div>" * 5000 + "end" + "</div>" * 5000,
        "<p>" + "<b>" * 3000 + "end",
        "<ul><li>" * 900 + "end",
        "<blockquote>" * 900 + "end",
        "<table><tr><td colspan=999999999 rowspan=999999>x<td>end</tr><tr><td>1<td>2</tr></table>",
    ],
    ids=["laughs", "external entity", "deep divs", "deep inline", "deep lists", "deep quotes", "huge spans"],
)
def test_hostile_pages_do_no_harm(html: str) -> None:
    try:
        markdown = document(html).markdown
    except DataError as error:
        markdown = error.code  # the parser cuts what is nested too deep
    assert "root:" not in markdown
    assert len(markdown) < 100_000


@pytest.mark.parametrize("html", ["<html></html>", "<html><body><script>x</script></body></html>", "<!doctype html>"])
def test_page_without_words_is_told(html: str) -> None:
    with pytest.raises(DataError) as caught:
        document(html)
    assert caught.value.code == "extract.no-content"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "<p>",
                "</p>",
                "text",
                "<ul>",
                "<li>",
                "</ul>",
                "<table>",
                "<tr>",
                "<td>",
                "</table>",
                "<b>",
                "</b>",
                "<a href=x>",
                "</a>",
            ]
            + [
                "<div class=nav>",
                "</div>",
                "<h1>",
                "</h1>",
                "<pre>",
                "</pre>",
                "&lt;",
                "<!--",
                "-->",
                "<img alt='an image'>",
                "<",
            ]
        ),
        max_size=30,
    )
)
def test_any_mixture_of_tags_is_read(parts: list[str]) -> None:
    try:
        found = document("".join(parts))
    except DataError:
        return
    assert all(block.markdown.strip() == block.markdown for block in found.blocks)


def test_table_of_rows_of_different_length_is_padded() -> None:
    assert markdown_table([["a"], ["b", "c|d"]]) == "| a |  |\n| --- | --- |\n| b | c\\|d |"
    assert markdown_table([]) == ""


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
def test_main_content_of_real_pages_is_found() -> None:
    root = Path(os.environ["LIANLU_TEST_DATA"]) / "trafilatura_eval"
    pages = json.loads((root / "evaldata.json").read_text())
    right = missed = junk = 0
    for page in pages.values():
        try:
            text = words_of(document((root / "html" / page["file"]).read_bytes()).markdown)
        except DataError:
            text = ""
        text = " ".join(text.split())
        found = sum(" ".join(re.sub("\xad", "", words).split()) in text for words in page["with"])
        right, missed = right + found, missed + len(page["with"]) - found
        junk += sum(" ".join(words.split()) in text for words in page["without"])
    precision, recall = right / (right + junk), right / (right + missed)
    assert 2 * precision * recall / (precision + recall) > 0.9


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("<meta name=DC.date.issued content=2024-03-05>", ""),
        ("<meta property=og:updated_time content='2024-03-05T10:00:00+08:00'>", ""),
        ("<meta name=date content=soon><meta name=pubdate content='March 5, 2024'>", ""),
        ('<script type="application/ld+json">{"dateModified": "2025-01-01", "datePublished": "2024-03-05"}</script>', ""),
        ("", "<time datetime=2024-03-05T08:00>yesterday</time>"),
        ("", "<time>2024年3月5日</time>"),
        ("", "<time itemprop=datePublished datetime=2024-03-05></time><time datetime=2024-02-01>an event</time>"),
        ("<meta name=date content=2024-03-05>", "<time datetime=2020-01-01></time>"),
    ],
)  # fmt: skip
def test_the_day_of_a_page_is_found_where_pages_say_it(head: str, body: str) -> None:
    assert (
        document(f"<head>{head}</head><body><article>{body}<p>{PROSE}</p></article></body>").meta["date"]
        == "2024-03-05"
    )


@pytest.mark.parametrize(
    "body",
    [
        "<time datetime=2024-03-05></time><time datetime=2024-03-06></time>",
        "<time>12:30</time>",
        "<script>var x = {'datePublished': '2024-03-05'}</script>",
        '<script type="application/ld+json">{"datePublished": {"a": [1, 2</script>',
    ],
    ids=["a list of news", "an hour", "another script", "broken data"],
)
def test_no_day_is_guessed(body: str) -> None:
    assert "date" not in document(f"<body>{body}<p>{PROSE}</p></body>").meta


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
def test_days_are_found_on_real_pages() -> None:
    pages = sorted(Path(os.environ["LIANLU_TEST_DATA"], "article_extraction", "html").glob("*.gz"))[:80:4]
    days = [document(gzip.decompress(page.read_bytes())).meta.get("date", "") for page in pages]
    assert len(pages) == 20
    assert sum(re.fullmatch(r"20\d\d-\d\d-\d\d", day) is not None for day in days) >= 15
