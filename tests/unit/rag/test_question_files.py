from __future__ import annotations

import json
from pathlib import Path

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.rag.question_files import EvalQuestion, read_questions

SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "塔高三百米。",
                    "qas": [
                        {"id": "a", "question": "塔多高？", "answers": [{"text": "三百米"}, {"text": "三百米"}]},
                        {"id": "b", "question": "谁建的？", "answers": [], "is_impossible": True},
                        {"id": "c", "question": " ", "answers": [{"text": "x"}]},
                        {"id": "d", "question": "？", "answers": [{"text": "x"}]},
                    ],
                },
                {"context": 3, "qas": "none"},
                None,
            ]
        }
    ]
}


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_files_of_squad_carry_their_paragraphs(tmp_path: Path) -> None:
    assert read_questions(written(tmp_path, "a.json", json.dumps(SQUAD))) == [
        EvalQuestion(question="塔多高？", answers=("三百米",), paragraph="塔高三百米。", place="a"),
        EvalQuestion(question="谁建的？", paragraph="塔高三百米。", is_answerable=False, place="b"),
    ]


def test_lines_name_answers_and_sources(tmp_path: Path) -> None:
    lines = (
        '{"question": "q1", "answer": "a", "source": ["x.md", "y.md"]}\n\n'
        '{"question": "q2", "answers": ["a", "b"], "answerable": "是"}\n'
        '{"question": "q3", "answerable": false}\n'
    )
    assert read_questions(written(tmp_path, "q.jsonl", "\ufeff" + lines)) == [
        EvalQuestion(question="q1", answers=("a",), sources=("x.md", "y.md"), place="q.jsonl:1"),
        EvalQuestion(question="q2", answers=("a", "b"), place="q.jsonl:3"),
        EvalQuestion(question="q3", is_answerable=False, place="q.jsonl:4"),
    ]


def test_tables_are_read_by_their_head(tmp_path: Path) -> None:
    table = 'question,answer,source,answerable\n"a, b?",yes,x.md,\nc?,,,no\n'
    found = read_questions(written(tmp_path, "q.csv", table))
    assert [(each.question, each.sources, each.is_answerable) for each in found] == [
        ("a, b?", ("x.md",), True),
        ("c?", (), False),
    ]


@pytest.mark.parametrize(
    ("name", "content", "line", "why"),
    [
        ("q.jsonl", '{"question": "a", "answer": "b"}\n{"question": ', 2, "Expecting"),
        ("q.jsonl", '{"answer": "b"}', 1, "question"),
        ("q.jsonl", '{"question": "？！"}', 1, "question"),
        ("q.jsonl", "[1]", 1, "question"),
        ("q.jsonl", '{"question": "a"}', 1, "nothing can be right"),
        ("q.jsonl", '{"question": "a", "answer": 3}', 1, "neither a text"),
        ("q.jsonl", '{"question": "a", "answer": "b", "answerable": "perhaps"}', 1, "perhaps"),
        ("q.jsonl", '{"question": "问"}\n'.encode("gbk"), 1, "UTF-8"),
        ("q.csv", 'question,answer\n"a,b\n', 2, "end of data"),
        ("q.json", '{"data": ', 1, "Expecting"),
        ("q.jsonl", '\n{"question": "' + "a " * 3000 + '", "answer": "b"}', 2, "6000 characters"),
        ("q.json", '{"data": [{"paragraphs": [{"qas": [{"id": "z9", "question": "' + "a" * 4001 + '"}]}]}]}', 1, "z9"),
        ("q.json", "[]", 1, "SQuAD"),
        ("q.json", "[" * 100_000, 1, ""),
    ],
)
def test_wrong_lines_are_named(name: str, content: str | bytes, line: int, why: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_questions(written(tmp_path, name, content))
    assert (caught.value.code, caught.value.facts["line"]) == ("rag.bad-question", line)
    assert why in caught.value.message("en")
    assert caught.value.hint("zh")


def test_halves_of_surrogate_pairs_do_no_harm(tmp_path: Path) -> None:
    asked = {"question": "what\ud800?", "answers": [{"text": "\udc00nine"}], "id": "\ud800"}
    squad = {"data": [{"paragraphs": [{"context": "The tower \ud83d is nine.", "qas": [asked]}]}]}
    rows = written(tmp_path, "q.jsonl", json.dumps({"question": "what\ud800?", "answer": "nine\ud800"}))
    for (found,) in (read_questions(written(tmp_path, "s.json", json.dumps(squad))), read_questions(rows)):
        assert found.question == "what??"
        assert f"{found.paragraph}{found.answers}{found.place}".encode()


@pytest.mark.parametrize(("name", "content"), [("q.jsonl", "\n"), ("q.csv", "question\n"), ("q.json", '{"data": []}')])
def test_a_file_without_questions_is_told(name: str, content: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_questions(written(tmp_path, name, content))
    assert caught.value.code == "rag.no-questions"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_questions(tmp_path / "none.jsonl")
    assert caught.value.code == "file.missing"
