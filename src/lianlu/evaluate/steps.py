"""The steps `eval.run` and `eval.parity`: models and samples of a chain in, scores with their intervals out.

An input of kind `weights` is a model, and those of kind `samples` bring the samples of the benchmarks that have none of
their own; the input's name is the model's name in the tables. So `inputs: {base: pretrain, tuned: merge, samples:
synth.samples}` compares before with after.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, field_validator

from lianlu.core import aio, registry
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.files import Files, write_bytes
from lianlu.core.hashing import canonical_json
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import ANY, ModelInput, Outside, PathInput, Step, Summary
from lianlu.evaluate.asking import AT_ONCE, Mode
from lianlu.evaluate.benchmark import SAMPLES, Benchmark, open_benchmark
from lianlu.evaluate.model import Candidate, as_folder, candidates
from lianlu.evaluate.parity import Parity, parity
from lianlu.evaluate.result import write_evaluation
from lianlu.evaluate.run import Run, evaluate
from lianlu.llm import open_backend

__all__ = [
    "PARITY",
    "PARITY_FILE",
    "RUN",
    "EvalParity",
    "EvalParityRecipe",
    "EvalRun",
    "EvalRunRecipe",
    "shown_scores",
    "write_parity",
]

PARITY_FILE = "parity.json"
_REQUESTS = "requests.sqlite"


class EvalRunRecipe(Recipe):
    """Which models, on what, and how much of it."""

    model: list[str] = Field(
        default=[],
        description="ModelRefs beside those of the inputs, each with or without a name: `tuned=local:out/sft`",
    )
    benchmarks: list[str] = Field(
        min_length=1, description="names of benchmarks, files of samples, or NAME=FILE; one may stand without brackets"
    )
    limit: int | None = Field(default=None, ge=1, description="at most that many items of each benchmark")
    shots: int = Field(default=0, ge=0, le=100, description="how many solved examples stand before each question")
    mode: Mode | None = Field(
        default=None, description="how choice questions are scored; by likelihood where the model can, if not said"
    )
    concurrency: int = Field(default=AT_ONCE, ge=1, le=256, description="how many questions are under way at once")

    @field_validator("model", "benchmarks", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    def opened(self, samples: Sequence[Path] = ()) -> list[Benchmark]:
        """The benchmarks as they will be asked. Raises as `open_benchmark`, and UsageError evaluate.few-shots."""
        found = [_opened(spec, samples) for spec in self.benchmarks]
        return [benchmark.with_shots(self.shots).limited(self.limit) for benchmark in found]


class EvalRun(Step):
    """Ask models the questions of benchmarks and score the answers."""

    name = "eval.run"
    version = 1
    recipe = EvalRunRecipe
    inputs: Mapping[str, str] = {"weights?": "weights", "samples?": "samples", ANY: ANY}
    outputs: Mapping[str, str] = {"predictions": "predictions", "scores": "scores"}
    found_in = ("backend", "benchmark")
    numeric = True

    def outside(self, recipe: EvalRunRecipe) -> Iterable[Outside]:
        """The models and the files of the benchmarks. Raises UsageError llm.*, evaluate.*, file.missing."""
        yield from (ModelInput(each.ref, _fingerprint(each)) for each in candidates(recipe.model))
        yield from _files_of(recipe.benchmarks)

    def run(self, recipe: EvalRunRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `predictions` and `scores`.

        Raises:
            UsageError: evaluate.*, llm.*
            DataError: evaluate.bad-sample, evaluate.empty-benchmark, engine.*
            BackendError: evaluate.stopped, evaluate.refuses-all, llm.*
        """
        benchmarks = recipe.opened(_samples_of(inputs))
        scratch = job.scratch
        with _models_of(inputs) as given:
            found = evaluate(
                [*given, *candidates(recipe.model)],
                benchmarks,
                mode=recipe.mode,
                requests=scratch / _REQUESTS if scratch is not None else None,
                job=job,
                concurrency=recipe.concurrency,
            )
        scores, answers = job.folder("scores"), job.folder("predictions")
        write_evaluation(found.evaluation, found.items, found.predictions, scores=scores, answers=answers)
        return shown_scores(found)


class EvalParityRecipe(Recipe):
    """Two ways to one model."""

    a: str | None = Field(default=None, description="ModelRef of the first side; null takes the input `weights`")
    b: str = Field(description="ModelRef of the second side, such as the address of a server")
    benchmark: str = Field(description="name of a benchmark, a file of samples, or NAME=FILE")
    limit: int | None = Field(default=None, ge=1, description="at most that many items")
    temperature: float = Field(default=0.0, ge=0, le=2, description="what both sides are asked with")
    tolerance: float | None = Field(default=None, gt=0, description="largest difference of log probabilities")
    concurrency: int = Field(default=AT_ONCE, ge=1, le=256, description="how many items a side is asked at once")


