from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.archive import check_archive, opened, parse_xml, properties, resolved
from lianlu.extract.read import read_files
from lianlu.records import Failure
from made_files import archive, changed, docx, pptx, xlsx

CORE = (
    b'<cp:coreProperties xmlns:cp="c" xmlns:dc="d" xmlns:dcterms="t"><dc:title>T</dc:title><dc:creator>Ann</dc:creator>'
    b"<dcterms:created>2020-01-02T03:04:05Z</dcterms:created><dcterms:modified>2021-02-03T00:00:00Z</dcterms:modified>"
    b"</cp:coreProperties>"
)


LAUGHS = b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>]><l>&b;</l>"
OUTSIDE = b"<!DOCTYPE s [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><s>&a;</s>"


def encrypted_in(parts: dict[str, bytes]) -> bytes:
    """A flag is all that tells: readers look at nothing else before they ask for a password."""
    content = bytearray(archive(parts))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def overlapping_in(content: bytes) -> bytes:
    """Many entries of the directory that all name the same data, as the best zip bombs do."""
    made = io.BytesIO(content)
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as one:
        one.writestr("a.xml", b"0" * 30_000_000)
        first = one.getinfo("a.xml")
        for number in range(40):
            info = zipfile.ZipInfo(f"b{number}.xml")
            for name in ("header_offset", "file_size", "compress_size", "CRC", "compress_type"):
                setattr(info, name, getattr(first, name))
            one.filelist.append(info)
            one.NameToInfo[info.filename] = info
    return made.getvalue()


def lying(parts: dict[str, bytes], name: str, *, claimed: int) -> bytes:
    """The header and the directory say that a part is smaller than it is, with the checksum of what they say."""
    made = bytearray(archive(parts))
    with zipfile.ZipFile(io.BytesIO(made)) as one:
        header = one.getinfo(name).header_offset
    directory = made.rindex(name.encode()) - 46
    crc = zlib.crc32(parts[name][:claimed])
    for start, crc_at, size_at in ((header, 14, 22), (directory, 16, 24)):
        struct.pack_into("<L", made, start + crc_at, crc)
        struct.pack_into("<L", made, start + size_at, claimed)
    return bytes(made)


