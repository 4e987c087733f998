"""Prove that a secret stands in no file of a Space: searched as it is, as JSON writes it, and inside what is packed.

SQLite cuts long texts over pages and a wheel is compressed, so their bytes alone would prove nothing: every value of every
table is read, and every file of an archive.
"""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from lianlu.core.errors import DataError
from lianlu.core.files import walk

__all__ = ["check_secrets", "leaks"]

_OVERLAP_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22


def check_secrets(folder: Path, secrets: Mapping[str, str]) -> None:
    """Raises DataError cli.space-secret-inside, which names the variable and the file, not the value."""
    for variable, name in leaks(folder, secrets):
        raise DataError("cli.space-secret-inside", variable=variable, file=name)


def leaks(folder: Path, secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each (variable, file) whose file holds the variable's value."""
    forms = {variable: _forms(value) for variable, value in secrets.items()}
    if not forms:
        return
    for path in _files(folder):
        for variable in sorted(_held(_pieces(path), forms)):
            yield variable, path.relative_to(folder).as_posix()


def _files(folder: Path) -> list[Path]:
    hidden = [path for path in folder.rglob("*") if path.is_file() and path.name.startswith(".")]
    return sorted({*walk(folder), *hidden})


def _forms(value: str) -> set[bytes]:
    """A value as text, and as it stands inside JSON."""
    escaped = (json.dumps(value, ensure_ascii=flag)[1:-1] for flag in (True, False))
    return {value.encode(), *(each.encode() for each in escaped)}


def _held(pieces: Iterable[bytes], forms: Mapping[str, set[bytes]]) -> set[str]:
    found: set[str] = set()
    for piece in pieces:
        found |= {variable for variable, some in forms.items() if any(form in piece for form in some)}
    return found


def _pieces(path: Path) -> Iterator[bytes]:
    yield from _blocks(path)
    if path.suffix == ".sqlite":
        yield from _cells(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield archive.read(name)
    yield path.name.encode()


def _blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file in pieces that overlap."""
    tail = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield tail + block
            tail = block[-_OVERLAP_BYTES:]


def _cells(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        tables = [str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - our own tables
                yield b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
