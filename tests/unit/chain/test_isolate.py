"""A step in a process of its own, and every way in which that process can end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lianlu.chain import run_chain
from lianlu.chain.isolate import run_isolated
from lianlu.core.errors import BackendError, LianluError, LimitError, UsageError
from lianlu.core.job import Job
from lianlu.core.registry import find
from lianlu.core.step import Summary

from .conftest import PLUGINS
from .test_guard import eventually, is_alive, pid_in


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))


def alone(how: str, folder: Path) -> Summary:
    step = find("step", "test.odd")
    job = Job("odd", outputs=folder)
    return run_isolated(step, step.recipe(how=how), {}, job, outputs=folder, scratch=folder / "scratch")


def test_what_the_step_prints_is_no_part_of_the_result(tmp_path: Path) -> None:
    assert alone("prints", tmp_path) == {"how": "prints"}


def test_a_large_summary_arrives_whole(tmp_path: Path) -> None:
    assert len(alone("large", tmp_path)["text"]) == 3_000_000


def test_nothing_is_left_beside_the_outputs(tmp_path: Path) -> None:
    alone("", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["even", "odd"]


ERRORS: dict[str, tuple[type[LianluError], str, str]] = {
    "limit": (LimitError, "here: the recipe is too large: more than one page", "here：配方过大：超过 一页"),
    "slow": (
        BackendError,
        "the service 'x' did not answer http://x within 1.5 s",
        "服务 'x' 在 1.5 秒内没有响应 http://x",
    ),
    "system": (
        UsageError,
        "'/nonexistent/file' cannot be used: No such file or directory",
        "无法使用 '/nonexistent/file'：没有这个文件或文件夹",
    ),
}


@pytest.mark.parametrize(("how", "expected"), ERRORS.items(), ids=ERRORS.keys())
def test_an_error_of_the_step_keeps_its_facts_and_reads_the_same_in_both_languages(
    how: str, expected: tuple[type[LianluError], str, str], tmp_path: Path
) -> None:
    with pytest.raises(LianluError) as caught:
        alone(how, tmp_path)
    assert (type(caught.value), caught.value.message("en"), caught.value.message("zh")) == expected


def test_a_bug_of_the_step_is_a_bug_of_the_run_with_its_traceback(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"step test\.odd: ZeroDivisionError: divided by nothing") as caught:
        alone("bug", tmp_path)
    assert "Traceback" in caught.value.__notes__[0]


def test_a_child_that_is_killed_is_named_with_its_status(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        alone("killed", tmp_path)
    assert caught.value.code == "chain.child-died"
    assert str(128 + signal.SIGKILL) in str(caught.value)


def test_a_step_that_forgets_an_output_is_told(tmp_path: Path) -> None:
    chain = tmp_path / "c.yaml"
    chain.write_text("steps:\n  a: {uses: test.odd, isolate: true, with: {how: no output}}\n")
    with pytest.raises(BackendError) as caught:
        run_chain(str(chain), store=tmp_path / "s")
    assert caught.value.code == "chain.no-output"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_step_goes_on_after_its_run_was_stopped(number: signal.Signals, status: int, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("steps:\n  a: {uses: test.odd, isolate: true, with: {how: waits}}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "lianlu", "run", "c.yaml", "--store", "s"],
        cwd=tmp_path,
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = pid_in(tmp_path / "pid")
    process.send_signal(number)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == status
    assert "Traceback" not in errors
    assert eventually(lambda: not is_alive(pid))
