"""What differs between a base and the places it was built from, and what came of reading that.

Looks and reads; writes nothing: `KnowledgeBase` keeps what is read, in its own transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lianlu.core.errors import DataError, UsageError, reasons_text
from lianlu.core.job import Job
from lianlu.rag.listing import Listing, list_root
from lianlu.rag.reading import FoundFile, Reading, find_files, read_files
from lianlu.rag.sources import Root
from lianlu.records import Failure

__all__ = ["Changes", "gone", "has_anything", "looked", "nothing_read", "only_new", "read_listings"]


@dataclass
class Changes:
    """What an update did, by uri. `failed` names also the files that failed before and did not change."""

    added: list[str] = field(default_factory=list[str])
    changed: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    failed: list[Failure] = field(default_factory=list[Failure])
    unchanged: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.added or self.changed or self.removed or self.unchanged)


def gone(known: Mapping[str, str], listing: Listing) -> list[str]:
    """The uris below a root that are there no more; none where the listing is not complete."""
    if not listing.is_complete:
        return []
    there = {file.uri for file in listing.files}
    there |= {document.source.uri for document in listing.documents} | {each.uri for each in listing.failures}
    return sorted(set(known) - there)


def has_anything(root: Root) -> bool:
    """Whether there may be something to read; only paths are looked at.

    Raises:
        UsageError: file.missing
    """
    return root.kind != "path" or bool(find_files(root.path, 0))


def looked(number: int, text: str, scratch: Path, job: Job) -> Listing:
    """What stands at a root that is named for the first time: one that is missing is a mistake.

    Raises:
        UsageError: file.missing
    """
    root = Root(text)
    if root.kind == "path" and not root.path.exists():
        raise UsageError("file.missing", path=text)
    return list_root(number, root, scratch, job)


def only_new(
    root: int,
    known: Mapping[str, str],
    listing: Listing,
    broken: Mapping[tuple[int, str], Failure],
    changes: Changes,
) -> Listing:
    """What of a listing is to be read; the rest is counted."""

    def is_new(uri: str, sha256: str) -> bool:
        if known.get(uri) != sha256 or not sha256:
            (changes.changed if uri in known else changes.added).append(uri)
            return True
        if (root, uri) in broken:
            changes.failed.append(broken[root, uri])
        else:
            changes.unchanged += 1
        return False

    files: list[FoundFile] = [file for file in listing.files if is_new(file.uri, file.sha256)]
    documents = [each for each in listing.documents if is_new(each.source.uri, each.source.sha256)]
    failures = [each for each in listing.failures if listing.is_complete or each.uri not in known]
    return Listing(files, documents, failures, listing.is_complete)


def read_listings(listings: Mapping[int, Listing], job: Job) -> Reading:
    """The documents of some listings, and what failed, with the numbers of their roots."""
    files = [file for listing in listings.values() for file in listing.files]
    reading = read_files(files, job)
    ready = [(root, document) for root, listing in listings.items() for document in listing.documents]
    failed = [(root, failure) for root, listing in listings.items() for failure in listing.failures]
    return Reading((*reading.documents, *ready), (*reading.failures, *failed))


def nothing_read(failures: Sequence[Failure]) -> DataError:
    """None of the files could be read: an error, and a base of that name stays as it was."""
    return DataError("rag.nothing-read", count=len(failures), reasons=reasons_text(failures))
