"""Each field of OpenAI's interface is served, harmless or refused by name; nothing is ignored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import UsageError
from lianlu.serve.fields import BODIES, checked

HELLO = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": HELLO}
TEXT: dict[str, Any] = {"model": "m", "prompt": "hi"}
NONE: frozenset[str] = frozenset()


def refusal(path: str, body: dict[str, Any], extra: frozenset[str] | None = NONE) -> UsageError:
    with pytest.raises(UsageError) as caught:
        checked(path, body, extra)
    assert caught.value.http_status == 400
    return caught.value


SERVED: dict[str, Any] = {
    "temperature": 0,
    "top_p": 0.5,
    "max_tokens": 3,
    "max_completion_tokens": 3,
    "stop": ["a", "b"],
    "seed": 1,
    "n": 2,
    "presence_penalty": 1.5,
    "frequency_penalty": -2,
    "logprobs": True,
    "response_format": {"type": "json_object"},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "stream": True,
}


@pytest.mark.parametrize(("name", "value"), SERVED.items())
def test_a_served_field_is_passed_on(name: str, value: Any) -> None:
    assert checked("/chat/completions", {**CHAT, name: value}, NONE) == {**CHAT, name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "ann"),
        ("metadata", {"a": "b"}),
        ("store", False),
        ("service_tier", "auto"),
        ("logit_bias", {}),
        ("tool_choice", "none"),
        ("tool_choice", "auto"),
        ("parallel_tool_calls", True),
        ("response_format", {"type": "text"}),
        ("modalities", ["text"]),
        ("temperature", None),
        ("reasoning_effort", None),
        ("never_heard_of", None),
    ],
)
def test_what_changes_nothing_is_accepted_and_left_out(name: str, value: Any) -> None:
    assert checked("/chat/completions", {**CHAT, name: value}, NONE) == CHAT


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("store", True),
        ("logit_bias", {"5": 1}),
        ("tool_choice", "required"),
        ("parallel_tool_calls", False),
        ("service_tier", "flex"),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "x"}),
        ("reasoning_effort", "high"),
        ("web_search_options", {}),
        ("prediction", {"type": "content"}),
        ("functions", [{"name": "f"}]),
        ("function_call", "auto"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(name: str, value: Any) -> None:
    error = refusal("/chat/completions", {**CHAT, name: value})
    assert error.code == "serve.unsupported-field"
    assert error.facts["param"] == name
    assert name in error.message("zh")


@pytest.mark.parametrize("name", ["top_k", "temprature", "chat_template_kwargs", "échø", "🙂"])
def test_an_unknown_field_is_refused_by_its_name(name: str) -> None:
    error = refusal("/chat/completions", {**CHAT, name: 1})
    assert (error.code, error.facts["param"]) == ("serve.unknown-field", name)


def test_a_misspelt_field_is_answered_with_the_nearest() -> None:
    assert "'temperature'" in refusal("/chat/completions", {**CHAT, "temprature": 1}).hint("en")


def test_fields_of_the_engine_pass_and_only_those() -> None:
    body = {**CHAT, "top_k": 5}
    assert checked("/chat/completions", body, frozenset({"top_k"})) == body
    assert refusal("/chat/completions", {**body, "min_p": 0.1}, frozenset({"top_k"})).facts["param"] == "min_p"
    assert checked("/chat/completions", {**body, "anything": 1}, None)["anything"] == 1


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"n": 0}, "n"),
        ({"n": 1000}, "n"),
        ({"seed": 2**70}, "seed"),
        ({"stop": ""}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": [1]}, "stop.0"),
        ({"stream": "yes"}, "stream"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "n": 2}, "n"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages.0"),
        ({"messages": [{"role": "cat", "content": "hi"}]}, "messages.0.role"),
        ({"messages": [{"content": "hi"}]}, "messages.0.role"),
        ({"messages": [*HELLO, {"role": "user", "content": 5}]}, "messages.1.content"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"tools": [{"type": "function"}]}, "tools.0.function"),
        ({"response_format": "json"}, "response_format"),
    ],
    ids=str,
)
def test_a_bad_value_names_its_field(change: dict[str, Any], param: str) -> None:
    error = refusal("/chat/completions", {**CHAT, **change})
    assert (error.code, error.facts["param"]) == ("serve.bad-field", param)


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_field_that_is_needed_is_named(field: str) -> None:
    body = {name: value for name, value in CHAT.items() if name != field}
    assert refusal("/chat/completions", body).facts["param"] == field


def test_unknown_fields_inside_messages_are_refused_too() -> None:
    error = refusal("/chat/completions", {"model": "m", "messages": [{**HELLO[0], "weight": 1}]})
    assert (error.code, error.facts["param"]) == ("serve.unknown-field", "messages.0.weight")


def test_messages_of_an_answer_may_be_sent_back_as_they_came() -> None:
    came = {"role": "assistant", "content": "x", "refusal": None, "audio": None, "tool_calls": None}
    said = checked("/chat/completions", {"model": "m", "messages": [*HELLO, came, *HELLO]}, NONE)
    assert said["messages"][1] == {"role": "assistant", "content": "x"}


@pytest.mark.parametrize("url", ["/etc/passwd", "file:///etc/passwd", "ftp://x/y", "data:text/html,x", ""])
def test_an_image_that_is_a_path_of_this_machine_is_refused(url: str) -> None:
    content = [{"type": "image_url", "image_url": {"url": url}}]
    error = refusal("/chat/completions", {"model": "m", "messages": [{"role": "user", "content": content}]})
    assert error.facts["param"] == "messages.0.content.0.image_url.url"


@pytest.mark.parametrize(
    "prompt", ["", "hi", [1, 2], ["a", "b"], [[1], [2, 3]]], ids=["empty", "text", "ids", "texts", "lists of ids"]
)
def test_every_form_of_a_prompt_is_known(prompt: Any) -> None:
    if prompt == "":
        assert refusal("/completions", {"model": "m", "prompt": ""}).facts["param"] == "prompt"
    else:
        assert checked("/completions", {"model": "m", "prompt": prompt}, NONE)["prompt"] == prompt


@pytest.mark.parametrize("prompt", [None, 5, [], [None], [1, "a"], [-1], [[-1]], {"a": 1}, [1.5], [True]], ids=str)
def test_what_is_no_prompt_is_refused(prompt: Any) -> None:
    assert refusal("/completions", {"model": "m", "prompt": prompt}).facts["param"].startswith("prompt")


@pytest.mark.parametrize("change", [{"suffix": "x"}, {"best_of": 2}, {"logit_bias": {"1": 2}}], ids=str)
def test_fields_of_completions_that_are_not_served_are_refused(change: dict[str, Any]) -> None:
    assert refusal("/completions", {**TEXT, **change}).facts["param"] == next(iter(change))


def test_echo_and_log_probabilities_of_completions_are_served() -> None:
    body = {**TEXT, "echo": True, "logprobs": 1, "max_tokens": 0}
    assert checked("/completions", {**body, "suffix": "", "best_of": 1}, NONE) == body


def test_tokenize_takes_a_text_or_messages() -> None:
    assert refusal("/tokenize", {"model": "m"}).facts["param"] == "prompt"
    assert refusal("/tokenize", {**TEXT, "messages": HELLO}).facts["param"] == "prompt"
    assert checked("/tokenize", TEXT, NONE) == TEXT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted({name for body in BODIES.values() for name in body.model_fields})) | st.text(max_size=8)


@given(path=st.sampled_from(sorted(BODIES)), body=st.dictionaries(NAMES, JSON, max_size=6))
def test_any_json_is_accepted_or_refused_with_a_field(path: str, body: dict[str, Any]) -> None:
    try:
        checked(path, body, NONE)
    except UsageError as error:
        told = (error.code, repr(error.facts["param"]) in error.message("zh"), error.hint("en") != "")
    else:
        return
    assert told in [(f"serve.{kind}-field", True, True) for kind in ("unknown", "unsupported", "bad")]
