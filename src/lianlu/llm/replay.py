"""Answers from a recording: the same questions get the same answers, with no network; anything else is refused.

A recording is JSON lines of question and answer, made by `recorded(backend, path)`, or a request store. A question that
was recorded several times is answered in that order; the last answer then stays.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec

from lianlu.core.errors import BackendError, DataError, UsageError
from lianlu.core.files import as_lianlu_error
from lianlu.core.hashing import canonical_json, digest
from lianlu.core.settings import Settings
from lianlu.llm.backend import Ability, Backend, Delta, Health, Identity, Sampling, no_ability
from lianlu.llm.collect import Collector, deltas_of
from lianlu.llm.request_store import Kept, RequestStore
from lianlu.llm.wrapper import ANSWER_TYPES, Call, Question, Wrapper, is_empty
from lianlu.records import Conversation

__all__ = ["RecordedBackend", "ReplayBackend", "open_backend", "read_recording", "recorded"]

_SQLITE_HEADER = b"SQLite format 3\x00"
_SHOWN_CHARACTERS = 120


def open_backend(ref: str, rest: str, *, settings: Settings, environment: Mapping[str, str]) -> ReplayBackend:  # noqa: ARG001
    """Open `replay:FILE`.

    Raises:
        UsageError: llm.bad-ref, file.missing, file.unreadable
        DataError: llm.bad-recording, llm.store-damaged, llm.store-foreign
    """
    if not rest:
        raise UsageError("llm.bad-ref", ref=ref)
    return ReplayBackend(read_recording(Path(rest)), ref=ref)


def read_recording(path: Path) -> list[Kept]:
    """All questions and answers of a recording, in order. Raises as `open_backend`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    if content.startswith(_SQLITE_HEADER):
        store = RequestStore(path)
        try:
            return list(store.all())
        finally:
            store.close()
    return [_line(path, number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]


def _line(path: Path, number: int, line: bytes) -> Kept:
    try:
        read = msgspec.json.decode(line, type=Kept)
        answer = msgspec.convert(read.answer, ANSWER_TYPES[read.question.kind])
    except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as error:
        raise DataError("llm.bad-recording", path=str(path), line=number, why=str(error)) from None
    return Kept(question=read.question, answer=answer)


class ReplayBackend(Wrapper):
    """A backend that only remembers."""

    def __init__(self, recording: Iterable[Kept], *, ref: str = "replay:") -> None:
        super().__init__(_Nothing())
        self._ref = ref
        self._answers: dict[str, list[Any]] = {}
        self._asked: list[Question] = []
        parts: list[bytes] = []
        kinds: set[Ability] = {"health"}
        for kept in recording:
            key = _key(kept.question)
            self._answers.setdefault(key, []).append(kept.answer)
            self._asked.append(kept.question)
            kinds |= {kept.question.kind, "stream"} if kept.question.kind == "chat" else {kept.question.kind}
            parts += [key.encode(), msgspec.json.encode(kept.answer)]
        self.abilities = frozenset(kinds)
        self._fingerprint = digest("replay", *parts)

    async def around(self, question: Question, call: Call) -> Any:  # noqa: ARG002 - nothing is asked
        if question.kind not in self.abilities:
            raise no_ability(self, question.kind)
        answers = self._answers.get(_key(question))
        if not answers:
            raise BackendError(
                "llm.replay-unknown", ref=self._ref, asked=_shown(question), nearest=self._near(question)
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def around_stream(
        self, question: Question, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        for delta in deltas_of(await self.around(question, lambda: self.inner.chat(conversation, sampling))):
            yield delta

    async def identity(self) -> Identity:
        return Identity(ref=self._ref, model="replay", engine="replay", fingerprint=self._fingerprint)

    async def health(self) -> Health:
        return Health(is_ok=True, seconds=0.0)

    def _near(self, question: Question) -> str:
        shown = [_shown(each) for each in self._asked if each.kind == question.kind]
        near = difflib.get_close_matches(_shown(question), shown, n=1, cutoff=0.0)
        return near[0] if near else "-"


class _Nothing(Backend):
    """What a replay wraps: no model at all."""


def recorded(backend: Backend, path: Path) -> RecordedBackend:
    """`backend`, writing every question and answer to the end of a JSON lines file for `replay:`."""
    return RecordedBackend(backend, path)


class RecordedBackend(Wrapper):
    """A backend whose questions and answers are written down; errors and empty answers are not."""

    def __init__(self, inner: Backend, path: Path) -> None:
        super().__init__(inner)
        self._path = path

    async def around(self, question: Question, call: Call) -> Any:
        answer = await call()
        await self._write(question, answer)
        return answer

    async def around_stream(
        self, question: Question, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[Delta, None]:
        collector = Collector()
        async with aclosing(self.inner.stream(conversation, sampling)) as deltas:
            async for delta in deltas:
                collector.add(delta)
                yield delta
        await self._write(question, collector.reply(unfinished="error"))

    async def _write(self, question: Question, answer: Any) -> None:
        if not is_empty(answer):
            line = msgspec.json.encode(Kept(question=question, answer=answer)) + b"\n"
            await anyio.to_thread.run_sync(self._append, line)

    def _append(self, line: bytes) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise as_lianlu_error(error, self._path) from error


def _key(question: Question) -> str:
    return digest(question.kind, canonical_json(question.request))


def _shown(question: Question) -> str:
    """The end of a question, where questions differ, and its sampling."""
    request = dict(question.request)
    sampling = request.pop("sampling", None) or {}
    messages = request.get("messages")
    asked = _last_text(messages) if messages else canonical_json(request).decode()
    shown = asked if len(asked) <= _SHOWN_CHARACTERS else "…" + asked[-_SHOWN_CHARACTERS:]
    return f"{shown} {canonical_json(sampling).decode()}" if sampling else shown


def _last_text(messages: list[dict[str, Any]]) -> str:
    return "".join(part.get("text", "") for part in messages[-1]["parts"])
