from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from lianlu.prompt.assertions import TYPES, Assertion
from lianlu.prompt.checking import MODEL_TYPES, Answered, ToolCall, check

_JSON = '```json\n{"city": "北京", "days": [1, 2]}\n```'
_SCHEMA = {"type": "object", "required": ["city"], "properties": {"days": {"type": "array"}}}
_SEARCH = (ToolCall(name="search", arguments='{"query": "书生", "top": 3, "exact": true}'),)


def _passed(kind: str, value: Any, answered: Answered | str, **more: Any) -> bool | None:
    given = answered if isinstance(answered, Answered) else Answered(output=answered)
    return check(Assertion(type=kind, value=value, **more), given).passed


@pytest.mark.parametrize(
    ("kind", "value", "good", "bad"),
    [
        ("equals", "3", " 3\n", "33"),
        ("contains", "出现", "出现了", "没有"),
        ("icontains", "Paris", "in PARIS", "in Rome"),
        ("contains-any", ["a", "b"], "xb", "xc"),
        ("contains-all", ["a", "b"], "ab", "a"),
        ("regex", r"\d+ 次$", "出现了 12 次", "12 次。"),
        ("starts-with", "在单词", "\n在单词“a”", "单词"),
        ("ends-with", "。", "好。\n", "好"),
        ("max-length", 3, " 一二三 ", "一二三四"),
        ("min-length", 3, "一二三", "一二   "),
        ("is-json", None, _JSON, "{'a': 1}"),
        ("is-json", _SCHEMA, _JSON, "[]"),
        ("contains-json", None, 'so: {"a": [1]} it is', "so: {a: 1}"),
        ("json-schema", _SCHEMA, _JSON, '{"city": "x", "days": 3}'),
    ],
)
def test_an_answer_passes_or_fails(kind: str, value: Any, good: str, bad: str) -> None:
    assert _passed(kind, value, good) is True
    assert _passed(kind, value, bad) is False
    assert _passed(kind, value, good, is_negated=True) is False
    assert _passed(kind, value, bad, is_negated=True) is True


def test_every_type_without_a_model_has_a_check() -> None:
    for kind in set(TYPES) - MODEL_TYPES - {"python"}:
        value: Any = {"text": "a", "texts": ["a"], "number": 1, "any": {}, "none": None, "tool": "x"}[TYPES[kind]]
        check(Assertion(type=kind, value=value, threshold=1), Answered(output="a"))


def _distance(first: str, second: str) -> int:
    """The plain slow table."""
    row = list(range(len(second) + 1))
    for number, a in enumerate(first, start=1):
        new = [number]
        for at, b in enumerate(second, start=1):
            new.append(min(row[at] + 1, new[-1] + 1, row[at - 1] + (a != b)))
        row = new
    return row[-1]


def test_levenshtein_is_the_edit_distance_up_to_its_limit() -> None:
    drawn = random.Random(7)
    for _ in range(400):
        first, second = ("".join(drawn.choices("ab中", k=drawn.randrange(9))) for _ in range(2))
        wanted = _distance(first, second)
        for limit in range(6):
            found = _passed("levenshtein", second, first, threshold=limit)
            assert found is (wanted <= limit), (first, second, limit)


def test_a_tool_call_passes_when_its_arguments_are_among_those_made() -> None:
    answered = Answered(output="", tool_calls=_SEARCH)
    assert _passed("tool-call", "search", answered) is True
    assert _passed("tool-call", {"name": "search", "arguments": {"top": 3}}, answered) is True
    assert _passed("tool-call", {"name": "search", "arguments": {"top": 4}}, answered) is False
    assert _passed("tool-call", {"arguments": {"exact": True}}, answered) is True
    assert _passed("tool-call", "open", answered) is False
    assert _passed("tool-call", "open", answered, is_negated=True) is True


def test_broken_arguments_of_a_call_match_nothing() -> None:
    broken = Answered(output="", tool_calls=(ToolCall(name="search", arguments='{"top": '),))
    assert _passed("tool-call", "search", broken) is False


def test_what_is_not_known_is_not_judged() -> None:
    assert _passed("cost", 1, "x") is None
    assert _passed("latency", 1, "x", is_negated=True) is None
    assert _passed("cost", 1, Answered(output="x", cost=0.5)) is True
    assert _passed("latency", 0.1, Answered(output="x", seconds=0.5)) is False


def test_values_of_the_case_stand_in_for_variables() -> None:
    answered = Answered(output="in Rome", vars={"city": "Rome"})
    assert _passed("contains", "{{city}}", answered) is True
    assert _passed("contains", "{{other}}", Answered(output="{{other}}", vars={"city": "x"})) is True


def test_a_function_of_the_users_own_decides(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def has(output, context):\n    return (context['vars']['n'] in output, 'why')\n"
        "def boom(output, context):\n    raise ValueError('no')\n"
        "def odd(output, context):\n    return 'yes'\n"
    )
    place = str(tmp_path / "cases.yaml") + ":3"

    def verdict(value: str, output: str) -> tuple[bool | None, str]:
        found = check(Assertion(type="python", value=value, place=place), Answered(output=output, vars={"n": "3"}))
        return found.passed, found.why

    assert verdict("own.py:has", "3") == (True, "")
    assert verdict("own.py:has", "4") == (False, "why")
    for broken in ("own.py:boom", "own.py:odd", "own.py:none", "other.py:has", "has"):
        passed, why = verdict(broken, "3")
        assert passed is None
        assert why


def test_json_within_endless_brackets_ends() -> None:
    assert _passed("contains-json", None, "[" * 20_000) is False
    assert _passed("is-json", None, "[" * 20_000) is False
