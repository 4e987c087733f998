"""`lianlu prompt diff A [B]`: two prompts, or one and its last committed state, compared by module and element."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from lianlu.core.console import harmless, say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, verb
from lianlu.prompt.convert import read_prompt
from lianlu.prompt.diff import Change, Kind, Where, changes
from lianlu.prompt.diff_words import Piece, marked
from lianlu.prompt.file import PromptFile, find_prompt, parse_file

__all__ = ["committed", "diff", "show_changes"]

_GREEN, _RED, _PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"
_SIGNS: dict[Kind, str] = {"added": "+", "removed": "-", "moved": ">", "changed": "~"}
_SYNTAX = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


@verb("diff", Text("Compare two prompts by module and element.", "按模块与元素比较两份提示词。"))
@argument("old")
@argument("new", required=False)
def diff(call: Call, old: str, new: str | None) -> Outcome:  # noqa: ARG001
    """Raises UsageError prompt.no-git, and those of `read_file`."""
    if new is None:
        path = find_prompt(old)
        before, after = committed(path), read_prompt(path).file
        names = (f"HEAD:{path.name}", str(path))
    else:
        before, after = read_prompt(find_prompt(old)).file, read_prompt(find_prompt(new)).file
        names = (old, new)
    found = changes(before, after)
    data = {"old": names[0], "new": names[1], "changes": msgspec.to_builtins(found)}
    return Outcome(data, lambda: _show(names, found))


def committed(path: Path) -> PromptFile:
    """A prompt file as it was last committed.

    Raises:
        UsageError: prompt.no-git, and those of `parse_file`
    """
    command = ["git", "-C", str(path.resolve().parent), "show", f"HEAD:./{path.resolve().name}"]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise UsageError("prompt.no-git", path=str(path), why=error.strerror or str(error)) from None
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError("prompt.no-git", path=str(path), why=why[0] if why else "git show")
    try:
        text = done.stdout.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("prompt.not-text", path=f"HEAD:{path}") from None
    syntax = _SYNTAX.get(path.suffix.lower(), "markdown")
    return parse_file(text, str(path), syntax=syntax)  # pyright: ignore[reportArgumentType] - one of the three


def _show(names: tuple[str, str], found: Sequence[Change]) -> None:
    say(f"{names[0]} → {names[1]}")
    show_changes(found)


def show_changes(found: Sequence[Change], *, stream: TextIO | None = None) -> None:
    """The changes, one headline each with its details below."""
    if not found:
        say(pick("no difference", "没有差别"), stream=stream)
    for each in found:
        say(harmless(_headline(each)), stream=stream)
        for line in _details(each):
            say(line, stream=stream)


def _headline(change: Change) -> str:
    kinds: dict[Kind, str] = {
        "added": pick("added", "新增"),
        "removed": pick("removed", "删除"),
        "moved": pick("moved", "移动"),
        "changed": pick("changed", "修改"),
    }
    where: dict[Where, str] = {
        "module": pick("module", "模块"),
        "message": pick("message", "消息"),
        "variable": pick("variable", "变量"),
        "head": pick("front matter", "文件头"),
        "text": pick("text", "文本"),
    }
    line = f"{_SIGNS[change.kind]} {where[change.where]} {change.name}: {kinds[change.kind]}"
    if change.old_name:
        line += pick(f", was {change.old_name}", f"，原为 {change.old_name}")
    if change.places is not None:
        before, after = change.places
        line += pick(f", from place {before} to {after}", f"，从第 {before} 位到第 {after} 位")
    return line


def _details(change: Change) -> list[str]:
    if change.where == "module" and change.kind == "changed":
        lines: list[str] = []
        for each in change.elements:
            text = _in_colour(each.words) if each.words else each.after or each.before
            lines.append(_indented(f"{_SIGNS[each.kind]} {text}", each.kind if not each.words else "changed"))
        return lines
    if change.kind == "moved":
        return []
    if change.kind == "changed":
        return [_indented(_in_colour(change.words), "changed")]
    return [_indented(change.after or change.before, change.kind)]


def _in_colour(words: Sequence[Piece]) -> str:
    safe = [Piece(each.kind, harmless(each.text)) for each in words]
    if sys.stdout.isatty():
        return marked(safe, (_GREEN, _PLAIN), (_RED, _PLAIN))
    return marked(safe)


def _indented(text: str, kind: Kind) -> str:
    shown = text if kind == "changed" else harmless(text)
    if sys.stdout.isatty() and kind in ("added", "removed"):
        shown = f"{_GREEN if kind == 'added' else _RED}{shown}{_PLAIN}"
    return "\n".join(f"    {line}".rstrip() for line in shown.split("\n"))
