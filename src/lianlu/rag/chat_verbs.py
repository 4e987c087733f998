"""`lianlu rag ask` and `lianlu rag chat`: one question, the same with and without the base, or a talk."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lianlu.core.console import harmless, print_table, say, say_error
from lianlu.core.errors import Cancelled, LianluError, UsageError
from lianlu.core.i18n import Text, pick
from lianlu.core.talk import hold_talk
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.answer import Answer, AnswerEvent
from lianlu.rag.filters import Filters, read_filters
from lianlu.rag.options import filter_options
from lianlu.rag.shelf import open_base
from lianlu.rag.shown import Printer, show_proof
from lianlu.rag.talk import Talk

if TYPE_CHECKING:
    from lianlu.rag.comparing import Comparison, Side

__all__ = ["ask", "chat"]

_MODEL_OPTION = option(
    "--model",
    help=Text("ModelRef that writes the answer; without it sentences are quoted", "撰写回答的模型；不给则逐句引用原文"),
)
_TOP_OPTION = option(
    "--top", type=int, default=5, show_default=True, help=Text("passages given to the model", "交给模型的段落数")
)


@verb(
    "ask",
    Text(
        "answer a question with citations; --out FILE.html, .md or .json writes it down",
        "带引用地回答问题；--out 文件.html、.md 或 .json 可写入文件",
    ),
)
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
    if call.out is not None:
        from lianlu.rag.answer_file import ending_of

        ending_of(call.out)  # told before a model is asked
    if compare:
        if model is None:
            raise UsageError("rag.compare-needs-model", name=name)
        return _compared(call, name, text, model, max(top, 1), chosen)
    printer = Printer()
    with (
        open_base(name, root=call.store) as base,
        Talk(base, model=model, top=max(top, 1), filters=chosen, settings=call.settings) as talk,
    ):
        heard = talk.ask(text, _nothing if call.json else printer.take)
    printer.end()
    answer = heard.answer
    if answer is None:
        raise Cancelled

    def write(path: Path) -> None:
        from lianlu.rag.answer_file import write_answer

        write_answer(path, answer, name)

    error = heard.error or (Cancelled() if heard.is_stopped else None)
    return _ended(call, msgspec.to_builtins(answer), lambda: show_proof(answer), write, error)


@verb("chat", Text("talk with a base; follow-up questions are understood", "与知识库对话，可以追问"))
@argument("name")
@_MODEL_OPTION
@_TOP_OPTION
@option(
    "--session",
    default="",
    metavar="NAME|FILE.json",
    help=Text("go on with this talk and keep it", "继续并保存该会话"),
)
@filter_options
def chat(call: Call, name: str, model: str | None, top: int, session: str, **filters: Any) -> Outcome:
    """Questions are read line by line, from a terminal or from standard input; /help shows the commands."""
    with (
        open_base(name, root=call.store) as base,
        Talk(base, model=model, top=max(top, 1), filters=read_filters(**filters), settings=call.settings) as talk,
    ):
        chatting = _Chatting(talk, _session(call, talk, session), is_quiet=call.json)
        if sys.stdin.isatty() and not call.json:
            say(pick(f"asking {name}; /help shows the commands", f"正在询问 {name}；/help 查看命令"))
            if talk.answers:
                count = len(talk.answers)
                say(pick(f"{count} questions were asked before", f"之前问过 {count} 个问题"))
            hold_talk(chatting.take, lambda: chatting.is_over)
            errors: list[LianluError] = []
        else:
            errors = _piped(chatting)
    told = {"name": name, "answers": [msgspec.to_builtins(answer) for answer in chatting.answers]}
    outcome = Outcome(told | ({"errors": [_error_told(each) for each in errors]} if errors else {}), lambda: None)
    if errors:
        call.finish(outcome)
        sys.exit(errors[0].exit_code)
    return outcome


class _Chatting:
    """Takes the lines of a talk: questions, and commands after a slash.

    Attributes:
        answers: what was answered since the start, also what is forgotten.
    """

    def __init__(self, talk: Talk, kept_at: Path | None, *, is_quiet: bool) -> None:
        from lianlu.rag.chat_commands import Commands

        self.answers: list[Answer] = []
        self._talk = talk
        self._commands = Commands(talk)
        self._kept_at = kept_at
        self._is_quiet = is_quiet

    @property
    def is_over(self) -> bool:
        return self._commands.is_over

    def take(self, line: str) -> bool:
        """Answer a question or do what a command says. False when the answer was stopped."""
        line = line.strip()
        with redirect_stdout(sys.stderr) if self._is_quiet else nullcontext():  # one JSON object is on stdout
            if line.startswith("/") and not line.startswith("//"):
                self._commands.do(line)
                self._keep()
                return True
            return self._asked(line.removeprefix("/"))

    def _asked(self, question: str) -> bool:
        printer = Printer()
        try:
            heard = self._talk.ask(question, _nothing if self._is_quiet else printer.take)
        finally:
            printer.end()
        if heard.is_stopped:
            say(pick("(stopped)", "（已停止）"))
        if heard.answer is not None:
            self.answers.append(heard.answer)
            if not self._is_quiet:
                show_proof(heard.answer)
            self._keep()
        if heard.error is not None:
            raise heard.error
        return not heard.is_stopped

    def _keep(self) -> None:
        if self._kept_at is not None:
            from lianlu.rag.kept_talk import save_talk

            save_talk(self._kept_at, self._talk.base.name, self._talk.answers)


def _session(call: Call, talk: Talk, given: str) -> Path | None:
    """Where a talk is kept; what was said there before is taken up."""
    if not given:
        return None
    from lianlu.rag.kept_talk import load_talk, talk_path

    path = talk_path(given, call.settings)
    if path.exists():
        talk.answers[:] = load_talk(path, talk.base.name)
    return path


def _piped(chatting: _Chatting) -> list[LianluError]:
    """Take the lines of standard input; an error of one is told, and the rest goes on."""
    errors: list[LianluError] = []
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8-sig", "replace")
        if not line.strip():
            continue
        try:
            if not chatting.take(line):
                raise KeyboardInterrupt
        except LianluError as error:
            say_error(error)
            errors.append(error)
        if chatting.is_over:
            break
    return errors


def _compared(call: Call, name: str, text: str, model: str, top: int, filters: Filters) -> Outcome:
    from lianlu.core import aio
    from lianlu.rag.answer_file import write_comparison
    from lianlu.rag.comparing import compare

    with open_base(name, root=call.store) as base:
        compared = aio.run(
            lambda: compare(base, text, model, top=top, filters=filters, settings=call.settings), call.job("rag")
        )
    return _ended(
        call,
        compared.told(),
        lambda: _show_both(compared),
        lambda path: write_comparison(path, compared),
        compared.within.error,
    )


def _ended(
    call: Call,
    told: dict[str, Any],
    show: Callable[[], None],
    write: Callable[[Path], None],
    error: LianluError | None,
) -> Outcome:
    """The outcome of a question, also written down if that was wished. An error costs nothing of what was answered."""
    is_written = False
    if call.out is not None:
        try:
            write(call.out)
            is_written = True
        except LianluError as failure:
            error = error or failure

    def show_all() -> None:
        show()
        if is_written:
            say(pick(f"written: {call.out}", f"已写入：{call.out}"))

    if is_written:
        told = {**told, "path": str(call.out)}
    if error is None:
        return Outcome(told, show_all)
    call.finish(Outcome({**told, "error": _error_told(error)}, show_all))
    say_error(error)
    sys.exit(error.exit_code)


def _error_told(error: LianluError) -> dict[str, str]:
    return {"code": error.code, "message": error.message("en"), "hint": error.hint("en")}


def _nothing(_: AnswerEvent) -> None:
    """Who wants JSON reads the answer when it is whole."""


def _show_both(compared: Comparison) -> None:
    without = pick(f"{compared.model} alone", f"仅 {compared.model}")
    within = pick(f"{compared.model} with {compared.base}", f"{compared.model} + {compared.base}")
    rows = [(_said(compared.without), _said(compared.within))]
    print_table((without, within), rows, title=harmless(compared.question))
    times = f"{compared.without.seconds:.1f} s / {compared.within.seconds:.1f} s"
    say(pick(f"took {times}", f"用时 {times}"))
    if compared.within.answer is not None:
        show_proof(compared.within.answer)


def _said(side: Side) -> str:
    failed = [] if side.error is None else [f"✗ {side.error.message()}"]
    return harmless("\n".join(filter(None, [side.text, *(f"({note.show()})" for note in side.notes), *failed])))
