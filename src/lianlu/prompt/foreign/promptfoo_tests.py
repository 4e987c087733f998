"""Test cases of promptfoo as cases of ours, and back: variables, assertions by type, several turns not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from lianlu.core.i18n import Text
from lianlu.prompt.assertions import TYPES
from lianlu.prompt.foreign import Loss
from lianlu.prompt.foreign.shared import map_of

__all__ = ["LineOf", "assertion_to_ours", "assertion_to_theirs", "case_to_ours", "case_to_theirs"]

LineOf = Callable[..., int]
_SAME = (
    "equals",
    "contains",
    "icontains",
    "contains-any",
    "contains-all",
    "regex",
    "starts-with",
    "levenshtein",
    "similar",
)
_TO_OURS: Mapping[str, str] = {name: name for name in _SAME} | {
    "llm-rubric": "judge",
    "python": "python",
    "cost": "cost",
    "latency": "latency",
    "is-json": "is-json",
    "contains-json": "contains-json",
}
_NO_PLACE = Text("our cases have no place for it", "本工具的用例没有存放它的位置")
_SCRIPTS = (
    ("ends-with", re.compile(r"output\.endsWith\((?P<value>\"(?:[^\"\\]|\\.)*\")\)")),
    ("max-length", re.compile(r"\[\.\.\.output\]\.length <= (?P<value>\d+)")),
    ("min-length", re.compile(r"\[\.\.\.output\]\.length >= (?P<value>\d+)")),
)
_WRITTEN = {
    "ends-with": "output.endsWith({})",
    "max-length": "[...output].length <= {}",
    "min-length": "[...output].length >= {}",
}


def case_to_ours(test: Mapping[str, Any], number: int, line: int, lost: list[Loss]) -> dict[str, Any]:
    """One test of promptfoo as a case; what it says more is added to `lost`."""
    values = dict(map_of(test.get("vars")))
    case: dict[str, Any] = {"id": str(test.get("description") or number)}
    if "input" in values:
        case["input"] = str(values.pop("input"))
    if values:
        case["vars"] = values
    metadata = dict(map_of(test.get("metadata")))
    if metadata.get("split") in ("train", "val", "test"):
        case["split"] = metadata.pop("split")
    asserts = [assertion_to_ours(each, line, lost) for each in _listed(test.get("assert"))]
    found = [each for each in asserts if each is not None]
    if found:
        case["assert"] = found
    rest = {key: each for key, each in test.items() if key not in ("description", "vars", "assert", "metadata")}
    lost += [Loss(f"tests[{number}].{key}", _NO_PLACE, line) for key in rest]
    lost += [Loss(f"tests[{number}].metadata.{key}", _NO_PLACE, line) for key in metadata]
    return case


def assertion_to_ours(given: Any, line: int, lost: list[Loss]) -> dict[str, Any] | None:
    """An assertion of promptfoo in ours; None, and a loss, where we have none like it."""
    fields = map_of(given)
    written = str(fields.get("type", ""))
    negated = written.startswith("not-")
    kind, value = _kind_and_value(written.removeprefix("not-"), fields)
    if kind is None:
        lost.append(Loss(f"assert: {written}", Text("there is no such assertion here", "本工具没有这种断言"), line))
        return None
    ours: dict[str, Any] = {"type": f"not-{kind}" if negated else kind}
    if value is not None:
        ours["value"] = value
    keys = ("weight", "metric", *(("threshold",) if kind in ("levenshtein", "similar") else ()))
    ours |= {key: fields[key] for key in keys if fields.get(key) is not None}
    held = ("type", "value", *keys, *(("threshold",) if kind in ("cost", "latency") else ()))
    lost += [Loss(f"assert: {written}.{key}", _NO_PLACE, line) for key in fields if key not in held]
    return {ours["type"]: value} if set(ours) <= {"type", "value"} and value is not None else ours


def _kind_and_value(kind: str, fields: Mapping[str, Any]) -> tuple[str | None, Any]:
    value = fields.get("value")
    if kind == "javascript" and isinstance(value, str):
        for name, shape in _SCRIPTS:
            found = shape.fullmatch(value.strip())
            if found is not None:
                return name, json.loads(found["value"])
        return None, None
    ours = _TO_OURS.get(kind)
    if ours == "is-json" and value is not None:
        return ("json-schema", value) if isinstance(value, dict) else (None, None)
    if ours == "contains-json" and value is not None:
        return None, None
    if ours in ("cost", "latency"):
        most = fields.get("threshold", value)
        scale = 1000 if ours == "latency" else 1
        return (ours, most / scale) if isinstance(most, int | float) else (None, None)
    if ours == "python":
        path = str(value or "")
        is_file = path.startswith("file://") and ":" in path[7:]
        return ("python", path[7:]) if is_file else (None, None)
    if ours is not None and TYPES[ours] == "texts" and isinstance(value, str):
        value = [each.strip() for each in value.split(",")]
    return ours, str(value) if ours is not None and TYPES[ours] == "text" else value


def case_to_theirs(case: Mapping[str, Any], line: int, lost: list[Loss]) -> dict[str, Any] | None:
    """One case as a test of promptfoo; None where it has several turns."""
    name = str(case.get("id", ""))
    if "turns" in case:
        why = Text("a test of promptfoo is one turn", "promptfoo 的测试只有一轮")
        lost.append(Loss(f"case {name}", why, line))
        return None
    test: dict[str, Any] = {"description": name}
    values = {**map_of(case.get("vars"))}
    if case.get("input") is not None:
        values["input"] = case["input"]
    if values:
        test["vars"] = values
    if case.get("split"):
        test["metadata"] = {"split": case["split"]}
    asserts = [assertion_to_theirs(each, line, lost) for each in _listed(case.get("assert"))]
    if any(each is not None for each in asserts):
        test["assert"] = [each for each in asserts if each is not None]
    why = Text("a test of promptfoo has no example answers", "promptfoo 的测试没有示例答案")
    lost += [Loss(f"case {name}: {key}", why, line) for key in ("good", "bad") if case.get(key)]
    return test


def assertion_to_theirs(given: Any, line: int, lost: list[Loss]) -> dict[str, Any] | None:
    """An assertion of ours in promptfoo's words; None, and a loss, where it has none like it."""
    fields = map_of(given)
    if "type" not in fields:
        name = next((key for key in fields if key.removeprefix("not-") in TYPES), "")
        fields = {"type": name, "value": fields.get(name), **{k: v for k, v in fields.items() if k != name}}
    written = str(fields["type"])
    prefix = "not-" if written.startswith("not-") else ""
    kind, value = written.removeprefix("not-"), fields.get("value")
    more = {key: fields[key] for key in ("threshold", "weight", "metric") if fields.get(key) is not None}
    if kind in _WRITTEN:
        script = _WRITTEN[kind].format(json.dumps(value, ensure_ascii=False))
        return {"type": f"{prefix}javascript", "value": script, **more}
    if kind in ("cost", "latency"):
        most = float(value or 0) * (1000 if kind == "latency" else 1)
        return {"type": prefix + kind, "threshold": int(most) if most.is_integer() else most, **more}
    if kind == "json-schema":
        return {"type": f"{prefix}is-json", "value": value, **more}
    if kind == "python":
        return {"type": f"{prefix}python", "value": f"file://{value}", **more}
    theirs = {ours: foreign for foreign, ours in _TO_OURS.items()}.get(kind)
    if theirs is None:
        lost.append(Loss(f"assert: {written}", Text("promptfoo has no such assertion", "promptfoo 没有这种断言"), line))
        return None
    return {"type": prefix + theirs, **({} if value is None else {"value": value}), **more}


def _listed(value: Any) -> Sequence[Any]:
    return cast("list[Any]", value) if isinstance(value, list | tuple) else []
