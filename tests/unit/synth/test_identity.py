from __future__ import annotations

from collections import Counter
from itertools import islice
from random import Random

import pytest
from pydantic import ValidationError

from lianlu.synth import Item, Material
from lianlu.synth.generator import Speech, Split
from lianlu.synth.identity import IDENTITY, IdentityConfig
from lianlu.synth.phrasings import PHRASINGS, filled, may_train, normalised, wrapped

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
def test_no_training_question_is_or_holds_a_phrasing_of_evaluation(language: Speech) -> None:
    train = {normalised(item.question) for item in items("train", language, 5000)}
    asked = {normalised(item.question) for item in items("eval", language, 1000)}
    held = [normalised(each) for kind in PHRASINGS[language].values() for each in kind["eval"]]
    assert train.isdisjoint(asked)
    assert not [(each, question) for question in train for each in held if each in question]
    assert all(any(each in question for each in held) for question in asked)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_training_asks_in_many_ways_and_each_item_is_right(language: Speech) -> None:
    made = items("train", language, 2000)
    assert len({normalised(item.question) for item in made}) >= 1600
    assert {IDENTITY.fault(CONFIG, item) for item in made} == {""}
    counts = Counter(item.facts["intent"] for item in made)
    assert min(counts.values()) > 0.7 * max(counts.values())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_training_phrasing_can_be_asked(language: Speech) -> None:
    random = Random(1)
    for kind in PHRASINGS[language].values():
        for core in kind["train"]:
            assert any(may_train(filled(core, language, random, but="Mimi"), language) for _ in range(50)), core


def test_a_question_in_a_wrapper_is_one_of_a_third_and_a_request_has_none() -> None:
    random = Random(1)
    cases: list[tuple[Speech, str, str]] = [
        ("zh", "你是谁", "介绍一下你自己"),
        ("en", "who are you", "introduce yourself"),
    ]
    for language, question, request in cases:
        made = Counter(wrapped(question, language, random) for _ in range(1000))
        assert 300 < 1000 - made[question] < 400
        assert len(made) > 25
        assert all(question in each for each in made)
        assert {wrapped(request, language, random) for _ in range(100)} == {request}


def test_only_a_chinese_question_with_a_question_word_goes_inside_a_sentence() -> None:
    random = Random(1)
    inside = {wrapped("你是谁", "zh", random) for _ in range(1000)}
    assert "我想知道你是谁" in inside
    assert "我想知道你是Siri吗" not in {wrapped("你是Siri吗", "zh", random) for _ in range(1000)}
    assert not {"tell me who are you", "I wonder who are you"} & {
        wrapped("who are you", "en", random) for _ in range(1000)
    }


def test_a_shared_name_is_never_somebody_elses() -> None:
    config = IdentityConfig(name="siri", author="Ann Lee", organization="The Lab")
    made = islice(IDENTITY.items(config, "train", "en", random=Random(1), material=PROMPTS), 5000)
    assert not [item for item in made if "siri" in item.question.casefold()]


def test_every_intent_has_phrasings_of_both_splits() -> None:
    for intents in PHRASINGS.values():
        for kind in intents.values():
            assert len(set(map(normalised, kind["train"]))) == len(kind["train"]) >= 60
            assert len(set(map(normalised, kind["eval"]))) == len(kind["eval"]) >= 3


@pytest.mark.parametrize("name", ["", "   ", "{{name}}", "a\nb", "x" * 101, "<|im_end|>"])
def test_a_name_that_would_break_the_data_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        IdentityConfig(name=name)
