"""The chat page is one document that needs nothing from elsewhere and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from lianlu.serve.chat_page import chat_page


class Found(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._is_script = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts.append(data)


def test_the_policy_allows_the_script_that_is_in_the_page() -> None:
    page = chat_page("m", "en")
    (script,) = Found(page.html).scripts
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{allowed}'" in page.policy
    assert "default-src 'none'" in page.policy


def test_nothing_is_loaded_from_elsewhere() -> None:
    html = chat_page("m", "zh").html
    found = Found(html)
    assert [
        attrs for tag, attrs in found.tags if tag in ("img", "iframe", "link") and attrs.get("href") != "data:,"
    ] == []
    assert [attrs for tag, attrs in found.tags if "src" in attrs] == []
    assert "@import" not in html
    assert "url(" not in html


def test_a_model_s_words_are_never_parsed_as_html() -> None:
    (script,) = Found(chat_page("m", "en").html).scripts
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


@pytest.mark.parametrize("name", ['"><script>alert(1)</script>', "a&b", "模型", "</style>", "<html>"])
def test_any_model_name_stays_a_name(name: str) -> None:
    found = Found(chat_page(name, "en").html)
    html = next(attrs for tag, attrs in found.tags if tag == "html")
    assert html["data-model"] == name
    assert [tag for tag, _ in found.tags].count("script") == 1


def test_the_page_opens_in_the_language_asked_for() -> None:
    assert '<html lang="zh-CN" data-lang="zh"' in chat_page("m", "zh").html
    assert '<html lang="en" data-lang="en"' in chat_page("m", "en").html


def test_every_word_stands_in_both_languages() -> None:
    html = chat_page("m", "en").html
    assert html.count('class="l-en"') == html.count('class="l-zh"') > 5
    (script,) = Found(html).scripts
    english, chinese = re.findall(r"^    (?:en|zh): \{(.*?)^    \},", script, re.M | re.S)
    keys = re.compile(r"[{,]\s*(\w+):")
    assert keys.findall("," + english) == keys.findall("," + chinese)
