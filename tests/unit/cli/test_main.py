"""The command line as a whole: every way a command can end, seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT, Printed
from lianlu import __version__
from lianlu.cli.main import help_text
from lianlu.cli.table import VERBS
from lianlu.core.i18n import using_language

Run = Callable[..., Printed]

BROKEN = """
import os, sys, time
import click
from lianlu.core.errors import LimitError
from lianlu.core.i18n import Text
from lianlu.core.verb import Call, Outcome, argument, verb

@verb("demo", Text("Break.", "弄坏。"))
@argument("how")
def demo(call: Call, how: str) -> Outcome:
    if how == "bug":
        raise ZeroDivisionError("链路 is divided by nothing")
    if how == "limit":
        raise LimitError("file.disk-full", path="a")
    if how == "no-folder":
        open("/dev/null/a", "w")
    if how == "no-name":
        raise OSError(24, "Too many open files")
    if how == "full":
        raise OSError(28, "No space left on device")
    if how == "wait":
        print("waiting", flush=True)
        time.sleep(60)
    if how == "flood":
        for n in range(100_000):
            print("line", n)
    if how == "exit":
        raise click.exceptions.Exit(3)
    if how == "system-exit":
        sys.exit("a sentence")
    print("✓ 链路")
    return Outcome({"词": "链路"})
