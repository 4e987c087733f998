"""Lines of a module into elements, and elements back into lines. Tolerant: what is no list is a paragraph, nothing is lost.

People write `1.first`, `-讲解`, unindented second lines and `*Name*: x`; all of that is read. What is written is always
the same: `- ` and `1. `, children indented by the width of the marker, one blank line between paragraphs and lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from lianlu.prompt.model import Assignment, Element, Function, Statement

__all__ = ["element_of", "read_elements", "write_elements"]

_ITEM = re.compile(r"(?P<indent>\s*)(?P<marker>-(?![-\s]*-)|[*+•](?=\s)|\d{1,3}(?:[.)](?!\d)|、))\s*(?P<text>.*)")
_FENCE = re.compile(r"\s*(`{3,}|~{3,})")
_NAME = r"[^\s:：,，.。;；!！?？\"“”'<>(（\[【{`*#|/\\][^:：,，。;；!！?？\"“”<>\[【{`*#|/\\\n]{0,31}"
_ASSIGNMENT = re.compile(
    rf"(?P<emphasis>\*{{1,2}})(?P<strong>{_NAME})(?:(?P=emphasis)\s*[:：]|[:：]\s*(?P=emphasis))(?P<a>.*)"
    rf"|(?P<name>{_NAME})\s*[:：](?!//)(?P<b>.*)",
    re.DOTALL,
)
_FUNCTIONS = (
    re.compile(
        r"(?:for\s+the\s+)?given\s+(?P<given>[^,\n]+),\s*(?:please\s+)?(?:execute|do|perform)\b[:：]?\s*(?P<actions>[^;\n]+)"
        r"(?:;\s*return\s+(?P<returns>.+))?",
        re.IGNORECASE,
    ),
    re.compile(r"if\s+(?P<given>[^,\n]+),\s*(?:then\s+)?(?P<actions>.+)(?P<returns>)", re.IGNORECASE),
    re.compile(
        r"(?:对于?)?给定的?(?P<given>[^，,\n]+)[，,]\s*请?(?:执行|完成|进行)[:：]?\s*(?P<actions>[^；;\n]+)"
        r"(?:[；;]\s*返回[:：]?\s*(?P<returns>.+))?"
    ),
    re.compile(r"(?:如果|若|当)(?P<given>[^，,\n]+?)时?[，,]\s*(?P<actions>.+)(?P<returns>)"),
)


@dataclass
class _Draft:
    marker: str
    indent: int
    lines: list[str]
    children: list[_Draft] = field(default_factory=list["_Draft"])


def read_elements(text: str) -> tuple[Element, ...]:
    """The elements of a module's body."""
    roots: list[_Draft] = []
    open_items: list[_Draft] = []
    fence = ""
    is_new = True
    for line in text.splitlines():
        fenced = bool(fence)
        marks = _FENCE.match(line)
        if marks:
            fence = "" if fenced and marks.group(1).startswith(fence) else fence or marks.group(1)[:3]
        item = None if fenced or marks else _ITEM.fullmatch(line)
        if item is not None:
            _add_item(roots, open_items, item)
        elif not fenced and not line.strip():
            is_new = True
            continue
        else:
            _add_line(roots, open_items, line, is_new=is_new and not fenced)
        is_new = False
    return tuple(element for root in roots for element in _frozen(root))


def _add_item(roots: list[_Draft], open_items: list[_Draft], item: re.Match[str]) -> None:
    indent = len(item.group("indent").expandtabs(4))
    while open_items and open_items[-1].indent >= indent:
        open_items.pop()
    marker = "1." if item.group("marker")[0].isdigit() else "-"
    draft = _Draft(marker, indent, [item.group("text").strip()])
    (open_items[-1].children if open_items else roots).append(draft)
    open_items.append(draft)


