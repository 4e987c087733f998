"""What it is to ask a model, wherever the model is. Knows no HTTP, no weights and no store.

Every method is optional: a backend declares what it can in `abilities`, and a call it did not declare raises UsageError
`llm.no-ability` before anything is sent. Sub-classing `Backend` gives those refusals for free. All methods are async;
plain code goes through `lianlu.core.aio.run`. Cancelling an answer is closing its stream.
"""

# ruff: noqa: ARG002 - the refusals of a protocol use no arguments

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Protocol, Self, get_args, runtime_checkable

import msgspec

from lianlu.core.errors import UsageError
from lianlu.core.settings import Settings
from lianlu.records import Conversation, FinishReason, Message, Usage

__all__ = [
    "ABILITIES",
    "DEFAULT_SAMPLING",
    "Ability",
    "Backend",
    "Completion",
    "Delta",
    "EmbedKind",
    "Embeddings",
    "Health",
    "Identity",
    "LogLikelihood",
    "Opener",
    "Ranked",
    "Reply",
    "Sampling",
    "TokenLogprob",
    "ToolCallDelta",
    "no_ability",
]

Ability = Literal[
    "chat",
    "stream",
    "complete",
    "loglikelihood",
    "rolling_loglikelihood",
    "render",
    "tokenize",
    "detokenize",
    "embed",
    "rerank",
    "offsets",
    "health",
]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
EmbedKind = Literal["query", "document"]
"""What a text is embedded as: many models put other words before a question than before what is searched."""


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a request may carry beside its messages. What is None is not sent, so the server's own default holds.

    Attributes:
        n: how many answers; the further ones stand in `Reply.others`.
        logprobs: ask for the log probability of every answer token.
        top_logprobs: ask for that many alternatives at every token.
        response_format: `{"type": "json_object"}` or `{"type": "json_schema", "json_schema": {...}}`.
        extra: fields of one engine, sent as they are (`top_k`, `repetition_penalty`, `tool_choice`, ...).

    >>> msgspec.json.encode(Sampling(temperature=0.0, stop=("\\n",)))
    b'{"temperature":0.0,"stop":["\\\\n"]}'
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: dict[str, Any] | None = None
    extra: dict[str, Any] = {}


DEFAULT_SAMPLING = Sampling()


class TokenLogprob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token, its natural-log probability (None for the first token of an echoed prompt), and the best others."""

    token: str
    logprob: float | None
    top: dict[str, float] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer. `model` is the name the server gave; `usage` counts the whole request, `others` included."""

    message: Message
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    model: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    id: str = ""
    others: tuple[Reply, ...] = ()


class ToolCallDelta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fragment of a tool call: `arguments` of one `index` are to be joined; id and name come once."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fragment of an answer. The last one carries `finish_reason`, and `usage` where the server counts."""

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str = ""
    id: str = ""


class Completion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Text that goes on from a prompt. With `echo`, `text` and `logprobs` begin with the prompt itself."""

    text: str
    finish_reason: FinishReason = "stop"
    usage: Usage = Usage()
    model: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    id: str = ""
    others: tuple[Completion, ...] = ()


class LogLikelihood(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sum of natural-log probabilities of a continuation; `is_greedy` when each of its tokens was the likeliest."""

    value: float
    token_count: int
    is_greedy: bool = False


class Embeddings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One vector for each text, in the order of the texts."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage = Usage()
    model: str = ""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """A document by its place in the list that was given, and how well it fits the query (higher is better)."""

    index: int
    score: float


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the backend answers now; `models` it offers where it tells."""

    is_ok: bool
    seconds: float
    models: tuple[str, ...] = ()
    why: str = ""


class Identity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What exactly answers.

    Attributes:
        fingerprint: hash that changes whenever answers may change (weights, tokenizer, template, script). None means
            not pinned: a step that asked this model must not be cached.
        engine: `fake`, `replay`, `http`, `torch`, ...
        dimensions: length of the vectors of an embedder; 0 where it is not known.
        limit_tokens: longest text of an embedder or reranker in tokens, special tokens included; what is longer is cut
            off. 0 where it is not known.
        special_tokens: how many of them stand around every text.
    """

    ref: str
    model: str
    engine: str
    fingerprint: str | None = None
    url: str = ""
    tokenizer: str = ""
    template: str = ""
    dtype: str = ""
    dimensions: int = 0
    limit_tokens: int = 0
    special_tokens: int = 0


