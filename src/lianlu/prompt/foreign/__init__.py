"""Prompt files of other tools: how each is read into a prompt file of ours and written from one, with every loss named.

A prompt on its way is our own `PromptFile`. What only the other tool knows stands in its front matter under `meta`: the
name of the model as `meta.model`, its options as `meta.options`, everything else under the format's own name, so that
writing the same format brings it back and every other writer can name what it leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from lianlu.core.i18n import Text
from lianlu.prompt.file import PromptFile

__all__ = ["Loss", "PromptFormat", "Traveller", "Written"]


@dataclass(frozen=True)
class Loss:
    """Something that does not arrive as it was.

    Attributes:
        what: what it is, in the words of the source: `tools`, `{% if context %}`.
        why: why it is lost, or what became of it.
        line: of the source file; 0 where it has none.
    """

    what: str
    why: Text
    line: int = 0


@dataclass(frozen=True)
class Traveller:
    """A prompt on its way from one format to another.

    Attributes:
        file: the prompt; its texts are in our notation, where `\\{{` are literal braces.
        engine: template language of the code that stands in its texts as literal text; empty where there is none.
        cases: test cases, in the form of our cases files.
        lines: where a key of the front matter was written, by its dotted name in ours (`meta.prompty.tools`).
        code: that code, piece by piece: lost where the language written is of another family.
        lost: what reading could not keep.
        is_own: whether it was read from a file of ours.
        folder: where the file lies; texts that it names are read from there only.
    """

    file: PromptFile
    engine: str = ""
    cases: tuple[Mapping[str, Any], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    code: tuple[Loss, ...] = ()
    lost: tuple[Loss, ...] = ()
    is_own: bool = False
    folder: Path = Path()

    def line(self, key: str) -> int:
        """The line of a key, else of the nearest key above it; 0 where none is known."""
        while key:
            if key in self.lines:
                return self.lines[key]
            key = key.rpartition(".")[0]
        return 0


@dataclass(frozen=True)
class Written:
    """Files by their path, the prompt itself first, and what they do not hold."""

    files: Mapping[str, str]
    lost: tuple[Loss, ...] = ()

    @property
    def text(self) -> str:
        return next(iter(self.files.values()))


@runtime_checkable
class PromptFormat(Protocol):
    """A member of the registry group `prompt-format`.

    Attributes:
        name: as in the registry.
        about: one line for people.
    """

    name: str
    about: Text

    def recognises(self, path: Path, text: str) -> bool:
        """Whether a file of that name with that text is one of these."""
        ...

    def read(self, text: str, path: Path) -> Traveller:
        """Read a file. Raises the UsageErrors of `core.recipe.parse_tree`, prompt.bad-foreign."""
        ...

    def write(self, prompt: Traveller) -> Written:
        """Write a file, and name what it cannot hold. Raises those of `include.expanded`."""
        ...
