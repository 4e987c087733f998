"""What a structured prompt is: modules made of elements, in the two levels of LangGPT, which hold the other frameworks too.

A module that was read from a file keeps its `source`, the exact characters from its title to the next one. So a prompt
that nobody touched is written back as it was, and an edited module (its `source` emptied) is the only one that changes.

Modules stand in one flat list, in the order of the text; `level` says how deep a title was. A tree would need a rule for
every odd order that people write, a list needs none.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Assignment", "Element", "Function", "Module", "Prompt", "Statement", "Syntax"]

Syntax = Literal["markdown", "json", "yaml"]


class _Base(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=str.lower):
    """`marker` is `-` for a bullet, `1.` for a numbered item, empty for a paragraph; `elements` are indented below it."""

    marker: str = ""
    elements: tuple[Element, ...] = ()


class Assignment(_Base, frozen=True, kw_only=True, omit_defaults=True):
    """`- Language: 中文`: a property and its value. `emphasis` is the `**` or `*` around the name, if it had one."""

    name: str
    value: str
    emphasis: str = ""


class Function(_Base, frozen=True, kw_only=True, omit_defaults=True):
    """ "For the given X, please execute: Y; return Z", or "if X, Y": input, actions, result. `text` is how it was written."""

    given: str
    actions: str
    returns: str = ""
    text: str = ""


class Statement(_Base, frozen=True, kw_only=True, omit_defaults=True):
    """Anything else that is said: a sentence, a paragraph, a fenced example."""

    text: str


Element = Assignment | Function | Statement


class Module(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One aspect of a prompt.

    Attributes:
        name: canonical name (`Workflow`), or the title where the module is the writer's own.
        title: as written (`Workflows`, `工作流程`), without what follows a colon.
        value: what follows the title's colon, as in `# Role: poet`.
        level: depth of the title, 1 to 6.
        source: exact text from the title to the next title; empty for a module made or changed by a program.
    """

    name: str
    title: str
    elements: tuple[Element, ...] = ()
    value: str = ""
    level: int = 2
    source: str = ""

    @property
    def text(self) -> str:
        """Value and elements as plain lines, without markers."""
        return "\n".join(line for line in (self.value, *map(_said, self.elements)) if line)


class Prompt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prompt of a framework.

    Attributes:
        framework: name in the registry group `framework`.
        name: the role, or the name its file gives it.
        preamble: text before the first module; for JSON and YAML, the whole text.
        syntax: the notation it was read from.
    """

    framework: str
    name: str = ""
    modules: tuple[Module, ...] = ()
    preamble: str = ""
    syntax: Syntax = "markdown"

    def module(self, name: str) -> Module | None:
        """The first module of that canonical name."""
        return next((module for module in self.modules if module.name == name), None)


def _said(element: Element) -> str:
    match element:
        case Assignment():
            own = f"{element.name}: {element.value}".rstrip()
        case Function():
            own = element.text or f"{element.given}: {element.actions}"
        case Statement():
            own = element.text
    return "\n".join([own, *map(_said, element.elements)])
