"""When a question is refused: by the shipped weights, by a calibration, and never by a file that cannot be believed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lianlu.chain.variables import examples_root
from lianlu.core import aio
from lianlu.core.errors import DataError
from lianlu.core.job import Job
from lianlu.llm import FakeBackend
from lianlu.rag import build
from lianlu.rag.asking import ask_by_quoting, ask_model
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.carry import export_base, import_base
from lianlu.rag.config import BaseConfig
from lianlu.rag.evidence import FEATURES, Evidence
from lianlu.rag.question import read_question
from lianlu.rag.refusal import (
    CALIBRATION_META,
    SHIPPED,
    Calibration,
    Measured,
    Point,
    Refusal,
    calibration_of,
    decoded,
    encoded,
    judge,
    write_calibration,
)
from lianlu.rag.refusal_fit import Labelled, calibrate

from .conftest import Make

HANDBOOK = examples_root() / "handbook"
NOW = "2026-01-02T03:04:05+00:00"
ANSWERED = (
    "链路是什么？",
    "What is lianlu?",
    "怎么给知识库增加文件？",
    "退出码 3 表示什么？",
    "lianlu 的文件放在哪里？",
    "需要 GPU 吗？",
    "Does lianlu work offline?",
    "How do I add files to a knowledge base?",
    "What does exit code 3 mean?",
    "How do I resume a run that was killed?",
    "怎样切换语言？",
    "Can it read scanned PDFs?",
)
NOT_ANSWERED = (
    "冰岛的首都是哪里？",
    "What is the capital of Iceland?",
    "红烧肉怎么做才好吃？",
    "Kubernetes 是什么？",
    "How do I center a div with CSS?",
    "今天上海的天气怎么样？",
    "Who wrote Pride and Prejudice?",
    "nginx 反向代理 502 是什么原因？",
    "周末有空一起打球吗",
    "What is photosynthesis?",
    "房贷利率现在是多少？",
    "how do I remove a wine stain from a carpet",
)


def calibration(threshold: float = 0.999) -> Calibration:
    whole = (1.0, 0.9, 1.0)
    return Calibration(
        format=1,
        features=f"1:{','.join(FEATURES)}",
        refusal=msgspec.structs.replace(SHIPPED, threshold=threshold),
        answerable=10,
        unanswerable=12,
        has_own_weights=False,
        chunks=3,
        made=NOW,
        measured=Measured(
            precision=None,
            recall=whole,
            refused=whole,
            auc=whole,
            auc_shipped=whole,
            curve=(Point(threshold=0.5, precision=1.0, recall=1.0),),
        ),
    )


@pytest.fixture
def port(base: KnowledgeBase, make_document: Make) -> KnowledgeBase:
    base.put([make_document("a.md", "# 服务\n\n服务的默认端口是 23333。\n\nThe server listens on port 23333.")])
    return base


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    made, _ = build("handbook", HANDBOOK, root=tmp_path_factory.mktemp("store"))
    with made:
        yield made


def by_hand(evidence: Evidence) -> float:
    log_odds = SHIPPED.intercept
    for name in FEATURES:
        log_odds += SHIPPED.weights[name] * getattr(evidence, name)
    return 1 / (1 + 2.718281828459045**-log_odds)


# ------------------------------------------------------------------ judging


def test_the_probability_is_that_of_the_logistic_model() -> None:
    evidence = Evidence(coverage=0.6, matched=0.9, content=0.7, asked=1.1, unknown=0.2, names_missing=0.5)
    assert SHIPPED.probability(evidence) == pytest.approx(by_hand(evidence))


def test_no_weights_overflow() -> None:
    steep = Refusal(intercept=0.0, weights=dict.fromkeys(FEATURES, 1e9), threshold=0.5)
    assert steep.probability(Evidence(coverage=1.0)) == 1.0
    assert steep.probability(Evidence(coverage=-1.0)) == 0.0


@pytest.mark.parametrize("question", ANSWERED)
def test_the_handbook_answers_what_stands_in_it(handbook: KnowledgeBase, question: str) -> None:
    answer = ask_by_quoting(handbook, question)
    assert answer.found
    assert answer.probability is not None
    assert answer.threshold is not None
    assert answer.probability >= answer.threshold


@pytest.mark.parametrize("question", NOT_ANSWERED)
def test_the_handbook_refuses_what_does_not(handbook: KnowledgeBase, question: str) -> None:
    answer = ask_by_quoting(handbook, question)
    assert (answer.found, answer.reason) == (False, "weak-evidence")
    assert answer.probability is not None
    assert answer.probability < (answer.threshold or 0.0)


@pytest.mark.parametrize("question", ["默认端口是多少？", "今晚食堂几点开饭？"])
def test_a_model_is_asked_exactly_where_sentences_would_be_quoted(port: KnowledgeBase, question: str) -> None:
    called: list[str] = []

    def reply(*_: object) -> str:
        called.append("asked")
        return "默认端口是 23333 [1]。"

    answer = aio.run(lambda: ask_model(port, question, FakeBackend(reply), by="fake:x"))
    quoted = ask_by_quoting(port, question)
    assert bool(called) == quoted.found == answer.found
    assert (answer.probability, answer.threshold) == (quoted.probability, quoted.threshold)


def test_nothing_found_is_refused_with_certainty(port: KnowledgeBase) -> None:
    found = judge(port, read_question("ζζζ"), [])
    assert (found.probability, found.is_answerable) == (0.0, False)


def test_the_command_tells_how_sure_it_was(port: KnowledgeBase) -> None:
    told: dict[str, Any] = msgspec.to_builtins(ask_by_quoting(port, "默认端口是多少？"))
    assert 0.0 <= told["threshold"] <= told["probability"] <= 1.0


# ------------------------------------------------------------------ the file


def test_a_calibration_is_used_as_soon_as_it_is_there_and_no_longer(port: KnowledgeBase) -> None:
    assert ask_by_quoting(port, "默认端口是多少？").found
    write_calibration(port.calibration_path, calibration(threshold=0.9999))
    answer = ask_by_quoting(port, "默认端口是多少？")
    assert (answer.found, answer.threshold, answer.notes) == (False, 0.9999, ())
    port.calibration_path.unlink()
    assert ask_by_quoting(port, "默认端口是多少？").found


def test_it_lies_beside_the_base_and_is_read_as_it_was_written(port: KnowledgeBase) -> None:
    write_calibration(port.calibration_path, calibration())
    assert port.calibration_path.name == "notes.calibration.json"
    assert port.calibration_path.parent == port.truth.path.parent
    assert calibration_of(port.calibration_path) == calibration() == port.calibration
    assert port.status().calibration == calibration()


def broken(**changed: Any) -> bytes:
    told = json.loads(encoded(calibration()))
    for key, value in changed.items():
        part = told["refusal"] if key in told["refusal"] else told
        part[key] = value
    return json.dumps(told).encode()


BROKEN = {
    "empty file": b" ",
    "cut off": encoded(calibration())[:200],
    "no json": b"\xff\xfe\x00",
    "another document": b'{"threshold": 0.5}',
    "a list": b"[]",
    "weights missing": broken(weights={"coverage": 1.0}),
    "unknown weight": broken(weights={**SHIPPED.weights, "charm": 1.0}),
    "threshold beyond one": broken(threshold=1.5),
    "threshold nought": broken(threshold=0.0),
    "not a number": broken(intercept="much"),
    "infinite": broken(intercept=1e999),
    "deep": b"[" * 100_000,
    "strange key": broken(extra=1),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_said_and_left_aside(port: KnowledgeBase, content: bytes) -> None:
    plain = ask_by_quoting(port, "默认端口是多少？")
    port.calibration_path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        calibration_of(port.calibration_path)
    assert caught.value.code == "rag.calibration-broken"
    answer = ask_by_quoting(port, "默认端口是多少？")
    assert (answer.text, answer.probability, answer.threshold) == (plain.text, plain.probability, plain.threshold)
    assert "judged by the shipped weights" in answer.notes[0].show()
    assert "shipped weights" in port.status().calibration_note
    assert port.calibration_path.read_bytes() == content


@pytest.mark.parametrize("content", [broken(format=2), broken(features="0:coverage")], ids=["format", "features"])
def test_a_file_of_another_version_is_said_and_left_aside(port: KnowledgeBase, content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        decoded(content, "x")
    assert caught.value.code == "rag.calibration-other"
    port.calibration_path.write_bytes(content)
    assert port.refusal == SHIPPED
    assert len(port.refusal_notes) == 1


def test_a_folder_in_its_place_is_said_and_left_aside(port: KnowledgeBase) -> None:
    port.calibration_path.mkdir()
    assert port.refusal == SHIPPED
    assert len(ask_by_quoting(port, "默认端口是多少？").notes) == 1


def test_it_goes_with_the_base_and_outlives_a_rebuild(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 端口\n\n默认端口是 23333。\n", encoding="utf-8")
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        write_calibration(base.calibration_path, calibration())
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        assert base.calibration == calibration()
        path = base.calibration_path
    base.truth.path.write_bytes(b"damaged")
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        assert base.calibration == calibration()
        base.delete()
    assert not path.exists()


# ------------------------------------------------------------------ carried elsewhere


def test_an_exported_base_refuses_as_it_did_where_it_stands_and_where_it_is_imported(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 端口\n\n默认端口是 23333。\n", encoding="utf-8")
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        write_calibration(base.calibration_path, calibration())
        exported = export_base(base, tmp_path / "kb.sqlite")
    with KnowledgeBase.open_snapshot(exported) as base:
        assert base.calibration == calibration()
    with import_base("copy", exported) as base:
        assert calibration_of(base.calibration_path) == calibration()
        assert base.truth.meta(CALIBRATION_META) == ""
        base.calibration_path.unlink()
        assert base.refusal == SHIPPED, "forgetting it brings nothing back"


def test_an_import_that_replaces_takes_the_calibration_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# 端口\n\n默认端口是 23333。\n", encoding="utf-8")
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        plain = export_base(base, tmp_path / "plain.sqlite")
        write_calibration(base.calibration_path, calibration())
    with import_base("kb", plain, replaces=True) as base:
        assert base.calibration is None


def test_a_stranger_s_broken_calibration_is_refused_and_one_of_another_version_left_out(tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "a.md").write_text("# 端口\n\n默认端口是 23333。\n", encoding="utf-8")
    base, _ = build("kb", tmp_path / "a.md")
    with base:
        write_calibration(base.calibration_path, calibration())
        exported = export_base(base, tmp_path / "kb.sqlite")

    def put(content: bytes) -> None:
        with sqlite3.connect(exported) as connection:
            connection.execute("UPDATE meta SET value = ? WHERE key = ?", (content.decode(), CALIBRATION_META))
        connection.close()

    put(broken(format=2))
    with import_base("other", exported) as base:
        assert base.calibration is None
    put(broken(threshold=2.0))
    with pytest.raises(DataError) as caught:
        import_base("broken", exported)
    assert caught.value.code == "rag.import-broken"


# ------------------------------------------------------------------ end to end


def test_labels_of_the_handbook_s_users_teach_it_when_to_refuse(handbook: KnowledgeBase) -> None:
    labelled = [Labelled(each, True) for each in ANSWERED] + [Labelled(each, False) for each in NOT_ANSWERED]
    made = calibrate(handbook, labelled, now=NOW)
    assert made.measured.auc[0] > 0.9
    assert made.measured.recall[0] > 0.8
    assert made.measured.refused[0] > 0.8
    write_calibration(handbook.calibration_path, made)
    try:
        assert sum(ask_by_quoting(handbook, each).found for each in ANSWERED) >= 11
        assert sum(ask_by_quoting(handbook, each).found for each in NOT_ANSWERED) <= 1
    finally:
        handbook.calibration_path.unlink()


def test_the_labels_decide_what_answerable_means(handbook: KnowledgeBase) -> None:
    """Whose assistant is to answer in Chinese alone says so by labels: no shipped weight knows of it."""
    labelled = [Labelled(each, any(letter >= "\u4e00" for letter in each)) for each in (*ANSWERED, *NOT_ANSWERED)]
    made = calibrate(handbook, labelled, now=NOW)
    assert made.measured.auc[0] < 0.8, "by nothing that is measured can it be told"
    assert made.refusal != SHIPPED


def test_an_embedder_out_of_reach_is_said_and_done_without(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document("a.md", "# 服务\n\n服务的默认端口是 23333。")])
    base.configure(BaseConfig(embed="fake:none.yaml"), None)
    labelled = [Labelled(f"服务端口 {each}", each < 10) for each in range(20)]
    said: list[str] = []
    job = Job("calibrate", lambda event: said.append(getattr(event, "text", "")))
    assert calibrate(base, labelled, now=NOW, job=job).answerable == 10
    assert sum("fake:none.yaml cannot be used" in each for each in said) == 1
