"""`lianlu rag`: build a knowledge base from files, keep it up to date, search it, ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import DataError, UsageError, failure_text
from lianlu.core.files import named_path
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.base import KnowledgeBase, remove_files
from lianlu.rag.carry import export_base, import_base
from lianlu.rag.changes import Changes
from lianlu.rag.config import BaseConfig
from lianlu.rag.filters import read_filters
from lianlu.rag.options import filter_options, show_notes
from lianlu.rag.question import read_question
from lianlu.rag.refusal_verbs import how_refused
from lianlu.rag.retrieval import retrieve_now
from lianlu.rag.shelf import base_path, build, names, open_base
from lianlu.rag.shown import place
from lianlu.rag.sources import Named, SqlSource
from lianlu.rag.status import Status
from lianlu.rag.watch import watch
from lianlu.records import Failure

__all__ = [
    "add_verb",
    "build_verb",
    "export_verb",
    "import_verb",
    "list_verb",
    "remove_verb",
    "search_verb",
    "status_verb",
    "update_verb",
    "watch_verb",
]

_SHOWN_CHARACTERS = 240
_SHOWN_FAILURES = 20


def _models(command: Any) -> Any:
    """The options that say how a base is made."""
    for each in (
        option(
            "--rerank", metavar="REF", help=Text("ModelRef of a reranker; `none` for none", "重排模型；`none` 表示不用")
        ),
        option(
            "--embed",
            metavar="REF",
            help=Text("ModelRef of an embedder; `none` searches by words", "向量模型；`none` 表示只按词检索"),
        ),
        option("--size", type=int, help=Text("size of a chunk in Chinese characters", "片段长度（按汉字计）")),
    ):
        command = each(command)
    return command


_SQL_OPTION = option(
    "--sql",
    metavar="QUERY",
    help=Text("read the rows of a SELECT; PATH is the database", "读取 SELECT 的各行；路径为数据库"),
)


@verb(
    "build",
    Text(
        "make a base from files, folders and web addresses (replaces one of that name)",
        "用文件、文件夹和网址建库（同名则替换）",
    ),
)
@argument("name")
@argument("paths", nargs=-1)
@_models
@_SQL_OPTION
def build_verb(
    call: Call,
    name: str,
    paths: tuple[str, ...],
    size: int | None,
    embed: str | None,
    rerank: str | None,
    sql: str | None,
) -> Outcome:
    config = _config(BaseConfig(), size, embed, rerank)
    if call.dry_run:
        told = {"name": name, "path": str(base_path(name, root=call.store)), "paths": list(paths)}
        return Outcome({**told, "config": msgspec.to_builtins(config)})
    replaced = name in names(root=call.store)
    base, changes = build(name, _named("build", paths, sql), config=config, job=call.job("rag"), root=call.store)
    with base:
        return _changed(base, changes, replaced=replaced)


@verb("add", Text("add files, folders and web addresses", "加入文件、文件夹和网址"))
@argument("name")
@argument("paths", nargs=-1)
@_SQL_OPTION
def add_verb(call: Call, name: str, paths: tuple[str, ...], sql: str | None) -> Outcome:
    with open_base(name, root=call.store) as base:
        return _changed(base, base.add(_named("add", paths, sql), call.job("rag")))


@verb("update", Text("read again what changed", "重新读取有变化的文件"))
@argument("name")
@argument("paths", nargs=-1)
@_models
def update_verb(
    call: Call, name: str, paths: tuple[str, ...], size: int | None, embed: str | None, rerank: str | None
) -> Outcome:
    with open_base(name, root=call.store) as base:
        job = call.job("rag")
        config = _config(base.config, size, embed, rerank)
        if config.embed or config != base.config:
            base.reconfigure(config, job)
        return _changed(base, base.update(paths, job))


@verb("watch", Text("keep a base up to date while its folders change", "监视文件夹，随时更新知识库"))
@argument("name")
@argument("paths", nargs=-1)
@option(
    "--every",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help=Text("seconds between looks", "查看间隔（秒）"),
)
def watch_verb(call: Call, name: str, paths: tuple[str, ...], every: float) -> Outcome:
    with open_base(name, root=call.store) as base:
        job = call.job("rag")
        if paths:
            _show_changes(base.add(paths, job))
        say(pick(f"watching {name}; Ctrl-C ends", f"正在监视 {name}；按 Ctrl-C 结束"))
        looks = 0
        try:
            for noticed in watch(base, job, every_seconds=every):
                looks += 1
                if noticed.error is not None:
                    say(f"  ✗ {noticed.error.message()} [{noticed.error.code}]")
                elif noticed.changes is not None:
                    _show_changes(noticed.changes)
        except KeyboardInterrupt:
            pass
    return Outcome({"name": name, "updates": looks}, lambda: say(pick("stopped", "已停止")))


@verb("export", Text("write a base into one file", "把知识库写成一个文件"))
@argument("name")
@argument("file", required=False)
def export_verb(call: Call, name: str, file: str | None) -> Outcome:
    path = named_path(file) if file else call.out_folder(f"rag-{name}") / f"{name}.sqlite"
    with open_base(name, root=call.store) as base:
        export_base(base, path, call.job("rag"))
    size = path.stat().st_size
    return Outcome({"name": name, "path": str(path), "bytes": size}, lambda: say(f"{path} ({_size(size)})"))


@verb("import", Text("take in a base from a file", "从文件导入知识库"))
@argument("name")
@argument("file")
@option("--replace", is_flag=True, help=Text("replace a base of that name", "替换同名知识库"))
def import_verb(call: Call, name: str, file: str, replace: bool) -> Outcome:
    with import_base(name, named_path(file), replaces=replace, job=call.job("rag"), root=call.store) as base:
        status = base.status()
        facts = {"name": name, "documents": status.documents, "chunks": status.chunks}
    return Outcome(facts, lambda: say(_totals(name, status.documents, status.chunks)))


@verb("remove", Text("drop documents, or the whole base", "删除文档，或整个知识库"))
@argument("name")
@argument("uris", nargs=-1)
@option("--all", "everything", is_flag=True, help=Text("delete the base itself", "删除整个知识库"))
def remove_verb(call: Call, name: str, uris: tuple[str, ...], everything: bool) -> Outcome:
    if not uris and not everything:
        raise UsageError("rag.no-paths", verb="remove", name=name)
    if everything:
        return _deleted(call, name)
    with open_base(name, root=call.store) as base:
        removed = base.remove(uris)
    return Outcome({"name": name, "removed": removed}, lambda: say(pick("removed: ", "已删除：") + ", ".join(removed)))


@verb("list", Text("all knowledge bases", "所有知识库"))
def list_verb(call: Call) -> Outcome:
    rows = [_summary(call, name) for name in names(root=call.store)]
    columns = (
        pick("name", "名字"),
        pick("documents", "文档"),
        pick("chunks", "片段"),
        pick("failed", "失败"),
        pick("size", "大小"),
    )

    def show() -> None:
        if not rows:
            say(
                pick(
                    "no knowledge bases yet: `lianlu rag build NAME PATHS…`",
                    "还没有知识库：`lianlu rag build 名字 路径…`",
                )
            )
            return
        print_table(
            columns,
            (
                (*(str(row[key]) for key in ("name", "documents", "chunks", "failed")), _size(row["bytes"]))
                for row in rows
            ),
        )

    return Outcome({"bases": rows}, show)


@verb("status", Text("documents, languages, failed files", "文档、语言、失败的文件"))
@argument("name")
def status_verb(call: Call, name: str) -> Outcome:
    with open_base(name, root=call.store) as base:
        base.check()
        status = base.status()

    def show() -> None:
        languages = ", ".join(f"{language} {count}" for language, count in status.languages.items())
        print_table(
            (pick("what", "项目"), pick("value", "值")),
            (
                (pick("documents", "文档"), status.documents),
                (pick("chunks", "片段"), status.chunks),
                (pick("languages", "语言"), languages),
                (pick("with a date", "有日期"), status.dated),
                (pick("found by", "检索方式"), _how_found(status)),
                (pick("refuses", "拒答"), how_refused(status)),
                (pick("from", "来源"), "\n".join(status.roots)),
                (pick("file", "文件"), status.path),
                (pick("failed", "失败"), len(status.failures)),
            ),
            title=name,
        )
        if status.calibration_note:
            say(f"  ! {status.calibration_note}")
        _show_failures(status.failures, everything=True)

    return Outcome(msgspec.to_builtins(status), show)


@verb("search", Text("find passages", "查找段落"))
@argument("name")
@argument("query", nargs=-1)
@option("--top", type=int, default=5, show_default=True, help=Text("how many", "数量"))
@filter_options
def search_verb(call: Call, name: str, query: tuple[str, ...], top: int, **filters: Any) -> Outcome:
    with open_base(name, root=call.store) as base:
        retrieved = retrieve_now(base, read_question(" ".join(query)), max(top, 1), read_filters(**filters))
        passages = [base.passage(each) for each in retrieved.found]

    def show() -> None:
        show_notes(retrieved.notes)
        if not passages:
            say(pick("nothing found", "没有找到"))
        for number, passage in enumerate(passages, start=1):
            say(f"{number}. {place(passage)}  ({passage.score:.2f})")
            say("   " + " ".join(passage.text.split())[:_SHOWN_CHARACTERS])

    notes = [note.show() for note in retrieved.notes]
    return Outcome({"query": " ".join(query), "passages": msgspec.to_builtins(passages), "notes": notes}, show)


def _config(config: BaseConfig, size: int | None, embed: str | None, rerank: str | None) -> BaseConfig:
    """Settings with what was given on the command line.

    Raises:
        UsageError: rag.bad-size
    """
    if size is not None and not 20 <= size <= 100_000:
        raise UsageError("rag.bad-size", size=size)
    given: dict[str, Any] = {} if size is None else {"size": size}
    for name, ref in (("embed", embed), ("rerank", rerank)):
        if ref is not None:
            given[name] = None if ref == "none" else ref
    return msgspec.structs.replace(config, **given)


def _named(verb_name: str, paths: Sequence[str], sql: str | None) -> list[Named]:
    """The sources that were named; with a query the one path is a database.

    Raises:
        UsageError: rag.one-database
    """
    if sql is None:
        return list(paths)
    if len(paths) != 1:
        raise UsageError("rag.one-database", count=len(paths), verb=verb_name)
    return [SqlSource(database=paths[0], query=sql)]


def _how_found(status: Status) -> str:
    """Words alone, or with vectors: what each language's questions are weighed by."""
    if not status.embed:
        return pick("words", "按词")
    lines = [f"{pick('words and vectors', '按词与向量')}: {status.embed} ({status.dimensions})"]
    for language, each in status.weights.items():
        told = f"{language}: {pick('weight', '权重')} {each.weight:g}"
        measured = f"MRR {each.lexical:.3f} / {each.dense:.3f} → {each.hybrid:.3f}, n={each.probes}"
        lines.append(f"  {told} ({measured})")
    if status.rerank:
        lines.append(f"{pick('reranked by', '重排')}: {status.rerank}")
    return "\n".join(lines)


