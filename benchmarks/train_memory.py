"""Memory of one step with a large vocabulary: the peak beside the Trainer of transformers, each in a process of its own.

8 samples of alpaca_zh_demo (LIANLU_TEST_DATA), none longer than 192 tokens; a Llama of 4 layers with a vocabulary of 92,544
(InternLM2's), fp32, one thread. What is told is the peak of the resident memory (VmHWM) less what there was before the
model was made, so weights, gradients, both moments of AdamW and the working memory are in it. Both processes run with
MALLOC_ARENA_MAX=1. `equal`: the loss and the length of the gradient are the same to 1e-4.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from row import Row, arguments, median, show, versions
from train_work import SIZES, Work, demo, first_model, ours, quiet, tokenizer_of, transformers_trainer, unlearned

from lianlu.train.samples import Encoded
from lianlu.train.template import render

VOCABULARY = 92_544
LONGEST = 192
CLOSE = 1e-4


@dataclass(frozen=True)
class Found:
    """Megabytes, and what the step came to."""

    megabytes: float
    loss: float
    gradient: float


def status_of(name: str) -> int:
    """A number of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    line = next(each for each in lines if each.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def samples_of(items: list[Any], place: Path) -> list[Encoded]:
    tokenizer = tokenizer_of(items, place / "tokenizer")
    samples = (render(tokenizer, each.content, id=each.id) for each in items)
    return [each for each in samples if each.tokens <= LONGEST][:8]


def child(side: str, *, spoil: bool) -> None:
    """One step, its peak of memory printed."""
    torch.set_num_threads(1)
    items = demo("alpaca_zh_demo")
    assert items is not None
    quiet()
    with tempfile.TemporaryDirectory() as name:
        samples = samples_of(items, Path(name))
        if spoil:
            samples = [unlearned(each) for each in samples]
        import transformers.trainer  # noqa: F401  (what imports take is not counted)

        first_model(64, **SIZES)
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak begins anew
        before = status_of("VmRSS")
        model, work = first_model(VOCABULARY, **SIZES), Work(1)
        run = (
            ours(model, samples, work)
            if side == "ours"
            else transformers_trainer(model, samples, work, Path(name) / "out")
        )
        peak = status_of("VmHWM") - before
    print(json.dumps(asdict(Found(peak / 1e6, run.losses[0], run.gradients[0]))))


def run_child(side: str, *, spoil: bool) -> Found:
    command = [sys.executable, __file__, "--child", side, *(["--self-test"] if spoil else [])]
    done = subprocess.run(
        command, env={**os.environ, "MALLOC_ARENA_MAX": "1"}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    done.check_returncode()
    return Found(**json.loads(done.stdout.splitlines()[-1]))


def measure(runs: int, *, spoil: bool) -> Row:
    mine: list[Found] = []
    peer: list[Found] = []
    for _ in range(runs):
        mine.append(run_child("ours", spoil=spoil))
        peer.append(run_child("peer", spoil=False))
    one, other = mine[-1], peer[-1]
    return Row(
        case=f"peak memory of a step of 8 samples, vocabulary {VOCABULARY:,}, fp32",
        against="transformers Trainer, padded",
        ours=median(each.megabytes for each in mine),
        peer=median(each.megabytes for each in peer),
        unit="MB",
        floor=None,
        goal=1.67,
        runs=runs,
        equal=abs(one.loss - other.loss) <= CLOSE and abs(one.gradient - other.gradient) <= CLOSE * other.gradient,
        versions=versions("torch", "transformers", "accelerate"),
    )


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--child", choices=("ours", "peer"), help="one side alone, as the script itself runs it")
    given = parser.parse_args()
    if given.child:
        child(given.child, spoil=given.self_test)
        return 0
    if demo("alpaca_zh_demo") is None:
        return 0
    row = measure(1 if given.quick or given.self_test else 2, spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
