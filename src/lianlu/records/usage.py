"""What a request cost."""

from __future__ import annotations

import msgspec

__all__ = ["Usage"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Token counts of one or many requests; `cost` in `currency`, None when no price is known.

    >>> Usage(prompt_tokens=3) + Usage(prompt_tokens=4, completion_tokens=1)
    Usage(prompt_tokens=7, completion_tokens=1, cached_tokens=0, cost=None, currency='')
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float | None = None
    currency: str = ""

    def __add__(self, other: Usage) -> Usage:
        costs = [usage.cost for usage in (self, other) if usage.cost is not None]
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cost=sum(costs) if costs else None,
            currency=self.currency or other.currency,
        )
