"""What reading and writing share between formats: front matter, messages, options of a model, and the list of losses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.core.recipe import Tree, check, parse_tree
from lianlu.prompt.file import Head, PromptFile
from lianlu.prompt.foreign import Loss, Traveller
from lianlu.prompt.foreign.template import Code, Engine, family, from_ours, plain_name, to_ours
from lianlu.prompt.framework import detect
from lianlu.prompt.render import parse
from lianlu.prompt.roles import RoleMessage, RoleName
from lianlu.prompt.tree import to_yaml

__all__ = [
    "COMMON",
    "Front",
    "Said",
    "Texts",
    "assembled",
    "bad",
    "code_losses",
    "common_options",
    "described",
    "foreign_options",
    "front",
    "map_of",
    "meta_paths",
    "ours_of",
    "read_yaml",
    "unheld",
    "with_front",
]

COMMON = ("model", "options")
"""Keys of `meta` that every format may know."""
_ORDER = ("name", "framework", "description", "variables", "cases", "assert", "knowledge", "vote", "meta")
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)(?:^|(?<=\n))---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


class _AsWritten(dict[str, str]):
    """An environment that answers every `${env:NAME:default}` with itself: references of others are never resolved."""

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return "${env:" + name + ("" if default is None else f":{default}") + "}"


def read_yaml(text: str, origin: str) -> Tree:
    """YAML of others, by the reader that refuses tags, bombs and duplicate keys.

    Raises:
        UsageError: recipe.not-yaml, recipe.not-a-map, recipe.duplicate-key
        LimitError: recipe.too-large
    """
    return parse_tree(text, origin, environment=_AsWritten())


def bad(at: str, key: str, expected: Text) -> UsageError:
    return UsageError("prompt.bad-foreign", at=at, key=key, expected=expected)


@dataclass(frozen=True)
class Front:
    """A file of front matter and body. `line` is where the body begins."""

    tree: Tree
    body: str
    line: int

    def line_of(self, *path: str | int) -> int:
        return int(self.tree.at(path).rpartition(":")[2] or 0)


def front(text: str, path: Path) -> Front:
    """Part a file at its `---` lines; a file without them is all body. Raises as `read_yaml`, and prompt.open-head."""
    found = _FRONT.match(text)
    if found is None:
        if re.match(r"\ufeff?---[ \t]*\r?\n[ \t]*\w+[ \t]*:", text):
            raise UsageError("prompt.open-head", at=str(path))
        return Front(Tree({}, {(): f"{path}:1"}, str(path)), text, 1)
    tree = read_yaml("\n" + found["yaml"], str(path))
    return Front(tree, text[found.end() :], text.count("\n", 0, found.end()) + 1)


def with_front(values: Mapping[str, Any], body: str) -> str:
    """The text of a file of front matter and body."""
    return f"---\n{to_yaml(dict(values))}---\n{body}" if values else body


@dataclass(frozen=True)
class Said:
    """One message of a foreign file, in its own language."""

    role: RoleName
    text: str
    line: int = 1


@dataclass(frozen=True)
class Texts:
    """The messages in our notation, and the code of the foreign language that stands in them as literal text.

    `engine` is empty where there is no such code.
    """

    messages: tuple[Said, ...]
    code: tuple[Loss, ...]
    engine: Engine


def ours_of(said: Sequence[Said], engine: Engine) -> Texts:
    """Every message in our notation. `code` has a line for each piece."""
    verbatim = any(to_ours(each.text, engine)[1] for each in said)
    read: list[Said] = []
    code: list[Loss] = []
    for each in said:
        text, found = to_ours(each.text, engine, verbatim=verbatim)
        read.append(Said(each.role, text, each.line))
        code += code_losses(each.text, found, each.line)
    return Texts(tuple(read), tuple(code), engine if code else "")


def assembled(head: Mapping[str, Any], said: Sequence[Said], path: Path) -> PromptFile:
    """A prompt file of ours.

    Args:
        head: values of our front matter.
        said: messages in our notation; the first may be the system's.

    Raises:
        UsageError: prompt.bad-head, registry.unknown-name
    """
    values = {key: head[key] for key in _ORDER if head.get(key) not in (None, "", {}, [], ())}
    checked = _checked(values, str(path))
    system = said[0].text.strip("\r\n") if said and said[0].role == "system" else ""
    others = said[1:] if said and said[0].role == "system" else said
    has_roles = bool(others)
    words = f"{system}\n" if system else ""
    prompt = parse(words, checked.framework or detect(words).name, syntax="markdown", origin=str(path))
    name = checked.name or prompt.name or path.stem
    messages = tuple(
        RoleMessage(role=each.role, text=each.text.strip("\r\n") + "\n", mark=f"\n{each.role}:\n", line=each.line)
        for each in others
    )
    return PromptFile(
        msgspec.structs.replace(prompt, name=name),
        checked,
        with_front(values, ""),
        lead="system:\n" if has_roles and system else "",
        messages=messages,
        origin=str(path),
    )


def _checked(values: Mapping[str, Any], origin: str) -> Head:
    try:
        return check(Tree(dict(values), {}, origin), Head, "prompt")
    except UsageError as error:
        facts = error.facts
        raise bad(str(facts.get("at", origin)), str(facts.get("key", "")), facts.get("expected", "")) from None


def code_losses(text: str, code: Sequence[Code], line: int) -> list[Loss]:
    """A loss for each piece of code in a text that begins at `line`."""
    why = Text("kept as text; nothing runs it", "按原文保留，不会被执行")
    return [Loss(_clip(piece.text), why, line + text.count("\n", 0, piece.start)) for piece in code]


def described(prompt: Traveller, engine: Engine, name: str) -> tuple[list[Said], list[Loss]]:
    """The messages of a prompt in a foreign language, includes written out, and what of them is lost.

    Raises those of `include.expanded`.
    """
    file = prompt.file
    texts: list[Said] = []
    if file.system_text.strip():
        texts.append(Said("system", file.system_text.strip("\r\n")))
    texts += [
        Said(each.role, words.strip("\r\n"), each.line)
        for each, words in zip(file.messages, file.message_texts, strict=True)
    ]
    lost: dict[str, Loss] = {}
    written: list[Said] = []
    for each in texts:
        text, renamed = from_ours(each.text, engine, prompt.engine)
        written.append(Said(each.role, text, each.line))
        for old in renamed:
            why = Text(
                f"renamed {plain_name(old)}: {name} reads no such name", f"改名为 {plain_name(old)}：{name} 不支持原名"
            )
            lost.setdefault(old, Loss(f"{{{{{old}}}}}", why, each.line))
    runs_again = family(prompt.engine) == family(engine)
    return written, [*lost.values(), *(() if runs_again else prompt.code)]


def common_options(options: Mapping[str, Any], names: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of a model as (ours, others); `names` gives ours for theirs."""
    ours = {names[key]: value for key, value in options.items() if key in names}
    return ours, {key: value for key, value in options.items() if key not in names}


