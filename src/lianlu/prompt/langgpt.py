"""LangGPT: titles with `#`, elements as lists; also its plain form, `Word: value` lines without any `#`.

Titles in any case and language are found through the module table; a title that is not in it is the writer's own module
and keeps its name. Prompts whose titles are all level 1 (as many people write) are as good as `# Role` with `##` below.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from lianlu.core.i18n import Text
from lianlu.prompt.model import Module, Prompt
from lianlu.prompt.modules import CHAIN, LANGGPT_MODULES, Kind, Names
from lianlu.prompt.outline import read_elements, write_elements
from lianlu.prompt.sections import Section, Title, split

__all__ = ["LANGGPT", "LangGPT"]

_HEADING = re.compile(r" {0,3}(?P<marks>#{1,6})(?P<space>\s*)(?P<words>[^#\s].*?)(?:\s+#+)?\s*")
_PLAIN = re.compile(r"(?P<words>[^\W\d][\w \-]{0,30}?)\s*[:：]\s*(?P<value>.*)")
_COLON = re.compile(r"\s*[:：]\s*")


class LangGPT:
    name = "langgpt"
    about = Text(
        "roles in two levels, modules and elements; grows with the task", "角色式双层结构：模块与内部元素，可随任务扩展"
    )
    kinds: Sequence[Kind] = LANGGPT_MODULES
    standard: Sequence[str] = ("Role", "Profile", "Skills", "Rules", "Workflow", "Initialization")
    sends_as_written = True

    def __init__(self) -> None:
        self._names = Names(LANGGPT_MODULES)

    def parse(self, text: str) -> Prompt:
        preamble, sections = split(text, self._heading)
        if not sections:
            preamble, sections = split(text, self._plain_title)
        modules = tuple(self._module(section) for section in sections)
        role = next((module for module in modules if module.name == "Role"), None)
        return Prompt(framework=self.name, name=role.value if role else "", modules=modules, preamble=preamble)

    def write(self, prompt: Prompt) -> str:
        pieces = [prompt.preamble.strip()] if prompt.preamble.strip() else []
        for module in prompt.modules:
            head = f"{'#' * module.level} {module.title}" + (f": {module.value}" if module.value else "")
            pieces.append(head)
            if module.elements:
                pieces.append(write_elements(module.elements))
        return "\n\n".join(pieces) + "\n"

    def compose(self, prompt: Prompt) -> str:
        return self.write(prompt)

    def likeness(self, text: str) -> float:
        """Half, and more with every link of its chain that stands there: plain text is LangGPT's before anyone's."""
        found = {module.name for module in self.parse(text).modules}
        return 0.5 + 0.4 * len(found & set(CHAIN)) / len(CHAIN)

    def ordered(self, prompt: Prompt) -> Prompt:
        """The same modules in the order of the chain; sub-modules stay with theirs."""
        place = {kind.name: CHAIN.index(kind.place) for kind in LANGGPT_MODULES}
        top = min((module.level for module in prompt.modules if module.name != "Role"), default=1)
        groups: list[list[Module]] = []
        for module in prompt.modules:
            if module.level <= top or not groups:
                groups.append([])
            groups[-1].append(module)
        groups.sort(key=lambda group: place.get(group[0].name, CHAIN.index("Workflow")))
        return msgspec.structs.replace(prompt, modules=tuple(module for group in groups for module in group))

    def _heading(self, line: str) -> Title | None:
        found = _HEADING.fullmatch(line)
        if found is None:
            return None
        words, value = self._parted(found["words"])
        if not found["space"] and self._names.find(words) is None:
            return None
        return Title(words, value, len(found["marks"]))

    def _plain_title(self, line: str) -> Title | None:
        found = _PLAIN.fullmatch(line)
        if found is None or self._names.find(found["words"]) is None:
            return None
        return Title(found["words"], found["value"].strip(), 1)

    def _parted(self, words: str) -> tuple[str, str]:
        """`Role: poet` in two; a colon inside a title that is no known name is part of the title."""
        colon = _COLON.search(words)
        if colon is None:
            return words, ""
        head, value = words[: colon.start()], words[colon.end() :]
        if not value or self._names.find(head) is not None:
            return head, value
        return words, ""

    def _module(self, section: Section) -> Module:
        title = section.title
        kind = self._names.find(title.words)
        return Module(
            name=kind.name if kind else title.words,
            title=title.words,
            value=title.value,
            level=title.level,
            elements=read_elements(section.body),
            source=section.source,
        )


LANGGPT = LangGPT()
