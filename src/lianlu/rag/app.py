"""A base over HTTP: questions and their answers as they come about, the places they rest on, and a page for people.

The base is opened by the app and used in its event loop alone: a look-up takes milliseconds, and SQLite wants one thread.
What another process writes into the base meanwhile is seen by the next question. Only documents of the base are given
out, by their ids and never by a path.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lianlu.core.errors import DataError, UsageError
from lianlu.core.i18n import language
from lianlu.core.settings import Settings
from lianlu.llm import Backend, open_backend
from lianlu.rag.answer import Answered, AnswerEvent
from lianlu.rag.asking import answer_events
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.completions import Asked, Completion, Counted, Narrowing, read_completion, told_answer
from lianlu.rag.filters import read_filters
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import Models, open_models, retrieve
from lianlu.rag.truth import DocumentRow
from lianlu.records import Message, Span, TextPart
from lianlu.text.language import language_of
from lianlu.web import EventStream, create_app
from lianlu.web.body import json_object
from lianlu.web.gate import Gate
from lianlu.web.leaving import unless_gone
from lianlu.web.served_page import served_page

__all__ = ["LIMIT_BYTES", "PATHS", "Face", "base_app"]

PATHS = (
    "/v1/chat/completions",
    "/v1/models",
    "/v1/lianlu/ask",
    "/v1/lianlu/search",
    "/v1/lianlu/source",
    "/v1/lianlu/base",
    "/health",
)
LIMIT_BYTES = 1 << 20
_TIMEOUT_SECONDS = 600.0
_MOST_TURNS = 40
_MOST_PASSAGES = 50
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_PLACE = re.compile(r"(?:(?P<kind>local|fake|replay|onnx):.*[/\\])|(?:https?://[^#]*#?)", re.DOTALL)
_AROUND = 1500  # characters shown before and behind a cited place


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    text: str


class _Ask(Narrowing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    question: str
    history: list[_Turn] = []
    stream: bool = False


@dataclass(frozen=True)
class Face:
    """How a base shows itself.

    Attributes:
        model: ModelRef that writes the answers; sentences are quoted without one.
        name: what clients ask for as `model` and what the page calls the base; its own name by default.
        greeting: first words of the page, instead of the built-in ones.
        framed_by: origins whose pages may show this one in a frame.
    """

    model: str | None = None
    name: str = ""
    greeting: str = ""
    framed_by: Collection[str] = ()


def base_app(
    open_base: Callable[[], KnowledgeBase],
    face: Face | None = None,
    *,
    gate: Gate | None = None,
    settings: Settings | None = None,
) -> FastAPI:
    """An app that answers from a base.

    Args:
        open_base: called when the app starts, in the thread that uses it.
        gate: who may ask; everyone by default. The page and /health are open to all.
    """
    face = face or Face()
    served = _Served(open_base, face, gate or Gate(), settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await served.open(stack)
            yield

    app = create_app(
        "lianlu rag serve",
        limit_bytes=LIMIT_BYTES,
        timeout_seconds=_TIMEOUT_SECONDS,
        framed_by=face.framed_by,
        lifespan=lifespan,
    )
    app.router.add_route("/", served.page)
    app.router.add_route("/health", served.health)
    app.router.add_route("/v1/models", served.models)
    app.router.add_route("/v1/models/{model:path}", served.models)
    app.router.add_route("/v1/chat/completions", served.complete, methods=["POST"])
    app.router.add_route("/v1/lianlu/base", served.facts)
    app.router.add_route("/v1/lianlu/search", served.search)
    app.router.add_route("/v1/lianlu/source", served.source)
    app.router.add_route("/v1/lianlu/ask", served.ask, methods=["POST"])
    return app


class _Served:
    def __init__(
        self, open_base: Callable[[], KnowledgeBase], face: Face, gate: Gate, settings: Settings | None
    ) -> None:
        self._open_base = open_base
        self._face = face
        self._gate = gate
        self._settings = settings
        self._model = _shown_ref(face.model or "")
        self._opened: KnowledgeBase | None = None
        self._backend: Backend | None = None
        self._models: Models | None = None
        self._created = int(time.time())
        self._seen: tuple[str, int] | None = None
        self._rows: dict[str, DocumentRow] = {}

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the base and the models until the stack is closed."""
        self._opened = stack.enter_context(self._open_base())
        self._models = await stack.enter_async_context(open_models(self._opened, self._settings))
        if self._face.model is not None:
            self._backend = await stack.enter_async_context(open_backend(self._face.model, settings=self._settings))

    @property
    def _base(self) -> KnowledgeBase:
        assert self._opened is not None, "requests come after the start"
        return self._opened

    @property
    def _name(self) -> str:
        return self._face.name or self._base.name

    def _documents(self) -> Mapping[str, DocumentRow]:
        """All documents by id, read again when the base has changed."""
        with self._base.truth.reading():
            state = self._base.truth.state()
            if state != self._seen:
                self._rows = {each.document_id: each for each in self._base.truth.documents()}
                self._seen = state
        return self._rows

    async def page(self, _: Request) -> Response:
        told = {"name": self._name, "greeting": self._face.greeting}
        page = served_page("lianlu.rag", "base_page", language(), told)
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "base": self._name, "documents": len(self._documents())})

    async def facts(self, request: Request) -> Response:
        self._gate.admit(request)
        status = self._base.status()
        told = {
            "name": self._name,
            "documents": status.documents,
            "chunks": status.chunks,
            "languages": status.languages,
            "generation": status.generation,
            "model": self._model,
            "embed": _shown_ref(status.embed),
        }
        return JSONResponse(told)

    async def models(self, request: Request) -> Response:
        """The base as a model of OpenAI's interface: the list, or the one that is asked for."""
        self._gate.admit(request)
        told = {"id": self._name, "object": "model", "created": self._created, "owned_by": "lianlu"}
        asked = request.path_params.get("model")
        if asked is None:
            return JSONResponse({"object": "list", "data": [told]})
        if asked != self._name:
            raise UsageError("rag.unknown-model", asked=asked[:80], served=self._name, param="model")
        return JSONResponse(told)

    async def search(self, request: Request) -> Response:
        self._gate.count(request)
        query = request.query_params
        top = _number(query, "top", 5, 1, _MOST_PASSAGES)
        question = read_question(query.get("q", ""))
        retrieved = await retrieve(self._base, question, top, self._models)
        passages = msgspec.to_builtins([self._base.passage(each) for each in retrieved.found])
        return JSONResponse({"passages": passages, "notes": [note.show() for note in retrieved.notes]})

    async def source(self, request: Request) -> Response:
        """A document's text around a place."""
        self._gate.admit(request)
        query = request.query_params
        wanted = query.get("document", "")
        row = self._documents().get(wanted)
        if row is None:
            raise DataError("rag.no-such-source", document=wanted[:80])
        document = self._base.document(row.row)
        text = document.markdown
        start = _number(query, "start", 0, 0, len(text))
        end = _number(query, "end", start, start, len(text))
        window = Span(start=max(0, start - _AROUND), end=min(len(text), end + _AROUND))
        told = {
            "uri": row.uri,
            "title": row.title,
            "text": window.cut(text),
            "start": window.start,
            "mark": [start - window.start, end - window.start],
            "is_whole": window.start == 0 and window.end == len(text),
            "language": row.language or language_of(text),
        }
        return JSONResponse(told)

    async def ask(self, request: Request) -> Response:
        self._gate.count(request)
        given = await json_object(request)
        try:
            body = msgspec.convert(given, _Ask)
        except msgspec.ValidationError as error:
            raise UsageError("rag.bad-request", why=str(error)) from None
        history = [Message(role=turn.role, parts=(TextPart(text=turn.text),)) for turn in body.history]
        asked = Asked(body.question, history, body)
        events = self._events(asked, self._backend)
        if body.stream:
            return EventStream(_told(events), done="[DONE]")
        return JSONResponse(await unless_gone(request, partial(_answer, events)))

    async def complete(self, request: Request) -> Response:
        """A chat completion: OpenAI's interface to the same answers."""
        self._gate.count(request)
        asked = read_completion(await json_object(request), self._name)
        counted = Counted(self._backend) if self._backend is not None else None
        completion = Completion(self._name, asked, str(request.base_url), counted)
        events = self._events(asked, counted)
        if asked.stream:
            return EventStream(completion.chunks(events), done="[DONE]")
        return JSONResponse(await unless_gone(request, partial(completion.whole, events)))

    async def _events(self, asked: Asked, backend: Backend | None) -> AsyncGenerator[AnswerEvent]:
        narrow = asked.narrowing
        filters = read_filters(
            narrow.where, since=narrow.since, until=narrow.until, language=narrow.language, path=narrow.path
        )
        with self._gate.answering():
            events = answer_events(
                self._base,
                asked.question,
                backend,
                models=self._models,
                history=asked.history[-_MOST_TURNS:],
                top=min(max(narrow.top, 1), _MOST_PASSAGES),
                filters=filters,
                by=self._model,
            )
            async with aclosing(events):
                async for event in events:
                    self._gate.check()
                    yield event


async def _told(events: AsyncGenerator[AnswerEvent]) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(events):
        async for event in events:
            told = msgspec.to_builtins(event)
            yield told | {"answer": told_answer(event.answer)} if isinstance(event, Answered) else told


async def _answer(events: AsyncGenerator[AnswerEvent]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    async with aclosing(events):
        async for event in events:
            answer = told_answer(event.answer) if isinstance(event, Answered) else answer
    return answer


def _shown_ref(ref: str) -> str:
    """What others are told of a model: its name, no path of this machine and no address of another.

    >>> _shown_ref("local:/srv/models/merged"), _shown_ref("http://10.0.0.7:8000/v1#qwen"), _shown_ref("internlm:x")
    ('local:merged', 'qwen', 'internlm:x')
    """
    found = _PLACE.match(ref)
    if found is None:
        return ref
    kind, name = found["kind"], ref[found.end() :]
    return f"{kind}:{name}" if kind else name or "http"


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query, kept within bounds.

    Raises:
        UsageError: rag.bad-request
    """
    given = query.get(name, str(default))
    if not _WHOLE.fullmatch(given):
        raise UsageError("rag.bad-request", why=f"{name} is no whole number: {given[:40]!r}")
    return min(max(int(given), least), most)
