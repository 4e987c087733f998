"""A prompt as a file: markdown with YAML front matter that names it, its framework and its variables.

    ---
    name: cited-answer
    framework: langgpt
    variables:
      language: {type: string, default: 中文, description: language of the answer}
    ---
    # Role: …

Lines that are exactly `system:`, `user:` or `assistant:` begin messages; without them the body is the system prompt.
A file without front matter is a prompt too: its framework is recognised, its variables are the `{{slots}}` in it. Files
that end in .json, .yaml or .yml hold the prompt as maps and lists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import Field

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import Recipe, Tree, check, parse_tree
from lianlu.prompt.include import expanded, included, read_text, with_include_paths
from lianlu.prompt.model import Prompt, Syntax
from lianlu.prompt.render import parse, source, unclosed_variable, variables_of
from lianlu.prompt.roles import RoleMessage, split_roles

__all__ = ["Head", "PromptFile", "Variable", "find_prompt", "moved", "parse_file", "read_file", "shipped"]

_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)(?:^|(?<=\n))---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_PLAIN_PATH = re.compile(r"[\w./][\w./-]*")
_PYTHON_FILE = re.compile(r"(?P<before>\bpython[\"']?\s*:\s*[\"']?)(?P<path>[^\s\"',}]+\.py)(?=:)")
_SYNTAX: Mapping[str, Syntax] = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}
VariableType = Literal["string", "integer", "number", "boolean", "list"]
_TYPES: Mapping[str, tuple[type | tuple[type, ...], Text]] = {
    "string": (str, Text("text", "文本")),
    "integer": (int, Text("a whole number", "整数")),
    "number": ((int, float), Text("a number", "数字")),
    "boolean": (bool, Text("true or false", "true 或 false")),
    "list": (list, Text("a list", "列表")),
}


class Variable(Recipe):
    """One variable of a prompt."""

    type: VariableType = Field(default="string", description="what values it takes")
    default: Any = Field(default=None, description="value when none is given; without it a value must be given")
    description: str = Field(default="", description="what it is for")
    enum: tuple[Any, ...] = Field(default=(), description="the values it may have; without it any of its type")


class Head(Recipe):
    """The front matter of a prompt file."""

    name: str = Field(default="", description="name of the prompt; by default the file's name")
    framework: str = Field(default="", description="langgpt, costar or crispe; by default recognised")
    description: str = Field(default="", description="what the prompt is for")
    variables: dict[str, Variable] = Field(default_factory=dict, description="its variables by name")
    cases: str = Field(default="", description="file of its test cases, relative to this one")
    asserts: tuple[Any, ...] = Field(
        default=(), validation_alias="assert", description="assertions that every answer must pass"
    )
    knowledge: str = Field(
        default="", description="knowledge base of the modules Knowledge, RAG and Quote, by name or folder"
    )
    vote: int = Field(default=1, ge=1, le=64, description="ask so many times and take what most answers say")
    meta: dict[str, Any] = Field(default_factory=dict, description="what other tools keep here; passed on untouched")


@dataclass(frozen=True)
class PromptFile:
    """A prompt with what its file says of it.

    Attributes:
        prompt: the system message, structured.
        head_text: the front matter as written, `---` lines included.
        lead: what stands between the front matter and the system's words: a line `system:`, or nothing.
        messages: what follows the system message.
        origin: the file, for messages and for what it includes.
    """

    prompt: Prompt
    head: Head
    head_text: str = ""
    lead: str = ""
    messages: tuple[RoleMessage, ...] = ()
    origin: str = "prompt"

    @property
    def name(self) -> str:
        return self.head.name or self.prompt.name

    @property
    def first_line(self) -> int:
        """Line of the file at which the system's words begin."""
        return (self.head_text + self.lead).count("\n") + 1

    @property
    def text(self) -> str:
        """The whole file, as written where nothing was changed."""
        return self.head_text + self.lead + source(self.prompt) + "".join(each.source for each in self.messages)

    @cached_property
    def system_text(self) -> str:
        """The system's words with what they include. Raises as `include.expanded`."""
        return expanded(source(self.prompt), Path(self.origin), first_line=self.first_line)

    @cached_property
    def message_texts(self) -> tuple[str, ...]:
        """The words of the further messages with what they include. Raises as `include.expanded`."""
        return tuple(expanded(each.text, Path(self.origin), first_line=each.line) for each in self.messages)

    def files(self) -> tuple[Path, ...]:
        """The files that it includes. Raises as `include.expanded`."""
        own = Path(self.origin)
        texts = (source(self.prompt), *(each.text for each in self.messages))
        return tuple(dict.fromkeys(path for text in texts for path in included(text, own)))

    @property
    def variables(self) -> dict[str, Variable]:
        """Declared variables first, then those that only stand in the text."""
        found = {name: Variable() for text in (self.system_text, *self.message_texts) for name in variables_of(text)}
        return {
            **self.head.variables,
            **{name: each for name, each in found.items() if name not in self.head.variables},
        }

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """A value for every variable: the given ones, checked, and the defaults.

        Raises:
            UsageError: prompt.unknown-variable, prompt.missing-variable, prompt.bad-variable, prompt.unclosed-variable
        """
        known = self.variables
        self._check_slots()
        for name in given:
            if name not in known:
                raise UsageError("prompt.unknown-variable", name=name, suggestion=suggest(name, known))
        values: dict[str, Any] = {}
        for name, variable in known.items():
            value = given.get(name, variable.default)
            if value is None:
                listed = ", ".join(given)
                raise UsageError("prompt.missing-variable", name=name, given=listed or Text("none", "无"))
            values[name] = _typed(name, value, variable.type)
            if variable.enum and values[name] not in variable.enum:
                expected = Text(f"one of {_listed(variable.enum)}", f"{_listed(variable.enum)} 之一")
                raise UsageError("prompt.bad-variable", name=name, value=value, expected=expected)
        return values

    def _check_slots(self) -> None:
        places = [(self.first_line, source(self.prompt)), *((each.line, each.text) for each in self.messages)]
        for line, text in places:
            at = unclosed_variable(text)
            if at is not None:
                begins = text.count("\n", 0, at)
                shown = text[at : at + 40].split("\n")[0]
                raise UsageError("prompt.unclosed-variable", at=f"{self.origin}:{line + begins}", shown=shown)


