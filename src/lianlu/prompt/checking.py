"""Whether an answer passes the assertions that need no model: texts, numbers, JSON, tool calls, a function of the user's.

An assertion that cannot be judged (no price known, a function that fails) says so and counts neither way.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from lianlu.core.extras import require
from lianlu.core.i18n import pick
from lianlu.prompt.assertions import Assertion, Verdict
from lianlu.prompt.render import fill, variables_of

__all__ = ["MODEL_TYPES", "Answered", "ToolCall", "check", "filled", "verdict_of"]

MODEL_TYPES = frozenset({"similar", "judge"})
_SHOWN = 60
_FENCED = re.compile(r"\s*```(?:json)?\s*\n(?P<inner>.*?)\n\s*```\s*", re.DOTALL)
_MOST_STARTS = 200

Found = tuple[bool | None, str]


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model called; `arguments` is JSON text, as it came."""

    name: str
    arguments: str = "{}"


class Answered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer with what is known of it.

    Attributes:
        said: what the user had said.
        vars: values of the case.
        seconds: of the request; None where it came from the store, or from nobody.
        cost: in the currency of the endpoint; None where no price is known.
    """

    output: str
    said: str = ""
    vars: dict[str, Any] = {}
    tool_calls: tuple[ToolCall, ...] = ()
    seconds: float | None = None
    cost: float | None = None


def filled(assertion: Assertion, values: Mapping[str, Any]) -> Assertion:
    """The assertion with the case's values in its text: `contains: "{{city}}"`."""
    value = assertion.value
    if isinstance(value, str) and "{{" in value and set(variables_of(value)) <= set(values):
        return msgspec.structs.replace(assertion, value=fill(value, values))
    return assertion


def check(assertion: Assertion, answered: Answered) -> Verdict:
    """Judge one assertion of a type that needs no model."""
    assertion = filled(assertion, answered.vars)
    passed, why = _CHECKS[assertion.type](assertion, answered)
    return verdict_of(assertion, passed, why)


def verdict_of(assertion: Assertion, passed: bool | None, why: str = "") -> Verdict:
    """The verdict of an assertion, turned round where it is negated."""
    if passed is not None and assertion.is_negated:
        passed = not passed
        why = "" if passed else why or pick("it does", "却符合")
    return Verdict(
        name=assertion.name,
        value=assertion.value,
        passed=passed,
        why="" if passed else why,
        weight=assertion.weight,
        metric=assertion.metric,
    )


def _equals(assertion: Assertion, answered: Answered) -> Found:
    return answered.output.strip() == assertion.value.strip(), ""


def _contains(assertion: Assertion, answered: Answered) -> Found:
    return assertion.value in answered.output, ""


def _icontains(assertion: Assertion, answered: Answered) -> Found:
    return assertion.value.casefold() in answered.output.casefold(), ""


def _contains_any(assertion: Assertion, answered: Answered) -> Found:
    return any(each in answered.output for each in assertion.value), ""


def _contains_all(assertion: Assertion, answered: Answered) -> Found:
    lacking = [each for each in assertion.value if each not in answered.output]
    return not lacking, pick("lacking: ", "缺少：") + ", ".join(lacking) if lacking else ""


def _regex(assertion: Assertion, answered: Answered) -> Found:
    return re.search(assertion.value, answered.output) is not None, ""


def _starts_with(assertion: Assertion, answered: Answered) -> Found:
    return answered.output.lstrip().startswith(assertion.value), ""


def _ends_with(assertion: Assertion, answered: Answered) -> Found:
    return answered.output.rstrip().endswith(assertion.value), ""


def _max_length(assertion: Assertion, answered: Answered) -> Found:
    length = len(answered.output.strip())
    return length <= assertion.value, pick(f"{length} characters", f"{length} 个字符")


def _min_length(assertion: Assertion, answered: Answered) -> Found:
    length = len(answered.output.strip())
    return length >= assertion.value, pick(f"{length} characters", f"{length} 个字符")


def _is_json(assertion: Assertion, answered: Answered) -> Found:
    if isinstance(assertion.value, Mapping):
        return _json_schema(assertion, answered)
    return _json(answered.output)[0], pick("no JSON", "不是 JSON")


def _contains_json(assertion: Assertion, answered: Answered) -> Found:  # noqa: ARG001 - all checks are called alike
    text = answered.output
    starts = [found.start() for found in re.finditer(r"[{\[]", text)][:_MOST_STARTS]
    import json

    decoder = json.JSONDecoder()
    for start in starts:
        try:
            decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        return True, ""
    return False, pick("no JSON in it", "其中没有 JSON")


def _json_schema(assertion: Assertion, answered: Answered) -> Found:
    jsonschema = require("jsonschema", "prompt")
    is_json, value = _json(answered.output)
    if not is_json:
        return False, pick("no JSON", "不是 JSON")
    problem: Any = next(jsonschema.Draft202012Validator(assertion.value).iter_errors(value), None)
    return problem is None, "" if problem is None else f"{problem.json_path}: {_short(problem.message)}"


