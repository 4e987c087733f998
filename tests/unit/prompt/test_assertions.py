from __future__ import annotations

from typing import Any

import pytest

from lianlu.core.errors import UsageError
from lianlu.core.recipe import parse_tree
from lianlu.prompt.assertions import TYPES, Assertion, read_assertions


def _read(yaml: str) -> tuple[Assertion, ...]:
    tree = parse_tree(yaml, "cases.yaml", environment={})
    return read_assertions(tree.values["assert"], tree, ("assert",))


def test_short_and_long_forms_say_the_same() -> None:
    short, long = _read("assert:\n  - not-contains: a\n  - {type: not-contains, value: a}\n")
    assert (short.type, short.value, short.is_negated, short.name) == ("contains", "a", True, "not-contains")
    assert (long.type, long.value, long.is_negated) == (short.type, short.value, short.is_negated)
    assert short.place == "cases.yaml:2"


def test_numbers_are_texts_where_texts_are_wanted() -> None:
    (only,) = _read("assert: {contains: 6}")
    assert only.value == "6"


def test_weight_metric_and_threshold_stand_beside_the_short_form() -> None:
    (only,) = _read("assert:\n  - {levenshtein: abc, threshold: 2, weight: 3, metric: form}\n")
    assert (only.type, only.value, only.threshold, only.weight, only.metric) == ("levenshtein", "abc", 2.0, 3.0, "form")


def test_a_type_without_a_value_may_stand_alone() -> None:
    assert [each.type for each in _read("assert: [is-json, not-contains-json]")] == ["is-json", "contains-json"]


@pytest.mark.parametrize(
    ("yaml", "code", "line"),
    [
        ("assert:\n  - contians: a", "prompt.unknown-assertion", 2),
        ("assert:\n  - contains: a\n  - regex: '('", "prompt.bad-assertion", 3),
        ("assert:\n  - max-length: many", "prompt.bad-assertion", 2),
        ("assert:\n  - max-length: -1", "prompt.bad-assertion", 2),
        ("assert:\n  - max-length: .nan", "prompt.bad-assertion", 2),
        ("assert:\n  - contains-all: a", "prompt.bad-assertion", 2),
        ("assert:\n  - contains: [a]", "prompt.bad-assertion", 2),
        ("assert:\n  - contains: true", "prompt.bad-assertion", 2),
        ("assert:\n  - {contains: a, regex: b}", "prompt.bad-assertion", 2),
        ("assert:\n  - {contains: a, wieght: 2}", "prompt.bad-assertion", 2),
        ("assert:\n  - {contains: a, weight: x}", "prompt.bad-assertion", 2),
        ("assert:\n  - levenshtein: a", "prompt.bad-assertion", 2),
        ("assert:\n  - json-schema: {type: nothing}", "prompt.bad-assertion", 2),
        ("assert:\n  - tool-call: {nmae: x}", "prompt.bad-assertion", 2),
        ("assert:\n  - {}", "prompt.bad-assertion", 2),
        ("assert:\n  - 3", "prompt.bad-assertion", 2),
        ("assert: 3", "prompt.bad-assertion", 1),
    ],
)
def test_what_is_wrong_is_told_with_its_line(yaml: str, code: str, line: int) -> None:
    with pytest.raises(UsageError) as raised:
        _read(yaml)
    assert raised.value.code == code
    assert raised.value.facts["at"] == f"cases.yaml:{line}"
    assert raised.value.hint("zh")


def test_nothing_is_no_assertion() -> None:
    assert _read("assert:") == ()


_VALUES: dict[str, Any] = {"text": "a", "texts": ["a"], "number": 1, "any": {}, "none": None, "tool": "search"}


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_read_plain_and_negated(name: str) -> None:
    tree = parse_tree("assert: []", "x", environment={})
    for prefix in ("", "not-"):
        given = {"type": prefix + name, "value": _VALUES[TYPES[name]], "threshold": 1}
        (only,) = read_assertions([given], tree, ())
        assert only.name == prefix + name
