"""The page of a model: curves where it was trained here, its size where it was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.page import Fact, Facts, Fold, LineChart, Note, Page, Part, Section, SectionContext, Table, render
from lianlu.records import Artifact
from lianlu.train.page import section

NAMELESS = SectionContext(Artifact(id="x", kind="weights", format_version=1, files=()))


def test_a_trained_model_shows_its_curves(base: Path) -> None:
    shown = section(Files.of_folder(base, kind="weights"), NAMELESS)
    charts = [part for part in shown.parts if isinstance(part, LineChart)]
    assert [len(line.points) for line in charts[0].lines] == [4]
    html = render(Page(title="t", sections=[shown]))
    assert "Pretraining" in html
    assert "预训练" in html


def test_a_model_from_elsewhere_shows_its_size(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"0" * 2_000_000)
    shown = section(Files.of_folder(tmp_path, kind="weights"), NAMELESS)
    assert "2" in render(Page(title="t", sections=[shown]))
    assert not [part for part in shown.parts if isinstance(part, LineChart)]


def test_metrics_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b"{")
    with pytest.raises(DataError) as raised:
        section(Files.of_folder(tmp_path, kind="weights"), NAMELESS)
    assert raised.value.code == "train.no-metrics"


def folder(place: Path, **content: Any) -> Files:
    """A folder of a run: `metrics=[...]` becomes metrics.jsonl, `training={...}` training.json."""
    for name, value in content.items():
        is_lines = isinstance(value, list)
        lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in (value if is_lines else [value])]
        (place / (f"{name}.jsonl" if is_lines else f"{name}.json")).write_text("".join(lines), encoding="utf-8")
    return Files.of_folder(place, kind="weights")


def shown(files: Files) -> Section:
    made = section(files, NAMELESS)
    render(Page(title="t", sections=[made]))
    return made


def facts(made: Section) -> dict[str, Fact]:
    return {fact.label.en: fact for part in made.parts if isinstance(part, Facts) for fact in part.facts}


def titled(made: Section, title: str) -> Any:
    def every(parts: Any) -> Any:
        for part in parts:
            yield part
            yield from every(part.parts) if isinstance(part, Fold) else ()

    return next(part for part in every(made.parts) if getattr(getattr(part, "title", None), "en", "") == title)


def notes(made: Section) -> list[str]:
    return [part.text.en for part in made.parts if isinstance(part, Note) and not isinstance(part.text, str)]


def falling(steps: int = 100) -> list[dict[str, Any]]:
    return [{"step": step, "epoch": step / 40, "loss": 1 + 5 / step, "tokens": 10} for step in range(1, steps + 1)]


def test_what_was_best_stands_beside_what_came_last(tmp_path: Path) -> None:
    lines = falling(30)
    for step, loss in ((10, 1.5), (20, 1.4), (30, 1.43)):
        lines[step - 1]["eval_loss"] = loss
    found = facts(shown(folder(tmp_path, metrics=lines, training={"steps": 30})))
    assert found["loss on unseen samples"].value == 1.43
    assert found["loss on unseen samples"].note.en == "best 1.4000 at step 20"
    assert found["steps"].note.en == "0.75 epochs"


def test_speed_is_that_of_a_usual_step_and_memory_the_most(tmp_path: Path) -> None:
    speed = [
        {"step": step, "tokens_per_second": rate, "mfu": 0.4, "peak_memory": step << 30}
        for step, rate in enumerate((None, 100.0, 200.0, 9000.0), start=1)
    ]
    found = facts(shown(folder(tmp_path, metrics=falling(4), speed=speed)))
    assert found["tokens per second"].value == 200.0
    assert found["tokens per second"].note.en == "40% of what the machine can do"
    assert found["peak memory"].value == "4.00 GiB"


def test_a_torn_line_of_speed_does_not_spoil_the_page(tmp_path: Path) -> None:
    folder(tmp_path, metrics=falling(4), speed=[{"step": 1, "tokens_per_second": 5.0}])
    with (tmp_path / "speed.jsonl").open("ab") as file:
        file.write(b'{"step": 2, "tok')
    assert facts(shown(Files.of_folder(tmp_path, kind="weights")))["tokens per second"].value == 5.0


def test_a_warning_stands_with_its_remedy_before_the_curves(tmp_path: Path) -> None:
    lines = falling()
    for step in range(10, 101, 10):
        lines[step - 1]["eval_loss"] = 1.4 + abs(step - 40) / 100
    made = shown(folder(tmp_path, metrics=lines))
    assert len(notes(made)) == 1
    assert "best at step 40" in notes(made)[0]
    assert '\n→ stop near step 40 ("steps: 40")' in notes(made)[0]
    kinds = [type(part) for part in made.parts]
    assert kinds.index(Note) < kinds.index(LineChart)


def test_findings_of_the_data_are_weighed_by_epochs_and_told_once(tmp_path: Path) -> None:
    findings = [
        {"code": "duplicate", "count": 30, "en": "30 samples repeat", "zh": "重复"},
        {"code": "placeholder", "count": 2, "en": "2 samples have a placeholder", "zh": "占位符"},
    ]
    made = shown(folder(tmp_path, metrics=falling(), training={"samples": 300, "findings": findings}))
    assert notes(made) == [
        "30 samples repeat; each is seen in 3 epochs\n→ keep one of each, or train for fewer epochs",
        "2 samples have a placeholder",
    ]


def test_first_and_last_answers_stand_beside_each_other(tmp_path: Path) -> None:
    samples = [
        {"step": step, "prompt": prompt, "answer": f"{prompt}{step}", "tokens": 3}
        for step in (5, 10, 15)
        for prompt in ("你是谁？", "b")
    ]
    made = shown(folder(tmp_path, metrics=falling(15), samples=samples))
    assert titled(made, "Sample answers").rows == [("你是谁？", "你是谁？5", "你是谁？15"), ("b", "b5", "b15")]
    assert [column.zh for column in titled(made, "Sample answers").columns] == ["问题", "第 5 步后", "第 15 步后"]
    assert len(titled(made, "Answers of all steps").parts[0].rows) == 6


def test_one_round_of_answers_is_shown_once_and_errors_are_told(tmp_path: Path) -> None:
    error = {"code": "engine.too-long", "en": "too long", "zh": "过长"}
    samples = [{"step": 0, "prompt": "a", "answer": "", "tokens": 0}, {"step": 0, "prompt": "b", "error": error}]
    made = shown(folder(tmp_path, metrics=falling(3), samples=samples))
    table = titled(made, "Sample answers")
    assert [column.en for column in table.columns] == ["question", "before training"]
    assert [row[1].en for row in table.rows] == ["(nothing)", "(too long)"]
    assert "Answers of all steps" not in [
        getattr(part.title, "en", "") for part in made.parts if isinstance(part, Fold)
    ]


PLAN = [{"en": "weights", "zh": "权重", "bytes": 2 << 20}, {"name": "optimizer", "bytes": 4 << 20}]


@pytest.mark.parametrize(
    "content",
    [
        {"memory": {"parts": PLAN, "measured": 7 << 20}},
        {"training": {"memory": {"parts": PLAN, "measured": 7 << 20}}},
        {"memory": {"weights": 2 << 20, "optimizer": 4 << 20, "measured": 7 << 20}},
    ],
    ids=["file", "training", "plain"],
)
def test_the_memory_plan_is_summed_and_compared(tmp_path: Path, content: dict[str, Any]) -> None:
    table = titled(shown(folder(tmp_path, metrics=falling(3), **content)), "Memory plan").parts[0]
    assert [size for _, size in table.rows] == [2.0, 4.0, 6.0, 7.0]


def test_the_run_is_told_in_a_table_with_its_settings(tmp_path: Path) -> None:
    training = {
        "objective": "lora",
        "parameters": 12_345_678,
        "trained_parameters": 123_457,
        "samples": 8,
        "recipe": {"model": "base", "learning_rate": 0.0005, "targets": []},
        "packed": True,
    }
    made = shown(folder(tmp_path, metrics=falling(20), training=training))
    rows = {row[0].en: row[1] for row in titled(made, "The run").rows}
    assert (rows["method"].en, rows["started from"], rows["parameters"]) == ("adapter (LoRA)", "base", "12,345,678")
    assert (rows["tokens in all steps"], rows["packed without padding"].zh) == ("200", "是")
    assert [(row[0], row[1].text) for row in titled(made, "Settings").parts[0].rows][1] == ("learning_rate", "0.0005")
    assert (facts(made)["parameters"].value, facts(made)["parameters"].note.en) == ("12 M", "1.00% of them trained")


def test_preferences_are_explained_as_pairs(tmp_path: Path) -> None:
    lines = [{**line, "rewards_chosen": 0.1, "rewards_rejected": -0.1} for line in falling(3)]
    made = shown(folder(tmp_path, metrics=lines))
    assert "pairs" in made.intro.en
    assert titled(made, "Loss").y_label.en == "per pair"
    assert titled(made, "Rewards").lines


@pytest.mark.parametrize(
    "training",
    [
        [],
        {"findings": "x", "recipe": "y", "memory": [1]},
        {"parameters": "many", "samples": "x"},
        {"memory": {"a": "b"}},
    ],
    ids=repr,
)
def test_odd_files_make_an_odd_page_and_no_crash(tmp_path: Path, training: Any) -> None:
    (tmp_path / "training.json").write_text(json.dumps(training))
    parts: list[Part] = list(shown(folder(tmp_path, metrics=falling(3), samples=[{"step": 1}])).parts)
    assert any(isinstance(part, Table) for part in parts)
