"""What the training scripts share: the demo sets as samples, a small model, and one run of ours or of a peer.

All sides start from copies of one model, see the same samples in the same order, and step with the same AdamW (constant
rate, no weight decay, gradients cut at 1). A clock stands at the end of each step; the first step of a run is not counted,
as it pays for what is made once. What a run gives is its seconds, its tokens, its losses and its weights, so that two can
be compared as well as timed.

The peers get what makes them quick: no length of ours, no recomputing in the backward pass (TRL's default), one log a step,
as ours has. TRL takes its samples as token ids, so that its preparation (train_prepare.py) is not counted here.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "RAYON_NUM_THREADS": "1"}  # read at imports

import numpy as np
import torch
from row import Row, versions

from lianlu.core.events import Event, Metric
from lianlu.core.job import Job
from lianlu.train.config import SftRecipe
from lianlu.train.loop import Training
from lianlu.train.objectives import Likelihood, Objective
from lianlu.train.samples import Encoded, Unit, samples_of_step

__all__ = [
    "SEED",
    "SIZES",
    "Run",
    "Same",
    "Work",
    "apart",
    "copied",
    "demo",
    "distance",
    "first_model",
    "in_order",
    "in_turns",
    "is_same",
    "labels_of",
    "ours",
    "padded",
    "peer_settings",
    "quiet",
    "row_of_speeds",
    "run_peer",
    "tokenizer_of",
    "transformers_trainer",
    "trl_sft",
    "unlearned",
    "weights_of",
]

SEED = 20261123
SIZES = {
    "hidden_size": 320,
    "intermediate_size": 864,
    "num_hidden_layers": 4,
    "num_attention_heads": 5,
    "num_key_value_heads": 1,
}
_NOT_LEARNED = -100


@dataclass(frozen=True)
class Work:
    """What both sides do."""

    steps: int
    precision: str = "fp32"
    batch: int = 8
    rate: float = 1e-3
    device: str = "cpu"
    clock: Callable[[], float] = time.process_time


@dataclass(frozen=True)
class Run:
    """Seconds and tokens of the steps after the first, losses and lengths of the gradient of all, and the weights at the end."""

    seconds: float
    tokens: int
    losses: list[float]
    gradients: list[float]
    weights: dict[str, torch.Tensor] = field(repr=False)

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


@dataclass(frozen=True)
class Same:
    """How far apart two equal runs may end: in losses, and in single weights or in the share of the whole way."""

    loss: float
    weight: float | None = None
    way: float | None = None


# What is learned


def demo(name: str) -> list[Any] | None:
    """The items of a set of llamafactory_demo; None, and the reason told, where there is none."""
    from lianlu.train.reading import read_paths

    place = os.environ.get("LIANLU_TEST_DATA")
    path = Path(place or "") / "llamafactory_demo" / f"{name}.json"
    if place is None or not path.is_file():
        why = "LIANLU_TEST_DATA is not set" if place is None else f"{path} is missing"
        print(f"skipped {Path(sys.argv[0]).stem}: {why}", file=sys.stderr)
        return None
    return read_paths([str(path)])


def tokenizer_of(items: Sequence[Any], folder: Path) -> Any:
    """A BPE of 8,192 tokens learned from the items, with ChatML, in a new `folder`."""
    from lianlu.nn.weights import load_tokenizer
    from lianlu.train.tokenizer import learn_tokenizer

    folder.mkdir()
    learn_tokenizer(items, folder, algorithm="bpe", vocabulary=8192)
    return load_tokenizer(folder)


@cache
def first_model(vocabulary: int, **sizes: int) -> Any:
    """The Llama that all runs start from; take a copy. 6.9 million parameters where no sizes are given."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, tie_word_embeddings=True, **(sizes or SIZES)))


def in_order(units: Sequence[Any], work: Work) -> list[Any]:
    """What our steps see, one after the other."""
    chosen = [samples_of_step(step, len(units), work.batch, 0) for step in range(work.steps)]
    return [units[int(index)] for step in chosen for index in step]


