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
    EmbedKind,
    Health,
    Identity,
    LogLikelihood,
    Ranked,
    Reply,
    Sampling,
    TokenLogprob,
    ToolCallDelta,
)
from lianlu.llm.collect import Collector
from lianlu.llm.face import OpenAIFace
from lianlu.llm.fake import FakeBackend, Rule
from lianlu.llm.limiter import limited
from lianlu.llm.limits import Limits
from lianlu.llm.ref import open_backend
from lianlu.llm.replay import recorded
from lianlu.llm.request_store import stored

__all__ = [
    "ABILITIES",
    "DEFAULT_SAMPLING",
    "Ability",
    "Backend",
    "Collector",
    "Completion",
    "Delta",
    "EmbedKind",
    "Embeddings",
    "FakeBackend",
    "Health",
    "Identity",
    "Limits",
    "LogLikelihood",
    "OpenAIFace",
    "Ranked",
    "Reply",
    "Rule",
    "Sampling",
    "TokenLogprob",
    "ToolCallDelta",
    "limited",
    "open_backend",
    "recorded",
    "stored",
]
