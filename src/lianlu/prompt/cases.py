"""Test cases: what a user says, the values of variables, and what must hold of the answers. YAML, JSONL or CSV.

A case has one turn (`input`) or several (`turns`), each with assertions. `good` is an answer that must pass and `bad` one
that must fail: they test the assertions themselves, without a model.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import Tree, parse_tree, read_tree
from lianlu.prompt.assertions import TYPES, Assertion, read_assertions
from lianlu.prompt.file import PromptFile
from lianlu.prompt.include import read_text

__all__ = ["Case", "Turn", "assertions_of", "cases_of", "read_cases"]

Split = Literal["", "train", "val", "test"]
_CASE_KEYS = ("id", "input", "vars", "turns", "split", "assert", "good", "bad")
_TURN_KEYS = ("user", "assert", "good", "bad")
_FILE_KEYS = ("cases", "assert", "description")
_EXPECTED_COLUMNS = ("expected", "__expected")


class Turn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user says (None where the prompt's own messages say it all), and what the answer must be like."""

    said: str | None = None
    asserts: tuple[Assertion, ...] = ()
    good: str = ""
    bad: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case; `place` is `file:line`."""

    id: str
    turns: tuple[Turn, ...]
    vars: dict[str, Any] = {}
    split: Split = ""
    place: str = ""


def cases_of(file: PromptFile) -> tuple[Case, ...]:
    """The cases that a prompt file names; none where it names no file. Raises as `read_cases`."""
    if not file.head.cases:
        return ()
    return read_cases(Path(file.origin).parent / file.head.cases)


def assertions_of(file: PromptFile) -> tuple[Assertion, ...]:
    """What a prompt file itself asserts of every answer. Raises as `read_assertions`."""
    if not file.head.asserts:
        return ()
    yaml = "\n".join(["", *file.head_text.splitlines()[1:-1]])
    tree = parse_tree(yaml, file.origin, environment={})
    return read_assertions(tree.values.get("assert"), tree, ("assert",))


def read_cases(path: Path) -> tuple[Case, ...]:
    """Read a file of cases.

    Raises:
        UsageError: prompt.bad-case, prompt.no-cases, prompt.bad-assertion, prompt.unknown-assertion, file.missing,
            file.unreadable, prompt.not-text, recipe.*
        LimitError: prompt.too-large, recipe.too-large
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv"):
        cases = _of_table(path)
    elif suffix == ".jsonl":
        cases = _of_lines(path)
    else:
        cases = _of_tree(read_tree(path, environment={}))
    if not cases:
        raise UsageError("prompt.no-cases", path=str(path))
    seen: dict[str, str] = {}
    for case in cases:
        if case.id in seen:
            raise _bad(
                case.place,
                "id",
                Text(f"{case.id!r} stands in {seen[case.id]} too", f"{case.id!r} 已用于 {seen[case.id]}"),
            )
        seen[case.id] = case.place
    return tuple(cases)


def _of_tree(tree: Tree) -> list[Case]:
    _known(tree.values, _FILE_KEYS, tree, ())
    listed = tree.values.get("cases")
    if not isinstance(listed, list):
        raise _bad(tree.at(("cases",)), "cases", Text("a list of cases", "应为用例列表"))
    common = read_assertions(tree.values.get("assert"), tree, ("assert",))
    return [_case(each, tree, ("cases", at), common, at + 1) for at, each in enumerate(cast("list[Any]", listed))]


def _of_lines(path: Path) -> list[Case]:
    cases: list[Case] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            try:
                value: Any = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise _bad(f"{path}:{number}", "json", Text(str(error), str(error))) from None
            tree = Tree({"cases": [value]}, {(): f"{path}:{number}"}, f"{path}:{number}")
            cases.append(_case(value, tree, ("cases", 0), (), number))
    return cases


def _of_table(path: Path) -> list[Case]:
    """A column for each variable; `input` is what the user says, `expected` what the answer equals or `type: value`."""
    text = read_text(path)
    reader = csv.reader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    names = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    if not any(names):
        return []
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise _bad(f"{path}:1", twice, Text("the column stands there twice", "该列出现了两次"))
    cases: list[Case] = []
    begins = reader.line_num + 1
    for row in reader:
        at, begins = f"{path}:{begins}", reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(names):
            raise _bad(
                at, "csv", Text(f"{len(row)} cells under {len(names)} columns", f"{len(names)} 列下有 {len(row)} 格")
            )
        cells = dict(zip(names, [*row, *[""] * (len(names) - len(row))], strict=True))
        wanted = next((cells.pop(name) for name in _EXPECTED_COLUMNS if name in cells), "")
        tree = Tree({}, {(): at}, at)
        asserts = read_assertions([_expected(wanted, at)], tree, ()) if wanted.strip() else ()
        cases.append(
            Case(
                id=cells.pop("id", "") or str(len(cases) + 1),
                turns=(Turn(said=cells.pop("input", None), asserts=asserts),),
                split=_split(cells.pop("split", ""), at),
                vars={name: value for name, value in cells.items() if name},
                place=at,
            )
        )
    return cases


