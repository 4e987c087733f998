"""`lianlu store`: what was made, from what. Every verb but `gc` and `verify --drop` only reads, also a read-only store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, RoomGroup, argument, option, verb
from lianlu.records import Artifact
from lianlu.store.collect import Garbage
from lianlu.store.difference import Difference
from lianlu.store.lineage import Lineage, mermaid
from lianlu.store.opening import open_store
from lianlu.store.store import KEEP_DAYS, Store
from lianlu.store.verify import Finding, Verification

__all__ = ["store"]


def _open(call: Call, *, create: bool = False) -> Store:
    return open_store(call.store, settings=call.settings, create=create)


def _brief(opened: Store, artifact: Artifact, names: dict[str, list[str]]) -> dict[str, Any]:
    step = msgspec.to_builtins(artifact.step) if artifact.step else None
    return {
        "id": artifact.id,
        "kind": artifact.kind,
        "refs": names.get(artifact.id, []),
        "made_at": opened.made_at(artifact).isoformat(timespec="seconds"),
        "files": len(artifact.files),
        "size": sum(file.size for file in artifact.files),
        "step": step,
        "parents": list(artifact.parents),
        "volatile": artifact.volatile,
    }


def _bytes_text(size: float) -> str:
    """A size for people: three digits and a unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _show_artifacts(rows: Sequence[dict[str, Any]]) -> None:
    columns = [
        "id",
        pick("kind", "类型"),
        pick("refs", "引用"),
        pick("step", "步骤"),
        pick("files", "文件数"),
        pick("size", "大小"),
        pick("made", "生成时间"),
    ]
    print_table(
        columns,
        [
            [
                row["id"],
                row["kind"],
                ", ".join(row["refs"]),
                row["step"]["name"] if row["step"] else "",
                row["files"],
                _bytes_text(row["size"]),
                row["made_at"],
            ]
            for row in rows
        ],
    )


@verb("list", Text("artifacts, newest first", "列出产物，新的在前"))
@option("--kind", metavar="KIND", help=Text("only this kind: documents, index, report, …", "只列某一类型"))
def list_verb(call: Call, kind: str | None) -> Outcome:
    """All artifacts of the store."""
    opened = _open(call)
    names = opened.names_of()
    rows = [_brief(opened, artifact, names) for artifact in opened.artifacts(kind)]

    def show() -> None:
        if rows:
            _show_artifacts(rows)
        else:
            say(pick(f"no artifacts in {opened.root}", f"{opened.root} 中还没有产物"))

    return Outcome({"store": str(opened.root), "artifacts": rows}, show)


@verb("show", Text("one artifact with its files", "查看一个产物及其文件"))
@argument("name", metavar="ID")
def show_verb(call: Call, name: str) -> Outcome:
    """The manifest, the refs, and where the bytes lie."""
    opened = _open(call)
    artifact = opened.get(name)
    row = _brief(opened, artifact, opened.names_of())
    files: list[dict[str, Any]] = [
        {"name": file.name, "size": file.size, "sha256": file.sha256, "path": str(opened.place(file))}
        for file in artifact.files
    ]
    sources = [msgspec.to_builtins(source) for source in artifact.sources]
    data = {**row, "files": files, "sources": sources, "sources_root": artifact.sources_root}

    def show() -> None:
        _show_artifacts([row])
        if artifact.parents:
            say(pick("made from: ", "来源产物：") + ", ".join(artifact.parents))
        columns = [pick("file", "文件"), pick("size", "大小"), "sha256"]
        print_table(columns, [[file["name"], _bytes_text(file["size"]), file["sha256"]] for file in files])

    return Outcome(data, show)


