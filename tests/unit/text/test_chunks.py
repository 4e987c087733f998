"""Chunks: verbatim slices that follow the structure and lose nothing."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from lianlu.records import Block, Document, Source
from lianlu.text.chunks import ChunkConfig, SizeOf, chunk_document, heading_text, sizes_by_tokens, text_sizes
from lianlu.text.normalise import text_size


def document(*blocks: Block) -> Document:
    return Document(id="d", source=Source(uri="a.md", sha256="0" * 64, size=1), blocks=blocks)


def heading(text: str, level: int = 1) -> Block:
    return Block(kind="heading", markdown="#" * level + " " + text, level=level)


def para(text: str, page: int | None = None) -> Block:
    return Block(kind="para", markdown=text, page=page)


BLOCK = st.builds(
    Block,
    kind=st.sampled_from(["para", "heading", "code", "list"]),
    markdown=st.lists(st.sampled_from(["字", "。", "word ", "\n", ". ", "，"]) | st.text(max_size=5), max_size=60).map(
        "".join
    ),
    level=st.integers(1, 6),
)


@given(st.lists(BLOCK, max_size=12), st.integers(20, 80))
@settings(max_examples=200)
def test_chunks_are_slices_and_leave_out_only_white_space(blocks: list[Block], size: int) -> None:
    whole = document(*blocks)
    markdown = whole.markdown
    rest = list(markdown)
    at = 0
    for chunk in chunk_document(whole, ChunkConfig(size=size)):
        assert chunk.text == markdown[chunk.span.start : chunk.span.end]
        assert chunk.span.start >= at
        at = chunk.span.end
        rest[chunk.span.start : chunk.span.end] = " " * len(chunk.text)
    assert not "".join(rest).strip()


def test_a_chunk_knows_its_headings() -> None:
    chunks = list(chunk_document(document(heading("Guide"), heading("Install", 2), para("Run pip. " * 40))))
    assert chunks[0].headings == ("Guide", "Install")
    assert chunks[0].text.startswith("# Guide")


def test_sections_are_not_mixed() -> None:
    chunks = list(chunk_document(document(heading("A"), para("甲" * 100), heading("B"), para("乙" * 100))))
    assert [chunk.headings for chunk in chunks] == [("A",), ("B",)]


def test_a_sibling_heading_ends_the_path_of_the_one_before() -> None:
    blocks = (heading("A"), heading("A1", 2), para("甲" * 50), heading("A2", 2), para("乙" * 50))
    assert [chunk.headings for chunk in chunk_document(document(*blocks))] == [("A", "A1"), ("A", "A2")]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = "这是一个有十个字的句子。" * 30
    chunks = list(chunk_document(document(para(text)), ChunkConfig(size=100)))
    assert len(chunks) > 2
    assert all(chunk.text.endswith("。") for chunk in chunks)


def test_a_sentence_longer_than_a_chunk_is_cut_at_commas() -> None:
    chunks = list(chunk_document(document(para("没有句号，" * 200)), ChunkConfig(size=50)))
    assert all(chunk.text.endswith("，") for chunk in chunks)
    assert max(text_size(chunk.text) for chunk in chunks) <= 50


def test_sizes_can_be_counted_by_a_tokenizer() -> None:
    def measure(text: str) -> SizeOf:
        return sizes_by_tokens([match.start() for match in re.finditer(r"\S+", text)])

    chunks = list(chunk_document(document(para("one two three four. " * 50)), ChunkConfig(size=20), measure))
    assert max(len(chunk.text.split()) for chunk in chunks) == 20


@given(st.text(alphabet="字大 ab.\n", max_size=60), st.data())
def test_sizes_of_spans_are_those_of_their_texts(text: str, chosen: st.DataObject) -> None:
    start = chosen.draw(st.integers(0, len(text)))
    end = chosen.draw(st.integers(start, len(text)))
    assert text_sizes(text)(start, end) == text_size(text[start:end])


def test_code_is_cut_where_something_new_begins() -> None:
    functions = [f"def f{number}(x):\n    y = x + {number}\n\n    return y * {number}\n\n" for number in range(9)]
    listing = Block(kind="code", markdown="".join(functions))
    chunks = list(chunk_document(document(listing), ChunkConfig(size=40)))
    assert len(chunks) > 1
    assert all(
        chunk.text.startswith("def f") and chunk.text.count("def") == chunk.text.count("return") for chunk in chunks
    )


def test_a_function_too_long_is_cut_at_its_lines() -> None:
    listing = Block(
        kind="code", markdown="def f():\n" + "".join(f"    line_{number} = {number}\n" for number in range(90))
    )
    chunks = list(chunk_document(document(listing), ChunkConfig(size=50)))
    assert all(line.strip().startswith(("def", "line_")) for chunk in chunks for line in chunk.text.splitlines())


def test_pages_are_those_of_the_first_block() -> None:
    chunks = list(chunk_document(document(para("甲" * 300, page=1), para("乙" * 300, page=2))))
    assert [chunk.page for chunk in chunks] == [1, 2]


def test_heading_text_is_without_marks_and_links() -> None:
    assert heading_text("## [XTuner](https://x.y) 介绍 ##") == "XTuner 介绍"


def test_an_empty_document_has_no_chunks() -> None:
    assert list(chunk_document(document())) == []
    assert list(chunk_document(document(para("  \n ")))) == []