def _expected(cell: str, at: str) -> dict[str, Any]:
    kind, colon, value = cell.partition(":")
    name = kind.strip()
    if not colon or name.removeprefix("not-") not in TYPES:
        return {"equals": cell}
    wanted = TYPES[name.removeprefix("not-")]
    if wanted == "texts":
        return {name: [each.strip() for each in value.split(",")]}
    if wanted == "text":
        return {name: value.strip()}
    try:
        return {name: msgspec.json.decode(value) if value.strip() else None}
    except msgspec.DecodeError as error:
        raise _bad(at, name, Text(str(error), str(error))) from None


def _case(given: Any, tree: Tree, path: tuple[str | int, ...], common: Sequence[Assertion], number: int) -> Case:
    at = tree.at(path)
    if not isinstance(given, Mapping):
        raise _bad(at, "cases", Text("a map with input or turns", "应为含 input 或 turns 的映射"))
    fields = cast("Mapping[str, Any]", given)
    _known(fields, _CASE_KEYS, tree, path)
    values = fields.get("vars") or {}
    if not isinstance(values, Mapping):
        raise _bad(tree.at((*path, "vars")), "vars", Text("a map of values", "应为取值的映射"))
    if "turns" in fields:
        both = next((key for key in ("input", "assert", "good", "bad") if key in fields), None)
        if both is not None:
            raise _bad(
                tree.at((*path, both)), both, Text("with `turns` it stands in the turns", "有 `turns` 时应写在各轮中")
            )
        turns = _turns(fields["turns"], tree, (*path, "turns"), common)
    else:
        turns = (_turn(fields, "input", tree, path, common),)
    return Case(
        id=str(fields.get("id") or number),
        turns=turns,
        vars=dict(cast("Mapping[str, Any]", values)),
        split=_split(fields.get("split") or "", tree.at((*path, "split"))),
        place=at,
    )


def _turns(given: Any, tree: Tree, path: tuple[str | int, ...], common: Sequence[Assertion]) -> tuple[Turn, ...]:
    if not isinstance(given, list) or not given:
        raise _bad(tree.at(path), "turns", Text("a list of turns, each with `user`", "应为轮次列表，每轮含 `user`"))
    turns: list[Turn] = []
    for at, each in enumerate(cast("list[Any]", given)):
        if not isinstance(each, Mapping) or not cast("Mapping[str, Any]", each).get("user"):
            raise _bad(tree.at((*path, at)), "user", Text("what the user says in this turn", "应写明这一轮用户说的话"))
        _known(cast("Mapping[str, Any]", each), _TURN_KEYS, tree, (*path, at))
        turns.append(_turn(cast("Mapping[str, Any]", each), "user", tree, (*path, at), common))
    return tuple(turns)


def _turn(
    fields: Mapping[str, Any], key: str, tree: Tree, path: tuple[str | int, ...], common: Sequence[Assertion]
) -> Turn:
    said, bad = fields.get(key), fields.get("bad")
    own = read_assertions(fields.get("assert"), tree, (*path, "assert"))
    answers = cast("list[Any]", bad) if isinstance(bad, list) else [] if bad is None else [bad]
    return Turn(
        said=None if said is None else str(said),
        asserts=(*own, *common),
        good=str(fields.get("good") or ""),
        bad=tuple(map(str, answers)),
    )


def _split(given: Any, at: str) -> Split:
    if given not in ("", "train", "val", "test"):
        raise _bad(at, "split", Text("train, val or test", "应为 train、val 或 test"))
    return given


def _known(fields: Mapping[str, Any], known: Sequence[str], tree: Tree, path: tuple[str | int, ...]) -> None:
    unknown = next((key for key in fields if key not in known), None)
    if unknown is not None:
        raise _bad(tree.at((*path, unknown)), unknown, suggest(unknown, known))


def _bad(at: str, key: str, expected: Text) -> UsageError:
    return UsageError("prompt.bad-case", at=at, key=key, expected=expected)
