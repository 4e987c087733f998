from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.synth import Item, Material, load_conversations
from lianlu.synth.generator import GeneratorConfig, Speech, has_chinese
from lianlu.synth.persona import PERSONA, common_characters
from lianlu.synth.phrasings import may_train
from lianlu.synth.step import RULES, SynthRulesRecipe

CONFIG = GeneratorConfig()


def items(language: Speech, count: int = 400) -> list[Item]:
    material = Material(system_prompts=("You are a helpful assistant.", "你是助手。"))
    return list(islice(PERSONA.items(CONFIG, "train", language, random=Random(1), material=material), count))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_item_is_somebody_else_and_says_so_in_its_system_prompt(language: Speech) -> None:
    made = items(language)
    assert len({item.system for item in made}) > 0.99 * len(made)
    assert all(item.target in item.system and item.target in item.answer for item in made)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_its_questions_are_those_of_identity_that_may_train(language: Speech) -> None:
    assert all(may_train(item.question, language) for item in items(language))


def test_names_come_in_both_scripts_in_either_language() -> None:
    for language in ("zh", "en"):
        chinese = [has_chinese(item.target) for item in items(language)]
        assert 0.1 < sum(chinese) / len(chinese) < 0.9


def test_common_characters_are_chinese_and_differ() -> None:
    assert len(set(common_characters())) == 3755
    assert all(has_chinese(each) for each in common_characters())


def test_a_conversation_begins_with_the_system_prompt_of_its_item(tmp_path) -> None:
    recipe = SynthRulesRecipe.model_validate({"generators": {"persona": {"train": 20, "eval": 4}}, "system_share": 0})
    RULES.run(recipe, {}, Job("test", outputs=tmp_path))
    made = load_conversations(Files.of_folder(tmp_path / "conversations", kind="conversations"))
    assert {each.messages[0].role for each in made} == {"system"}
    assert len({each.messages[0].text for each in made}) == 20
