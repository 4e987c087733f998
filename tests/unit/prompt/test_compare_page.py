"""The page of a comparison, opened in a browser in both languages."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lianlu.core.i18n import Language
from lianlu.page import Page, render
from lianlu.prompt.compare_output import summaries_of
from lianlu.prompt.compare_page import comparison_page
from lianlu.prompt.compare_stats import compared

from .comparing import cell, results

_EVIL = "<script>document.title='evil'</script><img src=x onerror=alert(1)>"


def _results():  # type: ignore[no-untyped-def]
    cells = [
        cell(v, f"case {at}", bool(v) or at > 3, output=_EVIL if at == 5 else "") for at in range(6) for v in (0, 1)
    ]
    return results(*cells, cell(0, "last", error="gone [llm.unavailable]"), cell(1, "last", None))


def _page() -> Page:
    made = _results()
    return comparison_page(made, summaries_of(made), compared(made))


def _dumped(path: Path) -> str:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("提示词对比", "无提示词", "两两比较", "分不出", "出错", "逐个用例")),
        ("en", ("Prompts compared", "no prompt", "Who beats whom", "not told apart", "failed", "Case by case")),
    ],
)
def test_a_browser_shows_it_in_both_languages(tmp_path: Path, language: Language, words: tuple[str, ...]) -> None:
    path = tmp_path / "page.html"
    path.write_text(render(_page(), language), encoding="utf-8")
    shown = _dumped(path)
    for word in words:
        assert word in shown
    assert "<title>evil" not in shown
    assert "gone [llm.unavailable]" in shown


def test_cases_on_which_the_variants_differ_come_first() -> None:
    page = _page()
    titles = [part.title for part in page.sections[-1].parts]  # type: ignore[union-attr]
    assert titles[:4] == ["case 0", "case 1", "case 2", "case 3"]
    assert titles[4] == "last"


def test_nothing_on_the_page_is_fetched() -> None:
    text = render(_page(), "en")
    markup = text.replace("http://www.w3.org", "").replace("&lt;img src=x", "")
    assert not re.search(r"(?:src|href)=[\"']?https?:|url\(|@import|<img|<link", markup)
