"""The base of the demo: small enough for the repository, whole, and made by the recipe that stands beside it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from lianlu.chain.plan import plan_chain
from lianlu.chain.variables import examples_root
from lianlu.train.config import PretrainRecipe

NANO = examples_root() / "nano"
PUT = NANO.parent / "put_nano.py"


def test_it_is_at_most_four_megabytes() -> None:
    assert sum(path.stat().st_size for path in NANO.iterdir()) <= 4_000_000


def test_it_was_made_by_the_recipe() -> None:
    """Whoever changes the recipe makes the base anew: `make nano`."""
    step = next(each for each in plan_chain("train/nano").steps if each.name == "base")
    assert isinstance(step.recipe, PretrainRecipe)
    about = json.loads((NANO / "training.json").read_text(encoding="utf-8"))
    free = {"device", "precision"}  # a GPU may make it too
    wanted = step.recipe.model_dump(mode="json", exclude=free)
    usual = PretrainRecipe().model_dump(mode="json")  # keys that came later mean what was done before
    assert {**usual, **about["recipe"]} == {**wanted, **{key: about["recipe"][key] for key in free}}
    assert about["seed"] == 0


def test_only_a_whole_base_is_put_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("put_nano", PUT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = {path.name: path.read_bytes() for path in NANO.iterdir()}
    (tmp_path / "config.json").write_text("{}")
    assert module.main(tmp_path) == 1
    assert "model.safetensors" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in NANO.iterdir()} == before
