"""The figures of a small base by hand, and the verb with its page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.events import Event, Note, Progress
from lianlu.core.job import Job
from lianlu.llm import Backend, FakeBackend, Sampling, open_backend, stored
from lianlu.rag import build, evaluation
from lianlu.rag.asking import ask_by_quoting
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.eval_page import evaluation_page
from lianlu.rag.evaluation import Evaluation, evaluate
from lianlu.rag.question_files import EvalQuestion
from lianlu.records import Conversation

TEXTS = {
    "tower.md": "# Tower\n\nThe tower of Sarn is ninety metres high. It was built in 1889.\n",
    "harbour.md": "# Harbour\n\nThe crane of the harbour lifts forty tonnes.\n",
    "kiln.md": "# Kiln\n\n维拉的窑每周二点火。窑主是李雷。\n",
    "ferry.md": "# Ferry\n\nThe ferry to Orlo leaves from the harbour at noon.\n",
}
ASKED = (
    EvalQuestion(question="How high is the tower of Sarn?", answers=("ninety metres",), sources=("tower.md",)),
    EvalQuestion(question="What does the crane of the harbour lift?", answers=("forty tonnes",)),
    EvalQuestion(question="维拉的窑什么时候点火？", answers=("周二",), sources=("kiln.md",)),
    EvalQuestion(question="Which whale swims in the lake of glass?", is_answerable=False),
)


@pytest.fixture
def base(tmp_path: Path) -> KnowledgeBase:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return build("small", [folder])[0]


def values(made: Evaluation) -> dict[str, tuple[float, int]]:
    return {each.name: (round(each.value, 4), each.n) for each in made.measures}


def test_figures_of_a_base_that_knows_its_answers(base: KnowledgeBase) -> None:
    made = evaluate(base, ASKED)
    assert (made.base, made.by, made.questions, made.answerable) == ("small", "extract", 4, 3)
    found = values(made)
    for name in ("recall@1", "MRR", "nDCG@10", "answer in the quotes@3", "citation recall"):
        assert found[name] == (1.0, 3)
    assert found["wrongly refused"] == (0.0, 3)
    assert found["wrongly answered"] == (0.0, 1)
    assert found["refusal AUC"] == (1.0, 4)
    assert found["exact match"] == (0.0, 3)
    assert made.misses == ()
    assert [threshold for threshold, _, _ in made.curve][::10] == [0.0, 0.5, 1.0]
    assert made.curve[0][1:] == (0.0, 1.0)
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in made.measures)


def test_what_goes_wrong_is_listed_with_its_kind(base: KnowledgeBase) -> None:
    asked = (
        EvalQuestion(
            question="How high is the tower of Sarn?", answers=("ten metres",), sources=("kiln.md",), place="1"
        ),
        EvalQuestion(
            question="How high is the tower of Sarn?", answers=("a hundred",), sources=("tower.md",), place="2"
        ),
        EvalQuestion(question="What does the crane of the harbour lift?", is_answerable=False, place="3"),
        EvalQuestion(question="Purple elephants of Venus?", answers=("x",), sources=("tower.md",), place="4"),
    )
    made = evaluate(base, asked)
    assert [(each.place, each.what) for each in made.misses] == [
        ("1", "not-found"),
        ("2", "not-said"),
        ("3", "answered"),
        ("4", "refused"),
    ]
    assert values(made)["wrongly answered"] == (1.0, 1)


@pytest.mark.parametrize(
    ("hits", "wanted", "reciprocal", "ndcg"),
    [
        ([True, False], 1, 1.0, 1.0),
        ([False, True], 1, 0.5, 1 / math.log2(3)),
        ([True, False, True], 2, 1.0, (1 + 0.5) / (1 + 1 / math.log2(3))),
        ([False, False, True], 0, 1 / 3, 0.5),
        ([], 1, 0.0, 0.0),
    ],
)
def test_ranks_are_worth_what_is_written_down(hits: list[bool], wanted: int, reciprocal: float, ndcg: float) -> None:
    assert evaluation._reciprocal_rank(hits) == pytest.approx(reciprocal)
    assert evaluation._ndcg(hits, wanted) == pytest.approx(ndcg)


def test_a_paragraph_is_found_in_whatever_document_holds_it(base: KnowledgeBase) -> None:
    asked = EvalQuestion(question="When was it built?", answers=("1889",), paragraph="It was  built in\n1889.")
    events: list[Event] = []
    made = evaluate(
        base, [asked, EvalQuestion(question="Sarn?", answers=("x",), paragraph="nowhere")], job=Job("t", events.append)
    )
    assert values(made)["recall@1"][1] == 2
    assert ["1 of the 2 paragraphs" in each.text for each in events if isinstance(each, Note)] == [True]


def test_unknown_documents_are_named(base: KnowledgeBase) -> None:
    with pytest.raises(DataError) as caught:
        evaluate(base, [EvalQuestion(question="a?", sources=("other.md", "tower.md"))])
    assert (caught.value.code, caught.value.facts["first"]) == ("rag.unknown-sources", "other.md")


def model(tmp_path: Path, script: str) -> Callable[[], Any]:
    path = tmp_path / "model.yaml"
    path.write_text(script, encoding="utf-8")
    return lambda: open_backend(f"fake:{path}")


def test_a_model_is_scored_by_what_passes_the_check(base: KnowledgeBase, tmp_path: Path) -> None:
    script = "rules:\n  - match: How high is the tower\n    reply: The tower is ninety metres high [1].\n  - reply: Nobody knows.\n"
    made = evaluate(base, ASKED[:2], open_backend=model(tmp_path, script), by="scripted")
    assert made.by == "scripted"
    assert values(made)["wrongly refused"] == (0.5, 2)
    assert values(made)["citation precision"] == (1.0, 1)


def test_a_model_that_fails_everywhere_is_an_error_and_once_is_told(base: KnowledgeBase, tmp_path: Path) -> None:
    dead = "rules:\n  - error: {status: 400, message: broken}\n"
    with pytest.raises(BackendError):
        evaluate(base, ASKED[:2], open_backend=model(tmp_path, dead))
    half = "rules:\n  - match: How high is the tower\n    error: {status: 400, message: broken}\n  - reply: It lifts forty tonnes [1].\n"
    made = evaluate(base, ASKED[:2], open_backend=model(tmp_path, half))
    assert [failure.reason for failure in made.failures]
    assert [each.what for each in made.misses] == ["failed"]


def test_a_model_that_is_gone_is_not_asked_to_the_end(base: KnowledgeBase, tmp_path: Path) -> None:
    script = (
        "rules:\n  - match: How high is the tower of Sarn.0\n    reply: The tower is ninety metres high [1].\n"
        "  - error: {status: 500, message: away}\n"
    )
    asked = [EvalQuestion(question=f"How high is the tower of Sarn?{at}", answers=("ninety",)) for at in range(40)]
    events: list[Event] = []
    with pytest.raises(BackendError, match="away"):
        evaluate(base, asked, open_backend=model(tmp_path, script), job=Job("t", events.append))
    done = [each.done for each in events if isinstance(each, Progress) and each.label == "answering"]
    assert 1 <= max(done) < 10


def test_a_run_that_was_stopped_goes_on_and_pays_nothing_twice(base: KnowledgeBase, tmp_path: Path) -> None:
    paid: list[str] = []
    most = 3

    async def answer(conversation: Conversation, _: Sampling) -> str:
        if len(paid) >= most:
            await anyio.sleep(0.05)  # as a service that is gone does; what is being answered beside it comes to its end
            raise BackendError("llm.server-error", url="fake:", status=500, message="away")
        paid.append(conversation.messages[-1].text)
        return "The tower is ninety metres high [1]."

    asked = [
        EvalQuestion(question=f"How high is the tower of Sarn?{at}", answers=("ninety metres",)) for at in range(14)
    ]

    def opened() -> Backend:
        return stored(FakeBackend(answer, fingerprint="one"), tmp_path / "requests.sqlite")

    with pytest.raises(BackendError):
        evaluate(base, asked, open_backend=opened)
    assert len(paid) == 3
    most = 99
    made = evaluate(base, asked, open_backend=opened)
    assert len(paid) == len(set(paid)) == 14
    assert values(made)["answer in the quotes@3"] == (1.0, 14)


def test_what_every_question_would_meet_is_raised_as_it_is(base: KnowledgeBase, tmp_path: Path) -> None:
    asked = [ASKED[0], EvalQuestion(question="tower of Sarn " * 400, answers=("x",))]
    with pytest.raises(UsageError) as caught:
        evaluate(base, asked, open_backend=model(tmp_path, "rules:\n  - reply: It is ninety metres high [1].\n"))
    assert caught.value.code == "rag.long-question"


def test_the_best_sentence_need_not_be_the_first_to_be_read(tmp_path: Path) -> None:
    text = "The kiln of Vera is old and stands by the river.\n\nRuth Amsel lights the kiln of Vera on Tuesdays.\n"
    (tmp_path / "kiln.md").write_text(text, encoding="utf-8")
    with build("kiln", [tmp_path / "kiln.md"])[0] as kiln:
        asked = EvalQuestion(question="Who lights the kiln of Vera on Tuesdays?", answers=("Ruth Amsel",))
        made = evaluate(kiln, [asked])
        first = ask_by_quoting(kiln, asked.question).citations[0].quote
    assert first == "The kiln of Vera is old and stands by the river."
    assert values(made)["answer in the quotes@1"] == (1.0, 1)


def test_words_vectors_and_both_stand_side_by_side(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    with build("both", [folder], config=BaseConfig(embed="fake:echo"))[0] as both:
        made = evaluate(both, ASKED)
    recalls = [each for each in made.measures if each.name == "recall@10"]
    assert [(each.way, each.value) for each in recalls] == [
        ("words", 1.0),
        ("vectors", 1.0),
        ("words and vectors", 1.0),
    ]


def test_the_page_holds_figures_curve_and_misses(base: KnowledgeBase) -> None:
    from lianlu.page import render

    wrong = EvalQuestion(
        question="<b>How high</b> is the tower of Sarn?", answers=("a hundred",), sources=("tower.md",)
    )
    html = render(evaluation_page(evaluate(base, [*ASKED, wrong])), "zh")
    assert "recall@5" in html
    assert "召回率@5" in html
    assert "此库的阈值" in html
    assert "应为：a hundred" in html
    assert "何时拒答" in html
    assert "<b>How high" not in html


def test_the_verb_measures_a_base_and_the_paragraphs_of_a_file(
    base: KnowledgeBase, lianlu: Callable[..., Any], tmp_path: Path
) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"question": ASKED[0].question, "answer": "ninety metres"}), encoding="utf-8")
    page = tmp_path / "page.html"
    printed = lianlu("rag", "eval", "small", questions, "--out", page)
    assert printed.code == 0
    assert "recall@1" in printed.out
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    asked = {"question": ASKED[1].question, "answers": [{"text": "forty tonnes"}]}
    squad = {"data": [{"paragraphs": [{"context": TEXTS["harbour.md"], "qas": [asked]}]}]}
    carried = tmp_path / "squad.json"
    carried.write_text(json.dumps(squad), encoding="utf-8")
    told = json.loads(lianlu("rag", "eval", carried, "--paragraphs", "--json").out)
    assert {each["name"]: each["value"] for each in told["measures"]}["recall@1"] == 1.0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rag", "eval", "small"], "rag.eval-what"),
        (["rag", "eval", "small", "q.jsonl", "--out", "x.pdf"], "rag.eval-file"),
        (["rag", "eval", "small", "none.jsonl"], "file.missing"),
        (["rag", "eval", "nobody", "q.jsonl"], "rag.unknown-base"),
        (["rag", "eval", "q.jsonl", "--paragraphs"], "rag.no-paragraphs"),
    ],
)
def test_what_cannot_be_measured_is_told(
    arguments: list[str],
    code: str,
    base: KnowledgeBase,
    lianlu: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.jsonl").write_text('{"question": "a", "answer": "b"}', encoding="utf-8")
    printed = lianlu(*arguments)
    assert printed.code == 2
    assert code in printed.err
