"""`lianlu recipe`: the ready recipes, and what a recipe of one's own may say.

Checking a chain is the chain room's business; a recipe of one step is checked against the step's own class.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import Cancelled, LianluError, UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, language, pick, suggest
from lianlu.core.recipe import Tree, check, config_of, kinds, parse_tree, read_tree, shipped
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, verb

__all__ = ["check_file", "json_schema", "recipe"]

_FILE_KEYS = ("kind", "version", "title", "name")  # what any recipe file may say besides the keys of its class


def check_file(path: Path, overrides: Sequence[str] = ()) -> str:
    """Check a recipe file of any kind; returns the kind.

    Raises:
        UsageError: any recipe.* or chain.*, each with file and line
    """
    tree = read_tree(path, overrides)
    kind = str(tree.values.get("kind", "chain"))
    if kind == "chain":
        from lianlu.chain.plan import plan_tree

        plan_tree(tree)
        return kind
    model = config_of(kind, tree.at(("kind",)))
    own = {key: value for key, value in tree.values.items() if key not in _FILE_KEYS or key in model.model_fields}
    check(Tree(own, tree.places, tree.origin), model, kind)
    return kind


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON schema of a recipe file of `kind`, for editors and forms. Raises UsageError recipe.unknown-kind."""
    schema = config_of(kind).model_json_schema(by_alias=True)
    own = schema.setdefault("properties", {})
    title: dict[str, Any] = {"type": ["string", "object"], "description": "one line on what the recipe does"}
    for key, about in {
        "kind": {"const": kind, "description": "what kind of recipe this is"},
        "version": {"const": 1, "description": "version of this file format"},
        "name": {"type": "string", "description": "name of the recipe"},
        "title": title,
        "extends": {"type": "string", "description": "path of a recipe whose keys this one takes over"},
    }.items():
        own.setdefault(key, about)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": f"lianlu {kind}"}


@verb("list", Text("List the ready recipes and the kinds of recipes.", "列出现成配方与配方类型。"))
@argument("filter", required=False, default="")
def list_recipes(call: Call, filter: str) -> Outcome:
    del call
    rows = [_summary(name, path) for name, path in shipped().items()]
    wanted = filter.casefold()
    rows = [row for row in rows if wanted in f"{row['name']} {row['kind']} {row['title']}".casefold()]
    return Outcome({"recipes": rows, "kinds": kinds()}, partial(_show_list, rows))


@verb("show", Text("Print a ready recipe.", "打印一个现成配方。"))
@argument("name")
def show(call: Call, name: str) -> Outcome:
    del call
    text = _path_of(name).read_text(encoding="utf-8")
    return Outcome({"name": name, "text": text}, partial(say, text.rstrip("\n")))


@verb(
    "copy", Text("Copy a ready recipe, with changes, to a file of your own.", "复制现成配方到自己的文件，可同时修改。")
)
@argument("name")
@argument("changes", nargs=-1, metavar="[DEST] [KEY=VALUE]...")
def copy(call: Call, name: str, changes: tuple[str, ...]) -> Outcome:
    source = _path_of(name)
    places = [each for each in changes if "=" not in each]
    overrides = [each for each in changes if "=" in each]
    if len(places) > 1:
        raise UsageError("recipe.bad-override", override=places[1])
    path = Path(places[0] if places else source.name)
    path = path / source.name if path.is_dir() else path
    if path.exists():
        raise UsageError("cli.recipe-exists", path=str(path), name=name)
    text = _changed(source, overrides, path.parent)
    if not call.dry_run:
        write_bytes(path, text.encode())
    return Outcome({"path": str(path), "text": text}, partial(say, _copied(path, text)))


@verb("validate", Text("Check recipe files without running anything.", "检查配方文件，不运行任何步骤。"))
@argument("files", nargs=-1, required=True)
def validate(call: Call, files: tuple[str, ...]) -> Outcome:
    del call
    rows = [_verdict(file) for file in files]
    return Outcome({"files": rows}, partial(_show_verdicts, rows), verdict=all(row["valid"] for row in rows))


@verb("schema", Text("Print the JSON schema of a kind of recipe.", "打印某类配方的 JSON schema。"))
@argument("kind")
def schema(call: Call, kind: str) -> Outcome:
    found = json_schema(kind)
    if call.out is None:
        return Outcome(found, partial(_show_schema, found, kind))
    path = call.out / f"{kind}.schema.json"
    if not call.dry_run:
        write_bytes(path, _pretty(found).encode() + b"\n")
    return Outcome(
        {"path": str(path), "editor_line": _editor_line(str(path))}, partial(say, _editor_line(str(path.absolute())))
    )


