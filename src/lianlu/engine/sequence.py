"""One answer in the making: its tokens, how far the key-value row has come, the text so far and how it ended."""

from __future__ import annotations

import random
from collections.abc import Sequence as Tokens
from dataclasses import dataclass
from typing import Any

from lianlu.core.errors import LianluError
from lianlu.engine.choice import Choice
from lianlu.engine.sampler import Chosen
from lianlu.engine.tokenizer import Spelling, StopWatch, Tokenizer
from lianlu.llm import TokenLogprob
from lianlu.records import FinishReason

__all__ = ["News", "Sequence"]


@dataclass(frozen=True)
class News:
    """What was added to an answer since it was last looked at."""

    text: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason | None = None
    error: LianluError | None = None

    @property
    def is_last(self) -> bool:
        return self.finish_reason is not None or self.error is not None


class Sequence:
    """A prompt and the answer that grows from it.

    Args:
        limit: most answer tokens.
        index: which of the `n` answers to the same prompt; each draws its own numbers from the seed.
        has_echo: keep the log probabilities of the prompt's own tokens too.

    Attributes:
        row: its keys and values, None while it waits.
        cached: how many of its tokens the row holds.
    """

    def __init__(
        self,
        prompt: Tokens[int],
        choice: Choice,
        tokenizer: Tokenizer,
        *,
        limit: int,
        ends: frozenset[int] = frozenset(),
        index: int = 0,
        has_echo: bool = False,
    ) -> None:
        self.prompt = tuple(prompt)
        self.choice = choice
        self.tokens: list[int] = []
        self.row: Any = None
        self.cached = 0
        self.has_echo = has_echo
        self.prompt_logprobs: list[Chosen] = []
        seed = None if choice.seed is None else f"{choice.seed}/{index}"
        self.random = random.Random(seed)  # noqa: S311 - answers, not secrets
        self.finish_reason: FinishReason | None = None
        self.error: LianluError | None = None
        self._tokenizer = tokenizer
        self._limit = limit
        self._ends = frozenset[int]() if choice.ignore_eos else ends
        self._spelling = Spelling(tokenizer, self.prompt)
        self._stops = StopWatch(choice.stop)
        self._text: list[str] = []
        self._logprobs: list[TokenLogprob] = []

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.tokens)

    @property
    def is_finished(self) -> bool:
        return self.finish_reason is not None or self.error is not None

    @property
    def wants_answer(self) -> bool:
        return self._limit > 0

    def ids(self, start: int, count: int) -> Tokens[int]:
        """`count` tokens of prompt and answer from `start`."""
        behind = len(self.prompt)
        if start >= behind:
            return self.tokens[start - behind : start - behind + count]
        return [*self.prompt[start : start + count], *self.tokens[: max(0, start + count - behind)]]

    def add(self, chosen: Chosen) -> None:
        """Take the next token; ends the answer at an end token, a stop text or the limit."""
        self.tokens.append(chosen.token)
        if chosen.token in self._ends:
            return self.finish("stop")
        spelled = self._spelling.add(chosen.token)
        shown = self._stops.add(spelled)
        self._text.append(shown)
        if chosen.logprob is not None:
            self._logprobs.append(self.shown(chosen, spelled))
        if self._stops.has_stopped:
            return self.finish("stop")
        if len(self.tokens) >= self._limit:
            self.finish("length")
        return None

    def shown(self, chosen: Chosen, text: str) -> TokenLogprob:
        top = {self._tokenizer.name(token): value for token, value in chosen.top}
        return TokenLogprob(token=text, logprob=chosen.logprob, top=top)

    def finish(self, reason: FinishReason) -> None:
        if not self._stops.has_stopped:
            rest = self._spelling.rest()
            self._text.append(self._stops.add(rest) + self._stops.rest())
            if rest and self._logprobs:
                last = self._logprobs[-1]
                self._logprobs[-1] = TokenLogprob(token=last.token + rest, logprob=last.logprob, top=last.top)
        self.finish_reason = reason

    def fail(self, error: LianluError) -> None:
        self.error = error

    def news(self) -> News | None:
        """What came since the last call; None when there is nothing to tell."""
        text, logprobs = "".join(self._text), tuple(self._logprobs)
        if not (text or self.is_finished):
            return None  # log probabilities wait for the text they belong to
        self._text, self._logprobs = [], []
        return News(text, logprobs, self.finish_reason, self.error)
