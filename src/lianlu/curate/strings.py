"""Put words for words inside JSON values, table cells and plain text, and leave every other byte as it was.

A JSON line is never written anew from what was parsed: only the replaced characters inside its string tokens change, so
numbers (`1.0`, `1e5`), repeated keys, spacing and the escapes of other characters stay. All pairs are applied in one
pass, the longest first at each place, so that two names can be swapped. Knows no files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import chain

__all__ = ["Example", "Replacer", "is_left_open"]

_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"(\s*+:)?', re.DOTALL)
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[^u]")
_MUST_ESCAPE = re.compile(r'["\\/\x00-\x1f]')  # JSON may or must write these with a backslash
_SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_SHOWN_EXAMPLES = 3
_CONTEXT_CHARACTERS = 16
_LONGEST_SPELLING = 12  # characters of JSON for one: a pair of halves


@dataclass(frozen=True)
class Example:
    """One replacement with a little of the text around it; `at` is file and line."""

    at: str
    before: str
    after: str


class Replacer:
    """Texts by what they become, and the tally of what was replaced so far.

    Args:
        pairs: old text -> new text; no old text is empty.

    Attributes:
        counts: replacements by old text.
        examples: the first few replacements.
        at: file and line at work, for the examples; set by the caller.
    """

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self.counts = dict.fromkeys(pairs, 0)
        self.examples: list[Example] = []
        self.at = ""
        self._new = dict(pairs)
        self._new_in_json = {old: json.dumps(new, ensure_ascii=False)[1:-1] for old, new in pairs.items()}
        longest_first = sorted(pairs, key=len, reverse=True)
        spelled = "|".join("".join(map(_spelling, old)) for old in longest_first)
        self._plain = re.compile("|".join(map(re.escape, longest_first)))
        # any other escape is passed over as a whole, so that nothing is found inside one
        self._spelled = re.compile(rf"(?P<found>{spelled})|\\.", re.DOTALL)
        self._bytes = [old.encode() for old in pairs]
        self._any_escape = any(_MUST_ESCAPE.search(old) for old in pairs)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def may_change(self, line: bytes) -> bool:
        """Whether a line of UTF-8 JSON can hold one of the texts: a quick no for most lines, never a wrong one."""
        if b"\\u" in line or (self._any_escape and b"\\" in line):
            return True
        return any(old in line for old in self._bytes)

    def in_text(self, text: str) -> str:
        """Plain text with the pairs applied."""
        return self._put(text, self._plain.finditer(text), self._new)

    def in_json(self, text: str, *, keys: bool) -> str:
        """Valid JSON text with the pairs applied to its string values, and to keys where `keys` says so."""

        def rewrite(token: re.Match[str]) -> str:
            body, colon = token[1], token[2] or ""
            if colon and not keys:
                return token[0]
            return f'"{self._in_string(body)}"{colon}'

        return _STRING.sub(rewrite, text)

    def in_record(self, record: str, delimiter: str) -> str:
        """One record of a delimited table (its newline included) with the pairs applied to its cells."""
        content = record.rstrip("\r\n")
        pieces: list[str] = []
        place = 0
        while True:
            end = _end_of_cell(content, place, delimiter)
            pieces.append(self._in_cell(content[place:end], delimiter))
            if end == len(content):
                return delimiter.join(pieces) + record[len(content) :]
            place = end + 1

    def _in_cell(self, cell: str, delimiter: str) -> str:
        is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
        value = cell[1:-1].replace('""', '"') if is_quoted else cell
        changed = self.in_text(value)
        if changed == value:
            return cell
        if is_quoted or (_needs_quotes(changed, delimiter) and not _needs_quotes(value, delimiter)):
            return '"' + changed.replace('"', '""') + '"'
        return changed

    def _in_string(self, body: str) -> str:
        """The inside of a JSON string: matched as it reads, however its characters are spelled."""
        if "\\" not in body:
            return self._put(body, self._plain.finditer(body), self._new_in_json)
        finds = (found for found in self._spelled.finditer(body) if found.lastgroup)
        return self._put(body, finds, self._new_in_json)

    def _put(self, text: str, finds: Iterator[re.Match[str]], new: Mapping[str, str]) -> str:
        """`text` with every find replaced. A buffer, because a list of pieces takes many times the text's room."""
        first = next(finds, None)
        if first is None:
            return text
        written = 0
        buffer = StringIO()
        for found in chain((first,), finds):
            old = found[0] if found.lastgroup is None else _unescaped(found[0])
            self.counts[old] += 1
            if len(self.examples) < _SHOWN_EXAMPLES:
                self.examples.append(_example(found, old, self._new[old], self.at))
            buffer.write(text[written : found.start()])
            buffer.write(new[old])
            written = found.end()
        buffer.write(text[written:])
        return buffer.getvalue()


