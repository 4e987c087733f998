"""A recording answers what was asked, in order, and refuses the rest with the nearest question."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.llm import FakeBackend, Rule, Sampling, open_backend, recorded, stored
from unit.llm.service import asked


def _recorded(path: Path) -> None:
    backend = recorded(
        FakeBackend([Rule(match="dice", times=1, reply="4"), Rule(match="dice", reply="6"), Rule(reply="?")]), path
    )

    async def main() -> None:
        for text in ("roll the dice", "roll the dice", "what is xtuner"):
            await backend.chat(asked(text))

    asyncio.run(main())


def _said(backend: Any, text: str, **sampling: Any) -> str:
    return asyncio.run(backend.chat(asked(text), Sampling(**sampling))).message.text


def test_answers_come_in_the_recorded_order_and_the_last_stays(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    _recorded(path)
    backend = open_backend(f"replay:{path}")
    assert [_said(backend, "roll the dice") for _ in range(3)] == ["4", "6", "6"]
    assert backend.abilities == {"chat", "stream", "health"}


def test_an_unknown_question_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    _recorded(path)
    with pytest.raises(BackendError) as caught:
        _said(open_backend(f"replay:{path}"), "what is xtuner?")
    assert caught.value.code == "llm.replay-unknown"
    assert "'what is xtuner'" in caught.value.hint()
    with pytest.raises(BackendError, match="temperature"):
        _said(open_backend(f"replay:{path}"), "what is xtuner", temperature=0.5)


def test_a_request_store_is_a_recording_too(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    backend = stored(FakeBackend(), path)
    _said(backend, "kept")
    asyncio.run(backend.close())
    assert _said(open_backend(f"replay:{path}"), "kept") == "kept"


def test_the_fingerprint_follows_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    _recorded(path)
    before = asyncio.run(open_backend(f"replay:{path}").identity()).fingerprint
    path.write_bytes(path.read_bytes().replace(b'"6"', b'"5"'))
    assert before != asyncio.run(open_backend(f"replay:{path}").identity()).fingerprint


@pytest.mark.parametrize(
    "line", ["{", '{"question": 3}', '{"question":{"kind":"sing","request":{}},"answer":1}', "\xff"]
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "talk.jsonl"
    _recorded(path)
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    with pytest.raises(DataError, match=r"talk\.jsonl:4"):
        open_backend(f"replay:{path}")


def test_an_unwritable_recording_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        _said(recorded(FakeBackend(), tmp_path), "x")
