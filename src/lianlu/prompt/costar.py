"""CO-STAR: Context, Objective, Style, Tone, Audience, Response, and a word to begin; titles between `#`, lines of `#` between.

Read in any case, in both languages, with `## Context`, `**Context**:`, `Context:` or `# CONTEXT #`, with or without the
separators; a separator is nobody's text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lianlu.core.i18n import Text
from lianlu.prompt.model import Module, Prompt
from lianlu.prompt.modules import COSTAR_MODULES, Kind, Names
from lianlu.prompt.outline import read_elements, write_elements
from lianlu.prompt.sections import Section, Title, split

__all__ = ["COSTAR", "CoStar"]

_SEPARATOR = re.compile(r"\s*(?:#{4,}|-{4,}|={4,})\s*")
_HASHED = re.compile(r"\s*#{1,6}\s*(?P<words>[^#\s](?:[^#]*[^#\s])?)\s*(?P<closing>#*)\s*")
_LABELLED = re.compile(
    r"\s*(?:[-*]\s+)?(?:\*\*(?P<strong>[^*:：]{1,40})(?:\*\*\s*[:：]?|[:：]\s*\*\*)|(?P<plain>[(（]?[^\W\d][\w \-()（）]{0,40}?)[:：])\s*(?P<value>.*)"
)
_LETTER = re.compile(r"^(?:[(（][COSTAR][)）]|[COSTAR]\s*[-–—:.、])\s*", re.IGNORECASE)
_BODIES = ("Context", "Objective", "Style", "Tone", "Audience", "Response")
_RULE = "#" * 9


class CoStar:
    name = "costar"
    about = Text(
        "one-off tasks: context, objective, style, tone, audience, response",
        "一次性任务：背景、目标、风格、语气、受众、回复格式",
    )
    kinds: Sequence[Kind] = COSTAR_MODULES
    standard: Sequence[str] = (*_BODIES, "Start")
    sends_as_written = True

    def __init__(self) -> None:
        self._names = Names(COSTAR_MODULES)

    def parse(self, text: str) -> Prompt:
        preamble, sections = split(text, self._hashed_title)
        if len({kind.name for each in sections if (kind := self._names.find(each.title.words))} & set(_BODIES)) < 2:
            preamble, sections = split(
                text, self._title
            )  # `Output:` in a list is a title only where titles have no marks
        modules = tuple(self._module(section) for section in sections)
        return Prompt(framework=self.name, modules=modules, preamble=preamble)

    def write(self, prompt: Prompt) -> str:
        before = _without_separators(prompt.preamble).strip()
        pieces = [before] if before else []
        for module in prompt.modules:
            body = "\n\n".join(piece for piece in (module.value, write_elements(module.elements)) if piece)
            pieces.append(f"# {module.title} #\n{body}".rstrip())
        return f"\n\n{_RULE}\n\n".join(pieces) + "\n"

    def compose(self, prompt: Prompt) -> str:
        return self.write(prompt)

    def likeness(self, text: str) -> float:
        """The share of its six parts found, a little less so that a LangGPT prompt with some of them stays one."""
        found = {module.name for module in self.parse(text).modules}
        return 0.95 * len(found & set(_BODIES)) / len(_BODIES)

    def _hashed_title(self, line: str) -> Title | None:
        hashed = None if _SEPARATOR.fullmatch(line) else _HASHED.fullmatch(line)
        if hashed is None:
            return None
        words = self._without_letter(hashed["words"].rstrip(" :："))
        return Title(words) if self._names.find(words) is not None or hashed["closing"] else None

    def _title(self, line: str) -> Title | None:
        if _SEPARATOR.fullmatch(line):
            return None
        if _HASHED.fullmatch(line) is not None:
            return self._hashed_title(line)
        labelled = _LABELLED.fullmatch(line)
        if labelled is None:
            return None
        words = self._without_letter(labelled["strong"] or labelled["plain"])
        return Title(words, labelled["value"].strip()) if self._names.find(words) is not None else None

    def _without_letter(self, words: str) -> str:
        """`(C) Context` and `C - Context` name the same as `Context`."""
        shorter = _LETTER.sub("", words.strip())
        return shorter if self._names.find(shorter) is not None else words.strip()

    def _module(self, section: Section) -> Module:
        kind = self._names.find(section.title.words)
        body = _without_separators(section.body)
        return Module(
            name=kind.name if kind else section.title.words,
            title=section.title.words,
            value=section.title.value,
            level=1,
            elements=read_elements(body),
            source=section.source,
        )


def _without_separators(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not _SEPARATOR.fullmatch(line.rstrip()))


COSTAR = CoStar()
