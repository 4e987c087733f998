"""The whole of `prompt lint`: the seeds' known flaws, the verb, hostile text. Rules have tests of their own beside this file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.i18n import using_language
from lianlu.prompt.file import parse_file
from lianlu.prompt.lint import RULES, Finding, findings_of
from lianlu.prompt.lint_checked import token_estimate

from .lint_scoring import Scores, scores_of
from .sets import seed

Lianlu = Callable[..., Any]
SET = Path(__file__).parent / "lint_set"
EXPECTED_ON_SEEDS = {
    "costar_plan.txt": {"missing-examples", "missing-limits", "missing-separator", "title-case"},
    "strawberry_counter.md": {"missing-limits", "contradiction"},
    "mbti.md": {"missing-examples", "chain-order"},
    "script_writer.md": {"missing-examples", "chain-order"},
}


def found_in(text: str, framework: str = "") -> list[Finding]:
    return findings_of(parse_file(text, framework=framework), text)


def line_with(text: str, words: str) -> int:
    return next(number for number, row in enumerate(text.splitlines(), 1) if words in row)


def test_the_seeds_known_flaws_are_found_at_their_lines() -> None:
    plan = seed("costar_plan.txt")
    found = {(finding.code, finding.line) for finding in found_in(plan)}
    assert ("missing-separator", line_with(plan, "# AUDIENCE #")) in found
    assert ("title-case", line_with(plan, "# Tone #")) in found
    counter = seed("strawberry_counter.md")
    contradiction = next(finding for finding in found_in(counter) if finding.code == "contradiction")
    assert contradiction.line == line_with(counter, "不考虑字母重复")


@pytest.mark.parametrize("name", EXPECTED_ON_SEEDS)
def test_nothing_absurd_is_said_of_a_seed(name: str) -> None:
    assert {finding.code for finding in found_in(seed(name))} == EXPECTED_ON_SEEDS[name]


def test_every_rule_and_finding_speaks_both_languages() -> None:
    text = "---\nvariables:\n  unused: {type: string}\n---\n# Role: x\n\n## Rules\n\n## rules\n- {{b}} and {c}\n- as <Nobody> {{d\n"
    found = found_in(text)
    assert len({finding.code for finding in found}) > 8
    for words in [rule.why for rule in RULES.values()] + [
        each for finding in found for each in (finding.what, finding.why, finding.fix)
    ]:
        assert words.en
        assert words.zh
        assert words.en != words.zh


def test_lines_count_the_front_matter_and_the_role_line() -> None:
    text = "---\nname: x\n---\nsystem:\n# Role: poet\n\n## Rules\n"
    (empty,) = (finding for finding in found_in(text) if finding.code == "empty-module")
    assert empty.line == 7


def test_labelled_prompts_are_judged_as_people_judge_them() -> None:
    both = Scores()
    for name in ("dev", "held_out"):
        both.add(scores_of(SET / name))
    assert both.prompts >= 200
    assert both.precision >= 0.93
    assert both.recall >= 0.88


def test_prompts_that_no_rule_was_made_for_are_judged_nearly_as_well() -> None:
    scores = scores_of(SET / "held_out")
    assert scores.prompts >= 70
    assert scores.precision >= 0.88
    assert scores.recall >= 0.85


@pytest.fixture
def prompt_path(tmp_path: Path) -> Path:
    path = tmp_path / "poet.md"
    path.write_text(
        "# Role: poet\n\n## Rules\n- good at rhyme\n\n## Workflow\n\n## Rules\n- never joke\n", encoding="utf-8"
    )
    return path


def test_the_verb_prints_place_code_reason_and_repair(lianlu: Lianlu, prompt_path: Path) -> None:
    printed = lianlu("prompt", "lint", prompt_path)
    assert f"{prompt_path}:4: misplaced-content" in printed.out
    assert "why: " in printed.out
    assert "fix: " in printed.out
    assert "tokens (estimated)" in printed.out
    assert "1 file: " in printed.out


def test_errors_make_the_verdict_no_and_warnings_only_with_strict(lianlu: Lianlu, prompt_path: Path) -> None:
    select = ("--select", "empty-module,duplicate-module")
    assert lianlu("prompt", "lint", prompt_path, *select).code == 0
    assert lianlu("prompt", "lint", prompt_path, *select, "--strict").code == 1
    assert lianlu("prompt", "lint", prompt_path, "--select", "missing-task").code == 1


def test_codes_can_be_chosen_and_left_out(lianlu: Lianlu, prompt_path: Path) -> None:
    shown = json.loads(lianlu("prompt", "lint", prompt_path, "--json", "--ignore", "missing-task，missing-goal").out)
    codes = {finding["code"] for finding in shown["files"][0]["findings"]}
    assert "empty-module" in codes
    assert not codes & {"missing-task", "missing-goal"}
    assert shown["files"][0]["tokens"] > 5
    assert shown["files"][0]["tokens_estimated"] is True


def test_a_broken_file_is_a_finding_and_the_others_go_on(lianlu: Lianlu, prompt_path: Path) -> None:
    (prompt_path.parent / "broken.md").write_bytes(b"\xff\xfe\x00bad")
    (prompt_path.parent / "head.md").write_text("---\nnmae: x\n---\n# Role: x\n", encoding="utf-8")
    (prompt_path.parent / "empty.md").write_text("\n", encoding="utf-8")
    printed = lianlu("prompt", "lint", prompt_path.parent, "--json")
    shown = json.loads(printed.out)
    first = {Path(each["file"]).name: [finding["code"] for finding in each["findings"]] for each in shown["files"]}
    assert first["broken.md"] == first["head.md"] == first["empty.md"] == ["unreadable"]
    assert len(first["poet.md"]) > 3
    assert printed.code == 1


def test_folders_hold_prompts_and_not_what_lies_beside_them(lianlu: Lianlu, prompt_path: Path) -> None:
    (prompt_path.parent / "poet.cases.yaml").write_text("cases:\n  - id: a\n    input: x\n", encoding="utf-8")
    (prompt_path.parent / "README.md").write_text("# About\n", encoding="utf-8")
    (prompt_path.parent / "role.json").write_text('{"Role": {"name": "poet", "Rules": ["rhyme"]}}', encoding="utf-8")
    shown = json.loads(lianlu("prompt", "lint", prompt_path.parent, "--json").out)
    assert [Path(each["file"]).name for each in shown["files"]] == ["poet.md", "role.json"]


def test_a_shipped_prompt_is_found_by_name_and_has_no_error(lianlu: Lianlu) -> None:
    assert lianlu("prompt", "lint", "cited-answer").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "prompt.lint-no-file"),
        (("nowhere.md",), "file.missing"),
        (("cited-answer", "--select", "missing-gaol"), "prompt.unknown-code"),
        (("cited-answer", "--ignore", "x"), "prompt.unknown-code"),
        (("cited-answer", "--limit-tokens", "0"), "prompt.bad-limit"),
        (("cited-answer", "--framework", "costra"), "registry.unknown-name"),
    ],
)
def test_a_wrong_command_ends_with_code_two_and_a_hint(lianlu: Lianlu, arguments: tuple[str, ...], code: str) -> None:
    printed = lianlu("prompt", "lint", *arguments)
    assert printed.code == 2
    assert code in printed.err
    assert "hint: " in printed.err


def test_an_empty_folder_is_an_error(lianlu: Lianlu, tmp_path: Path) -> None:
    assert "prompt.lint-no-file" in lianlu("prompt", "lint", tmp_path).err


def test_the_limit_of_tokens_can_be_set(lianlu: Lianlu, prompt_path: Path) -> None:
    printed = lianlu("prompt", "lint", prompt_path, "--select", "too-long", "--limit-tokens", "5")
    assert "too-long" in printed.out
    assert "too-long" not in lianlu("prompt", "lint", prompt_path, "--select", "too-long").out


def test_tokens_are_estimated_in_both_languages() -> None:
    assert 80 <= token_estimate("Answer in plain words. " * 16) <= 100
    assert 60 <= token_estimate("请用简体中文回答。" * 10) <= 80


def test_the_human_view_is_chinese_on_request(prompt_path: Path) -> None:
    text = prompt_path.read_text(encoding="utf-8")
    with using_language("zh"):
        assert any("第 3 行" in finding.what.show() for finding in found_in(text) if finding.code == "duplicate-module")


HOSTILE = ["a", "{", "# a\n"]
"""Whole: one long line, many braces, many titles. The others are kept shorter, as they only repeat the thought."""


@pytest.mark.parametrize(
    ("piece", "length"),
    [
        *((piece, 500_000) for piece in HOSTILE),
        *(
            (piece, 40_000)
            for piece in (" ", "{{a", "#\n", "#a ", "<a", "[a ", "“a", "1", "不", "- x\n", "例如", "最多 50 字 ")
        ),
    ],
)
def test_hostile_text_ends(piece: str, length: int) -> None:
    text = "x" + piece * (length // len(piece))
    assert isinstance(found_in(text), list)
