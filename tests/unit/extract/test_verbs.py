from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.files import Files
from lianlu.text.documents import load_entries

Lianlu = Callable[..., Any]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# 标题\n\n一段正文。")
    (docs / "b.html").write_text("<h1>Page</h1><p>words</p>")
    (docs / "c.md").write_text("")
    return tmp_path


def test_files_become_a_folder_registered_by_reference(here: Path, lianlu: Lianlu) -> None:
    done = lianlu("extract", "docs", "--json", "-q")
    shown = json.loads(done.out)
    assert done.code == 0
    assert (shown["documents"], shown["failed"], shown["out"]) == (2, 1, "out/extract-docs")
    entries = load_entries(Files.of_folder(here / "out/extract-docs", kind="documents"))
    assert [entry.uri for entry in entries] == ["a.md", "b.html"]
    why = json.loads(lianlu("store", "why", shown["artifact"], "--json").out)
    assert str(here / "docs" / "a.md") in json.dumps(why, ensure_ascii=False)


def test_second_run_gives_the_same_artifact_and_removes_what_is_gone(here: Path, lianlu: Lianlu) -> None:
    first = json.loads(lianlu("extract", "docs", "--json", "-q").out)
    assert json.loads(lianlu("extract", "docs", "--json", "-q").out)["artifact"] == first["artifact"]
    (here / "docs" / "b.html").unlink()
    assert json.loads(lianlu("extract", "docs", "--json", "-q").out)["artifact"] != first["artifact"]
    assert not (here / "out/extract-docs/b.html.md").exists()


@pytest.mark.parametrize(("language", "words"), [("en", "the file is empty"), ("zh", "文件是空的")])
def test_table_lists_documents_and_reasons(
    here: Path, lianlu: Lianlu, monkeypatch: pytest.MonkeyPatch, language: str, words: str
) -> None:
    monkeypatch.setenv("LIANLU_LANG", language)
    out = lianlu("extract", "docs", "--out", "there").out
    assert words in out
    assert "标题" in out
    assert (here / "there" / "a.md").exists()


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (["absent"], 2, "file.missing"),
        (["docs", "--include", "*.pdf"], 2, "extract.no-files"),
        (["docs/c.md"], 3, "extract.all-failed"),
        (["docs", "--out", "docs"], 2, "extract.out-is-input"),
        ([], 2, "cli.bad-usage"),
    ],
)
def test_bad_commands_are_one_clear_error(
    here: Path, lianlu: Lianlu, arguments: list[str], exit_code: int, code: str
) -> None:
    done = lianlu("extract", *arguments)
    assert done.code == exit_code
    assert f"[{code}]" in done.err
    assert "Traceback" not in done.err


def test_results_inside_the_folder_are_not_read_again(here: Path, lianlu: Lianlu) -> None:
    for _ in range(2):
        shown = json.loads(lianlu("extract", ".", "--exclude", "store", "--json", "-q").out)
        assert (shown["documents"], shown["failed"]) == (2, 1)


def test_dry_run_writes_nothing(here: Path, lianlu: Lianlu) -> None:
    done = lianlu("extract", "docs", "--dry-run", "--json")
    assert json.loads(done.out)["files"] == ["a.md", "b.html", "c.md"]
    assert not (here / "out").exists()


def test_unwritable_store_is_a_warning(here: Path, lianlu: Lianlu) -> None:
    (here / "store").write_text("a file where the store should be")
    done = lianlu("extract", "docs", "--json")
    assert done.code == 0
    assert json.loads(done.out)["artifact"] is None


def test_a_link_that_leads_in_a_circle_is_no_file(here: Path, lianlu: Lianlu) -> None:
    (here / "loop").symlink_to(here / "loop")
    done = lianlu("extract", "loop")
    assert (done.code, "file.missing" in done.err) == (2, True)
    assert lianlu("extract", "docs", "--out", "loop/x").code == 2


def test_a_pipe_is_refused_by_what_it_is(here: Path, lianlu: Lianlu) -> None:
    os.mkfifo(here / "pipe")
    done = lianlu("extract", "pipe")
    assert (done.code, "neither a file nor a folder" in done.err) == (2, True)


def test_the_lock_file_of_an_office_program_is_read_as_a_file(here: Path, lianlu: Lianlu) -> None:
    (here / "~$report.docx").write_bytes(b"lock")
    done = lianlu("extract", "~$report.docx")
    assert (done.code, "extract.all-failed" in done.err) == (3, True)


def test_an_empty_name_does_not_mean_the_current_folder(here: Path, lianlu: Lianlu) -> None:
    assert lianlu("extract", "").code == 2
    assert lianlu("rag", "build", "notes", "").code == 2


@pytest.mark.parametrize("command", [("extract", "docs"), ("rag", "build", "notes", "docs")])
def test_without_the_parsers_the_extra_is_named(
    here: Path, lianlu: Lianlu, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("lianlu.extract.read._PARSERS", ("absent_package_of_lianlu",))
    done = lianlu(*command)
    assert done.code == 2
    assert "pip install 'lianlu[extract]'" in done.err
