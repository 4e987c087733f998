"""Items as what an objective learns from; what is of another kind or too long is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from lianlu.core.errors import DataError  # noqa: E402
from lianlu.core.events import Event, Note  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.records import Conversation, Preference, UnpairedPreference, assistant, user  # noqa: E402
from lianlu.train.encode import Encoder  # noqa: E402
from lianlu.train.reading import Item  # noqa: E402
from lianlu.train.samples import Pair, Rated  # noqa: E402
from lianlu.train.units import Wanted, units_of  # noqa: E402
from tiny_model import tiny_tokenizer  # noqa: E402

ASKED = Conversation(messages=(user("two?"), assistant("2"), user("three?")))


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return tiny_tokenizer()


def pair(name: str, chosen: str, rejected: str) -> Item:
    return Item(name, Preference(prompt=ASKED, chosen=assistant(chosen), rejected=assistant(rejected)))


def rated(name: str, answer: str, *, is_liked: bool = True, asked: str = "three?") -> Item:
    prompt = Conversation(messages=(user(asked),))
    return Item(name, UnpairedPreference(prompt=prompt, answer=assistant(answer), is_liked=is_liked))


def units(wanted: Wanted, items: list[Item], tokenizer: Any, *, most: int = 60, sink: Any = None) -> list[Any]:
    encoder = Encoder(tokenizer, most, "all", "leave-out")
    return units_of(wanted, items, encoder, Job("t", sink) if sink else Job("t"))


def learned(piece: Any, tokenizer: Any) -> str:
    return tokenizer.decode(piece.ids[piece.mask])


def test_of_a_pair_the_two_answers_alone_are_learned(tokenizer: Any) -> None:
    (found,) = units("pairs", [pair("a", "3", "four")], tokenizer)
    assert isinstance(found, Pair)
    assert [learned(piece, tokenizer) for piece in found.pieces] == ["3<|end|>", "four<|end|>"]
    prompts = [tokenizer.decode(piece.ids[~piece.mask]) for piece in found.pieces]
    assert prompts == ["<|user|>two?<|end|><|assistant|>2<|end|><|user|>three?<|end|><|assistant|>"] * 2


def test_a_rated_answer_has_the_answer_of_the_next_one_behind_its_own_prompt(tokenizer: Any) -> None:
    items = [rated("a", "3", asked="x"), rated("b", "no", is_liked=False, asked="y"), rated("c", "hm", asked="z")]
    found = units("ratings", items, tokenizer)
    assert all(isinstance(each, Rated) for each in found)
    assert [each.is_liked for each in found] == [True, False, True]
    assert [tokenizer.decode(each.other.ids) for each in found] == [
        f"<|user|>{asked}<|end|><|assistant|>{answer}<|end|>"
        for asked, answer in (("x", "no"), ("y", "hm"), ("z", "3"))
    ]


WRONG: dict[str, tuple[Wanted, Callable[[], Item], str]] = {
    "a conversation for pairs": ("pairs", lambda: Item("talk:1", ASKED), "train.wrong-kind"),
    "text for pairs": ("pairs", lambda: Item("text:1", "words"), "train.wrong-kind"),
    "a rating for pairs": ("pairs", lambda: rated("rated:1", "3"), "train.wrong-kind"),
    "a pair for ratings": ("ratings", lambda: pair("pair:1", "3", "4"), "train.wrong-kind"),
    "a conversation for ratings": ("ratings", lambda: Item("talk:1", ASKED), "train.wrong-kind"),
    "a pair for samples": ("samples", lambda: pair("pair:1", "3", "4"), "train.bad-sample"),
    "a rating for samples": ("samples", lambda: rated("rated:1", "3"), "train.bad-sample"),
}


@pytest.mark.parametrize(("wanted", "make", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_is_of_another_kind_is_named(wanted: Wanted, make: Callable[[], Item], code: str, tokenizer: Any) -> None:
    item = make()
    with pytest.raises(DataError) as caught:
        units(wanted, [item], tokenizer)
    assert caught.value.code == code
    for lang in ("en", "zh"):
        assert item.id in caught.value.message(lang)
        assert caught.value.hint(lang)


def test_what_is_too_long_is_left_out_and_told(tokenizer: Any) -> None:
    notes: list[Note] = []

    def sink(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event)

    items = [pair("short", "3", "4"), pair("long+", "3" * 60, "4"), pair("long-", "3", "4" * 60)]
    found = units("pairs", items, tokenizer, sink=sink)
    assert [each.id for each in found] == ["short"]
    assert [note.code for note in notes] == ["train.left-out"]
    assert all(part in notes[0].text for part in ("2", "3", "long+", "long-"))


def test_an_answer_that_is_short_enough_but_not_behind_the_other_prompt_is_left_out(tokenizer: Any) -> None:
    items = [rated("a", "3", asked="w" * 40), rated("b", "4" * 30), rated("c", "5")]
    assert [each.id for each in units("ratings", items, tokenizer)] == ["b", "c"]


@pytest.mark.parametrize(("wanted", "item"), [("pairs", pair("a", "3", "4")), ("ratings", rated("a", "3"))])
def test_nothing_left_is_an_error_that_names_the_limit(wanted: Wanted, item: Item, tokenizer: Any) -> None:
    with pytest.raises(DataError) as caught:
        units(wanted, [item], tokenizer, most=8)
    assert caught.value.code == "train.nothing-supervised"
    assert "8" in caught.value.hint("en")


def test_nothing_to_measure_on_is_no_error(tokenizer: Any) -> None:
    assert units("pairs", [], tokenizer) == units("ratings", [], tokenizer) == []
