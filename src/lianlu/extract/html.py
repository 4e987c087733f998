"""Web pages: the article out of everything around it, as markdown blocks, with what the page says of itself as meta."""

from __future__ import annotations

import re

from lianlu.core.errors import DataError
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Document, Source
from lianlu.text.decode import decode

__all__ = ["read"]

_HEAD_BYTES = 4096
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w:.-]+)|<\?xml[^>]*encoding=[\"']([\w:.-]+)", re.IGNORECASE)


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001
    """Read a web page.

    Raises:
        DataError: text.binary, extract.no-content
    """
    declared = _CHARSET.search(content[:_HEAD_BYTES])
    decoded = decode(content, (declared[1] or declared[2]).decode() if declared else "")
    root = parse_html(decoded.text)
    if root is None:
        raise DataError("extract.no-content", what="html")
    blocks = blocks_of(root, Lines(decoded.text))
    return document_of(source, blocks)
