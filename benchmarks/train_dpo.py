"""Direct preference optimization: tokens per CPU second beside TRL's DPOTrainer, in turns in one process.

The pairs are dpo_zh_demo (LIANLU_TEST_DATA), those of which an answer with its prompt is longer than 1,024 tokens left out
on both sides; a Llama of 6.9 million parameters, batches of 8 pairs, fp32, one thread. TRL has its defaults (both answers
padded in one batch, a second model as the reference at every step) but for recomputing in the backward pass, which is off.
The first step of each run is not counted; the time of our reference scores, made before it, is counted in full for the
steps that are. Tokens are those of both answers and of the prompt of each. `equal`: all losses are the same to 1e-4.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from row import Row, arguments, show
from train_work import (
    Run,
    Same,
    Work,
    copied,
    demo,
    first_model,
    in_order,
    in_turns,
    ours,
    peer_settings,
    quiet,
    row_of_speeds,
    run_peer,
    tokenizer_of,
)

from lianlu.core.job import Job
from lianlu.train.encode import Encoder
from lianlu.train.objectives import Dpo
from lianlu.train.samples import Encoded, Pair
from lianlu.train.units import units_of

RATE = 1e-5
LONGEST = 1024
BETA = 0.1


def trimmed(sample: Encoded) -> Encoded:
    """Without what the template writes behind an answer: TRL learns all that follows a prompt."""
    end = int(np.flatnonzero(sample.mask)[-1]) + 1
    return Encoded(sample.id, sample.ids[:end], sample.mask[:end])


def pairs_of(items: Sequence[Any], tokenizer: Any) -> list[Pair]:
    units = units_of("pairs", items, Encoder(tokenizer, LONGEST, "all"), Job("bench", lambda _: None))
    return [
        replace(unit, chosen=trimmed(unit.chosen), rejected=trimmed(unit.rejected))
        for unit in units
        if isinstance(unit, Pair)
    ]


def trl_dpo(model: Any, reference: Any, pairs: Sequence[Pair], work: Work, place: Path, tokenizer: Any) -> Run:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    class Prepared(DPOTrainer):
        """Takes token ids, which TRL would make before the first step."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    order = in_order(pairs, work)
    return run_peer(
        Prepared,
        work,
        sum(each.tokens for each in order[work.batch :]),
        model=model,
        ref_model=reference,
        args=peer_settings(DPOConfig, work, place, beta=BETA, max_length=LONGEST, gradient_checkpointing=False),
        train_dataset=Dataset.from_list([row_of_pair(each) for each in order]),
        processing_class=tokenizer,
    )


def row_of_pair(pair: Pair) -> dict[str, list[int]]:
    prompt = int(np.flatnonzero(pair.chosen.mask)[0])
    return {
        "prompt_ids": pair.chosen.ids[:prompt].tolist(),
        "chosen_ids": pair.chosen.ids[prompt:].tolist(),
        "rejected_ids": pair.rejected.ids[prompt:].tolist(),
    }


def measure(pairs: Sequence[Pair], tokenizer: Any, work: Work, runs: int, place: Path, *, spoil: bool) -> Row:
    first = first_model(len(tokenizer))
    objective = Dpo(beta=BETA * (1.5 if spoil else 1))
    mine, peer = in_turns(
        runs,
        lambda: ours(copied(first), pairs, work, objective),
        lambda: trl_dpo(copied(first), copied(first), pairs, work, place, tokenizer),
    )
    return row_of_speeds(
        "DPO of 6.9M parameters on dpo_zh, fp32, 1 thread",
        "TRL DPOTrainer",
        mine,
        peer,
        bounds=(1.5, 3.0),
        limit=Same(1e-4),
        packages=("trl",),
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    items = demo("dpo_zh_demo")
    if items is None:
        return 0
    quiet()
    quick = given.quick or given.self_test
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tokenizer = tokenizer_of(items, place / "tokenizer")
        pairs = pairs_of(items, tokenizer)
        work = Work(3 if quick else 5, rate=RATE)
        row = measure(pairs, tokenizer, work, 1 if quick else 2, place / "out", spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
