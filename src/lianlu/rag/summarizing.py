"""Sum up documents: by quoting what says most, or by a model whose every sentence is checked.

Without a model nothing is written, so nothing can be wrong but the choice. With one, the documents are read part by part
(`rag.condense`) in their own language, since the check cannot compare two; a summary in the other language is a translation
of what was checked, held to its numbers and names, and says so.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.i18n import Language, Text
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.rag.gist import gist_of
from lianlu.rag.place import cite
from lianlu.rag.quotable import Quotables, is_chinese, quotable, shown_text
from lianlu.rag.summary import Cited, Forecast, Summarized, Summary, numbered
from lianlu.records import Chunk, Document, Failure, Span, Usage
from lianlu.text.language import language_of
from lianlu.text.normalise import clean_input, text_size
from lianlu.text.sentences import sentences

if TYPE_CHECKING:
    from lianlu.llm import Backend
    from lianlu.rag.condense import Point
    from lianlu.rag.expand import Source
    from lianlu.rag.lexical import LexicalIndex

__all__ = ["MOST_POINTS", "forecast", "summarize", "summarize_by_model", "summarize_by_quoting"]

MOST_POINTS = 100
_FEWEST_POINTS = 3
_USUAL_POINTS = 12
_CONTEXT = 400  # characters on either side of a quote in a long block
_LONGEST_FOCUS = 1000
_TITLES_SHOWN = 3
_LANGUAGE_SAMPLE = 20_000  # characters of each document
_SAYS_NOTHING = re.compile(
    r"\W*(?:introduction|overview|readme|contents|abstract|untitled|介绍|简介|概述|目录|摘要|前言)?\W*", re.IGNORECASE
)
_CUT = re.compile(r"[\s。！？；，,]")

_NOT_TRANSLATED = Text(
    "sentences are quoted as they stand in the documents, which have none in that language; a model can put them into it "
    "(--model)",
    "文档中没有该语言的句子，以下按原文引用；需要译成该语言时请指定模型（--model）",
)
_TRANSLATED = Text(
    "the statements are translations of what was checked in the language of the documents; only their numbers and names "
    "were compared",
    "以下内容译自按文档原语言核对过的要点；译文只核对了数字与名称",
)
_FAILED = Text("the summary could not be translated: ", "摘要未能翻译：")
_NO_OVERVIEW = Text(
    "the model gave no overview that the points support; sentences of the documents stand there instead",
    "模型给出的概述得不到要点支持，改为引用文档原句",
)
_NOTHING_SUPPORTED = Text(
    "nothing that {by} wrote stands in the documents; sentences are quoted instead",
    "{by} 写的内容没有一句得到文档支持，改为逐句引用原文",
)


def summarize(
    documents: Sequence[Document],
    *,
    model: str | None = None,
    points: int | None = None,
    focus: str = "",
    language: Language | None = None,
    window: int | None = None,
    title: str = "",
    failures: Sequence[Failure] = (),
    job: Job | None = None,
    settings: Settings | None = None,
    requests: Path | None = None,
) -> Summary:
    """Sum up documents, by quoting or by the model that `model` (a ModelRef) names.

    Args:
        points: key points at most, from 1 to 100; by default 3 to 12, the more the longer the documents are.
        focus: a question that the summary should bear on.
        language: of the summary; that of most of the text by default.
        window: tokens that the model can read and write at once.
        title: of the summary; that of the one document by default.
        failures: what could not be read, to be told in the summary.
        requests: file of a request store: what the model has answered before is not asked again.

    Raises:
        UsageError: rag.bad-points, rag.long-focus, rag.small-window, rag.window-too-small, llm.*
        DataError: rag.nothing-to-summarize
        BackendError: rag.summary-stopped, llm.*
        LimitError: a quota or the disk is spent
    """
    job = job or Job("summarize")
    if model is None:
        return summarize_by_quoting(
            documents, points=points, focus=focus, language=language, title=title, failures=failures
        )

    async def main() -> Summary:
        from lianlu.llm import open_backend, stored

        opened = open_backend(model, settings=settings)
        async with opened if requests is None else stored(opened, requests) as backend:
            return await summarize_by_model(
                documents,
                backend,
                by=model,
                points=points,
                focus=focus,
                language=language,
                window=window,
                title=title,
                failures=failures,
                job=job,
            )

    from lianlu.core import aio

    return aio.run(main, job)


def summarize_by_quoting(
    documents: Sequence[Document],
    *,
    points: int | None = None,
    focus: str = "",
    language: Language | None = None,
    title: str = "",
    failures: Sequence[Failure] = (),
) -> Summary:
    """Sentences of the documents, word for word. Arguments and errors as `summarize`."""
    asked = _Asked(documents, points, focus, language)
    found, is_zh, notes = asked.preferred()
    gist = gist_of(found, documents, asked.points, focus=asked.focus, is_zh=is_zh)
    groups = [[_quoted(documents, found, number) for number in group] for group in (gist.overview, gist.points)]
    (overview, key_points), citations = numbered(groups)
    return Summary(
        title=_title(documents, title),
        by="extract",
        language=asked.own_language if notes else asked.language,
        overview=overview,
        points=key_points,
        citations=citations,
        documents=_told(documents),
        focus=asked.focus,
        failures=tuple(failures),
        notes=notes,
    )


async def summarize_by_model(
    documents: Sequence[Document],
    backend: Backend,
    *,
    by: str = "",
    points: int | None = None,
    focus: str = "",
    language: Language | None = None,
    window: int | None = None,
    title: str = "",
    failures: Sequence[Failure] = (),
    at_once: int | None = None,
    job: Job | None = None,
) -> Summary:
    """A summary written by an open model, less every sentence that the documents do not support.

    Args: as `summarize`, and
        by: how the model is named in the summary; its own ref by default.
        at_once: requests under way at the same time; 4 by default.

    Raises: as `summarize`
    """
    from lianlu.llm.request_store import StoredBackend
    from lianlu.rag.condense import AT_ONCE, WINDOW, Condenser, plan_for
    from lianlu.rag.lexical import LexicalIndex
    from lianlu.rag.parts import sources_in
    from lianlu.rag.translating import translated

    asked = _Asked(documents, points, focus, language)
    sources = list(sources_in(documents))
    condenser = Condenser(backend, asked.focus, at_once or AT_ONCE, job or Job("summarize"))
    plan = await plan_for(sources, backend, wanted=asked.points, window=WINDOW if window is None else window)
    kept = await condenser.fewer(await condenser.points_of(plan), asked.points, plan.budget)
    told = await condenser.overview(kept) if len(kept) > 1 else []
    index = LexicalIndex.empty().changed(range(len(sources)), (), lambda rows: [sources[row].text for row in rows])
    groups = [[_cited(point, index) for point in group] for group in (told, kept)]
    notes = list(condenser.notes)
    if len(kept) > 1 and not told:
        groups[0] = _overview_by_quoting(documents, asked)
        notes.append(_NO_OVERVIEW)
    if asked.wished is not None:
        try:
            groups, untrue = await translated(groups, backend, asked.wished, from_third=asked.is_third)
        except BackendError as error:
            notes.append(Text(_FAILED.en + error.message("en"), _FAILED.zh + error.message("zh")))
        else:
            condenser.dropped += untrue
            if any(each.original for group in groups for each in group):
                notes.append(_TRANSLATED)
    (overview, key_points), citations = numbered(groups)
    ref = by or (await backend.identity()).ref
    quoted = None
    if not kept:
        quoted = summarize_by_quoting(documents, points=points, focus=focus, language=language)
        notes += [*quoted.notes, Text(_NOTHING_SUPPORTED.show("en", by=ref), _NOTHING_SUPPORTED.show("zh", by=ref))]
    summary = quoted or Summary(
        title="",
        by=ref,
        language=asked.language,
        overview=overview,
        points=key_points,
        citations=citations,
        documents=(),
    )
    counted = (condenser.asked, 0, Usage())
    if isinstance(backend, StoredBackend):
        counted = (backend.misses, backend.hits, backend.spent)
    return msgspec.structs.replace(
        summary,
        title=_title(documents, title),
        documents=_told(documents),
        focus=asked.focus,
        dropped=tuple(condenser.dropped),
        lost=tuple(condenser.lost),
        failures=tuple(failures),
        notes=tuple(notes),
        asked=counted[0],
        kept=counted[1],
        usage=counted[2],
    )


async def forecast(
    documents: Sequence[Document],
    backend: Backend,
    *,
    points: int | None = None,
    focus: str = "",
    language: Language | None = None,
    window: int | None = None,
) -> Forecast:
    """What `summarize_by_model` would take, without the price; nothing is sent. Arguments and errors as there."""
    from lianlu.rag.condense import WINDOW, is_kept, plan_for
    from lianlu.rag.parts import can_count, sources_in
    from lianlu.rag.translating import expected_usage

    asked = _Asked(documents, points, focus, language)
    sources = list(sources_in(documents))
    plan = await plan_for(sources, backend, wanted=asked.points, window=WINDOW if window is None else window)
    kept = [each for each in plan.parts if await is_kept(backend, *each, asked.focus)]
    usage, calls = plan.usage(kept), plan.calls
    if asked.is_foreign:
        more, requests = expected_usage(asked.points)
        usage, calls = usage + more, calls + requests
    return Forecast(parts=len(plan.parts), calls=calls, kept=len(kept), usage=usage, is_counted=can_count(backend))


# ------------------------------------------------------------------ what is asked


class _Asked:
    """The wishes of whoever wants a summary, checked, and what the documents say to them."""

    def __init__(
        self, documents: Sequence[Document], points: int | None, focus: str, language: Language | None
    ) -> None:
        """Raises UsageError rag.bad-points, rag.long-focus; DataError rag.nothing-to-summarize."""
        if points is not None and not 1 <= points <= MOST_POINTS:
            raise UsageError("rag.bad-points", points=points, most=MOST_POINTS)
        self.focus = " ".join(clean_input(focus).split())
        if len(self.focus) > _LONGEST_FOCUS:
            raise UsageError("rag.long-focus", length=len(self.focus), limit=_LONGEST_FOCUS)
        self.found = quotable(documents)
        if not self.found.units:
            raise DataError("rag.nothing-to-summarize", count=len(documents))
        self.points = points or _usual_points(len(self.found.units))
        self.wished: Language | None = language
        self.own_language = _main_language(documents)

    @property
    def is_third(self) -> bool:
        """Whether the documents are in neither of the languages that can be asked for."""
        return self.own_language.partition("-")[0] not in ("zh", "en", "und")

    @property
    def is_foreign(self) -> bool:
        """Whether the summary is wanted in another language than that of the documents."""
        return self.wished is not None and not self.own_language.startswith(self.wished)

    @property
    def language(self) -> str:
        return self.wished if self.is_foreign and self.wished else self.own_language

    def preferred(self) -> tuple[Quotables, bool | None, tuple[Text, ...]]:
        """What is quoted from, whether Chinese is preferred in it, and what is to be said of that."""
        own = {"zh": True, "en": False}.get(self.own_language.partition("-")[0])
        if self.wished is None:
            return self.found, is_chinese(self.focus) if self.focus else own, ()
        wanted = self.wished == "zh"
        units = [unit for unit in self.found.units if is_chinese(unit.text) == wanted]
        if units and own is not None:
            return Quotables(units, self.found.sections), None, ()
        return self.found, own, (_NOT_TRANSLATED,)


def _usual_points(sentences: int) -> int:
    return min(max(round(1.2 * math.log2(sentences + 1)), _FEWEST_POINTS), _USUAL_POINTS)


def _main_language(documents: Sequence[Document]) -> str:
    """The language of most of the text."""
    sizes: Counter[str] = Counter()
    for document in documents:
        markdown = document.markdown
        sizes[document.language or language_of(markdown)] += text_size(markdown[:_LANGUAGE_SAMPLE])
    return sizes.most_common(1)[0][0]


def _title(documents: Sequence[Document], title: str) -> str:
    if title:
        return title
    names = [_name_of(each) for each in documents]
    more = len(names) - _TITLES_SHOWN
    return " · ".join(names[:_TITLES_SHOWN]) + (f" +{more}" if more > 0 else "")


def _name_of(document: Document) -> str:
    """Its title, if that says what it is."""
    title = shown_text(document.title)
    return document.source.uri if _SAYS_NOTHING.fullmatch(title) else title


def _told(documents: Sequence[Document]) -> tuple[Summarized, ...]:
    return tuple(
        Summarized(
            uri=each.source.uri,
            title=shown_text(each.title),
            language=each.language or language_of(each.markdown),
            characters=len(each.markdown),
        )
        for each in documents
    )


# ------------------------------------------------------------------ places


def _quoted(documents: Sequence[Document], found: Quotables, number: int) -> Cited:
    """A sentence with the block around it."""
    unit = found.units[number]
    document = documents[unit.document]
    markdown = document.markdown
    around = _around(document, unit.span)
    chunk = Chunk(
        document_id=document.id,
        ordinal=0,
        text=around.cut(markdown),
        span=around,
        headings=found.sections[unit.section].headings,
    )
    text = unit.text + "…" if unit.is_clipped else unit.text
    return Cited(text=text, citations=(cite(document, unit.span, number=0, chunk=chunk),))


def _around(document: Document, span: Span) -> Span:
    """The block that a span stands in; of a long one a piece that begins and ends at a blank or a full stop."""
    starts = document.block_starts()
    at = bisect_right(starts, span.start) - 1
    begin, end = starts[at], starts[at] + len(document.blocks[at].markdown)
    text = document.blocks[at].markdown
    if span.start - begin > _CONTEXT:
        cut = _CUT.search(text, span.start - begin - _CONTEXT, span.start - begin)
        begin = begin + cut.end() if cut else span.start
    if end - span.end > _CONTEXT:
        near = text[: span.end - starts[at] + _CONTEXT]
        cuts = [match.start() + 1 for match in _CUT.finditer(near, span.end - starts[at])]
        end = starts[at] + cuts[-1] if cuts else span.end
    return Span(start=begin, end=end)


def _cited(point: Point, index: LexicalIndex) -> Cited:
    """A statement of a model with the sentences of its passages that hold most of it."""
    return Cited(
        text=shown_text(point.text),
        citations=tuple(
            cite(source.document, span, number=0, chunk=source.rows[0].chunk) for source, span in _places(point, index)
        ),
    )


def _places(point: Point, index: LexicalIndex) -> list[tuple[Source, Span]]:
    """For each sentence of a statement the place that bears it out, and one in each passage; neighbours are one place."""
    from lianlu.rag.extractive import coverage
    from lianlu.rag.proof import best_place

    found: list[tuple[Source, Span]] = []
    for span in sentences(point.text):
        said = span.cut(point.text)
        source = max(point.sources, key=lambda each: coverage(said, each.text, index))
        found.append((source, best_place(said, source, index)[1]))
    cited = {source.rows[0].row for source, _ in found}
    rest = [source for source in point.sources if source.rows[0].row not in cited]
    found += [(source, best_place(point.text, source, index)[1]) for source in rest]
    places: list[tuple[Source, Span]] = []
    for source, span in sorted(found, key=lambda each: (each[0].rows[0].row, each[1].start)):
        before, last = places[-1] if places else (None, span)
        if before is source and not source.document.markdown[last.end : span.start].strip():
            places[-1] = (source, Span(start=last.start, end=max(last.end, span.end)))
        else:
            places.append((source, span))
    return places


def _overview_by_quoting(documents: Sequence[Document], asked: _Asked) -> list[Cited]:
    quoted = summarize_by_quoting(documents, points=asked.points, focus=asked.focus)
    return [
        Cited(text=each.text, citations=tuple(quoted.citations[number - 1] for number in each.numbers))
        for each in quoted.overview
    ]
