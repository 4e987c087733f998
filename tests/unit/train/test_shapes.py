"""A row is what its columns say: every shape people keep their data in, the order where two would fit, and the reasons."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.records import (
    Conversation,
    ImagePart,
    Message,
    Preference,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    UnpairedPreference,
    assistant,
    system,
    user,
)
from lianlu.train.columns import Misfit
from lianlu.train.shapes import content_of, messages_of, shape_of

Q, A, B = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}
S = {"role": "system", "content": "s"}
HUMAN, GPT, BAD = {"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}, {"from": "gpt", "value": "b"}
TALK = Conversation(messages=(user("q"), assistant("a")))
LED = Conversation(messages=(system("s"), user("q"), assistant("a")))
LATER = Conversation(messages=(user("p"), assistant("o"), user("q"), assistant("a")))
PAIR = Preference(prompt=Conversation(messages=(user("q"),)), chosen=assistant("a"), rejected=assistant("b"))
LED_PAIR = msgspec.structs.replace(PAIR, prompt=Conversation(messages=(system("s"), user("q"))))
LIKED = UnpairedPreference(prompt=PAIR.prompt, answer=assistant("a"), is_liked=True)
DISLIKED = msgspec.structs.replace(LIKED, is_liked=False)

ROWS: dict[str, tuple[dict[str, Any], Any]] = {
    "openai": ({"messages": [Q, A]}, TALK),
    "openai-as-json-text": ({"messages": json.dumps([Q, A])}, TALK),
    "sharegpt": ({"conversations": [HUMAN, GPT]}, TALK),
    "sharegpt-with-roles": ({"conversations": [Q, A]}, TALK),
    "sharegpt-system": ({"conversations": [HUMAN, GPT], "system": "s"}, LED),
    "system-once": ({"messages": [S, Q, A], "system": "other"}, LED),
    "alpaca": ({"instruction": "q", "input": "", "output": "a"}, TALK),
    "alpaca-null": ({"instruction": "q", "input": None, "output": "a"}, TALK),
    "alpaca-system": ({"instruction": "q", "output": "a", "system": "s"}, LED),
    "alpaca-history": ({"instruction": "q", "output": "a", "history": [["p", "o"]]}, LATER),
    "alpaca-text": ({"instruction": "q", "output": "a", "text": "### q ### a"}, TALK),
    "dolly": ({"instruction": "q", "context": "", "response": "a", "category": "x"}, TALK),
    "xtuner": ({"conversation": [{"system": "s", "input": "q", "output": "a"}]}, LED),
    "xtuner-empty-system": ({"conversation": [{"system": "", "input": "q", "output": "a"}]}, TALK),
    "xtuner-prefix": ({"messages": [{"toy_system": "s", "toy_input": "q", "toy_output": "a"}]}, LED),
    "xtuner-single": ({"toy_system": "s", "toy_input": "q", "toy_output": "a"}, LED),
    "conversation-of-roles": ({"conversation": [Q, A]}, TALK),
    "prompt-completion": ({"prompt": "q", "completion": "a"}, TALK),
    "prompt-completion-messages": ({"prompt": [Q], "completion": [A]}, TALK),
    "completion-says-all": ({"prompt": "q", "completion": [Q, A]}, TALK),
    "question-answer": ({"question": "q", "answer": "a"}, TALK),
    "query-response": ({"query": "q", "response": "a"}, TALK),
    "query-history": ({"query": "q", "response": "a", "history": [["p", "o"]]}, LATER),
    "orca": ({"system_prompt": "s", "question": "q", "response": "a"}, LED),
    "input-output": ({"input": "q", "output": "a"}, TALK),
    "input-target": ({"input": "q", "target": "a"}, TALK),
    "text": ({"text": "t", "url": "u", "label": 3}, "t"),
    "toy-text": ({"toy_text": "t"}, "t"),
    "one-of-two-texts": ({"toy_text": "t", "other_text": None}, "t"),
    "lf-dpo": ({"conversations": [HUMAN], "chosen": GPT, "rejected": BAD}, PAIR),
    "lf-dpo-strings": ({"conversations": [HUMAN], "chosen": "a", "rejected": "b"}, PAIR),
    "lf-dpo-lists": ({"conversations": [HUMAN], "chosen": [GPT], "rejected": [BAD]}, PAIR),
    "lf-alpaca-dpo": ({"instruction": "q", "input": "", "chosen": "a", "rejected": "b"}, PAIR),
    "lf-v1-dpo": ({"chosen_messages": [S, Q, A], "rejected_messages": [S, Q, B]}, LED_PAIR),
    "trl-strings": ({"prompt": "q", "chosen": "a", "rejected": "b"}, PAIR),
    "trl-messages": ({"prompt": [S, Q], "chosen": [A], "rejected": [B]}, LED_PAIR),
    "trl-implicit": ({"chosen": [Q, A], "rejected": [Q, B]}, PAIR),
    "trl-both": ({"prompt": "q", "chosen": [Q, A], "rejected": [Q, B], "messages": [Q, A]}, PAIR),
    "trl-system": ({"system": "s", "question": "q", "chosen": "a", "rejected": "b"}, LED_PAIR),
    "equal-answers": ({"chosen": [Q, A], "rejected": [Q, A]}, msgspec.structs.replace(PAIR, rejected=assistant("a"))),
    "kto": ({"messages": [Q, A], "label": True}, LIKED),
    "kto-tag": ({"conversations": [HUMAN, GPT], "kto_tag": False}, DISLIKED),
    "kto-alpaca": ({"instruction": "q", "output": "a", "kto_tag": True}, LIKED),
    "kto-trl": ({"prompt": "q", "completion": "a", "label": False}, DISLIKED),
    "kto-trl-messages": ({"prompt": [Q], "completion": [A], "label": True}, LIKED),
    "kto-number": ({"prompt": "q", "completion": "a", "label": 0}, DISLIKED),
    "kto-of-a-table": ({"prompt": "q", "completion": "a", "label": "False"}, DISLIKED),
    "other-labels": ({"prompt": "q", "completion": "a", "label": "sports"}, TALK),
    "columns-of-others": ({"messages": [Q, A], "prompt": None, "chosen": None, "label": None, "text": None}, TALK),
}


@pytest.mark.parametrize("name", ROWS)
def test_every_shape_is_read(name: str) -> None:
    row, content = ROWS[name]
    assert content_of(row) == content


@pytest.mark.parametrize("content", [TALK, LED, PAIR, LED_PAIR, LIKED, DISLIKED], ids=lambda each: type(each).__name__)
def test_our_own_records_are_read_as_they_were(content: Any) -> None:
    assert content_of(json.loads(msgspec.json.encode(content))) == content


def test_an_instruction_and_its_input_are_two_lines() -> None:
    assert messages_of(content_of({"instruction": "q", "input": "i", "output": "a"}))[0] == user("q\ni")


def test_tool_sets_have_tools_calls_and_results() -> None:
    call, seen = (
        {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
        {"from": "observation", "value": "1"},
    )
    row = {"conversations": [HUMAN, call, seen, GPT], "tools": '[{"name": "f", "description": "", "parameters": {}}]'}
    assert content_of(row) == Conversation(
        messages=(
            user("q"),
            Message(role="assistant", parts=(ToolCallPart(id="call-1", name="f", arguments="{}"),)),
            Message(role="tool", parts=(ToolResultPart(call_id="call-1", text="1"),)),
            assistant("a"),
        ),
        tools=(Tool(name="f"),),
    )


def test_a_pair_keeps_its_tools_and_weights() -> None:
    weighed = [{**Q, "loss_weight": 0.0}, {**A, "loss_weight": 1.0}]
    row = {"chosen_messages": weighed, "rejected_messages": [Q, B], "tools": [{"name": "f"}]}
    content = content_of(row)
    assert isinstance(content, Preference)
    assert (content.prompt.messages[0].learn, content.chosen.learn) == (False, True)
    assert content.prompt.tools == (Tool(name="f"),)


def test_pictures_are_kept_where_the_row_names_them() -> None:
    row = {"messages": [{"role": "user", "content": "<image>who?"}, A]}
    assert messages_of(content_of(row))[0].parts == (TextPart(text="<image>who?"),)
    asked = messages_of(content_of({**row, "images": ["1.jpg"]}))[0]
    assert asked.parts == (ImagePart(uri="1.jpg"), TextPart(text="who?"))


def test_messages_of_a_pair_are_the_prompt_and_both_answers() -> None:
    assert messages_of(PAIR) == (user("q"), assistant("a"), assistant("b"))
    assert messages_of(LIKED) == (user("q"), assistant("a"))
    assert (messages_of(TALK), messages_of("t")) == (TALK.messages, ())


@pytest.mark.parametrize(
    ("row", "shape"),
    [
        ({"chosen": "a", "rejected": "b", "messages": [], "label": True}, "preference pair"),
        ({"messages": [], "label": True, "instruction": "q", "output": "a"}, "liked or not"),
        ({"messages": [], "instruction": "q", "output": "a", "text": "t"}, "conversation"),
        ({"instruction": "q", "output": "a", "prompt": "p", "text": "t"}, "alpaca"),
        ({"prompt": "q", "completion": "a", "text": "t"}, "question and answer"),
        ({"text": "t", "toy_text": "u"}, "plain text"),
        ({"some_text": "t", "other_text": "u"}, None),
        ({"context": "x", "title": "y"}, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_shape_that_says_more_wins(row: dict[str, Any], shape: str | None) -> None:
    assert shape_of(row) == shape


@pytest.mark.parametrize(
    ("row", "keys", "nearest"),
    [
        (
            {"instructions": "q", "output": "a"},
            "(instructions, output)",
            "nearest is alpaca, which lacks `instruction`",
        ),
        ({"instruction": "q", "output": None}, "(instruction, output)", "nearest is alpaca, which lacks `output`"),
        ({"prompt": "q", "chosen": "a"}, "(prompt, chosen)", "nearest is preference pair, which lacks `rejected`"),
        ({"mesages": []}, "(mesages)", "nearest is conversation, which lacks `messages`"),
        ({"question": "q"}, "(question)", "nearest is question and answer, which lacks `answer`"),
        ({"text": None}, "(text)", "nearest is plain text, which lacks `text`"),
        ({"title": "x", "id": 3}, "(title, id)", "none of a sample's: messages"),
        ({}, "(-)", "none of a sample's"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_row_that_fits_none_is_told_its_keys_and_the_nearest_shape(
    row: dict[str, Any], keys: str, nearest: str
) -> None:
    with pytest.raises(Misfit) as raised:
        content_of(row)
    assert keys in raised.value.why.en
    assert nearest in raised.value.why.en
    assert keys.strip("()") in raised.value.why.zh


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (3, "not a JSON object but a number"),
        (None, "not a JSON object but null"),
        ({"messages": []}, "`messages` must be a list of messages, and is empty"),
        ({"messages": "hi"}, "`messages` is text that is no JSON"),
        ({"messages": {"role": "user"}}, "`messages` must be a list, not an object"),
        ({"conversation": [{"input": {"a": 1}, "output": "x"}]}, "`input` must be text, not an object"),
        ({"conversation": [{"input": "q"}]}, "a message has no `role`, and is no turn"),
        ({"conversation": [{"input": "q", "output": None}]}, "`output` must be text, not null"),
        ({"instruction": "q", "input": 0, "output": "a"}, "`input` must be text, not a number"),
        ({"instruction": ["q"], "output": "a"}, "`instruction` must be text, not a list"),
        ({"instruction": "q", "output": "a", "history": [["p"]]}, "`history` must be a list of pairs"),
        ({"prompt": "q", "completion": 3}, "`completion` must be text, not a number"),
        ({"prompt": 3, "completion": "a"}, "`prompt` must be text, not a number"),
        ({"text": ["t"]}, "`text` must be text, not a list"),
        ({"text": b"t"}, "`text` must be text, not bytes"),
        ({"messages": [Q, A], "tools": "{"}, "`tools` is text that is no JSON"),
        ({"messages": [Q, A], "system": 3}, "`system` must be text, not a number"),
        ({"messages": [Q, A], "kto_tag": "maybe"}, "`kto_tag` must be true or false"),
        ({"messages": [Q], "kto_tag": True}, "the conversation must end with an answer"),
        ({"messages": [A], "kto_tag": True}, "the conversation is an answer without a prompt"),
        ({"chosen": "a", "rejected": "b"}, "`chosen` and `rejected` have no prompt"),
        ({"chosen": [S, Q, A], "rejected": [Q, B]}, "`chosen` differs from the other in more than its last message"),
        ({"prompt": "q", "chosen": [Q], "rejected": [A]}, "`chosen` must be an answer, not of user"),
        ({"prompt": "q", "chosen": ["a", "b"], "rejected": "b"}, "`chosen` must be one answer, not 2"),
        ({"prompt": "q", "chosen": [], "rejected": "b"}, "`chosen` must be a list of messages, and is empty"),
        ({"prompt": "q", "chosen": {"text": "a"}, "rejected": "b"}, "`chosen` must be text, not an object"),
        ({"prompt": {"messages": 3}, "chosen": {}, "rejected": {}}, "Expected `array`, got `int`"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_belong_in_a_column_is_named(row: Any, why: str) -> None:
    with pytest.raises(Misfit) as raised:
        content_of(row)
    assert raised.value.why.en.startswith(why)
    assert raised.value.why.zh != raised.value.why.en


COLUMNS = st.sampled_from(
    [
        *("messages", "conversations", "conversation", "instruction", "input", "output", "system", "history", "prompt"),
        *("completion", "question", "answer", "chosen", "rejected", "chosen_messages", "rejected_messages", "label"),
        *("kto_tag", "tools", "text", "toy_text", "toy_input", "toy_output", "images", "role", "from", "content"),
        *("value", "tool_calls", "function", "name", "arguments", "parts", "kind", "type", "loss_weight", "is_liked"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.floats()
    | st.sampled_from(["", "user", "gpt", "<image>", "[]", "{}"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(COLUMNS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(COLUMNS, VALUES, max_size=5))
def test_any_row_is_read_or_refused(row: dict[str, Any]) -> None:
    with suppress(Misfit):
        messages_of(content_of(row))
