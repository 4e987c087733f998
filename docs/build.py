"""Write the reference pages of docs/{en,zh_cn}/reference from the code: verbs, errors, recipes, plug-ins.

`python docs/build.py` writes them, `--check` only says which are stale (exit 1). Each language is rendered in a child
process, because the help texts of click are chosen when a verb's module is imported.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lianlu.builtins import BUILTINS
from lianlu.cli.table import AREAS, VERBS
from lianlu.core import errors
from lianlu.core.errors import ErrorText, LianluError
from lianlu.core.i18n import Text, pick
from lianlu.core.recipe import config_of
from lianlu.core.registry import load_target
from lianlu.core.verb import verb

__all__ = ["GROUPS", "Raised", "error_texts", "main", "raised_errors"]

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "lianlu"
FOLDERS = {"en": ROOT / "docs" / "en" / "reference", "zh": ROOT / "docs" / "zh_cn" / "reference"}
FAMILIES = ("UsageError", "DataError", "BackendError", "LimitError", "Cancelled", "LianluError")
MADE = "<!-- made by docs/build.py from the code; do not edit -->"


@dataclass(frozen=True)
class Group:
    """A registry group that other packages may join."""

    protocol: str
    about: Text


GROUPS: dict[str, Group] = {
    "step": Group(
        "lianlu.core.step:Step",
        Text("One kind of work in a chain, such as `extract`.", "链中的一种工作，例如 `extract`。"),
    ),
    "recipe": Group(
        "lianlu.core.recipe:Recipe",
        Text("The settings of a kind of recipe file that is no single step.", "非单一步骤的配方类型的设置。"),
    ),
    "reader": Group(
        "lianlu.extract.reader:Reader",
        Text("Reads one file format; the name is the file ending it reads.", "读取一种文件格式；名字即文件扩展名。"),
    ),
    "source": Group(
        "lianlu.extract.reader:DocumentSource",
        Text(
            "Reads named files into documents, for rooms that do not read files.",
            "把指定的文件读成文档，供自己不读文件的部分使用。",
        ),
    ),
    "backend": Group(
        "lianlu.llm.backend:Opener",
        Text("Opens models whose references begin with the name and a colon.", "打开以该名字加冒号开头的模型引用。"),
    ),
    "page": Group(
        "lianlu.page.section:SectionMaker",
        Text("Shows one kind of artifact on a report; the name is the kind.", "在报告页展示一类产物；名字即产物类型。"),
    ),
    "knowledge": Group(
        "lianlu.prompt.knowledge:KnowledgeOpener",
        Text(
            "Opens what a prompt's `knowledge:` names; `base` is used.",
            "打开提示词 `knowledge:` 所指的知识库；使用 `base`。",
        ),
    ),
    "benchmark": Group(
        "lianlu.evaluate.benchmarks:BenchmarkPlace",
        Text("Says where the YAML file of a benchmark lies.", "给出一个评测集 YAML 文件的位置。"),
    ),
    "framework": Group(
        "lianlu.prompt.framework:Framework",
        Text("A way to write structured prompts.", "一种结构化提示词的写法。"),
    ),
    "prompt-format": Group(
        "lianlu.prompt.foreign:PromptFormat",
        Text("Reads and writes prompt files of another tool.", "读写其他工具的提示词文件。"),
    ),
    "generator": Group(
        "lianlu.synth.generator:Generator",
        Text("Makes questions with answers by rules, and proves each right.", "按规则生成问题与答案，并逐一验证。"),
    ),
    "sink": Group(
        "lianlu.train.sinks:SinkOpener",
        Text(
            "Takes the metrics of a training while it runs, beside its own files.",
            "在训练过程中接收指标，与训练自身的文件并行。",
        ),
    ),
}


@dataclass(frozen=True)
class Raised:
    """One place in the sources that makes an error: its code, family and the facts it gives."""

    code: str
    family: str
    facts: frozenset[str]
    open_facts: bool
    own_words: bool
    at: str


def raised_errors(source: Path = SOURCE) -> Iterator[Raised]:
    """Every `…Error("code", fact=…)` of the sources, found without running them."""
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call):
                continue
            family = node.func.id if isinstance(node.func, ast.Name) else ""
            if family not in FAMILIES or not node.args:
                continue
            facts = frozenset(word.arg for word in node.keywords if word.arg)
            is_open = any(word.arg is None for word in node.keywords)
            at = f"{path.relative_to(source.parent)}:{node.lineno}"
            for code in _literals(node.args[0]):
                yield Raised(code, family, facts, is_open, "text" in facts, at)


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def error_texts() -> dict[str, ErrorText]:
    """The words of all codes, from every room's `texts.py`."""
    found: dict[str, ErrorText] = {}
    for path in sorted(SOURCE.glob("*/texts.py")):
        found |= getattr(importlib.import_module(f"lianlu.{path.parent.name}.texts"), "ERRORS", {})
    return dict(sorted(found.items()))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    arguments.add_argument("--print", dest="lang", choices=FOLDERS, help="print the pages of one language as JSON")
    given = arguments.parse_args()
    if given.lang:
        print(json.dumps(_pages(), ensure_ascii=True))
        return 0
    stale = [path for lang, folder in FOLDERS.items() for path in _update(lang, folder, write=not given.check)]
    for path in stale:
        print(f"{'stale' if given.check else 'written'}: {path.relative_to(ROOT)}")
    return int(bool(stale) and given.check)


