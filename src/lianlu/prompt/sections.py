"""Cut a text at its titles without losing a character. What counts as a title is the framework's business."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Section", "Title", "split"]

_FENCE = re.compile(r"\s*(`{3,}|~{3,})")


@dataclass(frozen=True)
class Title:
    """A line that begins a module: its words, what follows the colon, its depth."""

    words: str
    value: str = ""
    level: int = 1


@dataclass(frozen=True)
class Section:
    """`source` is the exact text with the title line, `body` the text below that line."""

    title: Title
    source: str
    body: str


def split(text: str, title_of: Callable[[str], Title | None]) -> tuple[str, list[Section]]:
    """The text before the first title, and the sections. Lines inside code fences are never titles.

    Joined again they are `text`: `preamble + "".join(section.source …) == text`.
    """
    preamble: list[str] = []
    open_sections: list[tuple[Title, list[str]]] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        marks = _FENCE.match(line)
        if marks:
            fence = "" if fence and line.strip().startswith(fence) else fence or marks.group(1)
        title = None if fence or marks else title_of(line.rstrip("\r\n"))
        if title is not None:
            open_sections.append((title, [line]))
        elif open_sections:
            open_sections[-1][1].append(line)
        else:
            preamble.append(line)
    sections = [Section(title, "".join(lines), "".join(lines[1:])) for title, lines in open_sections]
    return "".join(preamble), sections
