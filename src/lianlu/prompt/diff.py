"""What differs between two prompts: by module and element, with the changed words inside, not by line alone.

Modules are paired by name and title first, then by likeness of their words, so that one that was only renamed or moved is
told as that. `as_parts` shows the changes on a report page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

import msgspec

from lianlu.core.i18n import Text
from lianlu.page import Badge, Code, Fold, Note, Part, Table, Tone
from lianlu.prompt.diff_words import Piece, likeness_of, marked, pieces
from lianlu.prompt.file import PromptFile
from lianlu.prompt.model import Element, Module
from lianlu.prompt.outline import write_elements

__all__ = ["Change", "ElementChange", "Kind", "Where", "as_parts", "changes"]

Kind = Literal["added", "removed", "moved", "changed"]
Where = Literal["module", "message", "variable", "head", "text"]
_LIKE = 0.5
"""Two texts that share less than this are no versions of one another."""


class ElementChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One element of a module: as it was, as it is, and the words between."""

    kind: Kind
    before: str = ""
    after: str = ""
    words: tuple[Piece, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that differs.

    Attributes:
        where: a module, a message of another role, a variable, a key of the front matter, or text outside of modules.
        name: title of the module, role of the message, name of the variable or key.
        before: its text in the old prompt, empty where it is new.
        after: its text in the new prompt, empty where it is gone.
        words: both texts in one, run by run.
        elements: of a changed module, which of its elements differ.
        old_name: the title it had, where that changed.
        places: of a moved module, its number among the modules before and after.
    """

    kind: Kind
    where: Where
    name: str
    before: str = ""
    after: str = ""
    words: tuple[Piece, ...] = ()
    elements: tuple[ElementChange, ...] = ()
    old_name: str = ""
    places: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Pair:
    old: int | None
    new: int | None


def changes(old: PromptFile, new: PromptFile) -> list[Change]:
    """Everything that differs, front matter first, then the modules in the order of the new prompt. Empty for the same."""
    found = [*_of_head(old, new), *_of_variables(old, new)]
    if old.prompt.syntax == "markdown" and new.prompt.syntax == "markdown":
        found += _of_text("preamble", old.prompt.preamble, new.prompt.preamble)
    found += _of_modules(old.prompt.modules, new.prompt.modules)
    return [*found, *_of_messages(old, new)]


def _of_head(old: PromptFile, new: PromptFile) -> Iterable[Change]:
    before, after = _head(old), _head(new)
    for key in dict.fromkeys((*before, *after)):
        yield from _of_value("head", key, before.get(key), after.get(key))


def _head(file: PromptFile) -> dict[str, Any]:
    head = file.head
    values = {
        "name": head.name,
        "framework": file.prompt.framework,
        "description": head.description,
        "cases": head.cases,
        "assert": list(head.asserts),
        "knowledge": head.knowledge,
        "vote": head.vote if head.vote != 1 else None,
        **{f"meta.{key}": value for key, value in head.meta.items()},
    }
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}


def _of_variables(old: PromptFile, new: PromptFile) -> Iterable[Change]:
    before: Mapping[str, Any] = {name: each.model_dump(exclude_none=True) for name, each in old.variables.items()}
    after: Mapping[str, Any] = {name: each.model_dump(exclude_none=True) for name, each in new.variables.items()}
    for name in dict.fromkeys((*before, *after)):
        yield from _of_value("variable", name, before.get(name), after.get(name))


def _of_value(where: Where, name: str, before: Any, after: Any) -> Iterable[Change]:
    if before == after:
        return
    was, now = _shown(before), _shown(after)
    kind: Kind = "added" if before is None else "removed" if after is None else "changed"
    yield Change(kind=kind, where=where, name=name, before=was, after=now, words=pieces(was, now))


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shown(each)}" for key, each in value.items() if each not in ("", (), []))
    return msgspec.json.encode(value).decode()


def _of_text(name: str, before: str, after: str) -> Iterable[Change]:
    was, now = before.strip(), after.strip()
    if was == now:
        return
    kind: Kind = "changed" if was and now else "added" if now else "removed"
    yield Change(kind=kind, where="text", name=name, before=was, after=now, words=pieces(was, now))


def _of_messages(old: PromptFile, new: PromptFile) -> Iterable[Change]:
    before = [(each.role, each.text.strip()) for each in old.messages]
    after = [(each.role, each.text.strip()) for each in new.messages]
    for at in range(max(len(before), len(after))):
        role, was = before[at] if at < len(before) else ("", "")
        now_role, now = after[at] if at < len(after) else ("", "")
        if (role, was) == (now_role, now):
            continue
        kind: Kind = "added" if not role else "removed" if not now_role else "changed"
        name, old_name = now_role or role, role if role and now_role and role != now_role else ""
        yield Change(
            kind=kind, where="message", name=name, old_name=old_name, before=was, after=now, words=pieces(was, now)
        )


def _of_modules(old: Sequence[Module], new: Sequence[Module]) -> Iterable[Change]:
    pairs = _paired(old, new)
    stays = _in_order([pair for pair in pairs if pair.old is not None and pair.new is not None])
    for pair in pairs:
        if pair.new is None:
            if pair.old is not None:
                was = old[pair.old]
                yield _whole("removed", was)
        elif pair.old is None:
            yield _whole("added", new[pair.new])
        else:
            was, now = old[pair.old], new[pair.new]
            places = None if pair in stays else (pair.old + 1, pair.new + 1)
            change = _between(was, now, places)
            if change is not None:
                yield change


def _whole(kind: Kind, module: Module) -> Change:
    text = _text(module)
    before, after = (text, "") if kind == "removed" else ("", text)
    return Change(kind=kind, where="module", name=module.title, before=before, after=after, words=pieces(before, after))


def _between(was: Module, now: Module, places: tuple[int, int] | None) -> Change | None:
    before, after = _text(was), _text(now)
    is_same = before == after and was.title == now.title and was.level == now.level
    if is_same and places is None:
        return None
    elements = () if before == after else tuple(_of_elements(_lines(was), _lines(now)))
    return Change(
        kind="moved" if is_same else "changed",
        where="module",
        name=now.title,
        old_name=was.title if was.title != now.title else "",
        before=before,
        after=after,
        words=() if before == after else pieces(before, after),
        elements=elements,
        places=places,
    )


def _paired(old: Sequence[Module], new: Sequence[Module]) -> list[_Pair]:
    """Who stands for whom: same name and title, then same name, then most alike; the rest was added or removed."""
    left, pairs = list(range(len(old))), dict[int, int]()
    for same in (
        lambda a, b: (a.name, a.title, _text(a)) == (b.name, b.title, _text(b)),
        lambda a, b: (a.name, a.title) == (b.name, b.title),
        lambda a, b: a.name == b.name,
    ):
        for at, module in enumerate(new):
            found = next((each for each in left if at not in pairs and same(old[each], module)), None)
            if found is not None:
                pairs[at] = found
                left.remove(found)
    for at, module in enumerate(new):
        if at not in pairs and left:
            likeness = {each: likeness_of(_text(old[each]), _text(module)) for each in left}
            best = max(likeness, key=lambda each: likeness[each])
            if likeness[best] >= _LIKE:
                pairs[at] = best
                left.remove(best)
    listed = [_Pair(pairs.get(at), at) for at in range(len(new))]
    for each in left:  # a removed module is told where it stood
        after = next((at for at, pair in enumerate(listed) if pair.old is not None and pair.old > each), len(listed))
        listed.insert(after, _Pair(each, None))
    return listed


def _in_order(pairs: Sequence[_Pair]) -> set[_Pair]:
    """The largest set of pairs that kept their order; the others moved."""
    best: list[list[_Pair]] = []
    for pair in pairs:
        below = [chain for chain in best if (chain[-1].old or 0) < (pair.old or 0)]
        best.append([*max(below, key=len, default=[]), pair])
    return set(max(best, key=len, default=[]))


def _of_elements(before: Sequence[str], after: Sequence[str]) -> Iterable[ElementChange]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            continue
        was, now = list(before[a:b]), list(after[c:d])
        for one, other in _aligned(was, now):
            if one and other:
                yield ElementChange(kind="changed", before=one, after=other, words=pieces(one, other))
            elif one:
                yield ElementChange(kind="removed", before=one)
            else:
                yield ElementChange(kind="added", after=other)


def _aligned(was: list[str], now: list[str]) -> list[tuple[str, str]]:
    """Changed elements side by side where they are alike, the others alone."""
    found: list[tuple[str, str]] = []
    begin = 0
    for each in was:
        near = [(likeness_of(each, now[at]), -at) for at in range(begin, min(len(now), begin + 20))]
        best, at = max(near, default=(0.0, 0))
        if best < _LIKE:
            found.append((each, ""))
            continue
        found += [("", now[skipped]) for skipped in range(begin, -at)]
        found.append((each, now[-at]))
        begin = -at + 1
    return [*found, *(("", each) for each in now[begin:])]


def _text(module: Module) -> str:
    return "\n".join(piece for piece in (module.value, write_elements(module.elements)) if piece)


def _lines(module: Module) -> list[str]:
    """Value and elements of a module, those below others after them, each a text of its own."""
    return [*([module.value] if module.value else []), *_listed(module.elements, 0)]


def _listed(elements: Iterable[Element], depth: int) -> list[str]:
    lines: list[str] = []
    for element in elements:
        own = write_elements((msgspec.structs.replace(element, elements=()),))
        lines.append("  " * depth + re.sub(r"^(?:- |\d+\. )", lambda mark: "- " if mark[0] == "- " else "1. ", own))
        lines += _listed(element.elements, depth + 1)
    return lines


_TONES: Mapping[Kind, Tone] = {"added": "good", "removed": "bad", "moved": "neutral", "changed": "accent"}
_KINDS: Mapping[Kind, Text] = {
    "added": Text("added", "新增"),
    "removed": Text("removed", "删除"),
    "moved": Text("moved", "移动"),
    "changed": Text("changed", "修改"),
}
_WHERE: Mapping[Where, Text] = {
    "module": Text("module", "模块"),
    "message": Text("message", "消息"),
    "variable": Text("variable", "变量"),
    "head": Text("front matter", "文件头"),
    "text": Text("text", "文本"),
}


def as_parts(found: Sequence[Change]) -> list[Part]:
    """The changes on a report page: a table of all, and the marked words of each that has some."""
    if not found:
        return [Note(Text("the two prompts are the same", "两份提示词相同"))]
    rows = [
        (Badge(_KINDS[each.kind], _TONES[each.kind]), _WHERE[each.where], each.name, each.old_name, len(each.elements))
        for each in found
    ]
    columns = [
        Text("change", "变化"),
        Text("where", "位置"),
        Text("name", "名称"),
        Text("was called", "原名"),
        Text("elements", "元素"),
    ]
    folds = [
        Fold(
            each.name,
            [Code(marked(each.words), "diff")],
            is_open=each.kind == "changed" and len(each.words) < 40,
            badges=[Badge(_KINDS[each.kind], _TONES[each.kind])],
        )
        for each in found
        if each.words
    ]
    return [Table(columns, rows), *folds]
