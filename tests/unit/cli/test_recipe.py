"""`lianlu recipe`: listing, showing, copying with changes, checking, schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Printed
from lianlu.builtins import BUILTINS
from lianlu.cli.recipe import json_schema
from lianlu.core.recipe import kinds, read_tree, shipped

Run = Callable[..., Printed]
CHAIN = """\
kind: chain
version: 1
name: notes
steps:
  documents:
    uses: extract
    with: {files: [notes]}
"""


def test_the_list_shows_what_is_shipped_and_the_kinds(lianlu: Run) -> None:
    found = json.loads(lianlu("recipe", "list", "--json").out)
    assert [row["name"] for row in found["recipes"]] == list(shipped())
    assert found["kinds"] == kinds()
    demo = next(row for row in found["recipes"] if row["name"] == "demo")
    assert demo == {"name": "demo", "kind": "chain", "title": "From documents to an evaluated assistant"}


def test_titles_follow_the_language(lianlu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_LANG", "zh")
    assert "从文档到带引用的回答" in lianlu("recipe", "list").out


@pytest.mark.parametrize(("words", "found"), [("DEMO", True), ("evaluated", True), ("zzz", False)])
def test_the_list_can_be_filtered(lianlu: Run, words: str, found: bool) -> None:
    rows = json.loads(lianlu("recipe", "list", words, "--json").out)["recipes"]
    assert any(row["name"] == "demo" for row in rows) == found


@pytest.mark.parametrize("name", ["demo", "demo.yaml"])
def test_show_prints_the_file_as_it_is(lianlu: Run, name: str) -> None:
    assert lianlu("recipe", "show", name).out == shipped()["demo"].read_text(encoding="utf-8")


def test_an_unknown_recipe_gets_the_nearest_name(lianlu: Run) -> None:
    printed = lianlu("recipe", "show", "dmo")
    assert printed.code == 2
    assert "did you mean 'demo'?" in printed.err


def test_a_copy_is_the_file_itself(lianlu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert lianlu("recipe", "copy", "demo").code == 0
    assert (tmp_path / "demo.yaml").read_text(encoding="utf-8") == shipped()["demo"].read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "command"), [("demo", "lianlu run"), ("train/dpo", "lianlu train")])
def test_a_copy_tells_how_it_is_run(lianlu: Run, tmp_path: Path, name: str, command: str) -> None:
    path = tmp_path / "mine.yaml"
    assert f"{command} {path}" in lianlu("recipe", "copy", name, path).out


def test_a_copy_with_changes_keeps_the_comments_and_validates(lianlu: Run, tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    printed = lianlu(
        "recipe", "copy", "demo", path, "question=xtuner: what is it?", "params.documents=notes", "name=my"
    )
    assert printed.code == 0, printed.err
    assert path.read_text(encoding="utf-8").startswith("# The whole chain")
    values = read_tree(path).values
    assert (values["name"], values["params"]["documents"]) == ("my", "notes")
    assert values["params"]["question"] == "xtuner: what is it?"
    assert lianlu("recipe", "validate", path).code == 0


def test_a_copy_never_overwrites(lianlu: Run, tmp_path: Path) -> None:
    path = tmp_path / "demo.yaml"
    path.write_text("mine")
    for place in (path, tmp_path):
        printed = lianlu("recipe", "copy", "demo", place)
        assert (printed.code, path.read_text()) == (2, "mine")
        assert "[cli.recipe-exists]" in printed.err


@pytest.mark.parametrize("change", ["stpes.x.uses=extract", "steps.documents.uses=extrct", "name=9 bad name", "=1"])
def test_a_copy_with_a_change_that_does_not_fit_writes_nothing(lianlu: Run, tmp_path: Path, change: str) -> None:
    assert lianlu("recipe", "copy", "demo", tmp_path / "a.yaml", change).code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_copy_takes_one_place_only(lianlu: Run, tmp_path: Path) -> None:
    assert lianlu("recipe", "copy", "demo", tmp_path / "a.yaml", "b.yaml").code == 2


def test_a_dry_run_copies_nothing(lianlu: Run, tmp_path: Path) -> None:
    assert lianlu("recipe", "copy", "demo", tmp_path / "a.yaml", "--dry-run").code == 0
    assert list(tmp_path.iterdir()) == []


def test_all_files_are_checked_and_one_bad_one_is_exit_one(lianlu: Run, tmp_path: Path) -> None:
    good, bad, torn, step = (tmp_path / name for name in ("good.yaml", "bad.yaml", "torn.yaml", "step.yaml"))
    good.write_text(CHAIN)
    bad.write_text(CHAIN.replace("uses:", "use:"))
    torn.write_text("kind: [chain")
    step.write_text("kind: extract\nversion: 1\nfiles: [notes]\n")
    printed = lianlu("recipe", "validate", good, bad, torn, step, tmp_path / "absent.yaml", "demo", "--json")
    rows = json.loads(printed.out)["files"]
    assert printed.code == 1
    codes = [row["error"] and row["error"]["code"] for row in rows]
    assert codes == [None, "recipe.unknown-key", "recipe.not-yaml", None, "file.missing", None]
    assert f"{bad}:6" in rows[1]["error"]["message"]
    assert rows[1]["error"]["hint"] == "did you mean 'uses'?"


def test_good_files_are_exit_zero_and_shown_in_a_table(lianlu: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CHAIN)
    printed = lianlu("recipe", "validate", tmp_path / "a.yaml")
    assert printed.code == 0
    assert "│ chain │ ok" in printed.out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kind: chian\nversion: 1", "recipe.unknown-kind"),
        ("kind: extract\nversion: 1\nfiels: [a]", "recipe.unknown-key"),
        ("", "recipe.missing-key"),
        ("- a", "recipe.not-a-map"),
    ],
    ids=["kind", "key of a step", "empty", "list"],
)
def test_what_is_wrong_is_told_with_its_code(lianlu: Run, tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    row = json.loads(lianlu("recipe", "validate", tmp_path / "a.yaml", "--json").out)["files"][0]
    assert row["error"]["code"] == code
    assert "a.yaml" in row["error"]["message"]


@pytest.mark.parametrize("kind", sorted({*BUILTINS["recipe"], *BUILTINS["step"]}))
def test_every_kind_has_a_schema_with_descriptions(kind: str) -> None:
    schema = json_schema(kind)
    assert schema["additionalProperties"] is False
    assert [key for key, about in schema["properties"].items() if not about.get("description")] == []
    assert {"kind", "version"} <= set(schema["properties"])


def test_a_schema_is_written_for_an_editor(lianlu: Run, tmp_path: Path) -> None:
    printed = lianlu("recipe", "schema", "chain", "--out", tmp_path)
    path = tmp_path / "chain.schema.json"
    assert json.loads(path.read_text(encoding="utf-8"))["title"] == "lianlu chain"
    assert printed.out == f"# yaml-language-server: $schema={path}\n"


def test_a_schema_on_stdout_is_json_alone(lianlu: Run) -> None:
    assert json.loads(lianlu("recipe", "schema", "chain").out)["properties"]["steps"]


def test_an_unknown_kind_is_named(lianlu: Run) -> None:
    printed = lianlu("recipe", "schema", "chian")
    assert printed.code == 2
    assert "did you mean 'chain'?" in printed.err
