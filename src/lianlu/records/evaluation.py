"""What is asked, what came back, what it was worth, and what people said of it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from lianlu.records.conversation import Conversation
from lianlu.records.usage import Usage

__all__ = ["Annotation", "FinishReason", "Prediction", "Sample", "Score"]

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]


class Sample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a benchmark. `choices` are the options of a choice question, `group` its subject."""

    id: str
    input: str | Conversation
    targets: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    group: str = ""
    meta: dict[str, Any] = {}


class Prediction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    sample_id: str
    output: str
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    logprobs: tuple[float, ...] = ()
    meta: dict[str, Any] = {}


class Score(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`by` names the scorer, `why` its reason in words a reader can check."""

    name: str
    value: float
    by: str
    why: str = ""


class Annotation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person said of a subject. `version` grows with every change, so that a stale write can be refused."""

    subject: str
    schema: str
    value: Any
    annotator: str
    version: int = 1
