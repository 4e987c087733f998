"""Parity names the stage that fails, and passes only where two ways lead to one model."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import BackendError
from lianlu.evaluate.benchmark import Benchmark
from lianlu.evaluate.model import Candidate
from lianlu.evaluate.parity import STAGES, Parity, parity
from lianlu.llm import Backend, FakeBackend, Reply, Rule, Sampling, open_backend
from lianlu.records import Conversation, user
from lianlu.web.testing import FakeServer

from .making import adding, benchmark_of, fingerprint_of, served, sums, teller, write_script


@pytest.fixture
def six(tmp_path: Path) -> Benchmark:
    return benchmark_of(tmp_path / "sums.jsonl", sums(6))


@pytest.fixture
def local(tmp_path: Path) -> str:
    return write_script(tmp_path / "local.yaml", adding())


@contextmanager
def serving(backend: Backend, local: str, **tells: Any) -> Generator[tuple[str, FakeServer]]:
    """A server that says it serves the same model as `local`, whatever it does."""
    seen: list[FakeServer] = []
    renders = bool(tells.pop("renders", True))
    with served(backend, tells=teller(fingerprint_of(local), seen, **tells), renders=renders) as (url, server):
        seen.append(server)
        yield url, server


def compare(a: str, b: str, benchmark: Benchmark, **more: Any) -> Parity:
    return parity(Candidate("a", a), Candidate("b", b), benchmark, **more)


def states(found: Parity) -> dict[str, str]:
    return {stage.name: stage.state for stage in found.stages}


def test_a_server_of_the_same_model_passes_every_stage(local: str, six: Benchmark) -> None:
    with serving(open_backend(local), local) as (url, server):
        found = compare(local, f"{url}#m", six)
    assert states(found) == dict.fromkeys(STAGES, "passed")
    assert (found.agrees, found.failed, found.n) == (True, "", 6)
    assert server.count["/chat/completions"] == 6  # one entry an item in the server's log
    assert (found.b.asked, found.b.answered, found.b.fingerprint) == (6, 6, found.a.fingerprint)


def test_both_sides_in_this_process_are_detected(local: str, six: Benchmark, tmp_path: Path) -> None:
    """The mistake that this stage exists for: the local model evaluated twice."""
    copy = write_script(tmp_path / "copy.yaml", adding())
    for other in (local, copy):
        found = compare(local, other, six)
        assert (states(found), found.agrees, found.failed) == ({"identity": "failed"}, False, "identity")
        assert "in this process" in found.stages[0].why


def test_one_address_twice_is_detected(local: str, six: Benchmark) -> None:
    with serving(open_backend(local), local) as (url, server):
        here = url.replace("127.0.0.1", "localhost")
        for other in (url, here):
            found = compare(f"{url}#m", f"{other}#m", six)
            assert (found.failed, len(found.stages)) == ("identity", 1)
        assert server.count["/chat/completions"] == 0


def test_another_model_is_named_by_what_differs(local: str, six: Benchmark, tmp_path: Path) -> None:
    other = write_script(tmp_path / "other.yaml", adding(wrong=[1]))
    assert compare(local, other, six).stages[0].differences[0].what == "fingerprint"
    with serving(open_backend(other), other) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert (found.failed, "fingerprint" in found.stages[0].why) == ("identity", True)


def test_a_server_that_says_nothing_of_itself_proves_nothing(local: str, six: Benchmark) -> None:
    with served(open_backend(local)) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert (found.agrees, found.failed, states(found)["task"]) == (False, "identity", "passed")
    assert states(found)["identity"] == "unproven"


class OtherTemplate(FakeBackend):
    """Renders with a system prompt of its own, and sees one more token for it."""

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        return (1, *await super().render(conversation))

    async def chat(self, conversation: Conversation, sampling: Sampling = Sampling()) -> Reply:  # noqa: B008
        import msgspec

        reply = await super().chat(conversation, sampling)
        usage = msgspec.structs.replace(reply.usage, prompt_tokens=reply.usage.prompt_tokens + 1)
        return msgspec.structs.replace(reply, usage=usage)


def test_another_template_fails_at_render(local: str, six: Benchmark) -> None:
    with serving(OtherTemplate(adding()), local) as (url, server):
        found = compare(local, f"{url}#m", six)
    assert (found.failed, states(found)) == ("render", {"identity": "passed", "render": "failed"})
    assert "first difference is at 0" in found.stages[1].differences[0].note
    assert server.count["/chat/completions"] == 0


def test_another_template_is_seen_by_the_number_of_tokens_too(local: str, six: Benchmark) -> None:
    with serving(OtherTemplate(adding()), local, renders=False) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert (found.failed, "number of tokens" in found.stages[1].why) == ("render", True)


class OtherLogits(FakeBackend):
    """The same texts with other probabilities, as 8-bit weights would give."""

    async def chat(self, conversation: Conversation, sampling: Sampling = Sampling()) -> Reply:  # noqa: B008
        import msgspec

        reply = await super().chat(conversation, sampling)
        moved = tuple(
            msgspec.structs.replace(each, logprob=(each.logprob or 0) - 0.05, top={}) for each in reply.logprobs
        )
        return msgspec.structs.replace(reply, logprobs=moved)


def test_other_probabilities_fail_at_logits_beyond_the_tolerance(local: str, six: Benchmark) -> None:
    with serving(OtherLogits(adding()), local) as (url, _):
        found = compare(local, f"{url}#m", six)
        wide = compare(local, f"{url}#m", six, tolerance=0.1)
    assert (found.failed, found.stages[-1].worst) == ("logits", pytest.approx(0.05))
    assert wide.agrees


def test_other_texts_fail_at_greedy(local: str, six: Benchmark) -> None:
    """The first token is the same; the answer to one question parts from it later."""
    rules = [Rule(match="3+1=", reply="The result is four."), *adding()]
    with serving(FakeBackend(rules), local) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert (found.failed, found.stages[-1].differing) == ("greedy", 1)
    assert found.stages[-1].differences[0].what == "s003"
    assert "from character 14" in found.stages[-1].differences[0].note


def test_sampling_is_noticed(local: str, six: Benchmark) -> None:
    """Above temperature 0 answers differ by chance: here, by how often the server was asked."""
    calls = iter(range(1000))

    def answer(conversation: Conversation, sampling: Sampling) -> str:
        right = f"The result is {int(conversation.messages[-1].text.partition('+')[0]) + 1}."
        return right if not sampling.temperature else f"{right} {'so ' * next(calls)}"

    with serving(FakeBackend(answer), local) as (url, _):
        assert compare(local, f"{url}#m", six).agrees
        warm = compare(local, f"{url}#m", six, temperature=0.7)
    assert (warm.agrees, warm.failed) == (False, "greedy")


def test_a_server_replaced_half_way_is_noticed(local: str, six: Benchmark) -> None:
    seen: list[FakeServer] = []
    said = teller(fingerprint_of(local), seen)

    def tell() -> dict[str, Any]:
        found = said()
        return {**found, "instance": f"i{found['answered'] > 3}"}

    with served(open_backend(local), tells=tell) as (url, server):
        seen.append(server)
        found = compare(local, f"{url}#m", six)
    assert (found.failed, "changed while it was asked" in found.stages[0].why) == ("identity", True)


def test_answers_from_elsewhere_are_noticed(local: str, six: Benchmark) -> None:
    """Something between us and the server answers without asking it: its count does not grow."""
    with serving(open_backend(local), local, answered=7) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert (found.failed, "answered 0 of 6" in found.stages[0].why) == ("identity", True)


class Rendering(FakeBackend):
    """Counts what it rendered."""

    rendered = 0

    async def render(self, conversation: Conversation) -> tuple[int, ...]:
        self.rendered += 1
        return await super().render(conversation)


def test_what_a_server_rendered_is_not_what_it_answered(local: str, six: Benchmark) -> None:
    """Its count grows by the six conversations whose token ids it shows; the answers still come from elsewhere."""
    behind, said = Rendering(adding()), teller(fingerprint_of(local), [])
    with served(behind, tells=lambda: {**said(), "answered": behind.rendered}) as (url, _):
        found = compare(local, f"{url}#m", six)
    assert behind.rendered == 6
    assert (found.failed, "answered 0 of 6" in found.stages[0].why) == ("identity", True)


def test_a_side_that_fails_is_an_error(local: str, six: Benchmark) -> None:
    with serving(open_backend(local), local) as (url, server):
        server.keys = frozenset({"other"})
        with pytest.raises(BackendError) as raised:
            compare(local, f"{url}#m", six)
    assert raised.value.code == "llm.unauthorized"


def test_the_same_facts_say_the_same(local: str, six: Benchmark) -> None:
    import msgspec

    contents: list[bytes] = []
    for _ in range(2):
        with serving(open_backend(local), local) as (url, _):
            contents.append(msgspec.json.encode(compare(local, f"{url}#m", six)))
    assert contents[0] == contents[1]
    assert user("x").text == "x"
