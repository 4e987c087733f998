"""Whether what was found answers a question: a probability, and the threshold below which the question is refused.

A logistic model over the numbers of `rag.evidence`. The weights that lianlu ships were fitted by
`scripts/fit_refusal.py`; a base may have its own, fitted to questions that its owner labelled (`rag.refusal_fit`).
Those lie in a file of their own beside the base, or in the one file that carries it elsewhere, and never in a
configuration that a person writes. A file that cannot be used is said and left aside: a question is then judged by the
shipped weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lianlu.core.errors import DataError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text
from lianlu.rag.evidence import FEATURES, Evidence, evidence_of
from lianlu.rag.extractive import Found
from lianlu.rag.question import Question

if TYPE_CHECKING:
    from lianlu.rag.base import KnowledgeBase

__all__ = [
    "CALIBRATION",
    "CALIBRATION_META",
    "FEATURES_KEY",
    "FORMAT",
    "SHIPPED",
    "Calibration",
    "Judgement",
    "Measured",
    "Point",
    "Refusal",
    "calibration_of",
    "calibration_or_note",
    "decoded",
    "encoded",
    "judge",
    "write_calibration",
]

CALIBRATION = ".calibration.json"
"""What the name of the file ends with, beside the base."""
CALIBRATION_META = "calibration"
"""Where a base that is one file carries it."""
FORMAT = 1
FEATURES_VERSION = 1
"""Raised when a number of `rag.evidence` comes to mean something else: older calibrations are then left aside."""
FEATURES_KEY = f"{FEATURES_VERSION}:{','.join(FEATURES)}"


class Refusal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logistic model of whether the documents answer.

    Attributes:
        weights: by the names of `rag.evidence.Evidence`.
        threshold: least probability to answer at.
    """

    intercept: float
    weights: dict[str, float]
    threshold: float

    def log_odds(self, evidence: Evidence) -> float:
        return self.intercept + math.fsum(
            self.weights[name] * value for name, value in zip(FEATURES, evidence.values, strict=True)
        )

    def probability(self, evidence: Evidence) -> float:
        """That the documents answer, 0 to 1."""
        return 0.5 * (1.0 + math.tanh(0.5 * self.log_odds(evidence)))


SHIPPED = Refusal(
    intercept=-0.87,
    weights={
        "coverage": 1.45,
        "matched": 6.07,
        "content": 0.75,
        "asked": -4.10,
        "unknown": -0.66,
        "names_missing": -0.89,
        "names_found": 1.46,
        "subject": 1.30,
        "score": 0.00,
        "dense": 0.00,
    },
    threshold=0.24,
)
"""Fitted by scripts/fit_refusal.py, which also says to what."""


@dataclass(frozen=True)
class Judgement:
    """How sure it is that what was found answers a question."""

    probability: float
    threshold: float
    evidence: Evidence

    @property
    def is_answerable(self) -> bool:
        return self.probability >= self.threshold


class Point(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a threshold does: `precision` of the answered are answerable, `recall` of the answerable are answered."""

    threshold: float
    precision: float
    recall: float


class Measured(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a calibration does with questions that it was not fitted to, each a share with its 95 % interval.

    Attributes:
        precision: of the answered, how many are answerable; None where none was answered.
        recall: of the answerable, how many are answered.
        refused: of the unanswerable, how many are refused.
        auc: how often an answerable question is given a higher probability than an unanswerable one.
        auc_shipped: the same by the shipped weights.
        curve: precision and recall by threshold, ascending.
    """

    precision: tuple[float, float, float] | None
    recall: tuple[float, float, float]
    refused: tuple[float, float, float]
    auc: tuple[float, float, float]
    auc_shipped: tuple[float, float, float]
    curve: tuple[Point, ...]


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refusal fitted to labelled questions of a base.

    Attributes:
        features: what the weights are of: names and version of the numbers in `rag.evidence`.
        answerable, unanswerable: how many questions it was fitted to.
        has_own_weights: whether the weights are fitted too, or the shipped ones with another scale and threshold.
        chunks: how many the base had.
        made: when, as ISO 8601 in UTC.
    """

    format: int
    features: str
    refusal: Refusal
    answerable: int
    unanswerable: int
    has_own_weights: bool
    chunks: int
    made: str
    measured: Measured


def judge(base: KnowledgeBase, question: Question, found: Sequence[Found]) -> Judgement:
    """Whether the passages that were found, best first, answer a question."""
    refusal = base.refusal
    if not found:
        return Judgement(0.0, refusal.threshold, Evidence())
    evidence = evidence_of(question, found, base.index)
    return Judgement(refusal.probability(evidence), refusal.threshold, evidence)


def encoded(calibration: Calibration) -> bytes:
    return msgspec.json.format(msgspec.json.encode(calibration), indent=2) + b"\n"


def decoded(content: bytes | str, path: str) -> Calibration:
    """A calibration from the bytes of its file.

    Raises:
        DataError: rag.calibration-broken, rag.calibration-other
    """
    try:
        found = msgspec.json.decode(content, type=Calibration)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # a ValidationError is a DecodeError
        raise DataError("rag.calibration-broken", path=path, why=str(error)) from error
    if found.format != FORMAT or found.features != FEATURES_KEY:
        raise DataError("rag.calibration-other", path=path)
    numbers = (found.refusal.intercept, found.refusal.threshold, *found.refusal.weights.values())
    is_sound = set(found.refusal.weights) == set(FEATURES) and all(map(math.isfinite, numbers))
    if not is_sound or not 0.0 < found.refusal.threshold < 1.0:
        raise DataError("rag.calibration-broken", path=path, why="weights or threshold out of range")
    return found


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Keep a calibration, whole or not at all.

    Raises:
        LimitError: file.disk-full
        UsageError: file.unwritable
    """
    write_bytes(path, encoded(calibration))


def calibration_of(path: Path, carried: str = "") -> Calibration | None:
    """The calibration that lies beside a base, else what the base carries; None for neither.

    Raises:
        DataError: rag.calibration-broken, rag.calibration-other
    """
    try:
        content: bytes | str = path.read_bytes()
    except FileNotFoundError:
        content = carried
    except OSError as error:
        raise DataError("rag.calibration-broken", path=str(path), why=error.strerror or str(error)) from error
    return decoded(content, str(path)) if content else None


def calibration_or_note(path: Path, carried: str = "") -> tuple[Calibration | None, Text | None]:
    """The calibration that a base has, or a note if that cannot be used."""
    try:
        return calibration_of(path, carried), None
    except DataError as error:
        en, zh = error.message("en"), error.message("zh")
        return None, Text(f"{en}; judged by the shipped weights", f"{zh}；改用内置权重判断")
