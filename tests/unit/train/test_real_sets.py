"""Public sets in the formats people have, read where LIANLU_TEST_DATA has them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from lianlu.records import Conversation, ImagePart, Preference, ToolCallPart, ToolResultPart, UnpairedPreference
from lianlu.train.doctor import examine
from lianlu.train.reading import Item, read_leniently, read_paths
from lianlu.train.shapes import messages_of

DATA = Path(os.environ.get("LIANLU_TEST_DATA", "/nonexistent"))


def read(name: str) -> list[Item]:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"LIANLU_TEST_DATA has no {name}")
    return read_paths([str(path)])


@pytest.mark.parametrize(
    ("name", "count", "kind"),
    [
        ("llamafactory_demo/alpaca_en_demo.json", 999, Conversation),
        ("llamafactory_demo/alpaca_zh_demo.json", 1000, Conversation),
        ("llamafactory_demo/identity.json", 91, Conversation),
        ("llamafactory_demo/c4_demo.jsonl", 300, str),
        ("llamafactory_demo/wiki_demo.txt", 1, str),
        ("llamafactory_demo/dpo_en_demo.json", 300, Preference),
        ("llamafactory_demo/dpo_zh_demo.json", 300, Preference),
        ("llamafactory_demo/v1_dpo_demo.jsonl", 10, Preference),
        ("llamafactory_demo/kto_en_demo.json", 300, UnpairedPreference),
        ("llamafactory_demo/v1_sft_demo.jsonl", 500, Conversation),
        ("llamafactory_demo/glaive_toolcall_en_demo.json", 300, Conversation),
        ("llamafactory_demo/glaive_toolcall_zh_demo.json", 300, Conversation),
        ("llamafactory_demo/reason_tool_use_demo_50.jsonl", 50, Conversation),
        ("llamafactory_demo/mllm_demo.json", 6, Conversation),
        ("xtuner_demo/single_turn/data.json", 2, Conversation),
        ("xtuner_demo/multi_turn_1/data.json", 2, Conversation),
        ("xtuner_demo/multi_turn_2/data.json", 2, Conversation),
        ("xtuner_demo/pretrain/data.json", 2, str),
    ],
)
def test_a_public_set_is_read_whole(name: str, count: int, kind: type) -> None:
    items = read(name)
    assert (len(items), {type(item.content) for item in items}) == (count, {kind})


def test_turns_with_a_prefix_are_the_same_as_messages() -> None:
    turns, messages = read("xtuner_demo/multi_turn_1/data.json"), read("xtuner_demo/multi_turn_2/data.json")
    assert [each.content for each in turns] == [each.content for each in messages]


def test_folders_are_read_without_their_registry() -> None:
    read("llamafactory_demo/identity.json")
    items, bad = read_leniently([str(DATA / "llamafactory_demo")])
    assert (bad, len({item.id for item in items})) == ([], len(items))


@pytest.mark.parametrize("name", ["glaive_toolcall_en_demo.json", "glaive_toolcall_zh_demo.json"])
def test_every_result_answers_a_call(name: str) -> None:
    for item in read(f"llamafactory_demo/{name}"):
        parts = [part for message in messages_of(item.content) for part in message.parts]
        calls = [part.id for part in parts if isinstance(part, ToolCallPart)]
        results = [part.call_id for part in parts if isinstance(part, ToolResultPart)]
        assert set(results) - {""} <= set(calls)
        assert isinstance(item.content, Conversation)


def test_weights_pictures_and_thoughts_are_kept() -> None:
    weighed = read("llamafactory_demo/v1_sft_demo.jsonl")[0]
    assert [message.learn for message in messages_of(weighed.content)] == [False, True]
    (picture, _), *_ = [message.parts for message in messages_of(read("llamafactory_demo/mllm_demo.json")[0].content)]
    assert picture == ImagePart(uri="mllm_demo_data/1.jpg")
    kinds = Counter(
        type(part).__name__
        for item in read("llamafactory_demo/reason_tool_use_demo_50.jsonl")
        for message in messages_of(item.content)
        for part in message.parts
    )
    assert (kinds["ReasoningPart"], kinds["ToolResultPart"]) == (112, 42)


@pytest.mark.parametrize(
    ("name", "findings"),
    [
        ("alpaca_zh_demo.json", {"placeholder": 1, "duplicate": 8}),
        ("alpaca_en_demo.json", {"duplicate": 14}),
        ("identity.json", {"placeholder": 85}),
        ("c4_demo.jsonl", {}),
        ("mllm_demo.json", {}),
    ],
)
def test_the_doctor_finds_what_is_there_and_no_more(name: str, findings: dict[str, int]) -> None:
    assert {each.code: each.count for each in examine(read(f"llamafactory_demo/{name}"))} == findings
