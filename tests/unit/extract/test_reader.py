"""The conformance of readers: what holds for every reader, built in or of a plug-in."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lianlu.core import registry
from lianlu.core.errors import DataError
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import archive, docx, lines, pdf, pptx, source_of, xlsx


def _words(made: Any) -> None:
    made.add_heading("Title", level=1)
    made.add_paragraph("Some text 正文。")


def _cells(book: Any) -> None:
    book.active.append(["Question", "Answer"])
    book.active.append(["Title", "Some text 正文。"])


def _slides(made: Any) -> None:
    slide = made.slides.add_slide(made.slide_layouts[1])
    slide.shapes.title.text = "Title"
    slide.placeholders[1].text_frame.text = "Some text 正文。"


SAMPLES: dict[str, Callable[[], bytes]] = {
    "markdown": lambda: "# Title\n\nSome text 正文。\n".encode(),
    "text": lambda: "Title\n\nSome text 正文。\n".encode(),
    "rst": lambda: "Title\n=====\n\nSome text 正文。\n".encode(),
    "html": lambda: "<h1>Title</h1><p>Some text 正文。</p>".encode(),
    "pdf": lambda: pdf([(72.0, 760.0, 20.0, "B", "Title"), *lines(72, 700, ["Some text", "of two lines."])]),
    "docx": lambda: docx(_words),
    "xlsx": lambda: xlsx(_cells),
    "pptx": lambda: pptx(_slides),
    "epub": lambda: archive(
        {
            "META-INF/container.xml": b'<c><rootfile full-path="a.opf"/></c>',
            "a.opf": b'<p><item id="a" href="a.html" media-type="text/html"/><itemref idref="a"/></p>',
            "a.html": "<h1>Title</h1><p>Some text 正文。</p>".encode(),
        }
    ),
    "csv": lambda: "Question,Answer\nTitle,Some text 正文。\n".encode(),
    "ipynb": lambda: '{"cells": [{"cell_type": "markdown", "source": "# Title\\n\\nSome text 正文。"}]}'.encode(),
    "code": lambda: "def title():\n    return 'Some text 正文。'\n".encode(),
}


def test_every_built_in_reader_has_a_sample() -> None:
    from lianlu.builtins import BUILTINS

    assert set(SAMPLES) == set(BUILTINS["reader"])


@pytest.mark.parametrize("name", sorted(SAMPLES))
class TestReader:
    def read(self, name: str, content: bytes) -> Document:
        return registry.find("reader", name)(content, source_of(content, "folder/a"), ReadConfig())

    def test_has_the_signature_of_the_protocol(self, name: str) -> None:
        parameters = inspect.signature(registry.find("reader", name)).parameters
        assert list(parameters) == ["content", "source", "config"]

    def test_gives_blocks_and_passes_the_source_on(self, name: str) -> None:
        content = SAMPLES[name]()
        found = self.read(name, content)
        assert found.source == source_of(content, "folder/a")
        assert "Some text" in found.markdown
        assert len(found.id) == 24
        assert all(block.markdown == block.markdown.strip("\n") for block in found.blocks)
        assert all((block.level is not None) == (block.kind == "heading") for block in found.blocks)

    def test_is_deterministic(self, name: str) -> None:
        content = SAMPLES[name]()
        assert self.read(name, content) == self.read(name, content)

    def test_document_survives_json_and_msgpack(self, name: str) -> None:
        found = self.read(name, SAMPLES[name]())
        assert msgspec.json.decode(msgspec.json.encode(found), type=Document) == found
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Document) == found

    @pytest.mark.parametrize(
        "content", [b"\x00\x01\x02\x03" * 50, b"\xff\xfe\x00\xd8"], ids=["binary", "half a character"]
    )
    def test_garbage_is_a_data_error(self, name: str, content: bytes) -> None:
        try:
            self.read(name, content)
        except DataError as error:
            assert error.code.split(".")[0] in ("extract", "text")  # noqa: PT017
