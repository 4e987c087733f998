"""`lianlu chat`: one question, a talk on a terminal, sessions that survive a kill."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lianlu.cli.chat import Talk, _Silent, file_text
from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.settings import Settings
from lianlu.llm import FakeBackend, Rule
from lianlu.llm.fake import Fault
from lianlu.llm.session import load_session, save_session, session_path
from lianlu.records import Conversation, user
from terminal import Terminal


def talking(*arguments: str) -> Terminal:
    return Terminal("-m", "lianlu", "chat", *arguments)


def _script(folder: Path, text: str) -> str:
    path = folder / "script.yaml"
    path.write_text(text, encoding="utf-8")
    return f"fake:{path}"


def test_one_question_prints_the_answer(lianlu: Callable[..., Any]) -> None:
    assert lianlu("chat", "fake:echo", "你好", "there").out == "你好 there\n"


def test_json_prints_one_object_with_the_reply(lianlu: Callable[..., Any]) -> None:
    done = lianlu("chat", "fake:echo", "hi", "--json")
    found = json.loads(done.out)
    assert found["text"] == "hi"
    assert found["reply"]["finish_reason" if "finish_reason" in found["reply"] else "usage"]


def test_standard_input_is_the_question(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lianlu", "chat", "fake:echo"],
        input="piped 问题".encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == "piped 问题\n"


def test_nothing_to_ask_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "lianlu", "chat", "fake:echo"], input=b" \n", capture_output=True)
    assert done.returncode == 2
    assert b"llm.no-message" in done.stderr


def test_a_bad_ref_has_the_documented_exit_code(lianlu: Callable[..., Any]) -> None:
    done = lianlu("chat", "opnai:gpt", "hi")
    assert done.code == 2
    assert "did you mean 'openai:'?" in done.err


def test_a_refusal_has_the_documented_exit_code(lianlu: Callable[..., Any], tmp_path: Path) -> None:
    ref = _script(tmp_path, "rules:\n  - error: {status: 401, message: no}\n")
    assert lianlu("chat", ref, "hi").code == 4


def test_files_and_system_prompt_go_with_the_question(lianlu: Callable[..., Any], tmp_path: Path) -> None:
    note = tmp_path / "note.md"
    note.write_text("the code is ```x```", encoding="utf-8")
    lianlu("chat", "fake:echo", "--file", note, "--system", "be brief", "--session", "s", "what code?")
    kept = load_session(Settings.from_environment(), "s")
    assert [message.role for message in kept.messages] == ["system", "user", "assistant"]
    assert kept.messages[0].text == "be brief"
    assert "note.md:\n````\nthe code is ```x```\n````\n\nwhat code?" in kept.messages[1].text


def test_a_session_goes_on(lianlu: Callable[..., Any]) -> None:
    for text in ("one", "two"):
        lianlu("chat", "fake:echo", "--session", "talk", text)
    kept = load_session(Settings.from_environment(), "talk")
    assert [message.text for message in kept.messages] == ["one", "one", "two", "two"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 80, "a\x00b"])
def test_a_session_name_never_leaves_its_folder(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a session"):
        session_path(Settings.from_environment(), name)


def test_a_damaged_session_is_named() -> None:
    settings = Settings.from_environment()
    save_session(settings, "x", Conversation(messages=(user("hi"),)))
    session_path(settings, "x").write_bytes(b'{"messages": [')
    with pytest.raises(DataError, match=r"x\.jsonl"):
        load_session(settings, "x")
    with pytest.raises(UsageError, match="no saved session"):
        load_session(settings, "y")


def test_a_question_that_failed_is_not_kept() -> None:
    rules = [Rule(match="bad", error=Fault(status=500)), Rule(reply="ok")]
    talk = Talk(FakeBackend(rules), Settings.from_environment())
    talk.ask("good", _Silent())
    with pytest.raises(BackendError):
        talk.ask("bad", _Silent())
    assert [message.text for message in talk.conversation.messages] == ["good", "ok"]


@pytest.mark.parametrize(
    ("content", "shown"),
    [("甲".encode(), "甲"), (b"\xef\xbb\xbfplain", "plain"), ("中文文档测试内容".encode("gbk"), "中文文档测试内容")],
    ids=["utf-8", "bom", "gbk"],
)
def test_a_text_file_is_read_in_its_encoding(tmp_path: Path, content: bytes, shown: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert file_text(path).strip() == shown


def test_a_missing_file_is_a_usage_error(lianlu: Callable[..., Any]) -> None:
    done = lianlu("chat", "fake:echo", "--file", "nowhere.md", "hi")
    assert done.code == 2
    assert "nowhere.md" in done.err


@pytest.mark.parametrize("given", ["letters.md", "prompts/x.TXT", "~/role.yaml"])
def test_a_misspelt_file_is_no_system_prompt(lianlu: Callable[..., Any], given: str) -> None:
    done = lianlu("chat", "fake:echo", "hi", "--system", given)
    assert (done.code, "file.missing" in done.err) == (2, True)
    assert lianlu("chat", "fake:echo", "hi", "--system", "Answer as if you were README.md.").code == 0


def test_an_impossible_temperature_is_refused(lianlu: Callable[..., Any]) -> None:
    assert lianlu("chat", "fake:echo", "hi", "--temperature", "-1").code == 2
    assert lianlu("chat", "fake:echo", "hi", "--temperature", "inf").code == 2


def test_a_talk_on_a_terminal_with_commands() -> None:
    terminal = talking("fake:echo")
    terminal.until("> ")
    terminal.type("hello")
    terminal.until("hello\r\n")
    assert "hello" in terminal.until("> ")
    for typed, wanted in [
        ("/system be brief", "system prompt: be brief"),
        ("/save mine", "saved as mine"),
        ("/histry", "'history'"),
        ("/history", "[user] hello"),
        ("/help", "/clear"),
        ("/file nowhere.md", "file.missing"),
        ("/clear", "cleared"),
        ("//slash", "/slash\r\n"),
    ]:
        terminal.type(typed)
        terminal.until(wanted)
    terminal.type("/exit")
    assert terminal.wait() == 0
    kept = load_session(Settings.from_environment(), "mine")
    assert [message.text for message in kept.messages] == ["be brief", "/slash", "/slash"]


def test_ctrl_c_stops_the_answer_and_a_second_one_leaves(tmp_path: Path) -> None:
    ref = _script(tmp_path, f"rules:\n  - reply: {'word ' * 300}\n    pause_seconds: 0.02\n")
    terminal = talking(ref, "--session", "long")
    terminal.until("> ")
    terminal.type("go")
    terminal.until("word word")
    terminal.interrupt()
    terminal.until("> ")
    kept = load_session(Settings.from_environment(), "long")
    assert kept.messages[-1].role == "assistant"
    assert 1 < len(kept.messages[-1].text.split()) < 300
    terminal.interrupt()
    assert terminal.wait() == 0


def test_a_killed_talk_keeps_every_turn(tmp_path: Path) -> None:
    ref = _script(tmp_path, "rules:\n  - {match: slow, reply: late, delay_seconds: 30}\n  - {reply: fine}\n")
    terminal = talking(ref, "--session", "kept")
    terminal.until("> ")
    for text in ("first", "second"):
        terminal.type(text)
        terminal.until("fine")
    terminal.until("> ")
    terminal.type("slow please")
    time.sleep(0.5)
    terminal.child.kill()
    terminal.wait()
    kept = load_session(Settings.from_environment(), "kept")
    assert [message.text for message in kept.messages] == ["first", "fine", "second", "fine", "slow please"]
    assert msgspec.json.encode(kept)


_PROMPT = """---
variables:
  letter: {default: r}
