"""Places for values, in the notations that people use: `{{x}}`, `{x}`, `${x}`, `[x]`, `<x>`; and references `<Name>`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from lianlu.prompt.lint_checked import Checked, Line, Part
from lianlu.prompt.modules import COSTAR_MODULES, CRISPE_MODULES, LANGGPT_MODULES, Names

__all__ = ["Slot", "is_known_reference", "references", "styles_of"]

_NAME = r"[A-Za-z_\u4e00-\u9fff][\w\u4e00-\u9fff .\-]{0,40}"
_SLOTS = re.compile(
    rf"(?P<dollar>\$\{{{_NAME}\}})|(?<!\\)(?P<double>\{{\{{\s*(?:{_NAME})\s*\}}\}})|(?<![\\{{$])(?P<single>\{{(?:{_NAME})\}})(?!\}})"
    rf"|(?<![A-Za-z0-9_\]!\\])(?P<square>\[(?:{_NAME})\])(?![(\[:])|(?<![A-Za-z0-9_<`])(?P<angle><(?:{_NAME})>)"
)
_HTML = frozenset(
    [
        "a",
        "b",
        "i",
        "p",
        "br",
        "div",
        "span",
        "img",
        "em",
        "strong",
        "ul",
        "ol",
        "li",
        "table",
        "tr",
        "td",
        "th",
        "h1",
        "h2",
        "h3",
        "h4",
        "pre",
        "code",
        "details",
        "summary",
        "html",
        "body",
        "head",
        "script",
        "style",
        "title",
        "u",
        "s",
        "sub",
        "sup",
        "center",
        "font",
        "hr",
        "input",
        "think",
        "answer",
    ]
)
_CHECKBOX = frozenset(("x", "X", "n", "N"))
_NOT_SLOT = re.compile(
    r"\[(?:todo|note|INST|UNK|PAD|MASK|SEP|CLS|来源\w?|引用\w?|source\w?|citation|sic|编号|序号)\]", re.IGNORECASE
)
_EVERY = Names((*LANGGPT_MODULES, *COSTAR_MODULES, *CRISPE_MODULES))


@dataclass(frozen=True)
class Slot:
    style: str
    name: str
    shown: str
    line: int
    part: Part
    row: Line


def _slots(checked: Checked) -> Iterator[Slot]:
    closed = frozenset(re.findall(r"</([^\s<>/]{1,40})>", checked.everything))
    for part in checked.parts:
        for line in part.lines:
            if line.in_fence or not any(mark in line.raw for mark in "{[<"):
                continue
            for found in _SLOTS.finditer(line.raw):
                style, shown = found.lastgroup or "", found.group()
                name = shown.strip("${}[]<> ")
                if style == "angle" and (name in closed or name.casefold() in _HTML):
                    continue
                if style == "square" and (name in _CHECKBOX or _NOT_SLOT.fullmatch(shown)):
                    continue
                yield Slot(style, name, shown, line.number, part, line)


def styles_of(checked: Checked) -> dict[str, list[Slot]]:
    """The notations in which variables are written, each with its places; references to modules are no variables."""
    found: dict[str, list[Slot]] = defaultdict(list)
    for slot in _slots(checked):
        if slot.style == "angle" and is_known_reference(checked, slot.name):
            continue
        if slot.style == "angle" and (_EVERY.find(slot.name) is not None or slot.name[0].isupper()):
            continue
        if slot.style == "square" and slot.row.is_example:
            continue
        found[slot.style].append(slot)
    braces = {slot.name for style in ("double", "single", "dollar") for slot in found.get(style, ())}
    for style in ("square", "angle"):
        # A lone [x] beside {{y}} may be words in brackets; the same name in both is a variable for sure.
        if style in found and "double" not in found and not any(slot.name in braces for slot in found[style]):
            kept = [slot for slot in found[style] if _is_placeholder(slot)]
            found[style] = kept
            if not kept:
                del found[style]
    return dict(found)


def _is_placeholder(slot: Slot) -> bool:
    return bool(re.fullmatch(r"[\w \-]{1,30}", slot.name))


def references(checked: Checked) -> Iterator[Slot]:
    """The `<Name>`s that are meant to name a module or a variable."""
    for slot in _slots(checked):
        if slot.style == "angle" and not slot.row.is_example:
            yield slot


def is_known_reference(checked: Checked, name: str) -> bool:
    """Whether a module, an assignment in one (`- Language: …`) or a variable has this name."""
    return _folded(name) in checked.names or _kind_is_there(checked, name)


def _kind_is_there(checked: Checked, name: str) -> bool:
    kind = _EVERY.find(name)
    return kind is not None and any(part.kind is not None and part.kind.name == kind.name for part in checked.parts)


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
