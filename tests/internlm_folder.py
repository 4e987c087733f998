"""A tiny InternLM2 model as its publisher would ship it: packed weights, a config that names remote code, tokenizer.model.

    folder = internlm2_folder(tmp_path / "model")

The weights are those of `tests.tiny_model`'s kind of Llama, packed row by row here in the test, so that the packing of
`lianlu.nn.internlm2` is compared with another one.
"""

from __future__ import annotations

import io
import json
import struct
from copy import deepcopy
from pathlib import Path
from typing import Any

__all__ = ["TEXTS", "internlm2_folder", "packed_weights", "sentencepiece_model", "write_tokenizer"]

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Large language models learn to continue texts, one token after another.",
    "书生·浦语是一个开源的大语言模型，可以回答问题、写代码、做数学题。",
    "今天天气很好，我们一起去公园散步吧。",
    "def add(a, b):\n    return a + b\n",
    "她说：“你好，世界！”然后就走了。",
    "1 + 1 = 2, 3.14159, 2026-11-23, 100%",
    "训练数据中的每一个样本都会被编码成一串数字。",
]
_SPECIAL = ("<|plugin|>", "<|interpreter|>", "<|action_end|>", "<|action_start|>", "<|im_end|>", "<|im_start|>")
_PIECES = 420


def sentencepiece_model(texts: list[str] = TEXTS, *, pieces: int = _PIECES, **options: Any) -> bytes:
    """A tokenizer.model: BPE with bytes for what it does not know, trained on `texts`; the last six pieces are reserved."""
    import sentencepiece

    made = io.BytesIO()
    settings: dict[str, Any] = {
        "model_type": "bpe",
        "byte_fallback": True,
        "vocab_size": pieces - len(_SPECIAL),
        "character_coverage": 0.98,
        "remove_extra_whitespaces": False,
        "normalization_rule_name": "identity",
        "add_dummy_prefix": True,
        "split_digits": True,
        "user_defined_symbols": [],
        "minloglevel": 2,
        "num_threads": 1,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts * 3), model_writer=made, **(settings | options)
    )
    reserved = [f"[UNUSED_TOKEN_{number}]".encode() for number in range(141, 141 + len(_SPECIAL))]
    return made.getvalue() + b"".join(_piece_field(name) for name in reserved)


def _piece_field(text: bytes) -> bytes:
    """A piece that stands for nothing, as one more field 1 at the end of the protobuf message."""
    piece = b"\x0a" + bytes([len(text)]) + text + b"\x15" + struct.pack("<f", 0.0) + b"\x18\x05"
    return b"\x0a" + bytes([len(piece)]) + piece


def write_tokenizer(folder: Path, model: bytes | None = None, **changes: Any) -> dict[str, int]:
    """tokenizer.model and the tokenizer_config.json of a release; the six special tokens stand on the last six ids."""
    import sentencepiece

    model = model or sentencepiece_model()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.model").write_bytes(model)
    last = sentencepiece.SentencePieceProcessor(model_proto=model).get_piece_size()
    ids = {name: last - len(_SPECIAL) + place for place, name in enumerate(_SPECIAL)}
    named = {0: "<unk>", 1: "<s>", 2: "</s>"} | {place: name for name, place in ids.items()}
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    config: dict[str, Any] = {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(place): {"content": name, **plain} for place, name in named.items()},
        "additional_special_tokens": list(reversed(_SPECIAL)),
        "auto_map": {"AutoTokenizer": ["tokenization_internlm2.InternLM2Tokenizer", None]},
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "decode_with_prefix_space": False,
        "eos_token": "</s>",
        "model_max_length": 1000000000000000019884624838656,
        "pad_token": "</s>",
        "tokenizer_class": "InternLM2Tokenizer",
        "unk_token": "<unk>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config | changes, ensure_ascii=False), encoding="utf-8")
    return ids


def packed_weights(model: Any) -> dict[str, Any]:
    """The weights of a Llama model under InternLM2's names; q, k and v are laid together one head at a time."""
    import torch

    config = model.config
    shared = config.num_attention_heads // config.num_key_value_heads
    size = config.head_dim
    names = {"self_attn.o_proj": "attention.wo", "input_layernorm": "attention_norm", "embed_tokens": "tok_embeddings"}
    names |= {"mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2"}
    names |= {"post_attention_layernorm": "ffn_norm", "lm_head": "output"}
    weights = {name: each.detach().clone() for name, each in model.named_parameters()}
    made: dict[str, Any] = {}
    for name, each in weights.items():
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." not in name:
            for llama, own in names.items():
                name = name.replace(llama, own)
            made[name] = each
            continue
        k, v = (weights[name.replace("q_proj", other)] for other in ("k_proj", "v_proj"))
        rows: list[Any] = []
        for head in range(config.num_key_value_heads):
            for query in range(head * shared, (head + 1) * shared):
                rows += list(each[query * size : (query + 1) * size])
            rows += list(k[head * size : (head + 1) * size]) + list(v[head * size : (head + 1) * size])
        made[name.replace("self_attn.q_proj", "attention.wqkv")] = torch.stack(rows)
    return made


def internlm2_folder(folder: Path, *, seed: int = 0, bias: bool = False, **changes: Any) -> Path:
    """Write the folder; `changes` are keys of its config.json."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    ids = write_tokenizer(folder)
    sizes: dict[str, Any] = {
        "vocab_size": _PIECES,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000000,
        "rope_scaling": {"type": "dynamic", "factor": 2.0},
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "tie_word_embeddings": False,
        "hidden_act": "silu",
        "use_cache": True,
    } | changes
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(LlamaConfig.from_dict(deepcopy(sizes) | {"attention_bias": bias}))
        for name, each in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(each)
    weights = packed_weights(model)
    frequencies = 1e6 ** (-torch.arange(0, 8, 2) / 8)
    weights["model.layers.0.attention.rotary_emb.inv_freq"] = frequencies  # as old releases have it
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    code = {"AutoConfig": "configuration_internlm2.InternLM2Config"}
    code["AutoModelForCausalLM"] = "modeling_internlm2.InternLM2ForCausalLM"
    config = sizes | {"model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "bias": bias}
    config |= {"auto_map": code, "torch_dtype": "float32", "attn_implementation": "eager"}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    generation = {"bos_token_id": 1, "eos_token_id": [2, ids["<|im_end|>"]], "pad_token_id": 2}
    (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    return folder
