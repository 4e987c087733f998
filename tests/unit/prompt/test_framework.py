"""What every framework promises, on texts of its own and on any text at all."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core import registry
from lianlu.prompt import Framework, Module, Prompt, Statement, detect, framework, source

_NAMES = registry.names("framework")
_SAMPLES = """# Role: 诗人
## Rules
### Skill-1
- Language: 中文
1. one
   - below
plain

```
# STYLE #
#########
**Insight:** why
Statement: do it
*Name*: x
- **a**：b
  second line
如果空，停止
\t- tab
---
C - Context
# 背景
> quoted"""
_LINES = st.sampled_from(_SAMPLES.split("\n"))
_TEXTS = st.lists(_LINES | st.text(max_size=12), max_size=14).map("\n".join)


def _without_source(prompt: Prompt) -> Prompt:
    modules = tuple(msgspec.structs.replace(module, source="") for module in prompt.modules)
    return msgspec.structs.replace(prompt, modules=modules)


@pytest.mark.parametrize("name", _NAMES)
class TestEveryFramework:
    def test_fits_the_protocol(self, name: str) -> None:
        made = framework(name)
        assert isinstance(made, Framework)
        assert made.name == name
        assert {*made.standard} <= {kind.name for kind in made.kinds}

    def test_speaks_of_itself_in_both_languages(self, name: str) -> None:
        texts = [framework(name).about, *(kind.meaning for kind in framework(name).kinds)]
        assert all(text.en and text.zh and text.en != text.zh for text in texts)

    @given(text=_TEXTS)
    def test_any_text_is_written_back_as_it_was(self, name: str, text: str) -> None:
        assert source(framework(name).parse(text)) == text

    @given(text=_TEXTS)
    def test_written_text_is_a_fixed_point(self, name: str, text: str) -> None:
        made = framework(name)
        once = made.write(made.parse(text))
        assert made.write(made.parse(once)) == once

    def test_a_new_prompt_is_read_back_as_itself(self, name: str) -> None:
        made = framework(name)
        modules = tuple(
            Module(name=kind.name, title=kind.title.zh, elements=(Statement(text="内容。"),), level=1)
            for kind in made.kinds
            if kind.name in made.standard
        )
        prompt = Prompt(framework=name, modules=modules)
        assert _without_source(made.parse(made.write(prompt))) == prompt

    def test_is_recognised_by_its_own_text(self, name: str) -> None:
        made = framework(name)
        modules = tuple(
            Module(name=each, title=each, elements=(Statement(text="words"),), level=1) for each in made.standard
        )
        assert detect(made.write(Prompt(framework=name, modules=modules))).name == name

    @pytest.mark.parametrize("text", ["", "\n", "hello", "#", "# ", "####", ":", "- ", "\x00", "```"])
    def test_odd_text_is_a_prompt_too(self, name: str, text: str) -> None:
        made = framework(name)
        assert source(made.parse(text)) == text
        assert 0.0 <= made.likeness(text) <= 1.0


def test_plain_text_is_taken_for_langgpt() -> None:
    assert detect("You are a poet.").name == "langgpt"
