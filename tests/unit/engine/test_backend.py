"""The model as others see it: streams, echoes, refusals, and rows that are freed when nobody listens any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import torch

from lianlu.core import aio
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.engine.backend import LocalBackend
from lianlu.engine.load import Loaded
from lianlu.llm import Collector, OpenAIFace, Sampling, open_backend
from lianlu.records import Conversation, user
from lianlu.web import running
from lianlu.web.testing import fake_openai_app

Asking = Callable[[Callable[[LocalBackend], Any]], Any]
HI = Conversation(messages=(user("你好 the thing"),))
LONG = Sampling(temperature=0.0, max_tokens=200, extra={"ignore_eos": True})
SHORT = Sampling(temperature=0.0, max_tokens=12, extra={"ignore_eos": True})


async def streamed(backend: LocalBackend, sampling: Sampling) -> Collector:
    collector = Collector()
    async with aclosing(backend.stream(HI, sampling)) as deltas:
        async for delta in deltas:
            collector.add(delta)
    return collector


def test_a_stream_says_what_chat_says_and_counts(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> Any:
        return (await streamed(backend, LONG)).reply(), await backend.chat(HI, LONG)

    stream, whole = ask(main)
    assert stream.message == whole.message
    assert (stream.finish_reason, stream.usage) == ("length", whole.usage)
    assert whole.usage.completion_tokens == 200


def test_a_stop_text_ends_an_answer_before_it(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        free = (await backend.chat(HI, SHORT)).message.text
        stop = free[3:6]
        stopping = Sampling(temperature=0.0, max_tokens=12, stop=(stop,), extra={"ignore_eos": True})
        reply = await backend.chat(HI, stopping)
        assert reply.message.text == free[: free.find(stop)]
        assert reply.finish_reason == "stop"
        assert (await streamed(backend, stopping)).reply().message == reply.message

    ask(main)


def test_a_stream_that_is_left_frees_its_row(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        stream = backend.stream(HI, LONG)
        await anext(stream)
        engine = backend._worker.engine
        assert engine.running == 1
        await stream.aclose()
        await until(lambda: not engine.has_work)

    ask(main)


def test_a_question_that_is_cancelled_frees_its_rows(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        await backend.health()
        engine = backend._worker.engine
        task = asyncio.create_task(backend.chat(HI, Sampling(n=3, max_tokens=200, extra={"ignore_eos": True})))
        await until(lambda: engine.running == 3)
        task.cancel()
        await until(lambda: not engine.has_work)

    ask(main)


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


def test_a_bad_request_fails_alone(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        bad = Conversation(messages=(user("x" * 300),))
        answers = await asyncio.gather(
            backend.chat(HI, SHORT), backend.chat(bad), backend.chat(HI, Sampling(top_p=7)), return_exceptions=True
        )
        codes = [each.code if isinstance(each, LianluError) else "" for each in answers]
        assert codes == ["", "engine.too-long", "engine.bad-value"]

    ask(main)


def test_many_at_once_answer_as_each_alone(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        asked = [Conversation(messages=(user("the " * count),)) for count in range(1, 21)]
        together = await asyncio.gather(*(backend.chat(each, SHORT) for each in asked))
        assert [each.message for each in together] == [(await backend.chat(each, SHORT)).message for each in asked]

    ask(main)


def test_n_answers_differ_and_repeat_with_their_seed(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        sampling = Sampling(temperature=1.5, n=4, seed=3, max_tokens=12, extra={"ignore_eos": True})
        reply, again = await backend.chat(HI, sampling), await backend.chat(HI, sampling)
        texts = [each.message.text for each in (reply, *reply.others)]
        assert texts == [each.message.text for each in (again, *again.others)]
        assert len(set(texts)) > 1
        assert reply.usage.completion_tokens == 48

    ask(main)


def test_a_stream_gives_one_answer_only(ask: Asking) -> None:
    async def main(backend: LocalBackend) -> None:
        with pytest.raises(UsageError) as caught:
            await anext(backend.stream(HI, Sampling(n=2)))
        assert caught.value.code == "engine.bad-value"

    ask(main)


def test_an_echo_scores_the_prompt_as_the_model_does(ask: Asking, loaded: Loaded) -> None:
    text = "the thing 你好"
    ids = loaded.tokenizer.encode(text).ids
    with torch.no_grad():
        logits = loaded.module(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    wanted = [float(row[token]) for row, token in zip(logits, ids[1:], strict=False)]

    async def main(backend: LocalBackend) -> None:
        for prompt in (text, ids):
            made = await backend.complete(prompt, Sampling(max_tokens=1, top_logprobs=2, temperature=0.0), echo=True)
            assert made.text.startswith(text)
            assert "".join(each.token for each in made.logprobs) == made.text
            assert made.logprobs[0].logprob is None
            assert [each.logprob for each in made.logprobs[1 : len(ids)]] == pytest.approx(wanted, abs=1e-4)
            assert all(len(each.top) == 2 for each in made.logprobs[1:])

    ask(main)


def test_an_echo_without_an_answer_is_the_prompt(ask: Asking) -> None:
    made = ask(lambda backend: backend.complete("abc", Sampling(max_tokens=0, logprobs=True), echo=True))
    assert (made.text, len(made.logprobs), made.usage.completion_tokens) == ("abc", 3, 0)


@pytest.mark.parametrize("ids", [[0, 9999], [-1], ["a"], [True]], ids=str)
def test_ids_that_are_no_tokens_are_refused(ask: Asking, ids: Any) -> None:
    with pytest.raises(UsageError) as caught:
        ask(lambda backend: backend.complete(ids))
    assert caught.value.code == "engine.bad-token"


def test_an_empty_prompt_begins_with_the_models_own_token(ask: Asking) -> None:
    assert ask(lambda backend: backend.complete("", SHORT)).usage.prompt_tokens == 1


def test_a_base_model_says_why_it_cannot_chat(folder: Path, tmp_path: Path) -> None:
    import shutil

    base = Path(shutil.copytree(folder, tmp_path / "base"))
    (base / "chat_template.jinja").unlink()
    backend = open_backend(f"local:{base}")
    assert "chat" not in backend.abilities
    with pytest.raises(UsageError) as caught:
        aio.run(lambda: backend.chat(HI))
    assert caught.value.code == "llm.no-ability"
    assert "chat template" in caught.value.message("en")
    assert "chat_template.jinja" in caught.value.hint("zh")


def test_it_answers_from_one_event_loop_after_another(folder: Path) -> None:
    backend = open_backend(f"local:{folder}")
    first = aio.run(lambda: backend.chat(HI, SHORT))
    assert aio.run(lambda: backend.chat(HI, SHORT)).message == first.message
    aio.run(backend.close)


def test_what_is_asked_of_a_closed_model_is_refused(folder: Path) -> None:
    backend = open_backend(f"local:{folder}")

    async def main() -> None:
        task = asyncio.create_task(backend.chat(HI, LONG))
        await backend.health()
        await asyncio.sleep(0.01)
        await backend.close()
        for waiting in (task, backend.chat(HI)):
            with pytest.raises(BackendError) as caught:
                await waiting
            assert caught.value.code == "engine.closed"
        assert not (await backend.health()).is_ok

    asyncio.run(main())


def test_likelihoods_go_on_beside_answers(ask: Asking) -> None:
    pairs = [("the", f" thing {index}") for index in range(30)]

    async def main(backend: LocalBackend) -> None:
        alone = await backend.loglikelihood(pairs)
        beside, _ = await asyncio.gather(backend.loglikelihood(pairs), backend.chat(HI, LONG))
        assert beside == alone

    ask(main)


def test_a_pair_that_is_too_long_is_refused(ask: Asking) -> None:
    with pytest.raises(UsageError) as caught:
        ask(lambda backend: backend.loglikelihood([("a", "b"), ("x" * 300, "y")]))
    assert caught.value.code == "engine.too-long"


def test_likelihoods_over_http_equal_those_here(ask: Asking) -> None:
    pairs = [("the thing", " in"), ("你好", "世界"), ("答案：", "甲"), ("Answer:", " A"), ("in t", "he")]

    async def main(backend: LocalBackend) -> None:
        app, _ = fake_openai_app(OpenAIFace(backend))
        with running(app) as url:
            async with open_backend(f"{url}/v1#tiny") as served:
                over, here = await served.loglikelihood(pairs), await backend.loglikelihood(pairs)
        assert [each.token_count for each in over] == [each.token_count for each in here]
        assert [each.is_greedy for each in over] == [each.is_greedy for each in here]
        assert [each.value for each in over] == pytest.approx([each.value for each in here], abs=1e-4)

    ask(main)
