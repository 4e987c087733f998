"""Adapters: tokens per CPU second beside TRL's SFTTrainer with peft, in turns in one process.

The samples are alpaca_zh_demo (LIANLU_TEST_DATA); a Llama of 6.9 million parameters, batches of 8, one thread, matrices of
rank 8 beside all linear layers, which both sides begin with the same numbers; TRL puts each batch into one row
(`padding_free`). The first step of each run is not counted. `equal`: all losses are the same to 1e-4, and the
adapters end closer together than 1% of their way from the start (where B is zero, A's gradient is nothing but rounding,
which AdamW makes steps of).

QLoRA has the linear layers in four bits (NF4 by bitsandbytes, by transformers' own loader on TRL's side) and computes in
bf16. There TRL keeps the adapters themselves in bf16 and we keep them in fp32, so that losses are
compared to 3e-3, and the adapters are not.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from row import Row, arguments, show
from train_work import (
    SEED,
    Run,
    Same,
    Work,
    copied,
    demo,
    first_model,
    in_turns,
    ours,
    quiet,
    row_of_speeds,
    tokenizer_of,
    trl_sft,
    weights_of,
)

from lianlu.train.adapt import add_adapter, quantize_frozen
from lianlu.train.config import LoraRecipe
from lianlu.train.samples import Encoded
from lianlu.train.template import render

RANK, ALPHA = 8, 16
Made = Callable[[], Any]


def our_adapted(first: Any, *, four_bits: bool) -> Any:
    model = copied(first)
    if four_bits:
        quantize_frozen(model, "cpu", compute=torch.bfloat16)
    torch.manual_seed(SEED)
    return add_adapter(model, LoraRecipe(rank=RANK, alpha=ALPHA), Path(), None)[0]


def their_adapted(first: Any, *, four_bits: bool, folder: Path) -> Any:
    from peft import LoraConfig, get_peft_model

    model = in_four_bits(first, folder) if four_bits else copied(first)
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(SEED)
    return get_peft_model(model, config)


def in_four_bits(first: Any, folder: Path) -> Any:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    if not folder.exists():
        first.save_pretrained(folder)
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return AutoModelForCausalLM.from_pretrained(
        folder, quantization_config=quantization, dtype=torch.float32, device_map="cpu"
    )


def measure(
    samples: list[Encoded], tokenizer: Any, runs: int, place: Path, *, steps: int, four_bits: bool, spoil: bool
) -> Row:
    first = first_model(len(tokenizer))
    work = Work(steps, "bf16" if four_bits else "fp32")
    rate = work.rate * (20 if spoil else 1)  # an adapter adds little at first

    def theirs() -> Run:
        model = their_adapted(first, four_bits=four_bits, folder=place / "base")
        return trl_sft(model, samples, work, place / "out", tokenizer)

    mine, peer = in_turns(
        runs, lambda: ours(our_adapted(first, four_bits=four_bits), samples, work, learning_rate=rate), theirs
    )
    name, bounds, limit = (
        ("QLoRA (NF4)", (None, 2.0), Same(3e-3)) if four_bits else ("LoRA", (1.8, 2.5), Same(1e-4, way=1e-2))
    )
    return row_of_speeds(
        f"{name} of rank {RANK} on 6.9M parameters, alpaca_zh, {work.precision}, 1 thread",
        "TRL SFTTrainer with peft, padding_free",
        mine,
        peer,
        bounds=bounds,
        limit=limit,
        start=weights_of(our_adapted(first, four_bits=four_bits)),
        packages=("trl", "peft", *(("bitsandbytes",) if four_bits else ())),
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    torch.set_num_threads(1)
    items = demo("alpaca_zh_demo")
    if items is None:
        return 0
    quiet()
    quick = given.quick or given.self_test
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        tokenizer = tokenizer_of(items, place / "tokenizer")
        samples = [render(tokenizer, each.content, id=each.id) for each in items[:200]]
        for four_bits in (False, True):
            steps = 4 if quick else 9
            runs = 1 if quick else 3
            rows.append(
                measure(samples, tokenizer, runs, place, steps=steps, four_bits=four_bits, spoil=given.self_test)
            )
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
