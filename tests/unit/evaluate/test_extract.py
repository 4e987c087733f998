"""Answers are read where they are said, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.evaluate.extract import EXTRACTORS, letter, number, read_answer
from lianlu.records import Sample

CITIES = ("北京", "上海", "广州", "深圳")
WORDS = ("a whale", "the shark", "one squid", "no crab")

LETTER = {
    "B": "B",
    "Ｂ": "B",
    "b": "B",
    "(D)": "D",
    "（Ｄ）": "D",
    "B.": "B",
    "**C**": "C",
    "C、广州": "C",
    "D. 深圳是最年轻的": "D",
    "答案是B": "B",
    "答案：Ｃ": "C",
    "答案: (a)": "A",
    "答案应该是 D。": "D",
    "正确答案为B，因为A不对。": "B",
    "选 C。": "C",
    "我选择D": "D",
    "故选A": "A",
    "不选A，应选B": "B",
    "答案不是A，而是B。": "B",
    "The answer is (D).": "D",
    "the correct answer is: b.": "B",
    "Answer: C": "C",
    "I would choose B because A is wrong.": "B",
    "Based on the map, C": "C",
    "Considering all this, the answer must be D": "D",
    r"so \boxed{A}": "A",
    "A和B都像，但答案是 C": "C",
    "选项A错误，选项B错误，所以答案是D": "D",
    "<think>maybe A, the answer is A</think>答案是B": "B",
    "应该是上海": "B",
    "答案：B\n解析：A 项不符合题意。": "B",
    "我认为D项正确": "D",
}
NO_LETTER = [
    "",
    "Based on the passage",
    "Difficult to say.",
    "A whale is a mammal",
    "不知道",
    "A和B都对",
    "A, B",
    "答案是A和B",
    "答案是E",
    "CD-ROM",
    "Because",
    "北京和上海",
    "The answer is a matter of taste",
]


@pytest.mark.parametrize("output", LETTER, ids=repr)
def test_the_letter_that_was_settled_on(output: str) -> None:
    assert letter(output, CITIES) == LETTER[output]


@pytest.mark.parametrize("output", NO_LETTER, ids=repr)
def test_no_letter_where_none_was_settled_on(output: str) -> None:
    assert letter(output, CITIES) is None


def test_the_words_of_an_option_are_an_answer_too() -> None:
    assert letter("It is the shark!", WORDS) == "B"
    assert letter("It is a whale or the shark.", WORDS) is None
    assert letter("十六", ("六", "十六", "六十", "一")) == "B"


@given(st.text(max_size=60))
def test_any_text_gives_a_letter_of_the_options_or_none(output: str) -> None:
    assert letter(output, CITIES) in (None, "A", "B", "C", "D")


@given(st.sampled_from(["Because", "Clearly", "Despite all", "An apple"]), st.sampled_from("ABCD"))
def test_the_first_capital_of_a_word_is_never_the_answer(word: str, right: str) -> None:
    assert letter(f"{word} of this, the answer is {right}.", CITIES) == right


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("3", "3"),
        ("共有３个。", "3"),
        ("3 letters, so $80,000", "80000"),
        ("it is 1,234,567.", "1234567"),
        ("-7", "-7"),
        ("5-3=2", "2"),
        ("x = −4", "-4"),  # a true minus sign
        ("3.0", "3"),
        ("3.50", "3.5"),
        ("the 1st word has r 2 times", "2"),
        ("1. a\n2. b", "2"),
        ("none", None),
        ("", None),
        ("1,2,3", "3"),
        ("<think>9</think>4", "4"),
    ],
    ids=repr,
)
def test_the_last_number_is_the_answer(output: str, found: str | None) -> None:
    assert number(output) == found


@given(st.integers(-(10**9), 10**9), st.sampled_from(["{}", "the answer is {}.", "共 {} 个", "= {:,}!", "({})"]))
def test_any_integer_is_read_as_it_was_written(value: int, words: str) -> None:
    assert number(words.format(value)) == str(value)


def sample(*targets: str, choices: tuple[str, ...] = ()) -> Sample:
    return Sample(id="x", input="?", targets=targets, choices=choices)


@pytest.mark.parametrize(
    ("extractor", "output", "target", "is_right"),
    [
        ("number", "so it is 12.", "12", True),
        ("number", "so it is 12 or 13.", "12", False),
        ("exact", "Well,\n 上海 人工智能。", "上海人工智能", True),
        ("exact", "上海人工智能实验室", "上海人工智能", False),
        ("contains", "我是由 上海人工智能实验室 开发的。", "上海人工智能实验室", True),
        ("contains", "My name is Annabel.", "Ann", False),
        ("contains", "my name is ANN!", "Ann", True),
        ("contains", "I am lian-lu", "lian lu", True),
        ("letter", "选 B", "B", True),
    ],
)
def test_an_answer_is_judged(extractor: str, output: str, target: str, is_right: bool) -> None:
    choices = CITIES if extractor == "letter" else ()
    found = read_answer(extractor, output, sample(target, choices=choices))
    assert (found.is_right, bool(found.why)) == (is_right, not is_right)


@pytest.mark.parametrize("extractor", EXTRACTORS)
def test_nothing_written_is_no_answer(extractor: str) -> None:
    for output in ("", "  \n", "<think>hm</think>"):
        assert read_answer(extractor, output, sample("A", choices=CITIES)).text is None


@given(st.sampled_from(sorted(EXTRACTORS)), st.text(max_size=80))
def test_reading_never_fails(extractor: str, output: str) -> None:
    assert read_answer(extractor, output, sample("A", choices=CITIES)).why is not None
