from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core import aio
from lianlu.llm import Backend, FakeBackend, Rule
from lianlu.llm.fake import Fault
from lianlu.llm.request_store import stored
from lianlu.prompt.assertions import Assertion, Verdict
from lianlu.prompt.checking import Answered
from lianlu.prompt.judging import Judges, judge_conversation


def _decided(judges: Judges, assertion: Assertion, output: str = "an answer") -> Verdict:
    return aio.run(lambda: judges.decide(assertion, Answered(output=output, said="a question")))


def _judge(*replies: str) -> Backend:
    return FakeBackend([Rule(reply=reply, times=1) for reply in replies])


@pytest.mark.parametrize(
    ("reply", "passed"),
    [
        ('{"pass": true, "reason": "it is"}', True),
        ('Well.\n```json\n{"pass": false, "reason": "not polite"}\n```', False),
        ('{"pass": true} no wait {"pass": false, "reason": "x"}', False),
    ],
)
def test_a_judge_says_yes_or_no(reply: str, passed: bool) -> None:
    rubric = Assertion(type="judge", value="polite")
    assert _decided(Judges(judge=_judge(reply)), rubric).passed is passed
    negated = Assertion(type="judge", value="polite", is_negated=True)
    assert _decided(Judges(judge=_judge(reply)), negated).passed is not passed


def test_the_reason_of_a_no_is_told() -> None:
    verdict = _decided(
        Judges(judge=_judge('{"pass": false, "reason": "too long"}')), Assertion(type="judge", value="x")
    )
    assert verdict.why == "too long"


def test_nonsense_is_asked_once_more_and_then_counts_neither_way() -> None:
    rubric = Assertion(type="judge", value="polite")
    assert _decided(Judges(judge=_judge("hm", '{"pass": true}')), rubric).passed is True
    lost = _decided(Judges(judge=_judge("hm", '{"pass": "yes"}')), rubric)
    assert lost.passed is None
    assert "yes" in lost.why


def test_a_judge_that_fails_counts_neither_way() -> None:
    broken = FakeBackend([Rule(error=Fault(status=500))])
    verdict = _decided(Judges(judge=broken), Assertion(type="judge", value="polite"))
    assert (verdict.passed, bool(verdict.why)) == (None, True)


def test_nonsense_that_was_kept_does_not_keep_the_second_try_from_being_asked(tmp_path: Path) -> None:
    rubric = Assertion(type="judge", value="polite")
    model = FakeBackend([Rule(reply="hm", times=1), Rule(reply='{"pass": true}', times=1)])
    judge = stored(model, tmp_path / "r.sqlite")
    assert _decided(Judges(judge=judge), rubric).passed is True
    assert _decided(Judges(judge=judge), rubric).passed is True
    assert len(model.asked) == 2


def test_a_judge_is_asked_in_the_language_of_the_rubric() -> None:
    chinese = judge_conversation("语气礼貌", Answered(output="好", said="在吗"))
    assert "<标准>" in chinese.messages[1].text
    assert "<Criterion>" in judge_conversation("polite", Answered(output="x")).messages[1].text


def test_similar_is_the_cosine_of_two_embeddings() -> None:
    judges = Judges(embedder=FakeBackend())
    near = Assertion(type="similar", value="the answer is three", threshold=0.7)
    assert _decided(judges, near, "the answer is three!").passed is True
    assert _decided(judges, near, "完全不同").passed is False
    assert _decided(judges, near, "").passed is False
