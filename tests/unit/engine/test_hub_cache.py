"""A hub id opens what lies in the hub's cache, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.engine.hub_cache import model_path

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "hub" / "models--BAAI--bge-m3"
    (place / "snapshots" / REVISION).mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(REVISION + "\n")
    return tmp_path


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
def test_a_hub_id_is_found_in_the_cache(variable: str, home: Path) -> None:
    environment = {variable: str(home if variable == "HF_HOME" else home / "hub")}
    found = model_path("BAAI/bge-m3", environment)
    assert found == home / "hub" / "models--BAAI--bge-m3" / "snapshots" / REVISION


def test_a_folder_of_that_name_goes_first(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "BAAI" / "bge-m3").mkdir(parents=True)
    assert model_path("BAAI/bge-m3", {"HF_HOME": str(home)}) == Path("BAAI/bge-m3")


@pytest.mark.parametrize("name", ["BAAI/other", "a/b/c", "../x", "/abs/x", "BAAI/..", "bge-m3"])
def test_what_is_not_there_stays_the_path_it_was(name: str, home: Path) -> None:
    assert model_path(name, {"HF_HOME": str(home)}) == Path(name)


def test_a_revision_that_leads_elsewhere_is_not_followed(home: Path) -> None:
    (home / "hub" / "models--BAAI--bge-m3" / "refs" / "main").write_text("../../..")
    assert model_path("BAAI/bge-m3", {"HF_HOME": str(home)}) == Path("BAAI/bge-m3")
