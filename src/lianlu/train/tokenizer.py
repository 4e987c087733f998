"""Learn a tokenizer and write it as a Hugging Face folder, the chat template inside.

`character` gives every character seen a token and falls back to bytes for all others, so that no text is lost; a small
model that must count letters wants this. `bpe` is byte-level BPE. Both have the three marks of ChatML, so that a model
pretrained with them can be fine-tuned for chat without new tokens.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.train.reading import Item
from lianlu.train.shapes import messages_of

__all__ = ["CHATML", "END_OF_MESSAGE", "END_OF_TEXT", "START_OF_MESSAGE", "learn_tokenizer", "texts_of"]

END_OF_TEXT = "<|endoftext|>"
START_OF_MESSAGE = "<|im_start|>"
END_OF_MESSAGE = "<|im_end|>"
_SPECIAL = [END_OF_TEXT, START_OF_MESSAGE, END_OF_MESSAGE]
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_ROLES = "system user assistant tool\n"  # what the template itself writes must have tokens
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + (message['content'] or '') + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def learn_tokenizer(
    items: Iterable[Item], folder: Path, *, algorithm: str = "character", vocabulary: int = 8192, least_count: int = 1
) -> int:
    """Learn from the texts of `items` and write `folder`; returns the number of tokens. The same texts give the same bytes.

    Raises:
        UsageError: train.no-data
        LimitError: file.disk-full
    """
    texts = [text for item in items for text in texts_of(item)]
    if not any(texts):
        raise UsageError("train.no-data", paths="-")
    learn = _characters if algorithm == "character" else _pairs
    tokenizer = learn(texts, vocabulary, least_count)
    tokenizer.add_special_tokens(_SPECIAL)
    settings = {
        "chat_template": CHATML,
        "clean_up_tokenization_spaces": False,
        "eos_token": END_OF_MESSAGE,
        "pad_token": END_OF_TEXT,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    write_bytes(folder / "tokenizer.json", tokenizer.to_str(pretty=False).encode())
    write_bytes(folder / "tokenizer_config.json", json.dumps(settings, ensure_ascii=False, indent=2).encode() + b"\n")
    return int(tokenizer.get_vocab_size())


def texts_of(item: Item) -> Iterator[str]:
    """The texts of an item, message by message."""
    if isinstance(item.content, str):
        yield item.content
        return
    for message in messages_of(item.content):
        yield message.text


def _characters(texts: list[str], vocabulary: int, least_count: int) -> Any:
    from tokenizers import Tokenizer, decoders, models

    counted = Counter(character for text in texts for character in text)
    needed = sorted(set(_ROLES))
    common = sorted((each for each in counted if each not in needed), key=lambda each: (-counted[each], each))
    kept = [each for each in common if counted[each] >= least_count][: vocabulary - len(_SPECIAL + _BYTES + needed)]
    tokens = [*_SPECIAL, *_BYTES, *needed, *kept]
    tokenizer = Tokenizer(
        models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=[], byte_fallback=True)
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def _pairs(texts: list[str], vocabulary: int, least_count: int) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=least_count,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
