"""A summary written down: markdown whose numbers lead to its sources, and a page that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.rag.answer import Dropped
from lianlu.rag.summarizing import summarize
from lianlu.rag.summary import LostPart, Summary
from lianlu.rag.summary_page import as_html, as_markdown, place_of, write_summary
from lianlu.records import Failure

from .conftest import Make
from .test_gist import BOATS_ZH, PUMPS

EVIL = "# <b>Pumps</b>\n\nThe pump [moves](javascript:evil) <script>evil()</script> water, says [9] the *maker*.\n\nThe tank of the pump is [1] blue."


@pytest.fixture
def summary(make_document: Make) -> Summary:
    return summarize([make_document("a.md", PUMPS)])


def test_every_number_of_the_markdown_leads_to_a_source_that_quotes(summary: Summary) -> None:
    text = as_markdown(summary)
    assert {int(each) for each in re.findall(r"\(#source-(\d+)\)", text)} == set(range(1, len(summary.citations) + 1))
    for citation in summary.citations:
        assert f'<a id="source-{citation.number}"></a>[{citation.number}] a.md · ' in text
        assert f"> {citation.quote}\n" in text


def test_every_number_of_the_page_leads_to_the_marked_quote(summary: Summary) -> None:
    html = as_html(summary)
    anchors = re.findall(r'class="reference" href="#([\w-]+)"', html)
    assert len(anchors) == len(summary.overview) + len(summary.points)
    for anchor, citation in zip(anchors, summary.citations, strict=True):
        source = html.split(f'id="{anchor}"')[1].split("</li>")[0]
        assert f"<mark>{citation.quote}</mark>" in source
        assert "line " in source
    assert not re.search(r'(?:src|href)="https?:', html)


def test_the_words_are_in_the_language_of_the_summary(make_document: Make, summary: Summary) -> None:
    chinese = summarize([make_document("a.md", BOATS_ZH)])
    assert "## 要点" in as_markdown(chinese)
    assert "## Key points" in as_markdown(summary)
    assert 'data-lang="zh"' in as_html(chinese)
    assert 'data-lang="en"' in as_html(summary)


def test_what_was_left_out_is_told(summary: Summary) -> None:
    told = msgspec.structs.replace(
        summary,
        focus="why?",
        failures=(Failure(uri="b.pdf", code="extract.empty", reason="the file is empty"),),
        lost=(LostPart(uri="c.md", first="Care", code="llm.timeout", why="it took too long", why_zh="太久"),),
        dropped=(Dropped(claim="It is red.", code="uncited", why="it cites no source", why_zh="没有出处"),),
        notes=(Text("something is odd", "有点奇怪"),),
    )
    for text in (as_markdown(told), as_html(told)):
        for words in (
            "b.pdf: the file is empty",
            "c.md · Care: it took too long",
            "It is red.",
            "something is odd",
            "why?",
        ):
            assert words in text


def test_many_notes_are_folded(summary: Summary) -> None:
    dropped = tuple(Dropped(claim=f"It is {n}.", code="uncited", why="it cites no source") for n in range(40))
    html = as_html(msgspec.structs.replace(summary, dropped=dropped))
    assert html.count("<details") == 1
    assert "Left out: 40" in html


def test_nothing_of_a_document_becomes_markup(make_document: Make) -> None:
    told = summarize([make_document("<i>a</i>.md", EVIL)])
    html = as_html(told)
    assert "<script>evil" not in html
    assert "<i>a" not in html
    assert "javascript:evil" not in html.replace("[moves](javascript:evil)", "")
    assert re.findall(r'class="reference" href="#[\w-]+">\[(\d+)\]', html) == ["1", "2"], "its [9] and [1] are its own"
    assert "<script>" not in as_markdown(told).replace("\\<script\\>", "")


def test_the_place_names_file_headings_lines_and_characters(summary: Summary) -> None:
    place = place_of(summary.citations[0], "en")
    assert place == "a.md · Pumps · line 3 · characters 9–62"
    paged = msgspec.structs.replace(summary.citations[0], page=7, headings=(), first_line=None)
    assert place_of(paged, "zh") == "a.md · 第 7 页 · 字符 9–62"


@pytest.mark.parametrize(
    ("name", "files"),
    [("s.md", ["s.md"]), ("s.HTML", ["s.HTML"]), ("folder", ["summary.html", "summary.md"]), ("new/s.md", ["s.md"])],
)
def test_the_ending_says_the_form(tmp_path: Path, summary: Summary, name: str, files: list[str]) -> None:
    written = write_summary(summary, tmp_path / name)
    assert sorted(path.name for path in written) == files
    for path in written:
        assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE" if "htm" in path.suffix.lower() else "# ")


def test_another_ending_is_refused(tmp_path: Path, summary: Summary) -> None:
    with pytest.raises(UsageError) as caught:
        write_summary(summary, tmp_path / "s.docx")
    assert caught.value.code == "rag.summary-form"
    assert list(tmp_path.iterdir()) == []
