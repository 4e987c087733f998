"""The knowledge base of a Space: one file that never changes, with its indexes beside it.

It holds the documents, chunks, vectors and the calibration of refusal, and nothing of the machine it was made on: no roots, no failures (whose reasons
may name paths), and its models under the names they have in the Space.
"""

from __future__ import annotations

from pathlib import Path

from lianlu.core.hashing import canonical_json
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.carry import carried_calibration
from lianlu.rag.config import BaseConfig
from lianlu.rag.indexes import LEXICAL, VECTORS, space_of_base
from lianlu.rag.lexical import save_lexical
from lianlu.rag.truth import write_snapshot

__all__ = ["BASE", "write_base"]

BASE = "base/index.sqlite"


def write_base(base: KnowledgeBase, path: Path, config: BaseConfig) -> None:
    """Write a base as it stands now. The same documents give the same bytes.

    Args:
        config: the base's own, with the models as the Space names them.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
        DataError: rag.corrupt
    """
    truth = base.truth
    path.parent.mkdir(parents=True, exist_ok=True)
    with truth.reading():
        space = space_of_base(truth) if config.embed else None
        meta = {key: truth.meta(key) for key in ("weights", "weights_at") if space and truth.meta(key)}
        if space is not None:
            meta["space"] = canonical_json({**_told(space), "ref": config.embed}).decode()
        rows = truth.documents()
        chunks = [truth.chunks_of(row.row) for row in rows]
        vectors = [
            [truth.vectors_of(each.row, space.dimensions) for each in some] if space else None for some in chunks
        ]
        documents = [
            (truth.document(row.row), [each.chunk for each in some]) for row, some in zip(rows, chunks, strict=True)
        ]
        meta |= carried_calibration(base)
    write_snapshot(path, documents, [], canonical_json(config).decode(), vectors=vectors, meta=meta)
    with KnowledgeBase.open_snapshot(path) as written:
        save_lexical(path.with_suffix(LEXICAL), written.index, *written.truth.state())
        if space is not None and written.vectors is not None:
            from lianlu.rag.vectors import save_vectors

            save_vectors(path.with_suffix(VECTORS), written.vectors.pieces, *written.truth.state(), space.id)


def _told(space: object) -> dict[str, object]:
    import msgspec

    return msgspec.to_builtins(space)
