"""Files of users and artifacts of chains -> training items: what is learned, and where it stands.

Knows files, folders and their endings; `rows` and `tables` read them, `shapes` says what a row is. A row that is no sample
is an error with file and line, because half a training set is no training set; `read_leniently` lists them all instead.
In a folder, registries of sets (dataset_info.json) are passed over: they describe data and are none.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files, named_path, walk
from lianlu.core.i18n import Text
from lianlu.text.decode import decode
from lianlu.text.documents import DOCUMENTS_INDEX, load_documents
from lianlu.train.columns import Misfit
from lianlu.train.rows import LINE_LIMIT_BYTES, BadRow, Parsed, binary, rows_of_json, rows_of_lines
from lianlu.train.shapes import Content, content_of
from lianlu.train.tables import rows_of_csv, rows_of_parquet
from lianlu.train.turns import message_of

__all__ = [
    "CONVERSATIONS",
    "LINE_LIMIT_BYTES",
    "BadRow",
    "Item",
    "iterate",
    "message_of",
    "read_artifact",
    "read_leniently",
    "read_paths",
]

CONVERSATIONS = "conversations.jsonl"
_TEXT = (".txt", ".md")
_TABLES = (".csv", ".tsv")
_ENDINGS = (*_TEXT, *_TABLES, ".jsonl", ".json", ".parquet")
_REGISTRIES = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json")


@dataclass(frozen=True)
class Item:
    """One training sample before it is cut into tokens; `id` is file and line, or the uri of a document."""

    id: str
    content: Content


def read_paths(paths: Sequence[str], *, line_limit_bytes: int = LINE_LIMIT_BYTES) -> list[Item]:
    """Everything in these files and folders, in order of names.

    Raises:
        UsageError: file.missing, file.unreadable, train.no-data, extra.missing
        DataError: train.bad-line
        LimitError: train.line-too-long
    """
    items = list(iterate(paths, line_limit_bytes=line_limit_bytes))
    if paths and not items:
        raise UsageError("train.no-data", paths=", ".join(paths))
    return items


def iterate(paths: Sequence[str], *, line_limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[Item]:
    """As `read_paths`, one item at a time: files of lines are never held whole. No data are no error here."""
    for found in _of_paths(paths, line_limit_bytes):
        if isinstance(found, BadRow):
            raise found.error()
        yield found


def read_leniently(
    paths: Sequence[str], *, line_limit_bytes: int = LINE_LIMIT_BYTES
) -> tuple[list[Item], list[BadRow]]:
    """The samples, and the rows that are none with the reason, both in order.

    Raises:
        UsageError: file.missing, file.unreadable, train.no-data, extra.missing
    """
    items: list[Item] = []
    bad: list[BadRow] = []
    for found in _of_paths(paths, line_limit_bytes):
        if isinstance(found, BadRow):
            bad.append(found)
        else:
            items.append(found)
    if paths and not items and not bad:
        raise UsageError("train.no-data", paths=", ".join(paths))
    return items, bad


def read_artifact(files: Files) -> list[Item]:
    """The samples of a `documents` or `conversations` artifact.

    Raises:
        DataError: train.bad-line, train.no-conversations, text.no-documents, text.documents-broken
        LimitError: train.line-too-long
    """
    if files.kind == "documents":
        return [Item(document.source.uri, document.markdown) for document in load_documents(files)]
    path = files.get(CONVERSATIONS)
    if path is None:
        raise DataError("train.no-conversations", kind=files.kind, file=CONVERSATIONS)
    items: list[Item] = []
    for found in _of_file(path, CONVERSATIONS, ".jsonl", LINE_LIMIT_BYTES):
        if isinstance(found, BadRow):
            raise found.error()
        items.append(found)
    return items


def _of_paths(paths: Sequence[str], limit_bytes: int) -> Iterator[Item | BadRow]:
    for named in paths:
        root = named_path(named)
        if (root / DOCUMENTS_INDEX).is_file():  # what `lianlu extract` wrote; its other files say the same once more
            yield from read_artifact(Files.of_folder(root, kind="documents"))
            continue
        for path in walk(root):
            ending = _ending(path.name)
            if ending in _ENDINGS and (path == root or path.name not in _REGISTRIES):
                name = path.name if path == root else path.relative_to(root).as_posix()
                yield from _of_file(path, name, ending, limit_bytes)


def _ending(name: str) -> str:
    return Path(name.lower().removesuffix(".gz")).suffix


def _of_file(path: Path, name: str, ending: str, limit_bytes: int) -> Iterator[Item | BadRow]:
    if ending in _TEXT:
        yield from _of_text(path, name)
        return
    for row in _rows(path, name, ending, limit_bytes):
        yield row if isinstance(row, BadRow) else _item(row)


def _rows(path: Path, name: str, ending: str, limit_bytes: int) -> Iterator[Parsed | BadRow]:
    try:
        if ending == ".parquet":
            yield from rows_of_parquet(path, name)
            return
        with _opened(path) as stream:
            if ending in _TABLES:
                yield from rows_of_csv(stream.read(), name, limit_bytes)
            elif ending == ".jsonl" and not _is_array(stream):
                yield from rows_of_lines(stream, name, limit_bytes)
            else:
                yield from rows_of_json(stream, name, limit_bytes)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield BadRow(name, Text(f"the gzip file is damaged: {error}", f"gzip 文件已损坏：{error}"))
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error


def _opened(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(".gz"):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    return path.open("rb")


def _is_array(stream: IO[bytes]) -> bool:
    """Whether a file that says it has lines is one array, as some tools write it."""
    head = stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    stream.seek(0)
    return head.startswith((b"[{", b"[\n", b"[\r", b"[ "))


def _of_text(path: Path, name: str) -> Iterator[Item | BadRow]:
    try:
        with _opened(path) as stream:
            content = stream.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        yield BadRow(name, Text(f"the gzip file is damaged: {error}", f"gzip 文件已损坏：{error}"))
        return
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    try:
        text = decode(content).text.strip()
    except DataError as error:
        yield binary(name, error)
        return
    if text:
        yield Item(name, text)


def _item(row: Parsed) -> Item | BadRow:
    try:
        return Item(row.id, content_of(row.value))
    except Misfit as misfit:
        return BadRow(row.id, misfit.why, misfit.is_nested)
