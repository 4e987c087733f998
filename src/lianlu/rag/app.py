"""A base over HTTP: questions and their answers as they come about, the places they rest on, and a page for people.

The base is opened by the app and used in its event loop alone: a look-up takes milliseconds, and SQLite wants one thread.
What another process writes into the base meanwhile is seen by the next question. Only documents of the base are given
out, by their ids and never by a path.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

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
from lianlu.rag.base_page import base_page
from lianlu.rag.filters import Filters, read_filters
from lianlu.rag.question import read_question
from lianlu.rag.retrieval import Models, open_models, retrieve
from lianlu.records import Message, Span, TextPart
from lianlu.text.language import language_of
from lianlu.web import EventStream, create_app

__all__ = ["PATHS", "base_app"]

PATHS = ("/v1/lianlu/ask", "/v1/lianlu/search", "/v1/lianlu/source", "/v1/lianlu/base", "/health")
_LIMIT_BYTES = 1 << 20
_TIMEOUT_SECONDS = 600.0
_MOST_TURNS = 40
_MOST_PASSAGES = 50
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_AROUND = 1500  # characters shown before and behind a cited place


class _Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    text: str


class _Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    question: str
    history: list[_Turn] = []
    top: int = 5
    stream: bool = False
    where: list[str] = []
    since: str = ""
    until: str = ""
    language: str = ""
    path: str = ""


def base_app(
    open_base: Callable[[], KnowledgeBase],
    *,
    model: str | None = None,
    title: str = "",
    greeting: str = "",
    framed_by: Collection[str] = (),
    settings: Settings | None = None,
) -> FastAPI:
    """An app that answers from a base.

    Args:
        open_base: called when the app starts, in the thread that uses it.
        model: ModelRef that writes the answers; sentences are quoted without one.
        title: what the page calls the base; its name by default.
        greeting: first words of the page, instead of the built-in ones.
        framed_by: origins whose pages may show this one in a frame.
    """
    served = _Served(open_base, model, title, greeting, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            await served.open(stack)
            yield

    app = create_app(
        "lianlu rag serve",
        limit_bytes=_LIMIT_BYTES,
        timeout_seconds=_TIMEOUT_SECONDS,
        framed_by=framed_by,
        lifespan=lifespan,
    )
    app.router.add_route("/", served.page)
    app.router.add_route("/health", served.health)
    app.router.add_route("/v1/lianlu/base", served.facts)
    app.router.add_route("/v1/lianlu/search", served.search)
    app.router.add_route("/v1/lianlu/source", served.source)
    app.router.add_route("/v1/lianlu/ask", served.ask, methods=["POST"])
    return app


class _Served:
    def __init__(
        self,
        open_base: Callable[[], KnowledgeBase],
        model: str | None,
        title: str,
        greeting: str,
        settings: Settings | None,
    ) -> None:
        self._open_base = open_base
        self._model = model
        self._title = title
        self._greeting = greeting
        self._settings = settings
        self._opened: KnowledgeBase | None = None
        self._backend: Backend | None = None
        self._models: Models | None = None

    async def open(self, stack: AsyncExitStack) -> None:
        """Open the base and the models until the stack is closed."""
        self._opened = stack.enter_context(self._open_base())
        self._models = await stack.enter_async_context(open_models(self._opened, self._settings))
        if self._model is not None:
            self._backend = await stack.enter_async_context(open_backend(self._model, settings=self._settings))

    @property
    def _base(self) -> KnowledgeBase:
        assert self._opened is not None, "requests come after the start"
        return self._opened

    async def page(self, _: Request) -> Response:
        page = base_page(self._title or self._base.name, self._greeting, language())
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    async def health(self, _: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "base": self._title or self._base.name, "documents": len(self._base.truth.documents())}
        )

    async def facts(self, _: Request) -> Response:
        status = self._base.status()
        told = {
            "name": self._title or status.name,
            "documents": status.documents,
            "chunks": status.chunks,
            "languages": status.languages,
            "generation": status.generation,
            "model": self._model or "",
            "embed": status.embed,
        }
        return JSONResponse(told)

    async def search(self, request: Request) -> Response:
        query = request.query_params
        top = _number(query, "top", 5, 1, _MOST_PASSAGES)
        question = read_question(query.get("q", ""))
        retrieved = await retrieve(self._base, question, top, self._models)
        passages = msgspec.to_builtins([self._base.passage(each) for each in retrieved.found])
        return JSONResponse({"passages": passages, "notes": [note.show() for note in retrieved.notes]})

    async def source(self, request: Request) -> Response:
        """A document's text around a place."""
        query = request.query_params
        wanted = query.get("document", "")
        row = next((each for each in self._base.truth.documents() if each.document_id == wanted), None)
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
        asked = await _body(request)
        history = [Message(role=_role(turn.role), parts=(TextPart(text=turn.text),)) for turn in asked.history]
        top = min(max(asked.top, 1), _MOST_PASSAGES)
        filters = read_filters(
            asked.where, since=asked.since, until=asked.until, language=asked.language, path=asked.path
        )
        events = self._events(asked.question, history[-_MOST_TURNS:], top, filters)
        if asked.stream:
            return EventStream(events, done="[DONE]")
        answer: dict[str, Any] = {}
        async with aclosing(events):
            async for event in events:
                answer = event.get("answer", answer)
        return JSONResponse(answer)

    async def _events(
        self, question: str, history: list[Message], top: int, filters: Filters
    ) -> AsyncGenerator[dict[str, Any], None]:
        events: AsyncGenerator[AnswerEvent] = answer_events(
            self._base,
            question,
            self._backend,
            models=self._models,
            history=history,
            top=top,
            filters=filters,
            by=self._model or "",
        )
        async with aclosing(events):
            async for event in events:
                told = msgspec.to_builtins(event)
                if isinstance(event, Answered):
                    told["answer"]["notes"] = [note.show() for note in event.answer.notes]
                yield told


def _role(role: str) -> Any:
    if role not in ("user", "assistant"):
        raise UsageError("rag.bad-request", why=f"role {role[:40]!r} is neither user nor assistant")
    return role


def _number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query, kept within bounds.

    Raises:
        UsageError: rag.bad-request
    """
    given = query.get(name, str(default))
    if not _WHOLE.fullmatch(given):
        raise UsageError("rag.bad-request", why=f"{name} is no whole number: {given[:40]!r}")
    return min(max(int(given), least), most)


async def _body(request: Request) -> _Ask:
    """The question, as JSON that is said to be JSON: a page of another site cannot send that without asking.

    Raises:
        UsageError: rag.bad-request
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UsageError("rag.bad-request", why=f"the content type is {kind[:40]!r}, not 'application/json'")
    try:
        return msgspec.json.decode(await request.body(), type=_Ask)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UsageError("rag.bad-request", why=str(error)) from None
