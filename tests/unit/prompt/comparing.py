"""A small comparison, for tests of what is made of one."""

from __future__ import annotations

from lianlu.prompt.assertions import Verdict
from lianlu.prompt.results import Cell, CellTurn, Results, VariantFacts, passed_of, score_of

__all__ = ["cell", "results"]


def cell(variant: int, case: str, *passed: bool | None, repeat: int = 0, output: str = "", error: str = "") -> Cell:
    verdicts = tuple(Verdict(name="contains", value=f"v{at}", passed=each) for at, each in enumerate(passed))
    said = output or f"{case} of {variant}"
    return Cell(
        variant=variant,
        case=case,
        repeat=repeat,
        output=said,
        passed=None if error else passed_of(verdicts),
        score=None if error else score_of(verdicts),
        turns=() if error else (CellTurn(said=f"ask {case}", output=said, verdicts=verdicts),),
        error=error,
    )


def results(*cells: Cell, repeats: int = 1) -> Results:
    count = 1 + max(each.variant for each in cells)
    variants = tuple(
        VariantFacts(name=f"v{at}" if at else "no prompt", prompt=f"p{at}.md", model="m", with_system=bool(at))
        for at in range(count)
    )
    return Results(variants=variants, cells=cells, repeats=repeats)
