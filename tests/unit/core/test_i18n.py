"""Which language is shown, how texts are filled, and what is suggested for a misspelt name."""

from __future__ import annotations

import pytest

from lianlu.core.i18n import Text, language, pick, suggest, using_language

VARIABLES = ("LIANLU_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "zh_TW"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LIANLU_LANG": "en"}, "en"),
        ({"LANG": "en_US", "LIANLU_LANG": "zh"}, "zh"),
        ({"LIANLU_LANG": "ZH-Hans"}, "zh"),
        ({"LIANLU_LANG": "cn"}, "zh"),
        ({"LIANLU_LANG": "fr"}, "en"),
        ({"LIANLU_LANG": "", "LANG": "zh_CN"}, "zh"),
    ],
    ids=str,
)
def test_the_language_follows_the_environment(
    environment: dict[str, str], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert language() == shown


def test_using_language_ends_with_its_block_even_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), using_language("zh"):  # noqa: PT012 - the block is what fails
        assert pick("done", "完成") == "完成"
        with using_language("en"):
            assert pick("done", "完成") == "done"
        raise ValueError("x")
    assert language() == "en"


def test_a_text_without_facts_keeps_its_braces() -> None:
    assert Text("{a}", "{b}").show("en") == "{a}"


def test_facts_that_are_texts_are_shown_in_the_same_language() -> None:
    assert Text("see {x}", "见 {x}").show("zh", x=Text("below", "下文")) == "见 下文"


@pytest.mark.parametrize(
    ("name", "choices", "said"),
    [
        ("lerning_rate", ["learning_rate", "epochs"], "did you mean 'learning_rate'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], "known: none"),
        ("", ["a"], "known: a"),
        (
            "zzz",
            [f"name{i:02}" for i in range(20)],
            "known: name00, name01, name02, name03, name04, name05, name06, name07, name08, name09, name10, name11, …",
        ),
    ],
    ids=["near", "far", "nothing known", "empty", "many"],
)
def test_a_misspelt_name_gets_the_nearest_or_the_first_few(name: str, choices: list[str], said: str) -> None:
    assert suggest(name, choices).en == said


def test_suggestions_exist_in_chinese() -> None:
    assert suggest("epoch", ["epochs"]).zh == "是不是想写 'epochs'？"
