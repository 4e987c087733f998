"""An adapter that was merged is taken out again: what is left is the base."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("peft", reason="peft is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # peft's, of embeddings

from safetensors.torch import load_file  # noqa: E402

from lianlu.core.errors import DataError  # noqa: E402
from lianlu.core.events import Event, Note  # noqa: E402
from lianlu.core.files import Files  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.model.unmerge import unmerge  # noqa: E402

from .test_merge import gpt2, llama, merged, saved  # noqa: E402


def there_and_back(folder: Path, model: Any, **lora: Any) -> tuple[float, dict[str, Any], list[Note]]:
    """How far the base is from what comes back, the summary, and what was told."""
    base, adapter, _ = saved(folder, model, **lora)
    merged(base, adapter, folder / "merged")
    notes: list[Note] = []

    def sink(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event)

    files = (Files.of_folder(folder / "merged", kind="weights"), Files.of_folder(adapter, kind="adapter"))
    summary = unmerge(*files, folder / "back", Job("t", sink))
    was, now = load_file(base / "model.safetensors"), load_file(folder / "back" / "model.safetensors")
    assert was.keys() == now.keys()
    assert {each.dtype for each in was.values()} == {each.dtype for each in now.values()}
    return max(float((was[name].float() - now[name].float()).abs().max()) for name in was), summary, notes


@pytest.mark.parametrize(
    "settings",
    [{}, {"use_rslora": True}, {"target_modules": ["embed_tokens", "lm_head"]}],
    ids=["lora", "rslora", "embedding and head"],
)
def test_the_base_comes_back_where_weights_are_fp32(tmp_path: Path, settings: dict[str, Any]) -> None:
    apart, summary, notes = there_and_back(tmp_path, llama(), **settings)
    assert apart <= summary["most_lost"] <= 1e-6
    assert (summary["types"], notes) == (["F32"], [])


def test_transposed_layers_come_back(tmp_path: Path) -> None:
    apart, summary, _ = there_and_back(tmp_path, gpt2(), target_modules=["c_attn"], fan_in_fan_out=True)
    assert apart <= 1e-6
    assert summary["unmerged"] == 2


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_what_coarse_weights_lose_is_told_and_not_exceeded(tmp_path: Path, dtype: str) -> None:
    apart, summary, (note,) = there_and_back(tmp_path, llama().to(getattr(torch, dtype)))
    assert 0 < apart <= summary["most_lost"] < 0.02
    assert note.code == "model.rounded"
    assert f"{summary['most_lost']:.2g}" in note.text


def test_the_base_answers_as_before(tmp_path: Path) -> None:
    there_and_back(tmp_path, llama())
    ids = torch.arange(20).reshape(2, 10)
    was, now = (
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / each)(ids).logits for each in ("base", "back")
    )
    assert torch.allclose(was, now, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"use_dora": True}, "DoRA"), ({"modules_to_save": ["lm_head"]}, "lm_head.weight")],
    ids=["dora", "saved whole"],
)
def test_what_a_merge_does_not_leave_behind_is_refused(tmp_path: Path, settings: dict[str, Any], named: str) -> None:
    with pytest.raises(DataError) as caught:
        there_and_back(tmp_path, llama(), **settings)
    assert caught.value.code == "model.not-reversible"
    for lang in ("en", "zh"):
        assert named in caught.value.message(lang)
        assert "adapter_config.json" in caught.value.hint(lang)
    assert not (tmp_path / "back").exists()


def test_the_verb_says_how_far_it_may_be_from_the_base(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    assert lianlu("model", "merge", base, adapter, "--out", tmp_path / "merged").code == 0
    planned = json.loads(lianlu("model", "unmerge", tmp_path / "merged", adapter, "--dry-run", "--json").out)
    assert Path(planned["out"]).name == "unmerged-merged"
    done = lianlu("model", "unmerge", tmp_path / "merged", adapter, "--out", tmp_path / "back")
    assert done.code == 0
    assert "6 of 21 tensors (F32)" in done.out
    assert lianlu("model", "unmerge", tmp_path / "merged", adapter, "--out", tmp_path / "merged").code == 2
