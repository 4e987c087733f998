"""What a prompt framework can do, and how to tell which one a text was written in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lianlu.core import registry
from lianlu.core.i18n import Text
from lianlu.prompt.model import Prompt
from lianlu.prompt.modules import Kind

__all__ = ["Framework", "detect", "framework"]


@runtime_checkable
class Framework(Protocol):
    """A member of the registry group `framework`.

    Attributes:
        name: as in the registry.
        about: one line for people.
        kinds: the modules it knows.
        standard: names of the modules of a new prompt, in order.
        sends_as_written: whether a file's own text is what a model gets; CRISPE drops its labels instead.
    """

    name: str
    about: Text
    kinds: Sequence[Kind]
    standard: Sequence[str]
    sends_as_written: bool

    def parse(self, text: str) -> Prompt:
        """Read a prompt; any text is one, at worst with a preamble and no module."""
        ...

    def write(self, prompt: Prompt) -> str:
        """The prompt's file text in the framework's own form, whatever it looked like before."""
        ...

    def compose(self, prompt: Prompt) -> str:
        """The normalised text for a model."""
        ...

    def likeness(self, text: str) -> float:
        """How much `text` looks like this framework, 0 to 1."""
        ...


def framework(name: str) -> Framework:
    """The framework of that name.

    Raises:
        UsageError: registry.unknown-name
    """
    return registry.find("framework", name)


def detect(text: str) -> Framework:
    """The framework that `text` most looks like; LangGPT where none stands out."""
    found = [framework(name) for name in registry.names("framework")]
    return max(found, key=lambda each: (each.likeness(text), each.name == "langgpt"))