@verb("why", Text("from an artifact back to its source files", "从产物追溯到源文件"))
@argument("name", metavar="ID")
def why_verb(call: Call, name: str) -> Outcome:
    """Every artifact, step and source file that contributed, and whether the sources are still the same."""
    opened = _open(call)
    lineage = opened.why(name)
    names = opened.names_of()
    briefs = [_brief(opened, artifact, names) for artifact in lineage.artifacts]
    data = {
        "artifact": briefs[0],
        "sources": msgspec.to_builtins(lineage.sources),
        "artifacts": briefs,
        "edges": msgspec.to_builtins(lineage.edges),
        "missing": list(lineage.missing),
    }
    return Outcome(data, lambda: _show_why(lineage, briefs))


def _show_why(lineage: Lineage, briefs: Sequence[dict[str, Any]]) -> None:
    _show_artifacts(briefs)
    words = {
        "same": pick("same", "未变"),
        "changed": pick("CHANGED", "已改动"),
        "missing": pick("MISSING", "缺失"),
        "remote": pick("remote", "远程"),
    }
    columns = [pick("source", "源文件"), pick("now", "现状"), pick("recorded sha256", "登记的 sha256")]
    rows = [[source.path, words[source.state], source.recorded[:12]] for source in lineage.sources]
    print_table(columns, rows, title=pick(f"{len(rows)} source files", f"{len(rows)} 个源文件"))
    for id_ in lineage.missing:
        say(pick(f"! parent {id_} is no longer in the store", f"! 来源产物 {id_} 已不在存储库中"))


@verb("graph", Text("the lineage as a mermaid graph", "以 mermaid 图展示血缘"))
@argument("name", metavar="ID")
def graph_verb(call: Call, name: str) -> Outcome:
    """Mermaid text on stdout, or in the file --out."""
    graph = _open(call).graph(name)
    text = mermaid(graph)
    if call.out is not None and not call.dry_run:
        write_bytes(call.out, text.encode())
    data = {**msgspec.to_builtins(graph), "mermaid": text}

    def show() -> None:
        say(text.rstrip() if call.out is None else pick(f"written to {call.out}", f"已写入 {call.out}"))

    return Outcome(data, show)


@verb("diff", Text("what differs between two artifacts, and why", "比较两个产物及其差异原因"))
@argument("a", metavar="A")
@argument("b", metavar="B")
def diff_verb(call: Call, a: str, b: str) -> Outcome:
    """Files, text of small files, recipe keys and sources."""
    found = _open(call).diff(a, b)
    data = {**msgspec.to_builtins(found), "same": found.is_empty}
    return Outcome(data, lambda: _show_diff(found))


def _show_diff(found: Difference) -> None:
    if found.is_empty:
        say(pick("no difference", "没有差异"))
    for mark, names in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        for name in names:
            say(f"{mark} {name}")
    if found.recipe:
        rows = [[each.step, each.key or pick("(step key)", "（步骤键）"), each.a, each.b] for each in found.recipe]
        print_table([pick("step", "步骤"), pick("recipe key", "配方键"), "A", "B"], rows)
    if found.sources:
        rows = [[each.uri, (each.a or "—")[:12], (each.b or "—")[:12]] for each in found.sources]
        print_table([pick("source", "源文件"), "A", "B"], rows)
    for text in found.texts.values():
        say(text)


@verb("gc", Text("free what nothing refers to", "清理无人引用的内容"))
@option(
    "--keep-days",
    type=click.IntRange(0, 36_500),
    default=KEEP_DAYS,
    show_default=True,
    help=Text("keep what runs of these last days made", "保留最近若干天的运行结果"),
)
def gc_verb(call: Call, keep_days: int) -> Outcome:
    """Waits until running work on this store is done."""
    opened = _open(call, create=not call.dry_run)
    job = call.job("store gc")

    def waiting() -> None:
        job.note(Text("waiting for running work on this store", "正在等待此存储库上的任务结束"), "warning")

    found = opened.gc(keep_days=keep_days, dry_run=call.dry_run, on_wait=waiting)
    data = {**msgspec.to_builtins(found), "dry_run": call.dry_run}
    return Outcome(data, lambda: _show_garbage(found, dry_run=call.dry_run))


