"""`.prompt` of dotprompt: YAML front matter with Picoschema, then a Handlebars template whose `{{role "…"}}` parts messages.

A template without a role is what the user says. The assistant is called `model` there. What only dotprompt knows stands
under `meta.dotprompt`; our own keys travel as extension fields `lianlu.…`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lianlu.core.i18n import Text
from lianlu.prompt.file import Variable
from lianlu.prompt.foreign import Loss, Traveller, Written
from lianlu.prompt.foreign.shared import (
    Front,
    Said,
    assembled,
    bad,
    common_options,
    described,
    foreign_options,
    front,
    map_of,
    ours_of,
    unheld,
    with_front,
)
from lianlu.prompt.foreign.template import plain_name
from lianlu.prompt.roles import RoleName

__all__ = ["DOTPROMPT", "Dotprompt"]

_ROLE = re.compile(r"\{\{~?\s*role\s+[\"'](?P<role>\w+)[\"']\s*~?\}\}")
_ROLES: Mapping[str, RoleName] = {"system": "system", "user": "user", "model": "assistant", "assistant": "assistant"}
_THEIRS = {"system": "system", "user": "user", "assistant": "model"}
_OPTIONS = {
    "temperature": "temperature",
    "maxOutputTokens": "max_tokens",
    "topP": "top_p",
    "topK": "top_k",
    "stopSequences": "stop",
}
_TYPES = ("string", "integer", "number", "boolean")
_KEY = re.compile(r"(?P<name>[^?(]+?)\s*(?P<optional>\?)?\s*(?:\(\s*(?P<kind>\w+)\s*(?:,\s*(?P<about>.*?))?\s*\))?")
_OWN = ("framework", "cases", "assert", "knowledge", "vote")


class Dotprompt:
    name = "dotprompt"
    about = Text("dotprompt: Picoschema and Handlebars (.prompt)", "dotprompt：Picoschema 与 Handlebars（.prompt）")

    def recognises(self, path: Path, text: str) -> bool:  # noqa: ARG002
        return path.suffix.lower() == ".prompt"

    def read(self, text: str, path: Path) -> Traveller:
        """Raises UsageError prompt.bad-foreign, and those of `front`."""
        read = front(text, path)
        values = dict(read.tree.values)
        lost: list[Loss] = []
        lines = {key: read.line_of(key) for key in values}
        texts = ours_of(_messages(read, lost), "handlebars")
        head: dict[str, Any] = {key: _text(values, key, read) for key in ("name", "description")}
        for key in _OWN:
            head[key] = values.pop(f"lianlu.{key}", None)
        meta: dict[str, Any] = {"model": values.pop("model", None)}
        meta["options"], config = common_options(map_of(values.pop("config", None)), _OPTIONS)
        head["variables"], extras = _read_input(values.pop("input", None), read, lines)
        own = {**values, "config": config, "input": extras}
        for key in own:
            lines[f"meta.dotprompt.{key}"] = lines.get(key, 0)
        lines["meta.model"], lines["meta.options"] = lines.get("model", 0), lines.get("config", 0)
        meta["dotprompt"] = {key: value for key, value in own.items() if value not in (None, {}, [])}
        meta["engine"] = texts.engine
        head["meta"] = {key: value for key, value in meta.items() if value}
        file = assembled(head, texts.messages, path)
        return Traveller(file, texts.engine, lines=lines, code=texts.code, lost=tuple(lost), folder=path.parent)

    def write(self, prompt: Traveller) -> Written:
        """Raises those of `include.expanded`."""
        head = prompt.file.head
        own = map_of(head.meta.get("dotprompt"))
        said, lost = described(prompt, "handlebars", "dotprompt")
        config = {**foreign_options(map_of(head.meta.get("options")), _OPTIONS), **map_of(own.get("config"))}
        values: dict[str, Any] = {
            "name": head.name,
            "description": head.description,
            "model": head.meta.get("model"),
            "config": config,
            "input": _write_input(head.variables, map_of(own.get("input"))),
            **{key: value for key, value in own.items() if key not in ("config", "input")},
            **_extensions(prompt),
        }
        values = {key: value for key, value in values.items() if value not in (None, "", {}, [])}
        lost += unheld(
            prompt, "dotprompt", ("meta.model", "meta.options", "meta.engine", "framework", *_OWN, "asserts")
        )
        lost += _unused(prompt)
        return Written({f"{prompt.file.name}.prompt": with_front(values, _body(said))}, tuple(lost))


def _text(values: dict[str, Any], key: str, read: Front) -> str:
    value = values.pop(key, None)
    if isinstance(value, dict | list):
        raise bad(read.tree.at((key,)), key, Text("text", "文本"))
    return "" if value is None else str(value)


def _messages(read: Front, lost: list[Loss]) -> list[Said]:
    said: list[Said] = []
    role: RoleName = "user"
    at, line = 0, read.line
    for mark in _ROLE.finditer(read.body):
        said.append(Said(role, read.body[at : mark.start()], line))
        known = _ROLES.get(mark["role"])
        line = read.line + read.body.count("\n", 0, mark.start())
        if known is None:
            lost.append(Loss(mark.group(), Text("read as user", "按 user 读取"), line))
        role, at = known or "user", mark.end()
    said.append(Said(role, read.body[at:], line))
    return [each for each in said if each.text.strip()]


def _body(said: list[Said]) -> str:
    if len(said) == 1 and said[0].role == "user":
        return f"{said[0].text}\n"
    return "\n".join(f'{{{{role "{_THEIRS[each.role]}"}}}}{each.text}\n' for each in said)


def _read_input(given: Any, read: Front, lines: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(our variables, what of `input` they do not hold)."""
    if given is None:
        return {}, {}
    if not isinstance(given, dict):
        raise bad(
            read.tree.at(("input",)), "input", Text("a map with schema and default", "含 schema 与 default 的映射")
        )
    rest = dict(map_of(given))
    schema, defaults = rest.pop("schema", None), map_of(rest.pop("default", None))
    variables: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    if isinstance(schema, dict) and not _is_json_schema(map_of(schema)):
        for key, value in map_of(schema).items():
            name, variable = _variable(key, value)
            lines[f"variables.{name}"] = lines[f"meta.dotprompt.input.schema.{name}"] = read.line_of(
                "input", "schema", key
            )
            if name == "*" or not name.strip():
                extras[name] = {"key": key, "value": value}
                continue
            if name in defaults:
                variable["default"] = defaults.pop(name)
            variables[name] = variable
            if _entry(name, Variable(**variable)) != (key, value):
                extras[name] = {"key": key, "value": value}
    elif schema is not None:
        rest["whole"] = schema
    for name, value in defaults.items():
        variables[name] = {"type": _type_of(value), "default": value}
        extras[name] = {"key": ""}
    lines["meta.dotprompt.input"] = read.line_of("input")
    return variables, {**rest, **({"schema": extras} if extras else {})}


