"""What a rule of `lianlu prompt lint` is, and what it finds.

A rule is a small function from a `Checked` prompt to flaws. Code, severity and reason belong to the rule, line, words and
repair to each flaw; together they are a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from lianlu.core.i18n import Text
from lianlu.prompt.lint_checked import Checked

__all__ = ["Finding", "Flaw", "Rule", "Severity"]

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong: where (1-based, of the file), what, and what to write instead."""

    line: int
    what: Text
    fix: Text
    why: Text | None = None


@dataclass(frozen=True)
class Finding:
    """A flaw with what its rule says of it."""

    code: str
    severity: Severity
    line: int
    what: Text
    why: Text
    fix: Text

    def as_data(self) -> dict[str, Any]:
        """For --json, in the language that is shown."""
        return {
            "code": self.code,
            "severity": self.severity,
            "line": self.line,
            "what": self.what.show(),
            "why": self.why.show(),
            "fix": self.fix.show(),
        }


@dataclass(frozen=True)
class Rule:
    """One code of the table. `why` says what the flaw costs, unless the flaw says it itself."""

    code: str
    severity: Severity
    why: Text
    check: Callable[[Checked], Iterable[Flaw]]

    def findings(self, checked: Checked) -> Iterable[Finding]:
        for flaw in self.check(checked):
            yield Finding(self.code, self.severity, flaw.line, flaw.what, flaw.why or self.why, flaw.fix)
