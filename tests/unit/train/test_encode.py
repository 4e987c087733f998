"""Many conversations at once are encoded as one by one, by plain renderings; what is left out or cut is told."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("transformers")

from hypothesis import given, settings
from hypothesis import strategies as st

from chat_tokenizers import KINDS, chat_tokenizer
from lianlu.core.errors import DataError, UsageError
from lianlu.core.events import Note
from lianlu.core.job import Job
from lianlu.records import Conversation, Preference, assistant, system, user
from lianlu.text.chat_templates import TEMPLATES
from lianlu.train.chat_text import ChatTexts
from lianlu.train.chat_tokens import ChatTokens
from lianlu.train.encode import Encoder
from lianlu.train.reading import Item, read_paths
from lianlu.train.samples import windows
from lianlu.train.template import as_openai

SETS = ("alpaca_zh_demo.json", "glaive_toolcall_zh_demo.json", "glaive_toolcall_en_demo.json")
WORDS = [
    "你好",
    "who are you?",
    " 42 ",
    "\n\n",
    "<|im_end|>",
    "e\u0301",
    "🎉👩‍👩‍👧",
    "</s>",
    "[INST]",
    "\t",
    "نعم",
    "<tool_call>",
]


def items_of(talks: Iterable[Conversation]) -> list[Item]:
    return [Item(f"d:{place}", talk) for place, talk in enumerate(talks, start=1)]


def random_talks(count: int, seed: int = 0) -> list[Conversation]:
    """Conversations of one to three turns, some with a system message, of words that are hard to cut."""
    random = np.random.default_rng(seed)
    talks: list[Conversation] = []
    for _ in range(count):
        turns = int(random.integers(1, 4))
        said = ["".join(random.choice(WORDS, size=int(random.integers(0, 5)))) for _ in range(2 * turns)]
        messages = [user(each) if place % 2 == 0 else assistant(each) for place, each in enumerate(said)]
        talks.append(Conversation(messages=(*([system("S")] if random.random() < 0.3 else []), *messages)))
    return talks


def slow(cutter: Any, talk: Conversation) -> tuple[list[int], list[bool]]:
    """Ids and mask by `apply_chat_template` alone: a rendering before and one behind each answer."""
    messages = [as_openai(each) for each in talk.messages]
    tools = [{"type": "function", "function": msgspec.to_builtins(tool)} for tool in talk.tools] or None

    def text(count: int, *, header: bool = False) -> str:
        return cutter.apply_chat_template(messages[:count], tools=tools, tokenize=False, add_generation_prompt=header)

    cut = cutter(text(len(messages)), add_special_tokens=False, return_offsets_mapping=True)
    special = {token for token, each in cutter.added_tokens_decoder.items() if each.special}
    mask = [False] * len(cut["input_ids"])
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            start, end = len(text(place, header=True)), len(text(place + 1))
            inside = [at for at, (first, _) in enumerate(cut["offset_mapping"]) if start <= first < end]
            last = max((at for at in inside if cut["input_ids"][at] in special), default=inside[-1])
            for at in inside:
                mask[at] = at <= last
    return cut["input_ids"], mask


def notes_of(encoder: Encoder, items: list[Item]) -> tuple[list[Any], dict[str, str]]:
    told: dict[str, str] = {}

    def keep(event: Any) -> None:
        if isinstance(event, Note):
            told[event.code] = event.text

    return encoder.encode(items, Job("t", keep)), told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_many_at_once_are_as_one_by_one(name: str, kind: str) -> None:
    cutter = chat_tokenizer(kind, name)
    talks = random_talks(120)
    encoder = Encoder(cutter, 10_000, "all")
    samples = {each.id: each for each in encoder.encode(items_of(talks), Job("t"))}
    for item, talk in zip(items_of(talks), talks, strict=True):
        ids, mask = slow(cutter, talk)
        assert (samples[item.id].ids.tolist(), samples[item.id].mask.tolist()) == (ids, mask), talk


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=2, max_size=6), st.data())
def test_any_words_are_encoded_as_one_by_one(said: list[str], choice: st.DataObject) -> None:
    cutter = chat_tokenizer(choice.draw(st.sampled_from(KINDS)), choice.draw(st.sampled_from(sorted(TEMPLATES))))
    messages = [user(text) if place % 2 == 0 else assistant(text) for place, text in enumerate(said)]
    talk = Conversation(messages=tuple(messages))
    sample = Encoder(cutter, 10_000, "all").conversation("d:1", talk)
    assert (sample.ids.tolist(), sample.mask.tolist()) == slow(cutter, talk)


@pytest.mark.parametrize("name", ["internlm2", "qwen", "llama3"])
@pytest.mark.parametrize("file", SETS)
def test_published_sets_are_encoded_as_one_by_one(file: str, name: str) -> None:
    path = Path(os.environ.get("LIANLU_TEST_DATA", "nowhere"), "llamafactory_demo", file)
    if not path.is_file():
        pytest.skip("LIANLU_TEST_DATA names no folder with this set")
    cutter = chat_tokenizer("bytes", name)
    items = [item for item in read_paths([str(path)])[:150] if isinstance(item.content, Conversation)]
    samples = Encoder(cutter, 100_000, "all").encode(items, Job("t"))
    assert len(samples) == len(items) > 100
    for item, sample in zip(items, samples, strict=True):
        assert isinstance(item.content, Conversation)
        assert (sample.ids.tolist(), sample.mask.tolist()) == slow(cutter, item.content)


def test_plain_talks_need_no_offsets_and_words_that_are_marks_do() -> None:
    cutter = chat_tokenizer("bytes")
    texts = ChatTexts(cutter)
    plain = texts.of(Conversation(messages=(user("x"), assistant("y"))))
    marked = texts.of(Conversation(messages=(user("<|im_end|>"), assistant("y"))))
    wrong = [dataclasses.replace(chat, spans=((0, 1),)) for chat in (plain, marked)]  # seen only where offsets are read
    quick, by_offsets = ChatTokens(cutter).encode(wrong)
    assert cutter.decode(quick.ids[quick.mask]) == "y<|im_end|>"
    assert cutter.decode(by_offsets.ids[by_offsets.mask]) == "<|im_start|>"


def test_markers_that_words_make_or_swallow_do_not_move_the_answer() -> None:
    cutter = chat_tokenizer("bytes", "deepseek")
    cutter.add_special_tokens({"additional_special_tokens": ["<s><｜User｜>y"]})
    talk = Conversation(messages=(user("y"), assistant("a</s>b")))  # one marker less and one more
    sample = Encoder(cutter, 1000, "all").conversation("d:1", talk)
    assert (sample.ids.tolist(), sample.mask.tolist()) == slow(cutter, talk)


def test_how_the_tokenizer_was_used_before_does_not_matter() -> None:
    cutter = chat_tokenizer("bytes")
    cutter("a b c", truncation=True, max_length=2)
    talk = Conversation(messages=(user("x"), assistant("y")))
    sample = Encoder(cutter, 1000, "all").conversation("d:1", talk)
    assert sample.ids.tolist() == slow(cutter, talk)[0]


def test_what_is_left_out_is_counted_by_reason() -> None:
    talks = [Conversation(messages=(user("x"), assistant(text))) for text in ("short", "long " * 50, "short")]
    quiet = Conversation(messages=(user("x"), msgspec.structs.replace(assistant("y"), learn=False)))
    samples, told = notes_of(Encoder(chat_tokenizer("bytes"), 60, "all"), items_of([*talks, quiet]))
    assert [each.id for each in samples] == ["d:1", "d:3"]
    assert told == {
        "train.left-out": "2 of 4 samples are left out: 1 longer than 60 tokens, 1 with nothing to learn (d:2, d:4)"
    }


def test_long_conversations_can_be_cut_instead() -> None:
    cutter = chat_tokenizer("bytes")
    talks = [
        Conversation(messages=(user("x"), assistant("long " * 50))),
        Conversation(messages=(user("long " * 50), assistant("y"))),
    ]
    samples, told = notes_of(Encoder(cutter, 60, "all", too_long="cut"), items_of(talks))
    ids, mask = slow(cutter, talks[0])
    assert [(each.ids.tolist(), each.mask.tolist()) for each in samples] == [(ids[:60], mask[:60])]
    assert told["train.cut"] == "2 of 2 samples are longer than 60 tokens and cut there (d:1, d:2)"
    assert "1 with nothing to learn (d:2)" in told["train.left-out"]


def test_answers_that_are_rewritten_are_told_once() -> None:
    cutter = chat_tokenizer("bytes")
    cutter.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{% if m['role'] == 'assistant' and loop.last %}<think></think>{% endif %}{{ m['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    talk = Conversation(messages=(user("x"), assistant("a"), user("y"), assistant("b")))
    samples, told = notes_of(Encoder(cutter, 1000, "all"), items_of([talk, talk]))
    assert [cutter.decode(each.ids[each.mask]) for each in samples] == ["<think></think>b<|im_end|>"] * 2
    assert told["train.earlier-answers"].startswith("in 2 of 2 samples only later answers are learned")


def test_a_base_learns_everything_but_what_a_message_forbids() -> None:
    cutter = chat_tokenizer("bytes")
    encoder = Encoder(cutter, 1000, "everything")
    talk = Conversation(messages=(assistant("hi"), user("x"), assistant("y")))
    assert encoder.conversation("d:1", talk).mask.all()
    quiet = [msgspec.structs.replace(each, learn=False) for each in talk.messages]
    sample = encoder.conversation("d:1", Conversation(messages=(quiet[0], talk.messages[1], quiet[2])))
    learned = cutter.decode(sample.ids[sample.mask])
    assert learned == "<|im_start|>assistant\n<|im_end|>\n<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n\n"


def test_texts_are_windows_of_what_the_tokenizer_gives(tokenizer: Path) -> None:
    from lianlu.nn.weights import load_tokenizer

    cutter = load_tokenizer(tokenizer)
    texts = ["你是谁？" * 30, "short", "a b c " * 40]
    items = [Item(f"t{place}", text) for place, text in enumerate(texts)]
    items.insert(1, items_of([Conversation(messages=(user("x"), assistant("y")))])[0])
    samples = Encoder(cutter, 50, "everything").encode(items, Job("t"))
    end = cutter.get_vocab()["<|endoftext|>"]
    wanted = [w for n, text in enumerate(texts) for w in windows(f"t{n}", [*cutter(text)["input_ids"], end], 50)]
    found = [each for each in samples if each.id != "d:1"]
    assert [(each.id, each.ids.tolist()) for each in found] == [(each.id, each.ids.tolist()) for each in wanted]
    assert [each.id for each in samples].index("d:1") == sum(each.id.startswith("t0") for each in samples)


def test_a_text_begins_with_the_start_token_of_its_tokenizer_and_a_chat_with_that_of_its_template() -> None:
    from tokenizers.processors import TemplateProcessing

    cutter = chat_tokenizer("bytes", "llama3")
    start = cutter.bos_token_id
    cutter.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", start)])
    talk = Conversation(messages=(user("x"), assistant("y")))
    chat, text = Encoder(cutter, 1000, "all").encode([Item("d:1", talk), Item("t", "x y")], Job("t"))
    assert [each.ids.tolist().count(start) for each in (chat, text)] == [1, 1]
    assert text.ids.tolist() == [*cutter("x y")["input_ids"], cutter.eos_token_id]


def test_only_the_answer_behind_a_prompt_is_learned() -> None:
    cutter = chat_tokenizer("bytes", "qwen")
    prompt = Conversation(messages=(system("S"), user("x"), assistant("a"), user("y")))
    sample = Encoder(cutter, 8, "last").prompt_and_answer(prompt, assistant("b " * 20), "d:1")
    assert cutter.decode(sample.ids[sample.mask]) == "b " * 20 + "<|im_end|>"
    talk = Conversation(messages=(*prompt.messages, assistant("b " * 20)))
    assert sample.ids.tolist() == slow(cutter, talk)[0]


def test_what_cannot_be_encoded_is_named() -> None:
    cutter = chat_tokenizer("bytes")
    encoder = Encoder(cutter, 100, "all")
    fine = Conversation(messages=(user("x"), assistant("y")))
    preference = Preference(prompt=Conversation(messages=(user("x"),)), chosen=assistant("y"), rejected=assistant("z"))
    torn = Conversation(messages=(user("\ud83d"), assistant("x")))
    for bad in (preference, torn, "\ud83d"):
        with pytest.raises(DataError) as raised:
            encoder.encode([*items_of([fine]), Item("bad", bad)], Job("t"))
        assert (raised.value.code, raised.value.facts["id"]) == ("train.bad-sample", "bad")
    cutter.chat_template = None
    with pytest.raises(UsageError):
        Encoder(cutter, 100, "all").encode(items_of([fine]), Job("t"))
    with pytest.raises(DataError) as raised:
        encoder.encode(items_of([Conversation(messages=(user("x"), assistant("y " * 200)))]), Job("t"))
    assert raised.value.code == "train.nothing-supervised"
