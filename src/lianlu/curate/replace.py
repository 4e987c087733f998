"""Put words for words in files of samples: JSON Lines, JSON, tables and plain text.

Every file is written beside its place first; only when all of them are whole do they take their names, so a bad line in
the last file, a full disk or Ctrl-C leaves nothing changed. Memory is that of the longest line; a `.json` document, and
text that is not UTF-8, are read as a whole. Lines that hold none of the words are passed on byte for byte.
"""

from __future__ import annotations

import codecs
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import IO, AnyStr

import msgspec

from lianlu.core.errors import DataError, LimitError, UsageError
from lianlu.core.files import as_lianlu_error, named_path, sync_folder, walk, writing
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.curate.strings import Replacer, is_left_open
from lianlu.text.decode import decode

__all__ = ["KNOWN", "FileChange", "pairs_of", "planned", "replace_files"]

_JSON_LINES, _JSON = (".jsonl", ".ndjson"), (".json",)
_TABLES, _TEXT = (".csv", ".tsv"), (".txt", ".md", ".markdown")
KNOWN = (*_JSON_LINES, *_JSON, *_TABLES, *_TEXT)
_MOST_BYTES = 1 << 30  # of one line, or of a file that is read as a whole
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileChange:
    """What was done to one file. `bad_lines` were copied as they are."""

    source: Path
    target: Path
    lines: int
    changed_lines: int
    replacements: int
    bad_lines: int


def pairs_of(old: Sequence[str], new: Sequence[str]) -> dict[str, str]:
    """Old text -> new text, each checked.

    Raises:
        UsageError: curate.bad-pairs, curate.nothing-to-replace
    """
    if len(old) != len(new):
        raise UsageError("curate.bad-pairs", old=len(old), new=len(new))
    pairs: dict[str, str] = {}
    for before, after in zip(old, new, strict=True):
        why = _why_not(before, after, pairs)
        if why is not None:
            raise UsageError("curate.nothing-to-replace", old=before, why=why)
        pairs[before] = after
    return pairs


def _why_not(before: str, after: str, pairs: dict[str, str]) -> Text | None:
    if not before:
        return Text("it is empty", "内容为空")
    if before == after:
        return Text("--new is the same", "--new 与它相同")
    if before in pairs:
        return Text("it is given twice", "重复给出")
    if any("\ud800" <= each <= "\udfff" for each in before + after):
        return Text("it or its --new is no text", "它或对应的 --new 不是合法文本")
    return None


def planned(named: Sequence[str], out: Path, *, in_place: bool) -> list[tuple[Path, Path]]:
    """Which file is written where.

    Args:
        named: files and folders as a person wrote them.
        out: the file to write, where one file is named and `out` has an ending of a known kind; else a folder.
        in_place: write each file where it is.

    Raises:
        UsageError: file.missing, file.unreadable, file.refused, curate.unknown-kind
    """
    roots = [named_path(each) for each in named]
    sources = [(path, _name_below(path, root)) for root in roots for path in _files_of(root)]
    if in_place:
        return [(path, path.resolve()) for path in dict.fromkeys(path for path, _ in sources)]
    is_file = len(sources) == 1 and roots[0].is_file() and out.suffix.lower() in KNOWN and not out.is_dir()
    plan = [(path, out if is_file else out / name) for path, name in sources]
    inputs = {path.resolve() for path, _ in plan}
    taken: set[Path] = set()
    for _, target in plan:
        place = target.resolve()
        if place in inputs:
            why = Text(
                "it is what is being read; use --in-place to change it",
                "它正是要读取的文件；若要直接修改请用 --in-place",
            )
            raise UsageError("file.refused", path=str(target), why=why)
        if place in taken:
            raise UsageError("file.refused", path=str(target), why=Text("two files have this name", "有两个同名文件"))
        taken.add(place)
    return plan


def _files_of(root: Path) -> list[Path]:
    if root.is_file() and root.suffix.lower() not in KNOWN:
        raise UsageError("curate.unknown-kind", path=str(root), known=", ".join(KNOWN))
    found = [path for path in walk(root) if path.suffix.lower() in KNOWN]
    if not found:
        raise UsageError("curate.unknown-kind", path=str(root), known=", ".join(KNOWN))
    return found


def _name_below(path: Path, root: Path) -> str:
    return path.name if path == root else path.relative_to(root).as_posix()


