"""Ask one question, and many at once. Knows no benchmark files and writes nothing.

A choice question is scored by the likelihood of each option's letter where the backend can tell it, else by the letter
in what the model writes; a free question always by what it writes. A model without a chat template (a base model) goes
on from the bare question. Temperature is 0 and said so: a server's own default
must not decide.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

import anyio

from lianlu.core.errors import LianluError
from lianlu.evaluate.benchmark import Benchmark
from lianlu.evaluate.extract import LETTERS
from lianlu.llm import Backend, Reply, Sampling
from lianlu.records import Prediction, Sample

__all__ = ["AT_ONCE", "Mode", "ask", "at_once", "sampling_of", "written"]

AT_ONCE = 8  # questions under way at once where nothing else is said

Mode = Literal["loglikelihood", "generation", "completion"]
ItemT = TypeVar("ItemT")
ValueT = TypeVar("ValueT")


async def ask(backend: Backend, benchmark: Benchmark, sample: Sample, mode: Mode) -> Prediction:
    """One prediction. Raises what the backend raises."""
    if mode == "loglikelihood":
        return await _by_likelihood(backend, benchmark, sample)
    if mode == "completion":
        made = await backend.complete(benchmark.bare_text(sample), sampling_of(benchmark))
        return Prediction(sample_id=sample.id, output=made.text, finish_reason=made.finish_reason, usage=made.usage)
    reply = await backend.chat(benchmark.conversation(sample), sampling_of(benchmark))
    return written(sample, reply)


def sampling_of(benchmark: Benchmark, temperature: float = 0.0) -> Sampling:
    return Sampling(temperature=temperature, max_tokens=benchmark.file.max_tokens)


def written(sample: Sample, reply: Reply) -> Prediction:
    """A reply as a prediction, without what differs from one asking to the next (request ids, server names)."""
    return Prediction(
        sample_id=sample.id, output=reply.message.text, finish_reason=reply.finish_reason, usage=reply.usage
    )


async def _by_likelihood(backend: Backend, benchmark: Benchmark, sample: Sample) -> Prediction:
    context = benchmark.plain_text(sample)
    letters = LETTERS[: len(sample.choices)]
    found = await backend.loglikelihood([(context, letter) for letter in letters])
    values = tuple(each.value for each in found)
    return Prediction(sample_id=sample.id, output=letters[values.index(max(values))], logprobs=values)


async def at_once(items: Sequence[ItemT], work: Callable[[ItemT], Awaitable[ValueT]], limit: int) -> list[ValueT]:
    """Work on `limit` items at a time; the first error stops the rest and is raised as it is."""
    found: dict[int, ValueT] = {}
    raised: list[LianluError] = []
    waiting = iter(enumerate(items))

    async def worker(scope: anyio.CancelScope) -> None:
        for index, item in waiting:
            try:
                found[index] = await work(item)
            except LianluError as error:
                raised.append(error)
                scope.cancel()
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(limit, len(items))):
            group.start_soon(worker, group.cancel_scope)
    if raised:
        raise raised[0]
    return [found[index] for index in range(len(items))]
