"""`{{> other.md}}` stands for the text of another file, which may include others; paths are relative to the file that names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from lianlu.core.errors import LimitError, UsageError

__all__ = ["LARGEST_BYTES", "expanded", "include_paths", "included", "read_text", "with_include_paths"]

LARGEST_BYTES = 1_000_000
_INCLUDE = re.compile(r"(?P<escaped>\\)?\{\{>\s*(?P<path>[^{}\n]{1,200}?)\s*\}\}")
_HEAD = re.compile(r"\ufeff?---[ \t]*\r?\n.*?(?:^|(?<=\n))---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def read_text(path: Path) -> str:
    """A prompt's text.

    Raises:
        UsageError: file.missing, file.unreadable, prompt.not-text
        LimitError: prompt.too-large
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
        if len(content) > LARGEST_BYTES:
            raise LimitError("prompt.too-large", path=str(path), limit=f"{LARGEST_BYTES:,}")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except UnicodeDecodeError:
        raise UsageError("prompt.not-text", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None


def expanded(text: str, origin: Path, *, first_line: int = 1) -> str:
    """`text`, a part of the file `origin`, with the files it includes in their places.

    Raises:
        UsageError: prompt.include-loop, prompt.include-missing, those of `read_text`
        LimitError: prompt.too-large: of one file, or of all together
    """
    return _expanded(text, origin, first_line, (origin.resolve(),))


def included(text: str, origin: Path) -> Iterator[Path]:
    """The files that `text` includes, those of theirs too, each once. Raises as `expanded`."""
    seen: dict[Path, None] = {}

    def collect(words: str, path: Path) -> None:
        for named in _INCLUDE.finditer(words):
            target = path.parent / named["path"]
            if not named["escaped"] and target not in seen:
                seen[target] = None
                collect(read_text(target), target)

    collect(text, origin)
    yield from seen


def include_paths(text: str) -> list[str]:
    """The paths in the includes of a text, in order, each once; nothing is read.

    >>> include_paths("{{> a.md}} and \\\\{{> b.md}}")
    ['a.md']
    """
    return list(dict.fromkeys(found["path"] for found in _INCLUDE.finditer(text) if not found["escaped"]))


def with_include_paths(text: str, path_of: Callable[[str], str]) -> str:
    """The text with other paths in its includes."""

    def one(found: re.Match[str]) -> str:
        return found.group() if found["escaped"] else f"{{{{> {path_of(found['path'])}}}}}"

    return _INCLUDE.sub(one, text)


def _expanded(text: str, origin: Path, first_line: int, above: tuple[Path, ...]) -> str:
    length = 0

    def one(match: re.Match[str]) -> str:
        nonlocal length
        if match["escaped"]:
            return match.group()
        at = f"{origin}:{first_line + text.count(chr(10), 0, match.start())}"
        target = origin.parent / match["path"]
        resolved = target.resolve()
        if resolved in above:
            raise UsageError("prompt.include-loop", at=at, path=match["path"])
        if not target.is_file():
            raise UsageError("prompt.include-missing", at=at, path=match["path"])
        words = read_text(target)
        head = _HEAD.match(words)
        body = words[head.end() :] if head else words
        below = _expanded(body, target, words.count("\n", 0, len(words) - len(body)) + 1, (*above, resolved))
        length += len(below)
        if length > LARGEST_BYTES:
            raise LimitError("prompt.too-large", path=str(origin), limit=f"{LARGEST_BYTES:,}")
        return below.removesuffix("\n")

    return _INCLUDE.sub(one, text)
