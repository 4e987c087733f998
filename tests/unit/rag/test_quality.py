"""Floors of retrieval and of extractive answers on public questions; the figures themselves stand in benchmarks."""

import json
import os
from pathlib import Path

import pytest

from lianlu.core.hashing import sha256_bytes
from lianlu.rag.asking import ask_by_quoting
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.truth import write_snapshot
from lianlu.records import Block, Document, Source
from lianlu.text.chunks import chunk_document

DATA = Path(os.environ.get("LIANLU_TEST_DATA", "/nonexistent"))
SETS = {
    "xquad-zh": ("xquad/xquad.zh.json", 200, 0.93, 0.98, 0.78),
    "xquad-en": ("xquad/xquad.en.json", 200, 0.93, 0.97, 0.83),
    "cmrc2018": ("cmrc2018/squad-style-data/cmrc2018_trial.json", 200, 0.95, 0.98, 0.76),
}


@pytest.mark.parametrize("name", SETS)
def test_questions_find_their_paragraph_and_their_answer(name: str, tmp_path: Path) -> None:
    path, count, at_one, at_five, in_extract = SETS[name]
    if not (DATA / path).is_file():
        pytest.skip(f"LIANLU_TEST_DATA has no {path}")
    paragraphs = [
        each for article in json.loads((DATA / path).read_text("utf-8"))["data"] for each in article["paragraphs"]
    ]
    asked = [
        (question["question"], f"{number}.md", [answer["text"] for answer in question["answers"]])
        for number, paragraph in enumerate(paragraphs)
        for question in paragraph["qas"]
        if question["question"].strip()
    ][::3][:count]
    documents = [_document(number, paragraph["context"]) for number, paragraph in enumerate(paragraphs)]
    write_snapshot(tmp_path / "base", [(each, list(chunk_document(each))) for each in documents], [], "{}")
    first = among_five = answered = 0
    with KnowledgeBase.open_snapshot(tmp_path / "base") as base:
        for question, uri, targets in asked:
            found = [passage.uri for passage in base.search(question, 5)]
            first += found[:1] == [uri]
            among_five += uri in found
            quoted = " ".join(citation.quote for citation in ask_by_quoting(base, question).citations)
            answered += any(target in quoted for target in targets)
    assert first / len(asked) >= at_one
    assert among_five / len(asked) >= at_five
    assert answered / len(asked) >= in_extract


def _document(number: int, text: str) -> Document:
    source = Source(uri=f"{number}.md", sha256=sha256_bytes(text.encode()), size=len(text.encode()))
    return Document(id=str(number), source=source, blocks=(Block(kind="para", markdown=text),), language="und")