def replace_files(
    plan: Sequence[tuple[Path, Path]],
    replacer: Replacer,
    job: Job,
    *,
    keys: bool = False,
    skip_bad: bool = False,
    write: bool = True,
) -> list[FileChange]:
    """Rewrite every file of the plan (source, target); the targets appear when all are done.

    Args:
        keys: rewrite keys of JSON objects and the first record of tables too.
        skip_bad: copy lines that cannot be read instead of stopping.
        write: False only counts.

    Raises:
        UsageError: file.missing, file.unwritable
        DataError: curate.bad-line, curate.not-text, curate.no-such-character
        LimitError: curate.line-too-long, file.disk-full
        Cancelled
    """
    progress = _Progress(job, sum(source.stat().st_size for source, _ in plan))
    changes: list[FileChange] = []
    with ExitStack() as leftovers:
        staged: list[tuple[Path, Path]] = []
        for source, target in plan:
            rewriting = _Rewriting(source, target, replacer, progress, keys=keys, skip_bad=skip_bad)
            if not write:
                changes.append(rewriting.into(None))
                continue
            place = target.with_name(f".tmp-{secrets.token_hex(8)}")
            leftovers.callback(place.unlink, missing_ok=True)
            with writing(place) as file:
                changes.append(rewriting.into(file))
            if changes[-1].replacements or source.resolve() != target:
                staged.append((place, target))
                place.chmod(source.stat().st_mode & 0o777)  # what only its owner may read stays so
        for place, target in staged:
            _give_name(place, target)
    return changes


def _give_name(place: Path, target: Path) -> None:
    try:
        place.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise as_lianlu_error(error, target) from error


class _Progress:
    """Bytes read of all files, told about once a megabyte; the same places are where Ctrl-C of a service is heard."""

    def __init__(self, job: Job, total: int) -> None:
        self._job = job
        self._total = total
        self._done = self._told = 0

    def read(self, count: int) -> None:
        self._done += count
        if self._done - self._told >= _BLOCK_BYTES or self._done >= self._total:
            self._job.check()
            self._told = self._done
            self._job.progress("replacing", min(self._done, self._total), self._total, "bytes")


