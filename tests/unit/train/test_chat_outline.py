"""An outline is what a template writes around messages; a text that is not that outline filled with its words is not taken for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("transformers")

from lianlu.records import Conversation, Message, assistant, user
from lianlu.train.chat_outline import Outline
from lianlu.train.chat_text import ChatTexts


class Bare:
    """What `ChatTexts` needs of a tokenizer."""

    name_or_path = "bare"
    special_tokens_map: dict[str, str] = {}
    added_tokens_decoder: dict[int, Any] = {}

    def __init__(self, template: str) -> None:
        self.chat_template = template

    def get_chat_template(self, chosen: str | None, tools: Any) -> str:
        return chosen or self.chat_template


LOOP = "{% for m in messages %}<{{ m['role'] }}>EXPR</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"


def outline_of(template: str, *messages: Message) -> Outline | None:
    return ChatTexts(Bare(template)).of(Conversation(messages=messages)).outline


@pytest.mark.parametrize(
    ("expression", "strips"),
    [("{{ m.content }}", ("", "")), ("{{ m.content | trim }}", ("lr", "lr")), ("{{ m.content.rstrip() }}", ("r", "r"))],
)
def test_how_messages_are_stripped_is_learned(expression: str, strips: tuple[str, ...]) -> None:
    template = LOOP.replace("EXPR", expression)
    outline = outline_of(template, user("\n a "), assistant(" b\n"))
    assert outline is not None
    assert outline.strips == strips
    assert outline.pieces == ("<user>", "</><assistant>", "</>")


def test_roles_may_be_stripped_differently_and_lead_into_each_other() -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'user' %}[{{ m.content | trim }}]{% else %} {{ m.content }}</s>{% endif %}"
        "{% endfor %}"
    )
    text = ChatTexts(Bare(template)).of(Conversation(messages=(user(" a "), assistant(" b "), user("c"))))
    assert text.outline is not None
    assert text.outline.strips == ("lr", "", "lr")
    assert [text.text[start:end] for start, end in text.spans] == ["  b </s>"]


@pytest.mark.parametrize(
    "expression",
    [
        "{{ m.content | upper }}",
        "{{ m.content | tojson }}",
        "{{ m.content }}{{ m.content }}",
        "{{ m.content | replace('\n', ' ') }}",
    ],
)
def test_a_template_that_changes_words_has_no_outline(expression: str) -> None:
    assert outline_of(LOOP.replace("EXPR", expression), user("a"), assistant("b")) is None


def looks_for_thoughts(said: str) -> bool:
    template = LOOP.replace("EXPR", "{{ m.content.split('</think>')[-1] if '</think>' in m.content else m.content }}")
    return outline_of(template, user("a"), assistant(said)) is not None


def hides_empty(said: str) -> bool:
    return outline_of(LOOP.replace("EXPR", "{{ m.content or 'nothing' }}"), user("a"), assistant(said)) is not None


@pytest.mark.parametrize(("fits", "other"), [(looks_for_thoughts, "x</think>y"), (hides_empty, "")])
def test_words_that_the_template_looks_at_do_not_fit_the_outline(fits: Callable[[str], bool], other: str) -> None:
    assert fits("plain")
    assert not fits(other)


def test_a_template_that_refuses_made_up_words_is_followed_without_an_outline() -> None:
    template = LOOP.replace("EXPR", "{{ raise_exception('no') if 'Aq' in m.content else m.content }}")
    text = ChatTexts(Bare(template)).of(Conversation(messages=(user("a"), assistant("b"))))
    assert (text.outline, [text.text[start:end] for start, end in text.spans]) == (None, ["b</>"])
