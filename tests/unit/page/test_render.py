from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lianlu.core.i18n import Text
from lianlu.page import (
    Badge,
    Bar,
    BarChart,
    Citation,
    Code,
    Column,
    Edge,
    Fact,
    Facts,
    Fold,
    Graph,
    Line,
    LineChart,
    Link,
    Markdown,
    Node,
    Note,
    Page,
    Part,
    Quote,
    Section,
    Side,
    SideBySide,
    Table,
    Timing,
    Timings,
    render,
)

from . import gallery

_VOID = {"meta", "input", "hr"}
_HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</title></style></textarea><svg onload=alert(1)>",
    "javascript:alert(1)",
    "<!--",
    "]]>",
    "{{7*7}} ${7*7}",
]


class _Reader(HTMLParser):
    """Elements and attributes of a page; unbalanced tags are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def values(self, name: str) -> list[str]:
        return [value for _, attribute, value in self.attributes if attribute == name]


def _everywhere(text: str) -> Page:
    """A page that has `text` in every place a document's words can reach."""
    both = Text(text, text + "zh")
    parts: list[Part] = [
        Table([text, Column(both, unit=text)], [(text, Link(text, text)), (both, Badge(text)), (Code(text), None)], title=text),
        Facts([Fact(text, text, text)]),
        BarChart(text, [Bar(text, [1, 2])], series=[text, both], unit=text),
        LineChart(both, [Line(text, [(0, 1), (1, 2)]), Line(both, [(0, 2)])], x_label=text, y_label=both),
        Quote(
            text=f"{text} [1]",
            citations=[Citation(number=1, file=text, context=text, marks=[(0, 3)], headings=[text], href=text)],
            question=text,
            badges=[Badge(both)],
            notes=[Note(text)],
        ),
        Fold(text, [Code(text, text)], badges=[Badge(text)]),
        Note(both, "error"),
        Graph(text, [Node(text, text, both, text, href=text), Node("b", text)], [Edge(text, "b")]),
        Markdown(f"# {text}\n\n{text}\n\n- {text}\n\n> {text}\n\n| {text} |\n|---|\n| {text} |\n\n[{text}]({text})\n\n```\n{text}\n```"),
        Timings([Timing(text, 1.0, note=text)]),
    ]  # fmt: skip
    return Page(text, [Section(text, text, parts, intro=text), Section(both, text, [])], subtitle=both, footer=text)


def _page(*parts: Part) -> str:
    return render(Page("t", [Section("s", "s", parts)]))


class TestHostileText:
    @pytest.mark.parametrize("text", _HOSTILE)
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_no_markup_comes_in(self, text: str, language: str) -> None:
        plain, hostile = (_Reader(render(_everywhere(each), language)) for each in ("words", text))  # type: ignore[arg-type]
        assert set(hostile.tags) <= {*plain.tags, "a"}
        assert hostile.tags.count("script") == 1
        assert [name for _, name, _ in hostile.attributes if name.startswith("on")] == []

    @pytest.mark.parametrize("text", _HOSTILE)
    def test_no_address_can_run_code(self, text: str) -> None:
        addresses = _Reader(render(_everywhere(text))).values("href")
        assert [each for each in addresses if "script:" in each.lower() or each.lower().startswith("data:")] == []

    def test_bidirectional_overrides_and_nul_are_made_visible(self) -> None:
        html = render(_everywhere("a\x00b\u202egpj.exe\u2066"))
        assert not set("\x00\u202e\u2066") & set(html)
        assert "a[U+0000]b[U+202E]gpj.exe[U+2066]" in html

    def test_lone_surrogates_can_be_written_as_utf8(self) -> None:
        assert render(_everywhere("\ud83d broken")).encode()

    def test_only_our_own_script_is_allowed_and_nothing_is_loaded(self) -> None:
        html = render(gallery.page())
        assert "default-src &#x27;none&#x27;" in html
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
        assert "url(" not in html.split("</style>")[0]
        assert "@import" not in html


