"""Documents and bases for the tests of this room."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lianlu.core.hashing import sha256_bytes, short_id
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.truth import Truth
from lianlu.records import Block, Document, Source, Span

Make = Callable[..., Document]


def markdown_document(uri: str, text: str) -> Document:
    """A document as the markdown reader gives it: verbatim blocks with their places, headings marked."""
    blocks: list[Block] = []
    at = 0
    for part in text.split("\n\n"):
        start = text.index(part, at)
        at = start + len(part)
        line = text.count("\n", 0, start) + 1
        level = len(part) - len(part.lstrip("#")) or None
        if part.strip():
            span = Span(start=start, end=at, first_line=line, last_line=line + part.count("\n"))
            kind = "heading" if level else "para"
            blocks.append(Block(kind=kind, markdown=part, level=level, span=span, verbatim=True))
    sha256 = sha256_bytes(text.encode())
    source = Source(uri=uri, sha256=sha256, size=len(text.encode()))
    return Document(id=short_id(uri, sha256), source=source, blocks=tuple(blocks))


def with_meta(document: Document, **meta: Any) -> Document:
    return msgspec.structs.replace(document, meta=meta)


@pytest.fixture
def make_document() -> Make:
    return markdown_document


@pytest.fixture
def base(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with KnowledgeBase(Truth.create(tmp_path / "notes.sqlite", "notes")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("LIANLU_LANG", "en")