class _Rewriting:
    """One file on its way, with its counts."""

    def __init__(
        self, source: Path, target: Path, replacer: Replacer, progress: _Progress, *, keys: bool, skip_bad: bool
    ) -> None:
        self._source = source
        self._target = target
        self._replacer = replacer
        self._progress = progress
        self._keys = keys
        self._skip_bad = skip_bad
        self._lines = self._changed_lines = self._bad_lines = 0

    def into(self, file: IO[bytes] | None) -> FileChange:
        """Write the rewritten file, or only count."""
        before = self._replacer.total
        for piece in self._pieces():
            if file is not None:
                file.write(piece)
        count = self._replacer.total - before
        return FileChange(self._source, self._target, self._lines, self._changed_lines, count, self._bad_lines)

    def _pieces(self) -> Iterator[bytes]:
        kind = self._source.suffix.lower()
        if kind in _JSON_LINES or (kind in _JSON and _is_lines(self._source)):
            return self._json(_lines_of(self._source))
        if kind in _JSON:
            return self._json([_whole(self._source)])
        return self._text(self._table if kind in _TABLES else self._plain)

    def _json(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            line = self._lines + 1
            self._replacer.at = f"{self._source}:{line}"
            mark = codecs.BOM_UTF8 if line == 1 and piece.startswith(codecs.BOM_UTF8) else b""
            written = mark + self._json_piece(piece[len(mark) :], line)
            self._count(piece, written, b"\n")
            self._progress.read(len(piece))
            yield written

    def _json_piece(self, piece: bytes, line: int) -> bytes:
        if not piece.strip(b" \t\r\n"):
            return piece
        text = self._checked(piece, line)
        if text is None or not self._replacer.may_change(piece):
            return piece
        return self._replacer.in_json(text, keys=self._keys).encode("utf-8", "surrogatepass")

    def _checked(self, piece: bytes, line: int) -> str | None:
        """The text of valid JSON; None for a bad line that is to be kept."""
        try:
            text = piece.decode()
            _check_json(piece, text)
        except (ValueError, RecursionError) as error:
            down, why = _reason(error)
            self._bad(line + down, why, error)
            return None
        return text

    def _bad(self, line: int, why: Text, error: Exception | None = None) -> None:
        if not self._skip_bad:
            raise DataError("curate.bad-line", at=f"{self._source}:{line}", why=why) from error
        self._bad_lines += 1

    def _text(self, rewritten: Callable[[Iterator[str]], Iterator[tuple[str, str]]]) -> Iterator[bytes]:
        mark, encoding, lines = _decoded(self._source)
        yield mark
        for before, after in rewritten(lines):
            self._count(before, after, "\n")
            self._progress.read(len(before.encode(encoding)))
            yield self._encoded(after, encoding)

    def _plain(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        # a text that spans lines is looked for in the whole file
        for piece in ["".join(lines)] if any("\n" in old for old in self._replacer.counts) else lines:
            self._replacer.at = f"{self._source}:{self._lines + 1}"
            yield piece, self._replacer.in_text(piece)

    def _table(self, lines: Iterator[str]) -> Iterator[tuple[str, str]]:
        delimiter = ""
        held: list[str] = []
        is_open = False
        for line in lines:
            delimiter = delimiter or self._delimiter(line)
            held.append(line)
            is_open = is_left_open(line, delimiter, was_open=is_open)
            if not is_open:
                yield self._record("".join(held), delimiter)
                held.clear()
        if held:
            record = "".join(held)
            self._bad(self._lines + 1, Text("a quote that opens a cell is never closed", "单元格开头的引号没有闭合"))
            yield record, record

    def _delimiter(self, head: str) -> str:
        if self._source.suffix.lower() == ".tsv":
            return "\t"
        return max(",;\t", key=head.count)

    def _record(self, record: str, delimiter: str) -> tuple[str, str]:
        self._replacer.at = f"{self._source}:{self._lines + 1}"
        names_columns = self._lines == 0
        return record, record if names_columns and not self._keys else self._replacer.in_record(record, delimiter)

    def _encoded(self, text: str, encoding: str) -> bytes:
        try:
            return text.encode(encoding)
        except UnicodeEncodeError as error:
            character = text[error.start]
            raise DataError(
                "curate.no-such-character", path=str(self._source), encoding=encoding, character=character
            ) from error

    def _count(self, before: AnyStr, after: AnyStr, newline: AnyStr) -> None:
        """A piece of whole lines; its changed lines are one where their number is no longer the same."""
        below = before.count(newline)
        self._lines += below + (not before.endswith(newline)) if before else 0
        if before == after:
            return
        pairs = zip(before.split(newline), after.split(newline), strict=False)
        is_aligned = below > 1 and below == after.count(newline)
        self._changed_lines += sum(one != other for one, other in pairs) if is_aligned else 1


def _check_json(piece: bytes, text: str) -> None:
    """Raise ValueError or RecursionError for what is no JSON. NaN and halves of characters, which Python writes, pass."""
    try:
        msgspec.json.decode(piece, type=msgspec.Raw)
    except msgspec.DecodeError:
        json.loads(text)


def _reason(error: Exception) -> tuple[int, Text]:
    """How many lines below the first it is, and why."""
    if isinstance(error, json.JSONDecodeError):
        column = error.colno
        why = Text(f"not JSON: {error.msg} (column {column})", f"不是合法的 JSON：第 {column} 列，{error.msg}")
        return error.lineno - 1, why
    if isinstance(error, UnicodeDecodeError):
        down = error.object[: error.start].count(b"\n")
        byte = f"0x{error.object[error.start]:02x}"
        return down, Text(f"not UTF-8 (byte {byte})", f"不是 UTF-8 文本（字节 {byte}）")
    return 0, Text("nested too deeply", "嵌套过深")


def _lines_of(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        number = 0
        while line := file.readline(_MOST_BYTES + 1):
            number += 1
            if len(line) > _MOST_BYTES:
                raise LimitError("curate.line-too-long", at=f"{path}:{number}", limit=f"{_MOST_BYTES:,}")
            yield line


def _whole(path: Path) -> bytes:
    with _opened(path) as file:
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise LimitError("curate.line-too-long", at=str(path), limit=f"{_MOST_BYTES:,}")
    return content


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from error


def _is_lines(path: Path) -> bool:
    """Whether a `.json` file is JSON Lines by another name: its first line is a value, and more follows."""
    lines = (line.removeprefix(codecs.BOM_UTF8) for line in _lines_of(path))
    filled = (line for line in lines if line.strip())
    first = next(filled, b"")
    try:
        _check_json(first, first.decode())
    except (ValueError, RecursionError):
        return False
    return next(filled, None) is not None


def _decoded(path: Path) -> tuple[bytes, str, Iterator[str]]:
    """The byte order mark, the encoding, and the lines of a text file.

    Raises:
        DataError: curate.not-text
    """
    if _is_utf8(path):
        return b"", "utf-8", (line.decode() for line in _lines_of(path))
    content = _whole(path)
    try:
        found = decode(content)
        written = found.text.encode(found.encoding)
    except (DataError, UnicodeEncodeError) as error:
        raise DataError("curate.not-text", path=str(path)) from error
    if found.replaced or not content.endswith(written) or len(content) - len(written) > len(codecs.BOM_UTF32_LE):
        raise DataError("curate.not-text", path=str(path))
    return content[: len(content) - len(written)], found.encoding, iter(StringIO(found.text, newline="\n"))


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _opened(path) as file:
        while block := file.read(_BLOCK_BYTES):
            if b"\0" in block:
                return False
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                return False
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
