"""`lianlu rag calibrate` as it is typed, and how `status` shows what it did."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from lianlu.core.errors import DataError, UsageError
from lianlu.rag import open as open_base
from lianlu.rag.group import rag

PAGES = (
    "# 备份\n\n每晚两点备份一次，保留三十天。\n\n# 监控\n\n监控每分钟检查一次，告警发到值班手机。\n\n"
    "# 端口\n\n网关默认监听端口 23333，管理页面在端口 9090。\n\n# 日志\n\n日志按天切分，压缩后存放在归档盘。\n"
)
ASKED = "备份 几点 备份几次 备份保留多久 监控多久检查一次 告警发到哪里 网关监听哪个端口 管理页面在哪个端口 日志怎么切分 日志存放在哪里 值班手机"
NOT_ASKED = "红烧肉怎么做 上海天气如何 世界杯冠军是谁 猫为什么睡觉 高铁要多久 房贷利率 鲁迅原名 光合作用 唐朝建立于哪年 周末打球吗"


def run(*args: str) -> Result:
    return CliRunner().invoke(rag, list(args))


def data(*args: str) -> Any:
    return json.loads(run(*args, "--json", "-q").stdout)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "a.md").write_text(PAGES, encoding="utf-8")
    run("build", "kb", str(tmp_path / "a.md"), "-q")
    rows = [{"question": each, "answerable": True} for each in ASKED.split()]
    rows += [{"question": each, "answerable": False} for each in NOT_ASKED.split()]
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_a_calibration_is_kept_shown_and_forgotten(labels: Path) -> None:
    made = data("calibrate", "kb", str(labels))
    assert (made["answerable"], made["unanswerable"], made["chunks"]) == (11, 10, 2)
    assert Path(made["path"]).name == "kb.calibration.json"
    status = data("status", "kb")
    assert status["threshold"] == made["refusal"]["threshold"]
    assert status["calibration"]["made"] == made["made"]
    assert "calibrated on 21 questions" in run("status", "kb", "-q").stdout
    assert data("calibrate", "kb", "--forget")["forgotten"]
    assert not Path(made["path"]).exists()
    assert data("status", "kb")["calibration"] is None
    assert not data("calibrate", "kb", "--forget")["forgotten"]


def test_the_human_view_tells_what_others_would_be_told(labels: Path) -> None:
    shown = run("calibrate", "kb", str(labels), "-q").stdout
    assert "of the unanswerable, refused" in shown
    assert "AUC" in shown
    assert "11 answerable and 10 unanswerable questions" in shown


def test_a_dry_run_writes_nothing(labels: Path) -> None:
    made = data("calibrate", "kb", str(labels), "--dry-run")
    assert not Path(made["path"]).exists()
    assert "nothing was written" in run("calibrate", "kb", str(labels), "--dry-run", "-q").stdout


def test_a_broken_calibration_is_shown_and_can_be_replaced(labels: Path) -> None:
    with open_base("kb") as base:
        base.calibration_path.write_bytes(b"{")
    assert "cannot be read" in run("status", "kb", "-q").stdout
    assert data("ask", "kb", "网关监听哪个端口")["found"]
    assert data("calibrate", "kb", str(labels))["answerable"] == 11
    assert data("status", "kb")["calibration_note"] == ""


@pytest.mark.parametrize("arguments", [(), ("labels.jsonl", "--forget")])
def test_one_of_both_is_to_be_said(labels: Path, arguments: tuple[str, ...]) -> None:
    result = run("calibrate", "kb", *arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.code == "rag.calibrate-what"


def test_bad_labels_leave_the_calibration_as_it_was(labels: Path) -> None:
    made = data("calibrate", "kb", str(labels))
    labels.write_text('{"question": "a"}\n', encoding="utf-8")
    result = run("calibrate", "kb", str(labels))
    assert isinstance(result.exception, DataError)
    assert json.loads(Path(made["path"]).read_text("utf-8"))["made"] == made["made"]
