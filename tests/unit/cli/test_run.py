"""`lianlu run` and `lianlu demo` as they look: tables, answers, dry runs, in both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Printed
from lianlu.chain import RunResult, StepResult
from lianlu.chain.result import MadeArtifact
from lianlu.cli.show import show_parity, show_run, show_scores
from lianlu.core.i18n import Language, using_language

Run = Callable[..., Printed]

ANSWERS: list[dict[str, Any]] = [
    {
        "question": "What is lianlu?",
        "text": "A toolkit. [1]\nIt is small. [2]",
        "citations": [
            {"number": 1, "uri": "en/index.md", "headings": ["lianlu", "What"], "first_line": 3, "last_line": 3},
            {"number": 2, "uri": "paper.pdf", "page": 4, "first_line": 7, "last_line": 9},
        ],
    },
    {"question": "链路是什么？", "text": "文档里没有。", "citations": []},
]


def step(name: str, state: str, seconds: float = 0.0) -> StepResult:
    artifacts = () if state == "planned" else (MadeArtifact(kind="documents", id="0123456789abcdef01234567", name="r"),)
    return StepResult(
        name=name, uses="extract", state=state, seconds=seconds, cached=state == "cached", artifacts=artifacts
    )


def result(run: str, *steps: StepResult, **results: Any) -> RunResult:
    return RunResult(run=run, chain="notes", store=".lianlu", seconds=2.04, steps=steps, results=results)


WORKED = result(
    "20260101-000000-abcdef",
    step("read", "cached"),
    step("again", "done", 1.234),
    answers=ANSWERS,
    files=3,
    report="o/r.html",
)
FORESEEN = result("", step("read", "cached"), step("again", "planned"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_run_and_a_dry_run_read_well(
    lang: Language, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    with using_language(lang):
        show_run(WORKED)
        show_run(FORESEEN)
    golden(f"run.{lang}.txt", capsys.readouterr().out)


@pytest.mark.parametrize(
    "answers", [[], ["plain text"], [{"question": "q"}], [{"question": "q", "text": "t"}], {"a": 1}]
)
def test_a_result_called_answers_need_not_be_answers(answers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    show_run(result("r", step("read", "done"), answers=answers))
    assert "1 of 1 steps run" in capsys.readouterr().out


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("note a\n")
    path = tmp_path / "notes.yaml"
    path.write_text(
        "name: notes\n"
        "params: {folder: notes}\n"
        "steps:\n"
        "  read: {uses: test.read, with: {folder: '${folder}'}}\n"
        "  join: {uses: test.join, inputs: {documents: read}}\n"
        "results: {joined: join, files: read.files}\n"
    )
    return path


def test_a_chain_is_run_and_run_again_from_the_cache(chain: Path, lianlu: Run) -> None:
    first, second = lianlu("run", chain), lianlu("run", chain)
    assert (first.code, second.code) == (0, 0)
    assert "2 of 2 steps run" in first.out
    assert "0 of 2 steps run" in second.out
    assert "✓ join: from the cache" in second.err
    assert (chain.parent / "out" / "notes" / "joined.txt").read_text() == "NOTE A\n"


def test_with_json_stdout_is_one_object_with_the_results_at_its_top(chain: Path, lianlu: Run) -> None:
    answer = json.loads(lianlu("run", chain, "--json").out)
    assert set(answer) == {"run", "chain", "store", "seconds", "steps", "joined", "files"}
    assert answer["joined"] == str(Path("out", "notes", "joined.txt"))


def test_a_dry_run_makes_nothing(chain: Path, lianlu: Run) -> None:
    printed = lianlu("run", chain, "--dry-run")
    assert "2 of 2 steps would run" in printed.out
    assert not (chain.parent / "out").exists()


def test_from_does_a_step_again(chain: Path, lianlu: Run) -> None:
    lianlu("run", chain)
    assert "1 of 2 steps run" in lianlu("run", chain, "--from", "join").out
    wrong = lianlu("run", chain, "--from", "joyn")
    assert (wrong.code, "did you mean 'join'?" in wrong.err) == (2, True)


def test_quiet_says_nothing_on_stderr(chain: Path, lianlu: Run) -> None:
    assert lianlu("run", chain, "-q").err == ""


def test_a_parameter_is_set_on_the_command_line_and_a_misspelt_one_refused(chain: Path, lianlu: Run) -> None:
    (chain.parent / "empty").mkdir()
    assert "files: 0" in lianlu("run", chain, "folder=empty").out
    printed = lianlu("run", chain, "foldr=empty")
    assert (printed.code, printed.out) == (2, "")
    assert "this chain has no parameter 'foldr' [chain.unknown-parameter]" in printed.err


def test_a_bug_in_a_step_is_a_bug_whether_it_is_isolated_or_not(
    chain: Path, lianlu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "plugins"))
    chain.write_text("steps:\n  a: {uses: test.odd, with: {how: bug}}\n")
    for override in ("steps.a.isolate=false", "steps.a.isolate=true"):
        printed = lianlu("run", chain, override)
        assert printed.code == 70
        assert "ZeroDivisionError: divided by nothing [bug]" in printed.err
        assert "Traceback" not in printed.err


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where only the light half is installed; the whole demo is run in tests/e2e."""
    monkeypatch.setattr("lianlu.cli.demo.find_spec", lambda name: None if name == "torch" else object())


