"""What an evaluation says: per item, per benchmark and model, and between models. Files in, files out, no asking.

Errors, answers that could not be read and answers that were cut off are counted, and they count as wrong: a mean over
the items that happened to work would reward a model for failing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lianlu import stats
from lianlu.core.errors import DataError
from lianlu.core.files import write_bytes
from lianlu.core.hashing import canonical_json
from lianlu.evaluate.asking import Mode
from lianlu.evaluate.benchmark import Benchmark
from lianlu.evaluate.extract import read_answer
from lianlu.llm import Identity
from lianlu.records import Prediction, Sample, Score

__all__ = [
    "FEW",
    "PREDICTIONS",
    "SCORES",
    "SUMMARY",
    "BenchmarkScore",
    "Comparison",
    "Evaluated",
    "Evaluation",
    "GroupScore",
    "ItemScore",
    "compared",
    "item_scores",
    "read_evaluation",
    "read_items",
    "summarised",
    "write_evaluation",
]

PREDICTIONS = "predictions.jsonl"
SCORES = "scores.jsonl"
SUMMARY = "scores.json"
FEW = 30  # below this an interval is wide enough to mislead whoever reads the mean alone


class ItemScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one model made of one sample. `answer` is None where none could be read; `error` is the code of a failure."""

    benchmark: str
    model: str
    sample_id: str
    group: str
    question: str
    targets: tuple[str, ...]
    output: str
    answer: str | None
    score: Score
    error: str = ""
    finish_reason: str = "stop"