class TestPage:
    def test_the_gallery_is_as_it_was(self, golden: Callable[[str, str], None]) -> None:
        golden("page.html", render(gallery.page(), "zh"))

    def test_the_same_page_gives_the_same_bytes_in_every_process(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {str(Path(gallery.__file__).parent)!r}); import gallery, hashlib\n"
            "from lianlu.page import render\nprint(hashlib.sha256(render(gallery.page()).encode()).hexdigest())"
        )
        runs = [
            subprocess.run(
                [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
            )
            for seed in ("1", "2")
        ]
        assert runs[0].stdout == runs[1].stdout

    @pytest.mark.parametrize(
        "page",
        [gallery.page(), _everywhere("words"), _everywhere("graph-d"), Page("t", [])],
        ids=["gallery", "words", "clash", "empty"],
    )
    def test_tags_are_balanced_and_ids_unique(self, page: Page) -> None:
        ids = _Reader(render(page)).values("id")
        assert len(ids) == len(set(ids))

    def test_links_inside_the_page_lead_somewhere(self) -> None:
        reader = _Reader(render(gallery.page()))
        assert {each[1:] for each in reader.values("href") if each.startswith("#")} <= set(reader.values("id"))

    def test_what_a_label_refers_to_exists(self) -> None:
        reader = _Reader(render(gallery.page()))
        referred = {*reader.values("aria-labelledby"), *reader.values("aria-describedby")}
        assert referred <= set(reader.values("id"))

    def test_both_languages_are_in_the_page(self) -> None:
        html = render(gallery.page(), "zh")
        assert 'data-lang="zh"' in html
        assert "From documents to cited answers" in html
        assert "<title" in html
        assert ">从文档到有引用的回答</title>" in html

    def test_a_style_or_script_end_cannot_stand_in_our_files(self) -> None:
        html = render(Page("t", []))
        assert html.count("</style>") == html.count("</script>") == 1


class TestTable:
    def test_numbers_stand_to_the_right_and_keep_their_value(self) -> None:
        html = _page(Table(["n", "name"], [(1234.5, "a"), (None, "b")]))
        assert '<td class="number" data-value="1234.5">' in html
        assert html.count('<th scope="col" class="number"') == 1

    def test_a_column_with_words_among_numbers_is_text(self) -> None:
        assert 'class="number"' not in _page(Table(["n"], [(1,), ("many",)])).split("</style>")[1].split("<script>")[0]

    @pytest.mark.parametrize(("rows", "filters"), [(3, 0), (12, 1)])
    def test_long_tables_have_a_filter(self, rows: int, filters: int) -> None:
        assert _page(Table(["a"], [(str(n),) for n in range(rows)])).count('<input type="search"') == filters

    def test_an_empty_table_says_so(self) -> None:
        assert "没有内容" in _page(Table(["a", "b"], []))

    def test_a_row_of_the_wrong_length_is_our_bug(self) -> None:
        with pytest.raises((ValueError, IndexError)):
            _page(Table(["a", "b"], [("only one",)]))


class TestQuote:
    def test_a_number_leads_to_its_source_and_the_sentence_is_marked(self) -> None:
        html = _page(
            Quote("Yes. [2]", [Citation(2, "a.md", "No. Yes. No.", marks=[(4, 8)], first_line=3, last_line=3)])
        )
        assert '<a class="reference" href="#answer-s2">[2]</a>' in html
        assert "No. <mark>Yes.</mark> No." in html
        assert "line 3" in html

    def test_other_places_of_the_same_words_are_named(self) -> None:
        html = _page(Quote("Yes. [1]", [Citation(1, "a.md", "Yes.", also=["b.md", "<c>.md"])]))
        assert "the same stands in b.md, &lt;c&gt;.md" in html
        assert "同样的内容也见于 b.md、&lt;c&gt;.md" in html

    def test_a_number_without_source_stays_text(self) -> None:
        assert 'class="reference"' not in _page(Quote("See [3] and [1, 9].", [Citation(1, "a", "b")]))

    @pytest.mark.parametrize(
        ("marks", "shown"),
        [
            ([(0, 2), (1, 3)], "<mark>ab</mark><mark>c</mark>d"),
            ([(2, 99)], "ab<mark>cd</mark>"),
            ([(-5, 1)], "<mark>a</mark>bcd"),
            ([(3, 1), (9, 12)], "abcd"),
        ],
    )
    def test_marks_never_leave_the_text(self, marks: list[tuple[int, int]], shown: str) -> None:
        assert f"<blockquote>{shown}</blockquote>" in _page(Quote("", [Citation(1, "a", "abcd", marks)]))

    def test_marked_markup_is_still_text(self) -> None:
        assert "<mark>&lt;b</mark>&gt;" in _page(Quote("", [Citation(1, "a", "<b>", [(0, 2)])]))


class TestSideBySide:
    def test_either_side_stands_under_its_name_and_its_links_lead_to_its_own_sources(self) -> None:
        quotes = [Quote("Yes. [1]", [Citation(1, "a.md", "Yes.")]), Quote("No. [1]", [Citation(1, "b.md", "No.")])]
        sides = [Side(Text("without", "不用"), [quotes[0]], [Badge("1 s")]), Side("<with>", [quotes[1]])]
        html = _page(SideBySide(sides))
        assert (
            html.index("without") < html.index("#answer-s1") < html.index("&lt;with&gt;") < html.index("#answer-2-s1")
        )
        assert html.count('<div class="side">') == 2


def test_long_previews_are_cut_and_said_to_be() -> None:
    assert "<p>aaaaa</p>" in _page(Markdown("a" * 1005, limit_characters=5))
    assert "1,000 more characters" in _page(Markdown("a" * 1005, limit_characters=5))


def test_a_step_without_time_has_no_broken_bar() -> None:
    assert 'style="width:0.0%"' in _page(Timings([Timing("a", 0.0)]))
