"""Follow-up questions made to stand alone."""

import pytest

from lianlu.core import aio
from lianlu.llm import FakeBackend
from lianlu.rag.follow_up import by_model, by_rules
from lianlu.records import assistant, user


@pytest.mark.parametrize(
    ("before", "question", "expected"),
    [
        ("XTuner是什么？", "它支持QLoRA吗？", "XTuner支持QLoRA吗？"),
        ("XTuner 支持 LoRA 吗？", "那 DPO 呢？", "XTuner 支持 DPO 吗？"),
        ("年假有几天？", "病假呢？", "病假有几天？"),
        ("备份放在哪里？", "它几点开始？", "备份几点开始？"),
        ("怎么在 Windows 上安装 XTuner？", "那 Linux 呢？", "怎么在 Linux 上安装 XTuner？"),
        ("What is XTuner?", "Does it support QLoRA?", "Does XTuner support QLoRA?"),
        ("How do I install XTuner?", "What about LMDeploy?", "How do I install LMDeploy?"),
    ],
)
def test_a_pronoun_or_an_ellipsis_is_filled_in(before: str, question: str, expected: str) -> None:
    followed = by_rules(question, [user(before), assistant("…")])
    assert followed is not None
    assert (followed.text, followed.is_sure) == (expected, True)


def test_a_question_without_history_stays() -> None:
    assert by_rules("它怎么安装？", []) is None


def test_what_a_model_rewrites_is_used() -> None:
    backend = FakeBackend(lambda *_: "XTuner 怎么安装？")
    assert aio.run(lambda: by_model("怎么安装？", [user("XTuner是什么？")], backend)) == "XTuner 怎么安装？"


@pytest.mark.parametrize("written", ["LMDeploy 怎么安装？", "XTuner 2024 怎么安装？", "", "一\n二"])
def test_what_a_model_adds_to_the_talk_is_refused(written: str) -> None:
    backend = FakeBackend(lambda *_: written)
    assert aio.run(lambda: by_model("怎么安装？", [user("XTuner是什么？")], backend)) is None


@pytest.mark.parametrize("question", ["天气怎么样？", "食堂的饭菜如何？"])
def test_a_question_that_asks_how_something_is_asks_for_itself(question: str) -> None:
    followed = by_rules(question, [user("怎么安装？")])
    assert followed is None or not followed.is_sure
    following = by_rules(f"那{question}", [user("病假怎么请？")])
    assert following is not None
    assert following.is_sure


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("What did we decide about backups?", "How long are backups kept?"),
        ("When are the backups made?", "How long are backups kept?"),
        ("What are the logs of the server written by?", "How long are logs of the server kept?"),
    ],
)
def test_what_a_question_was_about_is_told_without_its_verb(before: str, expected: str) -> None:
    followed = by_rules("How long are they kept?", [user(before)])
    assert followed is not None
    assert followed.text == expected


def test_a_question_that_names_the_same_thing_again_stays() -> None:
    assert by_rules("What did we decide about backups?", [user("How many days do we keep backups?")]) is None
