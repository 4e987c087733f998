"""`lianlu prompt compare|grade`: prompts x models x cases side by side, and the same answers judged anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import msgspec

from lianlu import __version__
from lianlu.core import aio
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.hashing import sha256_bytes
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.llm import Backend, Sampling, open_backend
from lianlu.llm.request_store import RequestStore, StoredBackend
from lianlu.prompt.asking_options import asking_options, judging_options
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, assertions_of, cases_of, read_cases
from lianlu.prompt.compare_output import outcome_of, write_results
from lianlu.prompt.file import PromptFile, find_prompt, read_file
from lianlu.prompt.grid import Grid, Variant, judge_turn
from lianlu.prompt.judging import Judges
from lianlu.prompt.results import (
    Cell,
    CellTurn,
    Results,
    VariantFacts,
    passed_of,
    read_results,
    score_of,
)

__all__ = ["REQUESTS", "behaving", "compare", "grade", "judges_of", "opened_by"]

REQUESTS = "prompt.sqlite"
_MODEL = Text("ModelRef to ask; may be repeated", "要询问的模型，可重复")
_CASES = Text(
    "test cases (yaml, jsonl, csv); by default those that the prompts name",
    "测试用例（yaml、jsonl、csv）；默认用提示词自带的",
)


@verb("compare", Text("Ask models with several prompts and compare the answers.", "用多份提示词询问模型并对比回答。"))
@argument("files", nargs=-1, required=True)
@option("--model", "models", multiple=True, metavar="REF", help=_MODEL)
@option("--cases", "cases_path", type=click.Path(path_type=Path), help=_CASES)
@option("--without-system", is_flag=True, help=Text("also without any system prompt", "另加不带系统提示词的变体"))
@option(
    "--repeat",
    "repeats",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help=Text("times each is asked", "每个单元询问次数"),
)
@asking_options
@option(
    "--split", type=click.Choice(["train", "val", "test"]), help=Text("only cases of this part", "只用这一部分的用例")
)
@option(
    "--min-pass",
    type=click.FloatRange(0, 1),
    help=Text("exit 1 where a variant passes less", "有变体低于该通过率时以 1 退出"),
)
@option("--no-cache", is_flag=True, help=Text("keep no answers and use none", "不保存也不使用已有回答"))
def compare(
    call: Call,
    files: tuple[str, ...],
    models: tuple[str, ...],
    cases_path: Path | None,
    without_system: bool,
    repeats: int,
    concurrency: int,
    temperature: float | None,
    max_tokens: int | None,
    judge: str | None,
    embed: str | None,
    split: str | None,
    min_pass: float | None,
    no_cache: bool,
) -> Outcome:
    """With --out FOLDER: results.json, results.csv and page.html. Answers are kept; the same command asks only what is missing."""
    if not models:
        raise UsageError("prompt.no-model")
    prompts = [read_file(find_prompt(name)) for name in files]
    cases = _cases(prompts, cases_path, split)
    variants = _variants(prompts, models, without_system)
    if call.dry_run:
        planned = len(variants) * len(cases) * repeats
        return Outcome({"variants": [each.name for each in variants], "cases": len(cases), "cells": planned})
    keeps = call.resume and not no_cache
    store = RequestStore(call.settings.data_folder / REQUESTS) if keeps else None
    opened = partial(opened_by, settings=call.settings)
    judges = judges_of(opened, judge, embed, store)
    grid = Grid(
        variants=variants,
        cases=cases,
        open_backend=opened,
        judges=judges,
        store=store,
        repeats=repeats,
        concurrency=concurrency,
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
        behave=behaving(call),
    )
    job = call.job("compare")

    async def work() -> tuple[list[Cell], LianluError | None]:
        try:
            return await grid.run(job)
        finally:
            await judges.close()

    try:
        cells, ended = aio.run(work, job)
    finally:
        if store is not None:
            store.close()
    results = Results(
        variants=tuple(_facts(each) for each in variants),
        cells=tuple(cells),
        repeats=repeats,
        cases_file=str(cases_path or ""),
        version=__version__,
    )
    if ended is not None:
        if call.out is not None:
            write_results(call.out, results)
        job.note(_left(len(cells), len(variants) * len(cases) * repeats, kept=store is not None), level="error")
        raise ended
    return outcome_of(results, call.out, min_pass)


@verb("grade", Text("Judge kept answers anew, without asking a model.", "对已保存的回答重新评判，不再询问模型。"))
@argument("run", type=click.Path(path_type=Path))
@option("--cases", "cases_path", type=click.Path(path_type=Path), help=_CASES)
@judging_options
@option(
    "--min-pass",
    type=click.FloatRange(0, 1),
    help=Text("exit 1 where a variant passes less", "有变体低于该通过率时以 1 退出"),
)
def grade(
    call: Call, run: Path, cases_path: Path | None, judge: str | None, embed: str | None, min_pass: float | None
) -> Outcome:
    """RUN is the folder of a comparison. The results are written into --out, else back into RUN."""
    results = read_results(run)
    path = cases_path or (Path(results.cases_file) if results.cases_file else None)
    prompts = {each.prompt: read_file(find_prompt(each.prompt)) for each in results.variants}
    cases = {case.id: case for case in _cases(list(prompts.values()), path, None)}
    own = {name: assertions_of(file) for name, file in prompts.items()}
    needed = (
        *(each for asserts in own.values() for each in asserts),
        *(each for case in cases.values() for turn in case.turns for each in turn.asserts),
    )
    for kind, given, code in (("judge", judge, "prompt.no-judge"), ("similar", embed, "prompt.no-embedder")):
        needing = next((each for each in needed if each.type == kind), None)
        if needing is not None and given is None:
            raise UsageError(code, at=needing.place)
    store = RequestStore(call.settings.data_folder / REQUESTS) if judge or embed else None
    judges = judges_of(partial(opened_by, settings=call.settings), judge, embed, store)

    async def work() -> list[Cell]:
        try:
            return [
                await _again(cell, cases.get(cell.case), own[results.variants[cell.variant].prompt], judges)
                for cell in results.cells
            ]
        finally:
            await judges.close()

    try:
        cells = aio.run(work)
    finally:
        if store is not None:
            store.close()
    made = msgspec.structs.replace(results, cells=tuple(cells), cases_file=str(path or ""))
    out = call.out or (run if run.is_dir() else run.parent)
    return outcome_of(made, None if call.dry_run else out, min_pass)


async def _again(cell: Cell, case: Case | None, own: Sequence[Assertion], judges: Judges) -> Cell:
    """A cell judged by its case as it stands now; one whose case is gone has only what its prompt asserts."""
    turns: list[CellTurn] = []
    for at, turn in enumerate(cell.turns):
        asserts = case.turns[at].asserts if case is not None and at < len(case.turns) else ()
        values = case.vars if case is not None else {}
        verdicts = await judge_turn((*asserts, *own), turn, values, judges)
        turns.append(msgspec.structs.replace(turn, verdicts=verdicts))
    verdicts = [each for turn in turns for each in turn.verdicts]
    passed, score = (None, None) if cell.error else (passed_of(verdicts), score_of(verdicts))
    return msgspec.structs.replace(cell, turns=tuple(turns), passed=passed, score=score)


def judges_of(
    opened: Callable[[str], Backend], judge: str | None, embed: str | None, store: RequestStore | None
) -> Judges:
    """The models that judge, asking only what was not asked before."""
    found = [None if ref is None else opened(ref) for ref in (judge, embed)]
    kept = [each if each is None or store is None else StoredBackend(each, store) for each in found]
    return Judges(judge=kept[0], embedder=kept[1])


def opened_by(ref: str, *, settings: Settings) -> Backend:
    """A model by its ref. Raises as `llm.open_backend`."""
    return open_backend(ref, settings=settings)


def behaving(call: Call) -> Callable[[Backend, PromptFile], Backend]:
    """What the modules of a prompt do around a model, with the store of this call."""

    def around(backend: Backend, file: PromptFile) -> Backend:
        from lianlu.prompt.behaviour import behave

        return behave(backend, file, store=call.store)

    return around


def _cases(prompts: Sequence[PromptFile], path: Path | None, split: str | None) -> list[Case]:
    """The cases to ask, each once. Raises UsageError prompt.no-cases, prompt.bad-case, and those of `read_cases`."""
    named = (case for file in prompts for case in cases_of(file))
    found: dict[str, Case] = {}
    for case in named if path is None else read_cases(path):
        other = found.setdefault(case.id, case)
        if _resolved(other.place) != _resolved(case.place):
            told = Text(f"{case.id!r} stands in {other.place} too", f"{case.id!r} 已用于 {other.place}")
            raise UsageError("prompt.bad-case", at=case.place, key="id", expected=told)
    cases = [case for case in found.values() if split is None or case.split == split]
    if not cases:
        raise UsageError("prompt.no-cases", path=str(path or prompts[0].origin))
    return cases


def _resolved(place: str) -> tuple[Path, str]:
    """`file:line`, the same however its path was written."""
    path, _, line = place.rpartition(":")
    return Path(path).resolve(), line


def _variants(prompts: Sequence[PromptFile], models: Sequence[str], without_system: bool) -> list[Variant]:
    """Every prompt with every model, and where wanted the model alone. Raises UsageError prompt.same-variant."""
    names = _names(prompts)
    found: list[Variant] = []
    for model in models:
        shown = f" · {model}" if len(models) > 1 else ""
        if without_system:
            found.append(Variant(f"no prompt{shown}", prompts[0], model, with_system=False))
        found += [Variant(name + shown, file, model) for name, file in zip(names, prompts, strict=True)]
    keys = [(each.file.origin, each.model, each.with_system) for each in found]
    twice = next((each for each, key in zip(found, keys, strict=True) if keys.count(key) > 1), None)
    if twice is not None:
        raise UsageError("prompt.same-variant", name=twice.name)
    return found


def _names(prompts: Sequence[PromptFile]) -> list[str]:
    """Names of prompts; the file where two have the same."""
    names = [file.name for file in prompts]
    return [file.origin if names.count(name) > 1 else name for file, name in zip(prompts, names, strict=True)]


def _facts(variant: Variant) -> VariantFacts:
    return VariantFacts(
        name=variant.name,
        prompt=variant.file.origin,
        model=variant.model,
        with_system=variant.with_system,
        prompt_hash=sha256_bytes(variant.file.text.encode())[:16],
    )


def _left(done: int, planned: int, *, kept: bool) -> Text:
    if not kept:
        return Text(f"{done} of {planned} cells were asked", f"已询问 {planned} 个单元中的 {done} 个")
    return Text(
        f"{done} of {planned} cells are kept; the same command asks only the others",
        f"{planned} 个单元中已保存 {done} 个；再次运行同一命令只询问其余的",
    )
