"""`lianlu doctor`: what it finds on machines that lack something, and what it never shows."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from conftest import Printed
from lianlu.cli import checks
from lianlu.cli.checks import CHECKS, Finding, Surroundings
from lianlu.cli.doctor import _show, examine
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings

Run = Callable[..., Printed]


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    settings = Settings(store=None, config_folder=tmp_path / "config", data_folder=tmp_path / "data", threads=2)
    return Surroundings(settings, tmp_path / "store", {"LANG": "zh_CN.UTF-8"})


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1
    return findings[0]


def test_every_problem_and_note_says_what_to_do(here: Surroundings) -> None:
    findings = [finding for check in CHECKS if check is not checks.torch for finding in check(here)]
    assert [finding.name.en for finding in findings if finding.state == "problem"] == []
    assert [finding.name.en for finding in findings if finding.state == "note" and finding.advice is None] == []


def test_the_doctor_makes_nothing(here: Surroundings, tmp_path: Path) -> None:
    examine(dataclasses.replace(here, torch_python="/bin/false"))
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_there_is_tried(here: Surroundings) -> None:
    from lianlu.store import open_store

    assert here.store is not None
    open_store(here.store)
    assert only(list(checks.store(here))).found == str(here.store)


def test_a_store_that_cannot_be_is_a_problem(here: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    finding = only(list(checks.store(dataclasses.replace(here, store=tmp_path / "file" / "store"))))
    assert finding.state == "problem"
    assert finding.advice is not None


def test_a_settings_folder_that_cannot_be_written_is_a_problem(here: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    settings = msgspec.structs.replace(here.settings, config_folder=tmp_path / "file")
    assert only(list(checks.config(dataclasses.replace(here, settings=settings)))).state == "problem"


def test_keys_and_proxies_are_named_and_their_values_never_shown(here: Surroundings) -> None:
    secrets = {"OPENAI_API_KEY": "sk-12345", "https_proxy": "http://me:hunter2@proxy:3128", "API_KEY": ""}
    at = dataclasses.replace(here, environment=secrets)
    shown = str([*checks.keys(at), *checks.network(at)])
    assert "OPENAI_API_KEY" in shown
    assert "https_proxy" in shown
    assert "sk-12345" not in shown
    assert "hunter2" not in shown


def test_a_broken_endpoint_file_is_a_problem_with_its_line(here: Surroundings) -> None:
    here.settings.config_folder.mkdir()
    (here.settings.config_folder / "endpoints.yaml").write_text("endpoints:\n  mine:\n    ulr: http://a/v1\n")
    finding = only(list(checks.keys(here)))
    assert finding.state == "problem"
    assert "endpoints.yaml:3" in str(finding.found)


def fake_python(folder: Path, text: str) -> str:
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "state", "found"),
    [
        (
            'print(\'{"version":"2.13.0","cuda":"13.0","devices":["H200"],"bf16":true,"mps":false}\')',
            "ok",
            "2.13.0, CUDA 13.0, H200, bf16",
        ),
        ('print(\'{"version":"2.13.0","cuda":null,"devices":[],"bf16":null,"mps":false}\')', "ok", "2.13.0, CPU"),
        ("raise OSError('libcudart.so.13 is missing')", "problem", "OSError: libcudart.so.13 is missing"),
        ("import os; os.kill(os.getpid(), 11)", "problem", "exit code -11"),
        ("import time; time.sleep(60)", "problem", "timed out after"),
    ],
    ids=["cuda", "cpu", "broken", "crash", "hangs"],
)
def test_torch_is_asked_in_a_process_of_its_own(
    here: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, state: str, found: str
) -> None:
    monkeypatch.setattr(checks, "_version", lambda package: "2.13.0")
    monkeypatch.setattr(checks, "_TORCH_SECONDS", 2)
    finding = only(list(checks.torch(dataclasses.replace(here, torch_python=fake_python(tmp_path, text)))))
    assert finding.state == state
    assert found in str(finding.found)


def test_without_torch_the_pip_command_is_given(here: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_version", lambda package: None)
    finding = only(list(checks.torch(here)))
    assert (finding.state, "pip install 'lianlu[torch]'" in str(finding.advice)) == ("note", True)


def test_packages_of_an_extra_are_counted_without_importing_them(lianlu_child: Run) -> None:
    script = "import sys; from lianlu.cli import checks; print(list(checks.extras(None))); print('lxml' in sys.modules)"
    from conftest import python

    printed = python(["-c", script])
    assert printed.code == 0, printed.err
    assert "[extract]" in printed.out
    assert printed.out.endswith("False\n")


def test_plug_ins_that_clash_or_break_are_problems(tmp_path: Path, lianlu_child: Run) -> None:
    for package, points in {
        "tea": "[lianlu.reader]\noolong = tea:read\nsencha = tea:absent\n",
        "coffee": "[lianlu.reader]\noolong = coffee:read\nmocha = coffee:read\n",
    }.items():
        (tmp_path / f"{package}.py").write_text("read = 1\n")
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(points)
    printed = lianlu_child("doctor", "--json", PYTHONPATH=str(tmp_path), PATH="/nonexistent")
    rows = [row for row in json.loads(printed.out)["checks"] if row["check"] == "plug-ins"]
    assert printed.code == 1
    assert ["claimed by" in rows[0]["found"], "cannot be loaded" in rows[1]["found"]] == [True, True]
    assert rows[2]["found"] == "1 from other packages"


def test_the_table_is_shown_in_both_languages(lianlu_child: Run) -> None:
    assert "this machine is ready" in (english := lianlu_child("doctor")).out
    assert "本机已就绪" in (chinese := lianlu_child("doctor", LIANLU_LANG="zh")).out
    assert (english.code, chinese.code) == (0, 0)


def test_without_the_parsers_the_demo_is_not_promised(capsys: pytest.CaptureFixture[str]) -> None:
    missing = Finding(Text("extra [extract]", "附加组件 [extract]"), "note", "without lxml", Text("", ""))
    _show([missing], 0)
    shown = capsys.readouterr().out
    assert "pip install 'lianlu[extract]'" in shown
    assert "lianlu demo" not in shown