def _add_line(roots: list[_Draft], open_items: list[_Draft], line: str, *, is_new: bool) -> None:
    indent = len(line) - len(line.lstrip())
    while is_new and open_items and indent <= open_items[-1].indent:
        open_items.pop()
    if open_items:
        item = open_items[-1]
        room = min(indent, item.indent + len(item.marker) + 1)
        item.lines.append(line[room:].rstrip())
    elif is_new or not roots or roots[-1].marker:
        roots.append(_Draft("", 0, [line.rstrip()]))
    else:
        roots[-1].lines.append(line.rstrip())


def _frozen(draft: _Draft) -> Iterable[Element]:
    children = tuple(element for child in draft.children for element in _frozen(child))
    if not draft.marker and len(draft.lines) > 1 and all(_assigned(line) for line in draft.lines):
        return [element_of(line.strip()) for line in draft.lines]
    return [element_of("\n".join(draft.lines).strip(), draft.marker, children)]


def element_of(text: str, marker: str = "", elements: tuple[Element, ...] = ()) -> Element:
    """The element that `text` is.

    >>> element_of("Language: 中文", "-")
    Assignment(marker='-', elements=(), name='Language', value='中文', emphasis='')
    >>> element_of("如果输入为空，提示用户重新输入").given
    '输入为空'
    """
    for pattern in _FUNCTIONS:
        found = pattern.fullmatch(text)
        if found is not None:
            given, actions, returns = (
                part.strip() for part in (found["given"], found["actions"], found["returns"] or "")
            )
            return Function(given=given, actions=actions, returns=returns, text=text, marker=marker, elements=elements)
    found = _assigned(text)
    if found is None or (not marker and "\n" in text):  # a paragraph of several lines is prose, whatever its first word
        return Statement(text=text, marker=marker, elements=elements)
    name = (found["strong"] or found["name"]).strip()
    value = (found["a"] if found["strong"] else found["b"]).strip()
    return Assignment(name=name, value=value, emphasis=found["emphasis"] or "", marker=marker, elements=elements)


def _assigned(text: str) -> re.Match[str] | None:
    found = _ASSIGNMENT.fullmatch(text.strip())
    if found is None or not found["name"]:
        return found
    return found if len(found["name"].split()) <= 4 else None


def write_elements(elements: Sequence[Element]) -> str:
    """Elements as markdown lines, without a newline at the end."""
    pieces: list[str] = []
    for is_list, group in groupby(elements, key=lambda element: bool(element.marker)):
        lines = list(_numbered(list(group)))
        pieces.append("\n".join(lines) if is_list else "\n\n".join(lines))
    return "\n\n".join(pieces)


def _numbered(elements: Sequence[Element]) -> Iterable[str]:
    number = 0
    for element in elements:
        number = number + 1 if element.marker == "1." else 0
        marker = f"{number}." if number else element.marker
        yield _written(element, marker)


def _written(element: Element, marker: str) -> str:
    own = _own_text(element)
    if not marker:
        return own
    indent = " " * (len(marker) + 1)
    below = write_elements(element.elements) if element.elements else ""
    first, *rest = [*own.split("\n"), *(below.split("\n") if below else [])]
    return "\n".join([f"{marker} {first}".rstrip(), *(f"{indent}{line}".rstrip() for line in rest)])


def _own_text(element: Element) -> str:
    match element:
        case Statement():
            return element.text
        case Assignment():
            colon = "：" if not element.name.isascii() else ":"
            space = " " if colon == ":" and element.value else ""
            return f"{element.emphasis}{element.name}{element.emphasis}{colon}{space}{element.value}"
        case Function():
            return element.text or _composed(element)


def _composed(element: Function) -> str:
    if element.actions.isascii():
        returned = f"; return {element.returns}" if element.returns else ""
        return f"For the given {element.given}, please execute: {element.actions}{returned}"
    returned = f"；返回{element.returns}" if element.returns else ""
    return f"对于给定的{element.given}，请执行：{element.actions}{returned}"
