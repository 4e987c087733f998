"""A model folder of this machine: as an input of a chain, asked in process."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.evaluate.steps import RUN, EvalRunRecipe
from lianlu.llm import FakeBackend
from lianlu.records import Sample

from .making import benchmark_of, sums, write_samples

pytest.importorskip("torch", reason="weights need torch")
pytest.importorskip("transformers", reason="weights need transformers")

from lianlu.evaluate.model import Candidate
from lianlu.evaluate.parity import parity
from lianlu.evaluate.run import evaluate
from tiny_model import tiny_model_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("weights") / "model"
    tiny_model_folder(place)
    return place


def test_weights_of_a_chain_are_models_named_after_their_input(model: Path, tmp_path: Path) -> None:
    write_samples(tmp_path / "s" / "samples.jsonl", sums(3))
    inputs = {
        "base": Files.of_folder(model, kind="weights"),
        "tuned": Files.of_folder(model, kind="weights"),
        "samples": Files.of_folder(tmp_path / "s", kind="samples"),
    }
    recipe = EvalRunRecipe.model_validate({"benchmarks": ["arithmetic", "zh-choice"], "limit": 3})
    contents: list[bytes] = []
    for name in ("one", "two"):
        summary = RUN.run(recipe, inputs, Job("t", outputs=tmp_path / name, scratch=tmp_path / name / "kept"))
        contents.append((tmp_path / name / "scores" / "scores.json").read_bytes())
    assert contents[0] == contents[1]
    assert [(each["model"], each["mode"]) for each in summary["scores"]] == [
        ("base", "generation"),
        ("tuned", "generation"),
        ("base", "loglikelihood"),
        ("tuned", "loglikelihood"),
    ]
    assert all(each["difference"] == 0 for each in summary["comparisons"])


def test_a_prompt_that_is_too_long_is_an_error_of_its_item(model: Path, tmp_path: Path) -> None:
    samples = [*sums(3), Sample(id="long", input="x" * 4000, targets=("1",))]
    found = evaluate([Candidate("m", f"local:{model}")], [benchmark_of(tmp_path / "s.jsonl", samples)])
    (score,) = found.evaluation.scores
    assert (score.n, score.errors) == (4, 1)
    assert [item.error for item in found.items if item.error] == ["engine.too-long"]


def test_the_local_model_twice_is_no_parity(model: Path, tmp_path: Path) -> None:
    sides = [Candidate(name, f"local:{model}") for name in "ab"]
    found = parity(sides[0], sides[1], benchmark_of(tmp_path / "s.jsonl", sums(2)))
    assert (found.failed, FakeBackend().asked) == ("identity", [])