def _write_input(variables: Mapping[str, Variable], own: dict[str, Any]) -> dict[str, Any]:
    extras = map_of(own.get("schema"))
    schema: dict[str, Any] = {}
    for name, variable in variables.items():
        extra = map_of(extras.get(name))
        key, value = _entry(name if name in extras else plain_name(name), variable)
        key = extra.get("key", key)
        if key:
            schema[key] = extra.get("value", value)
    for name, extra in extras.items():
        if name not in variables:
            schema[str(map_of(extra)["key"])] = map_of(extra).get("value")
    defaults = {name: each.default for name, each in variables.items() if each.default is not None}
    rest = {key: value for key, value in own.items() if key not in ("schema", "whole")}
    written = {"schema": own.get("whole") or schema, "default": defaults, **rest}
    return {key: value for key, value in written.items() if value not in (None, {}, [])}


def _is_json_schema(schema: dict[str, Any]) -> bool:
    return schema.get("type") in ("object", "array", *_TYPES) or isinstance(schema.get("properties"), dict)


def _variable(key: str, value: Any) -> tuple[str, dict[str, Any]]:
    """Name and variable of one line of Picoschema; what it does not hold is the caller's to find."""
    found = _KEY.fullmatch(key.strip())
    if found is None or key.strip().startswith("("):
        return ("*" if "*" in key else key), {"type": "string"}
    words, _, about = value.partition(",") if isinstance(value, str) else ("", "", "")
    if found["kind"] == "array":
        return found["name"], _named("list", found["about"] or "")
    kind = words.strip() if words.strip() in _TYPES else "string"
    return found["name"], _named(kind, about.strip() if isinstance(value, str) else found["about"] or "")


def _named(kind: str, about: str) -> dict[str, Any]:
    return {"type": kind, **({"description": about} if about else {})}


def _type_of(value: Any) -> str:
    known = {bool: "boolean", int: "integer", float: "number", list: "list"}
    return known.get(type(value), "string")


def _entry(name: str, variable: Variable) -> tuple[str, str]:
    """The line of Picoschema for a variable; optional where it has a default."""
    optional = "?" if variable.default is not None else ""
    about = " ".join(variable.description.split())
    if variable.type == "list":
        return f"{name}{optional}(array{f', {about}' if about else ''})", "string"
    return f"{name}{optional}", f"{variable.type}{f', {about}' if about else ''}"


def _extensions(prompt: Traveller) -> dict[str, Any]:
    head = prompt.file.head
    ours: dict[str, Any] = {"framework": head.framework, "cases": head.cases, "assert": list(head.asserts)}
    ours |= {"knowledge": head.knowledge, "vote": head.vote if head.vote != 1 else None}
    return {f"lianlu.{key}": value for key, value in ours.items() if value}


def _unused(prompt: Traveller) -> list[Loss]:
    """Keys of ours that travel as extension fields: kept, but dotprompt itself does nothing with them."""
    head = prompt.file.head
    why = Text("kept as an extension field; dotprompt does not use it", "保留为扩展字段；dotprompt 不使用它")
    present = {"cases": head.cases, "assert": head.asserts, "knowledge": head.knowledge, "vote": head.vote != 1}
    lost = [Loss(key, why, prompt.line(key)) for key, value in present.items() if value]
    if prompt.cases and not head.cases:
        lost.append(Loss("cases", Text("dotprompt has no tests", "dotprompt 没有测试用例"), prompt.line("cases")))
    return lost


DOTPROMPT = Dotprompt()