def unlearned(sample: Encoded) -> Encoded:
    """The sample with its last token not learned, to spoil what is compared."""
    mask = sample.mask.copy()
    mask[np.flatnonzero(mask)[-1]] = False
    return Encoded(sample.id, sample.ids, mask)


def labels_of(sample: Encoded) -> list[int]:
    return np.where(sample.mask, sample.ids, _NOT_LEARNED).tolist()


# Runs


class _Began:
    """Notes when the steps begin, after what an objective must know beforehand."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.at = 0.0

    def begin(self, *_: Any) -> None:
        self.at = self._clock()

    def step(self, *_: Any) -> None:
        pass


def ours(
    model: Any,
    units: Sequence[Unit],
    work: Work,
    objective: Objective | None = None,
    **recipe: Any,
) -> Run:
    """Train `model` in place by our loop.

    The scores of a reference are made before the first step; their time counts in the share of the steps that count.
    """
    wanted = {
        "steps": work.steps,
        "batch_size": work.batch,
        "learning_rate": work.rate,
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "precision": work.precision,
        "device": work.device,
        "checkpoint_every": 10**6,
    }
    times: list[float] = []

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and event.name == "loss":
            times.append(work.clock())

    began = _Began(work.clock)
    training = Training(
        model,
        units,
        SftRecipe.model_validate(wanted | recipe),
        Job("bench", sink),
        "bench",
        lambda folder: folder.mkdir(),
        objective=objective or Likelihood(),
        watch=began,
    )
    start = work.clock()
    trained = training.run()
    tokens = [int(line["tokens"] or 0) for line in trained.metrics]
    before = (began.at - start) * sum(tokens[1:]) / sum(tokens)
    losses, gradients = ([float(line[name] or 0) for line in trained.metrics] for name in ("loss", "grad_norm"))
    return Run(times[-1] - times[0] + before, sum(tokens[1:]), losses, gradients, weights_of(model))


def quiet() -> None:
    """Only errors of the peers are told, and no progress: stdout is for rows."""
    import datasets
    import transformers

    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    datasets.utils.logging.set_verbosity_error()


def peer_settings(kind: type[Any], work: Work, place: Path, **more: Any) -> Any:
    """TrainingArguments of transformers, or TRL's kinds of them, that step as ours do."""
    return kind(
        output_dir=str(place),
        max_steps=work.steps,
        per_device_train_batch_size=work.batch,
        learning_rate=work.rate,
        lr_scheduler_type="constant",
        weight_decay=0.0,
        adam_beta1=0.9,
        adam_beta2=0.95,
        max_grad_norm=1.0,
        bf16=work.precision == "bf16",
        use_cpu=work.device == "cpu",
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **more,
    )


def run_peer(kind: type[Any], work: Work, tokens: int, **given: Any) -> Run:
    """Train with a Trainer of transformers or a class of TRL that is made from it, its samples in the given order.

    Args:
        tokens: of the samples of all steps but the first.
        given: what the class is made from.
    """
    from torch.utils.data import SequentialSampler
    from transformers import TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(work.clock())

    class InOrder(kind):
        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return SequentialSampler(self.train_dataset)

    trainer: Any = InOrder(callbacks=[Clock()], **given)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    lines = [line for line in trainer.state.log_history if "loss" in line]
    losses, gradients = ([float(line[name]) for line in lines] for name in ("loss", "grad_norm"))
    return Run(times[-1] - times[0], tokens, losses, gradients, weights_of(trainer.model))


