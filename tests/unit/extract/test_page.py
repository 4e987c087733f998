from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.core.i18n import Text
from lianlu.extract.page import section
from lianlu.page import Facts, Fold, SectionContext, Table
from lianlu.records import Artifact, Block, Document, Failure, Source
from lianlu.text.documents import write_documents

ARTIFACT = Artifact(id="a" * 24, kind="documents", format_version=1, files=())


def files(folder: Path) -> Files:
    source = Source(uri="a.md", sha256="0" * 64, size=5)
    document = Document(id="b" * 24, source=source, blocks=(Block(kind="para", markdown="Hello <b>"),), title="T")
    failed = Failure(uri="x.md", code="extract.too-slow", reason="slow", hint="h", facts={"limit_seconds": 3.0})
    write_documents(folder, [document], [failed])
    return Files.of_folder(folder, kind="documents")


def test_section_shows_documents_and_failures(tmp_path: Path) -> None:
    made = section(files(tmp_path), SectionContext(ARTIFACT, step="documents"))
    assert [type(part) for part in made.parts] == [Facts, Table, Table, Fold]
    tables = [part for part in made.parts if isinstance(part, Table)]
    assert tables[0].rows[0][0] == "a.md"
    reason = tables[1].rows[0][2]
    assert isinstance(reason, Text)
    assert "3" in reason.zh
    assert "秒" in reason.zh


def test_folder_that_holds_no_documents_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        section(Files.of_folder(tmp_path, kind="documents"), SectionContext(ARTIFACT))
