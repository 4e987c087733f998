"""CRISPE: Capacity and Role, Insight, Statement, Personality, Experiment. Labels in the file, plain sentences for the model.

The framework's author sends the joined sentences and keeps Experiment for a follow-up; here it is joined last, and left
out by leaving it empty. A text without labels is read as one Statement: sentences cannot be told apart again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lianlu.core.i18n import Text
from lianlu.prompt.model import Module, Prompt
from lianlu.prompt.modules import CRISPE_MODULES, Kind, Names
from lianlu.prompt.outline import read_elements, write_elements
from lianlu.prompt.sections import Section, Title, split

__all__ = ["CRISPE", "Crispe"]

_TITLE = re.compile(
    r"\s*(?:#{1,6}\s*(?P<hashed>[^#:：\n]{1,40}?)\s*(?:[:：]\s*(?P<a>.*?))?(?:\s+#+)?"
    r"|(?:[-*]\s+)?\*\*(?P<strong>[^*:：]{1,40})(?:\*\*\s*[:：]?|[:：]\s*\*\*)\s*(?P<b>.*)"
    r"|(?:[-*]\s+)?(?P<plain>[^\W\d][\w &]{0,40}?)\s*[:：]\s*(?P<c>.*))\s*"
)


class Crispe:
    name = "crispe"
    about = Text(
        "a few plain sentences: role, insight, statement, personality, experiment",
        "几句平实的话：角色、洞察、陈述、个性、实验",
    )
    kinds: Sequence[Kind] = CRISPE_MODULES
    standard: Sequence[str] = tuple(kind.name for kind in CRISPE_MODULES)
    sends_as_written = False

    def __init__(self) -> None:
        self._names = Names(CRISPE_MODULES)

    def parse(self, text: str) -> Prompt:
        preamble, sections = split(text, self._title)
        modules = tuple(self._module(section) for section in sections)
        if not modules and text.strip():
            whole = Module(name="Statement", title="Statement", elements=read_elements(text), level=1, source=text)
            return Prompt(framework=self.name, modules=(whole,))
        return Prompt(framework=self.name, modules=modules, preamble=preamble)

    def write(self, prompt: Prompt) -> str:
        pieces = [prompt.preamble.strip()] if prompt.preamble.strip() else []
        pieces += [f"## {module.title}\n\n{self._body(module)}".rstrip() for module in prompt.modules]
        return "\n\n".join(pieces) + "\n"

    def compose(self, prompt: Prompt) -> str:
        order = {kind.name: index for index, kind in enumerate(CRISPE_MODULES)}
        experiment = order["Experiment"]
        ranked = sorted(prompt.modules, key=lambda module: order.get(module.name, experiment - 0.5))
        return _joined([self._body(module) for module in ranked])

    def likeness(self, text: str) -> float:
        """The share of its five parts found; without a named capacity or insight it is some other framework's text."""
        found = {module.name for module in self.parse(text).modules if _TITLE.fullmatch(module.source.split("\n")[0])}
        own = {"Capacity and Role", "Insight", "Experiment"} & found
        return len(found & set(self.standard)) / 5 if len(own) >= 2 else 0.0

    def _body(self, module: Module) -> str:
        return "\n\n".join(piece for piece in (module.value, write_elements(module.elements)) if piece)

    def _title(self, line: str) -> Title | None:
        found = _TITLE.fullmatch(line)
        if found is None:
            return None
        words = (found["hashed"] or found["strong"] or found["plain"]).strip()
        value = next((found[name] for name in "abc" if found[name]), "").strip()
        return Title(words, value) if self._names.find(words) is not None else None

    def _module(self, section: Section) -> Module:
        kind = self._names.find(section.title.words)
        return Module(
            name=kind.name if kind else section.title.words,
            title=section.title.words,
            value=section.title.value,
            level=1,
            elements=read_elements(section.body),
            source=section.source,
        )


def _joined(pieces: Sequence[str]) -> str:
    """Sentences after one another: Latin ones with a space between, full-width punctuation needs none."""
    text = ""
    for piece in (piece.strip() for piece in pieces):
        if text and piece:
            text += "\n\n" if "\n" in piece or "\n" in text else "" if text[-1] in "。！？；：" else " "
        text += piece
    return text


CRISPE = Crispe()
