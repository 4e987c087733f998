"""The bytes of JSON files -> rows with their places. Knows JSON, encodings and limits, and nothing of what a row means.

Lines are read one at a time, so a file may be larger than memory; an array is read whole. Each row is parsed by msgspec,
and by the slower json module only where msgspec refuses or a key seems to stand twice: pandas writes NaN for a missing
value, which counts as null here, and half a surrogate pair is repaired later. A key that stands twice is an error, since
one of its values would be lost without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any, cast

import msgspec

from lianlu.core.errors import DataError, LianluError, LimitError
from lianlu.core.i18n import Text
from lianlu.text.decode import decode
from lianlu.train.columns import Misfit

__all__ = ["LINE_LIMIT_BYTES", "BadRow", "Parsed", "binary", "rows_of_json", "rows_of_lines"]

LINE_LIMIT_BYTES = 64 << 20
_HEAD_BYTES = 1 << 16
_SAMPLE_BYTES = 1 << 18
_WRAPPERS = ("train", "data")
_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"
# what a guess must say to be believed: Windows-1252 and Latin-1 read any bytes, so they are no proof
_SURE = frozenset({"gb18030", "big5", "cp949", "cp932", "euc_jp", "cp1251", "koi8_r"})
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Parsed:
    """A row and where it stands: `name:line`, or `name#number` where rows have no lines."""

    id: str
    value: Any


@dataclass(frozen=True)
class BadRow:
    """A row that is no sample, and why. `is_nested`: it has a list or an object where text should stand."""

    id: str
    why: Text
    is_nested: bool = False
    limit_bytes: int = 0

    def error(self) -> LianluError:
        """What to raise where one bad row is too many: train.bad-line or train.line-too-long."""
        if self.limit_bytes:
            return LimitError("train.line-too-long", at=self.id, limit=self.limit_bytes)
        return DataError("train.bad-line", at=self.id, why=self.why)


class _Doubled(dict[str, Any]):
    """An object in which a key stands twice."""

    key: str = ""


def rows_of_json(stream: IO[bytes], name: str, limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[Parsed | BadRow]:
    """The rows of a .json file: an array, an object that has one as `data` or `train`, one object, or lines after all.

    `stream` must be able to seek.
    """
    stream, wide = _as_utf8(stream, name)
    if wide is not None:
        yield wide
        return
    start = stream.tell()
    first = _first_line(stream, limit_bytes)
    if not first:
        return
    if not first.lstrip().startswith(b"["):
        value = _value_or_none(stream, first)
        is_wrapper = isinstance(value, dict) and _wrapped(cast("dict[str, Any]", value)) is not None
        if value is not None and not is_wrapper:
            stream.seek(start)
            yield from rows_of_lines(stream, name, limit_bytes)
            return
    stream.seek(start)
    content = _whole_utf8(stream.read(), name)
    yield from [content] if isinstance(content, BadRow) else _from_whole(content, name)


def rows_of_lines(stream: IO[bytes], name: str, limit_bytes: int = LINE_LIMIT_BYTES) -> Iterator[Parsed | BadRow]:
    """The rows of a .jsonl file, one line at a time; empty lines are no rows. `stream` must be able to seek."""
    stream, wide = _as_utf8(stream, name)
    if wide is not None:
        yield wide
        return
    encoding = "utf-8"
    for number, line in _lines(stream, limit_bytes):
        where = f"{name}:{number}"
        if line is None:
            yield BadRow(where, Text("the line is too long", "行过长"), limit_bytes=limit_bytes)
            continue
        if line.isspace():
            continue
        try:
            yield Parsed(where, _parsed(line))
        except UnicodeDecodeError:
            encoding = encoding if encoding in _SURE else _guess(stream, line)
            yield _recoded(line, encoding, where)
        except Misfit as misfit:
            yield BadRow(where, misfit.why)


def binary(name: str, error: DataError) -> BadRow:
    """The row for a file that is no text at all."""
    return BadRow(name, Text(error.message("en"), error.message("zh")))


class _NotJson(Misfit):
    def __init__(self, error: json.JSONDecodeError) -> None:
        super().__init__(
            f"not JSON: {error.msg} (character {error.colno})",
            f"不是 JSON：第 {error.colno} 个字符处有误（{error.msg}）",
        )
        self.line = error.lineno


def _lines(stream: IO[bytes], limit_bytes: int) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None for one beyond the limit, of which no more than the limit is ever held."""
    number = 0
    while line := stream.readline(limit_bytes + 1):
        number += 1
        if len(line) > limit_bytes and not line.endswith(b"\n"):
            _skip_line(stream)
            yield number, None
        else:
            yield number, line


def _skip_line(stream: IO[bytes]) -> None:
    while rest := stream.readline(_SAMPLE_BYTES):
        if rest.endswith(b"\n"):
            return


def _first_line(stream: IO[bytes], limit_bytes: int) -> bytes:
    """The first line that is not empty, cut at the limit."""
    while line := stream.readline(limit_bytes + 1):
        if not line.isspace():
            return line
    return b""


