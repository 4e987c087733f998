"""How good a base is, by questions whose answers are known: what it finds, what it says, and when it rightly says nothing.

Shares and means come with 95 % intervals; questions of one document are right or wrong together, so they are clustered by
it. Nothing here prints; `eval_verb` does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import msgspec

from lianlu.core import aio
from lianlu.core.errors import BackendError, DataError, LianluError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.rag.answer import Answer, Citation
from lianlu.rag.answer_match import exact_match, f1, has_answer
from lianlu.rag.asking import ask_model, depth_for
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.extractive import Found, choose
from lianlu.rag.question import read_question
from lianlu.rag.question_files import EvalQuestion
from lianlu.rag.retrieval import Models, open_models, retrieve
from lianlu.records import Failure
from lianlu.stats import Estimate, auc, clustered_mean

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["DEPTHS", "Evaluation", "Measure", "Miss", "evaluate"]

DEPTHS = (1, 3, 5, 10)
_DEEPEST = max(DEPTHS)
_CHUNKS_LOOKED_AT = 40
_AT_ONCE = 4
_MOST_IN_A_ROW = 5
"""Failures of a model one after the other, beyond which the next question would meet the same."""
_OF_ONE_QUESTION = frozenset({"llm.bad-request"})
_MARK = re.compile(r"\s*\[\d{1,3}\]")


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure: `name` such as `recall@5`, of `way` (`words`, `vectors`, `words and vectors`, or who answered)."""

    name: str
    way: str
    value: float
    low: float
    high: float
    n: int


