"""From a prompt file and a case to the messages that are sent, byte for byte; the one place where they are put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.prompt.file import PromptFile
from lianlu.prompt.framework import framework
from lianlu.prompt.render import fill, parse, variables_of
from lianlu.prompt.roles import check_order
from lianlu.records import Message, assistant, system, user

__all__ = ["INPUT", "opening", "system_prompt", "talk_begins"]

INPUT = "input"
"""The variable that stands for what the user says."""
_OPENINGS = ("Initialization", "Yeow")


def system_prompt(file: PromptFile, values: Mapping[str, Any]) -> str:
    """The system message: as written where the framework sends that, else composed. Empty where the file has none.

    Args:
        values: of all variables, as `file.values` gives them.

    Raises:
        UsageError: prompt.missing-variable, those of `include.expanded`
    """
    if file.prompt.syntax != "markdown":
        return fill(file.system_text, values)
    made = framework(file.prompt.framework)
    if made.sends_as_written:
        return fill(file.system_text, values).strip("\n")
    return fill(made.compose(parse(file.system_text, made.name)), values).strip("\n")


def talk_begins(
    file: PromptFile, given: Mapping[str, Any], said: str | None, *, with_system: bool = True
) -> tuple[Message, ...]:
    """The messages up to and with the first words of the user.

    Args:
        given: values of variables; defaults stand for the others.
        said: what the user says: the value of `{{input}}`, else a message of its own. None where the file says it all.
        with_system: False leaves the system message out, to see what it is good for.

    Raises:
        UsageError: prompt.role-order, prompt.no-user, prompt.input-without-place, those of `file.values`
    """
    has_slot = any(INPUT in variables_of(text) for text in (file.system_text, *file.message_texts))
    values = file.values({**given, INPUT: said} if has_slot and said is not None else given)
    check_order(file.messages, file.origin)
    messages: list[Message] = []
    if with_system:
        words = system_prompt(file, values)
        messages += [system(words)] if words else []
    for each, text in zip(file.messages, file.message_texts, strict=True):
        words = fill(text, values).strip("\n")
        messages.append(user(words) if each.role == "user" else assistant(words))
    in_messages = any(INPUT in variables_of(text) for text in file.message_texts)
    if said is not None and not in_messages and (not has_slot or not file.messages):
        if messages and messages[-1].role == "user":
            raise UsageError("prompt.input-without-place", at=file.origin)
        messages.append(user(said))
    if not messages or messages[-1].role != "user":
        raise UsageError("prompt.no-user", at=file.origin)
    return tuple(messages)


def opening(file: PromptFile, given: Mapping[str, Any]) -> str:
    """What the assistant says first in a chat: its module Initialization, else Yeow; empty where there is neither."""
    values = file.values({INPUT: "", **given} if INPUT in file.variables else given)
    prompt = parse(file.system_text, file.prompt.framework) if file.prompt.syntax == "markdown" else file.prompt
    for name in _OPENINGS:
        module = prompt.module(name)
        if module is not None and module.text.strip():
            body = module.source.partition("\n")[2] if module.source else module.text
            return fill((module.value + "\n" + body).strip(), values)
    return ""