def _show_garbage(found: Garbage, *, dry_run: bool) -> None:
    counts = f"{len(found.artifacts)}, {len(found.blobs)}, {_bytes_text(found.size)}"
    if dry_run:
        say(pick(f"would free (artifacts, blobs, bytes): {counts}", f"将清理（产物、数据块、字节）：{counts}"))
    else:
        say(pick(f"freed (artifacts, blobs, bytes): {counts}", f"已清理（产物、数据块、字节）：{counts}"))


@verb("verify", Text("hash everything again", "重新校验全部内容"))
@option(
    "--drop",
    is_flag=True,
    help=Text("remove damaged blobs, so that the next run makes them anew", "删除损坏的数据块，以便下次运行重新生成"),
)
def verify_verb(call: Call, drop: bool) -> Outcome:
    """Exit 1 when anything in the store is damaged."""
    opened = _open(call, create=drop and not call.dry_run)
    found = opened.verify(call.job("store verify"), drop=drop and not call.dry_run)
    data = {**msgspec.to_builtins(found), "sound": found.is_sound}
    return Outcome(data, lambda: _show_verification(found), verdict=found.is_sound)


def _show_verification(found: Verification) -> None:
    counts = f"{found.artifacts}, {found.blobs}, {_bytes_text(found.size)}"
    say(pick(f"checked (artifacts, blobs, bytes): {counts}", f"已校验（产物、数据块、字节）：{counts}"))
    if found.findings:
        _show_findings(found.findings, pick("damaged", "已损坏"))
        say(
            pick(
                "`lianlu store verify --drop` removes damaged blobs; the next run makes them anew",
                "运行 `lianlu store verify --drop` 可删除损坏的数据块；下次运行会重新生成",
            )
        )
    if found.drifted:
        _show_findings(found.drifted, pick("registered by reference, and changed since", "按引用登记，之后有改动"))
    if found.is_sound:
        say(pick("the store is sound", "存储库完好"))


def _show_findings(findings: Sequence[Finding], title: str) -> None:
    words = {
        "blob-corrupt": pick("blob corrupt", "数据块损坏"),
        "blob-missing": pick("blob missing", "数据块缺失"),
        "manifest-unreadable": pick("manifest unreadable", "清单无法读取"),
        "manifest-changed": pick("manifest changed", "清单被改动"),
        "parent-missing": pick("parent missing", "来源产物缺失"),
        "ref-dangling": pick("ref leads nowhere", "引用悬空"),
        "file-changed": pick("file changed", "文件已改动"),
        "file-gone": pick("file gone", "文件已不在"),
    }
    say(f"{title}:")
    for each in findings:
        say(f"  {words[each.problem]}: {each.path}")
        used_by = pick("used by", "使用者：")
        if each.artifacts:
            say(f"    {used_by} {' '.join([*each.artifacts, *('@' + name for name in each.refs)])}")


@verb("export", Text("an artifact as a plain folder", "把产物导出为普通文件夹"))
@argument("name", metavar="ID")
def export_verb(call: Call, name: str) -> Outcome:
    """Files, manifest.json and lineage.json; an occupied folder is left alone."""
    opened = _open(call)
    artifact = opened.get(name)
    folder: Path = call.out_folder(f"export-{artifact.id}")
    if not call.dry_run:
        opened.export(artifact.id, folder)
    data = {"artifact": artifact.id, "kind": artifact.kind, "folder": str(folder), "files": len(artifact.files)}

    def show() -> None:
        count = len(artifact.files)
        say(pick(f"{artifact.kind}: {count} files in {folder}", f"{artifact.kind}：{count} 个文件，位于 {folder}"))

    return Outcome(data, show)


store = RoomGroup(
    "store",
    Text("what was made, from what", "产物与血缘"),
    [
        list_verb,
        show_verb,
        why_verb,
        graph_verb,
        diff_verb,
        gc_verb,
        verify_verb,
        export_verb,
    ],
)
