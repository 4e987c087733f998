"""The one loop: steps of packed rows, one loss normalised by what is supervised in the whole step, exact resume.

Knows neither files of users nor what is learned: it gets samples as token ids, a model to move and an objective. Every step
seeds the random numbers from (seed, step) and takes its samples and its learning rate from the step number, so weights,
optimizer and the step number are the whole state, and a run that was killed writes the same metrics as one that was not.

Several processes each know all samples of a step and take their own rows of them; one number tells all when to stop.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lianlu.core.errors import Cancelled, DataError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.nn.forward import RowForward
from lianlu.nn.prefixes import LEAST_SHARED
from lianlu.train.checkpoint import Checkpoint, TrainerState, read_optimizer, save_checkpoint
from lianlu.train.config import TrainRecipe
from lianlu.train.deal import Deal, deal
from lianlu.train.group import Alone, Group
from lianlu.train.objectives import Likelihood, Objective, References
from lianlu.train.optimizer import is_fused_on, make_optimizer, trained
from lianlu.train.references import make_references
from lianlu.train.samples import Unit, samples_of_step
from lianlu.train.schedule import rate_share
from lianlu.train.speed import StepWork
from lianlu.train.watch import Watch, is_asked

__all__ = ["Metrics", "Trained", "Training", "metrics_lines"]

Metrics = dict[str, float | int | None]
_EVALUATIONS = 10
_STATE = ("step", "exp_avg", "exp_avg_sq")
_ECHO_SECONDS = 2.0  # torchrun passes on a Ctrl-C that the terminal has sent to all processes already
_NO_CURVES = ("step", "epoch", "tokens", "supervised")


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
        watch: is told of every step.
        facts: what the key is made of, to show what is different in another run.
        group: the processes of the run. When `run` is over, the first has the model; the others have nothing of use.
    """

    model: Any
    samples: Sequence[Unit]
    recipe: TrainRecipe
    job: Job
    key: str
    write_model: Callable[[Path], None]
    eval_samples: Sequence[Unit] = ()
    checkpoints: Path | None = None
    objective: Objective = field(default_factory=Likelihood)
    watch: Watch | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    group: Group = field(default_factory=Alone)
    _stopped_at: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._least_shared = LEAST_SHARED if self.recipe.share_prefixes else None
        self._forward = RowForward(self.model, least_shared=self._least_shared)
        self._least_shared = self._forward.least_shared
        self._rank, self._world = self.group.place.rank, self.group.place.world
        self._shards: Any = None
        if self._world > 1:
            from lianlu.train.sharded import Sharded

            self._shards = Sharded(self.model, self.group, self._forward.device)
        self._optimizer = make_optimizer(self.model, self.recipe, self._forward.device)
        self._steps_of_epoch = -(-len(self.samples) // self.recipe.batch_size)
        self.steps = self.recipe.steps or self.recipe.epochs * self._steps_of_epoch
        self._eval_every = self.recipe.eval_every or max(1, self.steps // _EVALUATIONS)
        self._references: References = {}
        self._slots = 0

    def run(self, start: Checkpoint | None = None) -> Trained:
        """Train to the end, from a checkpoint (whose weights the model already has) or from the beginning.

        Raises:
            Cancelled: stopped by a signal or by the job; a checkpoint was written
            DataError: train.not-finite
            LimitError: file.disk-full
            UsageError: train.no-references: those of a run that is gone on with are not there
        """
        metrics, done, tokens = self._take_up(start)
        began, tokens_before = time.monotonic(), tokens
        with self._watching():
            if self.objective.needs_reference:
                self._references = self._refer(is_new=start is None)
            if self.watch is not None:
                self.watch.begin(done, self.steps, self.model)
            self.model.train()
            for step in range(done, self.steps):
                chosen = self._chosen(step)
                before = time.monotonic()
                metrics.append(self._step(step, chosen))
                tokens += sum(each.tokens for each in chosen)
                self._report(metrics[-1], tokens - tokens_before, began, before)
                stopping = self._is_stopping()
                if stopping or ((step + 1) % self.recipe.checkpoint_every == 0 and step + 1 < self.steps):
                    self._save(step + 1, tokens, metrics)
                if stopping and step + 1 < self.steps:
                    raise Cancelled
        if self._shards is not None:
            self._shards.undo(self._forward.device)
        self.model.eval()
        return Trained(metrics, time.monotonic() - began, tokens - tokens_before, self._forward.packs)

    def _refer(self, *, is_new: bool) -> References:
        """How the model before the first step scores what will be seen."""
        seen = {int(index) for step in range(min(self.steps, self._steps_of_epoch)) for index in self._indices(step)}
        dealt = self._deal([*(self.samples[index] for index in sorted(seen)), *self.eval_samples])
        rounds = dealt.rounds()
        left = iter(rounds)

        def score(_: Sequence[Unit]) -> Tensor:
            """Of a round: a row of each process, scored by it, and told to all."""
            own = next(left)[self._rank]
            scores = self._run(lambda: self._scores(own or [dealt.spare])).tolist()
            return torch.tensor([each for part in self.group.gather(scores if own else []) for each in part])

        self.model.eval()
        rows = [[unit for part in each for unit in part] for each in rounds]
        found = make_references(rows, score, self.job, self.checkpoints, self.key, is_new=is_new)
        self._rest()
        return found

    def _scores(self, units: Sequence[Unit]) -> Tensor:
        row = self._forward.row([(piece.ids, piece.mask) for unit in units for piece in unit.pieces])
        with torch.no_grad(), self._arithmetic():
            return -self._forward.losses(row)

    def _run(self, call: Callable[[], Any]) -> Any:
        """Call what calls the model; all processes do at once."""
        return call() if self._shards is None else self._shards(call)

    def _rest(self) -> None:
        if self._shards is not None:
            self._shards.rest()

    def _is_stopping(self) -> bool:
        """Whether any process was asked to: all save together."""
        return self.group.sums([float(self._stopped_at is not None or self.job.is_cancelled)])[0] > 0

    def _take_up(self, start: Checkpoint | None) -> tuple[list[Metrics], int, int]:
        if start is None:
            return [], 0, 0
        is_fused = is_fused_on(self._forward.device)  # a fused AdamW reads its counter on the device
        moved = dict(trained(self.model))
        wanted = {
            f"{name}/{each}": torch.zeros_like(parameter) if each != "step" else torch.zeros(())
            for name, parameter in moved.items()
            for each in _STATE
        }
        tensors = read_optimizer(start, wanted)
        for name, parameter in moved.items():
            self._optimizer.state[parameter] = {
                each: tensors[f"{name}/{each}"].to(parameter.device if each != "step" or is_fused else "cpu")
                for each in _STATE
            }
        step = start.state.step
        self.job.note(Text(f"going on after step {step}", f"从第 {step} 步之后继续"))
        return list(start.state.metrics), step, start.state.tokens

    def _indices(self, step: int) -> NDArray[np.int64]:
        return samples_of_step(step, len(self.samples), self.recipe.batch_size, self.job.seed)

    def _chosen(self, step: int) -> list[Unit]:
        return [self.samples[int(index)] for index in self._indices(step)]

    def _step(self, step: int, chosen: Sequence[Unit]) -> Metrics:
        self._seed(step)
        rate = self.recipe.learning_rate * self._share(step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        self._optimizer.zero_grad(set_to_none=True)
        loss, numbers = self._learn(step, chosen)
        longest = torch.nn.utils.clip_grad_norm_(
            [parameter for _, parameter in trained(self.model)], self.recipe.clip, error_if_nonfinite=False
        )
        longest = longest.item() if self._shards is None else self._shards.number(longest)
        if not math.isfinite(longest):
            raise self._not_finite(step, chosen)
        self._optimizer.step()
        line: Metrics = {
            "step": step + 1,
            "epoch": round((step + 1) / self._steps_of_epoch, 4),
            "loss": loss,
            "grad_norm": longest,
            "lr": rate,
            "tokens": sum(each.tokens for each in chosen),
            "supervised": sum(each.supervised for each in chosen),
            **numbers,
        }
        if self.eval_samples and ((step + 1) % self._eval_every == 0 or step + 1 == self.steps):
            line |= self._evaluate()
        return line

    def _seed(self, step: int) -> None:
        """Seed the generators that are used; `torch.manual_seed` would note a stack trace for CUDA at every step."""
        seed = (self.job.seed * 1_000_003 + step + (self._rank << 40)) % (1 << 63)
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

    def _learn(self, step: int, chosen: Sequence[Unit]) -> tuple[float, dict[str, float]]:
        """Gradients of the mean loss over all that is supervised in the step, however many rows it takes."""
        weight = self.objective.weight(chosen)
        dealt = self._deal(chosen)
        self._forward.take_slots()
        known = self._known(dealt)
        total, sums = 0.0, Counter[str]()
        for row, counts in dealt.of(self._rank):
            loss, numbers = self._loss(row, known)
            value = loss.item() / weight
            if self._world == 1 and not math.isfinite(value):
                raise self._not_finite(step, row)
            # gradients are averaged over the processes, and the loss is a sum over them
            (loss / weight * (self._world if counts else 0)).backward()
            total += value * counts
            sums.update({name: number * counts for name, number in numbers.items()})
        self._slots = self._forward.take_slots()
        total, sums = self._summed(total, sums)
        if not math.isfinite(total):
            raise self._not_finite(step, chosen)
        return total, _means(sums, len(chosen))

    def _summed(self, total: float, sums: Counter[str]) -> tuple[float, Counter[str]]:
        """What all processes found: each has passed a row, so all know the same names."""
        if self._world == 1:
            return total, sums
        names = sorted(sums)
        total, slots, *numbers = self.group.sums([total, self._slots, *(sums[name] for name in names)])
        self._slots = int(slots)
        return total, Counter[str](dict(zip(names, numbers, strict=True)))  # pyright: ignore[reportArgumentType]

    def _known(self, dealt: Deal) -> Any:
        """What the objective must know of all rows; a mean over them, where processes have some each."""
        with torch.no_grad(), self._arithmetic():
            if self._world == 1:
                return self.objective.before(self._forward, dealt.rows[0], self._references)
            rows = dealt.of(self._rank)
            found = [
                self._run(partial(self.objective.before, self._forward, [row], self._references)) for row, _ in rows
            ]
        if found[0] is None:
            return None
        counts = [len(row) * counts for row, counts in rows]
        told = [float(each) * count for each, count in zip(found, counts, strict=True)]
        total, count = self.group.sums([sum(told), sum(counts)])
        return torch.tensor(total / count, device=self._forward.device)

    def _deal(self, units: Sequence[Unit]) -> Deal:
        return deal(units, self._world, self.recipe.row_tokens, self._least_shared)

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast(self._forward.device.type, dtype=torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _loss(self, units: Sequence[Unit], known: Any) -> tuple[Tensor, dict[str, float]]:
        def call() -> tuple[Tensor, dict[str, float]]:
            with self._arithmetic():
                found = self.objective.loss(self._forward, units, self._references, known)
            return found.loss, found.sums

        return self._run(call)

    def _evaluate(self) -> dict[str, float]:
        """The loss of the samples that are not learned, and what else the objective tells, under `eval_…`."""
        self.model.eval()
        total, sums, slots = 0.0, Counter[str](), self._slots
        dealt = self._deal(self.eval_samples)
        known = self._known(dealt)
        with torch.no_grad():
            for row, counts in dealt.of(self._rank):
                loss, numbers = self._loss(row, known)
                total += loss.item() * counts
                sums.update({name: number * counts for name, number in numbers.items()})
        self._rest()
        self.model.train()
        total, sums = self._summed(total, sums)
        self._slots = slots
        means = _means(sums, len(self.eval_samples))
        loss = total / self.objective.weight(self.eval_samples)
        return {"eval_loss": loss, **{f"eval_{name}": value for name, value in means.items()}}

    def _not_finite(self, step: int, units: Sequence[Unit]) -> DataError:
        """Which of the samples give no number, each tried alone; all of them if it is only their gradient."""

        def is_finite(unit: Unit) -> bool:
            known = self._known(Deal(([[unit]],) * self._world, unit))
            return math.isfinite(self._loss([unit], known)[0])

        with torch.no_grad():
            guilty = [each.id for each in units if not is_finite(each)]
        named = guilty or [each.id for each in units]
        return DataError("train.not-finite", step=step + 1, samples=", ".join(named[:8]))

    def _report(self, line: Metrics, tokens: int, began: float, before: float) -> None:
        now = time.monotonic()
        step = int(line["step"] or 0)
        for name, value in line.items():
            if value is not None and name not in _NO_CURVES:
                self.job.metric(name, value, step)
        self.job.metric("tokens_per_second", tokens / max(now - began, 1e-9), step)
        self.job.progress(f"loss {line['loss']:.3f}", step, self.steps, "steps")
        if self._shards is not None and self._is_asked(step):
            with self._shards.whole(self._forward.device):  # a question is answered by the first process alone
                self._watch_step(step, line, now - before)
        else:
            self._watch_step(step, line, now - before)

    def _is_asked(self, step: int) -> bool:
        return bool(self.recipe.sample_prompts) and is_asked(step, self.steps, self.recipe.sample_every)

    def _watch_step(self, step: int, line: Metrics, seconds: float) -> None:
        if self.watch is not None:
            work = StepWork(
                step=step,
                tokens=int(line["tokens"] or 0),
                supervised=int(line["supervised"] or 0),
                slots=self._slots,
                seconds=seconds,
            )
            self.watch.step(work, line, self.model)

    def _save(self, step: int, tokens: int, metrics: list[Metrics]) -> None:
        if self.checkpoints is None:
            return
        tensors = {
            f"{name}/{each}": value.detach().contiguous()
            for name, parameter in trained(self.model)
            for each, value in self._optimizer.state[parameter].items()
        }
        state = TrainerState(key=self.key, step=step, tokens=tokens, metrics=metrics, facts=dict(self.facts))
        keep = self.recipe.keep_checkpoints
        save_checkpoint(self.checkpoints, state, tensors, self._write_whole, keep=keep, group=self.group)

    def _write_whole(self, folder: Path) -> None:
        if self._shards is None:
            self.write_model(folder)
            return
        with self._shards.whole(torch.device("cpu")):
            if self._rank == 0:
                self.write_model(folder)

    @contextmanager
    def _watching(self) -> Generator[None]:
        """The first SIGINT or SIGTERM stops after the step at work; the second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: Any) -> None:
            del frame
            now = time.monotonic()
            if self._stopped_at is not None:
                if self._world > 1 and now - self._stopped_at < _ECHO_SECONDS:
                    return
                raise KeyboardInterrupt
            self._stopped_at = now
            self.job.note(Text("stopping after this step", "本步完成后停止"), "warning")
            del number

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)


def _means(sums: Mapping[str, float], count: int) -> dict[str, float]:
    """Numbers of a step; `…_sum` beside `liked` are means over the answers they are of."""
    liked = sums.get("liked", 0.0)
    found: dict[str, float] = {}
    for name, value in sums.items():
        if name == "reward_liked_sum":
            found["reward_liked"] = value / max(liked, 1.0)
        elif name == "reward_disliked_sum":
            found["reward_disliked"] = value / max(count - liked, 1.0)
        elif name != "liked":
            found[name] = value / count
    return found
