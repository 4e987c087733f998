from __future__ import annotations

import io
import zipfile

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.archive import check_archive, opened, parse_xml, properties, resolved
from made_files import archive

CORE = (
    b'<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>T</dc:title><dc:creator>Ann</dc:creator>'
    b"<dcterms:created>2020-01-02T03:04:05Z</dcterms:created><dcterms:modified>2021-02-03T00:00:00Z</dcterms:modified>"
    b"</cp:coreProperties>"
)


def encrypted() -> bytes:
    """A flag is all that tells: readers look at nothing else before they ask for a password."""
    content = bytearray(archive({"a.xml": b"<a/>"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def overlapping() -> bytes:
    """Many entries of the directory that all name the same data, as the best zip bombs do."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as one:
        one.writestr("a.xml", b"0" * 30_000_000)
        for number in range(40):
            info = zipfile.ZipInfo(f"b{number}.xml")
            first = one.infolist()[0]
            for name in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
                setattr(info, name, getattr(first, name))
            one.filelist.append(info)
            one.NameToInfo[info.filename] = info
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (archive({"a.xml": b"0" * 60_000_000}), "extract.bomb"),
        (archive({f"part{number}": b"" for number in range(10_050)}), "extract.bomb"),
        (overlapping(), "extract.bomb"),
        (archive({"a.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}), "extract.broken"),
        (archive({"a.opf": b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"}), "extract.broken"),
        (archive({"a.xml": "<!DOCTYPE x><x/>".encode("utf-16")}), "extract.broken"),
        (archive({"a.xml": b"<x/>"})[:-30], "extract.broken"),
        (archive({"a.xml": b"<x/>"})[:40], "extract.broken"),
        (b"", "extract.broken"),
        (encrypted(), "extract.encrypted"),
    ],
    ids=["ratio", "entries", "overlap", "entities", "a file", "utf-16", "no end", "cut off", "empty", "password"],
)
def test_hostile_archives_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        check_archive(content, "pptx")
    assert caught.value.code == code
    assert caught.value.message("zh")
    assert caught.value.hint("en")


def test_a_damaged_part_is_told_when_it_is_read() -> None:
    content = bytearray(archive({"a.bin": b"text " * 1000}))
    content[45] ^= 0xFF
    with opened(bytes(content), "xlsx") as found, pytest.raises(DataError) as caught:
        found.bytes_of("a.bin")
    assert caught.value.code == "extract.broken"


def test_a_missing_part_and_one_that_is_no_xml_are_told() -> None:
    with opened(archive({"a.xml": b"no xml"}), "xlsx") as found:
        for name in ("a.xml", "b.xml"):
            with pytest.raises(DataError) as caught:
                found.xml_of(name)
            assert caught.value.code == "extract.broken"


def test_entities_are_not_put_in() -> None:
    root = parse_xml(b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><x>before &a; after</x>")
    assert root is None or "after" not in (root.text or "")


def test_properties_and_the_date_of_the_last_change() -> None:
    with opened(archive({"docProps/core.xml": CORE}), "docx") as found:
        assert properties(found) == {
            "title": "T",
            "author": "Ann",
            "created": "2020-01-02T03:04:05Z",
            "modified": "2021-02-03T00:00:00Z",
            "date": "2021-02-03",
        }
    with opened(archive({"a": b""}), "docx") as found:
        assert properties(found) == {}


@pytest.mark.parametrize(
    ("name", "target", "path"),
    [
        ("ppt/slides/slide1.xml", "../notes/n1.xml", "ppt/notes/n1.xml"),
        ("ppt/presentation.xml", "/ppt/a.xml", "ppt/a.xml"),
        ("O/c.opf", "a%201.xhtml#top", "O/a 1.xhtml"),
        ("a.xml", "../../../etc/passwd", "../../../etc/passwd"),
    ],
)
def test_references_are_paths_in_the_archive(name: str, target: str, path: str) -> None:
    assert resolved(name, target) == path
