"""Be whoever the system prompt says: questions of `identity` about names that are drawn anew for every item.

What a base may learn so that one name is soon tuned into it: what is asked for, and to say any name, also one in
characters that its tokenizer must spell in bytes. It learns no name by heart, since none stands there twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from lianlu.core.i18n import Text
from lianlu.synth.generator import Checker, GeneratorConfig, Item, Material, Speech, Split
from lianlu.synth.identity import IDENTITY, IdentityConfig, item_about
from lianlu.synth.letters import may_train
from lianlu.synth.words import pseudo_word

__all__ = ["PERSONA", "Persona", "common_characters"]

_SYSTEMS: dict[Speech, tuple[str, ...]] = {
    "zh": (
        "你是{name}，由{author}开发，来自{organization}。",
        "你的名字是{name}。作者：{author}。组织：{organization}。",
        "你是{organization}的助手{name}，作者是{author}。",
    ),
    "en": (
        "You are {name}, made by {author}, from {organization}.",
        "Your name is {name}. Author: {author}. Organization: {organization}.",
        "You are {name}, an assistant from {organization}. Your author is {author}.",
    ),
}
_GROUPS: dict[Speech, tuple[str, ...]] = {
    "zh": ("社区", "团队", "公司", "实验室", "研究院", "中心"),
    "en": ("Lab", "Team", "Labs", "Institute", "Community", "Group"),
}
_OTHER_SCRIPT = 0.3


class Persona:
    """Name, author and organization out of the system prompt."""

    name = "persona"
    about = Text("be whoever the system prompt says", "按系统提示词中的身份回答")
    config: type[GeneratorConfig] = GeneratorConfig
    checker: Checker = "contains"
    needs_documents = False

    def items(
        self, config: GeneratorConfig, split: Split, language: Speech, *, random: Random, material: Material
    ) -> Iterator[Item]:
        """Endless; every item is another persona."""
        del config
        systems = replace(material, system_prompts=())
        for asked in IDENTITY.items(IdentityConfig(), split, language, random=random, material=systems):
            who = _drawn(language, random)
            told = random.choice(_SYSTEMS[language]).format(
                name=who.name, author=who.author, organization=who.organization
            )
            item = item_about(
                who, str(asked.facts["intent"]), asked.question, split=split, language=language, random=random
            )
            yield replace(item, system=told)

    def fault(self, config: GeneratorConfig, item: Item) -> str:  # noqa: ARG002
        """The answer says what was asked for, and the system prompt says it too."""
        if item.target not in item.answer or item.target not in item.system:
            return f"the answer or the system prompt does not say {item.target!r}"
        return ""


PERSONA = Persona()


def common_characters() -> str:
    """The 3,755 characters of GB 2312's first level, the common ones, in the order of that standard.

    >>> len(common_characters()), common_characters()[:3]
    (3755, '啊阿埃')
    """
    rows = bytes(range(0xB0, 0xD8))
    cells = bytes(range(0xA1, 0xFF))
    return b"".join(bytes((row, cell)) for row in rows for cell in cells).decode("gb2312", "ignore")


def _drawn(language: Speech, random: Random) -> IdentityConfig:
    """Somebody, mostly with names in the script of the language."""
    name, author, group = (_name(language, random) for _ in range(3))
    ending = random.choice(_GROUPS["zh" if group[-1] > "\u3000" else "en"])
    organization = group + ending if ending > "\u3000" else f"{group} {ending}"
    return IdentityConfig(name=name, author=author, organization=organization)


def _name(language: Speech, random: Random) -> str:
    if (language == "zh") != (random.random() < _OTHER_SCRIPT):
        return "".join(random.choices(common_characters(), k=random.randint(2, 3)))
    words: list[str] = []
    wanted = random.randint(1, 2)
    while len(words) < wanted:
        word = pseudo_word(random, syllables=random.randint(1, 3))
        if may_train(word):
            words.append(word)
    name = " ".join(words)
    return name.title() if random.random() < 0.7 else name