def padded(batch: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows of ids and labels, filled up to the longest."""
    longest = max(len(row["input_ids"]) for row in batch)
    fill = {"input_ids": 0, "labels": _NOT_LEARNED}
    found = {
        key: torch.tensor([row[key] + [value] * (longest - len(row[key])) for row in batch])
        for key, value in fill.items()
    }
    mask = torch.tensor([[1] * len(row["labels"]) + [0] * (longest - len(row["labels"])) for row in batch])
    return {**found, "attention_mask": mask}


def transformers_trainer(model: Any, samples: Sequence[Encoded], work: Work, place: Path) -> Run:
    """The Trainer of transformers, each batch padded to its longest sample."""
    from transformers import Trainer, TrainingArguments

    order = in_order(samples, work)
    rows = [{"input_ids": each.ids.tolist(), "labels": labels_of(each)} for each in order]
    return run_peer(
        Trainer,
        work,
        sum(each.tokens for each in order[work.batch :]),
        model=model,
        args=peer_settings(TrainingArguments, work, place),
        train_dataset=rows,
        data_collator=padded,
    )


def trl_sft(model: Any, samples: Sequence[Encoded], work: Work, place: Path, tokenizer: Any) -> Run:
    """TRL's SFTTrainer without padding: the samples of a batch in one row."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    order = in_order(samples, work)
    rows = [{"input_ids": each.ids.tolist(), "labels": labels_of(each)} for each in order]
    return run_peer(
        SFTTrainer,
        work,
        sum(each.tokens for each in order[work.batch :]),
        model=model,
        args=peer_settings(SFTConfig, work, place, padding_free=True, max_length=None, gradient_checkpointing=False),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )


# Comparing


def weights_of(model: Any) -> dict[str, torch.Tensor]:
    """What was trained, under names without what a wrapper puts before them."""
    return {
        name.removeprefix("base_model.model."): each.detach().clone().float()
        for name, each in model.named_parameters()
        if each.requires_grad
    }


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The greatest difference of losses."""
    return max(abs(mine - theirs) for mine, theirs in zip(one, other, strict=True))


def apart(mine: Run, peer: Run, start: dict[str, torch.Tensor] | None = None) -> Same:
    """How far two runs are apart: the greatest difference of a loss and of a weight, and the share of the way."""
    pairs = [(mine.weights[name], peer.weights[name], name) for name in mine.weights]
    way = None
    if start is not None:
        gap = _length((one - two) for one, two, _ in pairs)
        way = gap / _length((two - start[name].to(two.device)) for _, two, name in pairs)
    return Same(
        loss=distance(mine.losses, peer.losses),
        weight=max(float((one - two).abs().max()) for one, two, _ in pairs),
        way=way,
    )


def _length(parts: Any) -> float:
    return sum(float(each.square().sum(dtype=torch.float64)) for each in parts) ** 0.5


def is_same(found: Same, limit: Same) -> bool:
    pairs = ((found.loss, limit.loss), (found.weight, limit.weight), (found.way, limit.way))
    return all(most is None or (value is not None and value <= most) for value, most in pairs)


def in_turns(runs: int, *sides: Callable[[], Run]) -> list[list[Run]]:
    """The runs of each side, one after the other; where there are several, a first one of each is not counted.

    The process then has its memory: the first run pays a page fault for each page, a sixth of its time, and the rest none.
    """
    if runs > 1:
        for side in sides:
            side()
    turns = [[side() for side in sides] for _ in range(runs)]
    return [list(found) for found in zip(*turns, strict=True)]


def row_of_speeds(
    case: str,
    against: str,
    mine: Sequence[Run],
    peer: Sequence[Run],
    *,
    bounds: tuple[float | None, float | None],
    limit: Same,
    packages: Sequence[str] = (),
    unit: str = "tokens per CPU second",
    start: dict[str, torch.Tensor] | None = None,
) -> Row:
    """The medians of two sides that took turns, and whether the last of their runs ended alike."""
    floor, goal = bounds
    return Row(
        case=case,
        against=against,
        ours=statistics.median(run.speed for run in mine),
        peer=statistics.median(run.speed for run in peer),
        unit=unit,
        floor=floor,
        goal=goal,
        runs=len(mine),
        equal=is_same(apart(mine[-1], peer[-1], start), limit),
        versions=versions("torch", "transformers", "accelerate", *packages),
        more_is_better=True,
    )


def copied(model: Any, device: str = "cpu") -> Any:
    return deepcopy(model).to(device)
