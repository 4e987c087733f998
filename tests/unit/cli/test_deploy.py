"""`lianlu deploy space`: what is written, for whom, and what is refused before anything is written or sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from conftest import Printed
from lianlu.cli.space.folder import MARKER
from lianlu.core.hashing import sha256_file
from lianlu.core.settings import Settings
from lianlu.llm.endpoint import Endpoint, add_endpoint
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.refusal import FEATURES_KEY, FORMAT, SHIPPED, Calibration, Measured, Refusal, write_calibration

Run = Callable[..., Printed]
SECRET = "sk-live-0123456789abcdef"
TEXT = "# Backups\n\nBackups run every night at two. They are kept for thirty days.\n\n# 备份\n\n备份保存三十天。\n"


@pytest.fixture
def deploy(lianlu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`deploy("--sdk", "docker")` writes the Space of a base of one document into `space`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    notes = tmp_path / "private notes"
    notes.mkdir()
    (notes / "backups.md").write_text(TEXT, encoding="utf-8")
    (notes / "broken.pdf").write_bytes(b"no pdf")
    assert lianlu("rag", "build", "notes", notes, "-q").code == 0
    return lambda *arguments: lianlu("deploy", "space", "space", "--base", "notes", *arguments)


def files(tmp_path: Path) -> dict[str, bytes]:
    root = tmp_path / "space"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def front(tmp_path: Path) -> dict[str, Any]:
    text = (tmp_path / "space" / "README.md").read_text(encoding="utf-8")
    return YAML(typ="safe", pure=True).load(text.split("---\n")[1])


def refused(done: Printed, code: str) -> None:
    assert f"[{code}]" in done.err
    assert "hint: " in done.err


def test_a_docker_space_has_what_the_hub_builds_and_runs(deploy: Run, tmp_path: Path) -> None:
    told = json.loads(deploy("--title", "Our: notes", "--json").out)
    assert told["secrets"] == []
    assert (
        {each["name"] for each in told["files"]}
        == set(files(tmp_path))
        == {
            ".gitattributes",
            "Dockerfile",
            "README.md",
            "base/index.lexical",
            "base/index.sqlite",
            "lianlu-space.json",
            "requirements.txt",
            "wheels/lianlu-0.1.0-py3-none-any.whl",
        }
    )
    assert front(tmp_path) == {
        "title": "Our: notes",
        "emoji": "📚",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": "docker",
        "app_port": 7860,
        "pinned": False,
        "short_description": "Cited answers from documents · 带出处的文档问答",
    }
    recipe = files(tmp_path)["Dockerfile"].decode()
    assert "--uid 1000" in recipe
    serve = ["lianlu", "rag", "serve", "base/index.sqlite", "--host", "0.0.0.0", "--port", "7860"]
    shown = ["--title", "Our: notes", "--framed-by", "https://huggingface.co"]
    assert json.loads(recipe.splitlines()[-1].removeprefix("CMD ")) == [*serve, *shown]


def test_a_base_searched_by_words_needs_no_torch_there(deploy: Run, tmp_path: Path) -> None:
    deploy()
    names = {line.split("==")[0] for line in files(tmp_path)["requirements.txt"].decode().splitlines()}
    assert {"fastapi", "numpy", "uvicorn"} <= names
    assert not names & {"torch", "transformers", "onnxruntime", "lxml", "lianlu"}


def test_a_gradio_space_starts_our_server_and_leaves_room_for_gradio(deploy: Run, tmp_path: Path) -> None:
    deploy("--sdk", "gradio")
    made = files(tmp_path)
    compile(made["app.py"], "app.py", "exec")
    assert front(tmp_path)["app_file"] == "app.py"
    assert all(">=" in line for line in made["requirements.txt"].decode().splitlines())
    assert "Dockerfile" not in made


def test_nothing_of_this_machine_is_in_it(deploy: Run, tmp_path: Path) -> None:
    deploy()
    texts = b"\0".join(files(tmp_path).values())
    assert str(tmp_path).encode() not in texts
    assert b"private notes" not in texts
    connection = sqlite3.connect(tmp_path / "space" / "base" / "index.sqlite")
    counts = {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("roots", "failures")
    }
    connection.close()
    assert counts == {"roots": 0, "failures": 0}


def test_its_base_answers_as_ours_does(deploy: Run, lianlu: Run, tmp_path: Path) -> None:
    deploy()
    with KnowledgeBase.open_snapshot(tmp_path / "space" / "base" / "index.sqlite") as there:
        found = [passage.text for passage in there.search("How long are backups kept?")]
    told = json.loads(lianlu("rag", "search", "notes", "How long are backups kept?", "--json").out)
    assert found == [passage["text"] for passage in told["passages"]]
    assert found


def test_its_base_refuses_as_ours_does(deploy: Run, tmp_path: Path) -> None:
    made = Refusal(intercept=SHIPPED.intercept, weights=SHIPPED.weights, threshold=0.9999)
    share = (1.0, 1.0, 1.0)
    measured = Measured(precision=share, recall=share, refused=share, auc=share, auc_shipped=share, curve=())
    calibration = Calibration(
        format=FORMAT,
        features=FEATURES_KEY,
        refusal=made,
        answerable=10,
        unanswerable=10,
        has_own_weights=False,
        chunks=2,
        made="2026-01-02T03:04:05+00:00",
        measured=measured,
    )
    write_calibration(tmp_path / "store" / "state" / "kb" / "notes.calibration.json", calibration)
    assert deploy().code == 0
    with KnowledgeBase.open_snapshot(tmp_path / "space" / "base" / "index.sqlite") as base:
        assert base.refusal == made


def test_written_twice_it_is_the_same(deploy: Run, tmp_path: Path) -> None:
    deploy()
    first = files(tmp_path)
    assert deploy().code == 0
    assert files(tmp_path) == first


def test_the_marker_lists_every_other_file_with_its_hash(deploy: Run, tmp_path: Path) -> None:
    deploy()
    space = tmp_path / "space"
    listed = json.loads((space / MARKER).read_text())["files"]
    assert listed == {name: sha256_file(space / name) for name in files(tmp_path) if name != MARKER}


def test_another_kind_takes_the_files_of_the_old_one_away_and_leaves_foreign_ones(deploy: Run, tmp_path: Path) -> None:
    deploy()
    (tmp_path / "space" / ".git").mkdir()
    (tmp_path / "space" / ".git" / "config").write_text("mine")
    deploy("--sdk", "static")
    assert set(files(tmp_path)) == {".git/config", ".gitattributes", "README.md", "index.html", MARKER}


def test_a_folder_with_other_files_is_left_alone(deploy: Run, tmp_path: Path) -> None:
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "thesis.md").write_text("mine")
    done = deploy()
    refused(done, "cli.space-not-ours")
    assert files(tmp_path) == {"thesis.md": b"mine"}


def test_a_file_that_was_edited_is_not_written_over(deploy: Run, tmp_path: Path) -> None:
    deploy()
    (tmp_path / "space" / "README.md").write_text("my own words")
    refused(deploy(), "cli.space-edited")
    assert files(tmp_path)["README.md"] == b"my own words"


def test_a_marker_that_names_files_elsewhere_removes_none(deploy: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    (tmp_path / "space").mkdir()
    told = {"made_by": "x", "files": {"../mine.txt": sha256_file(mine), str(mine): sha256_file(mine)}}
    (tmp_path / "space" / MARKER).write_text(json.dumps(told))
    assert deploy().code == 0
    assert mine.read_text() == "mine"


def test_a_folder_that_a_killed_run_left_is_known_as_ours(deploy: Run, tmp_path: Path) -> None:
    deploy()
    finished = files(tmp_path)
    marker = tmp_path / "space" / MARKER
    told = json.loads(marker.read_text())
    old = told["files"] | {"old.txt": sha256_file(tmp_path / "space" / "README.md")}
    (tmp_path / "space" / "old.txt").write_bytes(finished["README.md"])
    told = {**told, "files": dict.fromkeys(told["files"], "0" * 64), "before": old}  # no new file is in its place yet
    marker.write_text(json.dumps(told))
    assert deploy().code == 0
    assert files(tmp_path) == finished


def test_a_dry_run_lists_the_files_and_writes_none(deploy: Run, tmp_path: Path) -> None:
    told = json.loads(deploy("--dry-run", "--push", "ann/notes", "--secret", "API_KEY", "--json").out)
    assert {each["name"]: each["bytes"] for each in told["files"]}["base/index.sqlite"] > 1000
    assert not (tmp_path / "space").exists()


def test_a_service_is_named_with_the_variable_of_its_key(
    deploy: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    deploy("--model", "https://host.example/v1#tiny", "--secret", "API_KEY")
    made = files(tmp_path)
    (endpoint,) = YAML(typ="safe", pure=True).load(made["config/endpoints.yaml"])["endpoints"].values()
    assert endpoint == {"url": "https://host.example/v1", "key_env": ["API_KEY"]}
    assert '"--model", "https://host.example/v1#tiny"' in made["Dockerfile"].decode()
    assert not any(SECRET.encode() in content for content in made.values())


def test_a_preset_that_knows_the_variable_needs_no_entry(deploy: Run, tmp_path: Path) -> None:
    assert (
        json.loads(deploy("--model", "internlm:internlm2.5-latest", "--secret", "API_KEY", "--json").out)["notes"] == []
    )
    assert "config/endpoints.yaml" not in files(tmp_path)


def test_an_endpoint_of_ones_own_comes_along(deploy: Run, tmp_path: Path) -> None:
    add_endpoint(Settings.from_environment(), "lab", Endpoint(url="https://lab.example/v1", key_env=("LAB_KEY",)))
    told = json.loads(deploy("--model", "lab:big", "--json").out)
    assert "--secret LAB_KEY" in told["notes"][0]
    assert b"https://lab.example/v1" in files(tmp_path)["config/endpoints.yaml"]


@pytest.mark.parametrize("ref", ["local:model", "fake:echo", "@demo/merged", "nowhere:model"])
def test_a_model_that_cannot_come_along_is_refused(deploy: Run, tmp_path: Path, ref: str) -> None:
    refused(deploy("--model", ref), "cli.space-model-stays")
    assert not (tmp_path / "space").exists()


def test_a_secret_in_a_document_is_found_and_nothing_is_written(
    deploy: Run, lianlu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "private notes" / "config.md").write_text(f"# Key\n\nThe key is {SECRET} and nobody knows it.\n")
    lianlu("rag", "update", "notes")
    monkeypatch.setenv("API_KEY", SECRET)
    done = deploy("--secret", "API_KEY")
    refused(done, "cli.space-secret-inside")
    assert "base/index.sqlite" in done.err
    assert SECRET not in done.err + done.out
    assert not (tmp_path / "space").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".tmp")] == []


def test_a_key_given_instead_of_its_name_is_not_repeated(deploy: Run) -> None:
    done = deploy("--secret", SECRET)
    refused(done, "cli.space-bad-secret-name")
    assert SECRET not in done.err + done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--sdk", "static", "--secret", "API_KEY"), "cli.space-static-model"),
        (("--push", "ann"), "cli.hub-bad-name"),
        (("--push", "ann/../bob"), "cli.hub-bad-name"),
        (("--push", "ann/notes", "--secret", "API_KEY"), "cli.space-secret-unset"),
    ],
    ids=["key-in-a-static-page", "no-owner", "dots", "secret-not-set"],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    deploy: Run, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    done = deploy(*arguments)
    refused(done, code)
    assert done.code == 2
    assert not (tmp_path / "space").exists()


def test_a_short_value_is_no_key(deploy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "1")
    refused(deploy("--secret", "API_KEY"), "cli.space-secret-short")


def test_an_unknown_base_is_told_with_the_known_ones(lianlu: Run, deploy: Run) -> None:
    refused(lianlu("deploy", "space", "space", "--base", "nots"), "rag.unknown-base")
