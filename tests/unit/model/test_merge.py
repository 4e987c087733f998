from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
peft = pytest.importorskip("peft", reason="peft is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from lianlu.core.errors import Cancelled, DataError, LimitError, UsageError  # noqa: E402
from lianlu.core.files import Files  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.core.sizes import parse_size  # noqa: E402
from lianlu.model.merge import merge  # noqa: E402
from lianlu.model.step import MERGE, ModelMergeRecipe  # noqa: E402
from lianlu.nn.internlm2 import Packing  # noqa: E402
from lianlu.nn.layout import save_in_layout  # noqa: E402
from lianlu.nn.weights import load_model  # noqa: E402


def llama(**more: Any) -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        **more,
    )
    return transformers.LlamaForCausalLM(config)


def gpt2() -> Any:
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4))


def saved(folder: Path, model: Any, **lora: Any) -> tuple[Path, Path, Any]:
    """Base folder, adapter folder and the model with its random adapter."""
    base, adapter = folder / "base", folder / "adapter"
    model.save_pretrained(base)
    settings = {"r": 4, "lora_alpha": 10, "target_modules": ["q_proj", "v_proj", "down_proj"], **lora}
    tuned = peft.get_peft_model(model, peft.LoraConfig(**settings))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if weight.requires_grad:
                weight.copy_(torch.randn_like(weight) * 0.1)
                assert "lora" in name or "modules_to_save" in name
    tuned.save_pretrained(adapter)
    return base, adapter, tuned


def merged(base: Path, adapter: Path, out: Path, **more: Any) -> dict[str, Any]:
    files = (Files.of_folder(base, kind="weights"), Files.of_folder(adapter, kind="adapter"))
    return merge(*files, out, Job("merge"), **more)


def difference(out: Path, expected: Any) -> float:
    ours = transformers.AutoModelForCausalLM.from_pretrained(out, dtype=next(expected.parameters()).dtype).state_dict()
    theirs = expected.state_dict()
    assert set(ours) == set(theirs)
    return max(float((ours[name].float() - theirs[name].float()).abs().max()) for name in theirs)


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "all linear": {"target_modules": "all-linear"},
    "own ranks": {"rank_pattern": {"layers.0.self_attn.q_proj": 2}, "alpha_pattern": {"v_proj": 3}},
    "embedding and head": {"target_modules": ["embed_tokens", "lm_head"]},
    "head saved whole": {"modules_to_save": ["lm_head"]},
    "dora": {"use_dora": True},
    "dora and rslora": {"use_dora": True, "use_rslora": True, "target_modules": "all-linear"},
}


@pytest.mark.parametrize("settings", CASES.values(), ids=CASES.keys())
def test_it_equals_peft(tmp_path: Path, settings: dict[str, Any]) -> None:
    base, adapter, tuned = saved(tmp_path, llama(), **settings)
    merged(base, adapter, tmp_path / "out")
    assert difference(tmp_path / "out", tuned.merge_and_unload()) <= 1e-5


def test_transposed_layers_of_gpt2_equal_peft(tmp_path: Path) -> None:
    base, adapter, tuned = saved(tmp_path, gpt2(), target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)
    merged(base, adapter, tmp_path / "out")
    assert difference(tmp_path / "out", tuned.merge_and_unload()) <= 1e-5


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}, {"use_dora": True}], ids=["lora", "rslora", "dora"])
def test_a_merged_model_answers_as_the_adapter_does(tmp_path: Path, settings: dict[str, Any]) -> None:
    base, adapter, tuned = saved(tmp_path, llama(), **settings)
    merged(base, adapter, tmp_path / "out")
    ids = torch.arange(20).reshape(2, 10)
    ours = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        assert float((ours(ids).logits - tuned(ids).logits).abs().max()) <= 1e-5
        assert float((ours(ids).logits - llama()(ids).logits).abs().max()) > 1e-3


def test_bf16_is_added_in_fp32_and_cast_once(tmp_path: Path) -> None:
    base, adapter, tuned = saved(tmp_path, llama().to(torch.bfloat16))
    merged(base, adapter, tmp_path / "out")
    ours = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.bfloat16).state_dict()
    part = tuned.base_model.model.model.layers[0].self_attn.q_proj
    a, b = (each["default"].weight.float() for each in (part.lora_A, part.lora_B))
    wanted = (part.base_layer.weight.float() + (b @ a) * 2.5).to(torch.bfloat16)
    assert torch.equal(ours["model.layers.0.self_attn.q_proj.weight"], wanted)


