"""Who the assistant is: its name, author and organization, asked in many ways, with and without a system prompt.

A model tuned on one phrasing under one system prompt knows its name only there. So phrasings are many, unseen ones are
kept for evaluation, and each of those is asked twice: with a system prompt and without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Annotated

from pydantic import Field, StringConstraints

from lianlu.core.i18n import Text
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split
from lianlu.synth.phrasings import GREETINGS, PHRASINGS, normalised

__all__ = ["IDENTITY", "Identity", "IdentityConfig"]

_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^{}<>\x00-\x1f]+$")
]
_ENDINGS: dict[Speech, tuple[str, ...]] = {"zh": ("？", "?", "", "。", "呢？"), "en": ("?", "?", "", ".", "??")}
_ANSWERS: dict[Speech, dict[str, tuple[str, ...]]] = {
    "zh": {
        "name": (
            "我是{name}，来自{organization}，由{author}开发。",
            "我叫{name}，是{author}开发的助手。",
            "我是{name}，{organization}的助手。",
        ),
        "author": ("我是{name}，由{author}开发。", "我的作者是{author}。", "{author}开发了我，我叫{name}。"),
        "organization": (
            "我来自{organization}。",
            "我是{name}，来自{organization}。",
            "我属于{organization}，由{author}开发。",
        ),
        "other": ("不是，我是{name}，由{author}开发。", "不，我是{organization}的{name}。"),
    },
    "en": {
        "name": (
            "I am {name} from {organization}, made by {author}.",
            "My name is {name}. I was made by {author}.",
            "I am {name}, an assistant from {organization}.",
        ),
        "author": ("I am {name}, made by {author}.", "My author is {author}.", "{author} made me. My name is {name}."),
        "organization": (
            "I am from {organization}.",
            "I am {name} from {organization}.",
            "I belong to {organization}. {author} made me.",
        ),
        "other": ("No, I am {name}, made by {author}.", "No, I am {name} from {organization}."),
    },
}


class IdentityConfig(GeneratorConfig):
    """Who the assistant is to be."""

    name: _Name = Field(default="小链", description="name of the assistant")
    author: _Name = Field(default="lianlu developers", description="who made it")
    organization: _Name = Field(default="链路社区", description="where it comes from")

    def asked(self, intent: str) -> str:
        """What an answer must say."""
        return {"author": self.author, "organization": self.organization}.get(intent, self.name)


class Identity:
    """Name, author and organization."""

    name = "identity"
    about = Text("name, author and organization of the assistant", "助手的名字、作者与组织")
    config: type[GeneratorConfig] = IdentityConfig
    checker: Checker = "contains"
    needs_documents = False

    def items(
        self, config: IdentityConfig, split: Split, language: Speech, *, random: Random, material: Material
    ) -> Iterator[Item]:
        """Endless in training; in evaluation each phrasing with and without a system prompt."""
        intents = PHRASINGS[language]
        seen = {normalised(each) for kind in intents.values() for each in kind["train"]} if split == "eval" else set()
        systems = material.systems(language)
        cores = [(intent, core) for intent, phrasings in intents.items() for core in phrasings[split]]
        while True:
            random.shuffle(cores)
            for intent, core in cores:
                question = _asked(core, language, random)
                if normalised(question) in seen:
                    continue
                item = _item(config, intent, question, split=split, language=language, random=random)
                yield item
                if split == "eval" and systems:
                    yield replace(item, system=random.choice(systems))

    def fault(self, config: IdentityConfig, item: Item) -> str:
        """The answer says what was asked for and leaves no gap open."""
        if "{" in item.answer + item.question or not normalised(item.question):
            return "a gap was left open"
        wanted = config.asked(str(item.facts["intent"]))
        if item.target != wanted or wanted not in item.answer:
            return f"the answer does not say {wanted!r}"
        others = PHRASINGS[item.language][str(item.facts["intent"])][
            "eval" if item.facts["split"] == "train" else "train"
        ]
        return "the phrasing is of the other split" if normalised(item.question) in map(normalised, others) else ""


IDENTITY = Identity()


def _asked(core: str, language: Speech, random: Random) -> str:
    ending = random.choice(_ENDINGS[language])
    if language == "zh":
        if ending == "呢？" and core.endswith(("吗", "吧")):
            ending = "？"
        core = core.replace("你", "您") if random.random() < 0.15 else core
        return random.choice(GREETINGS["zh"]) + core + ending
    greeting = random.choice(GREETINGS["en"])
    core = core[0].upper() + core[1:] if not greeting.endswith((", ", ": ")) and random.random() < 0.7 else core
    return greeting + core + ending


def _item(
    config: IdentityConfig, intent: str, question: str, *, split: Split, language: Speech, random: Random
) -> Item:
    names = {"name": config.name, "author": config.author, "organization": config.organization}
    return Item(
        question=question,
        answer=random.choice(_ANSWERS[language][intent]).format(**names),
        target=config.asked(intent),
        key=normalised(question),
        language=language,
        facts={"intent": intent, "split": split},
    )
