"""The chat page in a real browser: typed into, stopped, cleared, in both languages; what a model writes runs nowhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Generator
from html import escape
from pathlib import Path

import pytest

from lianlu.llm import FakeBackend, Rule
from lianlu.llm.fake import Fault
from lianlu.serve.app import serving_app
from lianlu.serve.log import RequestLog
from lianlu.serve.service import Service
from lianlu.web.served_page import served_page
from server.browser import Drive, driving, needs_browser

pytestmark = needs_browser

MARKDOWN = "A **bold** `word`\n\n```\n<b>code</b>\n```\n\n<img src=x onerror=evil()> [x](javascript:evil())"
RULES = [
    Rule(match="endless", reply="word " * 400, pause_seconds=0.05),
    Rule(match="broken", error=Fault(status=500, message="boom")),
    Rule(reply=MARKDOWN),
]


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(RULES, model="nano")


@pytest.fixture
def drive(backend: FakeBackend, tmp_path: Path) -> Generator[Drive]:
    """Do something on the page and give what it has become; without actions, the page as it is served."""
    service = Service(
        backend, "nano", asyncio.run(backend.identity()), RequestLog(tmp_path / "r.jsonl", instance="x"), "x"
    )
    page = served_page("lianlu.serve", "chat", "en", {"model": "nano"})
    with driving(serving_app(service), page.html, tmp_path / "browser") as run:
        yield run


@pytest.mark.parametrize(("lang", "greeting"), [("en", "Hello, this is nano."), ("zh-CN", "你好，我是 nano。")])
def test_the_page_greets_in_the_reader_s_language_under_its_own_policy(drive: Drive, lang: str, greeting: str) -> None:
    assert greeting in drive(lang=lang)


def test_an_answer_is_shown_as_markdown_and_nothing_of_it_runs(drive: Drive, tmp_path: Path) -> None:
    page = drive('await asked("hello");')
    assert "<strong>bold</strong> <code>word</code>" in page
    assert f"<pre><code>{escape('<b>code</b>')}</code></pre>" in page
    assert "&lt;img src=x" in page
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "data-evil" not in page
    assert json.loads((tmp_path / "r.jsonl").read_text())["status"] == 200


def test_escape_stops_an_answer_and_keeps_what_has_arrived(drive: Drive, tmp_path: Path) -> None:
    page = drive(
        'say("endless"); await wait(() => document.body.innerText.includes("word word"));'
        'document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}));'
        'await wait(() => state() === "ready");'
    )
    assert '<div class="note">stopped</div>' in page
    assert "word word" in page
    assert json.loads((tmp_path / "r.jsonl").read_text())["status"] == 499


def test_the_talk_so_far_and_the_system_prompt_go_with_a_question(drive: Drive, backend: FakeBackend) -> None:
    drive('document.getElementById("system").value = "Be brief."; await asked("one");await asked("two");')
    roles = [message.role for message in backend.asked[-1].messages]
    assert roles == ["system", "user", "assistant", "user"]


def test_clearing_forgets_the_talk(drive: Drive, backend: FakeBackend) -> None:
    page = drive('await asked("one"); press("clear");await asked("two");')
    assert [message.text for message in backend.asked[-1].messages] == ["two"]
    assert page.count('class="message user"') == 1


def test_a_failure_is_shown_with_its_hint_and_can_be_tried_again(drive: Drive, backend: FakeBackend) -> None:
    page = drive(
        'press("language"); await asked("broken");'
        'document.querySelector(".again").click(); await wait(() => state() === "ready");'
    )
    assert "boom" in page
    assert "重试" in page
    assert page.count('class="error"') == 1
    assert len(backend.asked) == 2
