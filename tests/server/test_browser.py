"""The chat page in a real browser: typed into, stopped, cleared, in both languages; what a model writes runs nowhere.

A page beside the real one carries a driver that types and clicks; headless Chromium prints what the page has become.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Generator
from html import escape
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lianlu.llm import FakeBackend, Rule
from lianlu.llm.fake import Fault
from lianlu.serve.app import serving_app
from lianlu.serve.chat_page import chat_page
from lianlu.serve.log import RequestLog
from lianlu.serve.service import Service
from lianlu.web import running

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

MARKDOWN = "A **bold** `word`\n\n```\n<b>code</b>\n```\n\n<img src=x onerror=evil()> [x](javascript:evil())"
RULES = [
    Rule(match="endless", reply="word " * 400, pause_seconds=0.05),
    Rule(match="broken", error=Fault(status=500, message="boom")),
    Rule(reply=MARKDOWN),
]
DRIVER = """
<script>
const evil = () => { document.body.dataset.evil = "ran"; };
const state = () => document.documentElement.dataset.state;
// The browser's clock stands still while a request is under way, so each look takes real time.
const wait = async (fact) => { while (!fact()) await fetch("health"); };
const say = (text) => {
  document.getElementById("question").value = text;
  document.getElementById("form").requestSubmit();
};
const press = (id) => document.getElementById(id).click();
window.confirm = () => true;
(async () => { ACTIONS; document.body.dataset.done = "yes"; })();
</script>
"""
Drive = Callable[..., str]


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend(RULES, model="nano")


@pytest.fixture
def drive(backend: FakeBackend, tmp_path: Path) -> Generator[Drive]:
    """Do something on the page and give what it has become; without actions, the page as it is served."""
    service = Service(
        backend, "nano", asyncio.run(backend.identity()), RequestLog(tmp_path / "r.jsonl", instance="x"), "x"
    )
    app = serving_app(service)
    actions = ""

    async def driven(_: Request) -> Response:
        page = chat_page("nano", "en").html.replace("</body>", DRIVER.replace("ACTIONS", actions) + "</body>")
        return HTMLResponse(page, headers={"Content-Security-Policy": "default-src * 'unsafe-inline'"})

    app.router.add_route("/driven", driven)
    with running(app) as url:

        def run(script: str = "", *, lang: str = "en") -> str:
            nonlocal actions
            actions = script
            done = subprocess.run(
                [
                    str(BROWSER),
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    f"--accept-lang={lang}",
                    f"--user-data-dir={tmp_path / 'browser'}",
                    "--virtual-time-budget=20000",
                    "--dump-dom",
                    f"{url}/driven" if script else f"{url}/",
                ],
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=60,
                check=True,
            )
            assert not script or 'data-done="yes"' in done.stdout
            return re.sub(r"<script>.*?</script>|<style>.*?</style>", "", done.stdout, flags=re.S)

        yield run


@pytest.mark.parametrize(("lang", "greeting"), [("en", "Hello, this is nano."), ("zh-CN", "你好，我是 nano。")])
def test_the_page_greets_in_the_reader_s_language_under_its_own_policy(drive: Drive, lang: str, greeting: str) -> None:
    assert greeting in drive(lang=lang)


def test_an_answer_is_shown_as_markdown_and_nothing_of_it_runs(drive: Drive, tmp_path: Path) -> None:
    page = drive('say("hello"); await wait(() => state() === "ready");')
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
    drive(
        'document.getElementById("system").value = "Be brief."; say("one"); await wait(() => state() === "ready");'
        'say("two"); await wait(() => state() === "ready");'
    )
    roles = [message.role for message in backend.asked[-1].messages]
    assert roles == ["system", "user", "assistant", "user"]


def test_clearing_forgets_the_talk(drive: Drive, backend: FakeBackend) -> None:
    page = drive(
        'say("one"); await wait(() => state() === "ready"); press("clear");'
        'say("two"); await wait(() => state() === "ready");'
    )
    assert [message.text for message in backend.asked[-1].messages] == ["two"]
    assert page.count('class="message user"') == 1


def test_a_failure_is_shown_with_its_hint_and_can_be_tried_again(drive: Drive, backend: FakeBackend) -> None:
    page = drive(
        'press("language"); say("broken"); await wait(() => state() === "ready");'
        'document.querySelector(".again").click(); await wait(() => state() === "ready");'
    )
    assert "boom" in page
    assert "重试" in page
    assert page.count('class="error"') == 1
    assert len(backend.asked) == 2
