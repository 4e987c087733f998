"""Who is let in, how often, and how many at once."""

from __future__ import annotations

import tracemalloc

import pytest
from starlette.requests import Request

from lianlu.core.errors import BackendError, LimitError, UsageError
from lianlu.web.gate import Gate
from lianlu.web.keys import Keys


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def request(address: str = "10.0.0.1", key: str = "") -> Request:
    headers = [(b"authorization", f"Bearer {key}".encode())] if key else []
    return Request({"type": "http", "headers": headers, "client": (address, 5000)})


def refused(gate: Gate, asked: Request) -> int:
    with pytest.raises(LimitError) as caught:
        gate.count(asked)
    assert caught.value.code == "web.too-often"
    return caught.value.facts["retry_after_seconds"]


def test_a_caller_has_so_many_requests_a_minute_and_gets_them_back_by_and_by(clock: Clock) -> None:
    gate = Gate(per_minute=2, now=clock)
    for _ in range(2):
        gate.count(request())
    assert refused(gate, request()) == 30
    clock.seconds = 29
    assert refused(gate, request()) == 1
    clock.seconds = 31
    gate.count(request())
    assert refused(gate, request()) == 29
    clock.seconds = 10_000
    for _ in range(2):
        gate.count(request())
    refused(gate, request())


def test_one_caller_takes_nothing_from_another(clock: Clock) -> None:
    gate = Gate(per_minute=1, now=clock)
    gate.count(request("10.0.0.1"))
    gate.count(request("10.0.0.2"))
    refused(gate, request("10.0.0.1"))


def test_keys_are_counted_wherever_they_come_from(clock: Clock) -> None:
    gate = Gate(Keys(["one", "two"]), per_minute=1, now=clock)
    gate.count(request("10.0.0.1", "one"))
    gate.count(request("10.0.0.1", "two"))
    refused(gate, request("10.0.0.2", "one"))


@pytest.mark.parametrize("key", ["", "three"])
def test_who_has_no_key_is_not_counted_but_sent_away(key: str) -> None:
    gate = Gate(Keys(["one"]), per_minute=1)
    for _ in range(3):
        with pytest.raises(UsageError) as caught:
            gate.count(request(key=key))
        assert caught.value.http_status == 401


def test_without_a_limit_all_are_let_in() -> None:
    gate = Gate()
    for _ in range(1000):
        gate.count(request())


def test_many_callers_fill_no_memory(clock: Clock) -> None:
    gate = Gate(per_minute=1, now=clock)

    def come(name: str) -> int:
        for number in range(10_000):
            gate.count(request(f"{name}{number}"))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    grown = -come("first") + come("others")
    tracemalloc.stop()
    assert grown < 500_000  # as many are kept as before


def test_more_answers_than_allowed_are_told_to_come_again() -> None:
    gate = Gate(most_running=1)
    with gate.answering():
        with pytest.raises(LimitError) as caught, gate.answering():
            pass
        assert (caught.value.code, caught.value.facts["retry_after_seconds"]) == ("web.busy", 1)
    with gate.answering():
        assert gate.running == 1
    assert gate.running == 0


def test_an_answer_that_failed_makes_room() -> None:
    gate = Gate(most_running=1)
    with pytest.raises(ZeroDivisionError), gate.answering():
        raise ZeroDivisionError
    assert gate.running == 0


def test_after_a_stop_answers_have_five_seconds(clock: Clock) -> None:
    gate = Gate(now=clock)
    gate.check()
    gate.stop()
    clock.seconds = 4
    gate.stop()  # a second signal gives no more time
    gate.check()
    clock.seconds = 6
    with pytest.raises(BackendError) as caught:
        gate.check()
    assert caught.value.code == "web.stopping"
