"""Terms for lexical search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.text.tokens import content_terms, is_stop_term, stem, term_weight, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("大模型", {"大", "模", "型", "大模", "模型"}),
        ("ＸＴｕｎｅｒ", {"xtuner"}),
        ("deepspeed_zero2", {"deepspeed_zero2", "deepspeed", "zero2"}),
        ("internlm2-chat-7b", {"internlm2-chat-7b", "internlm2", "chat", "7b"}),
        ("HuggingFace", {"huggingfac", "hug", "fac"}),
        ("v0.1.18", {"v0.1.18", "18"}),
        ("C++", {"c++"}),
        ("訓練 train", {"訓練", "train"}),
        ("한국어", {"한국", "국어"}),
    ],
)
def test_terms_hold_the_whole_and_its_parts(text: str, expected: set[str]) -> None:
    assert expected <= set(terms(text))


@pytest.mark.parametrize(
    "forms", [("tune", "tuned", "tuning", "tunes"), ("model", "models"), ("library", "libraries"), ("stop", "stopped")]
)
def test_forms_of_an_english_word_meet(forms: tuple[str, ...]) -> None:
    assert len({stem(form) for form in forms}) == 1


def test_words_that_only_look_inflected_are_kept() -> None:
    assert [stem(word) for word in ("string", "deepspeed", "class", "this", "bed")] == [
        "string",
        "deepspeed",
        "class",
        "this",
        "bed",
    ]


def test_a_question_is_reduced_to_what_it_asks_about() -> None:
    assert content_terms("xtuner是什么？") == {"xtuner"}
    assert content_terms("怎么安装 XTuner？") == {"安装", "xtuner"}
    assert content_terms("What is the capital of the Netherlands?") == {"capital", "netherland"}


def test_stop_words_count_little_but_count() -> None:
    assert 0 < term_weight("the") < term_weight("xtuner")
    assert is_stop_term("什么")
    assert not is_stop_term("模型")


@given(st.text(max_size=200))
def test_any_text_gives_terms_without_blanks(text: str) -> None:
    assert all(term and not term.isspace() and "\n" not in term for term in terms(text))


@given(st.text(alphabet=st.sampled_from("abcXYZ 微调_-.9"), max_size=80))
def test_terms_do_not_depend_on_width(text: str) -> None:
    wide = "".join(chr(ord(each) + 0xFEE0) if each.isascii() and each.isalnum() else each for each in text)
    assert terms(wide) == terms(text)
