"""What a reader is: a function from the bytes of one file to a Document. It opens no file and no connection.

Readers are found by name in the registry's group `reader`. A plug-in names its reader after the file ending it reads
(entry point `lianlu.reader`, name `epub`): an ending no built-in reader claims is looked up under that name. Every
reader runs in the limited child process of `worker`, so it may be as trusting of its input as its parser is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.hashing import short_id
from lianlu.core.job import Job
from lianlu.records import Block, Document, Failure, Source
from lianlu.text.language import language_of

__all__ = ["DocumentSource", "ReadConfig", "Reader", "document_of"]


class ReadConfig(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reader may be told. A msgspec record, not pydantic: it travels to the child process with every file.

    Attributes:
        max_pages: a file with more pages is refused.
        main_content: of a web page keep the article and leave navigation, cookie notes and footers out.
    """

    max_pages: int = 5000
    main_content: bool = True


class Reader(Protocol):
    """Reads one format."""

    def __call__(self, content: bytes, source: Source, config: ReadConfig) -> Document:
        """Make a Document of a file's bytes; `source` goes into it unchanged.

        Raises:
            DataError: the file is broken, encrypted or without text; the code's room is `extract` or `text`
        """
        ...


class DocumentSource(Protocol):
    """Reads files under the uris given for them."""

    def __call__(self, files: Sequence[tuple[Path, str]], job: Job) -> tuple[list[Document], list[Failure]]:
        """The documents, and what failed with its reason; nothing is raised for a single file."""
        ...


def document_of(
    source: Source, blocks: Iterable[Block], *, title: str = "", meta: Mapping[str, Any] | None = None
) -> Document:
    """Assemble a Document: its id is a hash of uri and content, its language is told from its text.

    Raises:
        DataError: extract.no-content
    """
    kept = tuple(blocks)
    if not kept:
        raise DataError("extract.no-content", what=source.media_type or "file")
    facts = dict(meta or {})
    document = Document(id=short_id(source.uri, source.sha256), source=source, blocks=kept, meta=facts)
    language = language_of(document.markdown)
    return msgspec.structs.replace(
        document,
        title=" ".join((title or _first_heading(kept)).split())[:300],
        language=str(facts.get("language", "")).lower() if language in ("", "und") else language,
    )


def _first_heading(blocks: tuple[Block, ...]) -> str:
    """The words of the first heading of level 1, else of a heading the document begins with."""
    for at, block in enumerate(blocks[:30]):
        if block.kind == "heading" and (block.level == 1 or at == 0):
            return block.markdown.strip().splitlines()[0].strip("# \t")
    return ""
