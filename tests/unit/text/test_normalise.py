"""Folding, cleaning and measuring text."""

import pytest

from lianlu.text.normalise import clean_input, fold, is_cjk, text_size


@pytest.mark.parametrize(
    ("text", "expected"), [("ＡＢＣ１２３", "abc123"), ("a\u200bb\ufeff", "ab"), ("Straße", "strasse"), ("①", "1")]
)
def test_fold(text: str, expected: str) -> None:
    assert fold(text) == expected


@pytest.mark.parametrize("text", ["a\x00b", " a\x1bb\n", "a\ud800b"])
def test_clean_input_drops_what_no_keyboard_writes(text: str) -> None:
    clean_input(text).encode()
    assert "\x00" not in clean_input(text)


def test_size_counts_three_letters_as_one_ideograph() -> None:
    assert text_size("大模型") == 3
    assert text_size("abcdef") == 2
    assert text_size("") == 0


def test_is_cjk() -> None:
    assert is_cjk("大")
    assert is_cjk("か")
    assert not is_cjk("a")
