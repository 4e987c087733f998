"""Fine-tuning on a CPU: tokens per CPU second beside the Trainer of transformers, on the same samples in the same order.

24 samples of lognormal lengths (24-1024 tokens, 60% supervised, seed below), a new 6.9 million parameter Llama from one
seed, batches of 8, AdamW, fp32, one thread. The Trainer pads each batch. Both run in one process in turns; the first step
of each run is not counted. `equal`: both end with the same losses (1e-4) and the same weights (1e-4).

`--device cuda`: 256 samples, a 100 million parameter Llama, batches of 32, and the wall clock after synchronising. Of so
many weights some have gradients of nothing but rounding, which AdamW makes steps of: there the weights are compared by
the distance between both ends as a share of the way from the start.
Needs accelerate, which the Trainer wants: `pip install accelerate`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lianlu import __version__
from lianlu.core.events import Event, Metric
from lianlu.core.job import Job
from lianlu.train.config import SftRecipe
from lianlu.train.loop import Training
from lianlu.train.samples import Encoded, samples_of_step

SEED = 20261123
RATE = 1e-3


@dataclass(frozen=True)
class Same:
    """How far apart two equal runs may end: in losses, and in single weights or in the share of the whole way."""

    loss: float
    weight: float | None = None
    way: float | None = None


@dataclass(frozen=True)
class Setting:
    """What is trained where, and with which clock. Steps and runs: of a whole measurement and of a quick one."""

    device: str
    model: str
    vocabulary: int
    batch: int
    samples: int
    clock: Callable[[], float]
    unit: str
    steps: tuple[int, int]
    floor: float
    goal: float
    equal: dict[str, Same]
    sizes: dict[str, int] = field(hash=False)
    runs: tuple[int, int] = (3, 1)

    def __hash__(self) -> int:
        return hash(self.device)


def _synchronised() -> float:
    torch.cuda.synchronize()
    return time.perf_counter()


CPU = Setting(
    device="cpu",
    model="6.9M",
    vocabulary=8192,
    batch=8,
    samples=24,
    clock=time.process_time,
    unit="tokens per CPU second",
    steps=(7, 4),
    floor=3.0,
    goal=4.0,
    equal={"fp32": Same(1e-4, weight=1e-4), "bf16": Same(3e-2, weight=3e-2)},
    sizes={
        "hidden_size": 320,
        "intermediate_size": 864,
        "num_hidden_layers": 4,
        "num_attention_heads": 5,
        "num_key_value_heads": 1,
    },
)
CUDA = Setting(
    device="cuda",
    model="100M",
    vocabulary=32000,
    batch=32,
    samples=256,
    clock=_synchronised,
    unit="tokens per second",
    steps=(9, 4),
    floor=1.0,
    goal=2.0,
    equal={"fp32": Same(1e-3, way=1e-2), "bf16": Same(3e-2, way=0.25)},
    sizes={
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
    },
)


@dataclass
class Run:
    """Seconds and tokens of the steps after the first, losses of all, and the weights at the end."""

    seconds: float
    tokens: int
    losses: list[float]
    weights: dict[str, torch.Tensor]


def make_samples(setting: Setting) -> list[Encoded]:
    random = np.random.default_rng(SEED)
    lengths = np.clip(np.exp(random.normal(4.9, 0.9, setting.samples)), 24, 1024).astype(int)
    return [
        Encoded(
            str(place), random.integers(0, setting.vocabulary, length).astype(np.int32), random.random(length) < 0.6
        )
        for place, length in enumerate(lengths)
    ]


@cache
def first_model(setting: Setting) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    return LlamaForCausalLM(LlamaConfig(vocab_size=setting.vocabulary, tie_word_embeddings=True, **setting.sizes))


def new_model(setting: Setting) -> Any:
    return deepcopy(first_model(setting)).to(setting.device)


def weights_of(model: Any) -> dict[str, torch.Tensor]:
    return {name: each.detach().clone() for name, each in model.named_parameters()}


def ours(setting: Setting, samples: list[Encoded], steps: int, precision: str, *, spoil: bool) -> Run:
    model = new_model(setting)
    recipe = SftRecipe.model_validate(
        {
            "steps": steps,
            "batch_size": setting.batch,
            "learning_rate": RATE * (1.5 if spoil else 1),
            "schedule": "constant",
            "warmup": 0.0,
            "weight_decay": 0.0,
            "precision": precision,
            "device": setting.device,
            "checkpoint_every": 10**6,
        }
    )
    times: list[float] = []

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and event.name == "loss":
            times.append(setting.clock())

    training = Training(model, samples, recipe, Job("bench", sink), "bench", lambda folder: folder.mkdir())
    trained = training.run()
    tokens = sum(int(line["tokens"] or 0) for line in trained.metrics[1:])
    losses = [float(line["loss"] or 0) for line in trained.metrics]
    return Run(times[-1] - times[0], tokens, losses, weights_of(model))


def transformers_trainer(setting: Setting, samples: list[Encoded], steps: int, precision: str, place: Path) -> Run:
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainerCallback, TrainingArguments

    chosen = [samples_of_step(step, setting.samples, setting.batch, 0) for step in range(steps)]
    order = [samples[int(index)] for step in chosen for index in step]
    rows = [{"input_ids": each.ids.tolist(), "labels": np.where(each.mask, each.ids, -100).tolist()} for each in order]

    def padded(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)
        fill = {"input_ids": 0, "labels": -100}
        found = {
            key: torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in batch])
            for key, value in fill.items()
        }
        mask = torch.tensor([[1] * len(row["labels"]) + [0] * (longest - len(row["labels"])) for row in batch])
        return {**found, "attention_mask": mask}

    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(setting.clock())

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(rows)

    settings = TrainingArguments(
        output_dir=str(place),
        max_steps=steps,
        per_device_train_batch_size=setting.batch,
        learning_rate=RATE,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        adam_beta1=0.9,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        bf16=precision == "bf16",
        use_cpu=setting.device == "cpu",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )
    model = new_model(setting)
    trainer = InOrder(model=model, args=settings, train_dataset=rows, data_collator=padded, callbacks=[Clock()])
    trainer.pop_callback(
        next(type(each) for each in trainer.callback_handler.callbacks if "Printer" in type(each).__name__)
    )
    trainer.train()
    losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
    return Run(times[-1] - times[0], sum(len(each.ids) for each in order[setting.batch :]), losses, weights_of(model))


def apart(setting: Setting, mine: Run, peer: Run) -> Same:
    """How far two runs are apart: the greatest difference of a loss and of a weight, and the share of the way."""
    start = first_model(setting).to(setting.device).state_dict()
    pairs = [(mine.weights[name], peer.weights[name], start[name]) for name in mine.weights]
    gap, way = (
        sum(float((one - other).square().sum(dtype=torch.float64)) for one, other in each) ** 0.5
        for each in ([(one, two) for one, two, _ in pairs], [(two, first) for _, two, first in pairs])
    )
    return Same(
        loss=max(abs(one - two) for one, two in zip(mine.losses, peer.losses, strict=True)),
        weight=max(float((one - two).abs().max()) for one, two, _ in pairs),
        way=gap / way,
    )


def is_same(found: Same, limit: Same) -> bool:
    pairs = ((found.loss, limit.loss), (found.weight, limit.weight), (found.way, limit.way))
    return all(most is None or (value is not None and value <= most) for value, most in pairs)


def measure(setting: Setting, precision: str, *, quick: bool, spoil: bool) -> dict[str, object]:
    samples, steps, runs = make_samples(setting), setting.steps[quick], setting.runs[quick]
    mine: list[Run] = []
    peer: list[Run] = []
    with tempfile.TemporaryDirectory() as place:
        for _ in range(runs):
            mine.append(ours(setting, samples, steps, precision, spoil=spoil))
            peer.append(transformers_trainer(setting, samples, steps, precision, Path(place)))
    speeds = [[run.tokens / run.seconds for run in side] for side in (mine, peer)]
    ratio = statistics.median(speeds[0]) / statistics.median(speeds[1])
    found = apart(setting, mine[-1], peer[-1])
    where = "1 thread" if setting.device == "cpu" else torch.cuda.get_device_name()
    return {
        "case": f"fine-tuning {setting.model} parameters, {precision}, {where}",
        "against": "transformers Trainer, padded",
        "ours": round(statistics.median(speeds[0]), 1),
        "peer": round(statistics.median(speeds[1]), 1),
        "unit": setting.unit,
        "ratio": round(ratio, 2),
        "floor": setting.floor,
        "goal": setting.goal,
        "met": ratio >= setting.goal,
        "runs": runs,
        "equal": is_same(found, setting.equal[precision]),
        "versions": {"lianlu": __version__}
        | {name: version(name) for name in ("torch", "transformers", "accelerate")}
        | {"python": platform.python_version()},
    } | ({} if setting.device == "cpu" else {"apart": {"loss": found.loss, "weight": found.weight, "way": found.way}})


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer steps and runs, fp32 only")
    arguments.add_argument("--json", action="store_true", help="print nothing but the rows")
    arguments.add_argument("--self-test", action="store_true", help="spoil our rate; must say equal: false and exit 1")
    arguments.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train")
    given = arguments.parse_args()
    if find_spec("accelerate") is None:
        print("accelerate is needed: pip install accelerate", file=sys.stderr)
        return 2
    if given.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device", file=sys.stderr)
        return 2
    if given.device == "cpu":
        torch.set_num_threads(1)
    quick = given.quick or given.self_test
    rows = [
        measure(CUDA if given.device == "cuda" else CPU, precision, quick=quick, spoil=given.self_test)
        for precision in (("fp32",) if quick else ("fp32", "bf16"))
    ]
    for row in rows:
        print(json.dumps(row))
        if not given.json:
            print(f"{row['case']}: {row['ours']} {row['unit']}, {row['against']} {row['peer']}", file=sys.stderr)
    return int(not all(row["equal"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
