"""What is rendered is what `apply_chat_template` gives, and only answers with their end marker are learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("transformers")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chat_tokenizers import KINDS, chat_tokenizer
from lianlu.core.errors import DataError, UsageError
from lianlu.nn.weights import load_tokenizer
from lianlu.records import (
    Conversation,
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.text.chat_templates import TEMPLATES
from lianlu.train.template import as_openai, give_template, render

TALK = Conversation(messages=(system("be brief"), user("你是谁？"), assistant("小链"), user("bye"), assistant("再会")))
LLAMA = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}<|im_end|>\n\n{{ m['content'] | trim }}<|endoftext|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant<|im_end|>\n\n{% endif %}"
)
BARE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
FORGETFUL = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] if loop.last else '...' }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WITH_TOOLS = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
    "{% for c in m['tool_calls'] or [] %}{{ c['function']['name'] }}({{ c['function']['arguments']['x'] }}){% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


FORGETS_THOUGHTS = (
    "{% set ns = namespace(last=0) %}{% for m in messages %}"
    "{% if m['role'] == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.index0 > ns.last %}<think>\n{{ m['reasoning_content'] }}</think>{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CALL = Message(role="assistant", parts=(ToolCallPart(id="1", name="add", arguments='{"x": 2}'),))
RESULT = Message(role="tool", parts=(ToolResultPart(call_id="1", text="4"),))


@pytest.fixture
def cutter(tokenizer: Path) -> Any:
    return load_tokenizer(tokenizer)


def learned(cutter: Any, conversation: Conversation, **more: Any) -> list[str]:
    """The runs of learned tokens as text."""
    sample = render(cutter, conversation, **more)
    runs: list[list[int]] = []
    for place, (token, is_learned) in enumerate(zip(sample.ids.tolist(), sample.mask.tolist(), strict=True)):
        if is_learned and (not place or not sample.mask[place - 1]):
            runs.append([])
        if is_learned:
            runs[-1].append(token)
    return [cutter.decode(run) for run in runs]


def flagged(message: Message, learn: bool | None) -> Message:
    return msgspec.structs.replace(message, learn=learn)


@pytest.mark.parametrize("template", [None, LLAMA, BARE], ids=["chatml", "llama-like", "bare"])
def test_ids_are_those_of_apply_chat_template(cutter: Any, template: str | None) -> None:
    cutter.chat_template = template or cutter.chat_template
    wanted = cutter.apply_chat_template([as_openai(each) for each in TALK.messages], return_dict=True)["input_ids"]
    assert render(cutter, TALK).ids.tolist() == wanted


def test_answers_with_their_end_marker_are_learned_and_nothing_else(cutter: Any) -> None:
    assert learned(cutter, TALK) == ["小链<|im_end|>", "再会<|im_end|>"]
    assert learned(cutter, TALK, supervise="last") == ["再会<|im_end|>"]
    cutter.chat_template = LLAMA
    assert learned(cutter, TALK) == ["小链<|endoftext|>", "再会<|endoftext|>"]
    cutter.chat_template = BARE
    assert learned(cutter, TALK) == ["小链\n", "再会\n"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=2, max_size=4))
def test_any_words_are_found_again(cutter: Any, said: list[str]) -> None:
    messages = [user(text) if place % 2 == 0 else assistant(text) for place, text in enumerate(said)]
    found = learned(cutter, Conversation(messages=tuple(messages)))
    assert found == [f"{text}<|im_end|>" for text in said[1::2]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_named_template_is_learned_as_it_is_served(name: str, kind: str) -> None:
    cutter = chat_tokenizer(kind, name)
    end = TEMPLATES[name].end or "</s>"
    wanted = cutter.apply_chat_template([as_openai(each) for each in TALK.messages], return_dict=True)["input_ids"]
    sample = render(cutter, TALK)
    assert sample.ids.tolist() == wanted
    assert sample.ids[sample.mask].tolist().count(cutter.convert_tokens_to_ids(end)) == 2
    said = [run.replace("\u2581", " ").strip() for run in learned(cutter, TALK)]
    assert said == [f"小链{end}", f"再会{end}"]


@pytest.mark.parametrize("name", sorted(TEMPLATES.keys() - {"gemma"}))
def test_calls_are_learned_with_their_answer_and_results_are_not(name: str) -> None:
    cutter = chat_tokenizer("bytes", name)
    talk = Conversation(messages=(user("2+2"), CALL, RESULT, assistant("four")), tools=(Tool(name="add"),))
    call, answer = learned(cutter, talk)
    end = TEMPLATES[name].end or "</s>"
    assert '"x": 2' in call
    assert call.endswith(end)
    assert answer.strip() == f"four{end}"


def test_calls_and_results_are_rendered_with_their_tools(cutter: Any) -> None:
    cutter.chat_template = WITH_TOOLS
    talk = Conversation(messages=(user("2+2"), CALL, RESULT, assistant("4")), tools=(Tool(name="add"),))
    assert learned(cutter, talk) == ["add(2)<|im_end|>", "4<|im_end|>"]


def test_a_message_says_itself_whether_it_is_learned(cutter: Any) -> None:
    flags: list[bool | None] = [None, None, False, True, None]
    talk = Conversation(messages=tuple(flagged(each, flag) for each, flag in zip(TALK.messages, flags, strict=True)))
    assert learned(cutter, talk) == ["bye", "再会<|im_end|>"]
    first = Conversation(messages=(*TALK.messages[:2], flagged(TALK.messages[2], True), *TALK.messages[3:]))
    assert learned(cutter, first, supervise="last") == ["小链<|im_end|>", "再会<|im_end|>"]
    nothing = Conversation(messages=tuple(flagged(each, False) for each in TALK.messages))
    assert learned(cutter, nothing) == []


def test_a_result_that_is_to_be_learned_is_found_among_equal_words(cutter: Any) -> None:
    cutter.chat_template = WITH_TOOLS
    talk = Conversation(messages=(user("4"), CALL, flagged(RESULT, True), flagged(assistant("4"), False)))
    assert learned(cutter, talk) == ["add(2)<|im_end|>", "4"]
    cutter.chat_template = LLAMA
    assert learned(cutter, Conversation(messages=(flagged(user(" user "), True), assistant("x")))) == [
        "user",
        "x<|endoftext|>",
    ]


def test_a_message_that_the_template_changes_cannot_be_learned(cutter: Any) -> None:
    cutter.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] | upper }}\n{% endfor %}"
    talk = Conversation(messages=(flagged(user("hi"), True), assistant("x")))
    with pytest.raises(DataError) as raised:
        render(cutter, talk, id="d:1")
    assert "message 1" in raised.value.message("en")


def test_answers_that_are_rewritten_later_are_not_learned(cutter: Any) -> None:
    cutter.chat_template = FORGETS_THOUGHTS
    thought = Message(role="assistant", parts=(ReasoningPart(text="hm"), TextPart(text="b")))
    talk = Conversation(messages=(user("x"), assistant("a"), user("y"), thought))
    assert learned(cutter, talk) == ["<think>\nhm</think>b<|im_end|>"]
    ids = cutter.apply_chat_template([as_openai(each) for each in talk.messages], return_dict=True)["input_ids"]
    assert render(cutter, talk).ids.tolist() == ids
    with pytest.raises(DataError):
        render(cutter, Conversation(messages=(*talk.messages, user("z"))))


def test_an_answer_is_found_behind_a_header_that_asks_for_thoughts(cutter: Any) -> None:
    cutter.chat_template = cutter.chat_template.replace(
        "assistant\\n' }}{% endif %}", "assistant\\n<think>\\n' }}{% endif %}"
    )
    said = Conversation(messages=(user("x"), assistant("<b>"), user("y"), assistant("<think>\nhm")))
    asked = cutter.apply_chat_template([{"role": "user", "content": "x"}], add_generation_prompt=True, tokenize=False)
    assert asked.endswith("assistant\n<think>\n")
    assert learned(cutter, said) == ["<b><|im_end|>", "hm<|im_end|>"]


def test_an_end_of_the_text_belongs_to_the_last_answer(cutter: Any) -> None:
    cutter.chat_template += "{% if not add_generation_prompt %}<|endoftext|>{% endif %}"
    assert learned(cutter, TALK) == ["小链<|im_end|>", "再会<|im_end|>\n<|endoftext|>"]
    cutter.chat_template = BARE + "{% if not add_generation_prompt %}!{% endif %}"
    assert learned(cutter, TALK) == ["再会\n!"]


@pytest.mark.parametrize(
    ("arguments", "wanted"), [("(2)", ["<|im_start|>add(2)<|im_end|>"]), ("{{ '(2)' if loop.last }}", [])]
)
def test_a_call_is_learned_unless_it_is_shortened_later(cutter: Any, arguments: str, wanted: list[str]) -> None:
    cutter.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}{% if m['tool_calls'] %}"
        f"<|im_start|>add{arguments}"
        "{% endif %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% else %}<|endoftext|>{% endif %}"
    )
    talk = Conversation(messages=(user("2+2"), CALL, RESULT, assistant("4")))
    assert learned(cutter, talk) == [*wanted, "4<|im_end|>\n<|endoftext|>"]


def test_words_behind_a_marker_in_an_answer_are_learned(cutter: Any) -> None:
    cutter.chat_template = BARE
    said = "a <|im_end|> b"
    assert learned(cutter, Conversation(messages=(user("x"), assistant(said)))) == [said + "\n"]


def test_what_cannot_be_rendered_is_named(cutter: Any) -> None:
    picture = Conversation(
        messages=(Message(role="user", parts=(ImagePart(uri="a.png"), TextPart(text="?"))), assistant("x"))
    )
    cases: list[tuple[Conversation, str | None]] = [
        (picture, None),
        (Conversation(messages=(assistant("first"), user("x"))), None),
        (TALK, FORGETFUL),
        (TALK, "{{ raise_exception('no system') }}"),
        (TALK, "{% for i in range(10**9) %}x{% endfor %}"),
        (TALK, "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        (Conversation(messages=(user("\ud83d"), assistant("x"))), None),
    ]
    chatml = cutter.chat_template
    for conversation, template in cases:
        cutter.chat_template = template or chatml
        with pytest.raises(DataError) as raised:
            render(cutter, conversation, id="d:1")
        assert (raised.value.code, raised.value.facts["id"]) == ("train.bad-sample", "d:1")
    cutter.chat_template = None
    with pytest.raises(UsageError):
        render(cutter, TALK)
    cutter.chat_template = "{% for %}"
    with pytest.raises(DataError) as raised:
        render(cutter, TALK)
    assert raised.value.code == "train.bad-template"


def test_a_named_template_travels_in_the_tokenizer_folder(tokenizer: Path, tmp_path: Path) -> None:
    cutter = load_tokenizer(tokenizer)
    (tmp_path / "chat_template.jinja").write_text("old", encoding="utf-8")
    give_template(cutter, tmp_path, "qwen2")
    written = json.loads((tmp_path / "tokenizer_config.json").read_bytes())["chat_template"]
    assert written == cutter.chat_template == TEMPLATES["qwen"].jinja
    assert not (tmp_path / "chat_template.jinja").exists()


@pytest.mark.parametrize(
    ("template", "code", "named"),
    [
        ("llama3", "train.no-marker", "<|eot_id|>"),
        ("lama3", "train.unknown-template", "llama3"),
        ("no/such.jinja", "file.missing", "no/such.jinja"),
        ("such.jinja", "file.missing", "such.jinja"),
    ],
)
def test_a_template_that_cannot_be_given_is_named(
    cutter: Any, tmp_path: Path, template: str, code: str, named: str
) -> None:
    with pytest.raises(UsageError) as raised:
        give_template(cutter, tmp_path, template)
    assert raised.value.code == code
    assert named in raised.value.message("en") + raised.value.hint("en")


def test_the_named_chatml_writes_what_our_own_tokenizers_have(cutter: Any) -> None:
    ours = render(cutter, TALK)
    cutter.chat_template = TEMPLATES["chatml"].jinja
    assert render(cutter, TALK).ids.tolist() == ours.ids.tolist()
