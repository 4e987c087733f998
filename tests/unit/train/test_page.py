"""The page of a model: curves where it was trained here, its size where it was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.page import LineChart, Page, SectionContext, render
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
