"""`promptfooconfig.yaml`: prompts × providers × tests in one YAML file, templates in Nunjucks.

One file of ours holds one prompt, so the first is read and the others are named. Prompts in files of their own are read
when they lie in the folder of the configuration or below it, nowhere else. What only promptfoo knows stands under
`meta.promptfoo`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.core.recipe import Tree
from lianlu.prompt.foreign import Loss, Traveller, Written
from lianlu.prompt.foreign.promptfoo_tests import (
    assertion_to_ours,
    assertion_to_theirs,
    case_to_ours,
    case_to_theirs,
)
from lianlu.prompt.foreign.shared import (
    Said,
    assembled,
    bad,
    common_options,
    described,
    foreign_options,
    map_of,
    ours_of,
    read_yaml,
    unheld,
)
from lianlu.prompt.include import read_text
from lianlu.prompt.roles import RoleName
from lianlu.prompt.tree import to_yaml

__all__ = ["PROMPTFOO", "Promptfoo"]

_ROLES: Mapping[str, RoleName] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_OPTIONS = {
    "temperature": "temperature",
    "max_tokens": "max_tokens",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
_ONE = Text("one file holds one prompt; only the first is converted", "一份文件只存放一条提示词；只转换第一条")
_ELSEWHERE = Text("it stands in another file", "它位于另一个文件")


class Promptfoo:
    name = "promptfoo"
    about = Text(
        "promptfoo: prompts, providers and tests (promptfooconfig.yaml)",
        "promptfoo：提示词、模型与测试（promptfooconfig.yaml）",
    )

    def recognises(self, path: Path, text: str) -> bool:
        if path.suffix.lower() not in (".yaml", ".yml"):
            return False
        lines = {line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()}
        return path.name.lower().startswith("promptfooconfig") or (
            "prompts" in lines and bool(lines & {"providers", "targets", "tests"})
        )

    def read(self, text: str, path: Path) -> Traveller:
        """Raises UsageError prompt.bad-foreign, and those of `read_yaml` and `read_text`."""
        tree = read_yaml(text, str(path))
        reading = _Reading(tree, path)
        values = dict(tree.values)
        texts = ours_of(reading.messages(values.pop("prompts", None)), "nunjucks")
        meta = reading.model(values.pop("providers", values.pop("targets", None)))
        default = values.pop("defaultTest", None)
        variables, asserts = reading.default(default)
        cases = reading.cases(values.pop("tests", None))
        description = values.pop("description", None)
        lines = {key: reading.line(key) for key in tree.values}
        lines |= {f"meta.promptfoo.{key}": reading.line(key) for key in values}
        lines |= {"meta.model": lines.get("providers", 0), "meta.options": lines.get("providers", 0)}
        lines |= {"cases": lines.get("tests", 0), "assert": lines.get("defaultTest", 0)}
        meta |= {"promptfoo": values, "engine": texts.engine}
        head = {
            "description": "" if description is None else str(description),
            "variables": variables,
            "assert": asserts,
            "meta": {key: value for key, value in meta.items() if value},
        }
        return Traveller(
            assembled(head, texts.messages, path),
            texts.engine,
            cases=tuple(cases),
            lines=lines,
            code=texts.code,
            lost=tuple(reading.lost),
            folder=path.parent,
        )

    def write(self, prompt: Traveller) -> Written:
        """Raises those of `include.expanded`."""
        file, head = prompt.file, prompt.file.head
        said, lost = described(prompt, "nunjucks", "promptfoo")
        if not any(each.role == "user" for each in said):
            said.append(Said("user", "{{input}}"))
        provider = _provider(head.meta)
        defaults = {name: each.default for name, each in file.variables.items() if each.default is not None}
        asserts = [assertion_to_theirs(each, prompt.line("assert"), lost) for each in head.asserts]
        tests = [case_to_theirs(each, prompt.line("cases"), lost) for each in prompt.cases]
        values: dict[str, Any] = {
            "description": head.description or file.name,
            "prompts": [_chat(said)],
            "providers": [provider] if provider else [],
            "defaultTest": {
                key: value
                for key, value in (("vars", defaults), ("assert", [each for each in asserts if each is not None]))
                if value
            },
            "tests": [each for each in tests if each is not None],
            **map_of(head.meta.get("promptfoo")),
        }
        lost += unheld(prompt, "promptfoo", ("meta.model", "meta.options", "meta.engine", "asserts", "cases"))
        lost += _lost_of_variables(prompt)
        if head.name and head.description:
            lost.append(
                Loss("name", Text("promptfoo has only a description", "promptfoo 只有描述"), prompt.line("name"))
            )
        if not provider:
            why = Text("no model is named: add one before running", "没有指定模型：运行前请补充")
            lost.append(Loss("providers", why))
        text = to_yaml({key: value for key, value in values.items() if value not in (None, "", {}, [])})
        return Written({"promptfooconfig.yaml": text}, tuple(lost))


class _Reading:
    """One configuration, and what of it is lost."""

    def __init__(self, tree: Tree, path: Path) -> None:
        self.tree = tree
        self.path = path
        self.lost: list[Loss] = []

    def line(self, *path: str | int) -> int:
        return int(self.tree.at(path).rpartition(":")[2] or 0)

    def _lose(self, what: str, why: Text, *path: str | int) -> None:
        self.lost.append(Loss(what, why, self.line(*path)))

    def messages(self, prompts: Any) -> list[Said]:
        listed = cast("list[Any]", prompts) if isinstance(prompts, list) else [prompts]
        if not listed or listed[0] in (None, ""):
            raise bad(self.tree.at(("prompts",)), "prompts", Text("at least one prompt", "至少一条提示词"))
        for at, each in enumerate(listed[1:], 1):
            shown = map_of(each).get("label") or map_of(each).get("id") or each
            self._lose(f"prompts[{at + 1}]: {str(shown)[:40]}", _ONE, "prompts", at)
        first: Any = listed[0]
        if isinstance(first, dict):
            fields = map_of(first)
            for key in fields:
                if key not in ("raw", "id", "label"):
                    self._lose(f"prompts[1].{key}", Text("nothing here uses it", "本工具不使用它"), "prompts", 0, key)
            first = fields.get("raw") or fields.get("id")
        if not isinstance(first, str):
            raise bad(self.tree.at(("prompts", 0)), "prompts", Text("a text, or raw or id", "文本，或 raw、id"))
        line = self.line("prompts", 0)
        if first.startswith("file://"):
            return self._messages_of(self._file(first[7:], ("prompts", 0)), 1)
        return self._messages_of(first, line)

    def _messages_of(self, text: str, line: int) -> list[Said]:
        chat = _chat_of(text)
        if chat is None:
            return [Said("user", text, line)]
        said: list[Said] = []
        for each in chat:
            role = str(each.get("role", "user"))
            content = each.get("content")
            if not isinstance(content, str):
                self._lose(f"{role}: content", Text("only text is converted", "只转换文本"), "prompts", 0)
                content = "" if content is None else json.dumps(content, ensure_ascii=False)
            if role not in _ROLES:
                self._lose(f"role {role}", Text("read as user", "按 user 读取"), "prompts", 0)
            said.append(Said(_ROLES.get(role, "user"), content, line))
        return said

    def _file(self, name: str, place: tuple[str | int, ...]) -> str:
        """A file that the configuration names, from its own folder only: a configuration is no key to the disk."""
        target = self.path.parent / name
        inside = target.resolve().is_relative_to(self.path.parent.resolve())
        if not inside or target.suffix in (".py", ".js", ".ts", ".mjs", ".cjs"):
            raise bad(self.tree.at(place), name, Text("a text file in this folder", "本文件夹中的文本文件"))
        return read_text(target)

    def model(self, providers: Any) -> dict[str, Any]:
        listed = cast("list[Any]", providers) if isinstance(providers, list) else [providers] if providers else []
        for at, each in enumerate(listed[1:], 1):
            self._lose(f"providers[{at + 1}]: {str(map_of(each).get('id', each))[:40]}", _ONE, "providers", at)
        if not listed:
            return {}
        if isinstance(listed[0], str):
            return {"model": listed[0]}
        fields = map_of(listed[0])
        options, others = common_options(map_of(fields.get("config")), _OPTIONS)
        for key in others:
            self._lose(f"providers[1].config.{key}", Text("nothing here uses it", "本工具不使用它"), "providers", 0)
        for key in fields:
            if key not in ("id", "config"):
                self._lose(f"providers[1].{key}", Text("nothing here uses it", "本工具不使用它"), "providers", 0)
        return {"model": fields.get("id"), "options": options}

    def default(self, test: Any) -> tuple[dict[str, Any], list[Any]]:
        """(variables, assertions) that hold for every test."""
        if test is None:
            return {}, []
        if not isinstance(test, dict):
            self._lose("defaultTest", _ELSEWHERE, "defaultTest")
            return {}, []
        line = self.line("defaultTest")
        fields = map_of(test)
        variables = {key: _variable(value) for key, value in map_of(fields.get("vars")).items()}
        given = fields.get("assert")
        listed = cast("list[Any]", given) if isinstance(given, list) else []
        asserts = [assertion_to_ours(each, line, self.lost) for each in listed]
        for key in fields:
            if key not in ("vars", "assert"):
                self._lose(f"defaultTest.{key}", Text("nothing here uses it", "本工具不使用它"), "defaultTest", key)
        return variables, [each for each in asserts if each is not None]

    def cases(self, tests: Any) -> list[dict[str, Any]]:
        if tests is None:
            return []
        if not isinstance(tests, list):
            self._lose(f"tests: {str(tests)[:40]}", _ELSEWHERE, "tests")
            return []
        cases: list[dict[str, Any]] = []
        taken: set[str] = set()
        for at, each in enumerate(cast("list[Any]", tests)):
            if not isinstance(each, dict):
                self._lose(f"tests[{at + 1}]: {str(each)[:40]}", _ELSEWHERE, "tests", at)
                continue
            case = case_to_ours(map_of(each), at + 1, self.line("tests", at), self.lost)
            if case["id"] in taken:
                case["id"] = f"{case['id']} ({at + 1})"
            taken.add(case["id"])
            cases.append(case)
        return cases


def _variable(value: Any) -> dict[str, Any]:
    known = {bool: "boolean", int: "integer", float: "number", list: "list"}
    return {"type": known.get(type(value), "string"), "default": value}


def _chat_of(text: str) -> list[dict[str, Any]] | None:
    """The messages of a chat in JSON, or in YAML as promptfoo takes it too; None for a plain text."""
    bare = text.strip()
    try:
        if bare.startswith("["):
            found: Any = msgspec.json.decode(bare)
        elif bare.startswith("- role:"):
            found = read_yaml("chat:\n" + bare, "prompts").values["chat"]
        else:
            return None
    except (msgspec.DecodeError, UsageError):
        return None
    listed = cast("list[Any]", found) if isinstance(found, list) else []
    is_chat = bool(listed) and all(isinstance(each, dict) and "role" in each for each in listed)
    return cast("list[dict[str, Any]]", listed) if is_chat else None


def _chat(said: list[Said]) -> str:
    if [each.role for each in said] == ["user"]:
        return said[0].text
    messages = [{"role": each.role, "content": each.text} for each in said]
    return json.dumps(messages, ensure_ascii=False, indent=2) + "\n"


def _provider(meta: Mapping[str, Any]) -> Any:
    options = foreign_options(map_of(meta.get("options")), _OPTIONS)
    name = meta.get("model")
    if not name:
        return None
    return {"id": name, "config": options} if options else name


def _lost_of_variables(prompt: Traveller) -> list[Loss]:
    why = Text("promptfoo's variables have no type or description", "promptfoo 的变量没有类型与描述")
    declared = prompt.file.head.variables.items()
    return [
        Loss(f"variables.{name}", why, prompt.line(f"variables.{name}"))
        for name, each in declared
        if each.description or each.type != (_variable(each.default)["type"] if each.default is not None else "string")
    ]


PROMPTFOO = Promptfoo()