@pytest.mark.usefixtures("without_torch")
def test_the_demo_says_what_was_read_and_how_to_go_on(chain: Path, lianlu: Run) -> None:
    (chain.parent / "notes" / "tea.md").write_text("# Tea\n\nThe tea house opens at nine.\n")
    (chain.parent / "notes" / "empty.md").write_text("")
    printed = lianlu("demo", "documents=notes", "question=When does the tea house open?")
    assert printed.code == 0, printed.err
    assert "2 documents read, 1 failed" in printed.out
    assert "The tea house opens at nine." in printed.out
    assert "open the report:  file://" in printed.out
    assert "lianlu rag build handbook FOLDER" in printed.out


@pytest.mark.usefixtures("without_torch")
def test_without_torch_the_demo_runs_its_first_half_and_says_how_to_get_the_second(chain: Path, lianlu: Run) -> None:
    printed = lianlu("demo", "documents=notes", "question=When does the tea house open?")
    assert printed.code == 0, printed.err
    assert "it needs torch" in printed.out
    assert "pip install 'lianlu[all,train]'" in printed.out
    assert "lianlu serve @demo/merged" not in printed.out


SCORE = {"value": 0.5, "standard_error": 0.1, "low": 0.3, "high": 0.7, "n": 25}


def test_scores_are_shown_with_a_row_a_benchmark_and_a_column_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    show_scores(
        [
            {"benchmark": "letters", "model": "base", **SCORE},
            {"benchmark": "letters", "model": "tuned", **SCORE, "value": 1.0, "standard_error": None},
            {"benchmark": "sums", "model": "tuned", **SCORE},
        ]
    )
    shown = capsys.readouterr().out
    assert "0.500 ± 0.100 (0.300–0.700)" in shown
    assert "1.000 ± – (0.300–0.700)" in shown
    assert [line.split("│")[3].strip() for line in shown.splitlines() if "sums" in line] == ["–"]


@pytest.mark.parametrize(
    ("agrees", "said"), [(True, "all 7 items agree"), (False, "no: the stage greedy does not hold")]
)
def test_parity_is_shown_in_a_line(agrees: bool, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    failed = "" if agrees else "greedy"
    show_parity({"agrees": agrees, "a": {"name": "x"}, "b": {"name": "y"}, "n": 7, "failed": failed})
    assert capsys.readouterr().out == f"parity of x ↔ y: {said}\n"


@pytest.mark.usefixtures("without_torch")
def test_a_dry_run_of_the_demo_shows_no_report(chain: Path, lianlu: Run) -> None:
    printed = lianlu("demo", "documents=notes", "--dry-run")
    assert "steps would run" in printed.out
    assert "open the report" not in printed.out