def _changed(base: KnowledgeBase, changes: Changes, *, replaced: bool = False) -> Outcome:
    """What a change did. The verdict is no when the base holds nothing afterwards."""
    status = base.status()
    counts: dict[str, Any] = {
        "name": base.name,
        "replaced": replaced,
        "added": changes.added,
        "changed": changes.changed,
        "removed": changes.removed,
        "unchanged": changes.unchanged,
        "documents": status.documents,
        "chunks": status.chunks,
        "failures": msgspec.to_builtins(changes.failed),
    }

    def show() -> None:
        if replaced:
            say(pick(f"replaced the base {base.name!r}", f"已替换知识库 {base.name!r}"))
        _show_changes(changes)
        say(_totals(base.name, status.documents, status.chunks))
        if status.documents:
            say(pick("ask it: ", "提问：") + f"lianlu rag ask {base.name} '…'")
        else:
            say(pick("the base is empty", "知识库为空"))

    return Outcome(counts, show, verdict=status.documents > 0)


def _show_changes(changes: Changes) -> None:
    added, changed, removed = len(changes.added), len(changes.changed), len(changes.removed)
    say(
        pick(
            f"{added} added, {changed} changed, {removed} removed, {changes.unchanged} unchanged, {len(changes.failed)} failed",
            f"新增 {added}，更新 {changed}，删除 {removed}，未变 {changes.unchanged}，失败 {len(changes.failed)}",
        )
    )
    _show_failures(changes.failed)


