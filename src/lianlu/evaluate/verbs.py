"""`lianlu eval`: run benchmarks, list them, and compare two ways to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lianlu.core import registry
from lianlu.core.console import print_table, say
from lianlu.core.errors import LimitError, UsageError
from lianlu.core.files import Files
from lianlu.core.hashing import canonical_json, code_fingerprint, sha256_file, short_id
from lianlu.core.i18n import Text, pick
from lianlu.core.job import Job
from lianlu.core.recipe import Tree, check, read_tree
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.evaluate.benchmark import Benchmark, BenchmarkFile
from lianlu.evaluate.model import candidates
from lianlu.evaluate.parity import Parity, Side, parity
from lianlu.evaluate.result import (
    FEW,
    PREDICTIONS,
    SCORES,
    SUMMARY,
    BenchmarkScore,
    Comparison,
    Evaluated,
    write_evaluation,
)
from lianlu.evaluate.run import evaluate
from lianlu.evaluate.steps import PARITY_FILE, RUN, EvalParityRecipe, EvalRunRecipe, shown_scores, write_parity
from lianlu.records import Source, StepStamp

__all__ = ["evaluation"]

_REQUESTS = ".requests.sqlite"  # hidden, so that it is no part of the results
_LONGEST_NAME = 60
_SHOWN_CHARACTERS = 80


@verb("run", Text("ask models the questions of benchmarks and score the answers", "用评测集向模型提问并评分"))
@option(
    "--model", multiple=True, help=Text("ModelRef, or NAME=ModelRef; may be repeated", "模型，或 名字=模型；可重复")
)
@option(
    "--benchmark",
    multiple=True,
    help=Text("name, file of samples, or NAME=FILE; may be repeated", "评测集名、样本文件，或 名字=文件；可重复"),
)
@option("--limit", type=int, help=Text("at most that many items of each", "每个评测集最多的题数"))
@option("--shots", type=int, default=0, show_default=True, help=Text("solved examples shown first", "先给出的示例数"))
@option(
    "--mode",
    help=Text("score choices by `loglikelihood` or `generation`", "选择题评分方式：loglikelihood 或 generation"),
)
def _run(
    call: Call, model: tuple[str, ...], benchmark: tuple[str, ...], limit: int | None, shots: int, mode: str | None
) -> Outcome:
    """Raises UsageError evaluate.*, llm.*; DataError evaluate.bad-sample; BackendError evaluate.stopped, llm.*."""
    if not benchmark:
        raise UsageError("evaluate.no-benchmark")
    values = {"model": list(model), "benchmarks": list(benchmark), "limit": limit, "shots": shots, "mode": mode}
    recipe = check(Tree(values), EvalRunRecipe, "eval.run")
    models, benchmarks = candidates(recipe.model), recipe.opened()
    folder = call.out_folder(f"eval-{_joined(benchmarks)}")
    if call.dry_run:
        return _planned(folder, [each.name for each in models], benchmarks)
    requests = folder / _REQUESTS
    if not call.resume:
        _forget(requests)
    job = call.job("eval")
    found = evaluate(models, benchmarks, mode=recipe.mode, requests=requests, job=job, concurrency=recipe.concurrency)
    write_evaluation(found.evaluation, found.items, found.predictions, scores=folder, answers=folder)
    if any(each.fingerprint is None for each in found.evaluation.models):
        _forget(requests)  # what answers there tomorrow may be another model
    refs = [each.ref for each in models]
    stamp = _stamp(recipe, benchmarks, found.evaluation.models)
    artifacts = {
        "predictions": _registered(call, folder, (PREDICTIONS,), "predictions", stamp, benchmarks, refs, job),
        "scores": _registered(call, folder, (SCORES, SUMMARY), "scores", stamp, benchmarks, refs, job),
    }
    shown = {
        "out": str(folder),
        "artifacts": artifacts,
        "asked": found.asked,
        "kept": found.kept,
        **shown_scores(found),
    }
    evaluation = found.evaluation
    return Outcome(shown, lambda: _show(folder, evaluation.scores, evaluation.comparisons))


@verb("list", Text("the benchmarks at hand", "可用的评测集"))
@argument("filter", required=False, default="")
def _list(call: Call, filter: str) -> Outcome:  # noqa: ARG001 - every verb is given its call
    rows = [_listed(name) for name in registry.names("benchmark")]
    kept = [row for row in rows if filter.casefold() in _words_of(row)]
    columns = (
        pick("name", "名称"),
        pick("what", "内容"),
        pick("answer", "作答"),
        pick("items", "题数"),
        pick("licence", "许可"),
    )

    def show() -> None:
        if not kept:
            say(pick(f"no benchmark matches {filter!r}", f"没有匹配 {filter!r} 的评测集"))
            return
        cells = [
            (
                row["name"],
                pick(row["title"]["en"], row["title"]["zh"]),
                row["answer"],
                row["items"] or pick("yours", "自备"),
                row["licence"],
            )
            for row in kept
        ]
        print_table(columns, cells)

    return Outcome({"benchmarks": kept}, show)


@verb("parity", Text("prove that two ways to a model give the same answers", "证明两条途径得到同样的回答"))
@argument("a")
@argument("b")
@option(
    "--benchmark", required=True, help=Text("name, file of samples, or NAME=FILE", "评测集名、样本文件，或 名字=文件")
)
@option("--limit", type=int, help=Text("at most that many items", "最多的题数"))
@option(
    "--temperature",
    type=float,
    default=0.0,
    show_default=True,
    help=Text("what both sides are asked with", "两侧提问所用的温度"),
)
@option("--tolerance", type=float, help=Text("largest difference of log probabilities", "对数概率的最大允许差"))
def _parity(
    call: Call, a: str, b: str, benchmark: str, limit: int | None, temperature: float, tolerance: float | None
) -> Outcome:
    """Exit 1 when they do not agree. Raises UsageError evaluate.*, llm.*; BackendError llm.*."""
    values = {
        "a": a,
        "b": b,
        "benchmark": benchmark,
        "limit": limit,
        "temperature": temperature,
        "tolerance": tolerance,
    }
    recipe = check(Tree(values), EvalParityRecipe, "eval.parity")
    asked = check(Tree({"benchmarks": [benchmark], "limit": limit}), EvalRunRecipe, "eval.run").opened()[0]
    sides = [candidates([ref])[0] for ref in (a, b)]
    folder = call.out_folder(f"parity-{asked.name}")
    if call.dry_run:
        return _planned(folder, [side.name for side in sides], [asked])
    found = parity(
        sides[0], sides[1], asked, temperature=recipe.temperature, tolerance=recipe.tolerance, job=call.job("parity")
    )
    write_parity(found, folder)
    data = {"out": str(folder / PARITY_FILE), **msgspec.to_builtins(found)}
    return Outcome(data, lambda: _show_parity(found), verdict=found.agrees)


evaluation = RoomGroup(
    "eval",
    Text("Evaluate models on benchmarks.", "在评测集上评测模型。"),
    (_run, _list, _parity),
)


def _words_of(row: Mapping[str, Any]) -> str:
    """All words of a row, to be searched."""
    return canonical_json(row).decode().casefold()


def _joined(benchmarks: Sequence[Benchmark]) -> str:
    return "-".join(benchmark.name for benchmark in benchmarks)[:_LONGEST_NAME].rstrip("-.")


def _planned(folder: Path, models: list[str], benchmarks: Sequence[Benchmark]) -> Outcome:
    items = {benchmark.name: len(benchmark.samples) for benchmark in benchmarks}
    questions = len(models) * sum(items.values())
    line = pick(
        f"{questions} questions would be asked, results in {folder}", f"将提问 {questions} 次，结果写入 {folder}"
    )
    return Outcome({"out": str(folder), "models": models, "items": items, "questions": questions}, lambda: say(line))


def _forget(requests: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        requests.with_name(requests.name + ending).unlink(missing_ok=True)


def _listed(name: str) -> dict[str, Any]:
    place: Path = registry.find("benchmark", name)()
    file = check(read_tree(place, environment={}), BenchmarkFile, "benchmark")
    items = 0
    if file.samples is not None:
        items = sum(1 for line in (place.parent / file.samples).read_bytes().splitlines() if line.strip())
    english = file.title.get("en", file.name)
    return {
        "name": name,
        "title": {"en": english, "zh": file.title.get("zh", english)},
        "answer": file.answer,
        "items": items,
        "version": file.version,
        "licence": file.licence,
        "source": file.source,
        "groups": file.groups,
    }


def _stamp(recipe: EvalRunRecipe, benchmarks: Sequence[Benchmark], models: Sequence[Evaluated]) -> StepStamp:
    settings = recipe.model_dump(mode="json")
    settings |= {"model": [model.name for model in models], "benchmarks": [each.name for each in benchmarks]}
    hashes = [sha256_file(path) for benchmark in benchmarks for path in benchmark.files]
    pins = [model.fingerprint or "" for model in models]
    code = code_fingerprint("lianlu.evaluate.steps")
    key = short_id(RUN.name, str(RUN.version), code, canonical_json(settings), *hashes, *pins)
    return StepStamp(name=RUN.name, version=RUN.version, key=key, output="scores", recipe=settings)


def _registered(
    call: Call,
    folder: Path,
    names: Sequence[str],
    kind: str,
    stamp: StepStamp,
    benchmarks: Sequence[Benchmark],
    refs: Sequence[str],
    job: Job,
) -> str | None:
    """The id under which the store knows these files of the folder; None where it cannot be written."""
    from lianlu.store import open_store

    files = Files({name: folder / name for name in names}, kind=kind)
    try:
        store = open_store(call.store)
        parents = [store.get(ref[1:]).id for ref in refs if ref.startswith("@")]
        artifact = store.put(
            files,
            kind=kind,
            parents=parents,
            step=msgspec.structs.replace(stamp, output=kind),
            sources=_sources(benchmarks),
            by_reference=True,
        )
    except (UsageError, LimitError) as error:
        job.note(
            Text(
                f"the results are in {folder}, but not registered: {error.message('en')}",
                f"结果已写入 {folder}，但未能登记：{error.message('zh')}",
            ),
            "warning",
            error.code,
        )
        return None
    return artifact.id


def _sources(benchmarks: Sequence[Benchmark]) -> list[Source]:
    paths = sorted({path.absolute() for benchmark in benchmarks for path in benchmark.files})
    return [Source(uri=str(path), sha256=sha256_file(path), size=path.stat().st_size) for path in paths]


def _show(folder: Path, scores: Sequence[BenchmarkScore], comparisons: Sequence[Comparison]) -> None:
    columns = (
        pick("benchmark", "评测集"),
        pick("model", "模型"),
        pick("accuracy ± SE", "准确率 ± 标准误"),
        pick("95% interval", "95% 区间"),
        pick("by group", "按组平均"),
        pick("items", "题数"),
        pick("errors", "出错"),
        pick("not read", "未识别"),
        pick("scored by", "评分方式"),
    )
    print_table(columns, [_cells(score) for score in scores])
    for each in comparisons:
        reach = f"{each.low:+.3f} – {each.high:+.3f}"
        say(
            pick(
                f"{each.benchmark}: {each.first} → {each.second} {each.difference:+.3f} ({reach}), "
                f"{each.only_second} better, {each.only_first} worse, p = {each.p_value:.3g}",
                f"{each.benchmark}：{each.first} → {each.second} {each.difference:+.3f}（{reach}），"
                f"变对 {each.only_second}，变错 {each.only_first}，p = {each.p_value:.3g}",
            )
        )
    if any(score.n < FEW for score in scores):
        say(pick(f"fewer than {FEW} items: read the interval, not the mean", f"不足 {FEW} 题：请看区间，不要只看均值"))
    say(pick(f"every answer with its score: {folder / SCORES}", f"逐题回答与得分：{folder / SCORES}"))


def _cells(score: BenchmarkScore) -> tuple[Any, ...]:
    error = "–" if score.standard_error is None else f"{score.standard_error:.3f}"
    return (
        score.benchmark,
        score.model,
        f"{score.value:.3f} ± {error}",
        f"{score.low:.3f} – {score.high:.3f}",
        f"{score.macro:.3f}",
        score.n if score.n == score.of else f"{score.n}/{score.of}",
        score.errors,
        score.unread,
        pick("likelihood", "似然") if score.mode == "loglikelihood" else f"{score.mode}, {score.extractor}",
    )


def _show_parity(found: Parity) -> None:
    states = {
        "passed": pick("passed", "通过"),
        "failed": pick("failed", "未通过"),
        "unproven": pick("unproven", "未能证明"),
        "skipped": pick("skipped", "跳过"),
    }
    columns = (pick("stage", "阶段"), pick("state", "状态"), pick("why", "说明"))
    rows = [(stage.name, states[stage.state], stage.reason.show()) for stage in found.stages]
    print_table(columns, rows, title=f"{_side(found.a)} ↔ {_side(found.b)}")
    for stage in found.stages:
        for each in stage.differences[:5]:
            say(
                f"  {each.what}: {_printable(each.a)} ≠ {_printable(each.b)}" + (f" ({each.note})" if each.note else "")
            )
    if found.agrees:
        say(pick(f"all {found.n} items agree", f"全部 {found.n} 题一致"))
    else:
        say(pick(f"they do not agree: stage {found.failed!r}", f"不一致：阶段 {found.failed!r}"))


def _printable(text: str) -> str:
    """What a model wrote, harmless to a terminal and short enough for two in a line."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"


def _side(side: Side) -> str:
    pin = f", {side.fingerprint[:12]}" if side.fingerprint else ""
    return f"{side.name} ({side.engine}{pin})"
