"""InternLM2 is Llama under other names: names, configuration and packing, there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

pytest.importorskip("torch")

import torch

from lianlu.nn.internlm2 import (
    Packing,
    internlm2_config,
    internlm2_name,
    is_computed,
    is_internlm2,
    is_packed,
    llama_config,
    llama_names,
    packing_of,
    rope_of,
)

# the configuration of internlm2_5-7b-chat
RELEASED: dict[str, Any] = {
    "architectures": ["InternLM2ForCausalLM"],
    "attn_implementation": "eager",
    "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
    "bias": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "initializer_range": 0.02,
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "model_type": "internlm2",
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "pad_token_id": 2,
    "rms_norm_eps": 1e-05,
    "rope_scaling": {"type": "dynamic", "factor": 2.0},
    "rope_theta": 1000000,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 92544,
}


@given(
    kv_heads=some.integers(1, 5),
    shared=some.integers(1, 6),
    head_dim=some.integers(1, 8),
    inner=some.sampled_from([(), (1,), (7,)]),  # a bias, a weight
)
@settings(max_examples=60, deadline=None)
def test_packing_puts_each_head_where_the_plain_loop_puts_it(
    kv_heads: int, shared: int, head_dim: int, inner: tuple[int, ...]
) -> None:
    packing = Packing(kv_heads * shared, kv_heads, head_dim)
    packed = torch.arange(packing.rows * max(1, *inner, 1)).reshape(packing.rows, *inner)
    q, k, v = packing.unpack(packed)
    row = 0
    for head in range(kv_heads):
        for query in range(shared):
            at = (head * shared + query) * head_dim
            assert torch.equal(q[at : at + head_dim], packed[row : row + head_dim])
            row += head_dim
        for part in (k, v):
            assert torch.equal(part[head * head_dim : (head + 1) * head_dim], packed[row : row + head_dim])
            row += head_dim
    assert torch.equal(packing.pack(q, k, v), packed)


def test_a_packed_matrix_with_other_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="11 rows where 12"):
        Packing(4, 1, 2).unpack(torch.zeros(11, 3))


def test_every_name_goes_to_llama_and_back() -> None:
    own = ["model.tok_embeddings.weight", "model.norm.weight", "output.weight"]
    parts = ["attention.wqkv", "attention.wo", "feed_forward.w1", "feed_forward.w2", "feed_forward.w3"]
    own += [f"model.layers.11.{part}.weight" for part in (*parts, "attention_norm", "ffn_norm")]
    own += ["model.layers.0.attention.wqkv.bias"]
    for name in own:
        assert {internlm2_name(each) for each in llama_names(name)} == {name}
    assert [name for name in own if is_packed(name)] == [own[3], own[-1]]
    assert llama_names(own[3]) == tuple(f"model.layers.11.self_attn.{each}_proj.weight" for each in "qkv")


@pytest.mark.parametrize(
    "name", ["v_head.weight", "model.layers.0.attention.wq.weight", "model.layers.x.ffn_norm.weight"]
)
def test_a_name_of_neither_layout_has_no_place(name: str) -> None:
    assert llama_names(name) == ()
    assert internlm2_name(name) is None


def test_stored_rotations_are_known_as_computed() -> None:
    assert is_computed("model.layers.3.attention.rotary_emb.inv_freq")
    assert not is_computed("model.layers.3.attention.wo.weight")


def test_a_released_config_comes_back_without_its_code() -> None:
    assert is_internlm2(RELEASED)
    back = internlm2_config(llama_config(RELEASED))
    assert back == {name: value for name, value in RELEASED.items() if name not in ("auto_map", "attn_implementation")}


def test_what_a_config_leaves_out_is_what_internlm2_means() -> None:
    config = llama_config({"model_type": "internlm2"})
    assert config["attention_bias"] is True
    assert config["vocab_size"] == 103168
    assert config["num_key_value_heads"] == 32
    assert config["rms_norm_eps"] == 1e-6


def test_a_pad_token_that_is_null_stays_null() -> None:
    assert llama_config(RELEASED | {"pad_token_id": None})["pad_token_id"] is None


def test_key_value_heads_that_are_null_are_all_heads() -> None:
    assert packing_of(RELEASED | {"num_key_value_heads": None}) == Packing(32, 32, 128)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"num_attention_heads": 30}, "no multiple"),
        ({"num_attention_heads": 24, "num_key_value_heads": 24}, "hidden_size 4096 is no multiple"),
        ({"hidden_size": "big"}, "hidden_size is 'big'"),
        ({"num_key_value_heads": 0}, "num_key_value_heads is 0"),
    ],
    ids=["uneven", "width", "text", "none"],
)
def test_sizes_that_cannot_be_are_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        llama_config(RELEASED | change)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"mlp_bias": True}, "mlp_bias"),
        ({"head_dim": 64}, "head_dim"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "yarn"),
    ],
    ids=["bias", "width", "rotation"],
)
def test_a_llama_that_internlm2_cannot_be_is_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        internlm2_config(llama_config(RELEASED) | change)


@pytest.mark.parametrize(
    "config",
    [
        {"rope_theta": 1e6, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
        {"rope_theta": 1e6, "rope_scaling": {"rope_type": "dynamic", "factor": 2.0}},
        {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e6}},
    ],
    ids=["old", "new", "newest"],
)
@pytest.mark.parametrize("length", [40, 32, 20])
def test_dynamic_rotation_past_the_window_follows_the_formula(config: dict[str, Any], length: int) -> None:
    from transformers import LlamaConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    sizes = {"hidden_size": 32, "num_attention_heads": 4, "max_position_embeddings": 32, "model_type": "internlm2"}
    settings = LlamaConfig.from_dict(llama_config(sizes | config))
    cos, sin = LlamaRotaryEmbedding(settings)(torch.zeros(1, length, 32), torch.arange(length)[None])
    base = 1e6 * (max(1.0, 2.0 * length / 32 - 1.0)) ** (8 / 6)
    for position in range(length):
        for place in range(8):
            angle = torch.tensor(position * base ** (-2 * (place % 4) / 8), dtype=torch.float64)
            assert abs(float(cos[0, position, place]) - float(angle.cos())) < 2e-5
            assert abs(float(sin[0, position, place]) - float(angle.sin())) < 2e-5
    assert rope_of(llama_config(sizes | config)) == (1e6, {"type": "dynamic", "factor": 2.0})
