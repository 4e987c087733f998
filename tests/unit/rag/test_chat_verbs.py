"""`rag ask`, `rag ask --compare` and `rag chat` as a person uses them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lianlu import rag
from lianlu.core.errors import LianluError, UsageError
from lianlu.core.settings import Settings
from lianlu.llm.session import load_session
from lianlu.rag.group import rag as group
from terminal import Terminal

SCRIPT = """
rules:
  - match: source 1
    reply: "备份每晚两点做 [1]。服务器在月球上 [1]。"
  - reply: "我不知道你们的备份。"
"""
DOWN = "error: {status: 401, message: no such key}"
BREAKING = """
rules:
  - match: source 1
    reply: "备份每晚两点做 [1]。服务器在月"
    then_error: {status: 503, message: gone away}
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    return scripted(tmp_path, SCRIPT)


def scripted(folder: Path, script: str) -> str:
    path = folder / "model.yaml"
    path.write_text(script, encoding="utf-8")
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


def invoke(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(group, list(arguments), input=typed)


def run(*arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(group, list(arguments), input=typed, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


# ------------------------------------------------------------------ ask


def test_an_answer_is_shown_with_its_places_and_what_was_dropped(model: str) -> None:
    shown = run("ask", "notes", "备份几点做？", "--model", model).splitlines()
    assert shown[0] == "备份每晚两点做 [1]。"
    assert shown[2].startswith("[1] a.md · 备份")
    assert shown[3].startswith("dropped: 服务器在月球上")


@pytest.mark.parametrize("file", ["answer.html", "answer.md", "deep/answer.json"])
def test_an_answer_is_written_down(tmp_path: Path, model: str, file: str) -> None:
    path = tmp_path / file
    shown = run("ask", "notes", "备份几点做？", "--model", model, "--out", str(path))
    assert f"written: {path}" in shown
    written = path.read_text(encoding="utf-8")
    assert "备份每晚两点做" in written
    assert "服务器在月球上" in written


def test_a_file_of_no_known_kind_is_told_before_a_model_is_asked(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run("ask", "notes", "备份几点做？", "--model", "fake:nowhere.yaml", "--out", str(tmp_path / "answer.pdf"))
    assert caught.value.code == "rag.answer-file"


def test_an_answer_that_cannot_be_written_is_shown_all_the_same(tmp_path: Path, model: str) -> None:
    (tmp_path / "file").write_text("")
    done = invoke("ask", "notes", "备份几点做？", "--model", model, "--out", str(tmp_path / "file" / "answer.md"))
    assert done.stdout.startswith("备份每晚两点做 [1]。")
    assert "written" not in done.stdout
    assert done.stderr.startswith("error: ")
    assert done.exit_code in (2, 3)


def test_what_was_checked_before_the_model_failed_is_shown_and_the_exit_code_says_so(tmp_path: Path) -> None:
    model = scripted(tmp_path, BREAKING)
    done = invoke("ask", "notes", "备份几点做？", "--model", model)
    assert done.exit_code == 4
    assert done.stdout.startswith("备份每晚两点做 [1]。\n(incomplete: ")
    assert "[1] a.md" in done.stdout
    assert "gone away" in done.stderr
    told = json.loads(invoke("ask", "notes", "备份几点做？", "--model", model, "--json").stdout)
    assert (told["is_partial"], told["text"]) == (True, "备份每晚两点做 [1]。")
    assert told["error"]["code"].startswith("llm.")


def test_an_answer_that_was_cut_off_says_so_and_leaves_the_unfinished_sentence_out(tmp_path: Path) -> None:
    model = scripted(tmp_path, "rules: [{reply: '备份每晚两点做 [1]。保留三', is_cut_off: true}]")
    told = json.loads(run("ask", "notes", "备份几点做？", "--model", model, "--json"))
    assert (told["text"], told["is_partial"]) == ("备份每晚两点做 [1]。", True)
    assert not told.get("dropped")
    assert "cut off" in str(told["notes"])


def test_a_model_that_says_nothing_is_no_proof_that_the_documents_do_not(tmp_path: Path) -> None:
    told = json.loads(
        run("ask", "notes", "备份几点做？", "--model", scripted(tmp_path, "rules: [{reply: ''}]"), "--json")
    )
    assert (told["found"], told["reason"], told["text"]) == (False, "no-answer", "模型没有给出回答。")


def test_a_question_can_be_held_to_some_documents() -> None:
    told = json.loads(run("ask", "notes", "监控由谁负责？", "--path", "a.md", "--json"))
    assert not told["found"]


def test_what_steers_a_terminal_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "docs" / "b.md").write_text("# 监控\n\n监控由\x1b[2J小组三负责。\n", encoding="utf-8")
    run("update", "notes")
    shown = run("ask", "notes", "监控由谁负责？")
    assert "小组三" in shown
    assert "\x1b" not in shown


# ------------------------------------------------------------------ ask --compare


def test_the_same_model_without_and_with_the_base(model: str) -> None:
    told = json.loads(run("ask", "notes", "备份几点做？", "--compare", "--model", model, "--json"))
    assert told["without"] == "我不知道你们的备份。"
    assert told["with"]["text"].startswith("备份每晚两点做 [1]")
    assert [each["claim"] for each in told["with"]["dropped"]] == ["服务器在月球上 [1]。"]
    assert min(told["seconds"].values()) >= 0
    assert told["errors"] == {}


def test_both_answers_are_shown_with_the_proof(model: str) -> None:
    shown = run("ask", "notes", "备份几点做？", "--compare", "--model", model)
    assert "我不知道你们的备份。" in shown
    assert "[1] a.md" in shown
    assert "月球" in shown
    assert "took" in shown


def test_comparing_needs_a_model() -> None:
    with pytest.raises(UsageError, match="none was named"):
        run("ask", "notes", "备份几点做？", "--compare")


def test_a_model_that_fails_alone_is_told_on_its_side(tmp_path: Path) -> None:
    model = scripted(
        tmp_path, "rules:\n  - match: source 1\n    reply: 备份每晚两点做 [1]。\n  - {error: {message: gone away}}"
    )
    told = json.loads(run("ask", "notes", "备份几点做？", "--compare", "--model", model, "--json"))
    assert (told["without"], told["with"]["found"]) == ("", True)
    assert "gone away" in told["errors"]["without"]["message"]


def test_a_model_that_fails_with_the_documents_costs_nothing_of_what_it_said_alone(tmp_path: Path) -> None:
    model = scripted(tmp_path, "rules:\n  - match: source 1\n    error: {message: too much}\n  - reply: 两点。")
    done = invoke("ask", "notes", "备份几点做？", "--compare", "--model", model, "--json")
    told = json.loads(done.stdout)
    assert (told["without"], told["with"], done.exit_code) == ("两点。", None, 4)
    assert "too much" in told["error"]["message"]


def test_a_model_that_fails_on_both_sides_is_an_error(tmp_path: Path) -> None:
    done = invoke("ask", "notes", "备份几点做？", "--compare", "--model", scripted(tmp_path, f"rules: [{{{DOWN}}}]"))
    assert isinstance(done.exception, LianluError)
    assert done.exception.exit_code == 4


@pytest.mark.parametrize("ending", ["html", "md", "json"])
def test_a_comparison_is_written_down(tmp_path: Path, model: str, ending: str) -> None:
    path = tmp_path / f"both.{ending}"
    told = json.loads(run("ask", "notes", "备份几点做？", "--compare", "--model", model, "--out", str(path), "--json"))
    assert told["path"] == str(path)
    written = path.read_text(encoding="utf-8")
    for wanted in ("我不知道你们的备份。", "备份每晚两点做", "服务器在月球上"):
        assert wanted in written


# ------------------------------------------------------------------ chat


def test_a_follow_up_is_understood_from_what_was_said() -> None:
    told = json.loads(run("chat", "notes", "--json", typed="监控由谁负责？\n它每分钟做什么？\n"))
    first, second = told["answers"]
    assert "小组三" in first["text"]
    assert "监控" in second.get("rewritten", "")
    assert "检查一次" in second["text"]


def test_what_a_follow_up_is_understood_as_is_shown_before_the_answer() -> None:
    shown = run("chat", "notes", typed="监控由谁负责？\n它每分钟做什么？\n")
    assert shown.index("(understood as: 监控每分钟做什么？)") < shown.rindex("检查一次")


def test_clear_forgets_what_a_follow_up_would_refer_to() -> None:
    told = json.loads(run("chat", "notes", "--json", typed="监控由谁负责？\n/clear\n它每分钟做什么？\n"))
    assert [each.get("rewritten") for each in told["answers"]] == [None, None]


def test_quit_leaves() -> None:
    told = json.loads(run("chat", "notes", "--json", typed="备份几点做？\n/quit\n监控由谁负责？\n"))
    assert [each["question"] for each in told["answers"]] == ["备份几点做？"]


def test_one_bad_line_costs_nothing_of_the_others() -> None:
    done = invoke("chat", "notes", typed=f"/histry\n{'长' * 100_000}\n？？\n/since yesterday\n备份几点做？\n")
    assert "[1] a.md" in done.stdout
    for code in ("rag.bad-command", "rag.long-question", "rag.empty-question", "rag.bad-date"):
        assert code in done.stderr
    assert "'history'" in done.stderr
    assert done.exit_code == 2


def test_bytes_that_are_no_text_are_asked_as_far_as_they_can_be_read() -> None:
    done = CliRunner().invoke(group, ["chat", "notes"], input=b"\xef\xbb\xbf\xff\xfe\x00\n" + "备份几点做？\n".encode())
    assert "[1] a.md" in done.stdout


def test_filters_hold_from_then_on(tmp_path: Path) -> None:
    typed = "监控由谁负责？\n/path a.md\n监控由谁负责？\n/filters none\n监控由谁负责？\n/since 2024\n监控由谁负责？\n"
    told = json.loads(run("chat", "notes", "--json", typed=typed))
    assert [each["found"] for each in told["answers"]] == [True, False, True, False]


def test_a_model_that_fails_in_a_talk_costs_that_question_only(tmp_path: Path) -> None:
    rules = f"rules:\n  - {{match: 监控由谁, {DOWN}}}\n  - {{match: source 1, reply: '备份每晚两点做 [1]。'}}"
    done = invoke(
        "chat", "notes", "--model", scripted(tmp_path, rules), "--json", typed="监控由谁负责？\n备份几点做？\n"
    )
    told = json.loads(done.stdout)
    assert [each["question"] for each in told["answers"]] == ["备份几点做？"]
    assert [each["code"] for each in told["errors"]] == ["llm.unauthorized"]
    assert done.exit_code == 4


def test_a_talk_goes_on_where_it_was_left() -> None:
    run("chat", "notes", "--session", "monitoring", typed="监控由谁负责？\n")
    shown = run("chat", "notes", "--session", "monitoring", typed="/sources 2\n它每分钟做什么？\n/history\n")
    assert "»监控由小组三负责。«" in shown
    assert "(understood as: 监控每分钟做什么？)" in shown
    assert "1. 监控由谁负责？" in shown
    kept = load_session(Settings.from_environment(), "monitoring")  # as `lianlu chat` reads it
    assert [message.role for message in kept.messages] == ["user", "assistant"] * 2


def test_clear_also_forgets_what_is_kept() -> None:
    run("chat", "notes", "--session", "monitoring", typed="监控由谁负责？\n/clear\n")
    assert load_session(Settings.from_environment(), "monitoring").messages == ()


def test_a_talk_can_be_kept_in_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    run("chat", "notes", typed=f"监控由谁负责？\n/save {path}\n")
    assert "2 questions" not in run("chat", "notes", "--session", str(path), typed="它每分钟做什么？\n")
    assert len(json.loads(path.read_text(encoding="utf-8"))["meta"]["rag"]["answers"]) == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "rag.broken-talk"),
        (b"{", "rag.broken-talk"),
        (b"\xff\xfe", "rag.broken-talk"),
        (b'{"messages": [], "meta": {"rag": {"base": "notes", "answers": [{}]}}}', "rag.broken-talk"),
        (b'{"messages": []}', "rag.other-talk"),
        (b'{"messages": [], "meta": {"rag": {"base": "laws", "answers": []}}}', "rag.other-talk"),
    ],
    ids=["empty", "torn", "no-text", "no-answers", "no-base", "other-base"],
)
def test_a_talk_that_cannot_be_gone_on_with_is_named_and_left_alone(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "talk.json"
    path.write_bytes(content)
    with pytest.raises(LianluError) as caught:
        run("chat", "notes", "--session", str(path), typed="监控由谁负责？\n")
    assert caught.value.code == code
    assert path.read_bytes() == content


def test_a_session_name_never_leaves_its_folder() -> None:
    with pytest.raises(UsageError, match="cannot name a session"):
        run("chat", "notes", "--session", "../x", typed="?\n")


# ------------------------------------------------------------------ on a terminal


def test_ctrl_c_stops_an_answer_and_keeps_the_talk_and_ctrl_d_leaves(tmp_path: Path) -> None:
    reply = "备份每晚两点做 [1]。" * 200
    model = scripted(tmp_path, f"rules: [{{match: source 1, reply: '{reply}', pause_seconds: 0.02}}]")
    terminal = Terminal("-m", "lianlu", "rag", "chat", "notes", "--model", model, "--session", "kept")
    terminal.until("/help")
    terminal.until("> ")
    terminal.type("备份几点做？")
    terminal.until("备份每晚两点做 [1]。")
    terminal.interrupt()
    terminal.until("(stopped)")
    terminal.until("(incomplete:")
    terminal.until("> ")
    terminal.type("/history")
    terminal.until("1. 备份几点做？")
    terminal.until("> ")
    terminal.type("\x04", end="")
    assert terminal.wait() == 0
    kept = load_session(Settings.from_environment(), "kept").messages
    assert kept[0].text == "备份几点做？"
    assert 1 <= kept[1].text.count("[1]") < 200
