"""The two layouts: what is read and written in either computes the same, and what does not fit is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("sentencepiece")

import torch
from safetensors.torch import load_file, save_file

from internlm_folder import internlm2_folder, packed_weights
from lianlu.core.errors import DataError, UsageError
from lianlu.nn.layout import Layout, Planned, load_internlm2, plan_folder, save_in_layout, save_planned
from lianlu.nn.weights import check_weights, load_model, load_tokenizer, save_model

IDS = torch.arange(3, 43)[None]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "bias"])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return internlm2_folder(tmp_path_factory.mktemp("internlm2") / "model", bias=request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One that a test may spoil."""
    return internlm2_folder(tmp_path / "model")


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def change(folder: Path, **changes: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(config_of(folder) | changes), encoding="utf-8")
    return folder


def refusal(folder: Path) -> DataError:
    with pytest.raises(DataError) as raised:
        load_model(folder)
    return raised.value


def test_a_published_folder_is_read_as_the_llama_it_was_packed_from(published: Path) -> None:
    model = load_model(published)
    again = packed_weights(model)
    stored = load_file(published / "model.safetensors")
    assert type(model).__name__ == "LlamaForCausalLM"
    assert {*stored} - {*again} == {"model.layers.0.attention.rotary_emb.inv_freq"}
    assert all(torch.equal(each, stored[name]) for name, each in again.items())
    assert not any(each.is_meta for each in (*model.parameters(), *model.buffers()))
    assert model.generation_config.eos_token_id == [2, 418]
    assert not model.training


def test_the_llama_layout_is_opened_by_transformers_with_equal_logits(published: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = load_model(published)
    save_model(model, tmp_path / "llama", published, layout="llama")
    opened = AutoModelForCausalLM.from_pretrained(tmp_path / "llama", local_files_only=True)
    assert torch.equal(logits(opened), logits(model))
    assert config_of(tmp_path / "llama")["model_type"] == "llama"
    assert opened.config.rope_parameters["rope_type"] == "dynamic"


def test_the_llama_config_tells_the_rotation_to_old_and_new_readers(published: Path, tmp_path: Path) -> None:
    save_in_layout(load_model(published), tmp_path / "llama")
    config = config_of(tmp_path / "llama")
    assert (config["rope_theta"], config["rope_scaling"]) == (1000000, {"type": "dynamic", "factor": 2.0})
    assert config["rope_parameters"] == {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1000000}
    assert config["torch_dtype"] == config["dtype"] == "float32"


def test_the_internlm2_layout_is_the_published_one_less_its_code(published: Path, tmp_path: Path) -> None:
    save_in_layout(load_model(published), tmp_path / "again", "internlm2")
    stored = load_file(published / "model.safetensors")
    written = load_file(tmp_path / "again" / "model.safetensors")
    stored.pop("model.layers.0.attention.rotary_emb.inv_freq")
    assert {*stored} == {*written}
    assert all(torch.equal(each, written[name]) for name, each in stored.items())
    was = config_of(published)
    assert config_of(tmp_path / "again") == {
        name: value for name, value in was.items() if name not in ("auto_map", "attn_implementation")
    }
    assert torch.equal(logits(load_model(tmp_path / "again")), logits(load_model(published)))


@pytest.mark.parametrize("layout", ["llama", "internlm2"])
def test_shards_are_no_larger_than_asked_and_indexed(published: Path, tmp_path: Path, layout: Layout) -> None:
    save_in_layout(load_model(published), tmp_path / "cut", layout, max_shard_size=60_000)
    files = check_weights(tmp_path / "cut")
    index = json.loads((tmp_path / "cut" / "model.safetensors.index.json").read_text())
    assert len(files) > 2
    assert all(sum(each.nbytes for each in load_file(path).values()) <= 60_000 for path in files)
    assert all(name in load_file(tmp_path / "cut" / file) for name, file in index["weight_map"].items())
    assert torch.equal(logits(load_model(tmp_path / "cut")), logits(load_model(published)))


def test_a_folder_is_replaced_whole(published: Path, tmp_path: Path) -> None:
    model = load_model(published)
    save_in_layout(model, tmp_path / "m", max_shard_size=60_000)
    save_in_layout(model, tmp_path / "m", "internlm2")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]


