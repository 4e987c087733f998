"""A page of a server is one document that needs nothing from elsewhere and runs nothing but its own script."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from lianlu.core.i18n import Language
from lianlu.web.served_page import ServedPage, served_page

PAGES = [("lianlu.serve", "chat"), ("lianlu.rag", "base_page")]
each_page = pytest.mark.parametrize(("package", "name"), PAGES, ids=[name for _, name in PAGES])


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


def page_of(package: str, name: str, *, lang: Language = "en", shown: str = "m") -> ServedPage:
    return served_page(package, name, lang, {"model": shown, "name": shown, "greeting": ""})


@each_page
def test_the_policy_allows_the_script_that_is_in_the_page(package: str, name: str) -> None:
    page = page_of(package, name)
    (script,) = Found(page.html).scripts
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{allowed}'" in page.policy
    assert "default-src 'none'" in page.policy


@each_page
def test_nothing_is_loaded_from_elsewhere(package: str, name: str) -> None:
    html = page_of(package, name, lang="zh").html
    found = Found(html)
    assert [
        attrs for tag, attrs in found.tags if tag in ("img", "iframe", "link") and attrs.get("href") != "data:,"
    ] == []
    assert [attrs for tag, attrs in found.tags if "src" in attrs] == []
    assert "@import" not in html
    assert "url(" not in html


@each_page
def test_words_from_elsewhere_are_never_parsed_as_html(package: str, name: str) -> None:
    (script,) = Found(page_of(package, name).html).scripts
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script)


@each_page
@pytest.mark.parametrize("shown", ['"><script>alert(1)</script>', "a&b", "模型", "</style>", "<html>", "<body>"])
def test_any_name_stays_a_name(package: str, name: str, shown: str) -> None:
    found = Found(page_of(package, name, shown=shown).html)
    html = next(attrs for tag, attrs in found.tags if tag == "html")
    assert html["data-model"] == html["data-name"] == shown
    assert [tag for tag, _ in found.tags].count("script") == 1


@each_page
def test_the_page_opens_in_the_language_asked_for(package: str, name: str) -> None:
    assert '<html lang="zh-CN" data-lang="zh"' in page_of(package, name, lang="zh").html
    assert '<html lang="en" data-lang="en"' in page_of(package, name).html


@each_page
def test_every_word_stands_in_both_languages(package: str, name: str) -> None:
    html = page_of(package, name).html
    assert html.count('class="l-en"') == html.count('class="l-zh"') > 4
    (script,) = Found(html).scripts
    english, chinese = re.findall(r"^    (?:en|zh): \{(.*?)^    \},", script, re.M | re.S)
    keys = re.compile(r"[{,]\s*(\w+):")
    assert keys.findall("," + english) == keys.findall("," + chinese)
