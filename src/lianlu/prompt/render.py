"""From a prompt to text: as it was written, normalised, or as JSON or YAML, with `{{variables}}` filled in.

Filling is one pass: a value that holds braces itself is left alone, so that what a user pastes can never pull in another
variable. `\\{{x}}` stands for literal braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import parse_tree
from lianlu.prompt.framework import Framework, detect, framework
from lianlu.prompt.model import Prompt, Syntax
from lianlu.prompt.modules import Names
from lianlu.prompt.tree import from_tree, to_json, to_tree, to_yaml

__all__ = ["Format", "fill", "parse", "render", "source", "unclosed_variable", "variables_of"]

Format = Literal["md", "json", "yaml"]
_SLOT = re.compile(r"(?P<escaped>\\)\{\{[^{}\n]{1,200}\}\}|\{\{(?!>)(?P<name>[^{}\n]{1,80})\}\}")
_UNCLOSED = re.compile(
    r"(?<![\\{])\{\{[ \t]*[^\W\d][\w.-]{0,79}[ \t]*(?:\}(?!\})|\n|\Z|[,;:!?，。；：！？、）)][^{}\n]{0,400}(?:\n|\Z))"
)


def parse(text: str, name: str | None = None, *, syntax: Syntax | None = None, origin: str = "prompt") -> Prompt:
    """Read a prompt of any framework and notation.

    Args:
        text: the prompt.
        name: the framework; without it, the one the text looks most like.
        syntax: the notation; without it JSON where the text begins with a brace, else markdown.
        origin: what messages call the text.

    Raises:
        UsageError: registry.unknown-name, and those of `core.recipe.parse_tree` for JSON and YAML.
    """
    notation = syntax or ("json" if _is_json_map(text) else "markdown")
    if notation == "markdown":
        return (framework(name) if name else detect(text)).parse(text)
    tree = parse_tree(text, origin, environment={}).values
    chosen = framework(name) if name else _framework_of_keys(tree)
    prompt = from_tree(tree, chosen.name, Names(chosen.kinds))
    return msgspec.structs.replace(prompt, preamble=text, syntax=notation)


def _is_json_map(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except msgspec.DecodeError:
        return False


def _framework_of_keys(tree: Mapping[str, Any]) -> Framework:
    return detect("".join(f"# {key}\n" for key in tree))


def source(prompt: Prompt) -> str:
    """The prompt's text as it was written: untouched modules keep every character, changed ones are normalised.

    >>> text = "# Role:poet\\n##  Rules\\n1.rhyme"
    >>> source(parse(text)) == text
    True
    """
    if prompt.syntax != "markdown":
        return _tree_source(prompt)
    made = framework(prompt.framework)
    text, was_read = prompt.preamble, True
    for module in prompt.modules:
        if text and not (was_read and module.source):  # between a program's words and the writer's, one blank line
            text = text.rstrip("\n") + "\n\n"
        was_read = bool(module.source)
        text += module.source or made.write(Prompt(framework=prompt.framework, modules=(module,)))
    return text


def _tree_source(prompt: Prompt) -> str:
    if prompt.preamble:
        read = parse(prompt.preamble, prompt.framework, syntax=prompt.syntax)
        if read.modules == prompt.modules:
            return prompt.preamble
    tree = to_tree(prompt)
    return to_json(tree) if prompt.syntax == "json" else to_yaml(tree)


def render(
    prompt: Prompt, variables: Mapping[str, Any] | None = None, *, format: Format | None = None, normal: bool = False
) -> str:
    """The text of a prompt with its variables filled in.

    Args:
        prompt: what to render.
        variables: value of each `{{name}}`; None leaves the slots as they are.
        format: `md`, `json` or `yaml`; without it the notation it was read from.
        normal: write the framework's own form instead of the words as they stand (for CRISPE: joined sentences).

    Raises:
        UsageError: prompt.missing-variable, prompt.unknown-variable
    """
    text_of = _filler(prompt, variables)
    chosen = format or {"markdown": "md", "json": "json", "yaml": "yaml"}[prompt.syntax]
    if chosen == "md":
        is_markdown = prompt.syntax == "markdown"
        if is_markdown and not normal:
            return text_of(source(prompt))
        bare = prompt if is_markdown else msgspec.structs.replace(prompt, preamble="", syntax="markdown")
        return text_of(framework(prompt.framework).compose(bare))
    if chosen == prompt.syntax and not normal and variables is None:
        return source(prompt)
    tree = to_tree(prompt, text_of)
    return to_json(tree) if chosen == "json" else to_yaml(tree)


def _filler(prompt: Prompt, variables: Mapping[str, Any] | None) -> Callable[[str], str]:
    if variables is None:
        return str
    known = variables_of(source(prompt))
    for name in variables:
        if name not in known:
            raise UsageError("prompt.unknown-variable", name=name, suggestion=suggest(name, known))
    return lambda text: fill(text, variables)


def variables_of(text: str) -> list[str]:
    """Names of the variables of a text, in order of first use."""
    found = (match["name"].strip() for match in _SLOT.finditer(text) if not match["escaped"])
    return list(dict.fromkeys(found))


def unclosed_variable(text: str) -> int | None:
    """Where a variable begins that nothing closes: `{{name` or `{{name}`, at the end of a line or followed by one brace.

    >>> unclosed_variable("of {{letter} in {{word}}")
    3
    """
    found = _UNCLOSED.search(text)
    return found.start() if found else None


def fill(text: str, variables: Mapping[str, Any]) -> str:
    """`text` with every `{{name}}` replaced.

    >>> fill("Answer in {{ language }}, not in \\\\{{this}}.", {"language": "中文"})
    'Answer in 中文, not in {{this}}.'

    Raises:
        UsageError: prompt.missing-variable
    """

    def one(match: re.Match[str]) -> str:
        if match["escaped"]:
            return match.group()[1:]
        name = match["name"].strip()
        if name not in variables:
            given = ", ".join(variables)
            raise UsageError("prompt.missing-variable", name=name, given=given or Text("none", "无"))
        return _shown(variables[name])

    return _SLOT.sub(one, text)


def _shown(value: Any) -> str:
    """A value as people write it in a prompt: true and false in lower case, lists one item a line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_shown(item)}" for item in value)
    return str(value)
