"""Adapters: peft opens ours and we merge theirs; frozen weights stay, in four bits too; each objective moves them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # peft's

from lianlu.core.errors import UsageError  # noqa: E402
from lianlu.core.events import Event, Metric  # noqa: E402
from lianlu.core.files import Files  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.model.merge import merge  # noqa: E402
from lianlu.nn.weights import load_model  # noqa: E402
from lianlu.train.adapt import freeze_all_but_last, quantize_frozen  # noqa: E402
from lianlu.train.config import LoraRecipe, SftRecipe  # noqa: E402
from lianlu.train.steps import LORA, SFT  # noqa: E402
from tiny_model import tiny_model  # noqa: E402

from .conftest import ANSWERS, QUESTIONS, write_lines  # noqa: E402

Run = Callable[..., Files]
IDS = torch.arange(3, 33)[None]


def lora(base: Path, data: Path, **more: Any) -> LoraRecipe:
    usual = {"steps": 6, "batch_size": 8, "learning_rate": 1e-2, "schedule": "constant", "max_tokens": 128, "rank": 4}
    return LoraRecipe.model_validate({"model": str(base), "data": str(data), **usual, **more})


def metrics(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["metrics.jsonl"].read_bytes().splitlines()]


def logits(model: Any) -> Any:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def opened_by_peft(base: Path, adapter: Files) -> Any:
    return peft.PeftModel.from_pretrained(load_model(base), adapter["adapter_config.json"].parent)


@pytest.fixture
def preferences(tmp_path: Path) -> Callable[[str], Path]:
    def write(objective: str) -> Path:
        if objective == "kto":
            lines = [
                {"prompt": asked, "completion": ANSWERS[(place - shift) % len(ANSWERS)], "label": shift == 0}
                for place, asked in enumerate(QUESTIONS)
                for shift in (0, 3)
            ]
        else:
            lines = [
                {"prompt": asked, "chosen": said, "rejected": ANSWERS[place - 3]}
                for place, (asked, said) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
            ]
        return write_lines(tmp_path / f"{objective}.jsonl", lines)

    return write


VARIANTS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"variant": "rslora"},
    "dora": {"variant": "dora"},
    "lora+": {"b_rate": 16.0, "learning_rate": 1e-3},
    "some layers": {"targets": ["q_proj", "v_proj"]},
}


@pytest.mark.parametrize("more", VARIANTS.values(), ids=VARIANTS.keys())
def test_peft_opens_ours_and_the_merged_model_answers_the_same(
    base: Path, data: Path, run_step: Run, tmp_path: Path, more: dict[str, Any]
) -> None:
    adapter = run_step(LORA, lora(base, data, **more))
    assert metrics(adapter)[-1]["loss"] < metrics(adapter)[0]["loss"]
    config = json.loads(adapter["adapter_config.json"].read_bytes())
    variant = more.get("variant", "lora")
    assert (config["use_dora"], config["use_rslora"]) == (variant == "dora", variant == "rslora")
    ours = logits(opened_by_peft(base, adapter))
    assert float((ours - logits(load_model(base))).abs().max()) > 1e-3
    merge(Files.of_folder(base, kind="weights"), adapter, tmp_path / "merged", Job("t"))
    torch.testing.assert_close(logits(load_model(tmp_path / "merged")), ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("objective", ["dpo", "orpo", "simpo", "kto"])
def test_each_objective_moves_an_adapter(
    objective: str, base: Path, preferences: Callable[[str], Path], run_step: Run
) -> None:
    recipe = lora(base, preferences(objective), objective=objective, steps=10, batch_size=16)
    adapter = run_step(LORA, recipe)
    lines = metrics(adapter)
    assert lines[-1]["loss"] < lines[0]["loss"]
    if objective == "kto":
        assert lines[-1]["reward_liked"] > lines[-1]["reward_disliked"]
    else:
        assert lines[-1]["margin"] > lines[0]["margin"]
    assert float((logits(opened_by_peft(base, adapter)) - logits(load_model(base))).abs().max()) > 1e-3


def test_beta_and_margin_of_a_recipe_are_those_of_the_objective(
    base: Path, preferences: Callable[[str], Path], run_step: Run
) -> None:
    def first(place: str, **more: Any) -> float:
        recipe = lora(base, preferences("simpo"), objective="simpo", steps=1, **more)
        return float(metrics(run_step(LORA, recipe, place=place))[0]["loss"])

    usual, beta, margin = first("a"), first("b", beta=1.0), first("c", margin=3.0)
    assert usual == pytest.approx(1.3148, abs=1e-2)  # -log sigmoid(-1): no answer is ahead yet
    assert margin == pytest.approx(3.0486, abs=1e-2)
    assert beta != usual


def test_plain_text_is_learned_by_an_adapter(base: Path, corpus: Path, run_step: Run) -> None:
    lines = metrics(run_step(LORA, lora(base, corpus, objective="pretrain")))
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_targets_that_are_not_there_are_named(base: Path, data: Path, run_step: Run) -> None:
    with pytest.raises(UsageError) as caught:
        run_step(LORA, lora(base, data, targets=["wqkv"]))
    assert caught.value.code == "train.bad-targets"
    for lang in ("en", "zh"):
        assert "wqkv" in caught.value.message(lang)
        assert caught.value.hint(lang)


def test_frozen_layers_stay_and_the_last_ones_and_the_head_move(base: Path, data: Path, run_step: Run) -> None:
    usual = {"model": str(base), "data": str(data), "steps": 2, "max_tokens": 128, "learning_rate": 1e-2}
    tuned = run_step(SFT, SftRecipe.model_validate({**usual, "train_layers": 1}))
    was, now = load_model(base).state_dict(), load_model(tuned["config.json"].parent).state_dict()
    moved = {name for name in was if not torch.equal(was[name], now[name])}
    assert moved == {name for name in was if name.startswith(("model.layers.1.", "model.norm."))}


def test_a_head_of_its_own_is_trained_with_the_last_layers() -> None:
    model = tiny_model()
    freeze_all_but_last(model, 1)
    found = {name for name, each in model.named_parameters() if each.requires_grad}
    assert found == {
        name for name, _ in model.named_parameters() if name.startswith(("model.layers.1.", "model.norm.", "lm_head."))
    }


def test_more_layers_than_there_are_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        freeze_all_but_last(tiny_model(), 3)
    assert caught.value.code == "train.too-many-layers"
    assert "3" in caught.value.message("en")


# four bits


@pytest.fixture
def bitsandbytes() -> Any:
    return pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")


@pytest.mark.parametrize("more", [{}, {"variant": "dora"}, {"precision": "bf16"}, {"recompute": "full"}], ids=str)
def test_an_adapter_of_a_model_in_four_bits_opens_on_the_whole_one(
    bitsandbytes: Any, base: Path, data: Path, run_step: Run, more: dict[str, Any]
) -> None:
    adapter = run_step(LORA, lora(base, data, quantize="nf4", steps=12, **more))
    lines = metrics(adapter)
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.1
    assert float((logits(opened_by_peft(base, adapter)) - logits(load_model(base))).abs().max()) > 1e-3
    assert {each.name for each in adapter["adapter_config.json"].parent.iterdir()} >= {"adapter_model.safetensors"}


def test_frozen_weights_stay_in_four_bits(bitsandbytes: Any, base: Path, data: Path) -> None:
    from lianlu.train.adapt import add_adapter
    from lianlu.train.loop import Training

    from .made_pairs import made_samples

    model = tiny_model()
    quantize_frozen(model, "cpu", compute=torch.float32)
    inner, _ = add_adapter(model, lora(base, data), base, None)
    kept = {name: each.detach().clone() for name, each in inner.named_parameters() if not each.requires_grad}
    four = [each for each in inner.modules() if isinstance(each, bitsandbytes.nn.Linear4bit)]
    assert len(four) == 14
    assert {each.weight.dtype for each in four} == {torch.uint8}
    assert type(inner.get_output_embeddings()) is torch.nn.Linear
    units = made_samples(4)
    Training(inner, units, lora(base, data, batch_size=4), Job("t"), "key", lambda _: None).run()
    now = dict(inner.named_parameters())
    assert all(torch.equal(now[name], each) for name, each in kept.items())


def test_four_bits_are_near_the_whole_matrices(bitsandbytes: Any) -> None:
    whole, four = tiny_model(), tiny_model()
    quantize_frozen(four, "cpu", compute=torch.float32)
    for one, two in zip(whole.model.layers, four.model.layers, strict=True):
        held = two.mlp.down_proj.weight
        found = bitsandbytes.functional.dequantize_4bit(held.data, held.quant_state)
        apart = (found - one.mlp.down_proj.weight).norm() / one.mlp.down_proj.weight.norm()
        assert 0.05 < float(apart) < 0.12  # of normal numbers NF4 loses about 9 percent
    torch.testing.assert_close(four.lm_head.weight, whole.lm_head.weight)


def test_a_killed_run_in_four_bits_is_gone_on_with(bitsandbytes: Any, base: Path, data: Path, tmp_path: Path) -> None:
    recipe = lora(base, data, quantize="nf4", steps=9, batch_size=3, checkpoint_every=3, dropout=0.2)

    class Killed(BaseException):
        pass

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and (event.step, event.name) == (5, "loss"):
            raise Killed

    with pytest.raises(Killed):
        LORA.run(recipe, {}, Job("t", sink, outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    LORA.run(recipe, {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    LORA.run(recipe, {}, Job("t", outputs=tmp_path / "whole"))
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "adapter").iterdir()}
        for place in ("out", "whole")
    )
    assert one == two


def test_an_adapter_in_four_bits_may_be_stored_in_half_the_room(
    bitsandbytes: Any, base: Path, data: Path, run_step: Run
) -> None:
    from safetensors.torch import load_file

    adapter = run_step(LORA, lora(base, data, quantize="nf4", steps=2, weights="bf16"))
    assert {each.dtype for each in load_file(adapter["adapter_model.safetensors"]).values()} == {torch.bfloat16}
    opened_by_peft(base, adapter)
