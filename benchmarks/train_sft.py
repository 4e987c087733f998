"""Fine-tuning: tokens per CPU second beside the Trainer of transformers and TRL's SFTTrainer, in turns in one process.

Two mixtures (LIANLU_TEST_DATA), each with a tokenizer of 8,192 pairs learned from it: all chat sets of LLaMA-Factory's
demo folder together (identity, alpaca and tool calls in two languages: short and long samples, so that padding triples a
batch, as in the lognormal mixture from which floors and goals come), and alpaca_zh alone, whose samples are so much alike
that padding only doubles it. A new Llama of 6.9 million parameters, batches of 8, AdamW, one thread. The Trainer pads each
batch to its longest sample; TRL puts each batch into one row (`padding_free`). The first step of each run is not counted.
`equal`: all losses are the same (1e-4 in fp32, 3e-2 in bf16), and in fp32 all weights at the end (1e-4).

`--device cuda`: 256 random samples of lognormal lengths (24-1024 tokens, 60% supervised, seed below), a Llama of 100
million parameters, batches of 32, and the wall clock after synchronising, beside the Trainer alone. Of so many weights
some have gradients of nothing but rounding, which AdamW makes steps of: there the weights are compared by the distance
between both ends as a share of the way from the start.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from row import Row, arguments, show
from train_work import (
    SEED,
    Same,
    Work,
    apart,
    copied,
    demo,
    first_model,
    in_turns,
    ours,
    quiet,
    row_of_speeds,
    tokenizer_of,
    transformers_trainer,
    trl_sft,
)

from lianlu.train.samples import Encoded
from lianlu.train.template import render

EQUAL = {"fp32": Same(1e-4, weight=1e-4), "bf16": Same(3e-2)}
TRAINER = "transformers Trainer, padded"
TRL = "TRL SFTTrainer, padding_free"
SETS = {
    "five chat sets": (
        *("identity", "alpaca_zh_demo", "alpaca_en_demo"),
        *("glaive_toolcall_zh_demo", "glaive_toolcall_en_demo"),
    ),
    "alpaca_zh": ("alpaca_zh_demo",),
}
Bounds = tuple[float | None, float | None]
BOUNDS: dict[tuple[str, str], Bounds] = {  # of the first set
    ("fp32", TRAINER): (2.5, 4.0),
    ("fp32", TRL): (1.8, 2.5),
    ("bf16", TRAINER): (2.5, 3.5),
    ("bf16", TRL): (None, None),
}
CUDA_SIZES = {
    "hidden_size": 768,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_key_value_heads": 4,
}
CUDA_VOCABULARY = 32_000
CUDA_EQUAL = {"fp32": Same(1e-3, way=1e-2), "bf16": Same(3e-2, way=0.25)}


def measure(name: str, items: Sequence[Any], work: Work, runs: int, place: Path, *, spoil: bool) -> list[Row]:
    """One row beside each peer, all three in turns."""
    tokenizer = tokenizer_of(items, place / "tokenizer")
    samples = [render(tokenizer, each.content, id=each.id) for each in items[:200]]
    first = first_model(len(tokenizer))
    rate = work.rate * (1.5 if spoil else 1)
    mine, *peers = in_turns(
        runs,
        lambda: ours(copied(first), samples, work, learning_rate=rate),
        lambda: transformers_trainer(copied(first), samples, work, place / "out"),
        lambda: trl_sft(copied(first), samples, work, place / "out", tokenizer),
    )
    return [
        row_of_speeds(
            f"fine-tuning 6.9M parameters on {name}, {work.precision}, 1 thread",
            peer,
            mine,
            found,
            bounds=BOUNDS[work.precision, peer] if name == next(iter(SETS)) else (None, None),
            limit=EQUAL[work.precision],
            packages=("trl",) if peer == TRL else (),
        )
        for peer, found in zip((TRAINER, TRL), peers, strict=True)
    ]


def mixed(names: Sequence[str]) -> list[Any] | None:
    """The items of several sets in one order, shuffled; None where one is missing."""
    found = [demo(name) for name in names]
    if None in found:
        return None
    items = [item for each in found for item in each or ()]
    return [items[place] for place in np.random.default_rng(SEED).permutation(len(items))]


def on_cpu(*, quick: bool, spoil: bool) -> list[Row]:
    quiet()
    rows: list[Row] = []
    for name, sets in SETS.items():
        items = mixed(sets) if len(sets) > 1 else demo(*sets)
        for precision in ("fp32",) if spoil else ("fp32", "bf16"):
            work = Work(4 if quick else 9, precision)
            with tempfile.TemporaryDirectory() as place:
                if items is not None:
                    rows += measure(name, items, work, 1 if quick else 3, Path(place), spoil=spoil)
    return rows


# On a GPU


def _synchronised() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


def random_samples() -> list[Encoded]:
    random = np.random.default_rng(SEED)
    lengths = np.clip(np.exp(random.normal(4.9, 0.9, 256)), 24, 1024).astype(int)
    return [
        Encoded(str(place), random.integers(0, CUDA_VOCABULARY, length).astype(np.int32), random.random(length) < 0.6)
        for place, length in enumerate(lengths)
    ]


def measure_cuda(work: Work, runs: int, *, spoil: bool) -> tuple[Row, Same]:
    samples, first = random_samples(), first_model(CUDA_VOCABULARY, **CUDA_SIZES)
    rate = work.rate * (1.5 if spoil else 1)
    with tempfile.TemporaryDirectory() as place:
        mine, peer = in_turns(
            runs,
            lambda: ours(copied(first, work.device), samples, work, learning_rate=rate),
            lambda: transformers_trainer(copied(first, work.device), samples, work, Path(place)),
        )
    start = {name: each.detach() for name, each in first.named_parameters()}
    row = row_of_speeds(
        f"fine-tuning 100M parameters, {work.precision}, {torch.cuda.get_device_name()}",
        TRAINER,
        mine,
        peer,
        bounds=(1.0, 2.0),
        limit=CUDA_EQUAL[work.precision],
        unit="tokens per second",
        start=start,
    )
    return row, apart(mine[-1], peer[-1], start)


def on_cuda(*, quick: bool, spoil: bool, only_json: bool) -> int:
    code = 0
    for precision in ("fp32",) if quick else ("fp32", "bf16"):
        work = Work(4 if quick else 9, precision, batch=32, device="cuda", clock=_synchronised)
        row, found = measure_cuda(work, 1 if quick else 3, spoil=spoil)
        code = max(code, show([row], only_json=only_json))
        print(f"apart: {json.dumps(asdict(found))}", file=sys.stderr)
    return code


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train")
    given = parser.parse_args()
    quick = given.quick or given.self_test
    if given.device == "cuda":
        if find_spec("accelerate") is None or not torch.cuda.is_available():
            print("accelerate and a CUDA device are needed", file=sys.stderr)
            return 2
        return on_cuda(quick=quick, spoil=given.self_test, only_json=given.json)
    torch.set_num_threads(1)
    return show(on_cpu(quick=quick, spoil=given.self_test), only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
