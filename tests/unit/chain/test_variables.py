from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.chain.variables import Beside, examples_root, fill
from lianlu.core.errors import UsageError
from lianlu.core.recipe import COMMAND_LINE, Tree, parse_tree

VALUES: dict[str, Any] = {
    "n": 3,
    "list": [1, 2],
    "nothing": None,
    "services.api.url": "http://x",
    "recipe": Beside(Path("r")),
}


def filled(value: Any) -> Any:
    return fill(Tree({"key": value}), VALUES).values["key"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("${n}", 3),
        ("${list}", [1, 2]),
        ("${nothing}", None),
        ("n is ${n}", "n is 3"),
        ("${services.api.url}/v1#m", "http://x/v1#m"),
        ([{"a": "${n}"}], [{"a": 3}]),
        ("$${n}", "${n}"),
        ("cost: $5 ${ n} ${} {n}", "cost: $5 ${ n} ${} {n}"),
        (True, True),
    ],
    ids=str,
)
def test_a_variable_alone_keeps_its_type_and_in_text_is_written_out(written: Any, expected: Any) -> None:
    assert filled(written) == expected


def test_what_a_variable_stands_for_is_not_filled_again() -> None:
    assert fill(Tree({"key": "${a}"}), {"a": "${a}"}).values == {"key": "${a}"}


def test_an_unknown_variable_is_named_with_its_line_and_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        fill(parse_tree("a:\n  - ok\n  - ${lst}\n", "c.yaml"), VALUES)
    assert str(caught.value).startswith("c.yaml:3: ${lst} is neither")
    assert "'list'" in caught.value.hint("en")
    assert "$${lst}" in caught.value.hint("zh")


@given(st.text(alphabet="${}abn .", max_size=40))
def test_any_text_can_be_written_by_doubling_the_sign_of_its_variables(text: str) -> None:
    assert filled(re.sub(r"\$(?=\{[a-z][a-z.]*\})", "$$", text)) == text


def test_recipe_is_where_the_line_stands_and_the_chain_s_folder_on_the_command_line() -> None:
    beside = Beside(Path("chains"))
    assert beside.folder("a:b/base.yaml:12") == "a:b"
    assert beside.folder(COMMAND_LINE) == "chains"


def test_the_examples_are_found() -> None:
    assert (examples_root() / "handbook").is_dir()
