"""A random model of a few thousand weights with a real tokenizer and chat template, made in a moment, the same each time.

    folder = tiny_model_folder(tmp_path / "model")

The tokenizer is byte-level, so that any text can be encoded and most Chinese characters take three tokens.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["CONTEXT_TOKENS", "tiny_model", "tiny_model_folder", "tiny_tokenizer"]

CONTEXT_TOKENS = 256
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message.role == 'tool' %}{{ raise_exception('no tool messages here') }}{% endif %}"
    "<|{{ message.role }}|>{{ message.content }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
_MERGES = [("t", "h"), ("th", "e"), ("Ġ", "a"), ("i", "n"), ("Ġ", "the")]


def tiny_tokenizer() -> Any:
    """256 bytes, five merges, four special tokens; no start token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    symbols = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in _MERGES)]
    model = models.BPE(vocab={symbol: index for index, symbol in enumerate(symbols)}, merges=_MERGES)
    fast = Tokenizer(model)
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    fast.decoder = decoders.ByteLevel()
    fast.add_special_tokens(_SPECIAL)
    made = PreTrainedTokenizerFast(tokenizer_object=fast, eos_token="<|end|>", pad_token="<|end|>")
    made.chat_template = TEMPLATE
    return made


def tiny_model(*, seed: int = 0, **changes: Any) -> Any:
    """A Llama of two layers with grouped heads."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes: dict[str, Any] = {
        "vocab_size": 272,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_TOKENS,
        "eos_token_id": tiny_tokenizer().eos_token_id,
        "bos_token_id": None,
        "initializer_range": 0.3,  # far from each other: greedy answers do not hang on the last bit
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(LlamaConfig(**{**sizes, **changes})).eval()


def tiny_model_folder(folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Save the tiny model with its tokenizer; `changes` are fields of its config."""
    tiny_model(seed=seed, **changes).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder
