"""Tokenizers lose no text, are the same for the same text, and are read by transformers."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lianlu.core.errors import UsageError
from lianlu.nn.weights import load_tokenizer
from lianlu.train.reading import Item
from lianlu.train.shapes import content_of
from lianlu.train.tokenizer import CHATML, learn_tokenizer, texts_of

ITEMS = [Item("a", "strawberry 草莓 " * 9), Item("b", "hello hello world")]


@pytest.mark.parametrize("algorithm", ["character", "bpe"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_comes_back(tmp_path: Path, algorithm: str, text: str) -> None:
    folder = tmp_path / algorithm
    if not folder.exists():
        learn_tokenizer(ITEMS, folder, algorithm=algorithm, vocabulary=400)
    tokenizer = load_tokenizer(folder)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@pytest.mark.parametrize("algorithm", ["character", "bpe"])
def test_equal_texts_give_equal_bytes(tmp_path: Path, algorithm: str) -> None:
    counts = [learn_tokenizer(ITEMS, tmp_path / each, algorithm=algorithm, vocabulary=400) for each in "ab"]
    assert counts[0] == counts[1] <= 400
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_character_is_a_token_and_a_stranger_is_its_bytes(tmp_path: Path) -> None:
    learn_tokenizer(ITEMS, tmp_path / "t")
    tokenizer = load_tokenizer(tmp_path / "t")
    assert tokenizer.convert_ids_to_tokens(tokenizer("straw草")["input_ids"]) == list("straw草")
    assert tokenizer.convert_ids_to_tokens(tokenizer("é")["input_ids"]) == ["<0xC3>", "<0xA9>"]
    assert tokenizer.chat_template == CHATML
    assert tokenizer.convert_ids_to_tokens([tokenizer.pad_token_id, tokenizer.eos_token_id]) == [
        "<|endoftext|>",
        "<|im_end|>",
    ]


def test_rare_characters_can_be_left_to_bytes(tmp_path: Path) -> None:
    learn_tokenizer(ITEMS, tmp_path / "t", least_count=9)
    vocabulary = load_tokenizer(tmp_path / "t").get_vocab()
    assert "草" in vocabulary
    assert "d" not in vocabulary


def test_nothing_to_learn_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        learn_tokenizer([Item("a", "")], tmp_path / "t")
    assert raised.value.code == "train.no-data"


def test_a_pair_gives_the_texts_of_its_prompt_and_both_answers() -> None:
    pair = content_of({"prompt": "q", "chosen": "a", "rejected": "b"})
    assert list(texts_of(Item("p", pair))) == ["q", "a", "b"]
    assert list(texts_of(Item("t", "text"))) == ["text"]