class Miss(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A question that went wrong: `what` is `not-found`, `not-said`, `refused`, `answered` or `failed`."""

    place: str
    question: str
    what: str
    wanted: str = ""
    found: str = ""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was measured.

    Attributes:
        by: `extract`, or the ModelRef that answered.
        threshold: least probability at which the base answers.
        curve: false refusals and false answers at thresholds of the probability, where there are questions of both kinds.
    """

    base: str
    by: str
    questions: int
    answerable: int
    measures: tuple[Measure, ...]
    misses: tuple[Miss, ...] = ()
    curve: tuple[tuple[float, float, float], ...] = ()
    threshold: float | None = None
    failures: tuple[Failure, ...] = ()


@dataclass
class _Answers:
    """What was said to each question, None where the model failed; of an extract also the sentence that is best."""

    said: list[Answer | None]
    best: dict[int, str] = field(default_factory=dict[int, str])
    failures: list[Failure] = field(default_factory=list[Failure])


def evaluate(
    base: KnowledgeBase,
    asked: Sequence[EvalQuestion],
    *,
    open_backend: Callable[[], Backend] | None = None,
    by: str = "extract",
    top: int = 5,
    job: Job | None = None,
) -> Evaluation:
    """Ask all questions and compare.

    Args:
        open_backend: gives the model that writes the answers; without one sentences are quoted.
        top: passages that the model is given.

    Raises:
        DataError: rag.unknown-sources: documents that the questions name and the base lacks
        BackendError: the model failed for every question, or for several one after the other
    """
    job = job or Job("eval")
    wanted = _located(base, asked, job)
    ways = _ranked(base, asked, job)
    answers = aio.run(lambda: _answered(base, asked, open_backend, top, job), job)
    answerable = [at for at, each in enumerate(asked) if each.is_answerable]
    groups = [(wanted[at] or (asked[at].paragraph or asked[at].question,))[0] for at in range(len(asked))]
    measures: list[Measure] = []
    for way, found in ways.items():
        measures += _of_retrieval(
            way, [(asked[at], wanted[at], found[at]) for at in answerable], [groups[at] for at in answerable]
        )
    measures += _of_answers(by, asked, wanted, answers, groups)
    return Evaluation(
        base=base.name,
        by=by,
        questions=len(asked),
        answerable=len(answerable),
        measures=tuple(measures),
        misses=tuple(_misses(asked, wanted, list(ways.values())[-1], answers.said)),
        curve=_curve(asked, answers.said),
        threshold=base.refusal.threshold,
        failures=tuple(answers.failures),
    )


# ------------------------------------------------------------------ what is right


def _located(base: KnowledgeBase, asked: Sequence[EvalQuestion], job: Job) -> list[tuple[str, ...]]:
    """The uris that are right for each question; empty where any document with an answer is."""
    with base.truth.reading():
        rows = base.truth.documents()
        known = {row.uri for row in rows}
        unknown = {uri for each in asked for uri in each.sources} - known
        if unknown:
            first = ", ".join(sorted(unknown)[:5])
            raise DataError("rag.unknown-sources", name=base.name, count=len(unknown), first=first)
        paragraphs = {each.paragraph for each in asked if each.paragraph and not each.sources}
        holders: dict[str, tuple[str, ...]] = {}
        if paragraphs:
            texts = [(row.uri, " ".join(base.document(row.row).markdown.split())) for row in rows]
            for paragraph in paragraphs:
                words = " ".join(paragraph.split())
                holders[paragraph] = tuple(uri for uri, text in texts if words in text)
    lost = sum(not uris for uris in holders.values())
    if lost:
        job.note(
            Text(
                f"no document of {base.name} has {lost} of the {len(holders)} paragraphs that were asked of;"
                " any passage with an answer is taken as right there",
                f"题目所依据的 {len(holders)} 个段落中有 {lost} 个不在 {base.name} 的任何文档里；对它们，含有答案的段落都算正确",
            ),
            "warning",
        )
    return [each.sources or holders.get(each.paragraph, ()) for each in asked]


def _is_right(asked: EvalQuestion, wanted: Sequence[str], found: Found) -> bool:
    if wanted:
        return found.row.uri in wanted
    return has_answer(found.row.chunk.text, asked.answers)


# ------------------------------------------------------------------ finding


def _ranked(base: KnowledgeBase, asked: Sequence[EvalQuestion], job: Job) -> dict[str, list[list[Found]]]:
    """By words; where that is more, by vectors alone and as the base searches. Best first."""
    words = [base.find(each.question, _CHUNKS_LOOKED_AT) for each in asked]
    if not base.config.embed and not base.config.rerank:
        return {"words": words}
    return {"words": words, **aio.run(lambda: _by_models(base, asked, job), job)}


async def _by_models(base: KnowledgeBase, asked: Sequence[EvalQuestion], job: Job) -> dict[str, list[list[Found]]]:
    alone: list[list[Found]] = []
    joined: list[list[Found]] = []
    async with open_models(base) as models:
        for note in models.notes:
            job.note(note, "warning")
        for number, each in enumerate(asked, start=1):
            question = read_question(each.question)
            if models.embedder is not None:
                alone.append(await _by_vectors(base, question.text, models))
            joined.append((await retrieve(base, question, _CHUNKS_LOOKED_AT, models)).found)
            job.progress("searching", number, len(asked), "questions")
    whole = {"words and vectors" if base.config.embed else "reranked": joined}
    return {"vectors": alone, **whole} if alone else whole


async def _by_vectors(base: KnowledgeBase, text: str, models: Models) -> list[Found]:
    from lianlu.rag.embedding import unit_vectors

    index, space = base.vectors, base.space
    assert models.embedder is not None
    assert index is not None
    assert space is not None, "an embedder is only kept where the base has vectors of it"
    made = await models.embedder.embed([text], kind="query")
    hits = index.search(unit_vectors(made.vectors, space)[0], _CHUNKS_LOOKED_AT)
    rows = base.truth.chunks([row for row, _ in hits])
    return [Found(rows[row], score, dense=score) for row, score in hits if row in rows]


def _of_retrieval(
    way: str, items: Sequence[tuple[EvalQuestion, tuple[str, ...], Sequence[Found]]], groups: Sequence[str]
) -> list[Measure]:
    if not items:
        return []
    hits = [_hits(asked, wanted, found) for asked, wanted, found in items]
    measures = [
        _measure(f"recall@{k}", way, clustered_mean([float(any(each[:k])) for each in hits], groups)) for k in DEPTHS
    ]
    measures.append(_measure("MRR", way, clustered_mean([_reciprocal_rank(each) for each in hits], groups)))
    gains = [_ndcg(each, len(wanted)) for each, (_, wanted, _) in zip(hits, items, strict=True)]
    measures.append(_measure(f"nDCG@{_DEEPEST}", way, clustered_mean(gains, groups)))
    return measures


def _hits(asked: EvalQuestion, wanted: Sequence[str], found: Sequence[Found]) -> list[bool]:
    """Of the first ten places whether each is right; a place is a document, or a passage where any will do."""
    places: dict[object, bool] = {}
    for each in found:
        place: object = each.row.uri if wanted else each.row.row
        places[place] = places.get(place, False) or _is_right(asked, wanted, each)
    return list(places.values())[:_DEEPEST]


def _reciprocal_rank(hits: Sequence[bool]) -> float:
    return next((1 / rank for rank, hit in enumerate(hits, start=1) if hit), 0.0)


def _ndcg(hits: Sequence[bool], wanted: int) -> float:
    """Binary gains; where any passage with the answer will do, the first one is all that is wanted."""
    if not wanted:
        return next((1 / math.log2(rank + 1) for rank, hit in enumerate(hits, start=1) if hit), 0.0)
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, start=1) if hit)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(wanted, _DEEPEST) + 1))


