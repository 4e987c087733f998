"""What people coming from XTuner type, and what they type here.

`list-cfg`, `copy-cfg` and `convert` are verbs of `lianlu train` too; `from-xtuner` answers whole command lines and turns
a configuration file into a recipe. Nothing of theirs is run. Torch-free.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import click

from lianlu.core import registry
from lianlu.core.console import harmless, print_table, say
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.files import named_path, write_bytes
from lianlu.core.i18n import Text, language, pick, suggest
from lianlu.core.recipe import read_tree, shipped
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.train.xtuner_commands import Answer, answer, commands_in, converting, given_of, translated, unknown_command
from lianlu.train.xtuner_config import Converted, convert_config, convert_name, parse_name, read_config

__all__ = ["XTUNER_VERBS", "Answer", "answer", "commands_in", "nearest", "read_config", "refuse_config", "translated"]

_ANY = {"ignore_unknown_options": True}
_OF_NAME = ("kind", "model", "epochs", "objective", "rank", "alpha", "dropout", "quantize")


def nearest(pattern: str, names: Sequence[str]) -> str:
    """Which of our recipes does what an XTuner name says; empty where none does.

    >>> nearest("internlm2_5_chat_7b_qlora_alpaca_e3", ["train/full", "train/qlora"])
    'train/qlora'
    """
    try:
        parsed = parse_name(pattern)
    except UsageError:
        return next((name for name in names if pattern and pattern.strip("*").lower() in name), "")
    wanted = [f"train/{parsed.method}", *(["train/sft"] if parsed.method == "full" else [])]
    return next((name for name in wanted if name in names), "")


def refuse_config(path: Path) -> None:
    """Refuse a Python file in the place of a recipe. Raises UsageError train.xtuner-config."""
    if path.suffix == ".py":
        shown = shlex.quote(str(path))
        raise UsageError("train.xtuner-config", path=shown, recipe=shlex.quote(str(path.with_suffix(".yaml"))))


@verb(
    "list-cfg",
    Text("List the ready training recipes (as XTuner's list-cfg).", "列出现成的训练配方（同 XTuner 的 list-cfg）。"),
)
@option(
    "-p", "--pattern", default="", help=Text("an XTuner name, or a part of ours", "XTuner 配置名，或配方名的一部分")
)
def list_cfg(call: Call, pattern: str) -> Outcome:
    del call
    rows = [_summary(name, path) for name, path in shipped().items()]
    rows = [row for row in rows if row["name"].startswith("train/") or row["kind"].startswith("train.")]
    near = nearest(pattern, [row["name"] for row in rows])
    shown = [row for row in rows if not pattern or row["name"] == near or pattern.lower() in row["name"]]
    return Outcome({"recipes": shown, "nearest": near or None}, partial(_show_list, shown, pattern, near))


@verb("copy-cfg", Text("Write the recipe that an XTuner name means.", "写出与 XTuner 配置名对应的配方。"))
@argument("name")
@argument("folder", default=".", type=click.Path(path_type=Path))
def copy_cfg(call: Call, name: str, folder: Path) -> Outcome:
    """Raises UsageError train.xtuner-name, train.no-such-method, file.refused, recipe.unknown-kind."""
    known = shipped()
    ours = known.get(name.removesuffix(".yaml"))
    stem = PurePosixPath(name).name.removesuffix(".py").removesuffix(".yaml")
    path = named_path(folder) / (f"{stem}.yaml" if ours or stem.endswith("_copy") else f"{stem}_copy.yaml")
    text = ours.read_text(encoding="utf-8") if ours else _recipe_of(name, known)
    _write_new(call, path, text)
    return Outcome({"path": str(path), "text": text}, partial(_show_written, path, ()))


@verb(
    "convert",
    Text(
        "What XTuner's convert (pth_to_hf, merge, split) is here.",
        "XTuner 的 convert（pth_to_hf、merge、split）在这里怎么做。",
    ),
    context_settings=_ANY,
)
@argument("action")
@argument("rest", nargs=-1, type=click.UNPROCESSED, metavar="[PATH]...")
def convert(call: Call, action: str, rest: tuple[str, ...]) -> Outcome:
    """Raises UsageError train.xtuner-unknown."""
    # --out of ours is read before the words: given back, so that nothing typed is lost
    out = [str(call.out)] if call.out is not None else []
    return _told([converting(given_of([action, *rest, *out]))])


@verb(
    "from-xtuner",
    Text(
        "Turn an XTuner config into a recipe, or say what an XTuner command line is here.",
        "把 XTuner 配置转成配方，或说明一行 XTuner 命令在这里怎么写。",
    ),
    context_settings=_ANY,
)
@argument("given", nargs=-1, required=True, type=click.UNPROCESSED, metavar='CONFIG.py|"COMMAND LINE"')
def from_xtuner(call: Call, given: tuple[str, ...]) -> Outcome:
    """Raises UsageError train.xtuner-unknown, train.not-xtuner, file.*; DataError train.bad-xtuner."""
    if len(given) == 1 and given[0].endswith(".py") and " " not in given[0]:
        return _converted(call, named_path(given[0]))
    commands = list(commands_in(given[0])) if len(given) == 1 else [list(given)]
    if not commands:
        raise unknown_command("", given)
    if len(commands) == 1:
        return _told([translated(commands[0])])
    return _told([_translated_or_not(words) for words in commands])


XTUNER_VERBS = (list_cfg, copy_cfg, convert, from_xtuner)


def _translated_or_not(words: Sequence[str]) -> Answer:
    """One of several commands: what is not known must not hide the answers to the others."""
    try:
        return translated(words)
    except UsageError as error:
        return Answer("", Text(error.message("en"), error.message("zh")))


def _converted(call: Call, source: Path) -> Outcome:
    found = convert_config(source)
    if call.out is None:
        return Outcome({"values": found.values, "text": found.yaml()}, partial(say, found.yaml().rstrip("\n")))
    path = call.out / f"{source.stem}.yaml" if call.out.is_dir() else call.out
    _write_new(call, path, found.yaml())
    shown = {"path": str(path), "values": found.values, "notes": [note.en for note in found.notes]}
    return Outcome(shown, partial(_show_written, path, found.notes))


def _recipe_of(name: str, known: Mapping[str, Path]) -> str:
    """The shipped recipe of the method with what this name says, else a recipe of the keys alone."""
    found = convert_name(name)
    if found.values.get("objective") == "reward":
        raise UsageError("train.no-such-method", method="qlora", objective="reward")
    kind = str(found.values["kind"])
    if kind not in registry.names("step"):
        raise UsageError("recipe.unknown-kind", at=name, kind=kind, suggestion=suggest(kind, registry.names("step")))
    ours = nearest(name, list(known))
    if not ours:
        return found.yaml()
    text = known[ours].read_text(encoding="utf-8")
    said = Converted({key: found.values[key] for key in _OF_NAME if key in found.values}, ())
    for line in said.yaml().splitlines():
        text = _with_key(text, line)
    return Converted({}, found.notes).yaml() + text


def _with_key(text: str, line: str) -> str:
    """A recipe with one top-level key written anew."""
    key = line.partition(":")[0]
    changed, count = re.subn(rf"^{key}:.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if count else f"{text.rstrip()}\n{line}\n"


def _write_new(call: Call, path: Path, text: str) -> None:
    if path.exists():
        raise UsageError("file.refused", path=str(path), why=Text("it is there already", "该文件已存在"))
    if not call.dry_run:
        write_bytes(path, text.encode())


def _summary(name: str, path: Path) -> dict[str, str]:
    try:
        values = read_tree(path).values
    except LianluError as error:
        return {"name": name, "kind": "?", "title": error.message()}
    title: Any = values.get("title", "")
    shown = str(title.get(language()) or title.get("en") or "") if isinstance(title, Mapping) else str(title)
    return {"name": name, "kind": str(values.get("kind", "chain")), "title": shown}


def _show_list(rows: Sequence[Mapping[str, str]], pattern: str, near: str) -> None:
    columns = (pick("recipe", "配方"), pick("kind", "类型"), pick("what it does", "作用"))
    print_table(columns, [(row["name"], row["kind"], row["title"]) for row in rows])
    if near:
        say(pick(f"does what {pattern} does: {near}", f"与 {pattern} 对应：{near}"))
    name = pattern if near else "NAME"
    say(pick(f"copy one: lianlu train copy-cfg {name} .", f"复制：lianlu train copy-cfg {name} ."))


def _show_written(path: Path, notes: Sequence[Text]) -> None:
    for note in notes:
        say(harmless(f"! {note}"))
    shown = shlex.quote(str(path))
    say(pick(f"written: {path}\nrun it: lianlu train {shown}", f"已写入：{path}\n运行：lianlu train {shown}"))


def _told(answers: Sequence[Answer]) -> Outcome:
    def show() -> None:
        for each in answers:
            for line in each.command.splitlines():
                say(harmless(f"$ {line}"))
            say(harmless(f"  {each.why}"))

    return Outcome({"answers": [{"command": each.command, "why": each.why.show()} for each in answers]}, show)
