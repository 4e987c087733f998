"""What a comparison found: variants, and a cell for each variant, case and repeat. Kept as results.json and read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from lianlu.core.errors import DataError
from lianlu.prompt.assertions import Verdict
from lianlu.prompt.checking import ToolCall
from lianlu.records import Usage

__all__ = ["Cell", "CellTurn", "Results", "VariantFacts", "passed_of", "read_results", "score_of"]

RESULTS = "results.json"


class VariantFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A prompt with a model.

    Attributes:
        prompt: the file, as it was given; empty for no prompt at all.
        prompt_hash: of the file's text, so that a result tells which version it is of.
    """

    name: str
    prompt: str
    model: str
    with_system: bool = True
    prompt_hash: str = ""


class CellTurn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One turn: what was said, what came, and what the assertions say of it. `seconds` is None for a kept answer."""

    said: str
    output: str
    verdicts: tuple[Verdict, ...] = ()
    finish_reason: str = "stop"
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = Usage()
    seconds: float | None = None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One variant on one case, once. `passed` is None where nothing could be judged, and where it failed (`error`)."""

    variant: int
    case: str
    repeat: int
    output: str
    passed: bool | None
    score: float | None
    turns: tuple[CellTurn, ...]
    error: str = ""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison. `cases_file` is where the assertions came from, for judging anew."""

    variants: tuple[VariantFacts, ...]
    cells: tuple[Cell, ...]
    repeats: int = 1
    cases_file: str = ""
    version: str = ""

    def of_variant(self, variant: int) -> list[Cell]:
        return [cell for cell in self.cells if cell.variant == variant]

    @property
    def cases(self) -> list[str]:
        return list(dict.fromkeys(cell.case for cell in self.cells))


def passed_of(verdicts: Sequence[Verdict]) -> bool | None:
    """Whether all passed; None where none could be judged."""
    judged = [each.passed for each in verdicts if each.passed is not None]
    return all(judged) if judged else None


def score_of(verdicts: Sequence[Verdict]) -> float | None:
    """The weighted share that passed of those that could be judged."""
    judged = [(each.weight, each.passed) for each in verdicts if each.passed is not None]
    whole = sum(weight for weight, _ in judged)
    return sum(weight for weight, passed in judged if passed) / whole if whole else None


def read_results(folder: Path) -> Results:
    """The comparison in a folder.

    Raises:
        DataError: prompt.not-a-run
    """
    path = folder / RESULTS if folder.is_dir() else folder
    try:
        return msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise DataError("prompt.not-a-run", path=str(path), why=error.strerror or str(error)) from None
    except msgspec.DecodeError as error:
        raise DataError("prompt.not-a-run", path=str(path), why=str(error)) from None
