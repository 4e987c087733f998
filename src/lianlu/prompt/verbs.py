"""`lianlu prompt new|render|parse|list`: prompts as files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lianlu.core import registry
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, language, pick
from lianlu.core.recipe import parse_tree
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.prompt.conversation import INPUT
from lianlu.prompt.file import PromptFile, find_prompt, read_file, shipped
from lianlu.prompt.framework import Framework, framework
from lianlu.prompt.model import Module
from lianlu.prompt.modules import RUNS
from lianlu.prompt.skeleton import skeleton
from lianlu.prompt.step import rendered

__all__ = ["given_values", "list_", "new", "parse_", "render_"]

_FRAMEWORK = Text("langgpt, costar or crispe", "langgpt、costar 或 crispe")


@verb("new", Text("Write a new prompt file to fill in.", "新建一份待填写的提示词文件。"))
@argument("name")
@option("--framework", "framework_name", default="langgpt", show_default=True, help=_FRAMEWORK)
@option("--modules", default="", help=Text("modules, with commas between", "所用模块，以逗号分隔"))
def new(call: Call, name: str, framework_name: str, modules: str) -> Outcome:
    """Raises UsageError prompt.bad-name, prompt.exists, prompt.unknown-module, registry.unknown-name."""
    if not re.fullmatch(r"[\w][\w .\-]{0,80}", name):
        raise UsageError("prompt.bad-name", name=name)
    chosen = [each.strip() for each in re.split("[,，、]", modules) if each.strip()]
    text = skeleton(name, framework(framework_name), chosen, language())
    path = (call.out or Path()) / f"{name}.md"
    if path.exists():
        raise UsageError("prompt.exists", path=str(path))
    if not call.dry_run:
        write_bytes(path, text.encode())
    found = [module.name for module in framework(framework_name).parse(text).modules]

    def show() -> None:
        say(text if call.dry_run else pick(f"wrote {path}", f"已写入 {path}"))
        if not call.dry_run:
            say(pick(f"fill it in, then: lianlu prompt render {path}", f"填写后运行：lianlu prompt render {path}"))

    return Outcome({"path": str(path), "framework": framework_name, "modules": found}, show)


@verb("render", Text("Print the text a model gets.", "打印模型收到的文本。"))
@argument("file")
@argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@option("--format", "notation", default="md", show_default=True, help=Text("md, json or yaml", "md、json 或 yaml"))
@option("--normal", is_flag=True, help=Text("in the framework's own form", "改写成框架的规范形式"))
@option("--framework", "framework_name", default="", help=_FRAMEWORK)
def render_(
    call: Call, file: str, values: tuple[str, ...], notation: str, normal: bool, framework_name: str
) -> Outcome:
    """Raises UsageError prompt.missing-variable, prompt.unknown-variable, prompt.bad-format and those of `read_file`."""
    if notation not in ("md", "json", "yaml"):
        raise UsageError("prompt.bad-format", format=notation)
    read = read_file(find_prompt(file), framework=framework_name)
    given = given_values(values, read)
    if INPUT in read.variables:  # what the user will say is not known yet
        given.setdefault(INPUT, f"{{{{{INPUT}}}}}")
    filled = read.values(given)
    text = rendered(read, filled, format=notation, normal=normal)
    shown: dict[str, Any] = {
        "name": read.name,
        "framework": read.prompt.framework,
        "format": notation,
        "variables": filled,
        "text": text,
    }
    if call.out is None or call.dry_run:
        return Outcome(shown, lambda: say(text.removesuffix("\n")))
    path = call.out / f"{Path(file).stem}.{notation}"
    write_bytes(path, text.encode())
    return Outcome({**shown, "path": str(path)}, lambda: say(pick(f"wrote {path}", f"已写入 {path}")))


def given_values(values: Iterable[str], read: PromptFile) -> dict[str, Any]:
    """`name=value` pairs; a value is YAML where the variable is no plain text.

    Raises:
        UsageError: recipe.bad-override
    """
    given: dict[str, Any] = {}
    for pair in values:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError("recipe.bad-override", override=pair)
        declared = read.variables.get(name.strip())
        is_text = declared is None or declared.type == "string"
        given[name.strip()] = value if is_text else parse_tree(f"value: {value}", name, environment={}).values["value"]
    return given


@verb("parse", Text("Show the modules found in a prompt.", "列出提示词中的模块。"))
@argument("file")
@option("--framework", "framework_name", default="", help=_FRAMEWORK)
def parse_(call: Call, file: str, framework_name: str) -> Outcome:  # noqa: ARG001
    """Raises the UsageErrors of `read_file`."""
    read = read_file(find_prompt(file), framework=framework_name)
    known = {kind.name for kind in framework(read.prompt.framework).kinds}
    modules = read.prompt.modules
    shown = {
        "name": read.name,
        "framework": read.prompt.framework,
        "variables": {name: variable.model_dump() for name, variable in read.variables.items()},
        "modules": [
            {
                "name": module.name,
                "title": module.title,
                "level": module.level,
                "known": module.name in known,
                "elements": len(module.elements),
                "text": module.text,
            }
            for module in modules
        ],
    }
    return Outcome(shown, lambda: _show_modules(read, known))


def _show_modules(read: PromptFile, known: set[str]) -> None:
    columns = (pick("module", "模块"), pick("title", "标题"), pick("elements", "元素"), pick("says", "内容"))
    rows = [
        (_named(module, known), module.title, len(module.elements), _clip(module.text))
        for module in read.prompt.modules
    ]
    print_table(columns, rows, title=f"{read.name} · {read.prompt.framework}")
    if read.variables:
        say(pick("variables: ", "变量：") + ", ".join(read.variables))


def _named(module: Module, known: set[str]) -> str:
    own = "" if module.name in known else pick(" (own)", "（自定义）")
    return "  " * (module.level - 1) + module.name + own


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


@verb("list", Text("List frameworks, their modules and the ready prompts.", "列出框架、模块与现成的提示词。"))
def list_(call: Call) -> Outcome:  # noqa: ARG001
    frameworks = [framework(name) for name in registry.names("framework")]
    ready = list(shipped())
    shown = {
        "frameworks": [
            {
                "name": each.name,
                "about": each.about.show(),
                "standard": list(each.standard),
                "modules": [
                    {
                        "name": kind.name,
                        "title": kind.title.show(),
                        "meaning": kind.meaning.show(),
                        "aliases": list(kind.aliases),
                        "acts": bool(_acts(each, kind.name)),
                    }
                    for kind in each.kinds
                ],
            }
            for each in frameworks
        ],
        "prompts": ready,
    }
    return Outcome(shown, lambda: _show_frameworks(frameworks, ready))


def _acts(each: Framework, name: str) -> str:
    """Whether lianlu acts on a module where its elements say how; the others are text for the model."""
    return "✓" if each.name == "langgpt" and name in RUNS else ""


def _show_frameworks(frameworks: Iterable[Framework], ready: list[str]) -> None:
    for each in frameworks:
        rows = [
            (kind.name, kind.title.show(), kind.meaning.show(), kind.place, _acts(each, kind.name))
            for kind in each.kinds
        ]
        columns = (
            pick("module", "模块"),
            pick("title", "标题"),
            pick("for", "用途"),
            pick("place", "位置"),
            pick("acts", "有行为"),
        )
        print_table(columns, rows, title=f"{each.name} · {each.about.show()}")
        say()
    if ready:
        say(pick("ready prompts: ", "现成的提示词：") + ", ".join(ready))
