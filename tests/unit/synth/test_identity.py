from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from pydantic import ValidationError

from lianlu.synth import Item, Material
from lianlu.synth.generator import Speech, Split
from lianlu.synth.identity import IDENTITY, IdentityConfig
from lianlu.synth.phrasings import PHRASINGS, normalised

CONFIG = IdentityConfig(name="Mimi", author="Ann Lee", organization="The Lab")
PROMPTS = Material(system_prompts=("你是助手。", "You are an assistant."))


def items(split: Split, language: Speech, count: int = 300) -> list[Item]:
    return list(islice(IDENTITY.items(CONFIG, split, language, random=Random(1), material=PROMPTS), count))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_answer_says_what_was_asked_for(language: Speech) -> None:
    said = {item.facts["intent"]: item.target for item in items("train", language)}
    assert said == {"name": "Mimi", "author": "Ann Lee", "organization": "The Lab", "other": "Mimi"}
    assert all(item.target in item.answer for item in items("train", language))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_evaluation_asks_with_and_without_a_system_prompt_of_its_language(language: Speech) -> None:
    made = items("eval", language)
    prompts = {item.system for item in made}
    assert prompts == {"", "你是助手。" if language == "zh" else "You are an assistant."}
    assert abs(sum(bool(item.system) for item in made) - 150) <= 1


@pytest.mark.parametrize("language", ["zh", "en"])
def test_phrasings_of_the_splits_differ_in_more_than_punctuation(language: Speech) -> None:
    train = {normalised(item.question) for item in items("train", language, 4000)}
    assert len(train) > 300
    assert train.isdisjoint(normalised(item.question) for item in items("eval", language, 1000))


def test_every_intent_has_phrasings_of_both_splits() -> None:
    for intents in PHRASINGS.values():
        for kind in intents.values():
            assert len(set(map(normalised, kind["train"]))) == len(kind["train"]) >= 10
            assert len(set(map(normalised, kind["eval"]))) == len(kind["eval"]) >= 3


@pytest.mark.parametrize("name", ["", "   ", "{{name}}", "a\nb", "x" * 101, "<|im_end|>"])
def test_a_name_that_would_break_the_data_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        IdentityConfig(name=name)
