"""Search better words for a prompt with GEPA: a model reads what went wrong and proposes, a candidate stays where it scores better.

What is searched is the system text of a file, and every candidate is scored as a file through the same grid as a
comparison: the bytes that are scored are the bytes that are written. Cases kept for the end have no part in the search.
A search that is stopped keeps nothing but its answers: the next one takes the same steps, and asks only what is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lianlu.core import aio
from lianlu.core.errors import Cancelled, LianluError, UsageError
from lianlu.core.extras import require
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.llm import Backend, Sampling
from lianlu.llm.request_store import RequestStore, StoredBackend
from lianlu.prompt.candidate import problem_of, with_system
from lianlu.prompt.cases import Case, assertions_of
from lianlu.prompt.compare_stats import Comparison, compared
from lianlu.prompt.evolution import PART, Adapter, Candidate, Rejected, Silent, Watch
from lianlu.prompt.file import PromptFile
from lianlu.prompt.grid import Behave, Grid, Variant
from lianlu.prompt.judging import Judges
from lianlu.prompt.open_models import OpenModels
from lianlu.prompt.reflection import proposed, reflection_conversation
from lianlu.prompt.render import source
from lianlu.prompt.results import Cell, Results, VariantFacts
from lianlu.prompt.splits import Splits
from lianlu.records import Conversation, Usage

__all__ = ["Optimized", "Search"]

_TRIES = 2
_NO_PROMPT = Text("there is no prompt between two lines of ~~~~", "两行 ~~~~ 之间没有提示词")
_SAME = Text("it changes nothing", "没有任何改动")


class Optimized(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found.

    Attributes:
        best: index of the best candidate; 0 where nothing was better than what was there.
        rejected: proposals that are no candidates, in the order they came.
        calls: answers that were scored, kept ones included; never more than `budget`.
        nonsense: proposals that could not be used, of `reflections`.
        held_out: old against new on the cases that had no part in the search; None where there are none.
        passed: the shares of these cases that old and new pass.
        is_whole: False where the search was stopped before its end.
    """

    candidates: tuple[Candidate, ...]
    best: int
    calls: int
    reflections: int
    nonsense: int
    train: int
    val: int
    test: int
    budget: int = 0
    seed: int = 0
    model: str = ""
    reflect: str = ""
    rejected: tuple[Rejected, ...] = ()
    held_out: Comparison | None = None
    passed: tuple[float, float] | None = None
    spent: Usage = Usage()
    is_whole: bool = True

    @property
    def gain(self) -> str:
        """The difference of the shares that pass on the cases of the end, with its interval where the cases vary."""
        each = self.held_out
        if each is None:
            return ""
        interval = f" ({each.low:+.3f} … {each.high:+.3f})" if each.low < each.high else ""
        return f"{each.difference:+.3f}{interval}"


