from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.i18n import Text
from lianlu.page.markup import Ids, escape, label, number, safe_href


@given(st.text())
def test_escaped_text_holds_no_markup_and_no_controls(text: str) -> None:
    escaped = escape(text)
    assert not set("<>\"'") & set(escaped)
    assert all(character in "\n\t" or character.isprintable() or ord(character) >= 160 for character in escaped)


@pytest.mark.parametrize("href", ["#part", "docs/a b.md", "../a.md#L3", "https://example.org/?a=1&b=2", "mailto:a@b.c"])
def test_addresses_of_documents_are_links(href: str) -> None:
    assert safe_href(href) is not None


@pytest.mark.parametrize(
    "href",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " \tjava\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "\\\\evil\\x",
        "blob:x",
    ],
)
def test_any_other_address_is_plain_text(href: str) -> None:
    assert safe_href(href) is None


def test_words_equal_in_both_languages_are_written_once() -> None:
    assert label(Text("CMMLU", "CMMLU")) == "CMMLU"


def test_ids_are_unique_and_readable() -> None:
    ids = Ids()
    assert [ids.take(name) for name in ("文档", "文档", "a b", "", "<x>")] == ["文档", "文档-2", "a-b", "part", "x"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (0.00012, "0.00012"),
        (12345.6, "12,346"),
        (float("inf"), "inf"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_written_as_people_do(value: float, shown: str) -> None:
    assert number(value) == shown
