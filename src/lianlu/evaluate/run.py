"""Run models over benchmarks: every answer kept as it comes, errors counted, a model that is gone told apart from one
question that failed.

An item's own error (a prompt that is too long) is that item's; a key that is refused, a server that is away or a quota
that is spent would meet every further item too, so it ends the run. What was answered is in the request store by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lianlu.core import aio
from lianlu.core.errors import BackendError, Cancelled, DataError, LianluError, LimitError, UsageError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.evaluate.asking import AT_ONCE, Mode, ask, at_once
from lianlu.evaluate.benchmark import Benchmark
from lianlu.evaluate.model import Candidate, opened
from lianlu.evaluate.result import (
    FEW,
    Evaluated,
    Evaluation,
    ItemScore,
    compared,
    item_scores,
    summarised,
)
from lianlu.llm import Backend, stored
from lianlu.llm.request_store import StoredBackend
from lianlu.records import Prediction, Sample

__all__ = ["Run", "evaluate"]

_ENDS_ALL = frozenset(
    {
        "llm.unauthorized",
        "llm.not-found",
        "llm.unreachable",
        "llm.rate-limited",
        "llm.redirected",
        "llm.replay-unknown",
    }
)
_OF_THE_ITEM = frozenset({"engine.too-long", "engine.empty-prompt", "engine.bad-text"})
_MAY_BE_GONE = frozenset({"llm.server-error", "llm.timeout", "llm.broken-stream", "llm.bad-answer"})
_NO_LIKELIHOOD = frozenset({"llm.no-echo", "llm.no-ability", "llm.bad-request", "llm.not-found", "llm.bad-answer"})
_MOST_IN_A_ROW = 5


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found. `asked` questions were sent to models, `kept` were answered from the request store."""

    evaluation: Evaluation
    items: tuple[ItemScore, ...]
    predictions: tuple[Prediction, ...]
    asked: int
    kept: int


def evaluate(
    models: Sequence[Candidate],
    benchmarks: Sequence[Benchmark],
    *,
    mode: Mode | None = None,
    requests: Path | None = None,
    job: Job | None = None,
    concurrency: int = AT_ONCE,
) -> Run:
    """Ask every model every question.

    Args:
        mode: how choice questions are scored; by default by likelihood where the model can tell it.
        requests: the request store; a killed run that names the same file asks nothing again that was answered.

    Raises:
        UsageError: evaluate.no-model, evaluate.no-benchmark, evaluate.same-name, evaluate.cannot, llm.*
        DataError: engine.*, llm.store-damaged: the folder of a model, or the request store
        BackendError: evaluate.stopped, evaluate.refuses-all, llm.*
        LimitError: a quota or the disk is spent
    """
    if not models:
        raise UsageError("evaluate.no-model")
    if not benchmarks:
        raise UsageError("evaluate.no-benchmark")
    names = [benchmark.name for benchmark in benchmarks]
    for name in names:
        if names.count(name) > 1:
            raise UsageError("evaluate.same-name", name=name)
    work = _Work(benchmarks, mode, requests, job or Job("eval"), concurrency)
    for model in models:
        aio.run(lambda model=model: work.ask_model(model), work.job)
    return work.result()