def _spelling(character: str) -> str:
    """A pattern of all the ways in which JSON may write one character."""
    halves = character.encode("utf-16-be").hex()
    spelled = [r"\\u(?i:" + halves[at : at + 4] + ")" for at in range(0, len(halves), 4)]
    ways = ["".join(spelled)]
    if character in _SHORT:
        ways.append(re.escape("\\" + _SHORT[character]))
    if character not in '"\\' and character >= " ":
        ways.append(re.escape(character))
    return f"(?:{'|'.join(ways)})"


def _unescaped(raw: str) -> str:
    """The text of a piece of a JSON string; what was cut off in an escape stays as it is."""
    return _ESCAPE.sub(lambda escape: json.loads(f'"{escape[0]}"'), raw)


def is_left_open(line: str, delimiter: str, *, was_open: bool) -> bool:
    """Whether a quoted cell of a table goes on after this line. `was_open`: the line begins inside one."""
    place, is_open = 0, was_open
    while True:
        if not is_open and line[place : place + 1] == '"':
            is_open, place = True, place + 1
        if is_open:
            while (quote := line.find('"', place)) >= 0 and line[quote + 1 : quote + 2] == '"':
                place = quote + 2
            if quote < 0:
                return True
            is_open, place = False, quote + 1
        end = line.find(delimiter, place)
        if end < 0:
            return False
        place = end + 1


def _needs_quotes(value: str, delimiter: str) -> bool:
    return value.startswith('"') or any(each in value for each in (delimiter, "\n", "\r"))


def _end_of_cell(content: str, place: int, delimiter: str) -> int:
    """Where the cell that begins at `place` ends. A quote opens a cell only as its first character, as in RFC 4180."""
    if content[place : place + 1] == '"':
        quote = place + 1
        while (quote := content.find('"', quote)) >= 0 and content[quote + 1 : quote + 2] == '"':
            quote += 2
        place = quote if quote >= 0 else len(content)
    end = content.find(delimiter, place)
    return len(content) if end < 0 else end


def _example(found: re.Match[str], old: str, new: str, at: str) -> Example:
    text, is_spelled = found.string, found.lastgroup is not None
    most = _CONTEXT_CHARACTERS * (_LONGEST_SPELLING if is_spelled else 1)
    start, end = max(0, found.start() - most), found.end() + most
    while is_spelled and start and text[start - 1] == "\\":  # do not begin inside an escape
        start -= 1
    head, tail = text[start : found.start()], text[found.end() : end]
    if is_spelled:
        head, tail = _unescaped(head), _unescaped(tail)
    is_cut = (start > 0 or len(head) > _CONTEXT_CHARACTERS, end < len(text) or len(tail) > _CONTEXT_CHARACTERS)
    head = "…" * is_cut[0] + head[-_CONTEXT_CHARACTERS:]
    tail = tail[:_CONTEXT_CHARACTERS] + "…" * is_cut[1]
    return Example(at, _one_line(head + old + tail), _one_line(head + new + tail))


def _one_line(text: str) -> str:
    shown = re.sub(r"\s+", " ", text).encode("utf-8", "replace").decode()
    return shown if len(shown) <= 120 else shown[:119] + "…"
