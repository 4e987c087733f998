"""InternLM2 and 2.5 as what they are: Llama with other names and with q, k and v in one matrix. Pure, no files, no torch.

A packed matrix holds, key/value head by key/value head, first the rows of the query heads that share it, then its key,
then its value. The configuration is translated key by key; what a config.json leaves out has the values that InternLM2
fills in, which are not Llama's. Rotation, norms and activation are the same, so nothing else changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MODEL_TYPE",
    "Packing",
    "internlm2_config",
    "internlm2_name",
    "is_computed",
    "is_internlm2",
    "is_packed",
    "llama_config",
    "llama_names",
    "packing_of",
    "rope_of",
]

MODEL_TYPE = "internlm2"
_DEFAULTS: Mapping[str, Any] = {
    "vocab_size": 103168,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 2048,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
    "bias": True,
}
_NOT_LLAMA = ("architectures", "attn_implementation", "auto_map", "bias", "model_type", "transformers_version")
_KEPT = (
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
    "hidden_size",
    "initializer_range",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "pad_token_id",
    "rms_norm_eps",
    "tie_word_embeddings",
    "use_cache",
    "vocab_size",
)
_WHOLE = {"model.tok_embeddings": "model.embed_tokens", "output": "lm_head", "model.norm": "model.norm"}
_OF_LAYER = {
    "attention.wo": "self_attn.o_proj",
    "attention_norm": "input_layernorm",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
    "ffn_norm": "post_attention_layernorm",
}
_PACKED = "attention.wqkv"
_SPLIT = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_WHOLE_BACK = {llama: name for name, llama in _WHOLE.items()}
_OF_LAYER_BACK = {llama: name for name, llama in _OF_LAYER.items()} | dict.fromkeys(_SPLIT, _PACKED)
_LAYER = re.compile(r"(model\.layers\.\d+\.)(.+)\.(weight|bias)")
_COMPUTED = re.compile(r"(.+\.)?rotary_emb\.(inv_freq|cos_cached|sin_cached)")


@dataclass(frozen=True)
class Packing:
    """How q, k and v lie in one matrix. `heads` is a multiple of `kv_heads`.

    Attributes:
        head_dim: rows of one head.
    """

    heads: int
    kv_heads: int
    head_dim: int

    @property
    def rows(self) -> int:
        return (self.heads + 2 * self.kv_heads) * self.head_dim

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q, k and v of a packed weight (rows, in) or bias (rows,), each with its heads in order.

        Raises:
            ValueError: the matrix has another number of rows
        """
        if packed.shape[0] != self.rows:
            raise ValueError(f"{packed.shape[0]} rows where {self.rows} were expected")
        shared = self.heads // self.kv_heads
        groups = packed.reshape(self.kv_heads, shared + 2, self.head_dim, *packed.shape[1:])
        cut = (groups[:, :shared], groups[:, shared], groups[:, shared + 1])
        q, k, v = (each.reshape(-1, *packed.shape[1:]) for each in cut)
        return q, k, v

    def pack(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """The inverse of `unpack`."""
        import torch

        parts = [each.reshape(self.kv_heads, -1, self.head_dim, *each.shape[1:]) for each in (q, k, v)]
        return torch.cat(parts, dim=1).reshape(self.rows, *q.shape[1:])


def is_internlm2(config: Mapping[str, Any]) -> bool:
    return config.get("model_type") == MODEL_TYPE


def llama_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json of an InternLM2 model as one of a Llama model that computes the same.

    Raises:
        ValueError: a size is no positive number, or heads cannot be shared evenly
    """
    full = {**_DEFAULTS, **config}
    if "rope_theta" in (config.get("rope_parameters") or {}):
        del full["rope_theta"]
    packing = packing_of(full)
    kept = {name: value for name, value in full.items() if name not in _NOT_LLAMA}
    return kept | {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "num_key_value_heads": packing.kv_heads,
        "head_dim": packing.head_dim,
        "attention_bias": bool(full["bias"]),
        "mlp_bias": False,
    }


def internlm2_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json of a Llama model as one of an InternLM2 model; it names no code, because none is shipped.

    Raises:
        ValueError: InternLM2 has no such model: biases in the feed-forward part, heads of another width
    """
    packing = packing_of(config)
    if config.get("mlp_bias"):
        raise ValueError("mlp_bias is set")
    if packing.head_dim * packing.heads != config["hidden_size"]:
        raise ValueError(f"head_dim is {packing.head_dim}, {config['hidden_size']} / {packing.heads} was expected")
    theta, scaling = rope_of(config)
    return {name: config[name] for name in _KEPT if name in config} | {
        "model_type": MODEL_TYPE,
        "architectures": ["InternLM2ForCausalLM"],
        "num_key_value_heads": packing.kv_heads,
        "bias": bool(config.get("attention_bias")),
        "rope_theta": theta,
        "rope_scaling": scaling,
        "torch_dtype": config.get("dtype") or config.get("torch_dtype"),
    }


def packing_of(config: Mapping[str, Any]) -> Packing:
    """How q, k and v of a model with this config.json (either layout) are packed.

    Raises:
        ValueError: a size is no positive number, or heads cannot be shared evenly
    """
    heads = _size(config, "num_attention_heads")
    kv_heads = heads if config.get("num_key_value_heads") is None else _size(config, "num_key_value_heads")
    hidden = _size(config, "hidden_size")
    if heads % kv_heads:
        raise ValueError(f"num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}")
    if config.get("head_dim") is not None:
        return Packing(heads, kv_heads, _size(config, "head_dim"))
    if hidden % heads:
        raise ValueError(f"hidden_size {hidden} is no multiple of num_attention_heads {heads}")
    return Packing(heads, kv_heads, hidden // heads)


def is_computed(name: str) -> bool:
    """Whether a tensor of a file is one that old code stored although it follows from the configuration."""
    return _COMPUTED.fullmatch(name) is not None


def is_packed(name: str) -> bool:
    """Whether a tensor holds q, k and v together."""
    found = _LAYER.fullmatch(name)
    return found is not None and found[2] == _PACKED


def llama_names(name: str) -> tuple[str, ...]:
    """What a tensor of the InternLM2 layout is called in the Llama layout: three names if packed, none if unknown."""
    module, _, kind = name.rpartition(".")
    if module in _WHOLE:
        return (f"{_WHOLE[module]}.{kind}",)
    found = _LAYER.fullmatch(name)
    if found is None:
        return ()
    inner = _SPLIT if found[2] == _PACKED else tuple(filter(None, (_OF_LAYER.get(found[2]),)))
    return tuple(f"{found[1]}{each}.{found[3]}" for each in inner)


def internlm2_name(name: str) -> str | None:
    """What a tensor of the Llama layout is called in the InternLM2 layout; q, k and v give the same. None if unknown."""
    module, _, kind = name.rpartition(".")
    if module in _WHOLE_BACK:
        return f"{_WHOLE_BACK[module]}.{kind}"
    found = _LAYER.fullmatch(name)
    inner = _OF_LAYER_BACK.get(found[2]) if found else None
    return f"{found[1]}{inner}.{found[3]}" if found and inner else None


def _size(config: Mapping[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}")
    return value


def rope_of(config: Mapping[str, Any]) -> tuple[float, dict[str, Any] | None]:
    """Base and scaling of the rotation as the keys `rope_theta` and `rope_scaling` that old readers look for.

    Raises:
        ValueError: the scaling is one that InternLM2 does not have
    """
    new, old = config.get("rope_parameters") or {}, config.get("rope_scaling") or {}
    both = {**old, **new}
    theta = both.pop("rope_theta", None) or config.get("rope_theta", 10000.0)
    kind = both.pop("rope_type", None) or both.pop("type", None) or "default"
    if kind == "default":
        return theta, None
    if kind not in ("dynamic", "linear"):
        raise ValueError(f"rope_type is {kind!r}")
    return theta, {"type": kind, "factor": both.get("factor", 1.0)}
