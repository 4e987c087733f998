"""`lianlu prompt check`: whether the assertions of cases tell good answers from bad ones. No model is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, assertions_of, cases_of, read_cases
from lianlu.prompt.checking import MODEL_TYPES, Answered, check
from lianlu.prompt.file import PromptFile, find_prompt, read_file

__all__ = ["Mistaken", "check_cases", "check_verb"]


class Mistaken(msgspec.Struct, frozen=True, kw_only=True):
    """A good answer that does not pass, or a bad one that does; `why` names the assertions that failed."""

    case: str
    turn: int
    place: str
    kind: Literal["good", "bad"]
    answer: str
    why: str = ""


def check_cases(cases: Sequence[Case], own: Sequence[Assertion] = ()) -> tuple[int, list[Mistaken]]:
    """How many answers were checked, and which of them the assertions judge wrongly."""
    count, mistaken = 0, []
    for case in cases:
        for number, kind, answer, failed in _judged(case, own):
            count += 1
            if (kind == "good") == bool(failed):
                why = "; ".join(failed)
                mistaken.append(
                    Mistaken(case=case.id, turn=number, place=case.place, kind=kind, answer=answer, why=why)
                )
    return count, mistaken


def _judged(case: Case, own: Sequence[Assertion]) -> Iterator[tuple[int, Literal["good", "bad"], str, list[str]]]:
    for number, turn in enumerate(case.turns, start=1):
        asserts = [each for each in (*turn.asserts, *own) if each.type not in MODEL_TYPES]
        answers: list[tuple[Literal["good", "bad"], str]] = []
        if turn.good:
            answers.append(("good", turn.good))
        answers.extend(("bad", answer) for answer in turn.bad)
        for kind, answer in answers:
            answered = Answered(output=answer, said=turn.said or "", vars=case.vars)
            verdicts = [check(each, answered) for each in asserts]
            yield number, kind, answer, [f"{each.name}: {each.value}" for each in verdicts if each.passed is False]


@verb("check", Text("Try the assertions of cases on their good and bad answers.", "用好坏示例回答检验用例的断言。"))
@argument("files", nargs=-1, required=True)
@option("--cases", "cases_path", metavar="FILE", help=Text("other cases than the prompts name", "改用其他用例文件"))
def check_verb(call: Call, files: tuple[str, ...], cases_path: str | None) -> Outcome:  # noqa: ARG001
    """Prompt files, or files of cases. Raises UsageError prompt.no-cases, and those of `read_cases`."""
    rows: list[tuple[str, int, int, list[Mistaken]]] = []
    for name in files:
        cases, own = _of(name, cases_path)
        count, mistaken = check_cases(cases, own)
        rows.append((name, len(cases), count, mistaken))
    data = [
        {"file": name, "cases": cases, "answers": count, "mistaken": msgspec.to_builtins(mistaken)}
        for name, cases, count, mistaken in rows
    ]
    return Outcome(data, lambda: _show(rows), verdict=not any(mistaken for *_, mistaken in rows))


def _of(name: str, cases_path: str | None) -> tuple[Sequence[Case], Sequence[Assertion]]:
    path = Path(name)
    if path.suffix.lower() in (".csv", ".tsv", ".jsonl", ".yaml", ".yml") and cases_path is None:
        return read_cases(path), ()
    file: PromptFile = read_file(find_prompt(name))
    cases = cases_of(file) if cases_path is None else read_cases(Path(cases_path))
    if not cases:
        raise UsageError("prompt.no-cases", path=name)
    return cases, assertions_of(file)


def _show(rows: Sequence[tuple[str, int, int, list[Mistaken]]]) -> None:
    columns = (pick("file", "文件"), pick("cases", "用例"), pick("answers", "示例回答"), pick("misjudged", "判错"))
    print_table(columns, [(name, cases, count, len(mistaken)) for name, cases, count, mistaken in rows])
    for *_, mistaken in rows:
        for each in mistaken:
            said = " ".join(each.answer.split())[:60]
            if each.kind == "good":
                say(
                    pick(
                        f"{each.place}: a good answer fails ({each.why}): {said}",
                        f"{each.place}：好的回答未通过（{each.why}）：{said}",
                    )
                )
            else:
                say(pick(f"{each.place}: a bad answer passes: {said}", f"{each.place}：坏的回答却通过了：{said}"))
