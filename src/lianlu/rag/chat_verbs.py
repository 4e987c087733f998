"""`lianlu rag ask` and `lianlu rag chat`: one question, the same with and without the base, or a talk."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from lianlu.core import aio
from lianlu.core.console import print_table, say
from lianlu.core.errors import BackendError, LianluError, UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.core.talk import hold_talk
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.answer import Answer, Citation, Passage
from lianlu.rag.asking import ask_base
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.filters import Filters, read_filters
from lianlu.rag.options import filter_options, show_notes
from lianlu.rag.shelf import open_base
from lianlu.records import Conversation, Message, assistant, user

__all__ = ["ask", "chat", "place", "show_answer"]

_MODEL_OPTION = option(
    "--model",
    help=Text("ModelRef that writes the answer; without it sentences are quoted", "撰写回答的模型；不给则逐句引用原文"),
)
_TOP_OPTION = option(
    "--top", type=int, default=5, show_default=True, help=Text("passages given to the model", "交给模型的段落数")
)
_TURNS_REMEMBERED = 6


@verb("ask", Text("answer a question with citations", "带引用地回答问题"))
@argument("name")
@argument("question", nargs=-1)
@_MODEL_OPTION
@_TOP_OPTION
@option(
    "--compare",
    is_flag=True,
    help=Text("the same model without and with the base, side by side", "同一模型不用与使用知识库的回答并排对照"),
)
@filter_options
def ask(
    call: Call, name: str, question: tuple[str, ...], model: str | None, top: int, compare: bool, **filters: Any
) -> Outcome:
    text = " ".join(question)
    chosen = read_filters(**filters)
    if compare and model is None:
        raise UsageError("rag.compare-needs-model", name=name)
    with open_base(name, root=call.store) as base:
        job = call.job("rag")
        answer = ask_base(base, text, model=model, top=max(top, 1), filters=chosen, job=job, settings=call.settings)
    if not compare or model is None:
        return Outcome(msgspec.to_builtins(answer), lambda: show_answer(answer))
    alone = _alone(text, model, call.settings, job)
    told = {"question": answer.question, "model": model, "without": alone, "with": msgspec.to_builtins(answer)}
    return Outcome(told, lambda: _show_both(alone, answer, model, name))


@verb("chat", Text("talk with a base; follow-up questions are understood", "与知识库对话，可以追问"))
@argument("name")
@_MODEL_OPTION
@_TOP_OPTION
@filter_options
def chat(call: Call, name: str, model: str | None, top: int, **filters: Any) -> Outcome:
    """Questions are read line by line, from a terminal or from standard input. /clear forgets, /exit leaves."""
    with open_base(name, root=call.store) as base:
        talk = _Talk(base, model, max(top, 1), read_filters(**filters), call)
        if sys.stdin.isatty():
            say(
                pick(
                    f"asking {name}; /clear forgets what was said, /exit leaves",
                    f"正在询问 {name}；/clear 清空，/exit 退出",
                )
            )
            hold_talk(talk.take, lambda: talk.is_over)
        else:
            for line in sys.stdin.read().splitlines():
                if line.strip() and not talk.is_over:
                    talk.take(line)
    turns = [msgspec.to_builtins(answer) for answer in talk.answers]
    return Outcome({"name": name, "answers": turns}, lambda: None)


class _Talk:
    """Questions to one base, each with what was said before."""

    def __init__(self, base: KnowledgeBase, model: str | None, top: int, filters: Filters, call: Call) -> None:
        self._base = base
        self._model = model
        self._top = top
        self._filters = filters
        self._call = call
        self._history: list[Message] = []
        self.answers: list[Answer] = []
        self.is_over = False

    def take(self, line: str) -> bool:
        """Answer a question or do what a command says. False when the answer was stopped."""
        word = line.strip()
        if word in ("/exit", "/quit"):
            self.is_over = True
        elif word == "/clear":
            self._history.clear()
            say(pick("forgotten", "已清空"))
        elif word.startswith("/"):
            say(pick("commands: /clear /exit", "命令：/clear /exit"))
        else:
            return self._answered(word)
        return True

    def _answered(self, question: str) -> bool:
        try:
            answer = ask_base(
                self._base,
                question,
                model=self._model,
                top=self._top,
                filters=self._filters,
                history=tuple(self._history[-2 * _TURNS_REMEMBERED :]),
                job=self._call.job("rag"),
                settings=self._call.settings,
            )
        except KeyboardInterrupt:
            say(pick("(stopped)", "（已停止）"))
            return False
        self.answers.append(answer)
        self._history += [user(answer.rewritten or question), assistant(answer.text)]
        if not self._call.json:
            show_answer(answer)
        return True


def _alone(question: str, model: str, settings: Settings, job: Job) -> str:
    """What a model says of a question when it is given nothing else."""

    async def main() -> str:
        from lianlu.llm import Sampling, open_backend

        async with open_backend(model, settings=settings) as backend:
            reply = await backend.chat(Conversation(messages=(user(question),)), Sampling(temperature=0.0))
            return reply.message.text

    try:
        return aio.run(main, job)
    except LianluError as error:
        if isinstance(error, BackendError):
            return f"✗ {error.message()}"
        raise


def _show_both(alone: str, answer: Answer, model: str, name: str) -> None:
    without = pick(f"{model} alone", f"仅 {model}")
    within = pick(f"{model} with {name}", f"{model} + {name}")
    print_table((without, within), ((alone, answer.text),), title=answer.question)
    _show_proof(answer)


def show_answer(answer: Answer) -> None:
    """An answer with the places it rests on, and what was dropped of it."""
    if answer.rewritten:
        say(pick(f"(understood as: {answer.rewritten})", f"（理解为：{answer.rewritten}）"))
    for line in answer.text.splitlines():
        say(line)
    _show_proof(answer)


def _show_proof(answer: Answer) -> None:
    if answer.citations:
        say()
    for citation in answer.citations:
        say(f"[{citation.number}] {place(citation)}")
    for dropped in answer.dropped:
        say(pick("dropped: ", "已删去：") + f"{dropped.claim} — {dropped.reason.show()}")
    if answer.nearest:
        say(pick("nearest passages:", "最接近的段落："))
    for passage in answer.nearest:
        say(f"  · {place(passage)}")
    show_notes(answer.notes)


def place(found: Citation | Passage) -> str:
    """Where something stands: document, headings, page, lines."""
    parts = [found.uri, *([" › ".join(found.headings)] if found.headings else [])]
    if found.page:
        parts.append(pick(f"page {found.page}", f"第 {found.page} 页"))
    if found.first_line:
        lines = (
            str(found.first_line) if found.first_line == found.last_line else f"{found.first_line}–{found.last_line}"
        )
        parts.append(pick(f"line {lines}", f"第 {lines} 行"))
    return " · ".join(parts)
