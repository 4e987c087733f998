"""Source code and settings files: each definition a listing under its name, traceable to its lines.

Python is cut by its own syntax tree, down to the methods of classes; other languages where a line at the margin begins a
definition. What cannot be parsed is cut at blank lines. Generated files, which nobody reads, are refused: their lines are
far longer than any that people write.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from lianlu.core.errors import DataError
from lianlu.extract.lines import Lines
from lianlu.extract.notebook import fenced
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, Document, Source, Span
from lianlu.text.decode import decode

__all__ = ["LANGUAGES", "NAMES", "read"]

LANGUAGES = {
    "py": "python",
    "pyi": "python",
    "js": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "jsx": "jsx",
    "ts": "typescript",
    "tsx": "tsx",
    "vue": "vue",
    "java": "java",
    "kt": "kotlin",
    "scala": "scala",
    "go": "go",
    "rs": "rust",
    "c": "c",
    "h": "c",
    "cc": "cpp",
    "cpp": "cpp",
    "cxx": "cpp",
    "hpp": "cpp",
    "cu": "cuda",
    "cuh": "cuda",
    "cs": "csharp",
    "rb": "ruby",
    "php": "php",
    "swift": "swift",
    "lua": "lua",
    "r": "r",
    "jl": "julia",
    "pl": "perl",
    "sh": "bash",
    "bash": "bash",
    "zsh": "bash",
    "ps1": "powershell",
    "bat": "bat",
    "sql": "sql",
    "css": "css",
    "scss": "scss",
    "proto": "protobuf",
    "cmake": "cmake",
    "tf": "hcl",
    "toml": "toml",
    "yaml": "yaml",
    "yml": "yaml",
    "json": "json",
    "ini": "ini",
    "cfg": "ini",
    "conf": "ini",
    "xml": "xml",
}
"""What files are written in, by their ending."""
NAMES = {"Makefile": "makefile", "Dockerfile": "dockerfile", "CMakeLists.txt": "cmake", "Jenkinsfile": "groovy"}
"""And by their whole name."""
_MINIFIED = (".min.js", ".min.css", ".min.mjs")
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "composer.lock")

_LONGEST_MEAN_LINE = 400
_LONG_FILE = 20_000  # characters; a short file may well be one line
_LARGEST_CLASS = 40  # lines; a longer one is cut at its methods
_FEWEST_LINES = 8  # smaller definitions stand together
_DEFINES = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([a-z]+\))?|unsafe|extern|inline|"
    r"virtual|override|open|sealed|data|partial|local)\s+)*"
    r"(?:function\*?|class|interface|type|enum|struct|union|trait|impl|fn|func|def|module|namespace|package|object|protocol|"
    r"extension|sub|message|service|create\s+(?:or\s+replace\s+)?(?:table|view|function|index))\s+"
    r"(?P<name>(?:\([^)]*\)\s*)?[\w$.:<>]+)",
    re.IGNORECASE,
)
_SECTION = re.compile(r"\[{1,2}(?P<name>[\w.\" -]+)\]{1,2}\s*$|(?P<key>[\w.-]+):(?:\s|$)")
_C_FUNCTION = re.compile(r"[A-Za-z_][\w\s*&:<>,~]*?[\s*&](?P<name>[A-Za-z_~][\w:~]*)\s*\([^;]*$")
_SETTINGS = ("toml", "ini", "yaml")
_CURLY = ("c", "cpp", "cuda", "csharp", "java")


@dataclass(frozen=True)
class _Part:
    """Lines `first` up to `end` (exclusive), and what they define."""

    first: int
    end: int
    name: str = ""


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a file of source code.

    Raises:
        DataError: text.binary, extract.generated, extract.lock-file, extract.no-content
    """
    path = PurePosixPath(source.uri)
    decoded = decode(content)
    lines = Lines(decoded.text)
    if path.name in _LOCKS:
        raise DataError("extract.lock-file")
    is_long = len(decoded.text) > _LONG_FILE or path.name.endswith(_MINIFIED)
    if is_long and len(decoded.text) > _LONGEST_MEAN_LINE * len(lines):
        raise DataError("extract.generated", mean=len(decoded.text) // len(lines))
    language = NAMES.get(path.name) or LANGUAGES.get(path.suffix.lower().removeprefix("."), "")
    parts = _python(lines) if language == "python" else _at_the_margin(lines, language)
    title = Block(kind="heading", level=1, markdown=f"# {path.name}")
    blocks = [block for part in parts for block in _blocks(lines, part, language)]
    meta = {"encoding": decoded.encoding, "code_language": language}
    return document_of(source, [title, *blocks] if blocks else [], title=path.name, meta=meta)


def _blocks(lines: Lines, part: _Part, language: str) -> Iterator[Block]:
    span = lines.span(part.first, part.end)
    code = span.cut(lines.text)
    if not code.strip():
        return
    whole = Span(start=lines.starts[span.first_line - 1] if span.first_line else span.start, end=span.end)
    if part.name:
        level = min(6, 2 + part.name.count("."))
        yield Block(kind="heading", level=level, markdown=f"{'#' * level} {part.name}", span=span)
    yield Block(kind="code", markdown=fenced(whole.cut(lines.text), language), span=span)


def _python(lines: Lines) -> list[_Part]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strange escapes in foreign code
            tree = ast.parse(lines.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _at_the_margin(lines, "python")
    return list(_joined(_cut(lines, tree.body, 0, len(lines), "")))


def _cut(lines: Lines, body: list[ast.stmt], first: int, end: int, above: str) -> Iterator[_Part]:
    """Lines `first` up to `end` at the definitions among `body`, what lies between them by itself."""
    at = first
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        begin = min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1
        stop = min(node.end_lineno or node.lineno, end)
        begin = _with_comments(lines, at, begin)
        if begin > at:
            yield _Part(at, begin, above)
        name = f"{above}.{node.name}" if above else node.name
        if isinstance(node, ast.ClassDef) and stop - begin > _LARGEST_CLASS:
            yield from _cut(lines, node.body, begin, stop, name)
        else:
            yield _Part(begin, stop, name)
        at = stop
    if at < end:
        yield _Part(at, end, above)


def _with_comments(lines: Lines, first: int, begin: int) -> int:
    while begin > first and lines[begin - 1].lstrip().startswith("#"):
        begin -= 1
    return begin


def _joined(parts: Iterator[_Part]) -> Iterator[_Part]:
    """Without the parts that are only blank, and small ones without a name joined to each other."""
    held: _Part | None = None
    for part in parts:
        if held and not held.name and not part.name and part.end - held.first <= _LARGEST_CLASS:
            held = _Part(held.first, part.end)
            continue
        if held:
            yield held
        held = part
    if held:
        yield held


def _at_the_margin(lines: Lines, language: str) -> list[_Part]:
    begins = [(line, name) for line in range(len(lines)) if (name := _defined(lines[line], language))]
    if not begins:
        return [_Part(0, len(lines))]
    starts = [_after_a_comment(lines, line) for line, _ in begins]
    parts = [_Part(0, starts[0])] if starts[0] else []
    for (_, name), first, end in zip(begins, starts, [*starts[1:], len(lines)], strict=True):
        small = parts and language in _SETTINGS and parts[-1].name and first - parts[-1].first < _FEWEST_LINES
        if small:
            parts[-1] = _Part(parts[-1].first, end, parts[-1].name)
        else:
            parts.append(_Part(first, end, name))
    return parts


def _defined(line: str, language: str) -> str:
    """What a line at the margin defines; empty when it defines nothing."""
    if not line or line[0].isspace():
        return ""
    if language in _SETTINGS:
        found = _SECTION.match(line)
        return (found["name"] or found["key"]) if found else ""
    found = _DEFINES.match(line) or (_C_FUNCTION.match(line) if language in _CURLY else None)
    return found["name"].strip(" :") if found else ""


def _after_a_comment(lines: Lines, line: int) -> int:
    """Where the comment begins that stands right above a definition."""
    while line > 0 and lines[line - 1].startswith(("//", "#", "--", "/*", " *", "*/", "@", "///")):
        line -= 1
    return line
