"""Questions one after the other: understood by what was said, never lost when an answer is stopped or breaks off."""

from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.errors import LianluError, UsageError
from lianlu.rag.answer import Answered, AnswerEvent, Claimed, Looked
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.kept_talk import conversation_of, load_talk, save_talk
from lianlu.rag.talk import Talk

from .conftest import Make

PAGE = "# 备份\n\n备份每晚两点开始，保留三十天。备份放在北京机房。"
SCRIPT = """
rules:
  - match: source 1
    reply: "备份每晚两点开始 [1]。服务器在月球上 [1]。保留三十天 [1]。"
  - match: "<<<talk"
    error: {status: 413, message: that is too much to rewrite}
"""


@pytest.fixture
def one(base: KnowledgeBase, make_document: Make) -> KnowledgeBase:
    base.put([make_document("a.md", PAGE)])
    return base


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    return f"fake:{path}"


def nothing(_: AnswerEvent) -> None:
    pass


def stop_at(kind: type[AnswerEvent]) -> object:
    def show(event: AnswerEvent) -> None:
        if isinstance(event, kind):
            raise KeyboardInterrupt

    return show


def test_every_event_is_shown_as_it_comes(one: KnowledgeBase, model: str) -> None:
    seen: list[AnswerEvent] = []
    with Talk(one, model=model) as talk:
        heard = talk.ask("备份几点开始？", seen.append)
    assert [type(each).__name__ for each in seen] == ["Looked", "Claimed", "DroppedClaim", "Claimed", "Answered"]
    assert heard.answer is not None
    assert (heard.answer.by, heard.is_stopped, heard.error) == (model, False, None)


def test_what_was_checked_before_the_stop_is_an_answer(one: KnowledgeBase, model: str) -> None:
    seen = 0

    def show(event: AnswerEvent) -> None:
        nonlocal seen
        seen += isinstance(event, Claimed)
        if seen == 2:
            raise KeyboardInterrupt

    with Talk(one, model=model) as talk:
        heard = talk.ask("备份几点开始？", show)
        assert heard.is_stopped
        assert heard.answer is not None
        assert heard.answer.text == "备份每晚两点开始 [1]。保留三十天 [1]。"
        assert [each.number for each in heard.answer.citations] == [1]
        assert [each.claim for each in heard.answer.dropped] == ["服务器在月球上 [1]。"]
        assert heard.answer.is_partial
        assert talk.answers == [heard.answer]
        assert talk.ask("备份几点开始？", nothing).answer is not None


def test_a_stop_before_the_first_sentence_leaves_no_answer(one: KnowledgeBase, model: str) -> None:
    with Talk(one, model=model) as talk:
        heard = talk.ask("备份几点开始？", stop_at(Looked))  # type: ignore[arg-type]
        assert (heard.answer, heard.is_stopped, talk.answers) == (None, True, [])


def test_a_stop_behind_the_end_comes_too_late(one: KnowledgeBase, model: str) -> None:
    with Talk(one, model=model) as talk:
        heard = talk.ask("备份几点开始？", stop_at(Answered))  # type: ignore[arg-type]
    assert heard.answer is not None
    assert (heard.is_stopped, heard.answer.is_partial) == (False, False)


def test_a_model_that_cannot_be_opened_is_an_error_of_each_question(one: KnowledgeBase) -> None:
    with Talk(one, model="fake:nowhere.yaml") as talk:
        for _ in range(2):
            with pytest.raises(UsageError):
                talk.ask("备份几点开始？", nothing)
        assert talk.answers == []


def test_the_embedder_of_a_base_serves_all_questions(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(PAGE, encoding="utf-8")
    built, _ = rag.build("notes", tmp_path / "a.md", config=BaseConfig(embed="fake:echo"))
    with built as base, Talk(base) as talk:
        found = [talk.ask(each, nothing).answer for each in ("备份几点开始？", "备份放在哪里？")]
    assert [each is not None and each.found and not each.notes for each in found] == [True, True]


def test_a_follow_up_refers_to_what_was_understood_not_to_what_was_typed(one: KnowledgeBase) -> None:
    with Talk(one) as talk:
        talk.ask("备份几点开始？", nothing)
        heard = talk.ask("它放在哪里？", nothing)
        assert heard.answer is not None
        assert heard.answer.rewritten == "备份放在哪里？"
        assert [each.text for each in talk.messages if each.role == "user"] == ["备份几点开始？", "备份放在哪里？"]


def test_a_kept_talk_comes_back_whole(one: KnowledgeBase, tmp_path: Path) -> None:
    with Talk(one) as talk:
        talk.ask("备份几点开始？", nothing)
        talk.ask("它放在哪里？", nothing)
    for name in ("talk.json", "talk.jsonl"):
        save_talk(tmp_path / name, "notes", talk.answers)
        assert load_talk(tmp_path / name, "notes") == talk.answers
    assert (tmp_path / "talk.jsonl").read_bytes().count(b"\n") == 1
    said = conversation_of("notes", talk.answers).messages
    assert [each.text for each in said[::2]] == ["备份几点开始？", "它放在哪里？"]


def test_a_talk_that_cannot_be_kept_is_an_error_with_a_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LianluError, match="file"):
        save_talk(tmp_path / "file" / "talk.json", "notes", [])
    with pytest.raises(UsageError) as caught:
        load_talk(tmp_path, "notes")
    assert caught.value.code == "file.unreadable"
