"""How a base is made: how its documents are cut, and which models read it. Kept inside the base."""

from __future__ import annotations

from lianlu.text.chunks import ChunkConfig

__all__ = ["BaseConfig"]


class BaseConfig(ChunkConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sizes of chunks, and the models that find them.

    Attributes:
        embed: ModelRef that turns texts into vectors; None searches by words.
        rerank: ModelRef that orders the best passages anew; None leaves their order.
    """

    embed: str | None = None
    rerank: str | None = None