def _totals(name: str, documents: int, chunks: int) -> str:
    return pick(f"{name}: {documents} documents, {chunks} chunks", f"{name}：{documents} 篇文档，{chunks} 个片段")


def _size(size: int | str) -> str:
    return f"{size / 1000:,.0f} kB" if isinstance(size, int) else ""


def _deleted(call: Call, name: str) -> Outcome:
    try:
        open_base(name, root=call.store).delete()
    except DataError:
        remove_files(base_path(name, root=call.store))
    return Outcome({"name": name, "removed": "all"}, lambda: say(pick(f"deleted {name}", f"已删除 {name}")))


def _summary(call: Call, name: str) -> dict[str, Any]:
    try:
        with open_base(name, root=call.store) as base:
            status = base.status()
            size = base.truth.path.stat().st_size
            facts = {"documents": status.documents, "chunks": status.chunks, "failed": len(status.failures)}
            return {"name": name, **facts, "bytes": size, "languages": status.languages}
    except DataError as error:
        return {"name": name, "documents": error.message(), "chunks": "", "failed": "", "bytes": "", "code": error.code}


def _show_failures(failures: Sequence[Failure], *, everything: bool = False) -> None:
    shown = failures if everything else failures[:_SHOWN_FAILURES]
    for failure in shown:
        say(f"  ✗ {failure.uri}: {failure_text(failure).message.show()} [{failure.code}]")
    if len(failures) > len(shown):
        say(pick(f"  … {len(failures) - len(shown)} more", f"  …… 还有 {len(failures) - len(shown)} 个"))
