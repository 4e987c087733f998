"""How fast a run goes, of how much the machine could do, with how much memory, and how long it still takes.

Knows no model: it is told what a step computed and how long that took. Times never reach metrics.jsonl, which is equal
for equal runs; they stand in speed.jsonl beside it. The first step of a process is left out of every rate, because it
pays for compilers, allocators and cold caches.
"""

from __future__ import annotations

import math
import re
import resource
import sys
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from lianlu.train.lines import StepLines

__all__ = ["SpeedLog", "Speedometer", "StepWork", "model_flops", "peak_flops", "peak_memory"]

Speed = dict[str, int | float | None]
_WINDOW_STEPS = 20
_MEASURING_SECONDS = 0.2
_SMALLEST, _LARGEST = 128, 4096
_STATUS = Path("/proc/self/status")
_PEAK_LINE = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)

# (words of the card's name, dense half precision with fp32 sums, fp32 without tensor cores), in 1e12 operations a second
_CARDS: tuple[tuple[str, float, float], ...] = (
    ("B200", 2250, 75),
    ("GH200", 989, 67),
    ("H200 NVL", 835, 60),
    ("H200", 989, 67),
    ("H100 PCIe", 756, 51),
    ("H100 NVL", 835, 60),
    ("H100", 989, 67),
    ("H800 PCIe", 756, 51),
    ("H800", 989, 67),
    ("H20", 148, 44),
    ("A100", 312, 19.5),
    ("A800", 312, 19.5),
    ("A40", 149.7, 37.4),
    ("A30", 165, 10.3),
    ("A10", 125, 31.2),
    ("A10G", 70, 31.2),
    ("L40S", 362, 91.6),
    ("L40", 181, 90.5),
    ("L4", 121, 30.3),
    ("V100", 125, 15.7),
    ("T4", 65, 8.1),
    ("RTX 5090", 209.5, 104.8),
    ("RTX 4090 D", 147, 73.5),
    ("RTX 4090", 165.2, 82.6),
    ("RTX 3090", 71, 35.6),
)


@dataclass(frozen=True)
class StepWork:
    """What one optimizer step did.

    Attributes:
        step: its number, from 1.
        tokens: tokens of its samples.
        supervised: how many of them were learned.
        slots: tokens that went through the model: more than `tokens` where rows were padded, fewer where samples shared
            their beginnings.
        seconds: how long it took.
    """

    step: int
    tokens: int
    supervised: int
    slots: int
    seconds: float


class Speedometer:
    """Rates over the last steps.

    Args:
        flops_per_token: floating point operations of a token forwards and backwards (`model_flops`).
        device: where the model is.
        peak_flops: operations a second that the device could do (`peak_flops`), None where nobody knows.
        steps: how many steps the run has, for the time that is left; None where that is open.
    """

    def __init__(
        self, flops_per_token: float, device: torch.device, peak_flops: float | None, *, steps: int | None = None
    ) -> None:
        self._flops_per_token = flops_per_token
        self._device = device
        self._peak_flops = peak_flops
        self._steps = steps
        self._last: deque[StepWork] = deque(maxlen=_WINDOW_STEPS)
        self._is_warm = False

    def step(self, work: StepWork) -> Speed:
        """A line of speed.jsonl; what is not known (rates at the first step, mfu without a peak) is None.

        Keys: step, seconds, tokens_per_second, supervised_per_second, mfu (share of the peak), padding_waste (share of
        computed tokens that were padding) or, where fewer were computed than the samples have, `shared` (the share that
        was saved), peak_memory (bytes), seconds_left.
        """
        if self._is_warm:
            self._last.append(work)
        self._is_warm = True
        spare = (
            {"shared": 1 - work.slots / work.tokens} if work.slots < work.tokens else {"padding_waste": _waste(work)}
        )
        return {
            "step": work.step,
            "seconds": work.seconds,
            **self._rates(work.step),
            **spare,
            "peak_memory": peak_memory(self._device),
        }

    def _rates(self, step: int) -> Speed:
        seconds = sum(each.seconds for each in self._last)
        if seconds <= 0:
            return {"tokens_per_second": None, "supervised_per_second": None, "mfu": None, "seconds_left": None}
        useful = sum(min(each.tokens, each.slots) for each in self._last)  # neither padding nor what sharing saved
        flops = useful / seconds * self._flops_per_token
        left = None if self._steps is None else max(0, self._steps - step) * seconds / len(self._last)
        return {
            "tokens_per_second": sum(each.tokens for each in self._last) / seconds,
            "supervised_per_second": sum(each.supervised for each in self._last) / seconds,
            "mfu": flops / self._peak_flops if self._peak_flops else None,
            "seconds_left": left,
        }