def _json(text: str) -> tuple[bool, Any]:
    """JSON, alone or in one fence, as models like to write it."""
    fenced = _FENCED.fullmatch(text)
    try:
        return True, msgspec.json.decode(fenced["inner"] if fenced else text)
    except (msgspec.DecodeError, RecursionError):
        return False, None


def _levenshtein(assertion: Assertion, answered: Answered) -> Found:
    limit = int(assertion.threshold or 0)
    distance = _distance(answered.output.strip(), assertion.value.strip(), limit)
    shown = f"> {limit}" if distance > limit else str(distance)
    return distance <= limit, pick(f"distance {shown}", f"距离 {shown}")


def _distance(first: str, second: str, limit: int) -> int:
    """The edit distance; what is beyond `limit` is `limit + 1`, so that a long answer costs no more than a short one."""
    beyond = limit + 1
    if abs(len(first) - len(second)) > limit:
        return beyond
    row = {at: at for at in range(min(len(second), limit) + 1)}
    for number, character in enumerate(first, start=1):
        new: dict[int, int] = {}
        for at in range(max(0, number - limit), min(len(second), number + limit) + 1):
            swapped = row.get(at - 1, beyond) + (character != second[at - 1]) if at else number
            new[at] = min(row.get(at, beyond) + 1, new.get(at - 1, beyond) + 1, swapped)
        if min(new.values()) > limit:
            return beyond
        row = new
    return min(row.get(len(second), beyond), beyond)


def _cost(assertion: Assertion, answered: Answered) -> Found:
    if answered.cost is None:
        return None, pick("no price is known of this model (`lianlu endpoint add --price …`)", "不知道该模型的价格")
    return answered.cost <= assertion.value, f"{answered.cost:g}"


def _latency(assertion: Assertion, answered: Answered) -> Found:
    if answered.seconds is None:
        return None, pick("the answer came from the request store", "回答来自请求库，没有耗时")
    return answered.seconds <= assertion.value, f"{answered.seconds:.2f} s"


def _tool_call(assertion: Assertion, answered: Answered) -> Found:
    wanted = assertion.value if isinstance(assertion.value, Mapping) else {"name": assertion.value}
    arguments = cast("dict[str, Any]", wanted.get("arguments") or {})
    made = ", ".join(f"{call.name}({_short(call.arguments)})" for call in answered.tool_calls)
    for call in answered.tool_calls:
        is_json, given = _json(call.arguments)
        is_named = wanted.get("name") in (None, call.name)
        if is_named and is_json and isinstance(given, dict) and _is_within(arguments, given):
            return True, made
    return False, made or pick("no tool was called", "没有调用工具")


def _is_within(wanted: Any, given: Any) -> bool:
    """Whether what is wanted is there; more may be."""
    if isinstance(wanted, Mapping) and isinstance(given, Mapping):
        return all(key in given and _is_within(value, given[key]) for key, value in wanted.items())
    return type(wanted) is type(given) and wanted == given if isinstance(wanted, bool) else wanted == given


def _python(assertion: Assertion, answered: Answered) -> Found:
    """`file.py:function`; the function takes the output and a map with input, vars, tool_calls, seconds and cost."""
    try:
        function = _function(assertion)
        given = msgspec.to_builtins(answered) | {"vars": answered.vars}
        found: Any = function(answered.output, given)
    except Exception as error:  # noqa: BLE001 - the user's own code: whatever it raises is told beside the case
        return None, f"{assertion.value}: {type(error).__name__}: {_short(str(error))}"
    passed, why = found if isinstance(found, tuple) and len(cast("tuple[Any, ...]", found)) == 2 else (found, "")
    if not isinstance(passed, bool | int | float):
        return None, pick(f"{assertion.value} gave {passed!r}", f"{assertion.value} 返回了 {passed!r}")
    return bool(passed), str(why)


def _function(assertion: Assertion) -> Callable[..., Any]:
    file, _, name = str(assertion.value).rpartition(":")
    folder = Path(assertion.place.rpartition(":")[0]).parent
    path = (folder / file).resolve()
    spec = importlib.util.spec_from_file_location(f"lianlu_assertions_{path.stem}", path)
    if not file or spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"no file {file or assertion.value!r} (write file.py:function)")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


_CHECKS: Mapping[str, Callable[[Assertion, Answered], Found]] = {
    "equals": _equals,
    "contains": _contains,
    "icontains": _icontains,
    "contains-any": _contains_any,
    "contains-all": _contains_all,
    "regex": _regex,
    "starts-with": _starts_with,
    "ends-with": _ends_with,
    "max-length": _max_length,
    "min-length": _min_length,
    "is-json": _is_json,
    "contains-json": _contains_json,
    "json-schema": _json_schema,
    "levenshtein": _levenshtein,
    "cost": _cost,
    "latency": _latency,
    "tool-call": _tool_call,
    "python": _python,
}