def _as_utf8(stream: IO[bytes], name: str) -> tuple[IO[bytes], BadRow | None]:
    """The stream after its byte order mark; UTF-16 and UTF-32 are turned into UTF-8, and no text is refused."""
    stream.seek(0)
    head = stream.read(_HEAD_BYTES)
    stream.seek(len(_UTF8_MARK) if head.startswith(_UTF8_MARK) else 0)
    if not (head.startswith(_MARKS) or b"\x00" in head[:64]):
        return stream, None
    try:
        decode(head[: len(head) // 4 * 4])  # a large file that is no text need not be read whole to see it
        return BytesIO(decode(stream.read()).text.encode("utf-8", "replace")), None
    except DataError as error:
        return stream, binary(name, error)


def _parsed(content: bytes) -> Any:
    """The value of one row. Raises Misfit, UnicodeDecodeError."""
    try:
        value = _ANY.decode(content)
        if not _may_be_doubled(content, value):
            return value
        value = _slowly(content)
    except msgspec.DecodeError:
        value = _slowly(content)
    except RecursionError:
        raise _too_deep() from None
    _refuse_doubled(value)
    return value


def _may_be_doubled(content: bytes, value: object) -> bool:
    """Whether more keys are written than there are; quotes in texts may look like keys, so the answer may be a false yes."""
    return content.count(b'":') + content.count(b'" :') != sum(len(each) for each in _objects(value))


def _objects(value: object) -> Iterator[dict[str, Any]]:
    open_values = [value]
    while open_values:
        each = open_values.pop()
        if isinstance(each, dict):
            found = cast("dict[str, Any]", each)
            yield found
            open_values += [inner for inner in found.values() if isinstance(inner, dict | list)]
        elif isinstance(each, list):
            open_values += [inner for inner in cast("list[Any]", each) if isinstance(inner, dict | list)]


def _slowly(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), object_pairs_hook=_object, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        raise _NotJson(error) from None
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise
    except ValueError as error:  # a number of more digits than Python reads
        raise Misfit(f"not JSON: {error}"[:120], "不是 JSON：数字过长") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    doubled = _Doubled(found)
    doubled.key = next(key for key, _ in pairs if key in seen or seen.add(key))
    return doubled


def _refuse_doubled(value: object) -> None:
    for each in _objects(value):
        if isinstance(each, _Doubled):
            raise Misfit(f"the key {each.key[:60]!r} stands twice", f"键 {each.key[:60]!r} 出现了两次")


def _too_deep() -> Misfit:
    return Misfit("not JSON that can be read: it is nested too deeply", "嵌套过深，无法读取")


def _guess(stream: IO[bytes], line: bytes) -> str:
    """The encoding of lines that are no UTF-8, from this one and those that follow."""
    here = stream.tell()
    sample = line + stream.read(_SAMPLE_BYTES)
    stream.seek(here)
    try:
        return decode(sample[: sample.rfind(b"\n") + 1 or len(sample)]).encoding
    except DataError:
        return ""


def _recoded(line: bytes, encoding: str, where: str) -> Parsed | BadRow:
    why = Text("not UTF-8 text", "不是 UTF-8 文本")
    if encoding not in _SURE:
        return BadRow(where, why)
    try:
        return Parsed(where, _parsed(line.decode(encoding).encode()))
    except UnicodeDecodeError:
        return BadRow(where, Text(f"neither UTF-8 nor {encoding} text", f"既不是 UTF-8 也不是 {encoding} 文本"))
    except Misfit as misfit:
        return BadRow(where, misfit.why)


def _value_or_none(stream: IO[bytes], line: bytes) -> object:
    """The value of a first line that is whole by itself; None says that more lines belong to it, or it is broken."""
    try:
        return _parsed(line)
    except UnicodeDecodeError:
        recoded = _recoded(line, _guess(stream, line), "")
        return recoded.value if isinstance(recoded, Parsed) else None
    except Misfit:
        return None


def _wrapped(value: dict[str, Any]) -> list[Any] | None:
    return next((cast("list[Any]", value[key]) for key in _WRAPPERS if isinstance(value.get(key), list)), None)


def _whole_utf8(content: bytes, name: str) -> bytes | BadRow:
    try:
        content.decode()
        return content
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    try:
        decoded = decode(content)
    except DataError as error:
        return binary(name, error)
    if decoded.encoding not in _SURE or decoded.replaced:
        return BadRow(f"{name}:{line}", Text("not UTF-8 text", "不是 UTF-8 文本"))
    return decoded.text.encode()


def _from_whole(content: bytes, name: str) -> Iterator[Parsed | BadRow]:
    raws = _raws(content)
    if raws is not None:
        yield from _from_array(raws, name)
        return
    try:
        value = _slowly(content)
    except _NotJson as misfit:
        yield BadRow(f"{name}:{misfit.line}", misfit.why)
        return
    except Misfit as misfit:
        yield BadRow(name, misfit.why)
        return
    values = value if isinstance(value, list) else _wrapped(value) if isinstance(value, dict) else None
    if values is None:
        yield _checked(f"{name}:1", value)
        return
    for number, each in enumerate(cast("list[Any]", values), start=1):
        yield _checked(f"{name}#{number}", each)


def _raws(content: bytes) -> list[msgspec.Raw] | None:
    """The elements of an array; None where it is none, or none that msgspec reads."""
    try:
        return _RAWS.decode(content)
    except (msgspec.DecodeError, RecursionError):
        return None


def _from_array(raws: list[msgspec.Raw], name: str) -> Iterator[Parsed | BadRow]:
    for number, raw in enumerate(raws, start=1):
        where = f"{name}#{number}"
        try:
            yield Parsed(where, _parsed(bytes(raw)))
        except Misfit as misfit:
            yield BadRow(where, misfit.why)


def _checked(where: str, value: object) -> Parsed | BadRow:
    try:
        _refuse_doubled(value)
    except Misfit as misfit:
        return BadRow(where, misfit.why)
    return Parsed(where, value)