---
system:
# Role: counter of {{letter}}

## Init Message
Give me a word; I count the {{letter}}.

user:
Count in: {{input}}
"""


def _prompt(folder: Path) -> str:
    path = folder / "count.md"
    path.write_text(_PROMPT, encoding="utf-8")
    return str(path)


def test_a_prompt_file_gives_the_system_message_and_the_users_template(tmp_path: Path) -> None:
    talk = Talk(FakeBackend(), Settings.from_environment({}))
    talk.set_prompt(_prompt(tmp_path), ["letter=s"])
    assert talk.opening == "Give me a word; I count the s."
    talk.ask("pear", _Silent())
    talk.ask("fig", _Silent())
    said = [(each.role, each.text.splitlines()[0]) for each in talk.conversation.messages]
    assert said == [
        ("system", "# Role: counter of s"),
        ("user", "Count in: pear"),
        ("assistant", "Count in: pear"),
        ("user", "fig"),
        ("assistant", "fig"),
    ]


def test_a_talk_with_a_prompt_begins_with_its_init_message(tmp_path: Path) -> None:
    terminal = talking("fake:echo", "--prompt", _prompt(tmp_path))
    terminal.until("Give me a word; I count the r.")
    terminal.until("> ")
    terminal.type("pear")
    terminal.until("Count in: pear")
    terminal.until("> ")
    terminal.type("/exit")
    assert terminal.wait() == 0


def test_one_question_with_a_prompt_has_no_opening_words(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    assert lianlu("chat", "fake:echo", "pear", "--prompt", _prompt(tmp_path)).out == "Count in: pear\n"


def test_a_prompt_and_a_system_text_are_too_much(tmp_path: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu("chat", "fake:echo", "x", "--prompt", _prompt(tmp_path), "--system", "y")
    assert (done.code, "cli.prompt-and-system" in done.err) == (2, True)
    assert (
        "prompt.unknown-variable" in lianlu("chat", "fake:echo", "x", "--prompt", _prompt(tmp_path), "--var", "z=1").err
    )
