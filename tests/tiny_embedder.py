"""Random embedders and rerankers of a few thousand weights as sentence-transformers lays folders out, made in a moment.

    folder = tiny_embedder(tmp_path / "model", "bert", modes=("cls",), dense=12)

Tokenizers are byte-level with the special tokens of their family, so that any text can be encoded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["FAMILIES", "LIMIT_TOKENS", "tiny_embedder", "tiny_reranker"]

LIMIT_TOKENS = 40
FAMILIES = ("bert", "xlm-roberta", "modernbert", "qwen3", "mpnet")
_SPECIAL = ("<s>", "<pad>", "</s>")
_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 264,
    "initializer_range": 0.3,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


def tiny_embedder(
    folder: Path,
    family: str = "bert",
    *,
    modes: Sequence[str] = ("mean",),
    is_normal: bool = True,
    dense: int = 0,
    prompts: Mapping[str, str] | None = None,
    with_prompt: bool = True,
    limit: int | None = LIMIT_TOKENS,
    **changes: Any,
) -> Path:
    """Save a sentence-transformers folder: encoder, pooling, a dense layer of `dense` outputs, normalising."""
    _save(folder, family, "AutoModel", **changes)
    names = ["Transformer", "Pooling", *(["Dense"] if dense else []), *(["Normalize"] if is_normal else [])]
    modules = [
        {
            "idx": at,
            "name": str(at),
            "path": f"{at}_{name}" if at else "",
            "type": f"sentence_transformers.models.{name}",
        }
        for at, name in enumerate(names)
    ]
    _write(folder / "modules.json", modules)
    pooling = {"word_embedding_dimension": 32, "include_prompt": with_prompt}
    named = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "lasttoken": "lasttoken"}
    named |= {"mean_sqrt_len_tokens": "mean_sqrt_len_tokens", "weightedmean": "weightedmean_tokens"}
    _write(folder / "1_Pooling" / "config.json", pooling | {f"pooling_mode_{named[mode]}": True for mode in modes})
    if limit is not None:
        _write(folder / "sentence_bert_config.json", {"max_seq_length": limit, "do_lower_case": False})
    if prompts is not None:
        _write(folder / "config_sentence_transformers.json", {"prompts": dict(prompts), "default_prompt_name": None})
    if dense:
        _save_dense(folder / "2_Dense", 32 * len(modes), dense)
    return folder


def tiny_reranker(folder: Path, family: str = "bert", *, labels: int = 1, **changes: Any) -> Path:
    """Save a model that classifies pairs of texts with one score."""
    _save(folder, family, "AutoModelForSequenceClassification", num_labels=labels, **changes)
    return folder


def _save(folder: Path, family: str, auto: str, **changes: Any) -> None:
    import torch
    import transformers

    sizes = {**_SIZES, "max_position_embeddings": 66, **changes}
    if family == "qwen3":
        sizes |= {"num_key_value_heads": 2, "head_dim": 8}
    if family == "modernbert":
        sizes |= {"global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 0, "sep_token_id": 2}
    config = transformers.AutoConfig.for_model(family, **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(transformers, auto).from_config(config).eval()
    model.save_pretrained(folder)
    _tokenizer(family).save_pretrained(folder)


def _tokenizer(family: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    symbols = [*_SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "the"]
    vocabulary = {symbol: index for index, symbol in enumerate(symbols)}
    fast = Tokenizer(models.BPE(vocab=vocabulary, merges=[("t", "h"), ("th", "e")]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast.add_special_tokens(list(_SPECIAL))
    pieces = {"qwen3": ("$A </s>", "$A $B </s>"), "xlm-roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>")}
    single, pair = pieces.get(family, ("<s> $A </s>", "<s> $A </s> $B:1 </s>:1"))
    fast.post_processor = processors.TemplateProcessing(
        single=single, pair=pair, special_tokens=[(name, vocabulary[name]) for name in _SPECIAL]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=64
    )


def _save_dense(folder: Path, wide: int, narrow: int) -> None:
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    spread = torch.Generator().manual_seed(1)
    weight = torch.randn(narrow, wide, generator=spread) / wide**0.5
    save_file({"linear.weight": weight, "linear.bias": torch.arange(narrow) / 10}, folder / "model.safetensors")
    told = {"in_features": wide, "out_features": narrow, "bias": True}
    _write(folder / "config.json", told | {"activation_function": "torch.nn.modules.activation.Tanh"})


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
