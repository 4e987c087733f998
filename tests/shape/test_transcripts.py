"""What the guide on errors shows is what the commands print."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Printed
from reference import ROOT

Run = Callable[..., Printed]


def transcripts(lang: str) -> list[str]:
    text = (ROOT / "docs" / lang / "errors.md").read_text(encoding="utf-8")
    return re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("lang", "shown"),
    [(lang, shown) for lang in ("en", "zh_cn") for shown in transcripts(lang)],
    ids=lambda each: each[:50],
)
def test_a_transcript_shows_what_is_printed(lang: str, shown: str, lianlu_child: Run, tmp_path: Path) -> None:
    code, printed = 0, list[str]()
    for line in (line for line in shown.splitlines() if line.startswith("$ ")):
        printed.append(line)
        if line == "$ echo $?":
            printed.append(str(code))
            continue
        words = shlex.split(line[2:])
        variables = {"LIANLU_LANG": lang[:2]}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        done = lianlu_child(*words[1:], cwd=tmp_path, **variables)
        code = done.code
        printed += (done.out + done.err).splitlines()
    assert printed == shown.splitlines()
