"""How fast a service may be asked."""

from __future__ import annotations

from pydantic import Field

from lianlu.core.recipe import Recipe

__all__ = ["Limits"]


class Limits(Recipe):
    """Upper bounds that all processes of this machine share; None means unbounded."""

    requests_per_minute: int | None = Field(default=None, ge=1, description="requests begun in any 60 seconds")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="prompt and answer tokens in any 60 seconds")
    query_per_second: float | None = Field(default=None, gt=0, description="requests begun in a second, evenly spaced")
    concurrency: int | None = Field(default=None, ge=1, description="requests under way at once")

    @property
    def is_bounded(self) -> bool:
        return any(value is not None for value in self.model_dump().values())