# ------------------------------------------------------------------ answering


async def _answered(
    base: KnowledgeBase,
    asked: Sequence[EvalQuestion],
    open_backend: Callable[[], Backend] | None,
    top: int,
    job: Job,
) -> _Answers:
    async with open_models(base) as models:
        if open_backend is not None:
            async with open_backend() as backend:
                return await _Writing(base, asked, backend, models, top, job).all()
        answers = _Answers([])
        for number, each in enumerate(asked, start=1):
            answer = await ask_model(base, each.question, None, models=models)
            answers.said.append(answer)
            if answer.found:
                answers.best[number - 1] = await _best(base, each.question, models)
            job.progress("answering", number, len(asked), "questions")
            await anyio.lowlevel.checkpoint()  # the only place where a run by words can be stopped
        return answers


async def _best(base: KnowledgeBase, text: str, models: Models) -> str:
    """The sentence of most merit; an answer has its sentences in the order of reading."""
    question = read_question(text)
    retrieved = await retrieve(base, question, depth_for(question), models)
    return "".join(each.text for each in choose(question, retrieved.found, base.index, 1))


@dataclass
class _Writing:
    """A model that answers a few questions at once. One that fails is told, and the others go on."""

    base: KnowledgeBase
    asked: Sequence[EvalQuestion]
    backend: Backend
    models: Models
    top: int
    job: Job
    in_a_row: int = 0
    done: int = 0
    failed: list[LianluError] = field(default_factory=list[LianluError])

    async def all(self) -> _Answers:
        """Ask all of them.

        Raises:
            LianluError: what every further question would meet too; what was answered is kept by the request store
        """
        answers = _Answers([None] * len(self.asked))
        ends: list[LianluError] = []
        waiting = iter(enumerate(self.asked))

        async def worker(scope: anyio.CancelScope) -> None:
            for at, each in waiting:
                try:
                    await self._ask(at, each, answers)
                except LianluError as error:  # carried out by hand: a task group would wrap it
                    ends.append(error)
                    scope.cancel()
                    return

        async with anyio.create_task_group() as tasks:
            for _ in range(min(_AT_ONCE, len(self.asked))):
                tasks.start_soon(worker, tasks.cancel_scope)
        if ends:
            raise ends[0]
        if self.failed and len(self.failed) == len(self.asked):
            raise self.failed[0]
        return answers

    async def _ask(self, at: int, each: EvalQuestion, answers: _Answers) -> None:
        try:
            answers.said[at] = await ask_model(self.base, each.question, self.backend, models=self.models, top=self.top)
        except BackendError as error:
            self.failed.append(error)
            self.in_a_row += error.code not in _OF_ONE_QUESTION
            if self.in_a_row >= _MOST_IN_A_ROW:
                raise
            answers.failures.append(
                Failure(
                    uri=each.place or each.question,
                    code=error.code,
                    reason=error.message("en"),
                    hint=error.hint("en"),
                )
            )
        else:
            self.in_a_row = 0
        self.done += 1
        self.job.progress("answering", self.done, len(self.asked), "questions")


