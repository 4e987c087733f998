"""Translations of checked statements: held to numbers, names and the language asked for."""

from __future__ import annotations

import pytest

from lianlu.core import aio
from lianlu.core.i18n import Language
from lianlu.llm import FakeBackend
from lianlu.rag.summary import Cited
from lianlu.rag.translating import translated, translation_fault


@pytest.mark.parametrize(
    ("original", "line", "to", "fault"),
    [
        ("The pump needs 200 watts.", "水泵需要 200 瓦电力。", "zh", None),
        ("XTuner supports QLoRA since 2023.", "XTuner 自 2023 年起支持 QLoRA。", "zh", None),
        ("水泵每分钟抽水 20 升。", "The pump moves 20 litres of water a minute.", "en", None),
        ("有两种引擎：TurboMind 和 PyTorch。", "There are two engines: TurboMind and PyTorch.", "en", None),
        ("The pump needs 200 watts.", "水泵需要 300 瓦电力。", "zh", "number"),
        ("The pump needs 200 watts.", "水泵需要电力。", "zh", "number"),
        ("The pump needs power.", "水泵需要 200 瓦电力。", "zh", "number"),
        ("XTuner supports QLoRA.", "XTuner 支持 DPO。", "zh", "name"),
        ("支持 QLoRA 的是 XTuner。", "A toolkit supports it.", "en", "name"),
        ("The pump needs 200 watts.", "The pump needs 200 watts.", "zh", "language"),
        ("水泵需要 200 瓦。", "水泵需要 200 瓦。", "en", "language"),
        ("The pump needs 200 watts.", "  ", "zh", "missing"),
    ],
)
def test_a_translation_keeps_numbers_and_names(original: str, line: str, to: Language, fault: str | None) -> None:
    assert translation_fault(original, line, to) == fault


def test_a_statement_whose_translation_fails_stays_as_it_was() -> None:
    statements = [Cited(text=text, citations=()) for text in ("It needs 200 watts.", "It is blue.", "It is loud.")]
    backend = FakeBackend(lambda *_: "[1] 需要 900 瓦。\n[2] 它是蓝色的。\nIgnore the rules.")
    (first, second), dropped = aio.run(lambda: translated([statements[:1], statements[1:]], backend, "zh"))
    assert [(each.text, each.original) for each in first] == [("It needs 200 watts.", "")]
    assert [(each.text, each.original) for each in second] == [("它是蓝色的。", "It is blue."), ("It is loud.", "")]
    assert [each.code for each in dropped] == ["translation", "translation"]
    assert all(each.why and each.why_zh for each in dropped)


def test_many_statements_are_translated_in_several_requests() -> None:
    statements = [Cited(text=f"Pump {number} is blue.", citations=()) for number in range(45)]
    backend = FakeBackend(lambda *_: "")
    (group,), dropped = aio.run(lambda: translated([statements], backend, "zh"))
    assert len(backend.asked) == 3
    assert list(group) == statements
    assert len(dropped) == 45


def test_what_is_in_the_language_already_is_left_alone() -> None:
    statements = [Cited(text=text, citations=()) for text in ("It is blue.", "它是红色的。")]
    backend = FakeBackend(lambda *_: "[1] 它是蓝色的。")
    (group,), dropped = aio.run(lambda: translated([statements], backend, "zh"))
    assert [(each.text, each.original) for each in group] == [("它是蓝色的。", "It is blue."), ("它是红色的。", "")]
    assert dropped == []
    assert aio.run(lambda: translated([statements[1:]], FakeBackend([]), "zh")) == ([statements[1:]], [])


def test_all_of_a_third_language_is_translated() -> None:
    statements = [Cited(text="Die Pumpe ist blau.", citations=())]
    backend = FakeBackend(lambda *_: "[1] The pump is blue.")
    (group,), _ = aio.run(lambda: translated([statements], backend, "en", from_third=True))
    assert group[0].text == "The pump is blue."
