"""`lianlu rag summarize`: an overview and key points of files, each sentence with the places it rests on.

What does the work is imported when it is asked for: the other verbs of this room start without it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lianlu.core import aio
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Language, Text, language, pick
from lianlu.core.job import Job
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.filters import read_filters
from lianlu.store import open_store

if TYPE_CHECKING:
    from lianlu.rag.gathering import Gathered
    from lianlu.rag.summary import Forecast, Summary

__all__ = ["summarize"]

_LANGUAGES = ("zh", "en")
_MOST_NOTES = 20


@verb(
    "summarize",
    Text(
        "sum up files, folders, web addresses or a base, with citations", "为文件、文件夹、网址或知识库写带引用的摘要"
    ),
)
@argument("sources", nargs=-1)
@option(
    "--model",
    help=Text("ModelRef that writes it; without it sentences are quoted", "撰写摘要的模型；不给则逐句引用原文"),
)
@option("--points", type=int, help=Text("key points at most; by default 3 to 12", "要点的最多条数；默认 3 到 12"))
@option("--focus", default="", metavar="QUESTION", help=Text("what it should bear on", "只关注与该问题有关的内容"))
@option(
    "--language",
    "wished",
    type=click.Choice(_LANGUAGES),
    help=Text("of the summary; the documents' by default", "摘要的语言；默认与文档相同"),
)
@option(
    "--window",
    type=int,
    metavar="TOKENS",
    help=Text("what the model can read and write at once; 8000 by default", "模型一次能读写的 token 数；默认 8000"),
)
@option(
    "--since",
    default="",
    metavar="DATE",
    help=Text("of a base: only documents from this date on", "知识库中只取此日期及以后的文档"),
)
@option(
    "--until",
    default="",
    metavar="DATE",
    help=Text("of a base: only documents up to this date", "知识库中只取此日期及以前的文档"),
)
@option(
    "--path",
    default="",
    metavar="PATTERN",
    help=Text("of a base: only documents whose name fits", "知识库中只取名称匹配的文档"),
)
@option(
    "--where",
    multiple=True,
    metavar="NAME=VALUE",
    help=Text("of a base: only documents whose metadata say so; repeatable", "知识库中只取元数据符合的文档，可重复"),
)
def summarize(
    call: Call,
    sources: tuple[str, ...],
    model: str | None,
    points: int | None,
    focus: str,
    wished: Language | None,
    window: int | None,
    **filters: Any,
) -> Outcome:
    """SOURCES are files, folders and web addresses, or the name of one knowledge base.

    --out FILE.md or FILE.html writes it down; an answer of a model that was paid for is kept and not asked for again.
    """
    from lianlu.rag import summarizing
    from lianlu.rag.gathering import gather
    from lianlu.rag.summary_page import summary_files, write_summary

    if call.out is not None:
        summary_files(call.out)  # a form that cannot be written is said before anything is read
    job = call.job("summarize")
    gathered = gather(sources, filters=read_filters(**filters), root=call.store, job=job)
    asked: dict[str, Any] = {"points": points, "focus": focus, "language": wished, "window": window}
    if call.dry_run:
        return _planned(call, gathered, model, asked)
    summary = summarizing.summarize(
        gathered.documents,
        model=model,
        title=gathered.title,
        failures=gathered.failures,
        job=job,
        settings=call.settings,
        requests=_requests(call, job) if model is not None and call.resume else None,
        **asked,
    )
    written = write_summary(summary, call.out) if call.out is not None else []
    told = {**msgspec.to_builtins(summary), "files": [str(path) for path in written]}
    return Outcome(told, lambda: _show(summary, written))


def _requests(call: Call, job: Job) -> Path | None:
    """Where answers of models are kept; None, and said so, where nothing can be written."""
    try:
        return open_store(call.store, settings=call.settings).state("summaries", "requests.sqlite")
    except UsageError as error:
        job.note(Text(error.message("en"), error.message("zh")), "warning", error.code)
        return None


def _planned(call: Call, gathered: Gathered, model: str | None, asked: dict[str, Any]) -> Outcome:
    """What would be done: how often the model is asked, and what that takes."""
    documents = [each.source.uri for each in gathered.documents]
    told: dict[str, Any] = {"documents": documents, "failures": msgspec.to_builtins(gathered.failures), "model": model}
    if model is None:
        characters = sum(len(each.markdown) for each in gathered.documents)
        shown = pick(
            f"{len(documents)} documents, {characters:,} characters; sentences are quoted, no model is asked",
            f"{len(documents)} 篇文档，{characters:,} 个字符；逐句引用原文，不调用模型",
        )
        return Outcome({**told, "characters": characters}, lambda: say(shown))
    made = aio.run(lambda: _forecast(call, gathered, model, asked))
    return Outcome({**told, **msgspec.to_builtins(made)}, lambda: _show_forecast(made, len(documents), model))


async def _forecast(call: Call, gathered: Gathered, model: str, asked: dict[str, Any]) -> Forecast:
    from lianlu.llm import open_backend, stored
    from lianlu.llm.endpoint import cost_at
    from lianlu.rag import summarizing

    requests = _requests(call, call.job("summarize")) if call.resume else None
    opened = open_backend(model, settings=call.settings)
    async with stored(opened, requests) if requests is not None and requests.exists() else opened as backend:
        made = await summarizing.forecast(gathered.documents, backend, **asked)
    return msgspec.structs.replace(made, usage=cost_at(model, made.usage, call.settings))


def _show_forecast(made: Forecast, documents: int, model: str) -> None:
    counted = pick("counted by the model", "由模型分词器计数") if made.is_counted else pick("estimated", "估算")
    cost = "–" if made.usage.cost is None else f"{made.usage.cost:.4f} {made.usage.currency}"
    print_table(
        (pick("what", "项目"), pick("value", "值")),
        (
            (pick("documents", "文档"), documents),
            (pick("parts", "部分"), made.parts),
            (pick("requests", "请求"), f"{made.calls} ({pick('answered before', '此前已有回答')}: {made.kept})"),
            (pick("prompt tokens", "提示 token"), f"≈ {made.usage.prompt_tokens:,} ({counted})"),
            (pick("answer tokens", "回答 token"), f"≈ {made.usage.completion_tokens:,}"),
            (pick("cost", "费用"), cost),
        ),
        title=model,
    )


def _show(summary: Summary, written: list[Path]) -> None:
    from lianlu.rag.summary_page import notes_of, place_of

    say(summary.title)
    if summary.overview:
        say()
        joint = "" if summary.language.startswith("zh") else " "
        say(joint.join(each.marked for each in summary.overview))
    say()
    for each in summary.points:
        say(f"• {each.marked}")
    say()
    for citation in summary.citations:
        say(f"[{citation.number}] {place_of(citation)}")
    notes = notes_of(summary, language())
    for note in notes[:_MOST_NOTES]:
        say(f"! {note}", stream=sys.stderr)
    if len(notes) > _MOST_NOTES:
        more = len(notes) - _MOST_NOTES
        say(pick(f"! … {more} more, see --json", f"! …… 还有 {more} 条，见 --json"), stream=sys.stderr)
    for path in written:
        say(pick(f"written: {path}", f"已写入：{path}"))
