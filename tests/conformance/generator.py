"""What every Generator must keep, as a test class to sub-class:

class TestMine(GeneratorConformance):
    name = "mine"
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from lianlu.records import Block, Document, Source
from lianlu.synth import Generator, GeneratorConfig, Item, Material, Split
from lianlu.synth.generator import generator

__all__ = ["GeneratorConformance"]

_ITEMS = 120


def _documents() -> tuple[Document, ...]:
    """Sixty passages in both languages with words, names and numbers worth asking for."""
    blocks = [
        Block(kind="para", markdown=text)
        for number in range(60)
        for text in (
            f"The tool number {number} keeps its results below the folder results{number} for later.",
            f"第 {number} 号工具把结果保存在文件夹里，下次运行时会读取结果并继续。",
        )
    ]
    return (Document(id="d", source=Source(uri="d.md", sha256="0" * 64, size=1), blocks=tuple(blocks), title="Tools"),)


class GeneratorConformance:
    name = ""

    @pytest.fixture
    def made_by(self) -> Generator:
        return generator(self.name)

    def config(self, made_by: Generator) -> GeneratorConfig:
        return made_by.config()

    def items(self, made_by: Generator, split: Split, seed: int = 0) -> list[Item]:
        material = Material(documents=_documents(), system_prompts=("You are a helpful assistant.", "你是助手。"))
        config = self.config(made_by)
        return [
            item
            for language in config.languages
            for item in islice(
                made_by.items(config, split, language, random=Random(f"{seed}/{language}"), material=material), _ITEMS
            )
        ]

    def test_it_is_a_generator_with_both_names(self, made_by: Generator) -> None:
        assert isinstance(made_by, Generator)
        assert made_by.name == self.name
        assert made_by.about.en != made_by.about.zh

    def test_it_makes_items_of_both_splits_in_each_language(self, made_by: Generator) -> None:
        wanted = set(self.config(made_by).languages)
        for split in ("train", "eval"):
            assert {item.language for item in self.items(made_by, split)} == wanted

    def test_its_items_pass_its_own_check(self, made_by: Generator) -> None:
        items = self.items(made_by, "train") + self.items(made_by, "eval")
        assert {made_by.fault(self.config(made_by), item) for item in items} == {""}

    def test_a_wrong_answer_does_not_pass(self, made_by: Generator) -> None:
        for item in self.items(made_by, "train")[:20]:
            assert made_by.fault(self.config(made_by), replace(item, answer="wrong")) != ""

    def test_the_same_seed_gives_the_same_items(self, made_by: Generator) -> None:
        assert self.items(made_by, "train") == self.items(made_by, "train")
        assert self.items(made_by, "train") != self.items(made_by, "train", seed=1)

    def test_splits_share_no_key_whatever_the_seed(self, made_by: Generator) -> None:
        train = {item.key for item in self.items(made_by, "train", seed=1)}
        assert train.isdisjoint(item.key for item in self.items(made_by, "eval", seed=2))

    def test_questions_answers_and_targets_are_not_empty(self, made_by: Generator) -> None:
        items = self.items(made_by, "train") + self.items(made_by, "eval")
        assert all(item.question.strip() and item.answer.strip() and item.target.strip() for item in items)
