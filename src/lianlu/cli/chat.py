"""`lianlu chat REF`: talk to any model in the terminal, or ask it once.

A turn is on the disk before its answer is asked for and again when the answer stands, if the session has a name. Ctrl-C
stops an answer and keeps what has arrived; a second one, with nothing typed between, leaves.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import click
import msgspec

from lianlu.core import aio
from lianlu.core.console import say
from lianlu.core.errors import Cancelled, LianluError, UsageError
from lianlu.core.i18n import Text, pick, suggest
from lianlu.core.settings import Settings
from lianlu.core.talk import hold_talk
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.llm import Backend, Collector, Reply, Sampling, open_backend
from lianlu.llm.session import load_session, save_session, session_path, sessions
from lianlu.records import Conversation, Message, Usage, system, user

__all__ = ["Talk", "chat", "file_text"]

_RICH_SUFFIXES = (".pdf", ".docx", ".html", ".htm")
_FILE_LIKE = re.compile(r"\S+\.(?:md|markdown|txt|rst|html?|pdf|docx|json|ya?ml)", re.IGNORECASE)
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


@verb("chat", Text("talk to a model in the terminal", "在终端与模型对话"))
@argument("ref")
@argument("message", nargs=-1)
@option("--system", "system_text", default="", metavar="TEXT|FILE", help=Text("system prompt", "系统提示词"))
@option(
    "--prompt",
    "prompt_name",
    default="",
    metavar="FILE",
    help=Text("prompt file; its opening words begin the talk", "提示词文件；以其开场白开始对话"),
)
@option(
    "--var",
    "values",
    multiple=True,
    metavar="NAME=VALUE",
    help=Text("value of a variable of the prompt; may be repeated", "提示词变量的取值，可重复"),
)
@option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help=Text("file to talk about; may be repeated", "附带的文件，可重复"),
)
@option("--session", default="", metavar="NAME", help=Text("go on with this talk and keep it", "继续并保存该会话"))
@option("--temperature", type=click.FloatRange(0, 100), help=Text("randomness of the answer", "采样温度"))
@option("--max-tokens", type=click.IntRange(min=1), help=Text("longest answer", "回答的最大 token 数"))
def chat(
    call: Call,
    ref: str,
    message: tuple[str, ...],
    system_text: str,
    prompt_name: str,
    values: tuple[str, ...],
    files: tuple[Path, ...],
    session: str,
    temperature: float | None,
    max_tokens: int | None,
) -> Outcome:
    """Without MESSAGE: a talk in the terminal, or standard input as the one question. `-` stands for standard input."""
    backend = open_backend(ref, settings=call.settings)
    talk = Talk(backend, call.settings, sampling=Sampling(temperature=temperature, max_tokens=max_tokens))
    if session:
        talk.open_session(session)
    if system_text and prompt_name:
        raise UsageError("cli.prompt-and-system")
    if system_text:
        talk.set_system(system_text)
    if prompt_name:
        talk.set_prompt(prompt_name, values, store=call.store)
    for path in files:
        talk.attach(path)
    if call.dry_run:
        return Outcome({"ref": ref, "session": session, "messages": len(talk.conversation.messages)})
    is_talk = not message and sys.stdin.isatty() and not call.json
    try:
        return _talk(talk, ref) if is_talk else _once(talk, _question(message), quiet=call.json)
    finally:
        aio.run(backend.close)


def _question(words: Sequence[str]) -> str:
    given = [_piped() if word == "-" else word for word in words] if words else [_piped()]
    question = " ".join(given).strip()
    if not question:
        raise UsageError("llm.no-message")
    return question


def _piped() -> str:
    if sys.stdin.isatty():
        return ""
    return sys.stdin.buffer.read().decode("utf-8-sig", "replace")


def _once(talk: Talk, question: str, *, quiet: bool) -> Outcome:
    printer = _Silent() if quiet else _Printer()
    reply = talk.ask(question, printer)
    printer.end()
    if reply.finish_reason == "cancelled":
        raise Cancelled
    data = {
        "text": reply.message.text,
        "reply": msgspec.to_builtins(reply),
        "session": talk.session,
    }
    return Outcome(data, lambda: None)


def _talk(talk: Talk, ref: str) -> Outcome:
    say(
        pick(
            f"talking to {ref}; /help shows the commands, /exit leaves",
            f"正在与 {ref} 对话；/help 查看命令，/exit 退出",
        )
    )
    if talk.opening:
        say(talk.opening)
    turns = hold_talk(talk.take, lambda: talk.is_over)
    return Outcome({"turns": turns, "session": talk.session, "usage": msgspec.to_builtins(talk.usage)}, lambda: None)


class _Shows(Protocol):
    def text(self, piece: str) -> None: ...
    def reasoning(self, piece: str) -> None: ...
    def end(self) -> None: ...


class _Silent:
    """Shows nothing: the reply is printed as JSON."""

    def text(self, piece: str) -> None: ...
    def reasoning(self, piece: str) -> None: ...
    def end(self) -> None: ...


class _Printer:
    """Writes pieces to stdout as they come; thoughts dimmed, and only where a person reads."""

    def __init__(self) -> None:
        self._is_thinking = False
        self._is_terminal = sys.stdout.isatty()

    def text(self, piece: str) -> None:
        self._leave_thoughts()
        self._write(piece)

    def reasoning(self, piece: str) -> None:
        if self._is_terminal:
            self._write(piece if self._is_thinking else _DIM + piece)
            self._is_thinking = True

    def end(self) -> None:
        self._leave_thoughts()
        self._write("\n")

    def _leave_thoughts(self) -> None:
        if self._is_thinking:
            self._write(_PLAIN + "\n")
            self._is_thinking = False

    def _write(self, piece: str) -> None:
        sys.stdout.write(piece)
        sys.stdout.flush()


@dataclass
class Talk:
    """A conversation with a model, kept under a name if it has one."""

    backend: Backend
    settings: Settings
    sampling: Sampling = field(default_factory=Sampling)
    conversation: Conversation = field(default_factory=lambda: Conversation(messages=()))
    session: str = ""
    usage: Usage = field(default_factory=Usage)
    is_over: bool = False
    opening: str = ""
    _begins: Callable[[str], Sequence[Message]] | None = None
    _attached: list[str] = field(default_factory=list)

    def take(self, line: str) -> bool:
        """A line that was typed: a command or a message. False when its answer was stopped."""
        if line.startswith("/") and not line.startswith("//"):
            name, _, rest = line[1:].partition(" ")
            command = _COMMANDS.get(name)
            if command is None:
                say(pick(f"no command /{name}: ", f"没有命令 /{name}：") + str(suggest(name, _COMMANDS)))
                return True
            command.act(self, rest.strip())
            return True
        printer = _Printer()
        try:
            reply = self.ask(line[1:] if line.startswith("//") else line, printer)
        finally:
            printer.end()
        return reply.finish_reason != "cancelled"

    def ask(self, text: str, shows: _Shows) -> Reply:
        """Ask, show the answer as it comes, keep both. Ctrl-C in a terminal keeps what has arrived.

        Raises:
            LianluError: what the backend raises; the question is then not kept
        """
        before = self.conversation
        said = "".join([*self._attached, text])
        if self._begins is not None and not _has_turns(before):
            self._set(Conversation(messages=tuple(self._begins(said))))
        else:
            self._add(user(said))
        collector = Collector()
        try:
            reply = aio.run(lambda: self._streamed(collector, shows))
        except KeyboardInterrupt:
            reply = collector.reply()
        except LianluError:
            self._set(before)
            raise
        self._attached = []
        self.usage += reply.usage
        if reply.message.text or reply.finish_reason != "cancelled":
            self._add(reply.message)
        else:
            self._set(before)
        return reply

    async def _streamed(self, collector: Collector, shows: _Shows) -> Reply:
        if "stream" not in self.backend.abilities:
            reply = await self.backend.chat(self.conversation, self.sampling)
            shows.text(reply.message.text)
            return reply
        async with aclosing(self.backend.stream(self.conversation, self.sampling)) as deltas:
            async for delta in deltas:
                collector.add(delta)
                if delta.reasoning:
                    shows.reasoning(delta.reasoning)
                if delta.text:
                    shows.text(delta.text)
        return collector.reply(unfinished="stop")

    def open_session(self, name: str) -> None:
        """Go on with a kept session, or begin one of that name."""
        if session_path(self.settings, name).exists():
            self.conversation = load_session(self.settings, name)
        self.session = name

    def set_system(self, given: str, *, is_text: bool = False) -> None:
        """The system prompt: a text, or the file that holds it."""
        path = Path(given)
        is_file = not is_text and len(given) < 1024 and "\n" not in given and path.is_file()
        if not (is_file or is_text) and _looks_like_a_file(given):
            raise UsageError("file.missing", path=given)
        rest = [message for message in self.conversation.messages if message.role != "system"]
        prompt = file_text(path) if is_file else given
        self._set(Conversation(messages=(*([system(prompt)] if prompt else []), *rest)))

    def set_prompt(self, name: str, values: Sequence[str], *, store: Path | None = None) -> None:
        """A prompt file: its system message, its opening words, and what its modules do.

        Raises:
            UsageError: prompt.*, file.missing
        """
        from lianlu.prompt.behaviour import behave
        from lianlu.prompt.conversation import INPUT, opening, system_prompt, talk_begins
        from lianlu.prompt.file import find_prompt, read_file
        from lianlu.prompt.verbs import given_values

        file = read_file(find_prompt(name))
        given = given_values(values, file)
        self.backend = behave(self.backend, file, store=store)
        if not _has_turns(self.conversation):
            self.opening = opening(file, given)
        self._begins = lambda said: talk_begins(file, given, said)
        needed = {INPUT: ""} if INPUT in file.variables and INPUT not in given else {}
        self.set_system(system_prompt(file, file.values({**given, **needed})), is_text=True)

    def attach(self, path: Path) -> int:
        """Put a file before the next message; gives its length in characters."""
        text = file_text(path)
        fence = "`" * max(3, _longest_run(text) + 1)
        self._attached.append(f"{path.name}:\n{fence}\n{text.rstrip()}\n{fence}\n\n")
        return len(text)

    def clear(self) -> None:
        """Forget all but the system prompt."""
        self._attached = []
        self._set(Conversation(messages=tuple(each for each in self.conversation.messages if each.role == "system")))

    def _add(self, message: Message) -> None:
        self._set(Conversation(messages=(*self.conversation.messages, message)))

    def _set(self, conversation: Conversation) -> None:
        self.conversation = conversation
        if self.session:
            save_session(self.settings, self.session, conversation)


def _has_turns(conversation: Conversation) -> bool:
    return any(message.role == "user" for message in conversation.messages)


def _looks_like_a_file(given: str) -> bool:
    """`letters.md` is no instruction to a model: a misspelt path must not silently become one."""
    return _FILE_LIKE.fullmatch(given) is not None


def file_text(path: Path) -> str:
    """A file as text: as it is where it is UTF-8 text, else through the extract link.

    Raises:
        UsageError: file.missing, file.unreadable, extra.missing, extract.*
        DataError: extract.*
    """
    try:
        content = path.read_bytes()
        if path.suffix.lower() not in _RICH_SUFFIXES and b"\x00" not in content:
            return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    except UnicodeDecodeError:
        pass  # another encoding: extract finds out which
    from lianlu.extract import read_files

    return "\n\n".join(document.markdown for document in read_files([path]))


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest


@dataclass(frozen=True)
class _Command:
    act: Callable[[Talk, str], Any]
    usage: str
    help: Text


def _show_help(_: Talk, __: str) -> None:
    for command in _COMMANDS.values():
        say(f"  {command.usage:<22} {command.help}")
    say(
        pick(
            "  a line ending in \\ goes on; // at the start sends a line with a slash",
            "  行尾的 \\ 表示续行；以 // 开头可发送斜杠开头的内容",
        )
    )


def _show_history(talk: Talk, _: str) -> None:
    for message in talk.conversation.messages:
        say(f"[{message.role}] {message.text}")
    if not talk.conversation.messages:
        say(pick("nothing was said yet", "还没有对话"))


def _clear(talk: Talk, _: str) -> None:
    talk.clear()
    say(pick("cleared", "已清空"))


def _system(talk: Talk, given: str) -> None:
    if given:
        talk.set_system(given)
    shown = next((message.text for message in talk.conversation.messages if message.role == "system"), "-")
    say(pick(f"system prompt: {shown}", f"系统提示词：{shown}"))


def _file(talk: Talk, given: str) -> None:
    if not given:
        raise UsageError("llm.no-message")
    length = talk.attach(Path(given))
    say(pick(f"{given}: {length} characters go with the next message", f"{given}：{length} 个字符将随下一条消息发送"))


def _save(talk: Talk, name: str) -> None:
    save_session(talk.settings, name or talk.session, talk.conversation)
    talk.session = name or talk.session
    say(
        pick(f"saved as {talk.session}; every turn from now on too", f"已保存为 {talk.session}；之后每一轮也会自动保存")
    )


def _load(talk: Talk, name: str) -> None:
    if not name:
        say(pick("saved: ", "已保存：") + (", ".join(sessions(talk.settings)) or "-"))
        return
    talk.conversation = load_session(talk.settings, name)
    talk.session = name
    say(
        pick(f"{name}: {len(talk.conversation.messages)} messages", f"{name}：{len(talk.conversation.messages)} 条消息")
    )


def _exit(talk: Talk, _: str) -> None:
    talk.is_over = True


_COMMANDS: dict[str, _Command] = {
    "help": _Command(_show_help, "/help", Text("show this", "显示帮助")),
    "clear": _Command(_clear, "/clear", Text("begin anew, keep the system prompt", "重新开始，保留系统提示词")),
    "system": _Command(_system, "/system [TEXT|FILE]", Text("set or show the system prompt", "设置或显示系统提示词")),
    "file": _Command(_file, "/file PATH", Text("send a file with the next message", "随下一条消息发送文件")),
    "save": _Command(_save, "/save NAME", Text("keep the talk under a name", "以此名称保存会话")),
    "load": _Command(
        _load, "/load [NAME]", Text("go on with a kept talk, or list them", "继续已保存的会话，或列出它们")
    ),
    "history": _Command(_show_history, "/history", Text("show what was said", "显示对话历史")),
    "exit": _Command(_exit, "/exit", Text("leave", "退出")),
}
