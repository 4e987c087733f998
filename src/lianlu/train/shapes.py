"""One row -> what is learned from it: a Conversation, a Preference, an UnpairedPreference, or plain text.

What a row is, is seen from its columns. Where several shapes would fit, the one that says more wins; the order is that of
`_SHAPES`:

1. our own preference records: `prompt` is an object
2. LLaMA-Factory's v1 pairs: `chosen_messages`, `rejected_messages`
3. pairs: `chosen`, `rejected`, with a prompt in `prompt`, `conversations`, `messages`, `instruction`, or in both
4. answers that were liked or not: `label` or `kto_tag` (true, false, 1, 0) beside a conversation or a prompt and its answer
5. conversations: `messages`, `conversations`, `conversation`, whatever the dialect of their messages
6. Alpaca: `instruction` and an answer
7. a question and its answer: `prompt`, `question`, `query`, `input` and `completion`, `response`, `answer`, `output`,
   `target`; also XTuner's fields with a prefix, as `toy_input` and `toy_output`
8. plain text: `text`, or the one column whose name ends in `_text`

So a set of disliked answers is never learned as if they were good because its rows also have a prompt and a completion:
that is why `label` 0 and 1 are read as a liking too.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import msgspec

from lianlu.records import Conversation, Message, Preference, UnpairedPreference, assistant, system, user
from lianlu.train.columns import (
    ANSWERS,
    CONVERSATIONS,
    LABELS,
    PROMPTS,
    SYSTEMS,
    Misfit,
    Row,
    first_of,
    kind_of,
    prefix_of,
    text_key,
    words,
)
from lianlu.train.turns import is_message, listed, message_of, messages_in, numbered, placed, tools_in, turn_messages

__all__ = ["Content", "content_of", "messages_of", "shape_of"]

Content = Conversation | Preference | UnpairedPreference | str
_Record = TypeVar("_Record", Conversation, Preference, UnpairedPreference)
_NEAR = 0.75
_LEAST_LIKENESS = 0.3
_SHOWN_KEYS = 12


@dataclass(frozen=True)
class _Shape:
    """`needs` are the columns by which the nearest shape to a row that fits none is found."""

    name: str
    fits: Callable[[Row], bool]
    read: Callable[[Row], Content]
    needs: tuple[tuple[str, ...], ...]


def content_of(row: object) -> Content:
    """What is learned from one row of a file.

    Raises:
        Misfit: the row fits no shape, or something else than its shape wants stands in a column; it is a ValueError
    """
    if not isinstance(row, dict):
        kind = kind_of(row)
        raise Misfit(f"not a JSON object but {kind.en}", f"不是 JSON 对象，而是{kind.zh}")
    named = cast("Row", row)
    for shape in _SHAPES:
        if shape.fits(named):
            return shape.read(named)
    raise _no_shape(named)


def shape_of(row: Row) -> str | None:
    """The name of the shape that a row would be read as; None where it fits none."""
    return next((shape.name for shape in _SHAPES if shape.fits(row)), None)


def messages_of(content: Content) -> tuple[Message, ...]:
    """All messages in it: of a pair the prompt, the chosen and the rejected answer; none in plain text."""
    if isinstance(content, Conversation):
        return content.messages
    if isinstance(content, Preference):
        return (*content.prompt.messages, content.chosen, content.rejected)
    if isinstance(content, UnpairedPreference):
        return (*content.prompt.messages, content.answer)
    return ()


def _conversation(messages: Sequence[Message], row: Row) -> Conversation:
    """The messages with what else the row says: its tools, its pictures, a system prompt in a column of its own."""
    found = [*_system(row, messages), *messages]
    if _has_media(row, found):
        found = placed(found, row)
    return Conversation(messages=numbered(found), tools=tools_in(row.get("tools")))


def _has_media(row: Row, messages: Sequence[Message]) -> bool:
    named = any(row.get(key) is not None for key in ("images", "image", "audios", "audio", "videos", "video"))
    return named or any(getattr(part, "uri", None) == "" for each in messages for part in each.parts)


def _system(row: Row, messages: Sequence[Message]) -> list[Message]:
    key = first_of(row, SYSTEMS)
    if key is None or (messages and messages[0].role == "system"):
        return []
    said = words(row[key], key)
    return [system(said)] if said else []


def _answer(conversation: Conversation, what: str) -> tuple[Conversation, Message]:
    """A conversation that ends with an answer, cut before it."""
    *before, last = conversation.messages
    if last.role != "assistant":
        raise Misfit(
            f"{what} must end with an answer, not with {last.role}", f"{what} 应以回答结尾，而不是 {last.role}"
        )
    if not before:
        raise Misfit(f"{what} is an answer without a prompt", f"{what} 只有回答，没有提示")
    return msgspec.structs.replace(conversation, messages=tuple(before)), last


# --- records of our own -----------------------------------------------------------------------------------------------


def _is_record(row: Row) -> bool:
    return isinstance(row.get("prompt"), dict) and "messages" in row["prompt"]


def _from_record(row: Row) -> Content:
    return _convert(row, Preference) if "chosen" in row else _convert(row, UnpairedPreference)


def _convert(row: Row, kind: type[_Record]) -> _Record:
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise Misfit(str(error), f"记录有误：{error}") from None


# --- pairs ------------------------------------------------------------------------------------------------------------


def _from_pair(row: Row) -> Preference:
    return _pair(row, "chosen", "rejected")


def _from_pair_of_messages(row: Row) -> Preference:
    return _pair(row, "chosen_messages", "rejected_messages")


def _pair(row: Row, liked: str, disliked: str) -> Preference:
    """What both answers begin with belongs to the prompt, and is not said twice where the prompt has it already."""
    chosen, rejected = _said(row[liked], liked), _said(row[disliked], disliked)
    shared = _shared(chosen, rejected)
    for key, said in ((liked, chosen), (disliked, rejected)):
        if len(said) - shared != 1:
            raise Misfit(
                f"`{key}` differs from the other in more than its last message",
                f"`{key}` 与另一方的差别不止最后一条消息",
            )
    prompt = _joined(_prompt(row), chosen[:shared])
    if not any(each.role == "user" for each in prompt):
        raise Misfit(f"`{liked}` and `{disliked}` have no prompt", f"`{liked}` 与 `{disliked}` 缺少提示")
    whole = _conversation([*prompt, chosen[-1], rejected[-1]], row)
    *before, best, worst = whole.messages
    for key, said in ((liked, best), (disliked, worst)):
        if said.role != "assistant":
            raise Misfit(f"`{key}` must be an answer, not of {said.role}", f"`{key}` 应为回答，而不是 {said.role}")
    return Preference(prompt=msgspec.structs.replace(whole, messages=tuple(before)), chosen=best, rejected=worst)


def _said(value: object, key: str) -> list[Message]:
    """An answer as people write it: text, a message, or a list of messages that may begin with the prompt."""
    if isinstance(value, list):
        said = cast("list[Any]", value)
        if said and all(isinstance(each, str) for each in said):
            if len(said) > 1:
                raise Misfit(
                    f"`{key}` must be one answer, not {len(said)}", f"`{key}` 应为一个回答，而不是 {len(said)} 个"
                )
            return [assistant(words(said[0], key))]
        return messages_in(said, key)
    return [message_of(value)] if is_message(value) else [assistant(words(value, key))]


def _shared(some: Sequence[Message], others: Sequence[Message]) -> int:
    """How many messages both begin with; the last is never among them, so that equal answers stay a pair."""
    count = 0
    for one, other in zip(some[:-1], others[:-1], strict=False):
        if (one.role, one.parts) != (other.role, other.parts):
            break
        count += 1
    return count


def _joined(before: Sequence[Message], after: Sequence[Message]) -> list[Message]:
    """Both, what the first ends and the second begins with said once."""
    marks = [[(each.role, each.parts) for each in side] for side in (before, after)]
    most = min(len(before), len(after))
    overlap = next((count for count in range(most, 0, -1) if marks[0][-count:] == marks[1][:count]), 0)
    return [*before, *after[overlap:]]


def _prompt(row: Row) -> list[Message]:
    """The messages of the prompt, wherever the row has them; none where the answers have it."""
    key = first_of(row, ("prompt", *CONVERSATIONS))
    if key is not None:
        value = row[key]
        if isinstance(value, str) and key == "prompt":
            return [*_history(row), user(words(value, key))]
        return messages_in(value, key)
    if row.get("instruction") is not None:
        return [*_history(row), _instruction(row)]
    key = first_of(row, PROMPTS)
    return [*_history(row), user(words(row[key], key))] if key is not None else []


# --- answers that were liked or not -----------------------------------------------------------------------------------


def _is_liking(row: Row) -> bool:
    if row.get("kto_tag") is None and _liking(row.get("label")) is None:
        return False
    return first_of(row, CONVERSATIONS) is not None or _is_alpaca(row) or _is_answered(row)


def _from_liking(row: Row) -> UnpairedPreference:
    key = first_of(row, LABELS) or "label"
    is_liked = _liking(row[key])
    if is_liked is None:
        raise Misfit(f"`{key}` must be true or false, not {row[key]!r}"[:120], f"`{key}` 应为 true 或 false")
    prompt, answer = _answer(_read_conversation(row), "the conversation")
    return UnpairedPreference(prompt=prompt, answer=answer, is_liked=is_liked)


def _liking(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "1": True, "false": False, "0": False}.get(value.strip().lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _read_conversation(row: Row) -> Conversation:
    if first_of(row, CONVERSATIONS) is not None:
        return _from_messages(row)
    return _from_alpaca(row) if _is_alpaca(row) else _from_answered(row)


# --- conversations ----------------------------------------------------------------------------------------------------


def _from_messages(row: Row) -> Conversation:
    key = first_of(row, CONVERSATIONS) or ""
    value = row[key]
    if isinstance(value, list) and key == "messages" and value and _are_records(cast("list[Any]", value)):
        return _convert(row, Conversation)
    return _conversation(messages_in(value, key), row)


def _are_records(messages: list[Any]) -> bool:
    return all(isinstance(each, dict) and "parts" in each for each in messages)


# --- Alpaca, and a question with its answer ---------------------------------------------------------------------------


def _is_alpaca(row: Row) -> bool:
    return row.get("instruction") is not None and first_of(row, ANSWERS) is not None


def _from_alpaca(row: Row) -> Conversation:
    key = first_of(row, ANSWERS) or ""
    return _conversation([*_history(row), _instruction(row), assistant(words(row[key], key))], row)


def _instruction(row: Row) -> Message:
    key = first_of(row, ("input", "context")) or "input"
    question = [
        words(row["instruction"], "instruction"),
        words(row[key], key) if _has_words(row, key) else "",
    ]
    return user("\n".join(part for part in question if part))


def _has_words(row: Row, key: str) -> bool:
    return row.get(key) is not None and row[key] != ""


def _history(row: Row) -> list[Message]:
    if not _has_words(row, "history"):
        return []
    messages: list[Message] = []
    for turn in listed(row["history"], "history"):
        if not isinstance(turn, list) or len(cast("list[Any]", turn)) != 2:
            raise Misfit(
                "`history` must be a list of pairs of question and answer", "`history` 应为 [问题, 回答] 组成的列表"
            )
        asked, said = cast("list[Any]", turn)
        messages += [user(words(asked, "history")), assistant(words(said, "history"))]
    return messages


def _is_answered(row: Row) -> bool:
    has_pair = first_of(row, PROMPTS) is not None and first_of(row, ANSWERS) is not None
    return has_pair or prefix_of(row) is not None


def _from_answered(row: Row) -> Conversation:
    asked_in, answered_in = first_of(row, PROMPTS), first_of(row, ANSWERS)
    if asked_in is None or answered_in is None:
        return _conversation(turn_messages(row), row)
    asked = row[asked_in]
    prompt = messages_in(asked, asked_in) if isinstance(asked, list) else [user(words(asked, asked_in))]
    return _conversation(_joined([*_history(row), *prompt], _said(row[answered_in], answered_in)), row)


# --- plain text -------------------------------------------------------------------------------------------------------


def _is_text(row: Row) -> bool:
    return text_key(row) is not None


def _from_text(row: Row) -> str:
    key = text_key(row) or ""
    return words(row[key], key)


def _has(*columns: str) -> Callable[[Row], bool]:
    return lambda row: all(row.get(column) is not None for column in columns)


_SHAPES = (
    _Shape("preference record", _is_record, _from_record, ()),
    _Shape(
        "pair of conversations",
        _has("chosen_messages", "rejected_messages"),
        _from_pair_of_messages,
        (("chosen_messages", "rejected_messages"),),
    ),
    _Shape("preference pair", _has("chosen", "rejected"), _from_pair, (("prompt", "chosen", "rejected"),)),
    _Shape("liked or not", _is_liking, _from_liking, (("prompt", "completion", "label"), ("messages", "kto_tag"))),
    _Shape(
        "conversation",
        lambda row: first_of(row, CONVERSATIONS) is not None,
        _from_messages,
        (("messages",), ("conversations",), ("conversation",)),
    ),
    _Shape("alpaca", _is_alpaca, _from_alpaca, (("instruction", "output"),)),
    _Shape(
        "question and answer",
        _is_answered,
        _from_answered,
        (("prompt", "completion"), ("question", "answer"), ("query", "response"), ("input", "output")),
    ),
    _Shape("plain text", _is_text, _from_text, (("text",),)),
)


def _no_shape(row: Row) -> Misfit:
    """The columns that are there, and those that the nearest shape lacks."""
    keys = list(row)
    shown = (", ".join(keys[:_SHOWN_KEYS])[:200] + (", …" if len(keys) > _SHOWN_KEYS else "")) or "-"
    near = max(
        ((_likeness(needs, keys), shape.name, needs) for shape in _SHAPES for needs in shape.needs),
        key=lambda found: found[0],
    )
    likeness, name, needs = near
    if likeness < _LEAST_LIKENESS:
        known = "messages, conversations, conversation, instruction + output, prompt + completion, text"
        return Misfit(
            f"its columns ({shown}) are none of a sample's: {known}", f"其列（{shown}）不是样本的列；可用：{known}"
        )
    lacking = ", ".join(f"`{need}`" for need in needs if row.get(need) is None)
    return Misfit(
        f"its columns ({shown}) fit no shape; the nearest is {name}, which lacks {lacking}",
        f"其列（{shown}）不符合任何格式；最接近的是 {name}，但缺少 {lacking}",
    )


def _likeness(needs: tuple[str, ...], keys: Sequence[str]) -> float:
    best = [max((_alike(need, key) for key in keys), default=0.0) for need in needs]
    return sum(best) / len(best)


def _alike(need: str, key: str) -> float:
    ratio = difflib.SequenceMatcher(None, need, key[:64].lower()).ratio()
    return ratio if ratio >= _NEAR else 0.0