@dataclass
class Search:
    """The search over one prompt.

    Args:
        opened: opens a model by its ref.
        model: the model that answers.
        reflect: the model that proposes.
        store: where answers and proposals are kept; None keeps nothing.
        budget: most answers that are scored; those to the cases of the end are not counted.

    Attributes:
        held_out: the answers of old and new to the cases of the end, after `run`.
    """

    file: PromptFile
    cases: Splits
    opened: Callable[[str], Backend]
    model: str
    reflect: str
    judges: Judges
    store: RequestStore | None
    behave: Behave
    job: Job
    budget: int = 100
    concurrency: int = 4
    seed: int = 0
    sampling: Sampling = field(default_factory=Sampling)
    held_out: Results | None = field(init=False, default=None)
    _watch: Watch = field(init=False, repr=False)
    _models: OpenModels = field(init=False, repr=False)
    _reflections: int = field(init=False, default=0)
    _nonsense: int = field(init=False, default=0)
    _asked: Counter[str] = field(init=False, default_factory=Counter[str])
    _spent: Usage = field(init=False, default_factory=Usage)
    _broken: LianluError | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._models = OpenModels(self.opened)
        self._watch = Watch(self.cases.val, self.cases.learned_at_once)

    def run(self) -> tuple[Optimized, LianluError | None]:
        """Search until the budget is spent; what ended it before is the second value, and the first what stands then.

        Raises:
            UsageError: prompt.nothing-to-optimize, prompt.small-budget, prompt.case-without-assertion, extra.missing,
                those of `Grid.plan`
            LianluError: what ended it before the prompt itself was scored
        """
        require("gepa", "prompt")
        self._check()
        try:
            ended = self._stopped_by(self._evolve)
            if not self._watch.candidates:
                raise ended or Cancelled()
            best = self._best()
            if ended is None and best and self.cases.test:
                ended = self._stopped_by(self._hold_out)
        finally:
            self._close()
        return self._found(best, is_whole=ended is None), ended

    def _check(self) -> None:
        """What can be wrong is found before anything is asked."""
        if not source(self.file.prompt).strip():
            raise UsageError("prompt.nothing-to-optimize", at=self.file.origin)
        if self.budget < self.cases.least_budget:
            raise UsageError("prompt.small-budget", budget=self.budget, least=self.cases.least_budget)
        self.cases.check_asserted(assertions_of(self.file))
        everything = [*self.cases.train, *self.cases.val, *self.cases.test]
        self._grid([Variant("old", self.file, self.model)], everything).plan()

    def _stopped_by(self, work: Callable[[], None]) -> LianluError | None:
        """What ends `work` before its end: a service that is gone, or Ctrl-C."""
        try:
            work()
        except KeyboardInterrupt:
            return Cancelled()
        except LianluError as error:
            return self._broken or error
        return self._broken

    def _evolve(self) -> None:
        # GEPA's cache of evaluations stays off: it knows cases by their number, and those to learn from and those to
        # choose by are both numbered from zero. The request store keeps what was asked.
        require("gepa", "prompt").optimize(
            seed_candidate={PART: source(self.file.prompt)},
            trainset=list(self.cases.train),
            valset=list(self.cases.val),
            adapter=Adapter(self._scored),
            custom_candidate_proposer=self._propose,
            reflection_minibatch_size=self.cases.learned_at_once,
            stop_callbacks=[self._is_over],
            callbacks=[self._watch],
            logger=Silent(),
            seed=self.seed,
            raise_on_exception=True,
        )

    def _is_over(self, state: Any) -> bool:
        """Before each step: whether it could go beyond the budget, or nothing is left to gain."""
        is_perfect = any(each.score >= 1.0 for each in self._watch.candidates)
        return self._broken is not None or is_perfect or state.total_num_evals + self.cases.step > self.budget

    def _best(self) -> int:
        scores = [each.score for each in self._watch.candidates]
        return scores.index(max(scores))

    def _found(self, best: int, *, is_whole: bool) -> Optimized:
        pairs = compared(self.held_out) if self.held_out is not None else []
        passed = None if self.held_out is None else (_share(self.held_out, 0), _share(self.held_out, 1))
        return Optimized(
            candidates=tuple(self._watch.candidates),
            best=best,
            calls=self._watch.used,
            reflections=self._reflections,
            nonsense=self._nonsense,
            train=len(self.cases.train),
            val=len(self.cases.val),
            test=len(self.cases.test),
            budget=self.budget,
            seed=self.seed,
            model=self.model,
            reflect=self.reflect,
            rejected=tuple(self._watch.rejected),
            held_out=pairs[0] if pairs else None,
            passed=passed,
            spent=self._spent,
            is_whole=is_whole,
        )

    # Scoring

    def _scored(self, cases: Sequence[Case], text: str) -> Sequence[Cell | Text]:
        """A cell for each case, or what is wrong with the text; raises what ends the search."""
        problem = problem_of(self.file, text) if text != source(self.file.prompt) else None
        if problem is not None:
            return [problem] * len(cases)
        cells = self._cells([Variant("candidate", with_system(self.file, text), self.model)], cases)
        self.job.progress("scoring", min(self._watch.used + len(cases), self.budget), self.budget, "answers")
        self.job.check()
        return cells

    def _grid(self, variants: Sequence[Variant], cases: Sequence[Case]) -> Grid:
        return Grid(
            variants=variants,
            cases=cases,
            open_backend=self._models,
            judges=self.judges,
            store=self.store,
            concurrency=self.concurrency,
            sampling=self.sampling,
            behave=self.behave,
            most_failures=1,  # an answer that did not come is no score of the prompt
        )

    def _cells(self, variants: Sequence[Variant], cases: Sequence[Case]) -> list[Cell]:
        grid = self._grid(variants, cases)
        cells, ended = aio.run(lambda: grid.run(Job()), self.job)
        if ended is not None:
            raise ended
        for cell in cells:
            for turn in cell.turns:
                self._spent += turn.usage
        return cells

    def _hold_out(self) -> None:
        """Ask the cases of the end with the old text and the best."""
        self.job.progress("comparing on the cases of the end", 0, 2 * len(self.cases.test), "answers")
        new = with_system(self.file, self._watch.candidates[self._best()].text)
        variants = [Variant("old", self.file, self.model), Variant("new", new, self.model)]
        facts = tuple(VariantFacts(name=each.name, prompt=self.file.origin, model=self.model) for each in variants)
        self.held_out = Results(variants=facts, cells=tuple(self._cells(variants, self.cases.test)))

    # Proposing

    def _propose(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: Sequence[str],  # noqa: ARG002 - there is one
    ) -> dict[str, str]:
        """Another text for the part; none where none that can be used was proposed, even after it was told why."""
        if self._broken is not None:  # GEPA asks again after an error, and goes on after the second
            raise self._broken
        now = candidate[PART]
        refused: Text | None = None
        for _ in range(_TRIES):
            said = self._reflect(reflection_conversation(now, reflective_dataset[PART], refused))
            self._reflections += 1
            text = _framed(proposed(said), now)
            refused = _NO_PROMPT if not text.strip() else _SAME if text == now else problem_of(self.file, text)
            if refused is None:
                return {PART: text}
            self._nonsense += 1
            self._watch.rejected.append(Rejected(text=text if text.strip() else said, why=refused.en))
        return {}

    def _reflect(self, conversation: Conversation) -> str:
        asked = msgspec.json.encode(conversation.messages).decode()
        number = self._asked[asked]
        self._asked[asked] += 1  # the same question again is for another answer
        model = self._models(self.reflect)
        backend = model if self.store is None else StoredBackend(model, self.store, sample=number)
        try:
            reply = aio.run(lambda: backend.chat(conversation, Sampling()), self.job)
        except LianluError as error:
            self._broken = error
            raise
        self._spent += reply.usage
        return reply.message.text

    def _close(self) -> None:
        async def close() -> None:
            await self._models.close()
            await self.judges.close()

        aio.run(close)


def _share(results: Results, variant: int) -> float:
    """How many of a variant's cells pass, those that could not be judged among them."""
    cells = results.of_variant(variant)
    return sum(cell.passed is True for cell in cells) / len(cells)


def _framed(text: str, like: str) -> str:
    """The text with as many newlines around it as another has."""
    words = text.strip("\n")
    if not words.strip():
        return ""
    before, after = len(like) - len(like.lstrip("\n")), len(like) - len(like.rstrip("\n"))
    return "\n" * before + words + "\n" * after
