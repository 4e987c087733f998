"""What every Backend must keep, as a test class to sub-class:

    class TestMine(BackendConformance):
        def backend(self) -> Backend:
            return MyBackend()

Tests of abilities that are not declared check the refusal instead.
"""

from __future__ import annotations

import asyncio
import math
from abc import ABC, abstractmethod
from contextlib import aclosing
from typing import Any

import pytest

from lianlu.core.errors import UsageError
from lianlu.llm import ABILITIES, Backend, Collector, Reply, Sampling
from lianlu.records import Conversation, user

__all__ = ["BackendConformance"]

_QUESTION = Conversation(messages=(user("Which tool fine-tunes? 哪个工具用于微调？"),))


class BackendConformance(ABC):
    """Sub-class it and say how to open the backend. Deterministic backends are held to equal answers."""

    is_deterministic = True

    @abstractmethod
    def backend(self) -> Backend:
        """A fresh backend for each test."""

    def ask(self, ability: str, call: Any) -> Any:
        """What `call(backend)` gives, or a skip once its refusal was checked."""

        async def main() -> Any:
            async with self.backend() as backend:
                if ability in backend.abilities:
                    return await call(backend)
                with pytest.raises(UsageError) as caught:
                    await call(backend)
                assert caught.value.code == "llm.no-ability"
                return pytest.skip(f"{ability} is not declared, and refused")

        return asyncio.run(main())

    async def streamed(self, backend: Backend) -> Reply:
        collector = Collector()
        async with aclosing(backend.stream(_QUESTION)) as deltas:
            async for delta in deltas:
                collector.add(delta)
        assert collector.is_finished
        return collector.reply()

    def test_it_is_a_backend_with_known_abilities(self) -> None:
        backend = self.backend()
        assert isinstance(backend, Backend)
        assert set(backend.abilities) <= set(ABILITIES)

    def test_chat_answers_as_the_assistant(self) -> None:
        reply = self.ask("chat", lambda backend: backend.chat(_QUESTION))
        assert reply.message.role == "assistant"
        assert reply.message.parts
        assert reply.usage.prompt_tokens >= 0

    def test_stream_says_what_chat_says(self) -> None:
        if not self.is_deterministic:
            pytest.skip("answers differ from time to time")
        streamed = self.ask("stream", self.streamed)
        whole = self.ask("chat", lambda backend: backend.chat(_QUESTION))
        assert streamed.message == whole.message
        assert streamed.finish_reason == whole.finish_reason

    def test_a_stream_may_be_left(self) -> None:
        async def leave(backend: Backend) -> None:
            stream = backend.stream(_QUESTION)
            await anext(stream)
            await stream.aclose()
            await stream.aclose()

        self.ask("stream", leave)

    def test_max_tokens_and_stop_are_kept(self) -> None:
        reply = self.ask("chat", lambda backend: backend.chat(_QUESTION, Sampling(max_tokens=1)))
        assert reply.finish_reason in ("length", "stop")

    def test_complete_echoes_the_prompt(self) -> None:
        made = self.ask("complete", lambda backend: backend.complete("ab cd", Sampling(top_logprobs=1), echo=True))
        assert made.text.startswith("ab cd")
        assert "".join(each.token for each in made.logprobs) == made.text
        assert made.logprobs[0].logprob is None or made.logprobs[0].logprob <= 0

    def test_likelihoods_are_finite_and_one_for_each_pair(self) -> None:
        pairs = [("the", " cat"), ("你好", "世界"), ("x", " y z")]
        scores = self.ask("loglikelihood", lambda backend: backend.loglikelihood(pairs))
        assert len(scores) == len(pairs)
        assert all(math.isfinite(score.value) and score.value <= 0 and score.token_count > 0 for score in scores)

    def test_rolling_likelihoods_are_one_for_each_text(self) -> None:
        scores = self.ask("rolling_loglikelihood", lambda backend: backend.rolling_loglikelihood(["a b", "c d e"]))
        assert len(scores) == 2
        assert all(score.value <= 0 for score in scores)

    def test_render_gives_token_ids(self) -> None:
        ids = self.ask("render", lambda backend: backend.render(_QUESTION))
        assert ids
        assert all(isinstance(each, int) and each >= 0 for each in ids)

    def test_text_survives_its_token_ids(self) -> None:
        async def there_and_back(backend: Backend) -> str:
            return await backend.detokenize(await backend.tokenize("two words 两个词"))

        if not {"tokenize", "detokenize"} & self.backend().abilities:
            self.ask("tokenize", lambda backend: backend.tokenize("x"))
        assert self.ask("detokenize", there_and_back) == "two words 两个词"

    def test_vectors_are_one_for_each_text_of_one_length(self) -> None:
        made = self.ask("embed", lambda backend: backend.embed(["甲", "b", "甲"]))
        assert len(made.vectors) == 3
        assert len({len(vector) for vector in made.vectors}) == 1
        assert made.vectors[0] == pytest.approx(made.vectors[2], abs=1e-4)

    def test_no_texts_give_no_vectors(self) -> None:
        assert self.ask("embed", lambda backend: backend.embed([])).vectors == ()

    def test_questions_are_embedded_like_texts_or_otherwise(self) -> None:
        made = self.ask("embed", lambda backend: backend.embed(["甲", "b"], kind="query"))
        texts = self.ask("embed", lambda backend: backend.embed(["甲", "b"]))
        assert [len(vector) for vector in made.vectors] == [len(vector) for vector in texts.vectors]

    def test_vectors_are_as_long_as_the_identity_says(self) -> None:
        made = self.ask("embed", lambda backend: backend.embed(["a"]))
        told = asyncio.run(self.backend().identity()).dimensions
        assert told in (0, len(made.vectors[0]))

    def test_token_starts_are_places_in_the_text_that_never_fall(self) -> None:
        texts = ["two words 两个词", "", "x"]
        found = self.ask("offsets", lambda backend: backend.token_starts(texts))
        assert len(found) == len(texts)
        assert found[1] == ()
        for text, starts in zip(texts, found, strict=True):
            assert list(starts) == sorted(starts)
            assert all(0 <= start < len(text) for start in starts)

    def test_rerank_is_sorted_and_keeps_the_limit(self) -> None:
        ranked = self.ask("rerank", lambda backend: backend.rerank("cat", ["dog", "cat", "car"], limit=2))
        assert len(ranked) == 2
        assert ranked[0].score >= ranked[1].score
        assert {each.index for each in ranked} <= {0, 1, 2}

    def test_identity_is_stable(self) -> None:
        async def main() -> tuple[Any, Any]:
            async with self.backend() as one, self.backend() as other:
                return await one.identity(), await other.identity()

        one, other = asyncio.run(main())
        assert one.engine
        assert (one.model, one.fingerprint) == (other.model, other.fingerprint)

    def test_health_tells(self) -> None:
        assert self.ask("health", lambda backend: backend.health()).is_ok

    def test_it_may_be_closed_twice(self) -> None:
        async def main() -> None:
            backend = self.backend()
            await backend.close()
            await backend.close()

        asyncio.run(main())
