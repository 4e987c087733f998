from __future__ import annotations

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.file import parse_file
from lianlu.prompt.roles import check_order, split_roles

_FILE = """---
name: x
---

system:
# Role: poet

## Rules
- rhyme

user:
{{input}}
assistant:
ok
user:
again
"""


def test_messages_joined_are_the_body() -> None:
    body = "lead\nsystem:\na\n\nuser:\nb\nassistant:\nc"
    assert "".join(each.source for each in split_roles(body)) == body


def test_a_body_without_role_lines_is_one_system_message() -> None:
    (only,) = split_roles("# Role: x\nThe user: says\n")
    assert (only.role, only.text) == ("system", "# Role: x\nThe user: says\n")


def test_a_role_line_within_a_fence_is_text() -> None:
    assert len(split_roles("```\nuser:\n```\n")) == 1


def test_a_file_keeps_its_characters_and_knows_its_lines() -> None:
    file = parse_file(_FILE, "x.md")
    assert file.text == _FILE
    assert file.first_line == 6
    assert [(each.role, each.line) for each in file.messages] == [("user", 12), ("assistant", 14), ("user", 16)]
    assert file.prompt.module("Rules") is not None


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("user:\na\nuser:\nb\n", 4),
        ("assistant:\na\n", 2),
        ("user:\na\nsystem:\nb\n", 4),
        ("user:\na\nassistant:\nb\nassistant:\nc\n", 6),
    ],
)
def test_an_order_that_templates_refuse_is_told_with_its_line(body: str, line: int) -> None:
    with pytest.raises(UsageError) as raised:
        check_order(split_roles(body), "x.md")
    assert raised.value.code == "prompt.role-order"
    assert raised.value.facts["at"] == f"x.md:{line}"


def test_system_then_user_and_assistant_in_turn_is_taken() -> None:
    check_order(split_roles("system:\ns\nuser:\na\nassistant:\nb\nuser:\nc\n"), "x.md")
