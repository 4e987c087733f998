"""What a zip archive from a stranger may be before a part of it is read: Word, Excel, PowerPoint and EPUB files are such.

The directory is checked first; then every part is unpacked piece by piece and kept nowhere, because what the directory says
of sizes may be a lie: `ZipFile.read` cuts a part to that size only after it has unpacked all of it. Nothing is written to
disk, so names and links inside an archive cannot lead anywhere.
"""

from __future__ import annotations

import copy
import posixpath
import re
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from lianlu.core.errors import DataError

__all__ = ["Archive", "check_archive", "opened", "parse_xml", "properties", "resolved"]

_MOST_ENTRIES = 10_000
_MOST_BYTES = 400_000_000
_MOST_TIMES_LARGER = 200  # XML of real documents shrinks to a tenth or a thirtieth
_SMALL_BYTES = 20_000_000  # below this a high ratio does no harm
_PIECE_BYTES = 1 << 20
_METHODS = (
    zipfile.ZIP_STORED,
    zipfile.ZIP_DEFLATED,
)  # all that these formats allow; zipfile bounds no piece of the others
_HEAD_BYTES = 65_536
_ENTITY = b"<!ENTITY"
# Strict Office files name the same elements in another namespace.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(presentationml|drawingml|spreadsheetml|officeDocument)/(\w+)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_XML = (".xml", ".rels", ".opf", ".ncx")
_PROPERTIES = {
    "title": "title",
    "creator": "author",
    "language": "language",
    "created": "created",
    "modified": "modified",
    "keywords": "keywords",
}


class Archive:
    """The parts of an archive that passed the check.

    Args:
        what: the format, for messages.
    """

    def __init__(self, archive: zipfile.ZipFile, what: str) -> None:
        self._archive = archive
        self.what = what
        self.names = frozenset(archive.namelist())

    def bytes_of(self, name: str) -> bytes:
        """The content of a part.

        Raises:
            DataError: extract.broken: it is missing or damaged
        """
        try:
            return self._archive.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise DataError("extract.broken", what=self.what, why=f"{name}: {error}"[:200]) from error

    def xml_of(self, name: str) -> Any:
        """The root element of a part.

        Raises:
            DataError: extract.broken
        """
        root = parse_xml(_STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", self.bytes_of(name)))
        if root is None:
            raise DataError("extract.broken", what=self.what, why=f"{name} is no XML")
        return root

    def relations_of(self, name: str) -> dict[str, tuple[str, str]]:
        """What an Office part refers to: id -> (last word of the type, path in the archive)."""
        folder, _, own = name.rpartition("/")
        place = f"{folder}/_rels/{own}.rels" if folder else f"_rels/{own}.rels"
        if place not in self.names:
            return {}
        found: dict[str, tuple[str, str]] = {}
        for each in self.xml_of(place):
            target = each.get("Target") or ""
            if each.get("TargetMode") != "External" and target:
                found[each.get("Id") or ""] = ((each.get("Type") or "").rpartition("/")[2], resolved(name, target))
        return found


def resolved(name: str, target: str) -> str:
    """A reference of a part as a path in the archive."""
    path = unquote(target.partition("#")[0])
    if path.startswith("/"):
        return posixpath.normpath(path).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


@contextmanager
def opened(content: bytes, what: str) -> Generator[Archive]:
    """A checked archive.

    Raises:
        DataError: extract.broken, extract.encrypted, extract.bomb
    """
    check_archive(content, what)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        yield Archive(archive, what)


def check_archive(content: bytes, what: str) -> None:
    """Refuse an archive that is broken, protected or unpacks to far too much.

    Raises:
        DataError: extract.broken, extract.encrypted, extract.bomb
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
            if any(entry.flag_bits & 1 for entry in entries):
                raise DataError("extract.encrypted", what=what)
            _check_directory(entries, what)
            for entry in entries:
                _check_part(archive, entry, what)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise DataError("extract.broken", what=what, why=str(error)) from error


def parse_xml(content: bytes) -> Any:
    """The root element; None when it is no XML. No network, no entities."""
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(content, parser=parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def properties(archive: Archive) -> dict[str, Any]:
    """Title, author, language and dates of an Office file; `date` is when it was last changed."""
    if "docProps/core.xml" not in archive.names:
        return {}
    root = parse_xml(archive.bytes_of("docProps/core.xml"))
    found: dict[str, Any] = {}
    for element in root if root is not None else ():
        name = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
        text = (element.text or "").strip()
        if name in _PROPERTIES and text:
            found[_PROPERTIES[name]] = text[:300]
    dates = [found.get("modified", ""), found.get("created", "")]
    return found | next(({"date": date[:10]} for date in dates if _DAY.match(date)), {})


def _check_directory(entries: list[zipfile.ZipInfo], what: str) -> None:
    total = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if len(entries) > _MOST_ENTRIES:
        raise DataError("extract.bomb", why=f"{len(entries)} entries")
    if total > _MOST_BYTES or (total > _SMALL_BYTES and total > _MOST_TIMES_LARGER * packed):
        raise DataError("extract.bomb", why=f"{total} bytes out of {packed}")
    seen: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if entry.compress_type not in _METHODS:
            raise DataError(
                "extract.broken", what=what, why=f"{entry.filename} is packed in a way that {what} does not know"
            )
        own = (entry.CRC, entry.file_size)
        if seen.setdefault(entry.filename, own) != own:  # another program would show the other one
            raise DataError("extract.broken", what=what, why=f"{entry.filename} is in it twice")


def _check_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, what: str) -> None:
    """Refuse a part that is larger than it says, and XML with entities: they grow or read other files, and none is needed."""
    is_xml = entry.filename.lower().endswith(_XML)
    unpacked = copy.copy(entry)
    unpacked.file_size += 1  # one more byte than it says: a lie shows
    unpacked.CRC = None  # type: ignore[assignment] # damage is not looked for here
    size, before = 0, b""
    try:
        with archive.open(unpacked) as part:
            while piece := part.read(_PIECE_BYTES):
                size += len(piece)
                if size > entry.file_size:
                    raise DataError(
                        "extract.bomb", why=f"{entry.filename} is larger than the {entry.file_size} bytes it says"
                    )
                if is_xml:
                    text = before + (piece.replace(b"\x00", b"") if b"\x00" in piece else piece)  # UTF-16 too
                    _refuse_entities(entry.filename, text, what, is_first=size == len(piece))
                    before = text[1 - len(_ENTITY) :]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        if is_xml:
            raise DataError("extract.broken", what=what, why=f"{entry.filename}: {error}"[:200]) from error
        # A damaged picture costs no text, and who reads the part is told.


def _refuse_entities(name: str, text: bytes, what: str, *, is_first: bool) -> None:
    """Office files have no document types at all; pages of a book name that of XHTML, which is not fetched."""
    is_typed = what != "epub" and is_first and b"<!DOCTYPE" in text[:_HEAD_BYTES]
    if is_typed or _ENTITY in text:
        raise DataError("extract.broken", what=what, why=f"{name} defines entities")
