from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.recipe import check, parse_tree
from lianlu.core.step import PathInput
from lianlu.extract.step import EXTRACT, ExtractRecipe
from lianlu.text.documents import load_documents, load_failures
from made_files import docx, lines, pdf


def words(made: Any) -> None:
    made.add_paragraph("Word words")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "en").mkdir(parents=True)
    (folder / "a.md").write_text("# One\n\ntext")
    (folder / "en" / "b.txt").write_text("plain text")
    (folder / "c.html").write_text("<h1>Page</h1><p>words</p>")
    (folder / "d.docx").write_bytes(docx(words))
    (folder / "e.pdf").write_bytes(pdf(lines(72, 700, ["PDF words"])))
    (folder / "f.md").write_text("")
    (folder / "g.pdf").write_bytes(b"%PDF-1.4 cut")
    return folder


def run(folder: Path, outputs: Path, **more: Any) -> tuple[dict[str, Any], Files]:
    recipe = ExtractRecipe.model_validate({"files": str(folder), **more})
    summary = EXTRACT.run(recipe, {}, Job("extract", outputs=outputs))
    return dict(summary), Files.of_folder(outputs / "documents", kind="documents")


def test_documents_and_failures_are_written(docs: Path, tmp_path: Path) -> None:
    summary, files = run(docs, tmp_path / "out")
    assert [document.source.uri for document in load_documents(files)] == [
        "a.md",
        "c.html",
        "d.docx",
        "e.pdf",
        "en/b.txt",
    ]
    assert [failure.code for failure in load_failures(files)] == ["extract.empty", "extract.broken"]
    assert (summary["documents"], summary["failed"]) == (5, 2)
    assert summary["formats"]["application/pdf"] == 1
    first = summary["failures"][0]
    assert (first["uri"], first["code"], first["reason"]) == ("f.md", "extract.empty", "the file is empty")
    assert files["a.md"].read_text() == "# One\n\ntext\n"
    json.dumps(summary)


def test_two_runs_give_the_same_bytes_in_any_language(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = run(docs, tmp_path / "one")
    monkeypatch.setenv("LIANLU_LANG", "zh")
    moved = tmp_path / "moved" / "docs"
    moved.parent.mkdir()
    docs.rename(moved)
    _, second = run(moved, tmp_path / "two")
    assert {name: path.read_bytes() for name, path in first.items()} == {
        name: path.read_bytes() for name, path in second.items()
    }


def test_only_the_changed_document_changes(docs: Path, tmp_path: Path) -> None:
    _, first = run(docs, tmp_path / "one")
    before = {document.source.uri: document.id for document in load_documents(first)}
    (docs / "a.md").write_text("# Two")
    _, second = run(docs, tmp_path / "two")
    after = {document.source.uri: document.id for document in load_documents(second)}
    assert [uri for uri in before if before[uri] != after[uri]] == ["a.md"]


def test_outside_names_the_files_that_are_read(docs: Path) -> None:
    recipe = ExtractRecipe.model_validate({"files": [str(docs)], "include": "*.md"})
    (found,) = EXTRACT.outside(recipe)
    assert isinstance(found, PathInput)
    assert found.path == docs
    assert found.files is not None
    assert [path.name for path in found.files] == ["a.md", "f.md"]


def test_nothing_read_is_an_error_that_keeps_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("")
    with pytest.raises(DataError) as caught:
        run(tmp_path / "a.md", tmp_path / "out")
    assert caught.value.code == "extract.all-failed"
    assert load_failures(Files.of_folder(tmp_path / "out" / "documents", kind="documents"))[0].uri == "a.md"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("file: x", "recipe.unknown-key"),
        ("include: '*.md'", "recipe.missing-key"),
        ("files: []", "recipe.bad-value"),
        ("files: a\nmax_bytes: 0", "recipe.bad-value"),
        ("files: a\nmax_seconds: never", "recipe.bad-value"),
    ],
)
def test_recipe_is_checked(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(parse_tree(text, "r.yaml"), ExtractRecipe, "extract")
    assert caught.value.code == code


def test_limits_are_those_of_the_recipe(docs: Path, tmp_path: Path) -> None:
    summary, _ = run(docs, tmp_path / "out", max_bytes=30)
    assert {failure["code"] for failure in summary["failures"]} == {
        "extract.too-large",
        "extract.empty",
        "extract.broken",
    }
