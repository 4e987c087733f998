"""How good a model is: benchmarks, answers read and scored, intervals, and proof that two ways to a model are one."""

from __future__ import annotations

from lianlu.evaluate.benchmark import Benchmark, BenchmarkFile, open_benchmark
from lianlu.evaluate.extract import EXTRACTORS, Answer, letter, number, read_answer
from lianlu.evaluate.model import Candidate
from lianlu.evaluate.parity import Parity, Stage, parity
from lianlu.evaluate.result import BenchmarkScore, Comparison, Evaluation, ItemScore
from lianlu.evaluate.run import evaluate

__all__ = [
    "EXTRACTORS",
    "Answer",
    "Benchmark",
    "BenchmarkFile",
    "BenchmarkScore",
    "Candidate",
    "Comparison",
    "Evaluation",
    "ItemScore",
    "Parity",
    "Stage",
    "evaluate",
    "letter",
    "number",
    "open_benchmark",
    "parity",
    "read_answer",
]