def test_shards_hold_no_more_than_asked_and_load(tmp_path: Path) -> None:
    base, adapter, tuned = saved(tmp_path, llama())
    summary = merged(base, adapter, tmp_path / "out", max_shard_size=10_000)
    assert summary["shards"] > 3
    shards = sorted((tmp_path / "out").glob("*.safetensors"))
    assert len(shards) == summary["shards"]
    assert shards[0].name == f"model-00001-of-{len(shards):05d}.safetensors"
    assert difference(tmp_path / "out", tuned.merge_and_unload()) <= 1e-5


def test_a_sharded_base_is_read(tmp_path: Path) -> None:
    base, adapter, tuned = saved(tmp_path, llama())
    merged(base, adapter, tmp_path / "once", max_shard_size=10_000)
    shutil.rmtree(base)
    llama().save_pretrained(base, max_shard_size="10KB")
    assert len(list(base.glob("*.safetensors"))) > 1
    merged(base, adapter, tmp_path / "out")
    assert difference(tmp_path / "out", tuned.merge_and_unload()) <= 1e-5


def test_the_same_inputs_give_the_same_bytes(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    for name in ("one", "two"):
        merged(base, adapter, tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


def test_tokenizer_and_template_of_the_adapter_win_and_scripts_stay_behind(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    for folder, text in ((base, "base"), (adapter, "adapter")):
        (folder / "chat_template.jinja").write_text(text)
        (folder / "modeling_x.py").write_text("import os")
        (folder / "pytorch_model.bin").write_bytes(b"\x80")
    (base / "LICENSE").write_text("Apache")
    (base / "tokenizer.json").write_text("{}")
    summary = merged(base, adapter, tmp_path / "out")
    assert summary["copied"] == [
        "LICENSE",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
    ]
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == "adapter"


def changed(adapter: Path, **settings: Any) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        ({"peft_type": "LOHA"}, "LOHA"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"init_lora_weights": "olora"}, "olora"),
        ({"lora_bias": True}, "lora_bias"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"trainable_token_indices": [1]}, "trainable_token_indices"),
    ],
)
def test_other_adapters_are_refused_by_name(tmp_path: Path, settings: dict[str, Any], named: str) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    changed(adapter, **settings)
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert caught.value.code == "model.adapter-kind"
    assert named in caught.value.message("en")
    assert not (tmp_path / "out" / "config.json").exists()


@pytest.mark.parametrize("says", [True, False])
def test_dora_is_refused_where_configuration_and_tensors_disagree(tmp_path: Path, says: bool) -> None:
    base, adapter, _ = saved(tmp_path, llama(), use_dora=not says)
    changed(adapter, use_dora=says)
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert ("lengths of rows" if says else "lora_magnitude_vector") in caught.value.message("en")


def test_dora_of_embeddings_is_refused(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama(), use_dora=True, target_modules=["embed_tokens"])
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert "use_dora on embeddings" in caught.value.message("en")


