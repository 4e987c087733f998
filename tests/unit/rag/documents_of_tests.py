"""Documents that tell whether they are whole; also imported by the processes that tests start."""

from __future__ import annotations

from lianlu.core.hashing import sha256_bytes, short_id
from lianlu.rag.base import KnowledgeBase
from lianlu.records import Block, Document, Source

SECTIONS = "一二三四五"


def numbered(uri: str, version: str) -> Document:
    """A document of five sections, each of which names the version; so does its title."""
    blocks: list[Block] = []
    for number in SECTIONS:
        blocks.append(Block(kind="heading", markdown=f"# 第{number}节", level=1))
        blocks.append(Block(kind="para", markdown=f"版本 {version} 的第{number}节说明。" + "这一段只是为了长度。" * 12))
    text = "\n\n".join(block.markdown for block in blocks).encode()
    source = Source(uri=uri, sha256=sha256_bytes(text), size=len(text))
    return Document(id=short_id(uri, source.sha256), source=source, blocks=tuple(blocks), title=version, language="zh")


def assert_whole(base: KnowledgeBase) -> None:
    """Every document has all its chunks, all of one version, and every chunk its vector."""
    for row in base.truth.documents():
        chunks = base.truth.chunks_of(row.row)
        document = base.truth.document(row.row)
        assert all(each.chunk.span.cut(document.markdown) == each.chunk.text for each in chunks)
        if row.uri != "start.md":
            assert [each.chunk.headings for each in chunks] == [(f"第{number}节",) for number in SECTIONS]
            assert all(f"版本 {row.title} " in each.chunk.text for each in chunks)
        pieces = base.truth.pieces([each.row for each in chunks])
        assert len({piece >> 6 for piece in pieces}) == len(chunks)
