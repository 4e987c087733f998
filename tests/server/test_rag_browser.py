"""The page of a base in a real browser: asked, answered as it comes, led to the cited sentence; nothing hostile runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from html import escape
from urllib.parse import urlencode

import pytest

from lianlu import rag
from lianlu.rag.app import Face, base_app
from lianlu.rag.shelf import open_base
from lianlu.web.gate import Gate
from lianlu.web.keys import Keys
from lianlu.web.served_page import served_page
from server.browser import Drive, driving, needs_browser

pytestmark = needs_browser

SENTENCE = "备份每晚两点做，保留三十天。"
EVIL_NAME = "<img src=x onerror=evil()>.txt"  # plain text keeps what it says
EVIL = "<script>evil()</script><img src=x onerror=evil()> [点我](javascript:evil()) 蓝莓含花青素。"
SCRIPT = """
model: inner
rules:
  - {match: 问题：备份保留多久, error: {status: 500, message: down}}
  - {match: 问题：备份每晚几点, reply: "%s", pause_seconds: 0.05}
  - {match: source 1, reply: "备份每晚两点做 [1]。服务器在月球上 [1]。"}
"""
Serve = Callable[..., AbstractContextManager[Drive]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Serve:
    root = tmp_path_factory.mktemp("rag")
    docs = root / "docs"
    docs.mkdir()
    (docs / "a.md").write_text(f"# 备份\n\n{SENTENCE}\n\n## 磁带\n\n磁带放在地下室。\n", encoding="utf-8")
    (docs / EVIL_NAME).write_text(f"蓝莓\n\n{EVIL}\n", encoding="utf-8")
    rag.build("notes", docs, root=root / "store")[0].close()
    (root / "model.yaml").write_text(SCRIPT % ("备份每晚两点做 [1]。" * 400), encoding="utf-8")

    @contextmanager
    def serve(*, by_model: bool = False, greeting: str = "", gate: Gate | None = None) -> Generator[Drive]:
        face = Face(f"fake:{root / 'model.yaml'}" if by_model else None, greeting=greeting)
        app = base_app(lambda: open_base("notes", root=root / "store"), face, gate=gate)
        page = served_page("lianlu.rag", "base_page", "en", {"name": "notes", "greeting": greeting})
        with driving(app, page.html, tmp_path_factory.mktemp("browser")) as drive:
            yield drive

    return serve


@pytest.fixture(scope="module")
def drive(served: Serve) -> Generator[Drive]:
    with served() as opened:
        yield opened


@pytest.mark.parametrize(("lang", "words"), [("en", "2 documents"), ("zh-CN", "2 篇文档")])
def test_the_page_greets_in_the_reader_s_language_under_its_own_policy(drive: Drive, lang: str, words: str) -> None:
    page = drive(lang=lang)
    assert "“notes”" in page
    assert words in page


def test_a_greeting_of_one_s_own_is_text(served: Serve) -> None:
    with served(greeting="<b>Hi</b> & 欢迎") as drive:
        assert escape("<b>Hi</b> & 欢迎") in drive()


def test_a_click_on_a_citation_shows_the_sentence_in_its_source(drive: Drive) -> None:
    page = drive(
        'await asked("备份几点做？"); document.querySelector(".cite").click();'
        'await wait(() => document.querySelector("mark"));'
        'document.body.dataset.origins = performance.getEntriesByType("resource")'
        ".filter((each) => !each.name.startsWith(location.origin)).length;"
    )
    assert f"<mark>{SENTENCE}</mark>" in page
    assert "磁带放在地下室。" in page.partition("</mark>")[2]
    assert '<strong id="source-title">a.md</strong>' in page
    assert 'data-origins="0"' in page


def test_claims_are_shown_as_they_come_and_escape_stops_them(served: Serve) -> None:
    with served(by_model=True) as drive:
        page = drive(
            'say("备份每晚几点做？"); await wait(() => document.querySelectorAll(".claim").length > 2);'
            "document.body.dataset.was = state();"
            'document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));'
            'await wait(() => state() === "ready");'
        )
    assert 'data-was="running"' in page
    assert '<div class="note">stopped</div>' in page
    assert 2 < page.count('class="claim"') < 400


def test_what_a_model_made_up_is_left_out_and_said(served: Serve) -> None:
    with served(by_model=True) as drive:
        page = drive('await asked("备份几点做？");')
    answer, _, rest = page.partition("1 unsupported claim was left out")
    assert "月球" not in answer
    assert "月球" in rest


def test_a_failure_is_shown_in_words_and_the_next_question_is_answered(served: Serve) -> None:
    with served(by_model=True) as drive:
        page = drive('await asked("备份保留多久？"); await asked("备份几点做？");')
    assert page.count('class="error"') == 1
    assert "down" in page
    assert "备份每晚两点做 <button" in page


def test_the_language_is_switched_in_the_middle_of_a_talk(drive: Drive) -> None:
    page = drive('await asked("备份几点做？"); press("language");')
    assert 'lang="zh-CN"' in page
    assert "你好！请就“notes”里的文档提问" in page
    assert 'aria-label="出处 1: a.md' in page


def test_a_talk_outlives_a_reload_until_it_is_cleared(drive: Drive) -> None:
    page = drive(
        'if (!location.search) { await asked("备份几点做？"); await asked("它保留多少天？"); location.search = "?again";'
        " await new Promise(() => {}); }"
    )
    assert page.count('class="message user"') == 2
    assert SENTENCE in page
    assert "understood as: " in page
    page = drive(
        'if (!location.search) { await asked("备份几点做？"); press("clear"); location.search = "?again";'
        " await new Promise(() => {}); }"
    )
    assert 'class="message user"' not in page


def test_nothing_hostile_runs_from_a_question_a_document_or_its_name(drive: Drive) -> None:
    page = drive(
        'await asked("<img src=x onerror=evil()> <script>evil()</script>"); await asked("蓝莓含什么？");'
        'document.querySelector(".message:last-child .cite").click();'
        'await wait(() => document.querySelector("mark"));'
    )
    assert escape("<img src=x onerror=evil()> <script>evil()</script>", quote=False) in page
    assert f'<strong id="source-title">{escape(EVIL_NAME, quote=False)}</strong>' in page
    assert escape("<script>evil()</script>", quote=False) in page.partition('id="source-text"')[2]
    assert "data-evil" not in page
    assert not re.search(r"<img|<script|href=\"javascript", page)


def test_a_link_of_an_answer_given_elsewhere_opens_its_source(drive: Drive) -> None:
    asked = drive('document.body.dataset.found = await (await fetch("v1/lianlu/search?q=磁带")).text();')
    found = re.search(r"&quot;document_id&quot;:&quot;([^&]+)&quot;", asked)
    assert found is not None
    start = len(f"# 备份\n\n{SENTENCE}\n\n## 磁带\n\n")
    place = urlencode({"document": found[1], "start": start, "end": start + 8})
    page = drive('await wait(() => document.querySelector("mark, .error"));', fragment=f"#{place}")
    assert "<mark>磁带放在地下室。</mark>" in page
    page = drive('await wait(() => document.querySelector("#source .error"));', fragment="#document=../../etc/passwd")
    assert "no document" in page


def test_a_key_is_asked_for_where_one_is_needed(served: Serve) -> None:
    with served(gate=Gate(Keys(["ll-one"]))) as drive:
        page = drive('await asked("备份几点做？");')
        assert '<label id="key-row">' in page
        assert "Enter the key above." in page
        page = drive(
            'document.getElementById("key").value = "ll-one";'
            'document.getElementById("key").dispatchEvent(new Event("change")); await asked("备份几点做？");'
            'await wait(() => document.getElementById("key-row").hidden);'
        )
    assert SENTENCE in page
    assert "ll-one" not in page
