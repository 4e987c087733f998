"""Word documents: mammoth gives HTML by style names, our HTML blocks give markdown; title and dates from the properties."""

from __future__ import annotations

import logging
import zipfile
import zlib
from io import BytesIO
from typing import Any
from xml.parsers.expat import ExpatError

from lianlu.core.errors import DataError
from lianlu.extract.archive import opened, properties
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Document, Source

__all__ = ["read"]

_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='Plain Text'] => p:fresh
r[style-name='HTML Code'] => code
r[style-name='Verbatim Char'] => code
"""


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a Word document.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.no-content
    """
    import mammoth

    logging.getLogger("mammoth").setLevel(logging.ERROR)
    with opened(content, "docx") as archive:
        meta = properties(archive)
    try:
        html = mammoth.convert_to_html(
            BytesIO(content), style_map=_STYLES, convert_image=mammoth.images.img_element(_no_bytes)
        ).value
    except (LookupError, OSError, ValueError, AttributeError, ExpatError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("extract.broken", what="docx", why=f"{type(error).__name__}: {error}"[:200]) from error
    root = parse_html(html) if html.strip() else None
    blocks = blocks_of(root) if root is not None else []
    return document_of(source, blocks, title=str(meta.get("title", "")), meta=meta)


def _no_bytes(image: Any) -> dict[str, str]:  # noqa: ARG001 - mammoth adds the alternative text itself
    return {"src": ""}
