"""`.prompty`: YAML front matter, then messages under lines `system:`, `user:`, `assistant:`, in Jinja2 or Mustache.

References such as `${env:KEY}` are carried as text and never looked up. What only prompty knows (provider, connection,
tools, outputs, template) stands under `meta.prompty`; our own keys travel in its `metadata.lianlu`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lianlu.core.i18n import Text
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
from lianlu.prompt.foreign.template import Engine, plain_name
from lianlu.prompt.roles import RoleName

__all__ = ["PROMPTY", "Prompty"]

_ROLE = re.compile(
    r"[ \t]*#?[ \t]*(?P<role>system|user|assistant|developer|function)(?P<more>\[[^\n]*\])?[ \t]*:[ \t]*", re.IGNORECASE
)
_ROLES: Mapping[str, RoleName] = {"system": "system", "user": "user", "assistant": "assistant"}
_OPTIONS = {
    "temperature": "temperature",
    "maxOutputTokens": "max_tokens",
    "topP": "top_p",
    "topK": "top_k",
    "stopSequences": "stop",
    "seed": "seed",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
}
_KINDS = {"string": "string", "integer": "integer", "float": "number", "boolean": "boolean", "array": "list"}
_PLAIN = ("name", "kind", "default", "description", "required")
_OWN = ("framework", "cases", "assert", "knowledge", "vote")


class Prompty:
    name = "prompty"
    about = Text("prompty: front matter and Jinja2 (.prompty)", "prompty：文件头加 Jinja2（.prompty）")

    def recognises(self, path: Path, text: str) -> bool:  # noqa: ARG002
        return path.suffix.lower() == ".prompty"

    def read(self, text: str, path: Path) -> Traveller:
        """Raises UsageError prompt.bad-foreign, and those of `front`."""
        read = front(text, path)
        values = dict(read.tree.values)
        lines: dict[str, int] = {key: read.line_of(key) for key in values}
        engine = _engine(values.get("template"))
        lost: list[Loss] = []
        texts = ours_of(_messages(read, lost), engine)
        own = dict(values)
        head: dict[str, Any] = {key: _text(own, key, read) for key in ("name", "description")}
        model, model_rest = _read_model(own.pop("model", None))
        variables, extras = _read_inputs(own.pop("inputs", None), read, lines)
        metadata = map_of(own.get("metadata"))
        ours = {key: value for key, value in map_of(metadata.get("lianlu")).items() if key in (*_OWN, "meta")}
        if ours:
            own["metadata"] = {key: value for key, value in metadata.items() if key != "lianlu"}
        rest = {key: value for key, value in own.items() if value not in (None, {}, [])}
        kept = {**rest, "model": model_rest, "inputs": extras}
        for key in kept:
            lines[f"meta.prompty.{key}"] = lines.get(key, 0)
        lines["meta.model"] = lines["meta.options"] = lines.get("model", 0)
        head |= {key: value for key, value in ours.items() if key != "meta"}
        head["variables"] = variables
        head["meta"] = {
            **map_of(ours.get("meta")),
            **model,
            "prompty": {key: value for key, value in kept.items() if value},
        }
        if not head["meta"]["prompty"]:
            del head["meta"]["prompty"]
        if texts.engine:
            head["meta"]["engine"] = texts.engine
        file = assembled(head, texts.messages, path)
        return Traveller(file, texts.engine, lines=lines, code=texts.code, lost=tuple(lost), folder=path.parent)

    def write(self, prompt: Traveller) -> Written:
        """Raises those of `include.expanded`."""
        head = prompt.file.head
        own = map_of(head.meta.get("prompty"))
        engine = _engine(own.get("template"))
        said, lost = described(prompt, engine, "prompty")
        values: dict[str, Any] = {"name": head.name or prompt.file.name}
        rest = {key: value for key, value in own.items() if key not in ("model", "inputs", "name", "description")}
        if "displayName" in rest:
            values["displayName"] = rest.pop("displayName")
        values["description"] = head.description
        values["metadata"] = _metadata(prompt, map_of(rest.pop("metadata", None)))
        values["model"] = _write_model(head.meta, map_of(own.get("model")))
        values["inputs"] = _write_inputs(prompt, map_of(own.get("inputs")))
        values |= rest
        values = {key: value for key, value in values.items() if value not in (None, "", {}, [])}
        lost += unheld(prompt, "prompty", ("meta.model", "meta.options", "meta.engine", "framework", *_OWN, "asserts"))
        lost += _unused(prompt)
        lost += _marker_losses(said)
        return Written({f"{prompt.file.name}.prompty": with_front(values, _body(said))}, tuple(lost))


def _engine(template: Any) -> Engine:
    wanted = map_of(template).get("format", template)
    kind = map_of(wanted).get("kind", wanted)
    return "mustache" if kind == "mustache" else "jinja2"


def _text(values: dict[str, Any], key: str, read: Front) -> str:
    value = values.pop(key, None)
    if isinstance(value, dict | list):
        raise bad(read.tree.at((key,)), key, Text("text", "文本"))
    return "" if value is None else str(value)


def _messages(read: Front, lost: list[Loss]) -> list[Said]:
    said: list[Said] = []
    role, lines, begins = "system", list[str](), read.line
    is_named = False
    for at, line in enumerate(read.body.splitlines(keepends=True), read.line):
        marker = _ROLE.fullmatch(line.rstrip("\r\n"))
        if marker is None:
            lines.append(line)
            continue
        if is_named or "".join(lines).strip():
            said.append(Said(_role(role, begins, lost), "".join(lines), begins))
        role, lines, begins, is_named = marker["role"].lower(), [], at + 1, True
        if marker["more"]:
            why = Text("a role line takes no attributes here", "角色行不支持属性")
            lost.append(Loss(f"{role}{marker['more']}", why, at))
    said.append(Said(_role(role, begins, lost), "".join(lines), begins))
    return [each for each in said if each.text.strip()]


def _role(written: str, line: int, lost: list[Loss]) -> RoleName:
    role = _ROLES.get(written)
    if role is None:
        lost.append(Loss(f"{written}:", Text("read as system", "按 system 读取"), max(1, line - 1)))
    return role or "system"


def _read_model(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what every tool may know, the rest)."""
    if not isinstance(model, dict):
        return ({"model": model} if model else {}), {}
    rest = dict(cast("dict[str, Any]", model))
    name = rest.pop("id", None)
    options, others = common_options(map_of(rest.pop("options", None)), _OPTIONS)
    if others:
        rest["options"] = others
    known: dict[str, Any] = {}
    if name:
        known["model"] = name
    if options:
        known["options"] = options
    return known, rest


