"""What must hold of an answer: `- contains: "6"`, or `{type: similar, value: …, threshold: 0.8}`; `not-` before a type negates it.

The types are those that promptfoo's users know. Reading says file and line of what is wrong, before any model is asked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.extras import require
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import Tree

__all__ = ["TYPES", "Assertion", "Verdict", "read_assertions"]

Value = Literal["text", "texts", "number", "any", "none", "tool"]
TYPES: Mapping[str, Value] = {
    "equals": "text",
    "contains": "text",
    "icontains": "text",
    "contains-any": "texts",
    "contains-all": "texts",
    "regex": "text",
    "starts-with": "text",
    "ends-with": "text",
    "max-length": "number",
    "min-length": "number",
    "is-json": "none",
    "contains-json": "none",
    "json-schema": "any",
    "levenshtein": "text",
    "similar": "text",
    "cost": "number",
    "latency": "number",
    "tool-call": "tool",
    "python": "text",
    "judge": "text",
}
"""Every type, and what its value is."""
_OPTIONS = {"type", "value", "weight", "metric", "threshold"}
_EXPECTED: Mapping[Value, Text] = {
    "text": Text("a text", "应为文本"),
    "texts": Text("a list of texts", "应为文本列表"),
    "number": Text("a number that is not negative", "应为非负数"),
    "any": Text("a JSON schema", "应为 JSON schema"),
    "none": Text("no value", "不需要值"),
    "tool": Text("a tool's name, or a map with name and arguments", "应为工具名，或含 name 与 arguments 的映射"),
}


class Assertion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One assertion.

    Attributes:
        weight: what it counts in the score of an answer.
        metric: a name under which its results are also told.
        threshold: largest distance of `levenshtein`, least cosine of `similar`.
        place: `file:line`, for messages and for files that the value names.
    """

    type: str
    value: Any = None
    is_negated: bool = False
    weight: float = 1.0
    metric: str = ""
    threshold: float | None = None
    place: str = ""

    @property
    def name(self) -> str:
        """As it is written: `not-contains`."""
        return f"not-{self.type}" if self.is_negated else self.type


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an assertion said of an answer: `passed` is None where it could not be judged, which counts neither way."""

    name: str
    value: Any = None
    passed: bool | None = None
    why: str = ""
    weight: float = 1.0
    metric: str = ""


def read_assertions(given: Any, tree: Tree, path: tuple[str | int, ...]) -> tuple[Assertion, ...]:
    """The assertions in `given`, which stands at `path` of the tree.

    Raises:
        UsageError: prompt.bad-assertion, prompt.unknown-assertion
    """
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return (_read(given, tree.at(path)),)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise UsageError("prompt.bad-assertion", at=tree.at(path), type="assert", expected=_LIST)
    return tuple(_read(each, tree.at((*path, index))) for index, each in enumerate(cast("Sequence[Any]", given)))


_LIST = Text("a list of assertions such as `- contains: 6`", "应为断言列表，例如 `- contains: 6`")


def _read(given: Any, at: str) -> Assertion:
    if isinstance(given, str):
        given = {given: None}
    if not isinstance(given, Mapping) or not given:
        raise UsageError("prompt.bad-assertion", at=at, type=str(given)[:40], expected=_LIST)
    fields = dict(cast("Mapping[str, Any]", given))
    if "type" not in fields:
        own = [key for key in fields if key not in _OPTIONS]
        if len(own) != 1:
            raise UsageError("prompt.bad-assertion", at=at, type=", ".join(own) or "assert", expected=_LIST)
        value = fields.pop(own[0])
        fields |= {"type": own[0], "value": value}
    unknown = next((key for key in fields if key not in _OPTIONS), None)
    if unknown is not None:
        raise UsageError(
            "prompt.bad-assertion", at=at, type=str(fields["type"]), expected=suggest(unknown, sorted(_OPTIONS))
        )
    name = str(fields["type"])
    kind = name.removeprefix("not-")
    if kind not in TYPES:
        known = [*TYPES, *(f"not-{each}" for each in TYPES)] if name.startswith("not-") else list(TYPES)
        raise UsageError("prompt.unknown-assertion", at=at, type=name, suggestion=suggest(name, known))
    value, threshold, weight = fields.get("value"), fields.get("threshold"), fields.get("weight", 1)
    problem = _problem(kind, value)
    if problem is None and not _is_number(weight):
        problem = Text("a weight is a number that is not negative", "weight 应为非负数")
    if problem is None and threshold is not None and not _is_number(threshold):
        problem = Text("a threshold is a number that is not negative", "threshold 应为非负数")
    if problem is None and kind == "levenshtein" and threshold is None:
        problem = Text("it needs a `threshold`: the largest distance", "需要 `threshold`：允许的最大编辑距离")
    if problem is not None:
        raise UsageError("prompt.bad-assertion", at=at, type=name, expected=problem)
    is_text = TYPES[kind] == "text"
    return Assertion(
        type=kind,
        value=str(value) if is_text else list(map(str, cast("list[Any]", value))) if TYPES[kind] == "texts" else value,
        is_negated=name.startswith("not-"),
        weight=float(weight),
        metric=str(fields.get("metric") or ""),
        threshold=None if threshold is None else float(threshold),
        place=at,
    )


def _problem(kind: str, value: Any) -> Text | None:
    """What is wrong with a value, None where it is right."""
    wanted = TYPES[kind]
    is_scalar = isinstance(value, str | int | float) and not isinstance(value, bool)
    fits = {
        "text": is_scalar,
        "texts": isinstance(value, list) and bool(cast("list[Any]", value)),
        "number": _is_number(value),
        "any": isinstance(value, Mapping),
        "none": value is None or value is True or (kind == "is-json" and isinstance(value, Mapping)),
        "tool": isinstance(value, str)
        or (isinstance(value, Mapping) and set(cast("Mapping[str, Any]", value)) <= {"name", "arguments"}),
    }[wanted]
    if not fits:
        return _EXPECTED[wanted]
    if kind == "regex":
        try:
            re.compile(str(value))
        except (re.error, OverflowError) as error:
            return Text(f"a regular expression: {error}", f"应为正则表达式：{error}")
    if kind == "json-schema":
        jsonschema = require("jsonschema", "prompt")
        try:
            jsonschema.Draft202012Validator.check_schema(value)
        except jsonschema.SchemaError as error:
            return Text(f"a JSON schema: {error.message}", f"应为 JSON schema：{error.message}")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
