"""From a request to the sequences that answer it: checked, limited, one for each wanted answer."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Tokens
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.engine.choice import choice_of
from lianlu.engine.sequence import Sequence
from lianlu.engine.tokenizer import Tokenizer
from lianlu.llm import Sampling

__all__ = ["sequences_of"]

_NO_LIMIT_TOKENS = 4096  # of answers by a model that sets no limit, when the request sets none either


def sequences_of(
    prompt: Tokens[int],
    sampling: Sampling,
    tokenizer: Tokenizer,
    *,
    generation: Mapping[str, Any],
    ends: frozenset[int],
    limit: int | None,
    has_echo: bool = False,
) -> list[Sequence]:
    """The `n` sequences of a request.

    Args:
        limit: most tokens of prompt and answer together.

    Raises:
        UsageError: engine.unknown-field, engine.bad-value, engine.too-long, engine.empty-prompt
    """
    choice = choice_of(sampling, generation)
    if not prompt:
        raise UsageError("engine.empty-prompt")
    wants = choice.max_tokens if choice.max_tokens is not None else generation.get("max_new_tokens")
    room = limit - len(prompt) if limit is not None else wants or _NO_LIMIT_TOKENS
    if room < 0 or (room == 0 and wants != 0):
        raise UsageError("engine.too-long", tokens=len(prompt), limit=limit)
    most = room if wants is None else min(wants, room)
    return [
        Sequence(prompt, choice, tokenizer, limit=most, ends=ends, index=index, has_echo=has_echo)
        for index in range(choice.n)
    ]