def _of_answers(
    by: str,
    asked: Sequence[EvalQuestion],
    wanted: Sequence[tuple[str, ...]],
    answers: _Answers,
    groups: Sequence[str],
) -> list[Measure]:
    """A question that the model failed counts as not answered."""
    measures: list[Measure] = []
    said = answers.said

    def add(name: str, values: dict[int, float]) -> None:
        if values:
            estimate = clustered_mean(list(values.values()), [groups[at] for at in values])
            measures.append(_measure(name, by, estimate))

    answerable = [at for at, each in enumerate(asked) if each.is_answerable]
    known = [at for at in answerable if asked[at].answers]
    found = {at: each for at, each in enumerate(said) if each is not None and each.found}
    text = {at: _plain(found[at].text) if at in found else "" for at in known}
    add("exact match", {at: exact_match(text[at], asked[at].answers) for at in known})
    add("F1", {at: f1(text[at], asked[at].answers) for at in known})
    for k in (1, 3):
        quotes = {at: [each.quote for each in found[at].citations[:k]] if at in found else [] for at in known}
        if k == 1:
            quotes |= {at: [best] for at, best in answers.best.items() if at in quotes}
        add(
            f"answer in the quotes@{k}",
            {at: float(has_answer("\n".join(quotes[at]), asked[at].answers)) for at in known},
        )
    cited = {
        at: [_is_cited(asked[at], wanted[at], each) for each in found[at].citations] for at in answerable if at in found
    }
    add("citation precision", {at: sum(each) / len(each) for at, each in cited.items() if each})
    add("citation recall", {at: float(any(cited.get(at, ()))) for at in answerable})
    add("wrongly refused", {at: float(at not in found) for at in answerable})
    others = [at for at, each in enumerate(asked) if not each.is_answerable]
    add("wrongly answered", {at: float(at in found) for at in others})
    yes, no = ([_probability(said[at]) for at in kind] for kind in (answerable, others))
    if yes and no:
        measures.append(_measure("refusal AUC", by, auc(yes, no)))
    return measures


def _is_cited(asked: EvalQuestion, wanted: Sequence[str], cited: Citation) -> bool:
    """Whether a citation is of a right document, and of the answer where it is known."""
    return (not wanted or cited.uri in wanted) and (not asked.answers or has_answer(cited.quote, asked.answers))


def _plain(text: str) -> str:
    return _MARK.sub("", text)


def _probability(answer: Answer | None) -> float:
    return answer.probability if answer is not None and answer.probability is not None else 0.0


def _curve(asked: Sequence[EvalQuestion], said: Sequence[Answer | None]) -> tuple[tuple[float, float, float], ...]:
    yes = [_probability(answer) for each, answer in zip(asked, said, strict=True) if each.is_answerable]
    no = [_probability(answer) for each, answer in zip(asked, said, strict=True) if not each.is_answerable]
    if not yes or not no:
        return ()
    thresholds = [step / 20 for step in range(21)]
    return tuple(
        (each, sum(score < each for score in yes) / len(yes), sum(score >= each for score in no) / len(no))
        for each in thresholds
    )


def _measure(name: str, way: str, estimate: Estimate) -> Measure:
    return Measure(name=name, way=way, value=estimate.value, low=estimate.low, high=estimate.high, n=estimate.n)


def _misses(
    asked: Sequence[EvalQuestion],
    wanted: Sequence[tuple[str, ...]],
    ranked: Sequence[Sequence[Found]],
    said: Sequence[Answer | None],
) -> list[Miss]:
    misses: list[Miss] = []
    for each, right, found, answer in zip(asked, wanted, ranked, said, strict=True):
        what = _wrong(each, right, found, answer)
        if what:
            told = answer.text if answer is not None else ""
            first = found[0].row.uri if found else ""
            misses.append(
                Miss(
                    place=each.place,
                    question=each.question,
                    what=what,
                    wanted=" | ".join(each.answers[:3]) or ", ".join(right),
                    found=first if what == "not-found" else told[:500],
                )
            )
    return misses


def _wrong(asked: EvalQuestion, wanted: Sequence[str], found: Sequence[Found], answer: Answer | None) -> str:
    if answer is None:
        return "failed"
    if not asked.is_answerable:
        return "answered" if answer.found else ""
    if not any(_hits(asked, wanted, found)[:5]):
        return "not-found"
    if not answer.found:
        return "refused"
    quotes = "\n".join(each.quote for each in answer.citations)
    is_said = (
        has_answer(f"{answer.text}\n{quotes}", asked.answers)
        if asked.answers
        else any(each.uri in wanted for each in answer.citations)
    )
    return "" if is_said else "not-said"
