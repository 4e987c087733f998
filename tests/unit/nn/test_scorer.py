"""A language model's body with a score: as transformers keeps it, and the same after saving."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from lianlu.core.errors import DataError, UsageError  # noqa: E402
from lianlu.nn.forward import RowForward  # noqa: E402
from lianlu.nn.scorer import as_scorer, load_scorer  # noqa: E402
from tiny_model import tiny_model  # noqa: E402

Make = Callable[..., Any]
IDS = torch.arange(1, 9)[None]


def test_the_body_is_the_same_and_not_a_copy(tiny: Make) -> None:
    model = tiny()
    scorer = as_scorer(model)
    assert scorer.model is model.model
    assert scorer.score.weight.shape == (1, 32)
    assert not any(each.is_meta for each in (*scorer.parameters(), *scorer.buffers()))
    assert model.config.num_labels == 2  # of the language model nothing is changed


def test_a_score_is_read_off_the_last_token(tiny: Make) -> None:
    model = tiny().eval()
    scorer = as_scorer(model).eval()
    hidden = model.model(IDS).last_hidden_state[0, -1]
    assert scorer(IDS).logits.item() == pytest.approx(
        float(hidden.detach() @ scorer.score.weight[0].detach()), abs=1e-6
    )


@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3", "mistral", "gemma2", "gpt2"])
def test_what_is_saved_scores_the_same_in_transformers(tiny: Make, tmp_path: Path, kind: str) -> None:
    more = {"gemma2": {"query_pre_attn_scalar": 8}, "gpt2": {"n_embd": 32, "n_head": 4, "n_layer": 2}}
    scorer = as_scorer(tiny(kind, **more.get(kind, {}))).eval()
    scorer.save_pretrained(tmp_path)
    found = load_scorer(tmp_path)
    assert type(found) is type(scorer)
    torch.testing.assert_close(found(IDS).logits, scorer(IDS).logits)


@pytest.mark.parametrize(("ends", "pad"), [(5, 5), ([5, 6], 0)])
def test_a_model_without_padding_gets_one_that_the_last_token_is_found_by(tiny: Make, ends: Any, pad: int) -> None:
    scorer = as_scorer(tiny(pad_token_id=None, eos_token_id=ends))
    assert scorer.config.pad_token_id == pad


def test_a_kind_that_transformers_cannot_score_is_named(tiny: Make) -> None:
    with pytest.raises(DataError) as caught:
        as_scorer(tiny("mamba", state_size=4, expand=2, conv_kernel=4))
    assert caught.value.code == "nn.no-scorer"
    for lang in ("en", "zh"):
        assert "mamba" in caught.value.message(lang)
        assert caught.value.hint(lang)


def test_what_cannot_be_opened_is_named(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        load_scorer(tmp_path / "nowhere")
    assert missing.value.code == "file.missing"
    tiny("mamba", state_size=4, expand=2, conv_kernel=4).save_pretrained(tmp_path / "mamba")
    with pytest.raises(DataError) as caught:
        load_scorer(tmp_path / "mamba")
    assert caught.value.code == "nn.unknown-model"


def test_a_reward_model_is_packed_like_any_other() -> None:
    assert RowForward(as_scorer(tiny_model())).packs
