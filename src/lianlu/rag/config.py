"""How a base is made: how its documents are cut, and which models read it. Kept inside the base."""

from __future__ import annotations

from pydantic import Field

from lianlu.text.chunks import ChunkConfig

__all__ = ["BaseConfig"]


class BaseConfig(ChunkConfig):
    """Sizes of chunks, and the models that find them."""

    embed: str | None = Field(
        default=None, description="ModelRef that turns texts into vectors; null searches by words"
    )
    rerank: str | None = Field(default=None, description="ModelRef that orders the best passages anew; null leaves it")
