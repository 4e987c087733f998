"""What can be typed into `lianlu rag chat` besides questions: /sources, /history, /save, the filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from lianlu.core.console import harmless, say
from lianlu.core.errors import UsageError
from lianlu.core.files import named_path
from lianlu.core.i18n import Text, pick, suggest
from lianlu.rag.answer_file import write_talk
from lianlu.rag.filters import Filters, read_filters
from lianlu.rag.shown import show_passage, show_sources
from lianlu.rag.talk import Talk

__all__ = ["Commands"]


@dataclass(frozen=True)
class _Command:
    act: Callable[[Commands, str], None]
    usage: str
    help: Text


class Commands:
    """Does what is typed after a slash.

    Attributes:
        is_over: the person has left.
    """

    def __init__(self, talk: Talk) -> None:
        self.is_over = False
        self._talk = talk

    def do(self, line: str) -> None:
        """Do what a line says that begins with a slash.

        Raises:
            UsageError: rag.bad-command, rag.bad-date, rag.bad-filter, rag.no-such-number, rag.answer-file, …
            LimitError: file.disk-full
        """
        name, _, rest = line[1:].partition(" ")
        command = _COMMANDS.get(_OTHER_NAMES.get(name, name))
        if command is None:
            raise UsageError("rag.bad-command", command=harmless(name[:40]), suggestion=suggest(name, _COMMANDS))
        command.act(self, rest.strip())

    def help(self, _: str) -> None:
        for command in _COMMANDS.values():
            say(f"  {command.usage:<22} {command.help}")
        say(
            pick(
                "  a line ending in \\ goes on; // at the start asks a question with a slash; Ctrl-C stops an answer, Ctrl-D leaves",
                "  行尾的 \\ 表示续行；以 // 开头可提问斜杠开头的内容；Ctrl-C 停止回答，Ctrl-D 退出",
            )
        )

    def history(self, _: str) -> None:
        for number, answer in enumerate(self._talk.answers, start=1):
            understood = pick(f" (understood as: {answer.rewritten})", f"（理解为：{answer.rewritten}）")
            say(harmless(f"{number}. {answer.question}{understood if answer.rewritten else ''}"))
            for line in answer.text.splitlines():
                say(harmless(f"   {line}"))
        if not self._talk.answers:
            say(pick("nothing was asked yet", "还没有提问"))

    def sources(self, given: str) -> None:
        citations = self._talk.answers[-1].citations if self._talk.answers else ()
        if not citations:
            say(pick("the last answer has no sources", "上一个回答没有出处"))
        elif not given:
            show_sources(self._talk.answers[-1])
        else:
            number = given.strip("[]")
            cited = next((each for each in citations if str(each.number) == number), None)
            if cited is None:
                raise UsageError("rag.no-such-number", number=harmless(given[:20]), count=len(citations))
            show_passage(cited)

    def save(self, given: str) -> None:
        if not given:
            raise UsageError("rag.answer-file", path="", endings=".html, .md, .json")
        path = named_path(given)
        write_talk(path, self._talk.answers, self._talk.base.name)
        say(pick(f"saved: {path}", f"已保存：{path}"))

    def clear(self, _: str) -> None:
        self._talk.answers.clear()
        say(pick("forgotten", "已清空"))

    def filters(self, given: str) -> None:
        if given in ("none", "off"):
            self._talk.filters = Filters()
        elif given:
            raise UsageError(
                "rag.bad-command",
                command=f"filters {harmless(given[:40])}",
                suggestion=Text("/filters none", "/filters none"),
            )
        self._show_filters()

    def since(self, given: str) -> None:
        self._narrow(since=read_filters(since=given).since)

    def until(self, given: str) -> None:
        self._narrow(until=read_filters(until=given).until)

    def language(self, given: str) -> None:
        self._narrow(language=given)

    def path(self, given: str) -> None:
        self._narrow(path=given)

    def where(self, given: str) -> None:
        added = read_filters([given]).facts if given else {}
        self._narrow(facts={**self._talk.filters.facts, **added} if given else {})

    def leave(self, _: str) -> None:
        self.is_over = True

    def _narrow(self, **changed: object) -> None:
        self._talk.filters = replace(self._talk.filters, **changed)  # pyright: ignore[reportArgumentType] - by name
        self._show_filters()

    def _show_filters(self) -> None:
        filters = self._talk.filters
        shown = [
            f"{name} {value}"
            for name, value in (
                ("since", filters.since),
                ("until", filters.until),
                ("language", filters.language),
                ("path", filters.path),
                *(("where", f"{name}={value}") for name, value in filters.facts.items()),
            )
            if value
        ]
        said = harmless(", ".join(shown)) if shown else pick("all documents", "全部文档")
        say(pick(f"asking: {said}", f"范围：{said}"))


_COMMANDS: dict[str, _Command] = {
    "help": _Command(Commands.help, "/help", Text("show this", "显示帮助")),
    "sources": _Command(
        Commands.sources,
        "/sources [N]",
        Text("sources of the last answer, or the passage of one", "上一个回答的出处，或其中一处的原文"),
    ),
    "history": _Command(Commands.history, "/history", Text("what was asked and answered", "问过什么、答了什么")),
    "clear": _Command(Commands.clear, "/clear", Text("forget what was said", "忘掉之前的对话")),
    "save": _Command(
        Commands.save, "/save FILE", Text("write the talk as .html, .md or .json", "把对话写成 .html、.md 或 .json")
    ),
    "since": _Command(
        Commands.since, "/since [DATE]", Text("only documents from this date on", "只看此日期及以后的文档")
    ),
    "until": _Command(
        Commands.until, "/until [DATE]", Text("only documents up to this date", "只看此日期及以前的文档")
    ),
    "where": _Command(
        Commands.where, "/where [NAME=VALUE]", Text("only documents whose metadata say so", "只看元数据符合的文档")
    ),
    "language": _Command(
        Commands.language, "/language [zh|en]", Text("only documents in this language", "只看该语言的文档")
    ),
    "path": _Command(Commands.path, "/path [PATTERN]", Text("only documents whose name fits", "只看名称匹配的文档")),
    "filters": _Command(
        Commands.filters, "/filters [none]", Text("which documents are asked; none asks all", "当前范围；none 表示全部")
    ),
    "quit": _Command(Commands.leave, "/quit", Text("leave", "退出")),
}
_OTHER_NAMES = {"exit": "quit", "source": "sources"}
