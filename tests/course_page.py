"""The commands of a course page, with the lines that the page shows below each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Step", "steps_of"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Step:
    """A command of the page with the lines that stand below it."""

    command: str
    shown: tuple[str, ...]


def steps_of(lesson: str, lang: str) -> list[Step]:
    """The steps of `docs/<lang>/course/<lesson>.md`, from its blocks of console."""
    page = (ROOT / "docs" / lang / "course" / f"{lesson}.md").read_text(encoding="utf-8")
    found: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        for typed in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = typed.rstrip().split("\n")
            found.append(Step(command, tuple(shown)))
    return found