def no_ability(backend: Backend, ability: str) -> UsageError:
    """The error for a call that `backend` did not declare."""
    offered = ", ".join(sorted(backend.abilities)) or "-"
    return UsageError("llm.no-ability", backend=type(backend).__name__, ability=ability, offered=offered)


@runtime_checkable
class Backend(Protocol):
    """A model that can be asked. Sub-class it: what is not overridden refuses with UsageError llm.no-ability.

    >>> from lianlu.core import aio
    >>> from lianlu.llm import open_backend
    >>> from lianlu.records import Conversation, user
    >>> async def main():
    ...     async with open_backend("fake:echo") as backend:
    ...         return await backend.chat(Conversation(messages=(user("hi"),)))
    >>> aio.run(main).message.text
    'hi'
    """

    abilities: frozenset[Ability] = frozenset()
    extra_fields: frozenset[str] | None = frozenset()
    """Names of `Sampling.extra` that are honoured; None: all are passed on to whoever answers."""

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        """Answer a conversation.

        Raises:
            BackendError: the service failed, refused, or sent what cannot be read
            LimitError: a quota is spent
        """
        raise no_ability(self, "chat")

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        """The same answer as it is made. Close the generator (`contextlib.aclosing`) to stop the model."""
        raise no_ability(self, "stream")

    async def complete(
        self, prompt: str | Sequence[int], sampling: Sampling = DEFAULT_SAMPLING, *, echo: bool = False
    ) -> Completion:
        """Go on from text or token ids, without a chat template. Raises as `chat`."""
        raise no_ability(self, "complete")

    async def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        """How likely each continuation is after its context: (context, continuation). Raises as `chat`."""
        raise no_ability(self, "loglikelihood")

    async def rolling_loglikelihood(self, texts: Sequence[str]) -> tuple[LogLikelihood, ...]:
        """How likely each whole text is, for perplexity. Raises as `chat`."""
        raise no_ability(self, "rolling_loglikelihood")

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        """The token ids that the model would see, the start of its answer included."""
        raise no_ability(self, "render")

    async def tokenize(self, text: str) -> tuple[int, ...]:
        """The token ids of a text as `complete` would read it."""
        raise no_ability(self, "tokenize")

    async def detokenize(self, ids: Sequence[int]) -> str:
        """The text of token ids; special tokens are left out.

        Raises:
            UsageError: an id that the tokenizer does not have
        """
        raise no_ability(self, "detokenize")

    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:
        """A vector for each text, which is a question (`query`) or something that is searched. Raises as `chat`."""
        raise no_ability(self, "embed")

    async def rerank(self, query: str, documents: Sequence[str], *, limit: int | None = None) -> tuple[Ranked, ...]:
        """Documents by how well they answer the query, best first, at most `limit`. Raises as `chat`."""
        raise no_ability(self, "rerank")

    async def token_starts(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Where each token of each text begins, as a place among its characters, never falling.

        No special tokens, and nothing is cut off: how many there are is how long the text is to the model.
        """
        raise no_ability(self, "offsets")

    async def identity(self) -> Identity:
        """What answers. Never asks over the network."""
        raise no_ability(self, "identity")

    async def health(self) -> Health:
        """Whether it answers now. Never raises for a backend that is down: it says so."""
        raise no_ability(self, "health")

    async def close(self) -> None:
        """Let go of connections and memory. May be called twice."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Opener(Protocol):
    """What the registry group `backend` holds: opens the ModelRefs of one scheme. `rest` is the ref after `scheme:`."""

    def __call__(self, ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> Backend: ...