def _typed(name: str, value: Any, kind: VariableType) -> Any:
    accepted, words = _TYPES[kind]
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind != "boolean"):
        raise UsageError("prompt.bad-variable", name=name, value=value, expected=words)
    return value


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def parse_file(text: str, origin: str = "prompt", *, framework: str = "", syntax: Syntax = "markdown") -> PromptFile:
    """Read the text of a prompt file.

    Args:
        origin: the file's name, for messages and as the prompt's name.
        framework: overrides the front matter's.

    Raises:
        UsageError: prompt.bad-head, prompt.open-head, prompt.empty, recipe.not-yaml, recipe.duplicate-key,
            registry.unknown-name
    """
    found = _HEAD.match(text) if syntax == "markdown" else None
    head = _head(found["yaml"], origin) if found else Head()
    if found is None and syntax == "markdown" and re.match(r"\ufeff?---[ \t]*\r?\n[ \t]*\w+[ \t]*:", text):
        raise UsageError("prompt.open-head", at=origin)
    head_text = found.group() if found else ""
    body = text[len(head_text) :]
    if not body.strip():
        raise UsageError("prompt.empty", path=origin)
    messages = split_roles(body, head_text.count("\n") + 1) if syntax == "markdown" else ()
    spoken = messages[0] if messages and messages[0].role == "system" else None
    words = body if syntax != "markdown" else spoken.text if spoken else ""
    prompt = parse(words, framework or head.framework or None, syntax=syntax, origin=origin)
    name = head.name or prompt.name or Path(origin).stem
    return PromptFile(
        msgspec.structs.replace(prompt, name=name),
        head,
        head_text,
        lead=spoken.mark if spoken else "",
        messages=messages[1:] if spoken else messages,
        origin=origin,
    )


def _head(yaml: str, origin: str) -> Head:
    tree: Tree = parse_tree("\n" + yaml, origin, environment={})
    try:
        return check(tree, Head, "prompt")
    except UsageError as error:
        if not error.code.startswith("recipe."):
            raise
        expected = error.facts.get("expected") or error.facts.get("suggestion", "")
        raise UsageError("prompt.bad-head", at=error.facts["at"], key=error.facts["key"], expected=expected) from None


def read_file(path: Path, *, framework: str = "") -> PromptFile:
    """Read a prompt file.

    Raises:
        UsageError: file.missing, file.unreadable, prompt.not-text, and those of `parse_file`
        LimitError: prompt.too-large
    """
    syntax = _SYNTAX.get(path.suffix.lower(), "markdown")
    return parse_file(read_text(path), str(path), framework=framework, syntax=syntax)


def moved(file: PromptFile, folder: Path) -> str:
    """The file's text for another folder: cases, includes and Python files that it names stay the same files."""
    own, there = Path(file.origin).parent.resolve(), folder.resolve()
    if own == there:
        return file.text

    def path_of(path: str) -> str:
        return path if Path(path).is_absolute() else Path(os.path.relpath(own / path, there)).as_posix()

    head = file.head_text
    if file.head.cases:
        named = path_of(file.head.cases)
        plain = named if _PLAIN_PATH.fullmatch(named) else msgspec.json.encode(named).decode()
        head = re.sub(r"^cases:.*$", lambda _: f"cases: {plain}", head, count=1, flags=re.MULTILINE)
    head = _PYTHON_FILE.sub(lambda found: found["before"] + path_of(found["path"]), head)
    return head + with_include_paths(file.text[len(file.head_text) :], path_of)


def find_prompt(name: str) -> Path:
    """The file that `name` means: a path, else the shipped prompt of that name.

    Raises:
        UsageError: file.missing
    """
    path = Path(name)
    if path.exists():
        return path
    found = shipped().get(name)
    if found is None:
        raise UsageError("file.missing", path=name)
    return found


def shipped() -> dict[str, Path]:
    """Ready prompts by name: those in the package, or those of the source checkout."""
    package = Path(__file__).resolve().parents[1]
    roots: Iterable[Path] = (package / "_examples" / "prompts", package.parents[1] / "examples" / "prompts")
    root = next((root for root in roots if root.is_dir()), None)
    return {path.stem: path for path in sorted(root.glob("*.md")) if path.name != "README.md"} if root else {}
