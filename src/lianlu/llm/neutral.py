"""Fields of a request that change no answer: bookkeeping, and values that mean what happens anyway.

Clients send many of them unasked. A server that refuses what it does not do must not refuse these.
"""

from __future__ import annotations

from typing import Any

__all__ = ["DEFAULTS", "changes_nothing"]

_BOOKKEEPING = {"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"}
DEFAULTS: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "frequency_penalty": (0, 0.0),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
    "presence_penalty": (0, 0.0),
    "response_format": ({"type": "text"},),
    "return_documents": (False,),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "suffix": ("",),
    "tool_choice": ("auto",),
    "tools": ([],),
    "verbosity": ("medium",),
}
"""By field, the values that mean what happens when it is left out."""


def changes_nothing(name: str, value: Any) -> bool:
    """Whether a field with this value is as good as none.

    >>> changes_nothing("store", False), changes_nothing("store", 0)
    (True, False)
    """
    return name in _BOOKKEEPING or any(
        type(value) is type(default) and value == default for default in DEFAULTS.get(name, ())
    )
