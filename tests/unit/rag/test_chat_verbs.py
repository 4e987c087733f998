"""`rag ask --compare` and `rag chat` as a person uses them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from lianlu import rag
from lianlu.core.errors import UsageError
from lianlu.rag.verbs import rag as group

SCRIPT = """
rules:
  - match: source 1
    reply: "备份每晚两点做 [1]。服务器在月球上 [1]。"
  - reply: "我不知道你们的备份。"
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.yaml"
    path.write_text(SCRIPT, encoding="utf-8")
    return f"fake:{path}"


@pytest.fixture(autouse=True)
def _base(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text(
        "---\ndate: 2024-01-01\n---\n# 备份\n\n备份每晚两点做，保留三十天。\n", encoding="utf-8"
    )
    (folder / "b.md").write_text("# 监控\n\n监控每分钟检查一次。监控由小组三负责。\n", encoding="utf-8")
    rag.build("notes", folder)[0].close()


def run(*arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(group, list(arguments), input=typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_same_model_without_and_with_the_base(model: str) -> None:
    told = json.loads(run("ask", "notes", "备份几点做？", "--compare", "--model", model, "--json"))
    assert told["without"] == "我不知道你们的备份。"
    assert told["with"]["text"].startswith("备份每晚两点做 [1]")
    assert [each["claim"] for each in told["with"]["dropped"]] == ["服务器在月球上 [1]。"]


def test_both_answers_are_shown_with_the_proof(model: str) -> None:
    shown = run("ask", "notes", "备份几点做？", "--compare", "--model", model)
    assert "我不知道你们的备份。" in shown
    assert "[1] a.md" in shown
    assert "月球" in shown


def test_comparing_needs_a_model() -> None:
    with pytest.raises(UsageError, match="none was named"):
        run("ask", "notes", "备份几点做？", "--compare")


def test_a_model_that_is_down_is_told_in_its_own_column(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lianlu.core.errors import BackendError
    from lianlu.rag import chat_verbs

    real = chat_verbs.aio.run
    calls = iter((False, True))

    def fail_second(main: object, job: object = None) -> object:
        if next(calls, False):
            raise BackendError("engine.closed")
        return real(main, job)  # type: ignore[arg-type]

    monkeypatch.setattr(chat_verbs.aio, "run", fail_second)
    told = json.loads(run("ask", "notes", "备份几点做？", "--compare", "--model", model, "--json"))
    assert told["without"].startswith("✗")
    assert told["with"]["found"]


def test_a_question_can_be_held_to_some_documents() -> None:
    told = json.loads(run("ask", "notes", "监控由谁负责？", "--path", "a.md", "--json"))
    assert not told["found"]


def test_a_follow_up_is_understood_from_what_was_said() -> None:
    told = json.loads(run("chat", "notes", "--json", typed="监控由谁负责？\n它每分钟做什么？\n"))
    first, second = told["answers"]
    assert "小组三" in first["text"]
    assert "监控" in second.get("rewritten", "")
    assert "检查一次" in second["text"]


def test_clear_forgets_and_exit_leaves() -> None:
    told = json.loads(
        run("chat", "notes", "--json", typed="监控由谁负责？\n/clear\n/exit\n备份几点做？\n").split("\n", 1)[1]
    )
    assert len(told["answers"]) == 1
