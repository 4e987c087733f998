"""What is rendered is what `apply_chat_template` gives, and only answers with their end marker are learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lianlu.core.errors import DataError, UsageError
from lianlu.nn.weights import load_tokenizer
from lianlu.records import (
    Conversation,
    ImagePart,
    Message,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.train.template import as_openai, render

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


def test_calls_and_results_are_rendered_with_their_tools(cutter: Any) -> None:
    cutter.chat_template = WITH_TOOLS
    call = Message(role="assistant", parts=(ToolCallPart(id="1", name="add", arguments='{"x": 2}'),))
    result = Message(role="tool", parts=(ToolResultPart(call_id="1", text="4"),))
    talk = Conversation(messages=(user("2+2"), call, result, assistant("4")), tools=(Tool(name="add"),))
    assert learned(cutter, talk) == ["add(2)<|im_end|>", "4<|im_end|>"]


def test_what_cannot_be_rendered_is_named(cutter: Any) -> None:
    picture = Conversation(
        messages=(Message(role="user", parts=(ImagePart(uri="a.png"), TextPart(text="?"))), assistant("x"))
    )
    cases: list[tuple[Conversation, str | None]] = [
        (picture, None),
        (Conversation(messages=(assistant("first"), user("x"))), None),
        (TALK, FORGETFUL),
        (TALK, "{{ raise_exception('no system') }}"),
        (TALK, "{% for %}"),
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
