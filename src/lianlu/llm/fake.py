"""A model without a model: answers by rules, the same every time, with no network. Everything else is tested with it.

`fake:echo` gives the last user message back; `fake:FILE` reads a script of rules (YAML or JSON); in code,
`FakeBackend([Rule(match="hi", reply="hello")])` or `FakeBackend(function)`. Its numbers mean nothing but are stable:
vectors are hashed character n-grams, so that texts sharing words are near each other, and a continuation is likely when
the rules would have answered with it.
"""

from __future__ import annotations

import inspect
import math
import re
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
import msgspec
from pydantic import Field, model_validator

from lianlu.core.errors import UsageError
from lianlu.core.hashing import canonical_json, digest
from lianlu.core.recipe import Recipe, check, read_tree
from lianlu.core.settings import Settings
from lianlu.llm.backend import (
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
from lianlu.llm.refusal import refusal
from lianlu.records import Conversation, FinishReason, Message, ReasoningPart, TextPart, ToolCallPart, Usage, assistant

__all__ = [
    "FakeBackend",
    "FakeCall",
    "FakeUsage",
    "Fault",
    "Rule",
    "Script",
    "last_user_text",
    "open_backend",
    "prompt_text",
]

_TOKEN = re.compile(r"\s*(?:[\u3400-\u9fff]|[^\W\u3400-\u9fff]+|[^\w\s])|\s+")
_VECTOR_LENGTH = 256
_LIMIT_TOKENS = 512
_START = "<|assistant|>"

Answer = str | Message | Reply
AnswerFunction = Callable[[Conversation, Sampling], Answer | Awaitable[Answer]]


class FakeCall(Recipe):
    """A tool call the fake makes."""

    name: str = Field(description="the tool to call")
    arguments: str = Field(default="{}", description="its arguments as JSON text")


class FakeUsage(Recipe):
    """Token counts to report instead of the counted ones."""

    prompt_tokens: int = Field(default=0, ge=0, description="tokens of the prompt")
    completion_tokens: int = Field(default=0, ge=0, description="tokens of the answer")


class Fault(Recipe):
    """An error as a real service would give it."""

    status: int = Field(default=500, ge=400, le=599, description="HTTP status of the refusal")
    message: str = Field(default="scripted failure", description="the server's own words")


class Rule(Recipe):
    """When a request matches, what comes back. A rule without `match` and `pattern` takes everything."""

    match: str | None = Field(default=None, description="text that must occur in the request, whatever its case")
    pattern: str | None = Field(default=None, description="regular expression that must be found in the request")
    within: Literal["last", "prompt"] = Field(
        default="last", description="search the last user message, or the whole prompt"
    )
    reply: str = Field(default="", description="the answer; {last} stands for the last user message")
    reasoning: str = Field(default="", description="thoughts before the answer")
    tool_calls: tuple[FakeCall, ...] = Field(default=(), description="tools to call")
    error: Fault | None = Field(default=None, description="fail in this way instead of answering")
    then_error: Fault | None = Field(default=None, description="fail in this way when the reply has been streamed")
    is_cut_off: bool = Field(default=False, description="say that the reply ended at the length limit")
    delay_seconds: float = Field(default=0.0, ge=0, description="wait before the answer")
    pause_seconds: float = Field(default=0.0, ge=0, description="wait before each streamed piece")
    usage: FakeUsage | None = Field(default=None, description="token counts to report")
    times: int | None = Field(default=None, ge=1, description="the rule serves that many requests, then is passed over")

    @model_validator(mode="after")
    def _compiles(self) -> Rule:
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return self

    def fits(self, conversation: Conversation) -> bool:
        text = last_user_text(conversation) if self.within == "last" else prompt_text(conversation)
        if self.match is not None and self.match.casefold() not in text.casefold():
            return False
        return self.pattern is None or re.search(self.pattern, text) is not None


class Script(Recipe):
    """Rules in order: the first that fits answers."""

    model: str = Field(default="fake", description="name the fake gives itself")
    rules: tuple[Rule, ...] = Field(description="the first rule that fits answers")


ECHO = Script(model="echo", rules=(Rule(reply="{last}"),))


def open_backend(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> FakeBackend:  # noqa: ARG001
    """Open `fake:echo` or `fake:FILE`.

    Raises:
        UsageError: file.missing, file.unreadable, recipe.*: the script does not read
    """
    if rest == "echo":
        return FakeBackend(ECHO.rules, model="echo", ref=ref)
    if not rest:
        raise UsageError("llm.bad-ref", ref=ref)
    script = check(read_tree(Path(rest), environment=environment), Script, "fake script")
    return FakeBackend(script.rules, model=script.model, ref=ref)


class FakeBackend(Backend):
    """A backend that answers by rules or by a function.

    Args:
        answers: rules in order, or a function from conversation and sampling to a text, Message or Reply.
        fingerprint: for functions, which cannot be hashed; rules hash themselves.

    Attributes:
        asked: every conversation it was asked, for tests to look at.
    """

    abilities: frozenset[Ability] = frozenset(
        {
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
        }
    )

    def __init__(
        self,
        answers: Iterable[Rule] | AnswerFunction = ECHO.rules,
        *,
        model: str = "fake",
        ref: str = "fake:",
        fingerprint: str | None = None,
    ) -> None:
        self._function = answers if callable(answers) else None
        self._rules = () if callable(answers) else tuple(answers)
        self._used = [0] * len(self._rules)
        self._model = model
        self._ref = ref
        self._fingerprint = fingerprint
        self.asked: list[Conversation] = []

    async def chat(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> Reply:
        rule, reply = await self._answer(conversation, sampling)
        if rule is not None:
            await anyio.sleep(rule.delay_seconds)
            self._fail(rule.then_error)
        return reply

    def stream(self, conversation: Conversation, sampling: Sampling = DEFAULT_SAMPLING) -> AsyncGenerator[Delta, None]:
        return self._streamed(conversation, sampling)

    async def _streamed(self, conversation: Conversation, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        rule, reply = await self._answer(conversation, sampling)
        if rule is not None:
            await anyio.sleep(rule.delay_seconds)
        for delta in _pieces(reply):
            await anyio.sleep(rule.pause_seconds if rule is not None else 0)
            yield delta
        if rule is not None:
            self._fail(rule.then_error)
        yield Delta(finish_reason=reply.finish_reason, usage=reply.usage, model=reply.model, id=reply.id)

    async def complete(
        self, prompt: str | Sequence[int], sampling: Sampling = DEFAULT_SAMPLING, *, echo: bool = False
    ) -> Completion:
        text = prompt if isinstance(prompt, str) else _characters(prompt)
        conversation = Conversation(messages=(Message(role="user", parts=(TextPart(text=text),)),))
        reply = await self.chat(conversation, sampling)
        answer = reply.message.text
        wants_logprobs = sampling.logprobs or sampling.top_logprobs is not None
        scored = (_logprobs(text, "") if echo else ()) + _logprobs(answer, text if echo else " ")
        return Completion(
            text=(text if echo else "") + answer,
            finish_reason=reply.finish_reason,
            usage=reply.usage,
            model=reply.model,
            logprobs=scored if wants_logprobs else (),
            id=reply.id,
        )

    async def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> tuple[LogLikelihood, ...]:
        return tuple([await self._likelihood(context, continuation) for context, continuation in pairs])

    async def _likelihood(self, context: str, continuation: str) -> LogLikelihood:
        rule = self._rule_for(Conversation(messages=(Message(role="user", parts=(TextPart(text=context),)),)))
        wanted = rule.reply.replace("{last}", context).strip() if rule is not None else ""
        is_greedy = bool(wanted) and wanted.startswith(continuation.strip())
        scored = [each.logprob or 0.0 for each in _logprobs(continuation, context or " ")]
        value = -0.01 * len(scored) if is_greedy else math.fsum(scored)
        return LogLikelihood(value=value, token_count=len(scored), is_greedy=is_greedy)

    async def rolling_loglikelihood(self, texts: Sequence[str]) -> tuple[LogLikelihood, ...]:
        scored = [_logprobs(text, " ") for text in texts]
        return tuple(
            LogLikelihood(value=math.fsum(each.logprob or 0.0 for each in tokens), token_count=len(tokens))
            for tokens in scored
        )

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        return tuple(map(ord, prompt_text(conversation) + _START))

    async def tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(map(ord, text))

    async def detokenize(self, ids: Sequence[int]) -> str:
        return _characters(ids)

    async def embed(self, texts: Sequence[str], *, kind: EmbedKind = "document") -> Embeddings:  # noqa: ARG002 - one vector for both
        cut = [_tokens(text)[:_LIMIT_TOKENS] for text in texts]
        return Embeddings(
            vectors=tuple(_vector("".join(tokens)) for tokens in cut),
            usage=Usage(prompt_tokens=sum(map(len, cut))),
            model=self._model,
        )

    async def token_starts(self, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(found.start() for found in _TOKEN.finditer(text)) for text in texts)

    async def rerank(self, query: str, documents: Sequence[str], *, limit: int | None = None) -> tuple[Ranked, ...]:
        asked = _grams(query)
        scores = [len(asked & _grams(document)) / max(len(asked), 1) for document in documents]
        ranked = sorted(range(len(documents)), key=lambda index: (-scores[index], index))
        return tuple(Ranked(index=index, score=scores[index]) for index in ranked[:limit])

    async def identity(self) -> Identity:
        fingerprint = self._fingerprint
        if fingerprint is None and self._function is None:
            rules = [rule.model_dump(mode="json") for rule in self._rules]
            fingerprint = digest("fake", self._model, canonical_json(rules))
        return Identity(
            ref=self._ref,
            model=self._model,
            engine="fake",
            fingerprint=fingerprint,
            dimensions=_VECTOR_LENGTH,
            limit_tokens=_LIMIT_TOKENS,
        )

    async def health(self) -> Health:
        return Health(is_ok=True, seconds=0.0, models=(self._model,))

    async def _answer(self, conversation: Conversation, sampling: Sampling) -> tuple[Rule | None, Reply]:
        self.asked.append(conversation)
        if self._function is not None:
            made = self._function(conversation, sampling)
            answer: Any = await made if inspect.isawaitable(made) else made
            return None, answer if isinstance(answer, Reply) else self._reply(conversation, sampling, answer, None)
        rule = self._rule_for(conversation, take=True)
        if rule is None:
            raise UsageError("llm.no-rule", ref=self._ref, last=last_user_text(conversation)[:80])
        self._fail(rule.error)
        reply = self._reply(conversation, sampling, _message(rule, conversation), rule.usage)
        return rule, msgspec.structs.replace(reply, finish_reason="length") if rule.is_cut_off else reply

    def _fail(self, fault: Fault | None) -> None:
        if fault is not None:
            raise refusal(fault.status, fault.message, url=self._ref, model=self._model)

    def _rule_for(self, conversation: Conversation, *, take: bool = False) -> Rule | None:
        for index, rule in enumerate(self._rules):
            spent = rule.times is not None and self._used[index] >= rule.times
            if not spent and rule.fits(conversation):
                self._used[index] += take
                return rule
        return None

    def _reply(
        self, conversation: Conversation, sampling: Sampling, answer: str | Message, usage: FakeUsage | None
    ) -> Reply:
        whole = assistant(answer) if isinstance(answer, str) else answer
        message, finish_reason = _limited(whole, sampling)
        counted = Usage(
            prompt_tokens=usage.prompt_tokens if usage else _count(prompt_text(conversation)),
            completion_tokens=usage.completion_tokens if usage else _count(message.text),
        )
        return Reply(
            message=message,
            finish_reason=finish_reason,
            usage=counted,
            model=self._model,
            logprobs=_logprobs(message.text, " ") if sampling.logprobs else (),
            id="fake-" + digest(prompt_text(conversation))[:12],
            others=(Reply(message=message, finish_reason=finish_reason, model=self._model),) * ((sampling.n or 1) - 1),
        )


def last_user_text(conversation: Conversation) -> str:
    """The text of the newest user message; empty where there is none."""
    return next((message.text for message in reversed(conversation.messages) if message.role == "user"), "")


def prompt_text(conversation: Conversation) -> str:
    """All messages as one text, each under its role."""
    return "".join(f"<|{message.role}|>{message.text}\n" for message in conversation.messages)


def _characters(ids: Sequence[int]) -> str:
    """Text of the fake's token ids, which are code points."""
    try:
        return "".join(map(chr, ids)).encode("utf-8").decode("utf-8")
    except (ValueError, OverflowError):
        raise UsageError("llm.bad-token-id", ids=str(list(ids[:8]))) from None


def _message(rule: Rule, conversation: Conversation) -> Message:
    text = rule.reply.replace("{last}", last_user_text(conversation))
    calls = tuple(
        ToolCallPart(id=f"call_{index}", name=call.name, arguments=call.arguments)
        for index, call in enumerate(rule.tool_calls)
    )
    thoughts = (ReasoningPart(text=rule.reasoning),) if rule.reasoning else ()
    said = (TextPart(text=text),) if text else ()
    return Message(role="assistant", parts=(*thoughts, *said, *calls))


def _limited(message: Message, sampling: Sampling) -> tuple[Message, FinishReason]:
    """The message as stop texts and max_tokens leave it."""
    if any(isinstance(part, ToolCallPart) for part in message.parts):
        return message, "tool_calls"
    text = message.text
    ends = [at for at in (text.find(stop) for stop in sampling.stop) if at >= 0]
    cut = text[: min(ends)] if ends else text
    tokens = _tokens(cut)
    is_long = sampling.max_tokens is not None and len(tokens) > sampling.max_tokens
    if is_long:
        cut = "".join(tokens[: sampling.max_tokens])
    if cut == text:
        return message, "stop"
    kept = tuple(part for part in message.parts if not isinstance(part, TextPart))
    return Message(role="assistant", parts=(*kept, TextPart(text=cut))), "length" if is_long else "stop"


def _pieces(reply: Reply) -> Iterable[Delta]:
    """The message in fragments, as a server streams it: tool-call arguments come in two halves."""
    calls = 0
    for part in reply.message.parts:
        if isinstance(part, ReasoningPart):
            yield from (Delta(reasoning=token) for token in _tokens(part.text))
        elif isinstance(part, TextPart):
            yield from (Delta(text=token) for token in _tokens(part.text))
        elif isinstance(part, ToolCallPart):
            half = len(part.arguments) // 2
            first = ToolCallDelta(index=calls, id=part.id, name=part.name, arguments=part.arguments[:half])
            yield Delta(tool_calls=(first,))
            yield Delta(tool_calls=(ToolCallDelta(index=calls, arguments=part.arguments[half:]),))
            calls += 1


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _count(text: str) -> int:
    return len(_tokens(text))


def _logprobs(text: str, before: str) -> tuple[TokenLogprob, ...]:
    """A stable number between -5 and -0.05 for each token; None for a token that nothing stands before."""
    found: list[TokenLogprob] = []
    for token in _tokens(text):
        value = -0.05 - (zlib.crc32(f"{before[-8:]}|{token}".encode()) % 4950) / 1000
        found.append(TokenLogprob(token=token, logprob=value if before else None, top={token: value} if before else {}))
        before += token
    return tuple(found)


def _grams(text: str) -> set[str]:
    folded = re.sub(r"\s+", " ", text.casefold()).strip()
    return {folded[at : at + size] for size in (1, 2, 3) for at in range(len(folded) - size + 1)} - {" "}


def _vector(text: str) -> tuple[float, ...]:
    values = [0.0] * _VECTOR_LENGTH
    for gram in sorted(_grams(text)):
        number = zlib.crc32(gram.encode("utf-8", "surrogatepass"))
        values[number % _VECTOR_LENGTH] += len(gram) if number & 0x80000000 else -len(gram)
    length = math.sqrt(math.fsum(value * value for value in values))
    if length == 0:
        values[0] = length = 1.0
    return tuple(value / length for value in values)
