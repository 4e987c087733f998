from __future__ import annotations

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.conversation import opening, system_prompt, talk_begins
from lianlu.prompt.file import parse_file

_LANGGPT = """---
variables:
  word: {default: pear}
---
# Role: counter of {{word}}

## Init Message
Hello, give me **{{word}}**.
Ready?
"""


def _said(text: str, given: dict[str, object], said: str | None, **more: bool) -> list[tuple[str, str]]:
    return [(each.role, each.text) for each in talk_begins(parse_file(text), given, said, **more)]


def test_what_the_user_says_follows_the_system_message() -> None:
    system = "# Role: counter of pear\n\n## Init Message\nHello, give me **pear**.\nReady?"
    assert _said(_LANGGPT, {}, "go") == [("system", system), ("user", "go")]


def test_without_the_system_message_only_the_users_words_are_sent() -> None:
    assert _said(_LANGGPT, {}, "go", with_system=False) == [("user", "go")]


def test_input_has_its_place_in_the_users_message() -> None:
    text = "system:\nBe brief.\nuser:\nfirst\nassistant:\nyes\nuser:\nNow: {{input}}!\n"
    assert _said(text, {}, "go") == [
        ("system", "Be brief."),
        ("user", "first"),
        ("assistant", "yes"),
        ("user", "Now: go!"),
    ]


def test_input_within_the_system_text_is_said_too() -> None:
    assert _said("Answer {{input}}.", {}, "go") == [("system", "Answer go."), ("user", "go")]


def test_what_a_user_says_is_never_read_as_a_variable() -> None:
    assert _said("user:\n{{input}}", {}, "{{secret}}") == [("user", "{{secret}}")]


def test_crispe_sends_its_sentences_without_labels() -> None:
    text = "## Capacity and Role\n\nYou are a guide.\n\n## Statement\n\nPlan a walk.\n\n## Insight\n\nIt rains."
    assert system_prompt(parse_file(text), {}) == "You are a guide. It rains. Plan a walk."


def test_the_init_message_opens_a_chat() -> None:
    assert opening(parse_file(_LANGGPT), {}) == "Hello, give me **pear**.\nReady?"
    assert opening(parse_file("# Role: x\n\n## Opening words\nHi!"), {}) == "Hi!"
    assert opening(parse_file("# Role: x"), {}) == ""


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        ("user:\nno place\n", "go", "prompt.input-without-place"),
        ("Be brief.", None, "prompt.no-user"),
        ("user:\na\nuser:\nb\n", None, "prompt.role-order"),
        ("Say {{word", "go", "prompt.unclosed-variable"),
        ("Say {{word} now", "go", "prompt.unclosed-variable"),
    ],
)
def test_what_cannot_be_sent_is_told(text: str, said: str | None, code: str) -> None:
    with pytest.raises(UsageError) as raised:
        talk_begins(parse_file(text, "x.md"), {}, said)
    assert raised.value.code == code
    assert "x.md" in raised.value.message("en")


def test_braces_that_are_no_variable_stay() -> None:
    words = 'JSON {"a": {"b": 1}} and \\frac{{}} and {{ "x": 1 }}'
    assert _said(words.replace('{{ "x": 1 }}', ""), {}, "go")[0][1].startswith("JSON")