class _Work:
    """What was found so far."""

    def __init__(
        self, benchmarks: Sequence[Benchmark], mode: Mode | None, requests: Path | None, job: Job, concurrency: int
    ) -> None:
        self.job = job
        self._benchmarks = benchmarks
        self._mode = mode
        self._requests = requests
        self._concurrency = concurrency
        self._models: list[Evaluated] = []
        self._items: dict[tuple[str, str], list[ItemScore]] = {}
        self._modes: dict[tuple[str, str], Mode] = {}
        self._predictions: list[Prediction] = []
        self._asked = self._kept = 0

    async def ask_model(self, model: Candidate) -> None:
        backend = await opened(model)
        async with backend if self._requests is None else stored(backend, self._requests) as asked:
            identity = await asked.identity()
            self._models.append(Evaluated.of(model.name, identity))
            for benchmark in self._benchmarks:
                await self._ask_all(asked, model, benchmark)
        if isinstance(asked, StoredBackend):
            self._asked += asked.misses
            self._kept += asked.hits

    async def _ask_all(self, backend: Backend, model: Candidate, benchmark: Benchmark) -> None:
        mode = await self._mode_of(backend, model, benchmark)
        asking = _Asking(backend, model, benchmark, mode, self.job)
        predictions = await at_once(benchmark.samples, asking.one, self._concurrency)
        asking.check_some()
        key = (benchmark.name, model.name)
        self._modes[key] = mode
        self._items[key] = item_scores(benchmark, model.name, predictions)
        for prediction in predictions:
            meta = {"benchmark": benchmark.name, "model": model.name, "mode": mode, **prediction.meta}
            self._predictions.append(msgspec.structs.replace(prediction, meta=meta))

    async def _mode_of(self, backend: Backend, model: Candidate, benchmark: Benchmark) -> Mode:
        """Likelihood where it is asked for or can be had; that a server has it is only known by asking one question."""
        can_chat, can_score = "chat" in backend.abilities, "loglikelihood" in backend.abilities
        is_choice = benchmark.file.answer == "choice"
        if is_choice and self._mode in (None, "loglikelihood") and can_score:
            try:
                await ask(backend, benchmark, benchmark.samples[0], "loglikelihood")
            except (BackendError, UsageError) as error:
                if error.code not in _NO_LIKELIHOOD or self._mode is not None:
                    raise
                self._note_fallback(model, error)
            else:
                return "loglikelihood"
        wants_other = is_choice and self._mode == "loglikelihood"
        if can_chat and not wants_other:
            return "generation"
        if "complete" in backend.abilities and not wants_other:
            return "completion"
        offered = ", ".join(sorted(backend.abilities)) or "-"
        raise UsageError("evaluate.cannot", model=model.name, benchmark=benchmark.name, offered=offered)

    def _note_fallback(self, model: Candidate, error: LianluError) -> None:
        self.job.note(
            Text(
                f"{model.name} gives no likelihoods ({error.message('en')}); its written answers are scored instead",
                f"{model.name} 不能给出似然（{error.message('zh')}），改按生成的回答评分",
            ),
            "warning",
            error.code,
        )

    def result(self) -> Run:
        keys = [(benchmark, model.name) for benchmark in self._benchmarks for model in self._models]
        items = {(each.name, model): self._items[(each.name, model)] for each, model in keys}
        scores = [
            summarised(each, model, items[(each.name, model)], self._modes[(each.name, model)]) for each, model in keys
        ]
        few = sorted({score.benchmark for score in scores if score.n < FEW})
        if few:
            self.job.note(
                Text(
                    f"fewer than {FEW} items: {', '.join(few)}; read the interval, not the mean",
                    f"不足 {FEW} 题：{'、'.join(few)}；请看区间，不要只看均值",
                ),
                "warning",
            )
        for score in scores:
            self.job.metric(f"{score.benchmark}/{score.model}", score.value)
        return Run(
            evaluation=Evaluation(models=tuple(self._models), scores=tuple(scores), comparisons=tuple(compared(items))),
            items=tuple(item for scored in items.values() for item in scored),
            predictions=tuple(self._predictions),
            asked=self._asked,
            kept=self._kept,
        )


class _Asking:
    """One benchmark put to one model."""

    def __init__(self, backend: Backend, model: Candidate, benchmark: Benchmark, mode: Mode, job: Job) -> None:
        self._backend = backend
        self._model = model
        self._benchmark = benchmark
        self._mode: Mode = mode
        self._job = job
        self._done = self._answered = self._failed_in_a_row = 0
        self._last: LianluError | None = None

    async def one(self, sample: Sample) -> Prediction:
        """The prediction for one sample; an error of the sample's own becomes part of it."""
        try:
            prediction = await ask(self._backend, self._benchmark, sample, self._mode)
        except LianluError as error:
            if isinstance(error, UsageError | DataError | Cancelled) and error.code not in _OF_THE_ITEM:
                raise  # a damaged model or request store meets every item, and is no answer of this one
            prediction = self._failed(sample, error)
        else:
            self._answered += 1
            self._failed_in_a_row = 0
        self._done += 1
        self._job.progress(f"{self._benchmark.name} · {self._model.name}", self._done, len(self._benchmark.samples))
        return prediction

    def _failed(self, sample: Sample, error: LianluError) -> Prediction:
        self._failed_in_a_row += 1
        self._last = error
        if isinstance(error, LimitError) and error.code not in _OF_THE_ITEM:
            raise error
        may_be_gone = error.code in _MAY_BE_GONE or not self._answered
        if error.code in _ENDS_ALL or (may_be_gone and self._failed_in_a_row >= _MOST_IN_A_ROW):
            raise self._stopped(error)
        self._job.note(
            Text(f"{sample.id}: {error.message('en')}", f"{sample.id}：{error.message('zh')}"), "warning", error.code
        )
        meta = {"error": error.code, "why": error.message("en")}
        return Prediction(sample_id=sample.id, output="", finish_reason="error", meta=meta)

    def _stopped(self, error: LianluError) -> LianluError:
        if not self._answered:
            return error if error.code in _ENDS_ALL else self._refused(error)
        return BackendError(
            "evaluate.stopped",
            model=self._model.name,
            benchmark=self._benchmark.name,
            done=self._answered,
            total=len(self._benchmark.samples),
            why=Text(error.message("en"), error.message("zh")),
        )

    def _refused(self, error: LianluError) -> BackendError:
        return BackendError(
            "evaluate.refuses-all",
            model=self._model.name,
            ref=self._model.ref,
            benchmark=self._benchmark.name,
            n=self._done or self._failed_in_a_row,
            why=Text(error.message("en"), error.message("zh")),
        )

    def check_some(self) -> None:
        """A benchmark of which nothing at all was answered has no score. Raises BackendError evaluate.refuses-all."""
        if not self._answered and self._last is not None:
            raise self._refused(self._last)