def _update(lang: str, folder: Path, *, write: bool) -> Iterator[Path]:
    done = subprocess.run(
        [sys.executable, __file__, "--print", lang],
        env={**os.environ, "LIANLU_LANG": lang},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    for name, text in json.loads(done.stdout).items():
        path = folder / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if write:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        yield path


def _pages() -> dict[str, str]:
    pages = {
        "verbs.md": _verbs(),
        "errors.md": _errors(),
        "recipes.md": _recipes(),
        "plugins.md": _plugins(),
        "benchmarks.md": _benchmarks(),
    }
    return {name: f"{MADE}\n" + "\n".join(lines).rstrip() + "\n" for name, lines in pages.items()}


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = list(columns)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return ["| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines] + [""]


def _cell(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip()).replace("|", "\\|")


# ---------------------------------------------------------------- verbs


@verb("any", Text("", ""))
def _any(call: Any) -> Any:
    """A verb of no options of its own: what it has, all have."""


def _verbs() -> Iterator[str]:
    yield f"# {pick('Verbs', '命令')}\n"
    yield pick(
        "Every command of lianlu with its arguments and options. These options are common to all of them:",
        "lianlu 的全部命令及其参数和选项。以下选项对所有命令通用：",
    )
    yield ""
    common = {name for each in _any.params for name in each.opts}
    yield from _options(_any.params)
    for area, title in AREAS.items():
        yield f"## {title}\n"
        for name, each in VERBS.items():
            if each.area != area:
                continue
            yield f"### lianlu {name}\n"
            yield f"{each.help}" + (pick(" (planned)", "（计划中）") if each.target is None else "") + "\n"
            if each.target is not None:
                yield from _command(load_target(each.target), f"lianlu {name}", common)


def _command(command: click.Command, path: str, common: set[str]) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, each in sorted(command.commands.items()):
            yield f"#### {path} {name}\n"
            yield f"{each.help}\n"
            yield from _command(each, f"{path} {name}", common)
        return
    usage = " ".join(each.make_metavar(click.Context(command)) for each in command.params if _is_argument(each))
    yield f"`{path} {usage}`".replace(" `", "`") + "\n"
    own = [each for each in command.params if not _is_argument(each) and not set(each.opts) & common]
    if own:
        yield from _options(own)


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _options(options: Iterable[click.Parameter]) -> list[str]:
    rows: list[tuple[str, str, str]] = []
    for each in options:
        if isinstance(each, click.Option) and not each.hidden:
            names = ", ".join(f"`{name}`" for name in (*each.opts, *each.secondary_opts))
            rows.append((names, each.help or "", _default_of(each)))
    return _table((pick("option", "选项"), pick("what it does", "作用"), pick("default", "默认值")), rows)


def _default_of(option: click.Option) -> str:
    default = option.to_info_dict()["default"]
    if option.is_flag or option.count or default in (None, "", (), []) or "UNSET" in str(default):
        return ""
    return f"`{default}`"


# ---------------------------------------------------------------- errors


def _errors() -> Iterator[str]:
    raised = list(raised_errors())
    yield f"# {pick('Error codes', '错误代码')}\n"
    yield pick(
        "Every error carries one of these codes, the same in the terminal, in `--json` and over HTTP. Words in braces "
        "stand for what was found.",
        "每个错误都带有以下某个代码，在终端、`--json` 和 HTTP 中一致。花括号里的词代表实际内容。",
    )
    yield ""
    rooms: dict[str, list[str]] = {}
    for code in error_texts():
        rooms.setdefault(code.split(".")[0], []).append(code)
    for room, codes in rooms.items():
        yield f"## {room}\n"
        for code in codes:
            yield from _error(code, error_texts()[code], sorted({each.family for each in raised if each.code == code}))


def _error(code: str, text: ErrorText, families: list[str]) -> Iterator[str]:
    yield f"### `{code}`\n"
    yield f"- {pick('message', '信息')}: {text.message.show()}"
    if text.hint.show():
        yield f"- {pick('what to do', '处理办法')}: {text.hint.show()}"
    for name in families:
        family: type[LianluError] = getattr(errors, name)
        status = text.http or family.family_http
        yield f"- {name}: {pick('exit code', '退出码')} {family.exit_code}, HTTP {status}"
    yield ""


# ---------------------------------------------------------------- recipes


def _recipes() -> Iterator[str]:
    yield f"# {pick('Kinds of recipes', '配方类型')}\n"
    yield pick(
        "Every key that a recipe of each kind may have. In a chain, the keys of a step stand below its `with:`.",
        "各类配方可用的全部键。在链中，步骤的键写在它的 `with:` 之下。",
    )
    yield ""
    for kind in sorted({*BUILTINS["recipe"], *BUILTINS["step"]}):
        yield f"## {kind}\n"
        step = load_target(BUILTINS["step"][kind]) if kind in BUILTINS["step"] else None
        if step is not None:
            yield f"- {pick('inputs', '输入')}: {_kinds(step.inputs)}"
            yield f"- {pick('outputs', '输出')}: {_kinds(step.outputs)}\n"
        yield from _fields(config_of(kind), set())


def _kinds(kinds: Any) -> str:
    named = [f"`{name}` ({'*' if kind == '*' else kind})" for name, kind in kinds.items()]
    return ", ".join(named) or pick("none", "无")


def _fields(model: type[BaseModel], shown: set[type[BaseModel]]) -> Iterator[str]:
    shown.add(model)
    rows = [
        (f"`{field.alias or name}`", f"`{_type(field.annotation)}`", _field_default(field), field.description or "")
        for name, field in model.model_fields.items()
    ]
    columns = (pick("key", "键"), pick("type", "类型"), pick("default", "默认值"), pick("meaning", "含义"))
    yield from _table(columns, rows)
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            if inner not in shown:
                yield f"### {inner.__name__}\n"
                yield from _fields(inner, shown)


def _field_default(field: FieldInfo) -> str:
    if field.is_required():
        return pick("required", "必填")
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"`{shown}`" if shown not in ("null", '""', "{}", "[]") else ""


def _type(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is typing.Literal:
        return " | ".join(json.dumps(each) for each in inner)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type(each) for each in inner)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin in (list, tuple, set, frozenset):
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"map of {_type(inner[1])}"
    names = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path", Any: "anything"}
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


# ---------------------------------------------------------------- plug-ins


def _plugins() -> Iterator[str]:
    yield f"# {pick('Plug-in groups', '插件组')}\n"
    yield pick(
        'Another package joins a group with an entry point: `[project.entry-points."lianlu.GROUP"]`, '
        'then `name = "package.module:attribute"`. It is looked up when no built-in has the name.',
        '其他软件包通过入口点加入某组：`[project.entry-points."lianlu.GROUP"]`，其下写 '
        '`name = "package.module:attribute"`。仅当内置项中没有该名字时才会查找。',
    )
    yield ""
    for group, each in GROUPS.items():
        yield f"## {group}\n"
        yield f"{each.about}\n"
        yield f"- {pick('entry point', '入口点')}: `lianlu.{group}`"
        yield f"- {pick('built in', '内置')}: {', '.join(f'`{name}`' for name in BUILTINS[group])}"
        yield f"- {pick('Protocol', '协议')}: `{each.protocol.replace(':', '.')}`\n"
        protocol = load_target(each.protocol)
        if not issubclass(protocol, BaseModel):
            yield from ("```python", f"class {protocol.__name__}(Protocol):", *_members(protocol), "```", "")


def _members(protocol: type) -> Iterator[str]:
    for name, kind in protocol.__annotations__.items():
        yield f"    {name}: {kind}"
    if protocol.__annotations__:
        yield ""
    for name, member in vars(protocol).items():
        function = inspect.unwrap(member) if callable(member) else getattr(member, "fget", None)
        if not inspect.isfunction(function) or (name.startswith("_") and name != "__call__"):
            continue
        word = "async def" if inspect.iscoroutinefunction(function) else "def"
        yield f"    {word} {name}{inspect.signature(function)}".replace("'", "") + ": ..."


# ---------------------------------------------------------------- benchmarks


def _benchmarks() -> Iterator[str]:
    """All rows that benchmarks/results/<date>-<machine>.jsonl holds, the newest file first."""
    yield f"# {Text('Benchmarks', '性能与质量对比')}"
    yield ""
    yield Text(
        "Each row ran the peer beside us in the same call; a ratio above 1 means that we are better. "
        "`make bench` runs them again.",
        "每一行都在同一次运行中与对照工具并排测得；比值大于 1 表示我们更好。运行 `make bench` 可重新测量。",
    ).show()
    yield ""
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.jsonl"), reverse=True):
        yield f"## {path.stem}"
        yield ""
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        columns = ("case", "against", "ours", "peer", "unit", "ratio", "floor", "goal", "met", "equal")
        yield from _table(columns, ([_shown(row[column]) for column in columns] for row in rows))
        versions = {name: version for row in rows for name, version in row["versions"].items()}
        yield ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
        yield ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(Text("yes", "是") if value else Text("no", "否"))
    return "–" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main())
