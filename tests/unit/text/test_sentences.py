"""Sentences: exact partitions, and cuts where a reader would cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.records import Span
from lianlu.text.sentences import sentences, trim

PIECES = st.sampled_from(
    [
        "。",
        "！",
        "？",
        ".",
        "!",
        "?",
        "…",
        "\n",
        "\n\n",
        " ",
        "- ",
        "1. ",
        "|",
        "```",
        "~~~\n",
        "# ",
        "e.g. ",
        "3.14",
        "“",
        "”",
    ]
)
TEXT = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)


def cut(text: str) -> list[str]:
    return [span.cut(text) for span in sentences(text)]


@given(TEXT)
@settings(max_examples=300)
def test_any_text_is_rebuilt_by_its_sentences(text: str) -> None:
    spans = sentences(text)
    assert "".join(span.cut(text) for span in spans) == text
    assert all(span.start < span.end for span in spans)


@given(TEXT)
def test_trimming_stays_inside_the_span(text: str) -> None:
    for span in sentences(text):
        kept = trim(text, span)
        assert span.start <= kept.start <= kept.end <= span.end


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "chinese": ("你好。再见！真的？是；不是", ["你好。", "再见！", "真的？", "是；", "不是"]),
        "closing quotes stay": ("他说：“走吧。”于是走了。", ["他说：“走吧。”", "于是走了。"]),
        "english": ("It works. Does it? Yes!", ["It works. ", "Does it? ", "Yes!"]),
        "decimals and versions": ("Use v0.1.18 or 3.5. Then go.", ["Use v0.1.18 or 3.5. ", "Then go."]),
        "addresses": ("See https://a.b/c?d=e.f for it. Ok.", ["See https://a.b/c?d=e.f for it. ", "Ok."]),
        "abbreviations": (
            "Dr. Li et al. said e.g. this in Fig. 3. End.",
            ["Dr. Li et al. said e.g. this in Fig. 3. ", "End."],
        ),
        "initials": ("J. R. Smith wrote it. Yes.", ["J. R. Smith wrote it. ", "Yes."]),
        "list items": ("- One. Two\n- Three\n", ["- One. ", "Two\n", "- Three\n"]),
        "numbered items": ("1. First\n2. Second\n", ["1. First\n", "2. Second\n"]),
        "table rows": ("| a. b | c |\n|---|---|\n| d | e |", ["| a. b | c |\n", "|---|---|\n", "| d | e |"]),
        "heading": ("# A. B\nText here.", ["# A. B\n", "Text here."]),
        "fence is whole": ("```\nx = 1.\ny = 2。\n```\nAfter.", ["```\nx = 1.\ny = 2。\n```\n", "After."]),
        "wrapped line goes on": (
            "This line was wrapped by its author at column sixty or so\nand goes on. Next.",
            ["This line was wrapped by its author at column sixty or so\nand goes on. ", "Next."],
        ),
        "short lines stand alone": ("床前明月光\n疑是地上霜", ["床前明月光\n", "疑是地上霜"]),
        "citation marks stay": ("事实一。[1]事实二。[2][3]", ["事实一。[1]", "事实二。[2][3]"]),
        "stop typed without input method": ("他来了.我走了.", ["他来了.", "我走了."]),
        "empty": ("", []),
        "blank": (" \n ", [" \n "]),
    }.values(),
    ids=lambda value: None,
)
def test_cuts(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("- item \n", "item"), ("## Title\n\n", "Title"), ("| a | b |\n", "a | b"), ("1. x", "x"), ("-5 度", "-5 度")],
)
def test_trim_shows_what_a_reader_wants_quoted(text: str, expected: str) -> None:
    assert trim(text, Span(start=0, end=len(text))).cut(text) == expected


def test_a_very_long_line_is_cut_in_reasonable_time() -> None:
    text = "没有标点的长行" * 200_000
    assert cut(text) == [text]


def test_a_very_long_line_of_sentences_is_cut_in_reasonable_time() -> None:
    """The rest of the line was once copied at every full stop: 2 s for 1 MB, minutes for 10."""
    assert len(cut("It is so. " * 100_000)) == 100_000