recipe = RoomGroup(
    "recipe", Text("Ready recipes, and checks of your own.", "现成配方，以及对自己配方的检查。"),
    (list_recipes, show, copy, validate, schema),
)  # fmt: skip


def _path_of(name: str) -> Path:
    known = shipped()
    path = known.get(name.removesuffix(".yaml"))
    if path is None:
        raise UsageError("recipe.unknown-name", name=name, suggestion=suggest(name, known))
    return path


def _summary(name: str, path: Path) -> dict[str, str]:
    try:
        values = read_tree(path).values
    except LianluError as error:
        return {"name": name, "kind": "?", "title": error.message()}
    return {"name": name, "kind": str(values.get("kind", "chain")), "title": _title(values.get("title", ""))}


def _title(title: Any) -> str:
    if isinstance(title, Mapping):
        return str(title.get(language()) or title.get("en") or "")
    return str(title)


def _show_list(rows: Sequence[Mapping[str, str]]) -> None:
    print_table(
        (pick("recipe", "配方"), pick("kind", "类型"), pick("what it does", "作用")),
        [(row["name"], row["kind"], row["title"]) for row in rows],
    )
    say(f"{pick('kinds', '类型')}: {', '.join(kinds())}")
    say(pick("run one: lianlu run NAME [key=value …]", "运行：lianlu run 配方名 [键=值 …]"))


def _verdict(file: str) -> dict[str, Any]:
    path = Path(file)
    if not path.exists() and file in shipped():
        path = shipped()[file]
    try:
        kind = check_file(path)
    except Cancelled:
        raise
    except LianluError as error:
        problem = {"code": error.code, "message": error.message(), "hint": error.hint()}
        return {"file": file, "kind": "", "valid": False, "error": problem}
    return {"file": file, "kind": kind, "valid": True, "error": None}


def _show_verdicts(rows: Sequence[Mapping[str, Any]]) -> None:
    shown = [
        (row["file"], row["kind"] or "—", pick("ok", "通过") if row["valid"] else _explained(row["error"]))
        for row in rows
    ]
    print_table((pick("file", "文件"), pick("kind", "类型"), pick("verdict", "结论")), shown)


def _explained(problem: Mapping[str, str]) -> str:
    return f"✗ {problem['message']} [{problem['code']}]" + (f"\n→ {problem['hint']}" if problem["hint"] else "")


def _changed(source: Path, overrides: Sequence[str], folder: Path) -> str:
    """The text of a recipe with some keys set, its comments kept. `params` may be set by their bare names, as in `run`."""
    params = read_tree(source).values.get("params")
    pointed = [
        f"params.{each}" if isinstance(params, dict) and each.partition("=")[0].partition(".")[0] in params else each
        for each in overrides
    ]
    check_file(source, pointed)
    text = source.read_text(encoding="utf-8")
    if not pointed and "extends:" not in text:
        return text
    return _rewritten(text, read_tree(source, pointed), pointed, os.path.relpath(source.parent, folder))


def _rewritten(text: str, tree: Tree, overrides: Sequence[str], to_source: str) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 120
    yaml.preserve_quotes = True
    document: Any = yaml.load(text)
    for override in overrides:
        _set(document, tree.values, override.partition("=")[0].strip().split("."))
    if "extends" in document:
        document["extends"] = Path(to_source, str(document["extends"])).as_posix()
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _set(written: Any, wanted: Any, keys: Sequence[str]) -> None:
    """Set in the file as `written` what stands in `wanted` under `keys`, maps on the way made where they are absent."""
    for depth, key in enumerate(keys):
        step: Any = int(key) if isinstance(wanted, list) else key
        wanted = wanted[step]
        if depth == len(keys) - 1:
            written[step] = wanted
        elif isinstance(written, dict):
            written = written.setdefault(step, {})
        else:
            written = written[step]


def _copied(path: Path, text: str) -> str:
    """A chain is run by `run`, a recipe of a room by the verb of that room."""
    kind = str(parse_tree(text, str(path), []).values.get("kind", "chain"))
    verb = "run" if kind == "chain" else kind.partition(".")[0]
    return pick(f"{path} — run it: lianlu {verb} {path}", f"{path} —— 运行：lianlu {verb} {path}")


def _show_schema(found: Mapping[str, Any], kind: str) -> None:
    say(_pretty(found))
    if sys.stdout.isatty():
        hint = pick("editors complete keys when a recipe begins with", "配方以下面一行开头时，编辑器可补全键名")
        say(f"{hint}:\n{_editor_line(f'{kind}.schema.json')}", stream=sys.stderr)


def _editor_line(path: str) -> str:
    return f"# yaml-language-server: $schema={path}"


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
