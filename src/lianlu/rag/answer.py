"""What a search and an answer are, as records: every quoted word with the place where it stands.

`span` counts characters of the document's markdown; `source_span` and the lines count those of the source file, where the
source is text and the block was taken from it verbatim. The events are an answer as it comes about: a claim of a model
becomes one only when it has been checked, so whoever shows them shows nothing that is taken back.
"""

from __future__ import annotations

import msgspec

from lianlu.core.i18n import Text
from lianlu.records import Span

__all__ = [
    "Answer",
    "AnswerEvent",
    "Answered",
    "Citation",
    "Claimed",
    "Dropped",
    "DroppedClaim",
    "Looked",
    "Passage",
    "Rewritten",
]


class Passage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chunk that was found, with its place and its score (BM25, higher is better)."""

    document_id: str
    uri: str
    text: str
    span: Span
    score: float
    headings: tuple[str, ...] = ()
    page: int | None = None
    first_line: int | None = None
    last_line: int | None = None


class Citation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A quoted place: `quote` equals `document.markdown[span.start:span.end]`, character by character.

    Attributes:
        context: the passage around the quote, which begins at `context_start` of the same markdown.
        also: uris of other documents that say the same, word for word.
    """

    number: int
    document_id: str
    uri: str
    quote: str
    span: Span
    headings: tuple[str, ...] = ()
    page: int | None = None
    first_line: int | None = None
    last_line: int | None = None
    source_span: Span | None = None
    context: str = ""
    context_start: int = 0
    also: tuple[str, ...] = ()

    @property
    def mark(self) -> tuple[int, int]:
        """Where the quote stands in `context`."""
        return self.span.start - self.context_start, self.span.end - self.context_start


class Dropped(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A claim of a model that was not shown, and why; `code` is one of `rag.claims.REASONS`."""

    claim: str
    code: str
    why: str
    why_zh: str = ""

    @property
    def reason(self) -> Text:
        return Text(self.why, self.why_zh or self.why)


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer whose every sentence carries citations, or the statement that there is none.

    Attributes:
        text: the answer, with [n] behind each sentence; when nothing was found, words that say so.
        found: False when the documents do not answer the question.
        by: `extract`, or the ModelRef that wrote it.
        reason: why there is no answer: `no-documents`, `weak-evidence`, `nothing-supported`, `no-answer` (the model wrote
            nothing); empty when found.
        dropped: claims of the model that did not pass the check.
        nearest: when nothing was found, the passages that came nearest.
        rewritten: what a follow-up question was understood as; empty when it was asked as it stands.
        notes: what went otherwise than it should, such as an embedder that cannot be reached.
        is_partial: the model failed, was cut off or was stopped before it was done; what stands here is checked all the
            same.
        probability: how likely it was that what was found answers the question; below `threshold` it is refused.
    """

    question: str
    text: str
    found: bool
    by: str
    citations: tuple[Citation, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    reason: str = ""
    nearest: tuple[Passage, ...] = ()
    rewritten: str = ""
    notes: tuple[Text, ...] = ()
    is_partial: bool = False
    probability: float | None = None
    threshold: float | None = None


class Rewritten(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="rewritten"):
    """A follow-up question, understood as this one."""

    question: str


class Looked(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="looked"):
    """The passages that the answer will be made from."""

    passages: tuple[Passage, ...]


class Claimed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="claimed"):
    """A sentence of the answer, checked, with its [n]; `citations` are those of its numbers.

    The texts of all claims, one behind the other and stripped, are the text of the answer.
    """

    text: str
    citations: tuple[Citation, ...]


class DroppedClaim(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="dropped"):
    """A sentence of the model that did not pass the check."""

    dropped: Dropped


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="answered"):
    """The end: the whole answer."""

    answer: Answer


AnswerEvent = Rewritten | Looked | Claimed | DroppedClaim | Answered