def test_a_save_that_breaks_off_leaves_the_old_model(folder: Path, tmp_path: Path) -> None:
    planned = plan_folder(config_of(folder), folder, check_weights(folder))
    before = (folder / "model.safetensors").read_bytes()

    def stop(done: int, _total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_planned(planned, config_of(folder), folder, "llama", on_tensor=stop)
    assert (folder / "model.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert load_model(folder) is not None


def test_a_folder_that_is_half_replaced_is_no_model(folder: Path) -> None:
    model = load_model(folder)
    (folder / "z.safetensors").mkdir()  # cannot be removed as a file
    with pytest.raises(UsageError):
        save_in_layout(model, folder)
    assert not (folder / "config.json").exists()


def test_tensors_of_several_types_are_aligned(tmp_path: Path) -> None:
    tensors = {"lm_head.weight": torch.ones(3, 1, dtype=torch.bfloat16), "model.norm.weight": torch.arange(2.0)}
    kinds = {"lm_head.weight": "BF16", "model.norm.weight": "F32"}
    planned = {
        name: Planned(name, kinds[name], tuple(each.shape), lambda each=each: each) for name, each in tensors.items()
    }
    save_planned(planned, {"model_type": "llama"}, tmp_path / "m", "llama")
    header = (tmp_path / "m" / "model.safetensors").read_bytes()
    assert header.index(b"model.norm.weight") < header.index(b"lm_head.weight")  # four bytes wide before two
    assert torch.equal(load_file(tmp_path / "m" / "model.safetensors")["model.norm.weight"], torch.arange(2.0))


def test_the_config_that_was_given_is_not_changed(folder: Path) -> None:
    config = config_of(folder)
    load_internlm2(config, folder, check_weights(folder), device="cpu", dtype="float32")
    assert config == config_of(folder)


def test_a_folder_can_be_rewritten_into_itself(folder: Path) -> None:
    was = logits(load_model(folder))
    planned = plan_folder(config_of(folder), folder, check_weights(folder))
    save_planned(planned, config_of(folder), folder, "llama")
    assert config_of(folder)["model_type"] == "llama"
    assert torch.equal(logits(load_model(folder)), was)


def test_a_folder_of_internlm2_with_llama_names_is_read_too(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    save_in_layout(model, tmp_path / "llama")
    (tmp_path / "llama" / "config.json").write_bytes((folder / "config.json").read_bytes())
    assert torch.equal(logits(load_model(tmp_path / "llama")), logits(model))


def test_key_value_heads_may_be_null(tmp_path: Path) -> None:
    folder = internlm2_folder(tmp_path / "m", num_key_value_heads=4)
    was = logits(load_model(folder))
    assert torch.equal(logits(load_model(change(folder, num_key_value_heads=None))), was)


def test_an_output_that_is_tied_stays_tied(tmp_path: Path) -> None:
    folder = internlm2_folder(tmp_path / "m", tie_word_embeddings=True)
    model = load_model(folder)
    save_in_layout(model, tmp_path / "again", "internlm2")
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert "output.weight" not in load_file(tmp_path / "again" / "model.safetensors")
    assert torch.equal(logits(load_model(tmp_path / "again")), logits(model))


def test_half_precision_is_kept_and_asked_for(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder, dtype="bfloat16")
    save_in_layout(model, tmp_path / "half", "internlm2")
    assert {each.dtype for each in load_file(tmp_path / "half" / "model.safetensors").values()} == {torch.bfloat16}
    assert config_of(tmp_path / "half")["torch_dtype"] == "bfloat16"
    assert load_model(tmp_path / "half", dtype="auto").dtype == torch.bfloat16
    assert load_model(tmp_path / "half").dtype == torch.float32


def test_the_model_does_not_change_with_its_file(folder: Path) -> None:
    model = load_model(folder)
    was = logits(model)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(4000)
        file.write(bytes(20_000))
    assert torch.equal(logits(model), was)


def test_an_unknown_tensor_is_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {"v_head.weight": torch.zeros(1, 32)}, folder / "model.safetensors")
    error = refusal(folder)
    assert error.code == "nn.wrong-weights"
    assert "v_head.weight is not known" in error.message("en")


def test_a_tensor_beyond_the_configuration_is_named(folder: Path) -> None:
    error = refusal(change(folder, num_hidden_layers=1))
    assert error.code == "nn.wrong-weights"
    assert "model.layers.1" in error.message("en")


def test_a_missing_tensor_is_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.attention.wqkv.weight"]
    save_file(weights, folder / "model.safetensors")
    error = refusal(folder)
    assert error.code == "nn.no-weights"
    assert "model.layers.1.self_attn.k_proj.weight" in error.message("en")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"num_key_value_heads": 1}, "nn.wrong-weights"),
        ({"vocab_size": 421}, "nn.wrong-weights"),
        ({"bias": True}, "nn.no-weights"),
        ({"num_key_value_heads": 3}, "nn.bad-internlm2"),
        ({"hidden_size": None}, "nn.bad-internlm2"),
        ({"rope_scaling": {"type": "dynamic"}}, "nn.bad-internlm2"),
        ({"rope_scaling": "dynamic"}, "nn.bad-internlm2"),
        ({"quantization_config": {"quant_method": "awq"}}, "nn.bad-internlm2"),
    ],
    ids=["rows", "words", "bias", "heads", "width", "factor", "text", "quantized"],
)
def test_a_config_that_does_not_fit_is_refused(folder: Path, changes: dict[str, Any], code: str) -> None:
    assert refusal(change(folder, **changes)).code == code