def test_transposed_dora_of_gpt2_equals_peft(tmp_path: Path) -> None:
    settings = {"target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True, "use_dora": True}
    base, adapter, tuned = saved(tmp_path, gpt2(), **settings)
    merged(base, adapter, tmp_path / "out")
    assert difference(tmp_path / "out", tuned.merge_and_unload()) <= 1e-5


@pytest.mark.parametrize("base_layout", ["llama", "internlm2"])
@pytest.mark.parametrize("adapter_layout", ["llama", "internlm2"])
def test_dora_s_lengths_are_shared_out_as_packed_rows_are(
    tmp_path: Path, base_layout: str, adapter_layout: str
) -> None:
    from safetensors.torch import load_file, save_file

    packing = Packing(4, 2, 8)
    _, adapter, tuned = saved(tmp_path, llama(), use_dora=True, target_modules=["q_proj", "k_proj", "v_proj"])
    save_in_layout(llama(), tmp_path / "packed", layout="internlm2")
    base = tmp_path / ("base" if base_layout == "llama" else "packed")
    if adapter_layout == "internlm2":  # one first factor for all three, as an adapter of a packed matrix has it
        parts, made = load_file(adapter / "adapter_model.safetensors"), {}
        with torch.no_grad():
            for layer in range(2):
                place = f"base_model.model.model.layers.{layer}"
                each = [f"{place}.self_attn.{name}_proj.lora_" for name in "qkv"]
                module = tuned.base_model.model.model.layers[layer].self_attn
                a = parts[f"{each[0]}A.weight"]
                for name in "qkv":
                    getattr(module, f"{name}_proj").lora_A["default"].weight.copy_(a)
                packed = f"{place}.attention.wqkv.lora_"
                made[f"{packed}A.weight"] = a
                for end in ("B.weight", "magnitude_vector"):
                    made[f"{packed}{end}"] = packing.pack(*(parts[f"{name}{end}"] for name in each))
        save_file(made, adapter / "adapter_model.safetensors")
    merged(base, adapter, tmp_path / "out")
    wanted = tuned.merge_and_unload().state_dict()
    found = load_model(tmp_path / "out").state_dict()
    assert all(torch.allclose(found[name], each, atol=1e-5) for name, each in wanted.items())


def test_dora_leaves_a_row_of_nothing_as_it_is(tmp_path: Path) -> None:
    model = llama()
    with torch.no_grad():
        model.model.layers[0].self_attn.q_proj.weight[3] = 0
    base, adapter, tuned = saved(tmp_path, model, use_dora=True)
    with torch.no_grad():
        tuned.base_model.model.model.layers[0].self_attn.q_proj.lora_B["default"].weight[3] = 0
    tuned.save_pretrained(adapter)
    merged(base, adapter, tmp_path / "out")
    ours = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert ours.model.layers[0].self_attn.q_proj.weight[3].tolist() == [0.0] * 32


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    _, adapter, _ = saved(tmp_path, llama())
    llama(tie_word_embeddings=True, head_dim=16).save_pretrained(tmp_path / "other")
    with pytest.raises(DataError) as caught:
        merged(tmp_path / "other", adapter, tmp_path / "out")
    assert caught.value.code == "model.adapter-mismatch"


def test_tied_embeddings_are_not_changed_on_one_side_only(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama(tie_word_embeddings=True), target_modules=["embed_tokens"])
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert "tied" in caught.value.message("en")


def test_a_quantized_base_is_refused(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "quantization_config": {"quant_method": "awq"}}))
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert caught.value.code == "model.quantized"


@pytest.mark.parametrize(
    ("remove", "code"),
    [
        ("base/config.json", "model.no-config"),
        ("base/model.safetensors", "model.no-weights"),
        ("adapter/adapter_config.json", "model.no-adapter"),
        ("adapter/adapter_model.safetensors", "model.no-adapter"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, remove: str, code: str) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    (tmp_path / remove).unlink()
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert caught.value.code == code


def test_a_pickled_adapter_is_refused(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(DataError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert caught.value.code == "model.only-pickle"


def test_too_little_space_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(LimitError) as caught:
        merged(base, adapter, tmp_path / "out")
    assert caught.value.code == "model.no-space"


def test_a_stopped_merge_is_no_model(tmp_path: Path) -> None:
    base, adapter, _ = saved(tmp_path, llama())
    merged(base, adapter, tmp_path / "out")
    job = Job("merge", sink=lambda event: job.cancel() if type(event).__name__ == "Progress" else None)
    with pytest.raises(Cancelled):
        merge(Files.of_folder(base, kind="w"), Files.of_folder(adapter, kind="a"), tmp_path / "out", job)
    assert not (tmp_path / "out" / "config.json").exists()
    assert list((tmp_path / "out").glob("*.safetensors")) == []


def test_the_step_fills_weights(tmp_path: Path) -> None:
    base, adapter, tuned = saved(tmp_path, llama())
    inputs = {"base": Files.of_folder(base, kind="weights"), "adapter": Files.of_folder(adapter, kind="adapter")}
    summary = MERGE.run(ModelMergeRecipe(), inputs, Job("merge", outputs=tmp_path / "run"))
    assert summary["merged"] == 6
    assert difference(tmp_path / "run" / "weights", tuned.merge_and_unload()) <= 1e-5


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("500 mb", 5 * 10**8), ("10KiB", 10_000), ("7", 7), ("1.5M", 1_500_000)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "0", "5 apples", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)
