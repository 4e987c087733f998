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
from lianlu.synth.phrasings import GREETINGS, HELLOS, PHRASINGS, filled, may_train, normalised, wrapped

__all__ = ["IDENTITY", "Identity", "IdentityConfig", "item_about"]

_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^{}<>\x00-\x1f]+$")
]
_ENDINGS: dict[Speech, tuple[str, ...]] = {"zh": ("？", "?", "", "。", "呢？"), "en": ("?", "?", "", ".", "??")}
_NO_PARTICLE = ("吗", "吧", "啊", "来着", "对不对", "请回答", "知道", "告诉我", "说一下")  # none of these takes 呢
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
        systems = material.systems(language)
        cores = [(intent, core) for intent, phrasings in intents.items() for core in phrasings[split]]
        while True:
            random.shuffle(cores)
            for intent, core in cores:
                if split == "train":
                    question = _asked_in_training(core, language, random, but=config.name)
                    if not may_train(question, language):
                        continue
                else:
                    question = _asked(core, language, random)
                item = item_about(config, intent, question, split=split, language=language, random=random)
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
        is_of_training = may_train(item.question, item.language)
        return "" if is_of_training == (item.facts["split"] == "train") else "the phrasing is of the other split"


IDENTITY = Identity()


def _asked(core: str, language: Speech, random: Random) -> str:
    """As evaluation asks. Its draws stay as they are, so that the same seed gives the same benchmark."""
    ending = random.choice(_ENDINGS[language])
    if language == "zh":
        core = core.replace("你", "您") if random.random() < 0.15 else core
    return _said(random.choice(GREETINGS[language]), core, ending, language, random)


def _asked_in_training(core: str, language: Speech, random: Random, *, but: str) -> str:
    core = filled(core, language, random, but=but)
    body = wrapped(core, language, random)
    greeting = random.choice((GREETINGS if body == core else HELLOS)[language])
    if language == "zh" and random.random() < 0.2:
        body = body.replace("你", "您")
    return _said(greeting, body, random.choice(_ENDINGS[language]), language, random)


def _said(greeting: str, body: str, ending: str, language: Speech, random: Random) -> str:
    if language == "zh":
        return greeting + body + ("？" if ending == "呢？" and body.endswith(_NO_PARTICLE) else ending)
    if not greeting.endswith((", ", ": ")) and random.random() < 0.7:
        body = body[0].upper() + body[1:]
    return greeting + body + ending


def item_about(
    config: IdentityConfig, intent: str, question: str, *, split: Split, language: Speech, random: Random
) -> Item:
    """A question of an intent with an answer about whoever `config` says."""
    names = {"name": config.name, "author": config.author, "organization": config.organization}
    return Item(
        question=question,
        answer=random.choice(_ANSWERS[language][intent]).format(**names),
        target=config.asked(intent),
        key=normalised(question),
        language=language,
        facts={"intent": intent, "split": split},
    )
