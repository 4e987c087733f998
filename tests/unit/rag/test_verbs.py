"""`lianlu rag` as it is typed."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lianlu.core.errors import DataError, LianluError
from lianlu.rag.group import rag


def run(*args: str) -> Result:
    return CliRunner().invoke(rag, list(args))


def data(*args: str) -> Any:
    return json.loads(run(*args, "--json", "-q").stdout)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "x.md").write_text("# XTuner\n\nXTuner 是一个微调工具库。\n", encoding="utf-8")
    (folder / "empty.md").write_bytes(b"")
    return folder


def test_build_status_search_ask_list_remove(docs: Path) -> None:
    built = data("build", "kb", str(docs))
    assert (built["documents"], built["replaced"]) == (1, False)
    assert [failure["code"] for failure in built["failures"]] == ["extract.empty"]
    status = data("status", "kb")
    assert status["uris"] == ["x.md"]
    assert [failure["uri"] for failure in status["failures"]] == ["empty.md"]
    assert data("search", "kb", "微调")["passages"][0]["uri"] == "x.md"
    answer = data("ask", "kb", "xtuner是什么？")
    assert (answer["found"], answer["citations"][0]["first_line"]) == (True, 3)
    assert [base["name"] for base in data("list")["bases"]] == ["kb"]
    assert data("remove", "kb", "x.md")["removed"] == ["x.md"]
    assert data("remove", "kb", "--all")["removed"] == "all"
    assert data("list")["bases"] == []


def test_the_human_view_says_where_it_stands(docs: Path) -> None:
    run("build", "kb", str(docs), "-q")
    shown = run("ask", "kb", "xtuner是什么？", "-q").stdout
    assert "XTuner 是一个微调工具库。 [1]" in shown
    assert "[1] x.md · XTuner · line 3" in shown
    assert "the file is empty" in run("status", "kb", "-q").stdout


def test_building_again_says_that_it_replaces(docs: Path) -> None:
    run("build", "kb", str(docs), "-q")
    assert "replaced the base 'kb'" in run("build", "kb", str(docs), "-q").stdout


def test_a_build_that_reads_nothing_is_an_error_and_leaves_no_base(docs: Path) -> None:
    result = run("build", "kb", str(docs / "empty.md"), "-q")
    assert isinstance(result.exception, DataError)
    assert "empty.md: the file is empty" in str(result.exception)
    assert run("list", "-q").stdout.startswith("no knowledge bases")


def test_a_build_that_reads_nothing_keeps_the_base_that_was_there(docs: Path) -> None:
    run("build", "kb", str(docs), "-q")
    run("build", "kb", str(docs / "empty.md"), "-q")
    assert "XTuner 是一个微调工具库。" in run("ask", "kb", "xtuner是什么？", "-q").stdout


def test_dropped_claims_are_shown_with_their_reason(docs: Path, tmp_path: Path) -> None:
    script = tmp_path / "s.yaml"
    script.write_text("rules:\n  - reply: XTuner 是一个微调工具库。[1]它有 9 个模块。[1]\n", encoding="utf-8")
    run("build", "kb", str(docs), "-q")
    shown = run("ask", "kb", "xtuner是什么？", "--model", f"fake:{script}", "-q").stdout
    assert "dropped: 它有 9 个模块。[1] — a number or date in it is not in [1]" in shown


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("ask", "none", "q"), "rag.unknown-base"),
        (("build", "kb"), "rag.no-paths"),
        (("build", "kb", "absent"), "file.missing"),
        (("build", "k/b", "."), "rag.bad-name"),
        (("remove", "kb"), "rag.no-paths"),
        (("build", "kb", ".", "--size", "0"), "rag.bad-size"),
    ],
)
def test_bad_commands_have_one_clear_error(args: tuple[str, ...], code: str) -> None:
    error = run(*args).exception
    assert isinstance(error, LianluError)
    assert error.code == code
    assert error.message("zh")
    assert error.hint("en")


def test_a_damaged_base_is_listed_and_can_be_removed(docs: Path, tmp_path: Path) -> None:
    run("build", "kb", str(docs), "-q")
    path = tmp_path / "store" / "state" / "kb" / "kb.sqlite"
    path.write_bytes(b"garbage" * 999)
    assert data("list")["bases"][0]["code"] == "rag.corrupt"
    assert data("remove", "kb", "--all")["removed"] == "all"
