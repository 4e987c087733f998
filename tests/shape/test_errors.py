"""Every error that the sources raise has words in both languages, filled from the facts it is given, and is documented."""

from __future__ import annotations

import re
import string

import pytest

from lianlu.core.errors import ErrorText
from reference import ROOT, error_texts, raised_errors

RAISED = [each for each in raised_errors() if not each.own_words]
TEXTS: dict[str, ErrorText] = error_texts()
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def fields(*templates: str) -> set[str]:
    return {name for each in templates for _, name, _, _ in string.Formatter().parse(each) if name}


def wanted(text: ErrorText) -> set[str]:
    return fields(text.message.en, text.message.zh, text.hint.en, text.hint.zh)


def test_every_code_that_is_raised_has_words() -> None:
    assert sorted({f"{each.code} at {each.at}" for each in RAISED if each.code not in TEXTS}) == []


def test_every_code_with_words_is_used_somewhere() -> None:
    sources = [path for path in (ROOT / "src" / "lianlu").rglob("*.py") if path.name != "texts.py"]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [code for code in TEXTS if f'"{code}"' not in text] == []


def test_words_are_filled_from_the_facts_that_are_given() -> None:
    lacking = [
        f"{each.code} at {each.at}: {sorted(missing)}"
        for each in RAISED
        if each.code in TEXTS and not each.open_facts and (missing := wanted(TEXTS[each.code]) - each.facts)
    ]
    assert lacking == []


def faults(text: ErrorText) -> list[str]:
    """What is wrong with the words of one code."""
    only_fields = re.fullmatch(r"(\{[^}]*\}\W*)+", text.message.zh)
    checks = {
        "no hint in both languages": bool(text.hint.en and text.hint.zh),
        "English is not English": not CHINESE.search(text.message.en + text.hint.en),
        "Chinese is not Chinese": bool(CHINESE.search(text.message.zh) or only_fields),
        "facts differ between the languages": fields(text.message.en) == fields(text.message.zh),
        "an odd HTTP status": text.http is None or 400 <= text.http < 600,
    }
    return [fault for fault, is_right in checks.items() if not is_right]


def test_words_stand_in_both_languages_and_say_what_to_do() -> None:
    assert {code: found for code, text in TEXTS.items() if (found := faults(text))} == {}


def test_a_code_is_a_room_and_a_slug() -> None:
    assert [code for code in TEXTS if not re.fullmatch(r"[a-z]+(\.[a-z0-9]+(-[a-z0-9]+)*)?", code)] == []


@pytest.mark.parametrize("lang", ["en", "zh_cn"])
def test_every_code_is_in_the_reference(lang: str) -> None:
    page = (ROOT / "docs" / lang / "reference" / "errors.md").read_text(encoding="utf-8")
    assert [code for code in TEXTS if f"`{code}`" not in page] == []