class GroupScore(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a benchmark: its items whose `by` (their group, or a fact of theirs) is `group`."""

    by: str
    group: str
    value: float
    standard_error: float | None
    low: float
    high: float
    n: int


class BenchmarkScore(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one benchmark.

    Attributes:
        value: mean over all items (micro); `macro` is the mean over the groups.
        unread: answers in which nothing could be read; `truncated`: answers cut off by the length.
        mode: `loglikelihood`, or `generation` with the extractor that read the answers.
        prompt: hash of wording, shots and extractor; only scores with the same one can be compared.
        of: how many samples the benchmark has, of which `n` were asked.
    """

    benchmark: str
    model: str
    value: float
    standard_error: float | None
    low: float
    high: float
    n: int
    errors: int
    unread: int
    truncated: int
    macro: float
    macro_standard_error: float | None
    mode: str
    extractor: str
    prompt: str
    version: int
    shots: int
    of: int
    groups: tuple[GroupScore, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """A later model against the first, item by item: second minus first."""

    benchmark: str
    first: str
    second: str
    difference: float
    standard_error: float | None
    low: float
    high: float
    n: int
    only_first: int
    only_second: int
    p_value: float


class Evaluated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which model it was, without where it stood."""

    name: str
    model: str
    engine: str
    fingerprint: str | None = None
    tokenizer: str = ""
    template: str = ""
    dtype: str = ""

    @classmethod
    def of(cls, name: str, identity: Identity) -> Evaluated:
        known = {field: getattr(identity, field) for field in cls.__struct_fields__ if field != "name"}
        return cls(name=name, **known)


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """All scores of one evaluation; scores.json."""

    models: tuple[Evaluated, ...]
    scores: tuple[BenchmarkScore, ...]
    comparisons: tuple[Comparison, ...] = ()
    format: int = 1


def item_scores(benchmark: Benchmark, model: str, predictions: Sequence[Prediction]) -> list[ItemScore]:
    """Read and judge every prediction, in the order of the samples."""
    by_id = {prediction.sample_id: prediction for prediction in predictions}
    return [_scored(benchmark, model, sample, by_id[sample.id]) for sample in benchmark.samples]


def _scored(benchmark: Benchmark, model: str, sample: Sample, prediction: Prediction) -> ItemScore:
    extractor = "letter" if prediction.logprobs else benchmark.extractor(sample)
    error = str(prediction.meta.get("error", ""))
    answer = read_answer(extractor, prediction.output, sample)
    why = str(prediction.meta.get("why", "")) if error else answer.why
    by = "loglikelihood" if prediction.logprobs else extractor
    return ItemScore(
        benchmark=benchmark.name,
        model=model,
        sample_id=sample.id,
        group=sample.group,
        question=sample.input if isinstance(sample.input, str) else sample.input.messages[-1].text,
        targets=sample.targets,
        output=prediction.output,
        answer=None if error else answer.text,
        score=Score(name="accuracy", value=float(answer.is_right and not error), by=by, why=why),
        error=error,
        finish_reason=prediction.finish_reason,
    )


def summarised(benchmark: Benchmark, model: str, items: Sequence[ItemScore], mode: Mode) -> BenchmarkScore:
    """The means of one benchmark with their intervals."""
    groups: dict[str, list[float]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item.score.value)
    whole = stats.mean([item.score.value for item in items])
    macro = stats.mean_of_means(list(groups.values()))
    extractors = {item.score.by for item in items} - {"loglikelihood"}
    return BenchmarkScore(
        benchmark=benchmark.name,
        model=model,
        **_ends(whole),
        errors=sum(bool(item.error) for item in items),
        unread=sum(item.answer is None and not item.error for item in items),
        truncated=sum(item.finish_reason == "length" for item in items),
        macro=macro.value,
        macro_standard_error=macro.standard_error,
        mode=mode,
        extractor=", ".join(sorted(extractors)) or "-",
        prompt=benchmark.prompt_id,
        version=benchmark.file.version,
        shots=len(benchmark.shots),
        of=benchmark.of or len(benchmark.samples),
        groups=tuple(_parts(benchmark, items)),
    )


def _parts(benchmark: Benchmark, items: Sequence[ItemScore]) -> Iterator[GroupScore]:
    """Scores by group, then by each fact that the benchmark names; one group alone says nothing new."""
    for by in ("group", *benchmark.file.parts):
        values: dict[str, list[float]] = {}
        for sample, item in zip(benchmark.samples, items, strict=True):
            found = sample.group if by == "group" else sample.meta.get(by)
            if found is not None:
                values.setdefault(str(found), []).append(item.score.value)
        if len(values) > 1:
            for group, scores in sorted(values.items(), key=lambda each: (len(each[0]), each[0])):
                yield GroupScore(by=by, group=group, **_ends(stats.mean(scores)))


def _ends(found: stats.Estimate) -> dict[str, Any]:
    ends = {"low": max(found.low, 0.0), "high": min(found.high, 1.0)}
    return {"value": found.value, "standard_error": found.standard_error, "n": found.n, **ends}


def compared(items: Mapping[tuple[str, str], Sequence[ItemScore]]) -> list[Comparison]:
    """Each later model against the first on the same benchmark; keys are (benchmark, model)."""
    found: list[Comparison] = []
    first: dict[str, str] = {}
    for (benchmark, model), scored in items.items():
        base = first.setdefault(benchmark, model)
        if base == model:
            continue
        before = [item.score.value for item in items[(benchmark, base)]]
        pair = stats.paired(before, [item.score.value for item in scored])
        found.append(
            Comparison(
                benchmark=benchmark,
                first=base,
                second=model,
                difference=pair.difference,
                standard_error=pair.standard_error,
                low=pair.low if math.isfinite(pair.low) else -1.0,
                high=pair.high if math.isfinite(pair.high) else 1.0,
                n=pair.n,
                only_first=pair.only_first,
                only_second=pair.only_second,
                p_value=pair.p_value,
            )
        )
    return found


def write_evaluation(
    evaluation: Evaluation,
    items: Sequence[ItemScore],
    predictions: Sequence[Prediction],
    *,
    scores: Path,
    answers: Path,
) -> None:
    """Write scores.json and scores.jsonl to the folder `scores`, predictions.jsonl to `answers`.

    Raises:
        UsageError: file.unwritable
        LimitError: file.disk-full
    """
    write_bytes(answers / PREDICTIONS, b"".join(canonical_json(each) + b"\n" for each in predictions))
    write_bytes(scores / SCORES, b"".join(canonical_json(each) + b"\n" for each in items))
    write_bytes(scores / SUMMARY, msgspec.json.format(canonical_json(evaluation), indent=2) + b"\n")


def read_evaluation(path: Path) -> Evaluation:
    """Raises DataError evaluate.bad-scores."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError) as error:
        raise DataError("evaluate.bad-scores", file=SUMMARY, why=str(error)) from None


def read_items(path: Path) -> list[ItemScore]:
    """Raises DataError evaluate.bad-scores."""
    decoder = msgspec.json.Decoder(ItemScore)
    try:
        return [decoder.decode(line) for line in path.read_bytes().splitlines() if line]
    except (OSError, msgspec.DecodeError) as error:
        raise DataError("evaluate.bad-scores", file=SCORES, why=str(error)) from None
