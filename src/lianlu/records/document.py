"""What a file becomes when it is read: blocks in reading order, each traceable to its place in the source.

A block keeps markdown, not plain text, because every later link (chunking, prompting, labelling) wants the structure.
Where the source is itself text (md, txt) `Block.span` is exact: `source_text[span.start:span.end] == block.markdown`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lianlu.records.text import Span

__all__ = ["Block", "BlockKind", "Box", "Chunk", "Document", "Failure", "Source"]

BlockKind = Literal["heading", "para", "list", "table", "formula", "figure", "code"]


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle on a page in points (1/72 inch), origin at the top left."""

    left: float
    top: float
    right: float
    bottom: float


class Block(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One paragraph, heading, list, table, formula, figure or code listing.

    Attributes:
        markdown: the block as GitHub-flavoured markdown, without surrounding blank lines.
        level: heading depth 1–6; None for the other kinds.
        page: 1-based page number where the source has pages.
        box: place on that page, in points.
        span: place in the decoded source text, where the source is text.
        verbatim: true when `markdown` is exactly the characters of `span`.
    """

    kind: BlockKind
    markdown: str
    level: int | None = None
    page: int | None = None
    box: Box | None = None
    span: Span | None = None
    verbatim: bool = False


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where bytes came from. `uri` is relative to the folder the user named, so that ids do not depend on machines."""

    uri: str
    sha256: str
    size: int
    media_type: str = ""


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source that was read.

    >>> source = Source(uri="a.md", sha256="0" * 64, size=5)
    >>> Document(id="d1", source=source, blocks=(Block(kind="para", markdown="Hello"),)).markdown
    'Hello'
    """

    id: str
    source: Source
    blocks: tuple[Block, ...]
    title: str = ""
    language: str = ""
    meta: dict[str, Any] = {}

    @property
    def markdown(self) -> str:
        """All blocks in reading order, separated by one blank line."""
        return "\n\n".join(block.markdown for block in self.blocks)

    def block_starts(self) -> list[int]:
        """Offset of each block's first character in `markdown`."""
        starts: list[int] = []
        at = 0
        for block in self.blocks:
            starts.append(at)
            at += len(block.markdown) + 2
        return starts


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item that could not be worked on, and why. `reason` and `hint` are English; code and facts give other languages."""

    uri: str
    code: str
    reason: str
    hint: str = ""
    facts: dict[str, str | int | float] = {}
    sha256: str = ""
    size: int = 0


class Chunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A passage to be retrieved: `text` equals `document.markdown[span.start:span.end]`."""

    document_id: str
    ordinal: int
    text: str
    span: Span
    headings: tuple[str, ...] = ()
    page: int | None = None
