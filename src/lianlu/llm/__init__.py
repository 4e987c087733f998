"""Asking a model wherever it is: the Backend protocol, HTTP client, replay, fake; request store, shared limiter, cost."""

from __future__ import annotations

from lianlu.llm.backend import (
    ABILITIES,
    DEFAULT_SAMPLING,
    Ability,
    Backend,
    Completion,
    Delta,
    Embeddings,
    Health,
    Identity,
    LogLikelihood,
    Ranked,
    Reply,
    Sampling,
    TokenLogprob,
    ToolCallDelta,
)
from lianlu.llm.fake import FakeBackend, Rule
from lianlu.llm.ref import open_backend

__all__ = [
    "ABILITIES",
    "DEFAULT_SAMPLING",
    "Ability",
    "Backend",
    "Completion",
    "Delta",
    "Embeddings",
    "FakeBackend",
    "Health",
    "Identity",
    "LogLikelihood",
    "Ranked",
    "Reply",
    "Rule",
    "Sampling",
    "TokenLogprob",
    "ToolCallDelta",
    "open_backend",
]
