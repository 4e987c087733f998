"""`lianlu rag`: build a knowledge base from files, keep it up to date, search it, ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import DataError, UsageError, failure_text
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.rag.answer import Answer, Citation, Passage
from lianlu.rag.asking import ask_base
from lianlu.rag.base import Changes, KnowledgeBase, base_path, build, names, open_base, remove_files
from lianlu.records import Failure
from lianlu.text.chunks import ChunkConfig

__all__ = ["rag"]

_SHOWN_CHARACTERS = 240
_SHOWN_FAILURES = 20


@verb(
    "build", Text("make a base from files and folders (replaces one of that name)", "用文件和文件夹建库（同名则替换）")
)
@argument("name")
@argument("paths", nargs=-1)
@option("--size", type=int, help=Text("size of a chunk in Chinese characters", "片段长度（按汉字计）"))
def _build(call: Call, name: str, paths: tuple[str, ...], size: int | None) -> Outcome:
    if call.dry_run:
        return Outcome({"name": name, "path": str(base_path(name, root=call.store)), "paths": list(paths)})
    config = ChunkConfig() if size is None else _config(size)
    replaced = name in names(root=call.store)
    base, changes = build(name, paths, config=config, job=call.job("rag"), root=call.store)
    with base:
        return _changed(base, changes, replaced=replaced)


@verb("add", Text("add files and folders", "加入文件和文件夹"))
@argument("name")
@argument("paths", nargs=-1)
def _add(call: Call, name: str, paths: tuple[str, ...]) -> Outcome:
    with open_base(name, root=call.store) as base:
        return _changed(base, base.add(paths, call.job("rag")))


@verb("update", Text("read again what changed", "重新读取有变化的文件"))
@argument("name")
@argument("paths", nargs=-1)
def _update(call: Call, name: str, paths: tuple[str, ...]) -> Outcome:
    with open_base(name, root=call.store) as base:
        return _changed(base, base.update(paths, call.job("rag")))


@verb("remove", Text("drop documents, or the whole base", "删除文档，或整个知识库"))
@argument("name")
@argument("uris", nargs=-1)
@option("--all", "everything", is_flag=True, help=Text("delete the base itself", "删除整个知识库"))
def _remove(call: Call, name: str, uris: tuple[str, ...], everything: bool) -> Outcome:
    if not uris and not everything:
        raise UsageError("rag.no-paths", verb="remove", name=name)
    if everything:
        return _deleted(call, name)
    with open_base(name, root=call.store) as base:
        removed = base.remove(uris)
    return Outcome({"name": name, "removed": removed}, lambda: say(pick("removed: ", "已删除：") + ", ".join(removed)))


@verb("list", Text("all knowledge bases", "所有知识库"))
def _list(call: Call) -> Outcome:
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
def _status(call: Call, name: str) -> Outcome:
    with open_base(name, root=call.store) as base:
        base.truth.check()
        status = base.status()

    def show() -> None:
        languages = ", ".join(f"{language} {count}" for language, count in status.languages.items())
        print_table(
            (pick("what", "项目"), pick("value", "值")),
            (
                (pick("documents", "文档"), status.documents),
                (pick("chunks", "片段"), status.chunks),
                (pick("languages", "语言"), languages),
                (pick("from", "来源"), "\n".join(status.roots)),
                (pick("file", "文件"), status.path),
                (pick("failed", "失败"), len(status.failures)),
            ),
            title=name,
        )
        _show_failures(status.failures, everything=True)

    return Outcome(msgspec.to_builtins(status), show)


@verb("search", Text("find passages", "查找段落"))
@argument("name")
@argument("query", nargs=-1)
@option("--top", type=int, default=5, show_default=True, help=Text("how many", "数量"))
def _search(call: Call, name: str, query: tuple[str, ...], top: int) -> Outcome:
    with open_base(name, root=call.store) as base:
        passages = base.search(" ".join(query), max(top, 1))

    def show() -> None:
        if not passages:
            say(pick("nothing found", "没有找到"))
        for number, passage in enumerate(passages, start=1):
            say(f"{number}. {_place(passage)}  ({passage.score:.2f})")
            say("   " + " ".join(passage.text.split())[:_SHOWN_CHARACTERS])

    return Outcome({"query": " ".join(query), "passages": msgspec.to_builtins(passages)}, show)


@verb("ask", Text("answer a question with citations", "带引用地回答问题"))
@argument("name")
@argument("question", nargs=-1)
@option(
    "--model",
    help=Text("ModelRef that writes the answer; without it sentences are quoted", "撰写回答的模型；不给则逐句引用原文"),
)
@option("--top", type=int, default=5, show_default=True, help=Text("passages given to the model", "交给模型的段落数"))
def _ask(call: Call, name: str, question: tuple[str, ...], model: str | None, top: int) -> Outcome:
    with open_base(name, root=call.store) as base:
        answer = ask_base(base, " ".join(question), model=model, top=max(top, 1), job=call.job("rag"))
    return Outcome(msgspec.to_builtins(answer), lambda: _show_answer(answer))


rag = RoomGroup(
    "rag",
    Text("Build knowledge bases and ask them.", "建立知识库并提问。"),
    (_build, _add, _update, _remove, _list, _status, _search, _ask),
)


def _config(size: int) -> ChunkConfig:
    if not 20 <= size <= 100_000:
        raise UsageError("rag.bad-size", size=size)
    return ChunkConfig(size=size)


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
        added, changed, removed = len(changes.added), len(changes.changed), len(changes.removed)
        say(
            pick(
                f"{added} added, {changed} changed, {removed} removed, {changes.unchanged} unchanged, {len(changes.failed)} failed",
                f"新增 {added}，更新 {changed}，删除 {removed}，未变 {changes.unchanged}，失败 {len(changes.failed)}",
            )
        )
        _show_failures(changes.failed)
        say(
            pick(
                f"{base.name}: {status.documents} documents, {status.chunks} chunks",
                f"{base.name}：{status.documents} 篇文档，{status.chunks} 个片段",
            )
        )
        if status.documents:
            say(pick("ask it: ", "提问：") + f"lianlu rag ask {base.name} '…'")
        else:
            say(pick("the base is empty", "知识库为空"))

    return Outcome(counts, show, verdict=status.documents > 0)


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


def _show_answer(answer: Answer) -> None:
    for line in answer.text.splitlines():
        say(line)
    if answer.citations:
        say()
    for citation in answer.citations:
        say(f"[{citation.number}] {_place(citation)}")
    for dropped in answer.dropped:
        say(pick("dropped: ", "已删去：") + f"{dropped.claim} — {dropped.reason.show()}")
    if answer.nearest:
        say(pick("nearest passages:", "最接近的段落："))
    for passage in answer.nearest:
        say(f"  · {_place(passage)}")


def _place(found: Citation | Passage) -> str:
    parts = [found.uri, *([" › ".join(found.headings)] if found.headings else [])]
    if found.page:
        parts.append(pick(f"page {found.page}", f"第 {found.page} 页"))
    if found.first_line:
        lines = (
            str(found.first_line) if found.first_line == found.last_line else f"{found.first_line}–{found.last_line}"
        )
        parts.append(pick(f"line {lines}", f"第 {lines} 行"))
    return " · ".join(parts)
