"""A conversation -> token ids and which of them are learned.

The ids are those that `tokenizer.apply_chat_template` gives, so that training and serving see the same. Which belong to
an answer is found from the text: the template is rendered message by message, each rendering must begin with the one
before, and what an assistant message adds beyond its header is the answer, up to and with its end marker. Nothing is
searched for in token ids, where the same words may be cut differently.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import write_bytes
from lianlu.records import Conversation, Message, ReasoningPart, TextPart, ToolCallPart, ToolResultPart
from lianlu.train.samples import Encoded
from lianlu.train.tokenizer import CHATML, END_OF_MESSAGE

__all__ = ["as_openai", "give_template", "render"]

Rendered = dict[str, Any]


def render(
    tokenizer: Any, conversation: Conversation, *, id: str = "", supervise: Literal["all", "last"] = "all"
) -> Encoded:
    """Ids and mask of a conversation.

    Raises:
        DataError: train.bad-sample: it has parts other than text, or the template refuses it or cannot be followed
        UsageError: train.no-template
    """
    if not tokenizer.chat_template:
        raise UsageError("train.no-template", model=str(tokenizer.name_or_path))
    messages = [as_openai(message, id) for message in conversation.messages]
    tools = [{"type": "function", "function": msgspec.to_builtins(tool)} for tool in conversation.tools] or None
    text = _text(tokenizer, messages, tools, id)
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    spans = [_answer(tokenizer, messages, place, tools, text, id) for place in answers]
    cut = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    starts = np.array([start for start, _ in cut["offset_mapping"]], dtype=np.int64)
    ids = np.array(cut["input_ids"], dtype=np.int32)
    mask = np.zeros(len(ids), dtype=bool)
    for start, end in spans[-1:] if supervise == "last" else spans:
        mask |= _until_marker((starts >= start) & (starts < end), ids, tokenizer.all_special_ids)
    return Encoded(id, ids, mask)


def as_openai(message: Message, id: str = "") -> Rendered:
    """A message in the shape that chat templates read. Raises DataError train.bad-sample."""
    shown: Rendered = {"role": message.role, "content": message.text}
    if message.name:
        shown["name"] = message.name
    for part in message.parts:
        if isinstance(part, ToolCallPart):
            call = {"name": part.name, "arguments": _arguments(part.arguments)}
            shown.setdefault("tool_calls", []).append({"id": part.id, "type": "function", "function": call})
        elif isinstance(part, ToolResultPart):
            shown |= {"content": part.text, "tool_call_id": part.call_id}
        elif isinstance(part, ReasoningPart):
            shown["reasoning_content"] = part.text
        elif not isinstance(part, TextPart):
            raise DataError("train.bad-sample", id=id, why="it has images, audio or files; only text can be learned")
    return shown


def give_template(tokenizer: Any, folder: Path, template: str) -> None:
    """Write a chat template into the tokenizer `folder`, which then travels with the model.

    Raises:
        UsageError: file.missing, file.unreadable, train.no-marker
    """
    if template == "chatml":
        if END_OF_MESSAGE not in tokenizer.get_vocab():
            raise UsageError("train.no-marker", marker=END_OF_MESSAGE)
        text = CHATML
    else:
        try:
            text = Path(template).expanduser().read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UsageError("file.missing", path=template) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("file.unreadable", path=template, why=str(error)) from error
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_bytes()) if path.is_file() else {}
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    write_bytes(path, json.dumps(settings | {"chat_template": text}, ensure_ascii=False, indent=2).encode() + b"\n")
    tokenizer.chat_template = text


def _text(tokenizer: Any, messages: Sequence[Rendered], tools: Any, id: str, *, header: bool = False) -> str:
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            list(messages), tools=tools, tokenize=False, add_generation_prompt=header, continue_final_message=False
        )
    except (TemplateError, ValueError, TypeError, KeyError) as error:
        raise DataError("train.bad-sample", id=id, why=f"the chat template refuses it: {error}") from error


def _answer(
    tokenizer: Any, messages: Sequence[Rendered], place: int, tools: Any, text: str, id: str
) -> tuple[int, int]:
    """Where in `text` the answer at `place` stands, header left out."""
    before = _text(tokenizer, messages[:place], tools, id, header=True) if place else ""
    whole = text if place == len(messages) - 1 else _text(tokenizer, messages[: place + 1], tools, id)
    if not place or not text.startswith(whole) or not whole.startswith(before):
        why = "the chat template writes earlier messages differently when later ones follow"
        raise DataError("train.bad-sample", id=id, why=why if place else "it begins with an answer")
    return len(before), len(whole)


def _until_marker(inside: Any, ids: Any, special: Sequence[int]) -> Any:
    """Without what the template writes behind the end marker (ChatML's newline), which no model needs to say."""
    markers = np.flatnonzero(inside & np.isin(ids, list(special)))
    if len(markers):
        inside = inside.copy()
        inside[markers[-1] + 1 :] = False
    return inside


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
