"""`lianlu doctor`: is this machine ready, and what to do where it is not. The checks themselves are in `checks.py`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from lianlu.cli.checks import CHECKS, Finding, Surroundings
from lianlu.core.console import print_table, say
from lianlu.core.extras import pip_command
from lianlu.core.i18n import Text, pick
from lianlu.core.verb import Call, Outcome, verb

__all__ = ["doctor", "examine"]


def examine(at: Surroundings) -> list[Finding]:
    """All findings, in the order in which a person would ask."""
    return [finding for check in CHECKS for finding in check(at)]


@verb("doctor", Text("Check this machine and installation.", "检查本机与安装。"))
def doctor(call: Call) -> Outcome:
    findings = examine(Surroundings(call.settings, call.store, os.environ))
    problems = [finding for finding in findings if finding.state == "problem"]
    data = {"checks": [_as_json(finding) for finding in findings], "problems": len(problems)}
    return Outcome(data, partial(_show, findings, len(problems)), verdict=not problems)


def _as_json(finding: Finding) -> dict[str, str]:
    advice = finding.advice.en if finding.advice else ""
    found = finding.found.en if isinstance(finding.found, Text) else finding.found
    return {"check": finding.name.en, "state": finding.state, "found": found, "advice": advice}


def _show(findings: Sequence[Finding], problems: int) -> None:
    words = {"ok": pick("ok", "正常"), "note": pick("note", "提示"), "problem": pick("problem", "问题")}
    print_table(
        (pick("check", "检查"), pick("state", "状态"), pick("found", "结果"), pick("what to do", "建议")),
        [(each.name, words[each.state], each.found, each.advice or "") for each in findings],
    )
    reads_files = all(each.state == "ok" for each in findings if each.name.en == "extra [extract]")
    if problems:
        say(pick(f"{problems} to mend", f"{problems} 项需要处理"))
    elif not reads_files:
        command = pip_command("extract")
        say(
            pick(
                f"this machine is ready to chat and to ask; to read files: {command}",
                f"本机已可对话与提问；要读取文件，请先运行：{command}",
            )
        )
    else:
        say(pick("this machine is ready: try `lianlu demo`", "本机已就绪：可运行 `lianlu demo`"))
