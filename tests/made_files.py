"""Small files made for tests: a PDF writer that knows nothing but text and lines, Word files, a plug-in that dies."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lianlu.core.hashing import sha256_bytes
from lianlu.records import Source

# One line of text on a page: x, y from the bottom left, size, font (R, B or M), words.
Words = tuple[float, float, float, str, str]
# A drawn line: x1, y1, x2, y2.
Drawn = tuple[float, float, float, float]


def source_of(content: bytes, uri: str = "a", media_type: str = "") -> Source:
    return Source(uri=uri, sha256=sha256_bytes(content), size=len(content), media_type=media_type)


def pdf(*pages: list[Any], encrypted: bool = False, title: str = "") -> bytes:
    """A PDF of A4 pages of Words, Drawn and raw operators, in Helvetica, Helvetica-Bold and Courier."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>",
    ]
    kids: list[str] = []
    for page in pages:
        stream = b"\n".join(_drawn(each) for each in page)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /R 3 0 R /B 4 0 R /M 5 0 R >> >> >>" % len(objects)
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    trailer = "/Root 1 0 R"
    if title:
        objects.append(f"<< /Title ({title}) >>".encode())
        trailer += f" /Info {len(objects)} 0 R"
    if encrypted:
        objects.append(f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'00' * 32}> /U <{'11' * 32}> >>".encode())
        trailer += f" /Encrypt {len(objects)} 0 R /ID [<{'ab' * 16}> <{'ab' * 16}>]"
    return _file(objects, trailer)


def _drawn(each: Words | Drawn | bytes) -> bytes:
    if isinstance(each, bytes):
        return each
    if len(each) == 4:
        return "{} {} m {} {} l S".format(*each).encode()
    x, y, size, font, words = each
    safe = words.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({safe}) Tj ET".encode("latin-1")


def _file(objects: list[bytes], trailer: str) -> bytes:
    made = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, start=1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    made += b"".join(b"%010d 00000 n \n" % place for place in places)
    made += f"trailer << /Size {len(objects) + 1} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(made)


def lines(x: float, y: float, texts: list[str], *, size: float = 10, pitch: float = 12, font: str = "R") -> list[Words]:
    """Lines of text below each other."""
    return [(x, y - pitch * at, size, font, text) for at, text in enumerate(texts)]


def docx(build: object) -> bytes:
    """A Word file; `build` is called with the python-docx document."""
    import docx as python_docx

    document = python_docx.Document()
    build(document)  # type: ignore[operator]
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def xlsx(fill: Callable[[Any], None]) -> bytes:
    """A workbook that `fill` has filled; it has one empty sheet before."""
    from openpyxl import Workbook

    return _saved(Workbook(), fill)


def pptx(fill: Callable[[Any], None]) -> bytes:
    """A presentation that `fill` has given slides."""
    from pptx import Presentation

    return _saved(Presentation(), fill)


def _saved(made: Any, fill: Callable[[Any], None]) -> bytes:
    fill(made)
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


def archive(parts: dict[str, bytes], *, level: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", level) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def changed(content: bytes, parts: dict[str, bytes]) -> bytes:
    """An archive with some of its parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        return archive({name: made.read(name) for name in made.namelist()} | parts)


PLUGIN = """
import os, time
from lianlu.extract.reader import document_of
from lianlu.records import Block

def die(content, source, config):
    os.kill(os.getpid(), 9)

def hang(content, source, config):
    time.sleep(600)

def spin(content, source, config):
    while True:
        pass

def eat(content, source, config):
    kept = bytearray(8 << 30)
    return kept

def fail(content, source, config):
    print("a parser may print what it likes")
    raise ValueError("this is odd")

def fine(content, source, config):
    return document_of(source, [Block(kind="para", markdown=content.decode())])
"""


def plugin_folder(folder: Path) -> Path:
    """A package on disk whose readers misbehave in the ways their names say."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd_readers.py").write_text(PLUGIN)
    info = folder / "odd_readers-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-readers\nVersion: 1.0\n")
    names = ("die", "hang", "spin", "eat", "fail", "fine")
    (info / "entry_points.txt").write_text("[lianlu.reader]\n" + "".join(f"{n} = odd_readers:{n}\n" for n in names))
    return folder
