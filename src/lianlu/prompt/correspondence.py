"""Which module of one framework stands for which of another, and a prompt carried over by that table.

A module without a counterpart keeps its own title where the framework takes titles of one's own (LangGPT, CO-STAR);
CRISPE takes none, so it goes into the nearest part under a line that names it, and is named as merged. A title is chosen
so that the way back finds the module again: where the counterpart's usual title would lead elsewhere (`Job` is an
Objective, but an Objective is a Goal), another spelling that both frameworks know is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lianlu.core.i18n import Text
from lianlu.prompt.framework import Framework, framework
from lianlu.prompt.model import Element, Module, Prompt, Statement
from lianlu.prompt.modules import Kind, Names

__all__ = ["TABLE", "Carried", "Merged", "carried", "counterpart", "merged_words"]

TABLE: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {"langgpt": ("Role",), "costar": (), "crispe": ("Capacity and Role",)},
    {"langgpt": ("Background",), "costar": ("Context",), "crispe": ("Insight",)},
    {"langgpt": ("Goal", "Job"), "costar": ("Objective",), "crispe": ("Statement",)},
    {"langgpt": ("Style",), "costar": ("Style",), "crispe": ()},
    {"langgpt": ("Tone",), "costar": ("Tone",), "crispe": ("Personality",)},
    {"langgpt": ("OutputFormat",), "costar": ("Response",), "crispe": ()},
    {"langgpt": ("Audience",), "costar": ("Audience",), "crispe": ()},
    {"langgpt": ("Initialization", "Yeow"), "costar": ("Start",), "crispe": ()},
)
"""Rows of what stands for what; of several names the first is meant on the way back."""
_INTO: Mapping[str, str] = {"Style": "Personality"}
"""Counterparts of one direction only: CRISPE has one part for how an answer sounds."""
_NEAREST: Mapping[str, str] = {
    "Role": "Capacity and Role",
    "Profile": "Capacity and Role",
    "Skills": "Capacity and Role",
    "Audience": "Insight",
    "Definition": "Insight",
    "Tone": "Personality",
    "Style": "Personality",
}


@dataclass(frozen=True)
class Merged:
    """A module that lost its own place: its title, and the part it went into."""

    title: str
    into: str
    line: int = 0


@dataclass(frozen=True)
class Carried:
    """The prompt in the other framework, and what could not keep its place or depth."""

    prompt: Prompt
    merged: tuple[Merged, ...] = ()
    flattened: tuple[str, ...] = ()


@dataclass
class _Draft:
    """A module of the target while others may still be merged into it."""

    name: str
    title: str
    value: str
    level: int
    elements: list[Element] = field(default_factory=list[Element])


def counterpart(name: str, source: str, target: str) -> str:
    """The module of `target` that stands for the module `name` of `source`; empty where none does.

    >>> counterpart("Background", "langgpt", "costar"), counterpart("Response", "costar", "langgpt")
    ('Context', 'OutputFormat')
    """
    for row in TABLE:
        if name in row.get(source, ()):
            found = row.get(target, ())
            return found[0] if found else _into(name, target)
    return _into(name, target)


def _into(name: str, target: str) -> str:
    return _INTO.get(name, "") if target == "crispe" else ""


def carried(prompt: Prompt, target: str) -> Carried:
    """`prompt` as one of the framework `target`; its modules are written anew, their words as they are.

    Raises:
        UsageError: registry.unknown-name
    """
    return _Carrying(framework(prompt.framework), framework(target)).of(prompt)


class _Carrying:
    def __init__(self, source: Framework, target: Framework) -> None:
        self.source, self.target = source, target
        self.here, self.there = Names(source.kinds), Names(target.kinds)
        self.kinds = {kind.name: kind for kind in target.kinds}
        self.takes_titles = target.name != "crispe"

    def of(self, prompt: Prompt) -> Carried:
        """The prompt in the other framework, with what had to be merged and what was lost on the way."""
        drafts: list[_Draft] = []
        merged: list[Merged] = []
        waiting: list[tuple[Module, list[Element], int]] = []
        line = prompt.preamble.count("\n") + 1
        for module in prompt.modules:
            elements = list(module.elements)
            title, kind = self._title(module)
            if title:
                drafts.append(self._draft(module, title, kind, elements))
            else:
                waiting.append((module, elements, line))
            line += module.source.count("\n")
        for module, elements, at in waiting:
            into = self._merge(drafts, module, elements)
            merged.append(Merged(module.title, into, at))
        order = {kind.name: at for at, kind in enumerate(self.target.kinds)}
        if self.target.name == "crispe":
            drafts.sort(key=lambda draft: order.get(draft.name, len(order)))
        modules = tuple(
            Module(name=each.name, title=each.title, value=each.value, level=each.level, elements=tuple(each.elements))
            for each in drafts
        )
        return Carried(
            Prompt(framework=self.target.name, name=prompt.name, modules=modules, preamble=_preamble(prompt)),
            tuple(merged),
            self._flattened(prompt),
        )

    def _flattened(self, prompt: Prompt) -> tuple[str, ...]:
        if self.target.name == "langgpt":
            return ()
        deep = min((module.level for module in prompt.modules if module.name != "Role"), default=1)
        return tuple(module.title for module in prompt.modules if module.level > deep)

    def _title(self, module: Module) -> tuple[str, str]:
        """(title, canonical name) in the target; an empty title where the module has no place of its own."""
        is_chinese = not module.title.isascii()
        wanted = self._read_there(module) or counterpart(module.name, self.source.name, self.target.name)
        if wanted:
            title = self._spelling(module, self.kinds[wanted], is_chinese)
            if title:
                return title, wanted
        if not self.takes_titles:
            return "", ""
        return self._own_title(module)

    def _read_there(self, module: Module) -> str:
        """The part that the module's own title names in the target, where the source agrees that they are the same."""
        kind = self.there.find(module.title)
        if kind is None:
            return ""
        is_own = self.here.find(module.title) is None
        same = kind.name == module.name or counterpart(kind.name, self.target.name, self.source.name) == module.name
        return kind.name if is_own or same else ""

    def _spelling(self, module: Module, kind: Kind, is_chinese: bool) -> str:
        """A title that the target reads as `kind` and the source as `module.name`."""
        usual = kind.title.zh if is_chinese else kind.title.en
        if kind.name == module.name or counterpart(kind.name, self.target.name, self.source.name) == module.name:
            return usual
        if self.here.find(module.title) is None:
            return module.title
        own = next((each for each in self.source.kinds if each.name == module.name), None)
        spellings = [module.title, *((own.name, own.title.en, own.title.zh, *own.aliases) if own else ())]
        spellings.sort(key=lambda each: each.isascii() == is_chinese)
        for each in spellings:
            there, here = self.there.find(each), self.here.find(each)
            if there is not None and there.name == kind.name and here is not None and here.name == module.name:
                return each
        return ""

    def _own_title(self, module: Module) -> tuple[str, str]:
        title = module.title.replace("#", "＃") if self.target.name == "costar" else module.title
        kind = self.there.find(title)
        if kind is None or kind.name == module.name or self.here.find(module.title) is None:
            return title, kind.name if kind else module.name
        named = self.there.find(module.name)  # the title would be read as another part: its plain name is not
        if named is None or named.name == module.name:
            return module.name, module.name
        return "", ""

    def _draft(self, module: Module, title: str, kind: str, elements: list[Element]) -> _Draft:
        level, value = 1, module.value
        if self.target.name == "langgpt":
            level = 1 if kind == "Role" else 2
            if kind == "Role" and not value and len(elements) == 1 and _is_words(elements[0]):
                value, elements = _words(elements[0]), []
        elif value:
            elements, value = [Statement(text=value), *elements], ""
        return _Draft(kind, title, value, level, list(elements))

    def _merge(self, drafts: list[_Draft], module: Module, elements: Sequence[Element]) -> str:
        place = next((kind.place for kind in self.source.kinds if kind.name == module.name), "")
        near = _NEAREST.get(module.name) or _NEAREST.get(place)
        into = near or ("Statement" if self.target.name == "crispe" else "")
        kind = self.kinds[into] if into in self.kinds else self.target.kinds[0]
        draft = next((each for each in drafts if each.name == kind.name), None)
        if draft is None:
            title = kind.title.zh if not module.title.isascii() else kind.title.en
            draft = _Draft(kind.name, title, "", 1)
            drafts.append(draft)
        words = [Statement(text=module.value)] if module.value else []
        draft.elements += [Statement(text=self._named(module.title)), *words, *elements]
        return draft.title

    def _named(self, title: str) -> str:
        """The line that names a merged module; never one that the target reads as a title."""
        if title.isascii():
            return f"{title}:" if self.there.find(title) is None else f"[{title}]"
        return f"{title}：" if self.there.find(title) is None else f"【{title}】"


def _preamble(prompt: Prompt) -> str:
    return prompt.preamble if prompt.syntax == "markdown" else ""


def _is_words(element: Element) -> bool:
    return isinstance(element, Statement) and not element.elements and "\n" not in element.text


def _words(element: Element) -> str:
    return element.text if isinstance(element, Statement) else ""


def merged_words(merged: Merged) -> Text:
    return Text(
        f"merged into {merged.into}, under a line that names it", f"已并入“{merged.into}”，前面有一行标明原模块"
    )
