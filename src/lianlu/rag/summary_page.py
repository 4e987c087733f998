"""A summary as markdown and as a self-contained page, in the words of its own language.

On the page a number leads to the passage in its source with the quoted sentence marked. In markdown it leads to the list of
sources at the end, which names file, headings, page and lines and quotes the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lianlu.core.errors import UsageError, failure_text
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Language, Text
from lianlu.page import Badge, Fact, Facts, Fold, Note, Page, Part, Quote, Section, render
from lianlu.page import Citation as Shown
from lianlu.rag.answer import Citation
from lianlu.rag.quotable import shown_text
from lianlu.rag.summary import Statement, Summary

__all__ = ["as_html", "as_markdown", "notes_of", "place_of", "summary_files", "write_summary"]

_MARKUP = re.compile(r"([\\`*_\[\]<>#|])")
_OTHER_MARK = re.compile(r"\[(?=\d)")
_JOINER = "\u2060"  # keeps `[1]` of a quoted sentence from being taken for a mark
_NOTES_IN_SIGHT = 5
_BULLET = "• "
_MARKDOWN = (".md", ".markdown")
_HTML = (".html", ".htm")
_WORDS = {
    "points": Text("Key points", "要点"),
    "sources": Text("Sources", "出处"),
    "left out": Text("Left out", "未收录"),
    "quoted": Text("quoted word for word", "逐句引用原文"),
    "focus": Text("Question: ", "关注的问题："),
}


def write_summary(summary: Summary, path: Path) -> list[Path]:
    """Write a summary as the ending of a file says; into a folder, or under a name without an ending, in both forms.

    Raises:
        UsageError: rag.summary-form, file.unwritable
        LimitError: file.disk-full
    """
    files = summary_files(path)
    for file in files:
        text = as_markdown(summary) if file.suffix.lower() in _MARKDOWN else as_html(summary)
        write_bytes(file, text.encode())
    return files


def summary_files(path: Path) -> list[Path]:
    """The files that a summary is written to: that one, or both forms in a folder. Raises UsageError rag.summary-form."""
    ending = path.suffix.lower()
    if path.is_dir() or not ending:
        return [path / "summary.md", path / "summary.html"]
    if ending not in (*_MARKDOWN, *_HTML):
        raise UsageError("rag.summary-form", path=str(path), ending=ending)
    return [path]


def as_markdown(summary: Summary) -> str:
    """The summary with its sources below; numbers are links."""
    language = _language(summary)
    lines = [f"# {_escaped(summary.title)}", ""]
    if summary.focus:
        lines += [_WORDS["focus"].show(language) + _escaped(summary.focus), ""]
    if summary.overview:
        lines += [_joined(summary.overview, language, linked=True), ""]
    lines += [f"## {_WORDS['points'].show(language)}", ""]
    lines += [f"- {_marked(each, linked=True)}" for each in summary.points]
    lines += ["", f"## {_WORDS['sources'].show(language)}", ""]
    for citation in summary.citations:
        quote = _escaped(" ".join(citation.quote.split()))
        place = _escaped(place_of(citation, language))
        lines.append(f'<a id="source-{citation.number}"></a>[{citation.number}] {place}  ')
        lines += [f"> {quote}", ""]
    notes = notes_of(summary, language)
    if notes:
        lines += [f"## {_WORDS['left out'].show(language)}", "", *(f"- {_escaped(note)}" for note in notes), ""]
    return "\n".join(lines)


def as_html(summary: Summary) -> str:
    """The summary as one file that needs nothing else."""
    language = _language(summary)
    text = "\n".join(_BULLET + _marked(each) for each in summary.points)
    if summary.overview:
        text = _joined(summary.overview, language) + "\n\n" + text
    quote = Quote(
        text=text,
        citations=[_shown(each) for each in summary.citations],
        question=summary.focus,
        badges=[Badge(_WORDS["quoted"] if summary.by == "extract" else summary.by, "good")],
    )
    facts = Facts(
        [
            Fact(Text("documents", "文档"), len(summary.documents)),
            Fact(Text("characters", "字符"), sum(each.characters for each in summary.documents)),
            Fact(Text("key points", "要点"), len(summary.points)),
            Fact(Text("sources", "出处"), len(summary.citations)),
        ]
    )
    notes = [
        Note(Text(en, zh), "warning") for en, zh in zip(notes_of(summary, "en"), notes_of(summary, "zh"), strict=True)
    ]
    parts: list[Part] = [facts, quote, *notes]
    if len(notes) > _NOTES_IN_SIGHT:
        title = Text(f"{_WORDS['left out'].en}: {len(notes)}", f"{_WORDS['left out'].zh}：{len(notes)}")
        parts = [facts, quote, Fold(title, notes)]
    section = Section(title=Text("Summary", "摘要"), id="summary", parts=parts)
    return render(Page(title=summary.title, sections=[section], subtitle=_subtitle(summary)), language)


def notes_of(summary: Summary, language: Language) -> list[str]:
    """What a reader must know of what is not there: files, parts and statements that were left out, and why."""
    colon = ": " if language == "en" else "："
    notes = [note.show(language) for note in summary.notes]
    notes += [f"{each.uri}{colon}{failure_text(each).message.show(language)}" for each in summary.failures]
    notes += [f"{each.uri} · {each.first}{colon}{each.reason.show(language)}" for each in summary.lost]
    dropped = Text("dropped: ", "已删去：").show(language)
    return notes + [f"{dropped}{each.claim} — {each.reason.show(language)}" for each in summary.dropped]


def place_of(citation: Citation, language: Language | None = None) -> str:
    """Where a quote stands: document, headings, page, lines or characters."""
    parts = [citation.uri, *([" › ".join(shown_text(each) for each in citation.headings)] if citation.headings else [])]
    if citation.page:
        parts.append(Text(f"page {citation.page}", f"第 {citation.page} 页").show(language))
    first, last = citation.first_line, citation.last_line
    if first:
        lines = str(first) if first == last else f"{first}–{last}"
        parts.append(Text(f"line {lines}", f"第 {lines} 行").show(language))
    span = f"{citation.span.start}–{citation.span.end}"
    parts.append(Text(f"characters {span}", f"字符 {span}").show(language))
    return " · ".join(parts)


def _language(summary: Summary) -> Language:
    return "zh" if summary.language.startswith("zh") else "en"


def _subtitle(summary: Summary) -> str:
    uris = [each.uri for each in summary.documents]
    return "" if uris == [summary.title] else " · ".join(uris[:5]) + (" …" if len(uris) > 5 else "")


def _joined(statements: Sequence[Statement], language: Language, *, linked: bool = False) -> str:
    return (" " if language == "en" else "").join(_marked(each, linked=linked) for each in statements)


def _marked(statement: Statement, *, linked: bool = False) -> str:
    if not linked:
        return msgspec.structs.replace(statement, text=_OTHER_MARK.sub(f"[{_JOINER}", statement.text)).marked
    marks = "".join(f"[[{number}]](#source-{number})" for number in statement.numbers)
    return f"{_escaped(statement.text)} {marks}"


def _shown(cited: Citation) -> Shown:
    return Shown(
        number=cited.number,
        file=cited.uri,
        context=cited.context or cited.quote,
        marks=[cited.mark if cited.context else (0, len(cited.quote))],
        headings=[shown_text(each) for each in cited.headings],
        page=cited.page,
        first_line=cited.first_line,
        last_line=cited.last_line,
    )


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
