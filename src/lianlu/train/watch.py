"""What is told of a run while it goes on: its speed, its answers to a few questions, and the sinks of the user."""

from __future__ import annotations

import shutil
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core.console import harmless
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.records import Conversation
from lianlu.train.answers import SampleAnswers
from lianlu.train.sinks import Sinks
from lianlu.train.speed import SpeedLog, Speedometer, StepWork, model_flops, peak_flops

__all__ = ["SAMPLES", "SPEED", "Watch", "answer_line", "is_asked"]

SPEED = "speed.jsonl"
SAMPLES = "samples.jsonl"
_NO_TERMINAL = (160, 24)
_BEFORE = 24  # columns for the job and the step, which stand before an answer
_LEAST_COLUMNS = 40


def is_asked(step: int, steps: int, every: int | None) -> bool:
    """Whether questions are asked after this step: every so many, or five times in all; and at the end."""
    return step % (every or max(1, steps // 5)) == 0 or step == steps


def answer_line(prompt: str, answer: str, columns: int) -> str:
    """Question and answer in one line of so many columns; the question takes a third of it at most.

    >>> answer_line("Who are you?", "I am Lian.\\nI help.", 40)
    'Who are you? → I am Lian. I help.'
    """
    asked, asked_columns = _cut(prompt, columns // 3)
    return f"{asked} → {_cut(answer, columns - asked_columns - 3)[0]}"


def _cut(text: str, columns: int) -> tuple[str, int]:
    """A text in one line and its columns: a Chinese character takes two, and a model may say what steers a terminal."""
    line = harmless(" ".join(text.split()))
    ends = list(accumulate(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line))
    if not ends or ends[-1] <= columns:
        return line, ends[-1] if ends else 0
    kept = bisect_right(ends, columns - 1)
    return f"{line[:kept]}…", ends[kept - 1] + 1 if kept else 1


class Watch:
    """The watchers of one run.

    Args:
        folder: where speed.jsonl and samples.jsonl grow; it outlives a kill.
        prompts: questions asked of the model every `every` steps and at the end.
        mean_tokens: mean length of a sample, for the operations of a token.
        open_sinks: given the step that is gone on from, opens what the user wants told.
        devices: how many work together, for the share of their peak.
    """

    def __init__(
        self,
        folder: Path,
        tokenizer: Any,
        job: Job,
        *,
        prompts: Sequence[str | Conversation],
        every: int | None,
        mean_tokens: float,
        precision: str,
        open_sinks: Callable[[int], Sinks],
        devices: int = 1,
    ) -> None:
        self._devices = devices
        self._tokenizer, self._job, self._prompts = tokenizer, job, prompts
        self._answers = SampleAnswers(prompts, folder / SAMPLES)
        self._log = SpeedLog(folder / SPEED)
        self._every, self._mean_tokens, self._precision = every, mean_tokens, precision
        self._open_sinks = open_sinks
        self._sinks: Sinks | None = None
        self._meter: Speedometer | None = None
        self._steps = 0
        self.last: dict[str, int | float | None] = {}

    def begin(self, done: int, steps: int, model: Any) -> None:
        """The loop starts, after `done` of `steps` steps."""
        self._steps = steps
        if self._prompts:
            self._answers.resume(done)
        self._log.resume(done)
        device = next(model.parameters()).device
        peak = peak_flops(device, self._precision)
        self._meter = Speedometer(
            model_flops(model, max(1, round(self._mean_tokens))),
            device,
            None if peak is None else peak * self._devices,
            steps=steps,
        )
        self._sinks = self._open_sinks(done)

    def step(self, work: StepWork, line: Mapping[str, float | int | None], model: Any) -> None:
        """A step is done, with its line of metrics.jsonl."""
        assert self._meter is not None
        speed = self._meter.step(work)
        if (speed["mfu"] or 0) > 1:  # the peak of a CPU that was busy when it was measured says nothing
            speed["mfu"] = None
        self.last = {**self.last, **{name: value for name, value in speed.items() if value is not None}}
        self._log.add(speed)
        if self._sinks is not None:
            self._sinks.log(work.step, {**line, **speed})
        if is_asked(work.step, self._steps, self._every):
            columns = max(_LEAST_COLUMNS, shutil.get_terminal_size(_NO_TERMINAL).columns - _BEFORE)
            for answered in self._answers.ask(work.step, model, self._tokenizer):
                shown = answer_line(answered["prompt"], answered["answer"], columns)
                self._job.note(Text(f"step {work.step}: {shown}", f"第 {work.step} 步：{shown}"), "notice")

    def summary(self) -> dict[str, float | int | None]:
        """Numbers of the last step that are worth a line at the end."""
        kept = ("supervised_per_second", "padding_waste", "shared", "mfu", "peak_memory")
        return {name: self.last[name] for name in kept if name in self.last}

    def answers(self) -> bytes:
        """samples.jsonl, empty where nothing was asked."""
        return b"".join(msgspec.json.encode(line) + b"\n" for line in self._answers.read())

    def close(self) -> None:
        if self._sinks is not None:
            self._sinks.close()
