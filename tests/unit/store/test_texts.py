"""The words of every error say the same things in both languages."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import lianlu.store
from lianlu.store.texts import ERRORS


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("code", ERRORS)
def test_both_languages_use_the_same_facts_and_have_a_hint(code):
    text = ERRORS[code]
    assert fields(text.message.en) == fields(text.message.zh)
    assert fields(text.hint.en) == fields(text.hint.zh)
    assert text.hint.en
    assert re.search(r"[\u4e00-\u9fff]", text.message.zh)


def test_every_code_raised_has_words_and_every_words_are_raised():
    sources = [path for path in Path(lianlu.store.__file__).parent.glob("*.py") if path.name != "texts.py"]
    raised = {code for path in sources for code in re.findall(r'Error\("(store\.[a-z-]+)"', path.read_text())}
    assert raised == set(ERRORS)
