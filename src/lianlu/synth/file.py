"""Conversations and samples as files: one JSON record a line, `conversations.jsonl` and `samples.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text
from lianlu.records import Conversation, Sample

__all__ = ["CONVERSATIONS", "SAMPLES", "find_file", "load_conversations", "load_samples", "read_lines", "write_lines"]

CONVERSATIONS = "conversations.jsonl"
SAMPLES = "samples.jsonl"
_KINDS: dict[type, Text] = {Conversation: Text("conversation", "对话"), Sample: Text("sample", "样本")}
RecordT = TypeVar("RecordT", Conversation, Sample)


def load_conversations(files: Mapping[str, Path]) -> list[Conversation]:
    """The conversations of an artifact.

    Raises:
        DataError: synth.no-conversations, synth.bad-file
    """
    if CONVERSATIONS not in files:
        raise DataError("synth.no-conversations", path=", ".join(files) or "∅")
    return read_lines(files[CONVERSATIONS], Conversation)


def load_samples(files: Mapping[str, Path]) -> list[Sample]:
    """The samples of an artifact; none where it has no such file.

    Raises:
        DataError: synth.bad-file
    """
    return read_lines(files[SAMPLES], Sample) if SAMPLES in files else []


def find_file(path: Path, name: str) -> Path:
    """`path` itself, or the file `name` in it or one folder below, as the verb `synth run` leaves it.

    Raises:
        UsageError: file.missing
        DataError: synth.no-conversations
    """
    if path.is_file():
        return path
    if not path.exists():
        raise UsageError("file.missing", path=str(path))
    for place in (path / name, path / Path(name).stem / name):
        if place.is_file():
            return place
    raise DataError("synth.no-conversations", path=str(path))


def read_lines(path: Path, record: type[RecordT]) -> list[RecordT]:
    """Every record of a file; blank lines do not count.

    Raises:
        DataError: synth.bad-file, with the line
        UsageError: file.unreadable
    """
    decoder = msgspec.json.Decoder(record)
    found: list[RecordT] = []
    try:
        with path.open("rb") as file:
            for line, content in enumerate(file, start=1):
                if content.strip():
                    found.append(_decoded(decoder, content, path, line, _KINDS[record]))
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error
    return found


def _decoded(decoder: msgspec.json.Decoder[RecordT], content: bytes, path: Path, line: int, kind: Text) -> RecordT:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DataError("synth.bad-file", path=str(path), line=line, kind=kind, why=str(error)) from error


def write_lines(path: Path, records: Iterable[msgspec.Struct]) -> None:
    """Raises LimitError file.disk-full, UsageError file.unwritable."""
    write_bytes(path, b"".join(msgspec.json.encode(record, order="deterministic") + b"\n" for record in records))
