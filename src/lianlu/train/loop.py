"""The one loop: steps of packed rows, one loss normalised by what is supervised in the whole step, exact resume.

Knows neither files of users nor objectives: it gets samples as token ids and a model to move. Every step seeds the random
numbers from (seed, step) and takes its samples and its learning rate from the step number, so weights, optimizer and the
step number are the whole state, and a run that was killed writes the same metrics as one that was not.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from lianlu.core.errors import Cancelled, DataError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.nn.forward import RowForward
from lianlu.train.checkpoint import Checkpoint, TrainerState, save_checkpoint
from lianlu.train.config import TrainRecipe
from lianlu.train.samples import Encoded, rows_of, samples_of_step
from lianlu.train.schedule import rate_share

__all__ = ["Metrics", "Trained", "Training", "metrics_lines"]

Metrics = dict[str, float | int | None]
_EVALUATIONS = 10


@dataclass(frozen=True)
class Trained:
    """What a run came to. `seconds` and `tokens` are of this process alone, for the speed."""

    metrics: list[Metrics]
    seconds: float
    tokens: int
    packs: bool


def metrics_lines(metrics: Sequence[Metrics]) -> bytes:
    """metrics.jsonl: one step a line. No times, so that equal runs give equal bytes."""
    return b"".join(msgspec.json.encode(line) + b"\n" for line in metrics)


@dataclass
class Training:
    """One run: what is learned, by which model, and where it is kept.

    Attributes:
        key: names the run; checkpoints of another key are refused.
        write_model: writes the model's files into a folder.
        checkpoints: folder for checkpoints; None keeps none.
    """

    model: Any
    samples: Sequence[Encoded]
    recipe: TrainRecipe
    job: Job
    key: str
    write_model: Callable[[Path], None]
    eval_samples: Sequence[Encoded] = ()
    checkpoints: Path | None = None
    _stopped: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._forward = RowForward(self.model)
        self._optimizer = _optimizer(self.model, self.recipe, self._forward.device)
        self._steps_of_epoch = -(-len(self.samples) // self.recipe.batch_size)
        self.steps = self.recipe.steps or self.recipe.epochs * self._steps_of_epoch
        self._eval_every = self.recipe.eval_every or max(1, self.steps // _EVALUATIONS)

    def run(self, start: Checkpoint | None = None) -> Trained:
        """Train to the end, from a checkpoint (whose weights the model already has) or from the beginning.

        Raises:
            Cancelled: stopped by a signal or by the job; a checkpoint was written
            DataError: train.not-finite
            LimitError: file.disk-full
        """
        metrics, done, tokens = self._take_up(start)
        began, tokens_before = time.monotonic(), tokens
        self.model.train()
        with self._watching():
            for step in range(done, self.steps):
                chosen = self._chosen(step)
                metrics.append(self._step(step, chosen))
                tokens += sum(len(each.ids) for each in chosen)
                self._report(metrics[-1], tokens - tokens_before, time.monotonic() - began)
                stopping = self._stopped or self.job.is_cancelled
                if stopping or ((step + 1) % self.recipe.checkpoint_every == 0 and step + 1 < self.steps):
                    self._save(step + 1, tokens, metrics)
                if stopping and step + 1 < self.steps:
                    raise Cancelled
        self.model.eval()
        return Trained(metrics, time.monotonic() - began, tokens - tokens_before, self._forward.packs)

    def _take_up(self, start: Checkpoint | None) -> tuple[list[Metrics], int, int]:
        if start is None:
            return [], 0, 0
        from safetensors.torch import load_file

        tensors = load_file(start.optimizer, device=str(self._forward.device))
        is_fused = _is_fused(self._forward.device)  # a fused AdamW reads its counter on the device
        for name, parameter in _trained(self.model):
            self._optimizer.state[parameter] = {
                each: tensors[f"{name}/{each}"].to(parameter.device if each != "step" or is_fused else "cpu")
                for each in ("step", "exp_avg", "exp_avg_sq")
            }
        step = start.state.step
        self.job.note(Text(f"going on after step {step}", f"从第 {step} 步之后继续"))
        return list(start.state.metrics), step, start.state.tokens

    def _chosen(self, step: int) -> list[Encoded]:
        order = samples_of_step(step, len(self.samples), self.recipe.batch_size, self.job.seed)
        return [self.samples[int(index)] for index in order]

    def _step(self, step: int, chosen: Sequence[Encoded]) -> Metrics:
        self._seed(step)
        rate = self.recipe.learning_rate * self._share(step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._learn(step, chosen)
        longest = torch.nn.utils.clip_grad_norm_(
            [parameter for _, parameter in _trained(self.model)], self.recipe.clip, error_if_nonfinite=False
        ).item()
        if not math.isfinite(longest):
            raise self._not_finite(step, chosen)
        self._optimizer.step()
        line: Metrics = {
            "step": step + 1,
            "epoch": round((step + 1) / self._steps_of_epoch, 4),
            "loss": loss,
            "grad_norm": longest,
            "lr": rate,
            "tokens": sum(len(each.ids) for each in chosen),
            "supervised": sum(each.supervised for each in chosen),
        }
        if self.eval_samples and ((step + 1) % self._eval_every == 0 or step + 1 == self.steps):
            line["eval_loss"] = self._evaluate()
        return line

    def _seed(self, step: int) -> None:
        """Seed the generators that are used; `torch.manual_seed` would note a stack trace for CUDA at every step."""
        seed = (self.job.seed * 1_000_003 + step) % (1 << 63)
        torch.default_generator.manual_seed(seed)
        if self._forward.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)

    def _share(self, step: int) -> float:
        recipe = self.recipe
        return rate_share(
            step,
            self.steps,
            kind=recipe.schedule,
            warmup=recipe.warmup,
            decay=recipe.decay,
            final=recipe.final_rate,
        )

    def _learn(self, step: int, chosen: Sequence[Encoded]) -> float:
        """Gradients of the mean loss over all supervised tokens of the step, however many rows they take."""
        supervised = sum(each.supervised for each in chosen)
        total = 0.0
        for row in self._rows(chosen):
            loss = self._loss(row) / supervised
            value = loss.item()
            if not math.isfinite(value):
                raise self._not_finite(step, row)
            loss.backward()
            total += value
        return total

    def _rows(self, samples: Sequence[Encoded]) -> list[list[Encoded]]:
        lengths = [len(each.ids) for each in samples]
        return [[samples[index] for index in row] for row in rows_of(lengths, self.recipe.row_tokens)]

    def _loss(self, samples: Sequence[Encoded]) -> Tensor:
        row = self._forward.row([(each.ids, each.mask) for each in samples])
        device = self._forward.device.type
        with torch.autocast(device, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            return self._forward.loss(row)

    def _evaluate(self) -> float:
        self.model.eval()
        with torch.no_grad():
            total = sum(self._loss(row).item() for row in self._rows(self.eval_samples))
        self.model.train()
        return total / sum(each.supervised for each in self.eval_samples)

    def _not_finite(self, step: int, samples: Sequence[Encoded]) -> DataError:
        """Which of the samples give no number, each tried alone; all of them if it is only their gradient."""
        with torch.no_grad():
            guilty = [each.id for each in samples if not math.isfinite(self._loss([each]).item())]
        named = guilty or [each.id for each in samples]
        return DataError("train.not-finite", step=step + 1, samples=", ".join(named[:8]))

    def _report(self, line: Metrics, tokens: int, seconds: float) -> None:
        step = int(line["step"] or 0)
        for name in ("loss", "eval_loss", "grad_norm", "lr"):
            value = line.get(name)
            if value is not None:
                self.job.metric(name, value, step)
        self.job.metric("tokens_per_second", tokens / max(seconds, 1e-9), step)
        self.job.progress(f"loss {line['loss']:.3f}", step, self.steps, "steps")

    def _save(self, step: int, tokens: int, metrics: list[Metrics]) -> None:
        if self.checkpoints is None:
            return
        tensors = {
            f"{name}/{each}": value.detach().contiguous()
            for name, parameter in _trained(self.model)
            for each, value in self._optimizer.state[parameter].items()
        }
        state = TrainerState(key=self.key, step=step, tokens=tokens, metrics=metrics)
        save_checkpoint(self.checkpoints, state, tensors, self.write_model, keep=self.recipe.keep_checkpoints)

    @contextmanager
    def _watching(self) -> Generator[None]:
        """The first SIGINT or SIGTERM stops after the step at work; the second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: Any) -> None:
            del frame
            if self._stopped:
                raise KeyboardInterrupt
            self._stopped = True
            self.job.note(Text("stopping after this step", "本步完成后停止"), "warning")
            del number

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, each) for name, each in model.named_parameters() if each.requires_grad]


def _optimizer(model: Any, recipe: TrainRecipe, device: torch.device) -> torch.optim.AdamW:
    """AdamW that shrinks matrices, not norms and biases."""
    trained = [each for _, each in _trained(model)]
    groups = [
        {"params": [each for each in trained if each.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [each for each in trained if each.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=recipe.betas, fused=_is_fused(device))


def _is_fused(device: torch.device) -> bool:
    return device.type in ("cpu", "cuda")