def _write_model(meta: Mapping[str, Any], rest: dict[str, Any]) -> Any:
    name = meta.get("model")
    options = {**foreign_options(map_of(meta.get("options")), _OPTIONS), **map_of(rest.get("options"))}
    more = {key: value for key, value in rest.items() if key != "options"}
    if not options and not more:
        return name
    return {**({"id": name} if name else {}), **more, **({"options": options} if options else {})}


def _read_inputs(inputs: Any, read: Front, lines: dict[str, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(our variables, what they do not hold by name)."""
    variables: dict[str, Any] = {}
    extras: dict[str, Any] = {}
    for at, (key, each) in enumerate(_properties(inputs, read)):
        name = str(each.get("name", key))
        path = ("inputs", key if isinstance(key, str) else at)
        lines[f"variables.{name}"] = lines[f"meta.prompty.inputs.{name}"] = read.line_of(*path)
        kind = str(each.get("kind", "string"))
        variable: dict[str, Any] = {"type": _KINDS.get(kind, "string")}
        for field in ("default", "description"):
            if each.get(field) is not None:
                variable[field] = each[field]
        extra = {field: value for field, value in each.items() if field not in _PLAIN}
        if kind not in _KINDS:
            extra["kind"] = kind
        needed = each.get("required") is True
        if needed == ("default" in variable):  # ours must be given exactly where they have no default
            extra["required"] = needed
        if extra:
            extras[name] = extra
        variables[name] = variable
    return variables, extras


def _properties(inputs: Any, read: Front) -> list[tuple[str | int, dict[str, Any]]]:
    if inputs is None:
        return []
    if isinstance(inputs, dict):
        named = cast("dict[str, Any]", inputs)
        return [(key, each if isinstance(each, dict) else _inferred(each)) for key, each in named.items()]
    if isinstance(inputs, list):
        listed = cast("list[Any]", inputs)
        for at, each in enumerate(listed):
            if not isinstance(each, dict) or not isinstance(map_of(each).get("name"), str):
                raise bad(read.tree.at(("inputs", at)), f"inputs.{at}", Text("a map with a name", "带 name 的映射"))
        return list(enumerate(listed))
    raise bad(read.tree.at(("inputs",)), "inputs", Text("a list or a map", "列表或映射"))


def _inferred(value: Any) -> dict[str, Any]:
    kind = {bool: "boolean", int: "integer", float: "float", list: "array"}.get(type(value), "string")
    return {"kind": kind} | ({} if value is None else {"default": value})


def _write_inputs(prompt: Traveller, extras: Mapping[str, Any]) -> list[dict[str, Any]]:
    theirs = {ours: kind for kind, ours in _KINDS.items()}
    written: list[dict[str, Any]] = []
    file = prompt.file
    for name, variable in (file.head.variables if "prompty" in file.head.meta else file.variables).items():
        extra = map_of(extras.get(name))
        one: dict[str, Any] = {"name": plain_name(name) if " " in name else name}
        one["kind"] = extra.get("kind", theirs[variable.type])
        if variable.description:
            one["description"] = variable.description
        if extra.get("required", variable.default is None):
            one["required"] = True
        if variable.default is not None:
            one["default"] = variable.default
        written.append(one | {key: value for key, value in extra.items() if key not in _PLAIN})
    return written


def _metadata(prompt: Traveller, metadata: dict[str, Any]) -> dict[str, Any]:
    head = prompt.file.head
    ours: dict[str, Any] = {"framework": head.framework, "cases": head.cases, "assert": list(head.asserts)}
    ours |= {"knowledge": head.knowledge, "vote": head.vote if head.vote != 1 else None}
    ours = {key: value for key, value in ours.items() if value}
    return {**metadata, **({"lianlu": ours} if ours else {})}


def _unused(prompt: Traveller) -> list[Loss]:
    """Keys of ours that travel in `metadata.lianlu`: kept, but prompty itself does nothing with them."""
    head = prompt.file.head
    why = Text("kept under metadata.lianlu; prompty does not use it", "保留在 metadata.lianlu 中；prompty 不使用它")
    present = {"cases": head.cases, "assert": head.asserts, "knowledge": head.knowledge, "vote": head.vote != 1}
    lost = [Loss(key, why, prompt.line(key)) for key, value in present.items() if value]
    if prompt.cases and not head.cases:
        lost.append(Loss("cases", Text("prompty has no tests", "prompty 没有测试用例"), prompt.line("cases")))
    return lost


def _marker_losses(said: list[Said]) -> list[Loss]:
    why = Text("prompty reads this line as the begin of a message", "prompty 会把这一行当作新消息的开头")
    return [
        Loss(line.strip(), why, each.line + at)
        for each in said
        for at, line in enumerate(each.text.splitlines())
        if _ROLE.fullmatch(line)
    ]


def _body(said: list[Said]) -> str:
    if len(said) == 1 and said[0].role == "system":
        return f"system:\n{said[0].text}\n"
    return "\n".join(f"{each.role}:\n{each.text}\n" for each in said)


PROMPTY = Prompty()
