"""Random structured prompts of every framework: what is written is read back as the same modules and elements."""

from __future__ import annotations

from random import Random
from typing import Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.prompt import Element, Module, Prompt, parse, render, source
from lianlu.prompt.framework import framework
from lianlu.prompt.model import Assignment, Function, Statement
from lianlu.prompt.outline import element_of

_Language = Literal["en", "zh"]
_WORDS = {
    "en": (
        *("count the letters", "be brief", "use plain words", "see https://example.org/a?b=1", "rate it 3.5 of 5"),
        *("don't guess", "`x: y` stays", "(1) first", "*stars* inside", "{{name}} and {one}", "C# and F#", "a - b"),
    ),
    "zh": (
        *(
            "逐个统计字母",
            "言简意赅",
            "用平实的话写",
            "参见 https://example.org/甲",
            "满分 5 分，给出 3.5 分",
            "不要猜测",
        ),
        *("第一步：先看，再写", "【重点】", "“引用”：如此", "对 {{名称}} 说", "第 1、2 条", "见《手册》"),
    ),
}
_FENCES = ("```python\nfor x in y:\n    print('# no title')\n\n- no item\n```", "~~~\nRole: nobody\n```\n~~~")
_NAMES = {"en": ("Author", "Version", "Output language"), "zh": ("作者", "版本", "输出语言")}
_OWN = {"en": ("House style", "C++ hints"), "zh": ("写作心得", "常见误解")}
_FRAMEWORKS = pytest.mark.parametrize("name", ["langgpt", "costar", "crispe"])
_seeds = st.integers(0, 2**32)


class _Writer:
    """Makes one prompt of a seed. Plain chance instead of strategies: a hundred prompts in a second."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.language: _Language = self.chance.choice(("en", "zh"))

    def words(self) -> str:
        chosen = self.chance.choices(_WORDS[self.language], k=self.chance.randint(1, 3))
        return (" and " if self.language == "en" else "、").join(chosen)

    def element(self, marker: str, below: tuple[Element, ...] = ()) -> Element:
        kind = self.chance.randrange(6)
        if kind == 0:
            name, emphasis = self.chance.choice(_NAMES[self.language]), self.chance.choice(("", "**"))
            return Assignment(name=name, value=self.words(), emphasis=emphasis, marker=marker, elements=below)
        if kind == 1:
            says, done = self.words(), "if the input is empty, " if self.language == "en" else "如果输入为空，"
            given_ = "the input is empty" if self.language == "en" else "输入为空"
            return Function(given=given_, actions=says, text=done + says, marker=marker, elements=below)
        if kind == 2:
            return element_of(f"{self.words()}\n{self.chance.choice(_FENCES)}", marker, below)
        if kind == 3:
            return element_of(f"{self.words()}\n{self.words()}", marker, below)
        return element_of(self.words(), marker, below)

    def items(self, depth: int = 0) -> tuple[Element, ...]:
        count = self.chance.randint(0, 3 if depth < 3 else 0)
        return tuple(
            self.element(self.chance.choice("-1").replace("1", "1."), self.items(depth + 1)) for _ in range(count)
        )

    def paragraph(self) -> Element:
        end = "." if self.language == "en" else "。"
        if self.chance.random() < 0.3:
            return Statement(text=self.chance.choice(_FENCES))
        lines = [self.words() + end for _ in range(self.chance.randint(1, 2))]
        return element_of(lines[0] if "：" in lines[0] else "\n".join(lines))  # lines of properties are no paragraph

    def body(self) -> tuple[Element, ...]:
        paragraphs = (self.paragraph() for _ in range(self.chance.randint(0, 2)))
        return (*paragraphs, *self.items())

    def prompt(self, name: str) -> Prompt:
        made = framework(name)
        modules: list[Module] = []
        for kind in self.chance.sample(list(made.kinds), self.chance.randint(1, 5)):
            title = self.chance.choice((kind.title.show(self.language), kind.name))
            level = self.chance.randint(1, 3) if name == "langgpt" else 1
            value = self.words() if name == "langgpt" and self.chance.random() < 0.3 else ""
            modules.append(Module(name=kind.name, title=title, value=value, level=level, elements=self.body()))
        if name != "crispe" and self.chance.random() < 0.5:
            own = self.chance.choice(_OWN[self.language])
            level = 2 if name == "langgpt" else 1
            modules.append(Module(name=own, title=own, level=level, elements=self.body()))
        return Prompt(framework=name, modules=tuple(modules))


def _bare(prompt: Prompt) -> list[Module]:
    return [msgspec.structs.replace(module, source="") for module in prompt.modules]


@_FRAMEWORKS
@settings(deadline=None)
@given(seed=_seeds)
def test_what_is_written_is_read_back_as_the_same_modules(name: str, seed: int) -> None:
    prompt = _Writer(seed).prompt(name)
    text = framework(name).write(prompt)
    assert _bare(parse(text, name)) == _bare(prompt)
    assert source(parse(text, name)) == text


@_FRAMEWORKS
@pytest.mark.parametrize("format", ["json", "yaml"])
@settings(deadline=None)
@given(seed=_seeds)
def test_maps_are_written_back_as_they_were(name: str, format: Literal["json", "yaml"], seed: int) -> None:
    text = render(_Writer(seed).prompt(name), format=format)
    again = parse(text, name, syntax=format)
    assert source(again) == text
    assert render(again, format=format, normal=True) == text


@_FRAMEWORKS
@settings(deadline=None)
@given(text=st.text(alphabet="ab# \n:：-*`1.>角色{}\r\u2028\x0b\x85", max_size=80))
def test_any_text_is_written_back_byte_for_byte(name: str, text: str) -> None:
    assert source(parse(text, name, syntax="markdown")) == text
