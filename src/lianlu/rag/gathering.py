"""The documents that a person wants summed up: read from files, folders, addresses and queries, or taken from a base."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import suggest
from lianlu.core.job import Job
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.changes import looked, nothing_read, read_listings
from lianlu.rag.filters import Filters
from lianlu.rag.listing import scratch_folder
from lianlu.rag.shelf import names, open_base
from lianlu.rag.sources import Named, Root, root_texts
from lianlu.records import Document, Failure

__all__ = ["Gathered", "documents_of_base", "gather", "read_sources"]


@dataclass(frozen=True)
class Gathered:
    """Documents in the order in which they were named, and what could not be read."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...] = ()
    title: str = ""


def gather(
    sources: Sequence[Named],
    *,
    filters: Filters | None = None,
    root: Path | None = None,
    job: Job | None = None,
) -> Gathered:
    """The documents that are named: what stands at a path or an address, else those of the base of that name.

    Args:
        filters: which documents of a base.
        root: of the store.

    Raises:
        UsageError: rag.no-such-file, rag.base-and-files, rag.filters-need-base, and as `documents_of_base`, `read_sources`
        DataError: rag.nothing-read, rag.corrupt, rag.format
    """
    elsewhere = [each for each in sources if isinstance(each, str) and each and not _is_place(each)]
    known = names(root=root) if elsewhere else []
    for each in elsewhere:
        if each not in known:
            raise UsageError("rag.no-such-file", name=each, suggestion=suggest(each, known))
    if not elsewhere:
        if filters is not None and not filters.is_empty:
            raise UsageError("rag.filters-need-base")
        return read_sources(sources, job or Job("rag"))
    if len(sources) > 1:
        raise UsageError("rag.base-and-files", name=elsewhere[0])
    with open_base(elsewhere[0], root=root) as base:
        return documents_of_base(base, filters)


def read_sources(sources: Sequence[Named], job: Job) -> Gathered:
    """Read what a base would be built from. Documents of equal names are told apart by the folder they were found in.

    Raises:
        UsageError: rag.no-files, file.missing, rag.bad-address, rag.nothing-to-read
        DataError: rag.nothing-read
    """
    if not sources:
        raise UsageError("rag.no-files")
    texts = root_texts(sources)
    with scratch_folder() as scratch:
        listings = {number: looked(number, text, scratch, job) for number, text in enumerate(texts)}
        reading = read_listings(listings, job)
    failures = tuple(failure for _, failure in reading.failures)
    if not reading.documents:
        raise nothing_read(failures) if failures else UsageError("rag.nothing-to-read", paths=", ".join(texts))
    named = Counter(document.source.uri for _, document in reading.documents)
    ordered = sorted(reading.documents, key=lambda each: each[0])  # stable: inside a root as they were found
    documents = [_told_apart(each, texts[root]) if named[each.source.uri] > 1 else each for root, each in ordered]
    return Gathered(tuple(documents), failures, _name_of(texts[0]) if len(texts) == 1 and len(documents) > 1 else "")


def documents_of_base(base: KnowledgeBase, filters: Filters | None = None) -> Gathered:
    """The documents of a base that fit some filters.

    Raises:
        UsageError: rag.no-document-fits
    """
    with base.truth.reading():
        rows = [each.row for each in base.truth.documents()]
        if filters is not None and not filters.is_empty:
            allowed = set(base.truth.chunks_matching(filters).tolist())
            fitting = {document for chunk, document in base.truth.chunk_owners() if chunk in allowed}
            rows = [row for row in rows if row in fitting]
        if not rows:
            raise UsageError("rag.no-document-fits", name=base.name)
        documents = tuple(base.truth.document(row) for row in rows)
        return Gathered(documents, title=base.name if len(documents) > 1 else "")


def _is_place(source: str) -> bool:
    return "://" in source or os.path.lexists(os.path.expanduser(source))  # noqa: PTH111 - any text may be given


def _told_apart(document: Document, root: str) -> Document:
    uri = f"{_name_of(root)}/{document.source.uri}" if Root(root).kind == "path" else root
    if Root(root).kind == "path" and Path(root).is_file():
        uri = f"{Path(root).parent.name}/{document.source.uri}"
    return msgspec.structs.replace(document, source=msgspec.structs.replace(document.source, uri=uri))


def _name_of(root: str) -> str:
    return Path(root).name if Root(root).kind == "path" else Root(root).shown
