"""`lianlu rag summarize` as it is typed: files of all formats, bases, forecasts, and input that is no good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import lianlu as ll
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.settings import Settings
from lianlu.llm.endpoint import Endpoint, add_endpoint, cost_at
from lianlu.rag.group import rag
from lianlu.records import Usage

from .test_gist import BOATS_ZH, PUMPS

HTML = "<html><body><h1>Tanks</h1><p>The tank holds 400 litres of clean water.</p><p>It is drained in winter.</p></body></html>"
SCRIPT = """rules:
  - match: ""
    reply: |
      - The water pump needs 200 watts of electric power. [1]
      - The pump costs 999 dollars. [1]
"""


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(rag, ["summarize", *map(str, args), "-q"])


def data(*args: str | Path) -> Any:
    result = run(*args, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def error_of(*args: str | Path) -> LianluError:
    error = run(*args).exception
    assert isinstance(error, LianluError)
    assert error.hint("en")
    assert error.hint("zh")
    return error


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "pumps.md").write_text(PUMPS, encoding="utf-8")
    (folder / "tanks.html").write_text(HTML, encoding="utf-8")
    (folder / "empty.txt").write_bytes(b"")
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "model.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def test_files_of_several_formats_are_summed_up_and_one_that_fails_is_told(docs: Path) -> None:
    told = data(docs)
    assert [each["uri"] for each in told["documents"]] == ["pumps.md", "tanks.html"]
    assert {each["uri"] for each in told["citations"]} == {"pumps.md", "tanks.html"}
    assert [each["code"] for each in told["failures"]] == ["extract.empty"]
    assert (told["by"], told["title"]) == ("extract", "docs")


def test_the_human_view_numbers_statements_and_places(docs: Path) -> None:
    result = run(docs / "pumps.md")
    lines = result.stdout.splitlines()
    assert lines[0] == "Pumps"
    assert "The water pump moves water from the well to the tank. [1]" in lines[2]
    assert any(line.startswith("• ") and line.endswith("]") for line in lines)
    assert "[1] pumps.md · Pumps · line 3 · characters 9–62" in lines


def test_what_is_left_out_is_said_on_stderr(docs: Path) -> None:
    result = run(docs)
    assert "! empty.txt: the file is empty" in result.stderr
    assert "empty.txt" not in result.stdout


def test_a_base_is_summed_up_by_its_name_and_filtered(docs: Path) -> None:
    CliRunner().invoke(rag, ["build", "kb", str(docs), "-q"])
    assert [each["uri"] for each in data("kb")["documents"]] == ["pumps.md", "tanks.html"]
    assert [each["uri"] for each in data("kb", "--path", "tanks*")["documents"]] == ["tanks.html"]
    assert data("kb")["title"] == "kb"
    assert error_of("kb", "--path", "boats*").code == "rag.no-document-fits"
    assert error_of("kb", docs).code == "rag.base-and-files"


def test_what_is_neither_file_nor_base_is_said_with_the_nearest_name(docs: Path) -> None:
    CliRunner().invoke(rag, ["build", "notes", str(docs), "-q"])
    error = error_of("note")
    assert error.code == "rag.no-such-file"
    assert "'notes'" in error.hint("en")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((), "rag.no-files"),
        (("",), "file.missing"),
        (("http://",), "rag.bad-address"),
        (("DOCS", "--points", "0"), "rag.bad-points"),
        (("DOCS", "--since", "2024"), "rag.filters-need-base"),
        (("DOCS", "--since", "yesterday"), "rag.bad-date"),
        (("DOCS", "--where", "author"), "rag.bad-filter"),
        (("DOCS", "--out", "summary.pdf"), "rag.summary-form"),
        (("DOCS", "--model", "nowhere:x"), "llm.unknown-ref"),
        (("DOCS", "--model", "fake:echo", "--window", "10"), "rag.small-window"),
        (("DOCS", "--model", "fake:absent.yaml"), "file.missing"),
    ],
)
def test_a_mistake_is_one_error_with_a_hint(docs: Path, args: tuple[str, ...], code: str) -> None:
    error = error_of(*(str(docs) if each == "DOCS" else each for each in args))
    assert (error.code, isinstance(error, UsageError)) == (code, True)


def test_files_of_which_none_can_be_read_are_an_error_that_names_them(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pdf").write_bytes(b"%PDF-1.7 broken")
    error = error_of(docs / "empty.txt", tmp_path / "bad.pdf")
    assert (error.code, isinstance(error, DataError)) == ("rag.nothing-read", True)
    assert "empty.txt" in str(error)
    assert "bad.pdf" in str(error)
    (tmp_path / "none").mkdir()
    assert error_of(tmp_path / "none").code == "rag.nothing-to-read"


def test_a_file_without_words_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("---\n\n***\n", encoding="utf-8")
    assert error_of(tmp_path / "a.md").code in ("rag.nothing-to-summarize", "rag.nothing-read")


def test_equal_names_of_two_folders_are_told_apart(tmp_path: Path) -> None:
    for name, text in (("a", PUMPS), ("b", BOATS_ZH)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(text, encoding="utf-8")
    assert [each["uri"] for each in data(tmp_path / "a", tmp_path / "b")["documents"]] == ["a/README.md", "b/README.md"]
    told = data(tmp_path / "a" / "README.md", tmp_path / "b" / "README.md")
    assert [each["uri"] for each in told["documents"]] == ["a/README.md", "b/README.md"]


def test_out_writes_a_file_and_says_so(docs: Path, tmp_path: Path) -> None:
    result = run(docs, "--out", tmp_path / "s.html")
    assert result.stdout.endswith(f"written: {tmp_path / 's.html'}\n")
    assert "<mark>" in (tmp_path / "s.html").read_text(encoding="utf-8")


def test_a_model_is_checked_and_not_asked_twice(docs: Path, script: Path) -> None:
    told = data(docs / "pumps.md", "--model", f"fake:{script}")
    assert [each["text"] for each in told["points"]] == ["The water pump needs 200 watts of electric power."]
    assert [each["code"] for each in told["dropped"]] == ["number"]
    assert (told["asked"], told.get("kept", 0)) == (1, 0)
    again = data(docs / "pumps.md", "--model", f"fake:{script}")
    assert (again.get("asked", 0), again["kept"], again["points"]) == (0, 1, told["points"])
    anew = data(docs / "pumps.md", "--model", f"fake:{script}", "--no-resume")
    assert (anew["asked"], anew.get("kept", 0)) == (1, 0)


def test_a_dry_run_says_what_it_takes_and_what_is_kept(docs: Path, script: Path) -> None:
    planned = data(docs, "--model", f"fake:{script}", "--dry-run")
    assert (planned["parts"], planned["calls"], planned["kept"]) == (1, 2, 0)
    assert planned["usage"]["prompt_tokens"] > 400
    data(docs, "--model", f"fake:{script}")
    assert data(docs, "--model", f"fake:{script}", "--dry-run")["kept"] == 1
    assert "answered before: 1" in run(docs, "--model", f"fake:{script}", "--dry-run").stdout
    assert "no model is asked" in run(docs, "--dry-run").stdout


def test_a_dry_run_asks_nothing(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "dead.yaml").write_text("rules:\n  - error: {status: 500}\n", encoding="utf-8")
    assert data(docs, "--model", f"fake:{tmp_path / 'dead.yaml'}", "--dry-run")["parts"] == 1


def test_the_price_of_a_service_is_known_by_name_and_address(tmp_path: Path) -> None:
    settings = Settings(config_folder=tmp_path, data_folder=tmp_path, threads=1)
    add_endpoint(settings, "mine", Endpoint(url="http://127.0.0.1:9/v1", price_in=2.0, price_out=8.0, currency="CNY"))
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=500_000)
    for ref in ("mine:model", "http://127.0.0.1:9/v1#model"):
        assert cost_at(ref, usage, settings).cost == 6.0
    assert cost_at("fake:echo", usage, settings) == usage


def test_a_store_that_cannot_be_written_does_not_keep_from_summing_up(docs: Path, script: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    told = data(docs / "pumps.md", "--model", f"fake:{script}", "--store", tmp_path / "file")
    assert told["points"]


def test_python_sums_up_files_and_bases(docs: Path) -> None:
    assert ll.rag.summarize(docs / "pumps.md", points=2).by == "extract"
    CliRunner().invoke(rag, ["build", "kb", str(docs), "-q"])
    assert len(ll.rag.summarize("kb").documents) == 2
