"""From a claim to the sentence it stands on. What a model says goes through here, claim by claim, before it is shown.

A claim that passes the check is cited with the sentence of its source that holds most of it, so that two claims on one
source may point to two places. Numbers are given in the order in which places are first cited.
"""

from __future__ import annotations

from collections.abc import Sequence

from lianlu.rag.answer import Citation, Claimed, Dropped, DroppedClaim
from lianlu.rag.claims import Claim, check_claim, reason_text
from lianlu.rag.elsewhere import uris_with
from lianlu.rag.expand import Source
from lianlu.rag.extractive import coverage
from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.place import cite
from lianlu.rag.truth import ChunkRow
from lianlu.records import Span
from lianlu.text.sentences import sentences, trim

__all__ = ["Proof", "best_place"]


class Proof:
    """Claims as they come, each kept with its places or dropped with a reason.

    Attributes:
        citations: the places cited so far, in the order of their numbers.
        dropped: what did not pass, refusals of the model left out.
        is_refused: the model said that it is not in the documents.
    """

    def __init__(self, sources: Sequence[Source], index: LexicalIndex, found: Sequence[ChunkRow] = ()) -> None:
        """`found` is where else a cited sentence is looked for."""
        self.citations: list[Citation] = []
        self.dropped: list[Dropped] = []
        self.kept: list[str] = []
        self.is_refused = False
        self._sources = sources
        self._index = index
        self._found = found
        self._texts = [each.text for each in sources]

    @property
    def text(self) -> str:
        return "".join(self.kept).strip()

    def take(self, claim: Claim) -> Claimed | DroppedClaim | None:
        """Check a claim. None when the model says that it is not in the documents."""
        code = check_claim(claim, self._texts)
        if code == "refusal":
            self.is_refused = True
            return None
        if code is not None:
            words = reason_text(code, claim, len(self._texts))
            dropped = Dropped(claim=claim.shown, code=code, why=words.show("en"), why_zh=words.show("zh"))
            self.dropped.append(dropped)
            return DroppedClaim(dropped=dropped)
        cited = {number: self._cited(self._sources[number - 1], claim.text) for number in claim.numbers}
        self.kept.append(claim.renumbered({number: citation.number for number, citation in cited.items()}))
        return Claimed(text=self.kept[-1], citations=tuple(dict.fromkeys(cited.values())))

    def _cited(self, source: Source, claim: str) -> Citation:
        row, place = best_place(claim, source, self._index)
        for known in self.citations:
            if (known.document_id, known.uri, known.span) == (source.document.id, row.uri, place):
                return known
        also = (
            *source.also.get(row.row, ()),
            *uris_with(place.cut(source.document.markdown), self._found, apart_from=row.uri),
        )
        number = len(self.citations) + 1
        made = cite(source.document, place, number=number, chunk=row.chunk, also=tuple(dict.fromkeys(also)))
        self.citations.append(made)
        return made


def best_place(claim: str, source: Source, index: LexicalIndex) -> tuple[ChunkRow, Span]:
    """The sentence of a source that holds most of a claim: its chunk, and where it stands in the document."""
    best: tuple[float, ChunkRow, Span] | None = None
    for row in source.rows:
        text = row.chunk.text
        for span in (trim(text, each) for each in sentences(text)):
            share = coverage(claim, span.cut(text), index)
            if best is None or share > best[0]:
                start = row.chunk.span.start
                best = share, row, Span(start=start + span.start, end=start + span.end)
    assert best is not None, "a chunk has a sentence"
    return best[1], best[2]
