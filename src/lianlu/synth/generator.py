"""What a generator of data is: it streams items of one split and says of any item why it is wrong.

The split between training and evaluation is a property of the item's key (a word, two operands, a passage), decided by
its hash. So it holds across seeds, sizes and runs: a base pretrained on last year's letters cannot have seen today's
held-out words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from lianlu.core import registry
from lianlu.core.i18n import Text
from lianlu.records import Document

__all__ = [
    "Checker",
    "Generator",
    "GeneratorConfig",
    "Item",
    "Material",
    "Speech",
    "Split",
    "generator",
    "has_chinese",
    "is_held_out",
]

Split = Literal["train", "eval"]
Speech = Literal["zh", "en"]
Checker = Literal["contains", "number", "exact"]
_HELD_OUT_IN = 5


@dataclass(frozen=True)
class Item:
    """A question with a worked answer.

    Attributes:
        key: what training and evaluation must not share.
        target: what a right answer must say; how it is compared is the generator's `checker`.
        system: a system prompt the item is asked with; a training item without one may get one from the recipe.
        facts: what the question was made from, for reports by group.
    """

    question: str
    answer: str
    target: str
    key: str
    language: Speech
    facts: dict[str, str | int | bool]
    system: str = ""


@dataclass(frozen=True)
class Material:
    """What items may be made from besides chance.

    Attributes:
        taken: all training text and documents, casefolded: what evaluation items must not be found in.
    """

    documents: Sequence[Document] = ()
    system_prompts: Sequence[str] = ()
    taken: str = ""

    def systems(self, language: Speech) -> list[str]:
        """The system prompts of one language, or all where it has none."""
        own = [each for each in self.system_prompts if has_chinese(each) == (language == "zh")]
        return own or list(self.system_prompts)


class GeneratorConfig(BaseModel):
    """What every generator can be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: int = Field(default=1000, ge=0, le=10_000_000, description="training conversations, all languages together")
    eval: int = Field(default=100, ge=0, le=1_000_000, description="evaluation samples, all languages together")
    languages: tuple[Speech, ...] = Field(default=("zh", "en"), min_length=1, description="languages of the questions")


@runtime_checkable
class Generator(Protocol):
    """A member of the registry group `generator`.

    Attributes:
        name: as in recipes.
        about: one line for people.
        config: its settings.
        checker: how a free answer is compared with the target: `contains` it, its last `number` equals it, or its last
            line is `exact`ly it but for case, blanks and punctuation.
        needs_documents: whether items are made from documents.
    """

    name: str
    about: Text
    config: type[GeneratorConfig]
    checker: Checker
    needs_documents: bool

    def items(
        self, config: Any, split: Split, language: Speech, *, random: Random, material: Material
    ) -> Iterator[Item]:
        """Items of one split in one language, endless or as many as the material gives; some may repeat."""
        ...

    def fault(self, config: Any, item: Item) -> str:
        """Why the item is wrong, empty when it is right; found from its texts, not by the code that wrote them."""
        ...


def generator(name: str) -> Generator:
    """The generator of that name. Raises UsageError registry.unknown-name."""
    return registry.find("generator", name)


def is_held_out(key: str, *, one_in: int = _HELD_OUT_IN) -> bool:
    """Whether `key` belongs to evaluation: one in `one_in` does (at most 256), whatever the seed. Case does not count.

    >>> is_held_out("Banana") == is_held_out("banana")
    True
    """
    return hashlib.sha256(key.casefold().encode()).digest()[0] % one_in == 0


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)
