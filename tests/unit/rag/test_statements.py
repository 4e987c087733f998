"""From what a model wrote to the statements that stand in its sources."""

from __future__ import annotations

import pytest

from lianlu.rag.statements import Supported, read_statements

TEXTS = [
    "The pump moves 20 litres of water a minute. It needs 200 watts.",
    "The filter is cleaned every month; a dirty filter halves the flow.",
    "水泵每分钟抽水二十升；它由保险丝保护。",
]


def supported(answer: str) -> list[tuple[str, tuple[int, ...]]]:
    return [(each.text, each.numbers) for each in read_statements(answer, TEXTS).supported]


@pytest.mark.parametrize(
    "answer",
    [
        "- The pump moves 20 litres of water a minute. [1]\n- The filter is cleaned every month. [2]",
        "1. The pump moves 20 litres of water a minute. [1]\n2. The filter is cleaned every month. [2]",
        "1) The pump moves 20 litres of water a minute [1].\n2) The filter is cleaned every month [2].",
        "Key points:\n\n* **The pump moves 20 litres of water a minute.** 【1】\n* The filter is cleaned every month.【2】",
        "# Summary\n- The pump moves 20 litres of\n  water a minute. [1]\n- The filter is cleaned every month. [2]\n",
    ],
    ids=["dashes", "numbers", "parentheses", "wide marks", "wrapped"],
)
def test_a_list_is_read_however_it_is_marked(answer: str) -> None:
    assert [numbers for _, numbers in supported(answer)] == [(1,), (2,)]
    assert read_statements(answer, TEXTS).dropped == ()


def test_one_mark_speaks_for_the_sentences_before_it() -> None:
    assert supported("- 水泵每分钟抽水二十升；它由保险丝保护。[3]") == [
        ("水泵每分钟抽水二十升；它由保险丝保护。", (3,))
    ]


def test_a_sentence_that_hides_behind_a_true_one_is_dropped_alone() -> None:
    said = read_statements("- The pump needs 200 watts. The pump costs 90 dollars. [1]", TEXTS)
    assert [each.text for each in said.supported] == ["The pump needs 200 watts."]
    assert [(each.code, "90" in each.claim) for each in said.dropped] == [("number", True)]


def test_what_follows_the_last_mark_rests_on_nothing() -> None:
    said = read_statements("- The pump needs 200 watts. [1] The filter is cleaned every month.", TEXTS)
    assert [each.text for each in said.supported] == ["The pump needs 200 watts."]
    assert [each.code for each in said.dropped] == ["uncited"]


def test_of_several_sources_those_are_cited_that_bear_it_out() -> None:
    assert supported("- The pump needs 200 watts. [1][2]") == [("The pump needs 200 watts.", (1,))]
    assert supported("- The pump needs 200 watts and the filter is cleaned every month. [1][2]")[0][1] == (1, 2)


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        ("- The pump needs 300 watts. [1]", ["number"]),
        ("- The filter is never cleaned. [2]", ["negated"]),
        ("- The pump needs 200 watts. [7]", ["no-such-source"]),
        ("- The pump needs 200 watts.", ["uncited"]),
        ("- The pump was made by Lumen Works. [1]", ["name"]),
        ("- 水泵每分钟抽水二十升。[1]", ["other-language"]),
        ("", []),
        ("[1]", []),
        ("\x00\ud800 ]][[ ((( 1] [", None),
    ],
)
def test_what_the_sources_do_not_say_is_dropped(answer: str, codes: list[str] | None) -> None:
    said = read_statements(answer, TEXTS)
    assert said.supported == ()
    if codes is not None:
        assert [each.code for each in said.dropped] == codes
    assert all(each.why and each.why_zh for each in said.dropped)


def test_a_refusal_is_told_and_is_nothing_dropped() -> None:
    for answer in ("This is not in the documents.", "文档中没有相关内容。"):
        said = read_statements(answer, TEXTS)
        assert (said.supported, said.dropped, said.is_refusal) == ((), (), True)


def test_an_answer_without_end_is_read_in_part() -> None:
    said = read_statements("- The pump needs 200 watts. [1]\n" * 5000, TEXTS)
    assert 0 < len(said.supported) <= 200
    assert set(said.supported) == {Supported("The pump needs 200 watts.", (1,))}
