"""The documents artifact on a report page: what was read, what was not and why, and a preview of the first ones."""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.core.errors import failure_text
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.page import Badge, Column, Fact, Facts, Fold, Markdown, Part, Section, SectionContext, Table
from lianlu.records import Failure
from lianlu.text.documents import DocumentEntry, load_entries, load_failures

__all__ = ["section"]

_PREVIEWS = 3
_PREVIEW_CHARACTERS = 3000


def section(files: Files, context: SectionContext) -> Section:
    """Show a documents artifact.

    Raises:
        DataError: text.no-documents, text.documents-broken
    """
    entries, failures = load_entries(files), load_failures(files)
    parts: list[Part] = [_facts(entries, failures), _table(entries)]
    if failures:
        parts.append(_failures(failures))
    parts += [_preview(files, entry) for entry in entries[:_PREVIEWS]]
    return Section(
        title=Text("Documents", "文档"),
        id=context.step or "documents",
        intro=Text("What the files became, and which could not be read.", "文件读成了什么，哪些未能读取。"),
        parts=parts,
    )


def _facts(entries: Sequence[DocumentEntry], failures: Sequence[Failure]) -> Facts:
    return Facts(
        [
            Fact(Text("documents", "文档"), len(entries)),
            Fact(Text("blocks", "块"), sum(entry.blocks for entry in entries)),
            Fact(Text("characters", "字符"), sum(entry.characters for entry in entries)),
            Fact(Text("not read", "未能读取"), len(failures)),
        ]
    )


def _table(entries: Sequence[DocumentEntry]) -> Table:
    columns = (
        Text("file", "文件"),
        Text("title", "标题"),
        Text("language", "语言"),
        Column(Text("blocks", "块")),
        Column(Text("pages", "页")),
        Column(Text("characters", "字符")),
    )
    rows = [
        (entry.uri, entry.title, entry.language, entry.blocks, entry.pages or None, entry.characters)
        for entry in entries
    ]
    return Table(columns, rows)


def _failures(failures: Sequence[Failure]) -> Table:
    texts = [failure_text(failure) for failure in failures]
    rows = [
        (failure.uri, Badge(failure.code, "bad"), text.message, text.hint)
        for failure, text in zip(failures, texts, strict=True)
    ]
    columns = (Text("file", "文件"), Text("code", "代码"), Text("reason", "原因"), Text("what to do", "处理办法"))
    return Table(columns, rows, title=Text("Files that could not be read", "未能读取的文件"))


def _preview(files: Files, entry: DocumentEntry) -> Fold:
    path = files.get(entry.markdown)
    text = path.read_text(encoding="utf-8") if path is not None else ""
    return Fold(entry.title or entry.uri, [Markdown(text, _PREVIEW_CHARACTERS)], badges=[Badge(entry.uri)])
