"""Answers are spelled in whole characters, stop texts are found wherever tokens part, and prompts are cut without loss."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.core.errors import UsageError
from lianlu.engine.tokenizer import Spelling, StopWatch, Tokenizer
from lianlu.records import Conversation, ImagePart, Message, ReasoningPart, TextPart, Tool, system, user
from tiny_model import tiny_tokenizer

TOKENIZER = Tokenizer(tiny_tokenizer())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(deadline=None)
def test_a_text_spelled_token_by_token_is_the_text(text: str) -> None:
    spelling = Spelling(TOKENIZER)
    pieces = [spelling.add(token) for token in TOKENIZER.encode(text).ids]
    rest = spelling.rest()
    assert "".join(pieces) + rest == text
    if "\ufffd" not in text:
        assert "\ufffd" not in "".join(pieces)


@given(st.lists(st.integers(0, 264), max_size=30))
@settings(deadline=None)
def test_bytes_that_are_no_characters_lose_nothing_around_them(ids: list[int]) -> None:
    spelling = Spelling(TOKENIZER)
    made = "".join(spelling.add(token) for token in ids) + spelling.rest()
    whole = TOKENIZER.decode(ids)
    assert made.replace("\ufffd", "") == whole.replace("\ufffd", "")


def test_half_a_character_waits() -> None:
    spelling = Spelling(TOKENIZER)
    assert [spelling.add(token) for token in TOKENIZER.encode("你!").ids] == ["", "", "你", "!"]


def test_a_character_that_never_ends_is_shown_at_the_end() -> None:
    spelling = Spelling(TOKENIZER)
    first = TOKENIZER.encode("你").ids[0]
    assert (spelling.add(first), spelling.rest(), spelling.rest()) == ("", "\ufffd", "")


@given(st.text(max_size=30).filter(lambda text: text.isprintable()))
@settings(deadline=None)
def test_pieces_of_a_prompt_join_to_it(text: str) -> None:
    assert "".join(TOKENIZER.encode(text).pieces(text)) == text


def test_a_character_of_many_tokens_stands_with_its_last() -> None:
    assert TOKENIZER.encode("a你").pieces("a你") == ["a", "", "", "你"]


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        TOKENIZER.encode("\ud800")
    assert caught.value.code == "engine.bad-text"


@given(st.text("ab", max_size=20), st.lists(st.text("ab", min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_a_stop_text_is_found_however_the_text_comes(text: str, stops: list[str], size: int) -> None:
    watch = StopWatch(stops)
    shown = "".join(watch.add(text[at : at + size]) for at in range(0, len(text), size)) + watch.rest()
    found = [text.find(stop) for stop in stops if stop in text]
    assert watch.has_stopped == bool(found)
    if size == 1 and found:  # one character at a time, the stop that ends first wins
        end = min(text.find(stop) + len(stop) for stop in stops if stop in text)
        assert shown == text[: min(text.find(stop) for stop in stops if 0 <= text.find(stop) <= end - len(stop))]
    elif not found:
        assert shown == text
    assert not any(stop in shown for stop in stops)


def test_nothing_that_may_begin_a_stop_text_is_shown_early() -> None:
    watch = StopWatch(["\n\nUser:"])
    assert [watch.add(piece) for piece in ("hi\n", "\nUs", "e", "\n\nUser", ":x")] == ["hi", "", "", "\n\nUse", ""]
    assert watch.has_stopped


def test_a_conversation_is_rendered_with_the_start_of_the_answer() -> None:
    ids = TOKENIZER.render(Conversation(messages=(system("s"), user("hi"))))
    text = tiny_tokenizer().decode(ids, skip_special_tokens=False)
    assert text == "<|system|>s<|end|><|user|>hi<|end|><|assistant|>"


def test_earlier_thoughts_are_left_out() -> None:
    thought = Message(role="assistant", parts=(ReasoningPart(text="hm"), TextPart(text="yes")))
    bare = Message(role="assistant", parts=(TextPart(text="yes"),))
    assert TOKENIZER.render(Conversation(messages=(thought,))) == TOKENIZER.render(Conversation(messages=(bare,)))


@pytest.mark.parametrize(
    ("conversation", "code"),
    [
        (Conversation(messages=(Message(role="tool", parts=(TextPart(text="4"),)),)), "engine.template-refused"),
        (Conversation(messages=(Message(role="user", parts=(ImagePart(uri="a.png"),)),)), "engine.unknown-part"),
        (Conversation(messages=(user("hi"),), tools=(Tool(name="add"),)), "engine.no-tools"),
        (Conversation(messages=(user("\ud800"),)), "engine.bad-text"),
    ],
    ids=["refused by the template", "image", "tools", "surrogate"],
)
def test_what_cannot_be_shown_to_the_model_is_refused(conversation: Conversation, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        TOKENIZER.render(conversation)
    assert caught.value.code == code
    assert caught.value.hint("zh")
