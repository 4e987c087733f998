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