"""


@pytest.fixture
def broken(tmp_path: Path) -> list[str]:
    """A command line whose `demo` fails as it is told."""
    (tmp_path / "broken_verb.py").write_text(BROKEN, encoding="utf-8")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from lianlu.cli import main, table\n"
        "table.VERBS['demo'] = table.Verb('system', 'broken_verb:demo', table.VERBS['demo'].help)\n"
        "main.main()"
    )
    return [sys.executable, "-c", script, "demo"]


def ended(command: list[str], **environment: str) -> Printed:
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, timeout=60, check=False)
    return Printed(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def test_help_names_every_verb_and_what_is_planned() -> None:
    text = help_text()
    assert all(f"  {name} " in text for name in VERBS)
    assert "[planned]" in text.partition("studio ")[2].splitlines()[0]
    with using_language("zh"):
        assert "把文件读成文档" in help_text()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]], ids=str)
def test_help_is_printed_and_is_no_error(lianlu: Run, arguments: list[str]) -> None:
    printed = lianlu(*arguments)
    assert (printed.code, printed.out, printed.err) == (0, help_text(), "")


def test_the_version_is_that_of_the_package(lianlu: Run) -> None:
    assert lianlu("--version").out == f"lianlu {__version__}\n"


def test_a_misspelt_verb_gets_the_nearest_one(lianlu: Run) -> None:
    printed = lianlu("exract", "notes")
    assert printed.code == 2
    assert printed.err.splitlines() == [
        "error: lianlu has no verb 'exract' [cli.unknown-verb]",
        "hint: did you mean 'extract'? — `lianlu --help` lists all",
    ]


def test_the_same_error_in_chinese(lianlu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_LANG", "zh")
    assert lianlu("exract").err.splitlines()[0] == "错误: lianlu 没有子命令 'exract' [cli.unknown-verb]"


def test_a_planned_verb_says_that_it_is_planned(lianlu: Run) -> None:
    printed = lianlu("studio", "data.jsonl")
    assert printed.code == 2
    assert "planned" in printed.err


def test_an_unknown_option_names_the_verb_whose_help_to_read(lianlu: Run) -> None:
    printed = lianlu("recipe", "list", "--colour")
    assert printed.code == 2
    assert "--colour" in printed.err
    assert "lianlu recipe list --help" in printed.err


def test_with_json_an_error_is_one_object_on_stdout_in_english(lianlu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_LANG", "zh")
    printed = lianlu("recipe", "show", "dmo", "--json")
    error = json.loads(printed.out)["error"]
    assert printed.code == 2
    assert error == {
        "code": "recipe.unknown-name",
        "message": "there is no recipe 'dmo'",
        "hint": "did you mean 'demo'? — `lianlu recipe list` shows all",
    }


def test_a_bug_is_reported_without_a_traceback_and_logged_with_one(broken: list[str], tmp_path: Path) -> None:
    printed = ended([*broken, "bug"], TMPDIR=str(tmp_path))
    assert printed.code == 70
    assert "Traceback" not in printed.err + printed.out
    assert "ZeroDivisionError: 链路 is divided by nothing [bug]" in printed.err
    log = next(tmp_path.glob("lianlu-bug-*.log")).read_text(encoding="utf-8")
    assert str(tmp_path) in printed.err
    assert "Traceback" in log
    assert "链路 is divided by nothing" in log


def test_a_limit_has_its_exit_code(broken: list[str]) -> None:
    printed = ended([*broken, "limit"])
    assert (printed.code, printed.out) == (5, "")
    assert "[file.disk-full]" in printed.err


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("no-folder", 2, "[file.refused]"), ("full", 5, "[file.disk-full]"), ("no-name", 70, "[bug]")],
)
def test_what_the_system_refuses_is_no_bug_when_it_names_a_file(
    broken: list[str], how: str, code: int, said: str
) -> None:
    printed = ended([*broken, how])
    assert printed.code == code
    assert said in printed.err


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("system-exit", 1)])
def test_a_verb_that_leaves_with_a_code_leaves_with_it(broken: list[str], how: str, code: int) -> None:
    assert ended([*broken, how]).code == code


def test_control_c_stops_with_130_and_says_what_is_kept(broken: list[str]) -> None:
    with subprocess.Popen([*broken, "wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "stopped; what was finished is kept [run.cancelled]" in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(broken: list[str]) -> None:
    with subprocess.Popen([*broken, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        err = child.stderr.read()
        child.wait(timeout=30)
    assert (child.returncode, err) == (0, "")


def by_shell(line: str, cwd: Path | None = None) -> Printed:
    command = f"{sys.executable} -m lianlu"
    done = subprocess.run(
        ["bash", "-c", line.replace("lianlu", command, 1)],
        capture_output=True,
        timeout=60,
        check=False,
        cwd=cwd,
        env={**os.environ, "LIANLU_LANG": "en"},
    )
    return Printed(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("line", "code"),
    {
        "no stdout": ("lianlu recipe list >&-", 0),
        "no stderr": ("lianlu extract nosuch 2>&-", 2),
        "neither": ("lianlu recipe list >&- 2>&-", 0),
        "no stdin": ("lianlu chat fake:echo <&-", 2),
        "none at all": ("lianlu extract nosuch <&- >&- 2>&-", 2),
        "full stderr": ("lianlu extract nosuch 2>/dev/full", 2),
    }.values(),
)
def test_closed_streams_change_nothing_but_what_is_seen(line: str, code: int) -> None:
    done = by_shell(line)
    assert (done.code, "Traceback" in done.err, "[bug]" in done.err) == (code, False, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("line", ["lianlu --help", "lianlu recipe schema chain", "lianlu recipe list", "lianlu -V"])
def test_an_output_that_cannot_be_written_is_named(line: str) -> None:
    done = by_shell(f"{line} >/dev/full")
    assert done.code == 5
    assert "/dev/stdout" in done.err
    assert "Traceback" not in done.err


def test_a_table_cut_off_by_its_reader_is_no_failure() -> None:
    assert by_shell('lianlu prompt list | head -1; exit "${PIPESTATUS[0]}"').code == 0


@pytest.mark.parametrize("verb", ["extract x.md", "rag list"])
def test_a_current_folder_that_is_gone_is_said(tmp_path: Path, verb: str) -> None:
    done = by_shell(f"mkdir gone && cd gone && rmdir ../gone && env -u LIANLU_STORE lianlu {verb}", tmp_path)
    assert done.code == 2
    assert "[file.missing]" in done.err


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "latin-1"])
def test_a_terminal_that_cannot_show_a_character_does_not_stop_the_work(broken: list[str], encoding: str) -> None:
    printed = ended([*broken, "none", "--json"], PYTHONIOENCODING=encoding, LIANLU_LANG="zh")
    assert (printed.code, printed.err) == (0, "")


def test_the_module_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lianlu", "--version"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"lianlu {__version__}\n")