class SpeedLog:
    """speed.jsonl: one line a step, on disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self._lines = StepLines(path)

    def resume(self, step: int) -> None:
        """Drop the lines after the step that is gone on from; 0 begins anew. Raises as `StepLines.keep_until`."""
        self._lines.keep_until(step)

    def add(self, line: Speed) -> None:
        """Raises as `StepLines.append`."""
        self._lines.append([line])

    def read(self) -> list[dict[str, Any]]:
        return self._lines.read()


def _waste(work: StepWork) -> float:
    return 1 - work.tokens / work.slots if work.slots else 0.0


def model_flops(model: Any, length: float) -> float:
    """Floating point operations of one token, forwards and backwards, in samples of about `length` tokens.

    Two for every weight of a matrix forwards, two backwards for its input, and two more where the weight is trained;
    12 * layers * width * length / 2 for causal attention (PaLM, arXiv 2204.02311, appendix B; half of it is masked).
    An embedding is looked up and costs nothing, unless the head is the same matrix. Of a mixture all experts are counted,
    also those a token does not pass: its share of the peak comes out too high.
    """
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    looked_up = (
        None if embedding is None or (head is not None and head.weight is embedding.weight) else embedding.weight
    )
    weights = 0.0
    for each in model.parameters():
        if each.dim() > 1 and each is not looked_up:
            weights += _numel(each) * (6 if each.requires_grad else 4)
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0) or 0
    size = getattr(config, "head_dim", None) or (getattr(config, "hidden_size", 0) // heads if heads else 0)
    return weights + 6 * (getattr(config, "num_hidden_layers", 0) or 0) * heads * size * length


def _numel(weight: Any) -> int:
    """Numbers in a matrix; one of four bits says its true shape itself."""
    packed = getattr(weight, "quant_state", None)
    return weight.numel() if packed is None else math.prod(packed.shape)


def peak_memory(device: torch.device) -> int:
    """Most memory this process has used, in bytes: of the card on CUDA, else resident memory of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:  # getrusage would tell the peak of the parent too, if that was larger when it started this process
        found = _PEAK_LINE.search(_STATUS.read_text(encoding="ascii", errors="replace"))
    except OSError:
        found = None
    if found is not None:
        return int(found[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def peak_flops(device: torch.device, precision: str) -> float | None:
    """Operations a second that the device can do; None for a card that is not in the table.

    The figures of cards are the dense ones of NVIDIA's data sheets and, for GeForce, of its architecture white papers
    (half precision with sums in fp32). A V100 or T4 knows fp16 but no bf16: its figure is that of fp16, and bf16 on it
    is slower by far. A CPU is measured, by products of growing matrices for at most 0.2 s, once for each precision and
    number of threads; on a busy machine that is too low, and the share of the peak too high.

    Args:
        precision: fp32, bf16 or fp16.
    """
    if device.type == "cuda":
        return _card_flops(torch.cuda.get_device_name(device), precision)
    if device.type != "cpu":
        return None
    return _measured_flops(precision, torch.get_num_threads())


def _card_flops(name: str, precision: str) -> float | None:
    words = set(re.split(r"[^A-Za-z0-9]+", name))
    for card, half, full in _CARDS:
        if words.issuperset(card.split()):
            return (full if precision == "fp32" else half) * 1e12
    return None


@cache
def _measured_flops(precision: str, threads: int) -> float:  # noqa: ARG001 - the threads tell measurements apart
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    best, size, end = 0.0, _SMALLEST, time.perf_counter() + _MEASURING_SECONDS
    while True:
        began = time.perf_counter()
        best = max(best, 2 * size**3 / _product_seconds(size, dtype))
        now = time.perf_counter()
        if size == _LARGEST or now + 8 * (now - began) > end:  # the next size has eight times the work
            return best
        size *= 2


def _product_seconds(size: int, dtype: torch.dtype) -> float:
    """Of the faster of two products, the first of which warms up; no random numbers are drawn."""
    matrix = torch.full((size, size), 0.5, dtype=dtype)
    times: list[float] = []
    with torch.no_grad():
        for _ in range(2):
            began = time.perf_counter()
            torch.mm(matrix, matrix)
            times.append(time.perf_counter() - began)
    return max(min(times), 1e-9)
