"""The artifact kind `documents` on disk: what extract writes and every later link reads.

    documents.jsonl        index, one line a document, sorted by uri: id, uri, title, sha256, blocks, json, markdown
    failures.jsonl         what could not be read and why, sorted by uri; empty when all went well
    <name>.json            the Document record
    <name>.md              its markdown, for people and other tools

`<name>` is the document's uri (a trailing `.md` dropped), so the folders of the source are kept. The index is written last
and whole: while it is absent the folder is unfinished, and files an older index named are removed when a new one stands.
Nothing here knows how a document is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.files import Files, as_lianlu_error, write_bytes
from lianlu.records import Document, Failure

__all__ = [
    "DOCUMENTS_INDEX",
    "DocumentEntry",
    "load_document",
    "load_documents",
    "load_entries",
    "load_failures",
    "write_documents",
]

DOCUMENTS_INDEX = "documents.jsonl"
_FAILURES = "failures.jsonl"
_LONGEST_PART_BYTES = 180
RecordT = TypeVar("RecordT", bound=msgspec.Struct)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


class DocumentEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the index. `json` and `markdown` are names of files beside it."""

    id: str
    uri: str
    sha256: str
    blocks: int
    json: str
    markdown: str
    title: str = ""
    language: str = ""
    media_type: str = ""
    pages: int = 0
    characters: int = 0


def write_documents(
    folder: Path, documents: Iterable[Document], failures: Iterable[Failure] = ()
) -> list[DocumentEntry]:
    """Write documents as they come and the index at the end; `failures` is read after the last document.

    Returns the index, sorted by uri. The same documents give the same bytes.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    stale = _named_by_index(folder)
    taken: dict[str, str] = {}
    entries: list[DocumentEntry] = []
    for document in documents:
        name = _free_name(document, taken)
        entries.append(_write_one(folder, name, document))
    entries.sort(key=lambda entry: (entry.uri, entry.id))
    failed = sorted(failures, key=lambda failure: (failure.uri, failure.code))
    write_bytes(folder / _FAILURES, _lines(failed))
    write_bytes(folder / DOCUMENTS_INDEX, _lines(entries))
    for name in sorted(stale.difference(taken.values())):
        _remove(folder, name)
    return entries


def load_entries(files: Files) -> list[DocumentEntry]:
    """The index of a documents artifact.

    Raises:
        DataError: text.no-documents, text.documents-broken
    """
    if DOCUMENTS_INDEX not in files:
        raise DataError("text.no-documents", kind=files.kind, index=DOCUMENTS_INDEX)
    return _decode_lines(files[DOCUMENTS_INDEX], DocumentEntry)


def load_documents(files: Files) -> Iterator[Document]:
    """The documents of an artifact, one at a time, sorted by uri.

    Raises:
        DataError: text.no-documents, text.documents-broken
    """
    for entry in load_entries(files):
        yield load_document(files, entry)


def load_document(files: Files, entry: DocumentEntry) -> Document:
    """One document by its line of the index.

    Raises:
        DataError: text.documents-broken
    """
    path = files.get(entry.json)
    if path is None:
        raise DataError("text.documents-broken", path=entry.json, why="the index names it, but it is not there")
    try:
        return msgspec.json.decode(_read(path), type=Document)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError("text.documents-broken", path=str(path), why=str(error)) from error


def load_failures(files: Files) -> list[Failure]:
    """What could not be read when the artifact was made, sorted by uri.

    Raises:
        DataError: text.documents-broken
    """
    return _decode_lines(files[_FAILURES], Failure) if _FAILURES in files else []


def _write_one(folder: Path, name: str, document: Document) -> DocumentEntry:
    markdown = document.markdown
    _replace(folder / f"{name}.md", f"{markdown}\n".encode())
    _replace(folder / f"{name}.json", msgspec.json.encode(document, order="deterministic") + b"\n")
    return DocumentEntry(
        id=document.id,
        uri=document.source.uri,
        sha256=document.source.sha256,
        blocks=len(document.blocks),
        json=f"{name}.json",
        markdown=f"{name}.md",
        title=document.title,
        language=document.language,
        media_type=document.source.media_type,
        pages=max((block.page or 0 for block in document.blocks), default=0),
        characters=len(markdown),
    )


def _replace(path: Path, content: bytes) -> None:
    """Write without waiting for the disk: only the index, which declares the rest, is flushed."""
    temporary = path.with_name(f".tmp-{path.name[-80:]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise as_lianlu_error(error, path) from error
    finally:
        temporary.unlink(missing_ok=True)


def _free_name(document: Document, taken: dict[str, str]) -> str:
    """A name no other document has, also where capitals do not count; a clash is settled by the document's id."""
    plain = _safe_name(document.source.uri)
    choices = (plain, f"{plain}-{document.id[:8]}", f"{plain}-{document.id}")
    name = next((choice for choice in choices if choice.casefold() not in taken), choices[-1])
    taken[name.casefold()] = name
    return name


def _safe_name(uri: str) -> str:
    """A relative path for any uri: no `..`, no hidden parts, no characters that some file system refuses."""
    parts = [_safe_part(part) for part in uri.removesuffix(".md").split("/") if part not in ("", ".")]
    return "/".join(parts) or "document"


def _safe_part(part: str) -> str:
    safe = _UNSAFE.sub("_", part)
    if safe.startswith("."):
        safe = "_" + safe[1:]
    encoded = safe.encode(errors="replace")
    if len(encoded) > _LONGEST_PART_BYTES:
        mark = hashlib.sha256(part.encode(errors="replace")).hexdigest()[:12]
        safe = encoded[:_LONGEST_PART_BYTES].decode(errors="ignore") + "-" + mark
    return safe


def _named_by_index(folder: Path) -> set[str]:
    """Names an earlier index of this folder gave, if it can be read: they are ours to remove."""
    path = folder / DOCUMENTS_INDEX
    if not path.is_file():
        return set()
    try:
        entries = _decode_lines(path, DocumentEntry)
    except DataError:
        return set()
    names = {entry.json.removesuffix(".json") for entry in entries}
    return {name for name in names if name and not PurePosixPath(name).is_absolute() and ".." not in name.split("/")}


def _remove(folder: Path, name: str) -> None:
    for path in (folder / f"{name}.md", folder / f"{name}.json"):
        path.unlink(missing_ok=True)
    parent = (folder / name).parent
    while parent != folder and not any(parent.iterdir()):
        parent.rmdir()
        parent = parent.parent


def _lines(records: Iterable[msgspec.Struct]) -> bytes:
    return b"".join(msgspec.json.encode(record, order="deterministic") + b"\n" for record in records)


def _decode_lines(path: Path, record: type[RecordT]) -> list[RecordT]:
    decoder = msgspec.json.Decoder(record)
    try:
        return [decoder.decode(line) for line in _read(path).splitlines() if line.strip()]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError("text.documents-broken", path=str(path), why=str(error)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError("text.documents-broken", path=str(path), why=error.strerror or str(error)) from error
