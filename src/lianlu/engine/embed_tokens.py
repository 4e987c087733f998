"""Texts to token ids for embedders and rerankers, by `tokenizers` alone: no transformers is imported for it.

What is longer than the model reads is cut at the end. Half a surrogate pair, which is no character, is read as U+FFFD: one
such text among thousands of documents must not stop the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lianlu.core.errors import DataError
from lianlu.core.extras import require

__all__ = ["EmbedTokenizer", "Row"]

Row = tuple[Sequence[int], Sequence[int]]
"""Token ids, and for each which of two texts it is of."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")


class EmbedTokenizer:
    """The tokenizer of an embedder.

    Args:
        limit: longest row, special tokens included.
        lowercase: whether texts are lowered first, which the folder says apart from the tokenizer.

    Raises:
        DataError: engine.bad-tokenizer
        UsageError: extra.missing: there is no tokenizer.json, and making one needs transformers
    """

    def __init__(self, folder: Path, *, limit: int, lowercase: bool) -> None:
        self._fast = _opened(folder)
        self._fast.no_padding()
        self._fast.no_truncation()
        self._lowercase = lowercase
        self._limit = limit
        self.special_tokens: int = self._fast.num_special_tokens_to_add(is_pair=False)
        self.size: int = self._fast.get_vocab_size(with_added_tokens=True)

    def rows(self, texts: Sequence[str]) -> list[Row]:
        self._fast.enable_truncation(self._limit)
        found = self._fast.encode_batch_fast([self._clean(text) for text in texts])
        return [(each.ids, each.type_ids) for each in found]

    def pairs(self, query: str, documents: Sequence[str]) -> list[Row]:
        """Rows of the query with each document; of what is too long, the longer of the two is cut."""
        self._fast.enable_truncation(self._limit, strategy="longest_first")
        asked = self._clean(query)
        found = self._fast.encode_batch_fast([(asked, self._clean(each)) for each in documents])
        return [(each.ids, each.type_ids) for each in found]

    def starts(self, text: str) -> tuple[int, ...]:
        """Where each token of a whole text begins, in characters, never falling."""
        self._fast.no_truncation()
        starts: list[int] = []
        at = 0
        for start, _ in self._fast.encode(self._clean(text), add_special_tokens=False).offsets:
            at = max(at, start)
            starts.append(at)
        return tuple(starts)

    def prompt_tokens(self, prompt: str) -> int:
        """How many tokens a prompt takes at the start of a row, the special tokens before it included."""
        self._fast.no_truncation()
        ids: list[int] = self._fast.encode(prompt).ids
        is_closed = self.special_tokens and ids and ids[-1] == self._fast.encode("").ids[-1]
        return len(ids) - bool(is_closed)

    def _clean(self, text: str) -> str:
        """Of the same length, so that places in it are places in the text."""
        clean = _HALF_PAIR.sub("\ufffd", text)
        if not self._lowercase:
            return clean
        lowered = clean.lower()
        if len(lowered) == len(clean):
            return lowered
        return "".join(low if len(low := each.lower()) == 1 else each for each in clean)


def _opened(folder: Path) -> Any:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        if path.is_file():
            return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust side raises a bare Exception
        raise DataError("engine.bad-tokenizer", path=str(folder), why=f"{error}"[:300]) from error
    return _made(folder)


def _made(folder: Path) -> Any:
    """From the older files of a tokenizer, as transformers turns them into a fast one."""
    require("transformers", "torch")
    from transformers import AutoTokenizer

    try:
        found: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        return found.backend_tokenizer
    except Exception as error:  # each kind of tokenizer fails in its own way
        raise DataError("engine.bad-tokenizer", path=str(folder), why=f"{error}"[:300]) from error
