"""A new prompt to fill in: the modules asked for, each with a line that says what belongs there."""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Language, suggest
from lianlu.prompt.framework import Framework
from lianlu.prompt.model import Assignment, Element, Module, Prompt, Statement
from lianlu.prompt.modules import CHAIN, Kind, Names
from lianlu.prompt.outline import read_elements
from lianlu.prompt.starters import STARTERS

__all__ = ["skeleton"]


def skeleton(name: str, framework: Framework, modules: Sequence[str], language: Language) -> str:
    """The text of a new prompt file.

    Args:
        name: of the prompt, and of its role.
        modules: titles of modules, in any spelling; empty for the framework's standard ones.
        language: of the titles and the lines below them.

    Raises:
        UsageError: prompt.unknown-module
    """
    kinds = _chosen(framework, modules)
    made = tuple(_module(kind, name, framework, language) for kind in kinds)
    head = f"---\nname: {name}\nframework: {framework.name}\n---\n"
    return head + framework.write(Prompt(framework=framework.name, name=name, modules=made))


def _chosen(framework: Framework, modules: Sequence[str]) -> list[Kind]:
    names = Names(framework.kinds)
    chosen: list[Kind] = []
    for wanted in modules or framework.standard:
        kind = names.find(wanted)
        if kind is None:
            known = suggest(wanted, [kind.name for kind in framework.kinds])
            raise UsageError("prompt.unknown-module", framework=framework.name, name=wanted, suggestion=known)
        if kind not in chosen:
            chosen.append(kind)
    if framework.name == "langgpt":
        chosen.sort(key=lambda kind: (CHAIN.index(kind.place), kind.name not in CHAIN))
    return chosen


def _module(kind: Kind, name: str, framework: Framework, language: Language) -> Module:
    title = kind.title.show(language)
    if framework.name != "langgpt":
        return Module(name=kind.name, title=title, elements=(Statement(text=_hint(kind, language)),), level=1)
    if kind.name == "Role":
        return Module(name=kind.name, title=title, value=name, level=1)
    return Module(name=kind.name, title=title, elements=_elements(kind, language), level=2)


def _elements(kind: Kind, language: Language) -> tuple[Element, ...]:
    if kind.name == "Profile":
        named = (
            (("Language", "English"), ("Description", "…")) if language == "en" else (("语言", "中文"), ("描述", "…"))
        )
        return tuple(Assignment(name=key, value=value, marker="-") for key, value in named)
    starter = STARTERS.get(kind.name)
    if starter is not None:
        return read_elements(starter.show(language))
    return (Statement(text=_hint(kind, language), marker="-"),)


def _hint(kind: Kind, language: Language) -> str:
    return f"（{kind.meaning.zh}）" if language == "zh" else f"({kind.meaning.en})"