def test_weights_of_whole_numbers_are_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["output.weight"] = weights["output.weight"].to(torch.int8)
    save_file(weights, folder / "model.safetensors")
    assert "output.weight is I8" in refusal(folder).message("en")


def test_a_model_of_another_kind_is_not_written_as_internlm2(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model("gpt2", n_embd=8, n_layer=1, n_head=2, vocab_size=11)
    model = AutoModelForCausalLM.from_config(config)
    for layout in ("llama", "internlm2"):
        with pytest.raises(DataError) as raised:
            save_in_layout(model, tmp_path / "m", layout)
        assert raised.value.code == "nn.no-layout"
    assert not (tmp_path / "m").exists()


def test_internlm3_needs_no_code_either(tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    scaling = {"factor": 6.0, "rope_type": "dynamic"}
    config = AutoConfig.for_model(
        "internlm3", **sizes, num_key_value_heads=2, head_dim=8, vocab_size=61, rope_scaling=scaling, rope_theta=5e7
    )
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    change(tmp_path, auto_map={"AutoModelForCausalLM": "modeling_internlm3.InternLM3ForCausalLM"})
    model = load_model(tmp_path)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert config_of(tmp_path)["model_type"] == "internlm3"


def test_the_engine_answers_with_a_published_folder(folder: Path, tmp_path: Path) -> None:
    from lianlu.engine.folder import open_folder
    from lianlu.engine.load import load

    opened = open_folder(folder)
    loaded = load(opened, device="cpu")
    assert opened.has_template
    save_model(load_model(folder), tmp_path / "llama", folder, layout="llama")
    other = load(open_folder(tmp_path / "llama"), device="cpu")
    assert torch.equal(logits(loaded.module), logits(other.module))
    assert loaded.ends == other.ends == {2, 418}
    assert loaded.tokenizer.start == other.tokenizer.start == (1,)
    assert loaded.tokenizer.template == other.tokenizer.template != ""


def test_the_tokenizer_that_is_saved_beside_needs_no_code(folder: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save_model(load_model(folder), tmp_path / "llama", folder, layout="llama")
    opened = AutoTokenizer.from_pretrained(tmp_path / "llama", local_files_only=True)
    ours = load_tokenizer(folder)
    text = "<|im_start|>user\n今天天气很好 ok<|im_end|>"
    assert opened(text)["input_ids"] == ours(text)["input_ids"]
    assert opened.chat_template == ours.chat_template
