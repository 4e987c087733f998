"""Word documents: mammoth gives HTML by style names, our HTML blocks give markdown; title and dates from the properties.

A .docx is a zip archive from a stranger. Its directory is checked before anything is unpacked: zipfile never gives more
bytes of an entry than the directory says, so those sizes are the whole risk. Nothing is written to disk, so names inside
the archive cannot lead anywhere.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from lianlu.core.errors import DataError
from lianlu.extract.html_blocks import blocks_of, parse_html
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Document, Source

__all__ = ["check_archive", "read"]

_MOST_ENTRIES = 10_000
_MOST_BYTES = 400_000_000
_MOST_TIMES_LARGER = 200  # XML of real documents shrinks to a tenth or a thirtieth
_SMALL_BYTES = 20_000_000  # below this a high ratio does no harm
_STYLES = """
p[style-name='Title'] => h1:fresh
p[style-name='Subtitle'] => p:fresh
p[style-name='HTML Preformatted'] => pre:separator('\\n')
p[style-name='Source Code'] => pre:separator('\\n')
p[style-name='Plain Text'] => p:fresh
r[style-name='HTML Code'] => code
r[style-name='Verbatim Char'] => code
"""
_PROPERTIES = {"title": "title", "creator": "author", "language": "language", "created": "created"}


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read a Word document.

    Raises:
        DataError: extract.broken, extract.bomb, extract.encrypted, extract.no-content
    """
    import mammoth

    logging.getLogger("mammoth").setLevel(logging.ERROR)
    check_archive(content)
    meta = _properties(content)
    try:
        html = mammoth.convert_to_html(
            BytesIO(content), style_map=_STYLES, convert_image=mammoth.images.img_element(_no_bytes)
        ).value
    except (KeyError, OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError("extract.broken", what="docx", why=f"{type(error).__name__}: {error}"[:200]) from error
    root = parse_html(html) if html.strip() else None
    blocks = blocks_of(root) if root is not None else []
    return document_of(source, blocks, title=str(meta.get("title", "")), meta=meta)


def check_archive(content: bytes) -> None:
    """Refuse an archive that is broken, protected or unpacks to far too much.

    Raises:
        DataError: extract.broken, extract.encrypted, extract.bomb
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                raise DataError("extract.encrypted", what="docx")
            _check_sizes(entries)
            _refuse_entities(archive, entries)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise DataError("extract.broken", what="docx", why=str(error)) from error


def _check_sizes(entries: list[zipfile.ZipInfo]) -> None:
    total = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if len(entries) > _MOST_ENTRIES:
        raise DataError("extract.bomb", why=f"{len(entries)} entries")
    if total > _MOST_BYTES or (total > _SMALL_BYTES and total > _MOST_TIMES_LARGER * packed):
        raise DataError("extract.bomb", why=f"{total} bytes out of {packed}")


def _refuse_entities(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Word writes no DTD; one in a part is there to define entities that grow or that read other files."""
    import zlib

    for entry in entries:
        if entry.filename.endswith((".xml", ".rels")):
            try:
                with archive.open(entry) as part:
                    head = part.read(4096).replace(b"\x00", b"")
            except zlib.error as error:
                raise DataError("extract.broken", what="docx", why=f"{entry.filename}: {error}") from error
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise DataError("extract.broken", what="docx", why=f"{entry.filename} defines entities")


def _no_bytes(image: Any) -> dict[str, str]:  # noqa: ARG001 - mammoth adds the alternative text itself
    return {"src": ""}


def _properties(content: bytes) -> dict[str, Any]:
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            part = archive.read("docProps/core.xml")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        return dict(_named(etree.fromstring(part, parser=parser)))
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError):
        return {}


def _named(root: Any) -> Iterator[tuple[str, str]]:
    for element in root:
        name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        text = (element.text or "").strip()
        if name in _PROPERTIES and text:
            yield _PROPERTIES[name], text[:300]
