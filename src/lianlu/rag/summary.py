"""What a summary is, as a record: an overview and key points, each sentence with the places it rests on.

A statement is shown only with its citations. Without a model it is a sentence of the documents, and its citation is that
sentence; with one it passed the check of `rag.claims` against the passages it cites.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lianlu.core.i18n import Text
from lianlu.rag.answer import Citation, Dropped
from lianlu.records import Failure, Usage

__all__ = ["Cited", "Forecast", "LostPart", "Statement", "Summarized", "Summary", "numbered"]


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A sentence of a summary.

    Attributes:
        text: without marks.
        numbers: of its citations.
        original: what was checked, where `text` is a translation of it.
    """

    text: str
    numbers: tuple[int, ...]
    original: str = ""

    @property
    def marked(self) -> str:
        """The sentence with its marks, such as `It is fast. [1][2]`."""
        return self.text + " " + "".join(f"[{number}]" for number in self.numbers)


class Summarized(msgspec.Struct, frozen=True, kw_only=True):
    """A document that was summed up; `characters` counts its markdown."""

    uri: str
    title: str
    language: str
    characters: int


class LostPart(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of the documents that the summary does not cover, and why: the model failed, or nothing it said held."""

    uri: str
    first: str
    code: str
    why: str
    why_zh: str = ""

    @property
    def reason(self) -> Text:
        return Text(self.why, self.why_zh or self.why)


class Forecast(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a summary by a model would take.

    Attributes:
        parts: into which the documents are cut.
        calls: requests to the model, `kept` of them answered before.
        usage: tokens and cost of those that are left; the cost is None where no price is known.
        is_counted: whether tokens were counted as the model counts them; else they are estimated.
    """

    parts: int
    calls: int
    kept: int
    usage: Usage
    is_counted: bool


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A summary of documents.

    Attributes:
        by: `extract`, or the ModelRef that wrote it.
        language: of the statements: `zh`, `en`, …
        citations: by number, from 1; the overview's come first.
        dropped: what the model said and the documents do not.
        lost: parts that are not covered.
        failures: files that could not be read.
        notes: what went otherwise than it should.
        asked: requests sent to the model; `kept` were answered from the store of requests.
        usage: what the requests that were sent took.
    """

    title: str
    by: str
    language: str
    overview: tuple[Statement, ...]
    points: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    documents: tuple[Summarized, ...]
    focus: str = ""
    dropped: tuple[Dropped, ...] = ()
    lost: tuple[LostPart, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[Text, ...] = ()
    asked: int = 0
    kept: int = 0
    usage: Usage = Usage()


class Cited(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence with its places, before numbers are given."""

    text: str
    citations: tuple[Citation, ...]
    original: str = ""


def numbered(groups: Sequence[Sequence[Cited]]) -> tuple[list[tuple[Statement, ...]], tuple[Citation, ...]]:
    """Statements with numbers in the order in which places are first cited, group after group; the same place once."""
    numbers: dict[tuple[str, str, int, int], int] = {}
    citations: list[Citation] = []

    def number_of(each: Citation) -> int:
        key = (each.document_id, each.uri, each.span.start, each.span.end)
        if key not in numbers:
            numbers[key] = len(numbers) + 1
            citations.append(msgspec.structs.replace(each, number=numbers[key]))
        return numbers[key]

    made = [
        tuple(
            Statement(
                text=each.text,
                numbers=tuple(dict.fromkeys(number_of(citation) for citation in each.citations)),
                original=each.original,
            )
            for each in group
        )
        for group in groups
    ]
    return made, tuple(citations)
