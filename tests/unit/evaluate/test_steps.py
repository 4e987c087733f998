"""The steps of a chain: inputs become models and samples, equal inputs give equal bytes, pages show what was found."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.step import ModelInput, PathInput, Step
from lianlu.evaluate.page import section
from lianlu.evaluate.result import Evaluation
from lianlu.evaluate.steps import PARITY, RUN, EvalParityRecipe, EvalRunRecipe
from lianlu.page import BarChart, Page, SectionContext, render
from lianlu.records import Artifact, Sample

from .making import adding, sums, write_samples, write_script


@pytest.fixture
def samples(tmp_path: Path) -> Files:
    made = [*sums(8), Sample(id="n", input="name?", targets=("Ann",), meta={"generator": "identity"})]
    made = [msgspec.structs.replace(each, meta={"generator": "arithmetic"}) if not each.meta else each for each in made]
    write_samples(tmp_path / "samples" / "samples.jsonl", made)
    return Files.of_folder(tmp_path / "samples", kind="samples")


def ran(place: Path, inputs: dict[str, Files], **recipe: object) -> tuple[Files, dict[str, object]]:
    settings = EvalRunRecipe.model_validate(recipe)
    summary = RUN.run(settings, inputs, Job("t", outputs=place, scratch=place / "scratch"))
    return Files.of_folder(place / "scores", kind="scores"), dict(summary)


def shown(files: Files) -> str:
    context = SectionContext(artifact=Artifact(id="x", kind="scores", format_version=1, files=()))
    return render(Page(title="t", sections=[section(files, context)]), "en")


def test_both_are_steps() -> None:
    assert isinstance(RUN, Step)
    assert isinstance(PARITY, Step)


def test_samples_of_an_input_and_own_benchmarks_together(tmp_path: Path, samples: Files) -> None:
    base = write_script(tmp_path / "b.yaml", adding(wrong=[1, 2, 3]))
    tuned = write_script(tmp_path / "t.yaml", adding())
    files, summary = ran(
        tmp_path / "out",
        {"samples": samples},
        model=[f"base={base}", f"tuned={tuned}"],
        benchmarks=["arithmetic", "zh-choice"],
        limit=8,
    )
    scores = {(each["benchmark"], each["model"]): each for each in summary["scores"]}  # type: ignore[index,attr-defined,union-attr]
    assert set(scores) == {(b, m) for b in ("arithmetic", "zh-choice") for m in ("base", "tuned")}
    assert scores["arithmetic", "tuned"]["value"] == 1.0
    assert {"standard_error", "low", "high", "n", "errors"} <= set(scores["arithmetic", "base"])
    assert sorted(files) == ["scores.json", "scores.jsonl"]
    assert (tmp_path / "out" / "predictions" / "predictions.jsonl").read_bytes().count(b"\n") == 32


def test_each_benchmark_finds_its_samples_among_several_inputs(tmp_path: Path) -> None:
    named = [Sample(id="n2", input="maker?", targets=("Bo",), meta={"generator": "identity"})]
    write_samples(tmp_path / "more" / "samples.jsonl", named)
    more = Files.of_folder(tmp_path / "more", kind="samples")
    only_sums = [msgspec.structs.replace(each, meta={"generator": "arithmetic"}) for each in sums(4)]
    write_samples(tmp_path / "sums" / "samples.jsonl", only_sums)
    inputs = {"sums": Files.of_folder(tmp_path / "sums", kind="samples"), "more": more}
    _, summary = ran(tmp_path / "out", inputs, model="m=fake:echo", benchmarks=["identity", "arithmetic"])
    assert {each["benchmark"]: each["n"] for each in summary["scores"]} == {"identity": 1, "arithmetic": 4}  # type: ignore[index,attr-defined,union-attr]


def test_equal_inputs_give_equal_bytes(tmp_path: Path, samples: Files) -> None:
    script = write_script(tmp_path / "m.yaml", adding())
    one, two = (ran(tmp_path / n, {"samples": samples}, model=f"m={script}", benchmarks="arithmetic")[0] for n in "12")
    assert [path.read_bytes() for path in one.values()] == [path.read_bytes() for path in two.values()]
    content = b"".join(path.read_bytes() for path in one.values())
    assert str(tmp_path).encode() not in content
    assert msgspec.json.decode(one["scores.json"].read_bytes(), type=Evaluation).scores[0].n == 8


def test_what_lies_outside_is_declared(tmp_path: Path) -> None:
    script = write_script(tmp_path / "m.yaml", adding())
    path = write_samples(tmp_path / "mine.jsonl", sums(2))
    recipe = EvalRunRecipe.model_validate({"model": f"m={script}", "benchmarks": ["zh-choice", str(path), "letters"]})
    outside = list(RUN.outside(recipe))
    (model,) = (each for each in outside if isinstance(each, ModelInput))
    assert (model.ref, bool(model.fingerprint)) == (script, True)
    files = [file.name for each in outside if isinstance(each, PathInput) for file in each.files or ()]
    assert files == ["zh-choice.jsonl", "zh-choice.shots.jsonl", "zh-choice.yaml", "mine.jsonl", "letters.yaml"]


def test_a_server_of_the_chain_is_not_asked_before_it_runs() -> None:
    recipe = EvalRunRecipe.model_validate({"model": "served=http://127.0.0.1:9/v1#m", "benchmarks": "zh-choice"})
    assert next(iter(RUN.outside(recipe))) == ModelInput("http://127.0.0.1:9/v1#m", None)


def test_wrong_inputs_are_named(tmp_path: Path, samples: Files) -> None:
    (tmp_path / "d").mkdir()
    for inputs, code in (
        ({"documents": Files({}, kind="documents")}, "evaluate.wrong-input"),
        ({"samples": Files({"a.txt": tmp_path}, kind="samples")}, "evaluate.which-file"),
        ({}, "evaluate.no-samples"),
    ):
        with pytest.raises(UsageError) as raised:
            ran(tmp_path / "out", inputs, model="fake:echo", benchmarks="arithmetic")
        assert raised.value.code == code
    with pytest.raises(UsageError) as none:
        ran(tmp_path / "out", {"samples": samples}, benchmarks="arithmetic")
    assert none.value.code == "evaluate.no-model"


def test_the_page_shows_scores_intervals_and_answers(tmp_path: Path, samples: Files) -> None:
    base = write_script(tmp_path / "b.yaml", adding(wrong=[1, 2, 3]))
    tuned = write_script(tmp_path / "t.yaml", adding())
    files, _ = ran(
        tmp_path / "out", {"samples": samples}, model=[f"base={base}", f"tuned={tuned}"], benchmarks="arithmetic"
    )
    page = shown(files)
    assert all(words in page for words in ("arithmetic", "base", "tuned", "1+1=?", "The result is 3.", "0.676"))
    context = SectionContext(artifact=Artifact(id="x", kind="scores", format_version=1, files=()))
    chart = next(part for part in section(files, context).parts if isinstance(part, BarChart))
    assert [bar.values for bar in chart.bars] == [[62.5, 100.0]]


def test_parity_is_shown_too(tmp_path: Path, samples: Files) -> None:
    script = write_script(tmp_path / "m.yaml", adding())
    recipe = EvalParityRecipe(a=script, b=script, benchmark="arithmetic")
    summary = PARITY.run(recipe, {"samples": samples}, Job("t", outputs=tmp_path / "out"))
    assert summary["parity"]["failed"] == "identity"
    assert "nothing that is served was asked" in shown(Files.of_folder(tmp_path / "out" / "parity", kind="scores"))


def test_damaged_scores_are_an_error(tmp_path: Path) -> None:
    for name, content, code in (
        ("other.txt", b"", "evaluate.no-scores"),
        ("parity.json", b"{", "evaluate.bad-scores"),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(content)
        with pytest.raises(DataError) as raised:
            shown(Files.of_folder(folder, kind="scores"))
        assert raised.value.code == code
    for name in ("scores.json", "scores.jsonl"):
        (tmp_path / "s").mkdir(exist_ok=True)
        (tmp_path / "s" / name).write_bytes(b"nonsense\n")
    with pytest.raises(DataError, match="cannot be read"):
        shown(Files.of_folder(tmp_path / "s", kind="scores"))
