"""Tiny tokenizers with the marker tokens of every chat template, for tests."""

from __future__ import annotations

from typing import Any

from lianlu.text.chat_templates import TEMPLATES

_WORDS = ["system user assistant tool model\n\nwho are you? 你是谁？我是小链，再见。 the answer is 42.\n"] * 4
KINDS = ("bytes", "pieces")


def chat_tokenizer(kind: str, template: str = "chatml") -> Any:
    """A fast tokenizer of transformers.

    Args:
        kind: `bytes` cuts words first and merges bytes (as GPT and Qwen do); `pieces` has spaces in its tokens, no cuts
            into words and a space before a text (as InternLM2 and Llama 2 do).
        template: a name of TEMPLATES.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    named = TEMPLATES[template]
    special = ["<s>", "</s>", *(each for each in (*named.markers, *named.tool_markers) if each not in ("<s>", "</s>"))]
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        special = ["<unk>", *special]
        alphabet = []
    fallback = [f"<0x{byte:02X}>" for byte in range(256)] if kind == "pieces" else []
    trainer = trainers.BpeTrainer(
        vocab_size=700, special_tokens=[*special, *fallback], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(_WORDS, trainer)
    if kind == "pieces":  # the bytes are no tokens of their own in a text
        tokenizer = _without_added(tokenizer, fallback)
    tokenizer.add_special_tokens([AddedToken(each, normalized=False, special=True) for each in special])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    made.chat_template = named.jinja
    return made


def _without_added(tokenizer: Any, tokens: list[str]) -> Any:
    import json

    from tokenizers import Tokenizer

    settings = json.loads(tokenizer.to_str())
    settings["added_tokens"] = [each for each in settings["added_tokens"] if each["content"] not in tokens]
    return Tokenizer.from_str(json.dumps(settings))