def twice(first: bytes, second: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as one:
        one.writestr("a.xml", first)
        with pytest.warns(UserWarning, match="Duplicate"):
            one.writestr("a.xml", second)
    return made.getvalue()


PIECE = 1 << 20


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (archive({"a.xml": b"0" * 60_000_000}), "extract.bomb"),
        (lying({"a.xml": b"<a/>" + b" " * 3_000_000}, "a.xml", claimed=4), "extract.bomb"),
        (lying({"a.jpg": b" " * 3_000_000}, "a.jpg", claimed=2_999_999), "extract.bomb"),
        (twice(b"<a>one</a>", b"<a>two</a>"), "extract.broken"),
        (archive({"a.xml": b"<a/>"}, level=zipfile.ZIP_LZMA), "extract.broken"),
        (archive({"a.xml": b"<a/>"}, level=zipfile.ZIP_BZIP2), "extract.broken"),
        (archive({"a.xml": b" " * 2_500_000 + b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>"}), "extract.broken"),
        (archive({"a.xml": b" " * (PIECE - 4) + b"<!ENTITY a 'b'>"}), "extract.broken"),
        (archive({"a.rels": "<!ENTITY a 'b'>".encode("utf-16-be")}), "extract.broken"),
        (archive({f"part{number}": b"" for number in range(10_050)}), "extract.bomb"),
        (overlapping_in(archive({"c.xml": b""})), "extract.bomb"),
        (archive({"a.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"}), "extract.broken"),
        (archive({"a.opf": b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"}), "extract.broken"),
        (archive({"a.xml": "<!DOCTYPE x><x/>".encode("utf-16")}), "extract.broken"),
        (archive({"a.xml": b"<x/>"})[:-30], "extract.broken"),
        (archive({"a.xml": b"<x/>"})[:40], "extract.broken"),
        (b"", "extract.broken"),
        (encrypted_in({"a.xml": b"<a/>"}), "extract.encrypted"),
    ],
    ids=[
        "ratio",
        "lie",
        "lie of one byte",
        "twice",
        "lzma",
        "bzip2",
        "entities far down",
        "entities across pieces",
        "entities in utf-16",
        "entries",
        "overlap",
        "entities",
        "a file",
        "utf-16",
        "no end",
        "cut off",
        "empty",
        "password",
    ],
)
def test_hostile_archives_are_refused(content: bytes, code: str) -> None:
    with pytest.raises(DataError) as caught:
        check_archive(content, "pptx")
    assert caught.value.code == code
    assert caught.value.message("zh")
    assert caught.value.hint("en")


def test_parts_are_checked_without_being_kept() -> None:
    content = archive({"a.xml": b"<a>" + b" " * 15_000_000 + b"</a>"})
    tracemalloc.start()
    try:
        check_archive(content, "xlsx")
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_the_same_part_twice_is_no_reason_to_refuse() -> None:
    check_archive(twice(b"<a/>", b"<a/>"), "pptx")


def test_pages_of_a_book_may_name_their_document_type() -> None:
    content = archive({"chapter.xml": b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "x.dtd"><html/>'})
    check_archive(content, "epub")
    with pytest.raises(DataError):
        check_archive(content, "docx")


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


def test_parts_of_strict_office_files_are_read_like_the_others() -> None:
    strict = b'<p:sld xmlns:p="http://purl.oclc.org/ooxml/presentationml/main"/>'
    with opened(archive({"a.xml": strict}), "pptx") as found:
        assert found.xml_of("a.xml").tag == "{http://schemas.openxmlformats.org/presentationml/2006/main}sld"


@pytest.mark.parametrize(("said", "date"), [("2021-02-03T00:00:00Z", "2020-01-02"), ("3 Feb 2021", "2020-01-02")])
def test_a_date_that_is_none_is_passed_over(said: str, date: str) -> None:
    core = CORE.replace(b"2021-02-03T00:00:00Z", said.encode())
    with opened(archive({"docProps/core.xml": core}), "docx") as found:
        assert properties(found)["date"] == (said[:10] if said[:4].isdecimal() else date)


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


def link(content: bytes, name: str, target: str) -> bytes:
    """An archive in which a part is a symbolic link, as `zip --symlinks` writes it."""
    made = io.BytesIO(content)
    with zipfile.ZipFile(made, "a") as one:
        info = zipfile.ZipInfo(name)
        info.create_system = 3
        info.external_attr = 0o120777 << 16
        one.writestr(info, target)
    return made.getvalue()


def words(made: object) -> None:
    made.add_paragraph("Good words.")  # pyright: ignore[reportAttributeAccessIssue]


def slide(made: object) -> None:
    shown = made.slides.add_slide(made.slide_layouts[5])  # pyright: ignore[reportAttributeAccessIssue]
    shown.shapes.title.text = "Good words."


def cells(book: object) -> None:
    for row in (("name", "words"), ("a", "Good words.")):
        book.active.append(row)  # pyright: ignore[reportAttributeAccessIssue]


def test_each_hostile_archive_costs_itself_only(tmp_path: Path) -> None:
    """By the way that files take: each is read in the child process, and what is good among them arrives."""
    good = {"a.docx": docx(words), "a.pptx": pptx(slide), "a.xlsx": xlsx(cells)}
    climbing = {"../../climbed.txt": b"x", "/climbed.txt": b"x", "..\\climbed.txt": b"x"}
    harmless = {
        "climbing.docx": changed(good["a.docx"], climbing),
        "linked.docx": link(good["a.docx"], "word/media/image1.png", "/etc/passwd"),
        "nested.docx": changed(good["a.docx"], {"word/embeddings/bomb.zip": archive({"a": b"0" * 60_000_000})}),
    }
    core = b"<a>" + b"<b>" * 30_000
    hostile = {
        "bomb.pptx": (changed(good["a.pptx"], {"ppt/media/a.xml": b"0" * 60_000_000}), "extract.bomb"),
        "overlap.xlsx": (overlapping_in(good["a.xlsx"]), "extract.bomb"),
        "lie.xlsx": (lying({"xl/workbook.xml": b" " * 9_000_000}, "xl/workbook.xml", claimed=9), "extract.bomb"),
        "laughs.docx": (changed(good["a.docx"], {"word/styles.xml": LAUGHS}), "extract.broken"),
        "outside.xlsx": (changed(good["a.xlsx"], {"xl/sharedStrings.xml": OUTSIDE}), "extract.broken"),
        "deep.pptx": (changed(good["a.pptx"], {"ppt/slides/slide1.xml": core}), "extract.broken"),
        "cut.pptx": (good["a.pptx"][:-200], "extract.broken"),
        "link.docx": (link(archive({"a": b""}), "word/document.xml", "/etc/passwd"), "extract.broken"),
        "locked.docx": (encrypted_in({"word/document.xml": b"<a/>"}), "extract.encrypted"),
        "plain.docx": (archive({"a.txt": b"x"}), "extract.other-format"),
    }
    for name, content in [*good.items(), *harmless.items(), *((name, each[0]) for name, each in hostile.items())]:
        (tmp_path / name).write_bytes(content)
    failures: list[Failure] = []
    documents = read_files(tmp_path, failures=failures)
    assert {each.source.uri for each in documents} == {*good, *harmless}
    assert all("Good words." in each.markdown and "root:" not in each.markdown for each in documents)
    assert {each.uri: each.code for each in failures} == {name: code for name, (_, code) in hostile.items()}
    assert all(each.reason and each.hint for each in failures)
    assert not list(tmp_path.parent.rglob("*climbed*"))
