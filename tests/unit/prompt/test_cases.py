from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.cases import Case, assertions_of, cases_of, read_cases
from lianlu.prompt.file import parse_file, read_file

_YAML = """assert:
  - not-contains: sorry
cases:
  - id: one
    input: how many r in {{word}}?
    vars: {word: pear}
    split: train
    assert: {contains: 1}
    good: "1"
    bad: [two, "2"]
  - turns:
      - user: hello
        assert:
          - regex: "[?]$"
      - user: bye
        bad: no
"""


def _read(folder: Path, text: str, name: str = "cases.yaml") -> tuple[Case, ...]:
    (folder / name).write_text(text, encoding="utf-8")
    return read_cases(folder / name)


def test_cases_have_turns_values_and_assertions_of_their_own_and_of_all(tmp_path: Path) -> None:
    one, two = _read(tmp_path, _YAML)
    assert (one.id, one.vars, one.split) == ("one", {"word": "pear"}, "train")
    assert [each.name for each in one.turns[0].asserts] == ["contains", "not-contains"]
    assert one.turns[0].bad == ("two", "2")
    assert [turn.said for turn in two.turns] == ["hello", "bye"]
    assert [each.name for each in two.turns[1].asserts] == ["not-contains"]
    assert (two.id, two.place) == ("2", f"{tmp_path / 'cases.yaml'}:11")


def test_lines_of_json_are_cases(tmp_path: Path) -> None:
    text = '{"input": "a", "assert": [{"contains": "b"}]}\n\n{"id": "x", "input": "c"}\n'
    one, two = _read(tmp_path, text, "cases.jsonl")
    assert (one.id, one.turns[0].said, two.id, two.place[-1]) == ("1", "a", "x", "3")


def test_a_table_has_a_column_for_each_variable(tmp_path: Path) -> None:
    text = '\ufeffid,word,input,expected\na,pear,how many?,1\n,plum,"two\nlines",contains: 0\n,,,\n,fig,x,"contains-all: a, b"\n'
    cases = _read(tmp_path, text, "cases.csv")
    assert [(case.id, case.vars, case.turns[0].said) for case in cases] == [
        ("a", {"word": "pear"}, "how many?"),
        ("2", {"word": "plum"}, "two\nlines"),
        ("3", {"word": "fig"}, "x"),
    ]
    assert [(case.turns[0].asserts[0].name, case.turns[0].asserts[0].value) for case in cases] == [
        ("equals", "1"),
        ("contains", "0"),
        ("contains-all", ["a", "b"]),
    ]
    assert [case.place.rpartition(":")[2] for case in cases] == ["2", "3", "6"]


@pytest.mark.parametrize(
    ("text", "name", "code", "line"),
    [
        ("cases: 3", "c.yaml", "prompt.bad-case", 1),
        ("cases: []", "c.yaml", "prompt.no-cases", None),
        ("case: []", "c.yaml", "prompt.bad-case", 1),
        ("cases:\n  - inptu: a", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - a", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - {input: a, vars: 3}", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - {input: a, split: dev}", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - turns: []", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - turns:\n    - {assert: []}", "c.yaml", "prompt.bad-case", 3),
        ("cases:\n  - input: a\n    turns: [{user: b}]", "c.yaml", "prompt.bad-case", 2),
        ("cases:\n  - {id: x, input: a}\n  - {id: x, input: b}", "c.yaml", "prompt.bad-case", 3),
        ("cases:\n  - input: a\n    assert: [{nothing: 1}]", "c.yaml", "prompt.unknown-assertion", 3),
        ('{"input": "a"}\n{"input": ', "c.jsonl", "prompt.bad-case", 2),
        ('{"inptu": "a"}', "c.jsonl", "prompt.bad-case", 1),
        ("a,a\n1,2", "c.csv", "prompt.bad-case", 1),
        ("a,b\n1,2\n1,2,3", "c.csv", "prompt.bad-case", 3),
        ("input,split\nx,dev", "c.csv", "prompt.bad-case", 2),
        ("input,expected\nx,max-length: many", "c.csv", "prompt.bad-case", 2),
        ("input,expected\nx,regex: (", "c.csv", "prompt.bad-assertion", 2),
        ("", "c.csv", "prompt.no-cases", None),
        ("", "c.jsonl", "prompt.no-cases", None),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, name: str, code: str, line: int | None) -> None:
    with pytest.raises(UsageError) as raised:
        _read(tmp_path, text, name)
    assert raised.value.code == code
    if line is not None:
        assert raised.value.facts["at"] == f"{tmp_path / name}:{line}"


def test_a_prompt_names_its_cases_and_asserts_of_all_answers(tmp_path: Path) -> None:
    _read(tmp_path, _YAML)
    (tmp_path / "p.md").write_text("---\ncases: cases.yaml\nassert:\n  - max-length: 9\n---\nBe brief.\n")
    file = read_file(tmp_path / "p.md")
    assert len(cases_of(file)) == 2
    (own,) = assertions_of(file)
    assert (own.type, own.place) == ("max-length", f"{tmp_path / 'p.md'}:4")
    assert cases_of(parse_file("Be brief.")) == ()
