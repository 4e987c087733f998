"""Every prompt of the shared data, by the very check of benchmarks/prompt_roundtrip.py."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from . import sets

_FOLDER = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def roundtrip(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(_FOLDER))
    spec = importlib.util.spec_from_file_location("prompt_roundtrip", _FOLDER / "prompt_roundtrip.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "prompt_roundtrip", module)
    spec.loader.exec_module(module)
    return module


def test_every_prompt_is_lossless_or_its_losses_are_named(roundtrip: ModuleType) -> None:
    root = sets.set_folder("langgpt").parent
    found = list(roundtrip.samples(root))
    assert len(found) > 240
    assert [sample.place for sample in found if not roundtrip.is_kept(sample)] == []


def test_a_spoiled_prompt_is_seen(roundtrip: ModuleType) -> None:
    root = sets.set_folder("langgpt").parent
    row = roundtrip.measure(root, spoil=True)
    assert (row.equal, row.met) == (False, False)
