"""Check a prompt for what makes prompts fail: elements that are missing, markers with two meanings, orders that contradict.

All rules stand in one static table by code; `findings_of` runs them over one prompt. Nothing is sent to a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lianlu.core.errors import LianluError
from lianlu.core.i18n import Text
from lianlu.prompt.file import PromptFile, read_file
from lianlu.prompt.include import read_text
from lianlu.prompt.lint_checked import checked_of, token_estimate
from lianlu.prompt.lint_content import CONTENT
from lianlu.prompt.lint_contradictions import CONTRADICTIONS
from lianlu.prompt.lint_elements import ELEMENTS
from lianlu.prompt.lint_finding import Finding, Rule, Severity
from lianlu.prompt.lint_form import FORM
from lianlu.prompt.lint_modules import MODULES
from lianlu.prompt.lint_safety import SAFETY
from lianlu.prompt.lint_variables import VARIABLES

__all__ = ["LIMIT_TOKENS", "RULES", "UNREADABLE", "Finding", "Linted", "Rule", "Severity", "findings_of", "lint_file"]

LIMIT_TOKENS = 2000
UNREADABLE = "unreadable"
_MOST = 50  # of one code in one prompt: nobody reads more, and hostile text could ask for a million
RULES: dict[str, Rule] = {
    rule.code: rule for rule in (*ELEMENTS, *FORM, *CONTENT, *CONTRADICTIONS, *MODULES, *SAFETY, *VARIABLES)
}


def findings_of(
    file: PromptFile, text: str, *, limit_tokens: int = LIMIT_TOKENS, codes: Iterable[str] | None = None
) -> list[Finding]:
    """What is wrong with a prompt, by line.

    Args:
        file: the prompt.
        text: the whole file that it was read from; lines are counted in it.
        limit_tokens: more (estimated) tokens are too long.
        codes: the rules to run; all of them by default.
    """
    checked = checked_of(file, text, limit_tokens)
    chosen = RULES.values() if codes is None else [RULES[code] for code in codes if code in RULES]
    found = [finding for rule in chosen for finding in islice(rule.findings(checked), _MOST)]
    order = {code: index for index, code in enumerate(RULES)}
    return sorted(found, key=lambda finding: (finding.line, order[finding.code]))


@dataclass(frozen=True)
class Linted:
    """One file with what was found in it."""

    path: str
    tokens: int
    findings: tuple[Finding, ...]


def lint_file(
    path: Path, *, limit_tokens: int = LIMIT_TOKENS, codes: Iterable[str] | None = None, framework: str = ""
) -> Linted:
    """Lint a file; one that cannot be read is a finding, not an error."""
    try:
        file = read_file(path, framework=framework)
        text = read_text(path)
    except LianluError as error:
        return Linted(str(path), 0, (_unreadable(error),))
    findings = findings_of(file, text, limit_tokens=limit_tokens, codes=codes)
    return Linted(str(path), token_estimate(text[len(file.head_text) :]), tuple(findings))


def _unreadable(error: LianluError) -> Finding:
    return Finding(
        UNREADABLE,
        "error",
        1,
        Text(error.message("en"), error.message("zh")),
        Text("What cannot be read cannot be sent to a model.", "读不了的文件也无法发给模型。"),
        Text(error.hint("en") or "Correct the file.", error.hint("zh") or "请修正该文件。"),
    )