def foreign_options(options: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Options of ours under the other tool's names; one it has no name for keeps ours."""
    theirs = {ours: foreign for foreign, ours in names.items()}
    return {theirs.get(key, key): value for key, value in options.items()}


def map_of(value: Any) -> dict[str, Any]:
    """`value` if it is a map, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def unheld(prompt: Traveller, name: str, held: Collection[str]) -> Iterator[Loss]:
    """A loss for each thing of the front matter that a format does not hold.

    Args:
        name: of the format written; `meta.<name>` is its own.
        held: keys of our front matter, and of `meta` with `meta.` before them, that the writer has written.
    """
    head = prompt.file.head
    why = Text(f"{name} has no place for it", f"{name} 没有存放它的位置")
    for key in ("cases", "asserts", "knowledge", "vote"):
        if key not in held and getattr(head, key) != Head.model_fields[key].get_default(call_default_factory=True):
            shown = "assert" if key == "asserts" else key
            yield Loss(shown, why, prompt.line(shown))
    if prompt.cases and "cases" not in held and not head.cases:
        yield Loss("cases", why, prompt.line("cases"))
    if "framework" not in held and head.framework and detect(prompt.file.system_text).name != head.framework:
        yield Loss("framework", why, prompt.line("framework"))
    for key, value in head.meta.items():
        if key == name or f"meta.{key}" in held:
            continue
        for path in meta_paths(key, value):
            yield Loss(path, why, prompt.line(f"meta.{path}"))


def meta_paths(key: str, value: Any) -> list[str]:
    """The dotted names of what stands under a key of `meta`: of a tool's own keys each, of its maps of parts each part."""
    own = map_of(value) if key not in COMMON else {}
    paths: list[str] = []
    for name, each in own.items():
        parts = map_of(each) if name in ("model", "config", "input", "inputs") else {}
        paths += [f"{key}.{name}.{part}" for part in parts] or [f"{key}.{name}"]
    return paths or [key]


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"