class EvalParity(Step):
    """Prove that two ways to a model give the same answers. A no is a result, not a failure of the step."""

    name = "eval.parity"
    version = 1
    recipe = EvalParityRecipe
    inputs: Mapping[str, str] = {"weights?": "weights", "samples?": "samples"}
    outputs: Mapping[str, str] = {"parity": "scores"}
    found_in = ("backend", "benchmark")
    numeric = True

    def outside(self, recipe: EvalParityRecipe) -> Iterable[Outside]:
        """Both sides and the files of the benchmark. Raises UsageError llm.*, evaluate.*, file.missing."""
        sides = [ref for ref in (recipe.a, recipe.b) if ref is not None]
        yield from (ModelInput(each.ref, _fingerprint(each)) for ref in sides for each in candidates([ref]))
        yield from _files_of([recipe.benchmark])

    def run(self, recipe: EvalParityRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `parity`.

        Raises:
            UsageError: evaluate.*, llm.*
            BackendError: a side failed
        """
        benchmark = _opened(recipe.benchmark, _samples_of(inputs)).limited(recipe.limit)
        (b,) = candidates([recipe.b])
        with _models_of(inputs) as given:
            own = candidates([recipe.a]) if recipe.a is not None else given
            if not own:
                raise UsageError("evaluate.no-model")
            found = parity(
                own[0],
                b,
                benchmark,
                temperature=recipe.temperature,
                tolerance=recipe.tolerance,
                job=job,
                concurrency=recipe.concurrency,
            )
        write_parity(found, job.folder("parity"))
        return {"parity": msgspec.to_builtins(msgspec.structs.replace(found, stages=_short(found)))}


RUN = EvalRun()
PARITY = EvalParity()


def write_parity(found: Parity, folder: Path) -> None:
    """Write parity.json. Raises UsageError file.unwritable, LimitError file.disk-full."""
    write_bytes(folder / PARITY_FILE, msgspec.json.format(canonical_json(found), indent=2) + b"\n")


def shown_scores(found: Run) -> dict[str, Any]:
    """The scores for a run's JSON: without the wording, which stands in scores.json."""
    evaluation = found.evaluation
    return {
        "scores": [msgspec.to_builtins(each) for each in evaluation.scores],
        "comparisons": [msgspec.to_builtins(each) for each in evaluation.comparisons],
    }


def _short(found: Parity) -> tuple[Any, ...]:
    return tuple(msgspec.structs.replace(stage, differences=stage.differences[:3]) for stage in found.stages)


def _opened(spec: str, samples: Sequence[Path]) -> Benchmark:
    """A benchmark with its own samples, else with those of the first input that has some of it.

    `NAME=BENCHMARK` renames: a chain may call its `cloze` after the documents.
    """
    try:
        return open_benchmark(spec)
    except UsageError as error:
        if error.code != "evaluate.no-samples" or not samples:
            raise
    for path in samples[:-1]:
        try:
            return open_benchmark(spec, samples=path)
        except DataError as error:
            if error.code != "evaluate.empty-benchmark":
                raise
    return open_benchmark(spec, samples=samples[-1])


def _files_of(specs: Iterable[str]) -> Iterable[PathInput]:
    """The files a benchmark lies in; one that waits for the samples of an input has only its own."""
    for spec in specs:
        name = spec.rpartition("=")[2]
        if name in registry.names("benchmark"):
            path: Path = registry.find("benchmark", name)()
            beside = [each for each in sorted(path.parent.glob(f"{path.stem}.*")) if each.is_file()]
            yield PathInput(path, tuple(beside))
        else:
            benchmark = open_benchmark(spec)
            for path in benchmark.files:
                yield PathInput(path, (path,))


def _samples_of(inputs: Mapping[str, Files]) -> list[Path]:
    """The files of samples among the inputs. Raises UsageError evaluate.wrong-input, evaluate.which-file."""
    found: list[Path] = []
    for name, files in inputs.items():
        if files.kind not in ("samples", "weights"):
            raise UsageError("evaluate.wrong-input", name=name, kind=files.kind)
        if files.kind == "samples":
            if SAMPLES not in files:
                raise UsageError("evaluate.which-file", place=name, found=", ".join(files) or "-")
            found.append(files[SAMPLES])
    return found


@contextmanager
def _models_of(inputs: Mapping[str, Files]) -> Generator[list[Candidate]]:
    """The inputs that are models, as folders while the block lasts."""
    with ExitStack() as stack:
        found: list[Candidate] = []
        for name, files in inputs.items():
            if files.kind == "weights":
                found.append(Candidate(name, stack.enter_context(as_folder(files, name))))
        yield found


def _fingerprint(candidate: Candidate) -> str | None:
    """What pins a model; None for one that is not pinned, or not there yet.

    No server is asked: a service of the chain may or may not be up by now, and the key must be the same either way.
    """

    async def main() -> str | None:
        async with open_backend(candidate.ref) as backend:
            return (await backend.identity()).fingerprint

    try:
        return aio.run(main)
    except LianluError as error:
        if error.code == "file.missing":
            return None
        raise
