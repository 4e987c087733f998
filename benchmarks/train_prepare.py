"""Preparing for training: 100,000 chats to token ids, masks and rows, beside TRL's SFTTrainer with packing.

The chats are those of alpaca_zh_demo (LIANLU_TEST_DATA) that are no longer than 1,000 tokens, again and again with other
numbers in them. Ours are encoded, written to the token cache and put into the rows of each step of 16; TRL's
`_prepare_dataset` (assistant_only_loss, packing into rows of 1,024) gets the same messages, and the same template with the
marks that tell it what an assistant says. Both hold the chats in memory before, and run on one thread; CPU seconds.
`equal`: the same samples, ids and what is learned of them, whatever rows they stand in.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from row import Row, arguments, median, show, versions
from train_work import Work, copied, demo, first_model, labels_of, peer_settings, quiet, tokenizer_of, unlearned

from lianlu.core.job import Job
from lianlu.nn.prefixes import LEAST_SHARED
from lianlu.records import Conversation, assistant, user
from lianlu.train.config import SftRecipe
from lianlu.train.encode import Encoder
from lianlu.train.reading import Item
from lianlu.train.samples import Encoded, samples_of_step, units_of_rows
from lianlu.train.template import render
from lianlu.train.token_cache import TokenCache
from lianlu.train.tokenizer import CHATML

LONGEST = 1024
ANSWER = "{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|im_end|>' + '\\n' }}"
MARKED = (
    "{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}"
    "{{ (message['content'] or '') + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}"
    f"{{% else %}}{ANSWER}{{% endif %}}"
)
Samples = Counter[bytes]


@dataclass(frozen=True)
class Prepared:
    """CPU seconds, and how often each sample is there."""

    seconds: float
    samples: Samples


def varied(items: Sequence[Item], count: int) -> Iterator[Item]:
    """`count` chats made of `items`, no two alike."""
    for number, item in enumerate(islice(cycle(items), count)):
        (asked, answered) = item.content.messages[-2:]
        messages = (user(f"{asked.text}（第{number}问）"), assistant(f"{answered.text}\n（编号{number * 7}）"))
        yield Item(f"{number}", Conversation(messages=messages))


def ours(items: list[Item], tokenizer: Any, place: Path, *, spoil: bool) -> Prepared:
    recipe, job = SftRecipe(), Job("bench", lambda _: None)
    start = time.process_time()
    encoder = Encoder(tokenizer, LONGEST, "all")
    samples = TokenCache.write(place, "bench", encoder.encode(items, job))
    steps = -(-len(samples) // recipe.batch_size)
    for step in range(steps):
        chosen = samples_of_step(step, len(samples), recipe.batch_size, 0)
        units_of_rows([samples[int(index)] for index in chosen], recipe.row_tokens, LEAST_SHARED)
    seconds = time.process_time() - start
    return Prepared(seconds, counted(unlearned(each) if spoil else each for each in samples))


def counted(samples: Iterable[Encoded]) -> Samples:
    return Counter(key_of(each.ids, labels_of(each)) for each in samples)


def key_of(ids: Any, labels: Any) -> bytes:
    return np.asarray(ids, dtype=np.int32).tobytes() + np.asarray(labels, dtype=np.int32).tobytes()


def trl(items: Sequence[Item], tokenizer: Any, place: Path) -> Prepared:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    seconds: list[float] = []

    class Timed(SFTTrainer):
        def _prepare_dataset(self, *given: Any, **named: Any) -> Any:
            start = time.process_time()
            made = super()._prepare_dataset(*given, **named)
            seconds.append(time.process_time() - start)
            return made

    rows = [
        {"messages": [{"role": each.role, "content": each.text} for each in item.content.messages]} for item in items
    ]
    settings = peer_settings(
        SFTConfig,
        Work(1),
        place,
        packing=True,
        max_length=LONGEST,
        assistant_only_loss=True,
        gradient_checkpointing=False,
    )
    model = copied(first_model(len(tokenizer)))
    trainer = Timed(model=model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer)
    return Prepared(seconds[0], Counter(unpacked(trainer.train_dataset)))


def unpacked(rows: Any) -> Iterator[bytes]:
    for row in rows:
        start = 0
        for length in row["seq_lengths"]:
            part = slice(start, start + length)
            yield key_of(row["input_ids"][part], row["labels"][part])
            start += length


def measure(items: list[Item], tokenizers: tuple[Any, Any], runs: int, place: Path, *, spoil: bool) -> Row:
    mine: list[Prepared] = []
    peer: list[Prepared] = []
    for turn in range(runs):
        mine.append(ours(items, tokenizers[0], place / f"ours-{turn}", spoil=spoil))
        peer.append(trl(items, tokenizers[1], place / "theirs"))
    return Row(
        case=f"prepare {len(items):,} chats of alpaca_zh, 1 thread",
        against="TRL SFTTrainer, packing",
        ours=median(each.seconds for each in mine),
        peer=median(each.seconds for each in peer),
        unit="CPU s",
        floor=None,
        goal=5.0,
        runs=runs,
        equal=mine[-1].samples == peer[-1].samples and mine[-1].samples.total() == len(items),
        versions=versions("tokenizers", "transformers", "trl", "datasets"),
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    found = demo("alpaca_zh_demo")
    if found is None:
        return 0
    quiet()
    from datasets import disable_caching

    disable_caching()
    count = 10_000 if given.quick or given.self_test else 100_000
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tokenizer = tokenizer_of(found, place / "tokenizer")
        marked = tokenizer_of(found, place / "marked")
        marked.chat_template = CHATML.replace(ANSWER, MARKED)
        short = [each for each in found if render(tokenizer, each.content).tokens <= LONGEST - 24]
        items = list(varied(short, count))
        row = measure(items, (tokenizer, marked), 1, place, spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
