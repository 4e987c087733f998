"""What a request may say. Every field is served, or changes nothing by definition, or is refused by its name.

A server that ignores a field gives wrong results that look right: one that ignores `echo` scores exact chance under an
evaluation harness. So each field of OpenAI's interface stands in a body class (checked, then read by `lianlu.llm.wire`)
or in `lianlu.llm.neutral` (it changes no answer); all others are refused. A null is an absent field. Fields of one engine
pass when the backend declares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text, suggest
from lianlu.llm.neutral import DEFAULTS, changes_nothing

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["BODIES", "checked"]

_OTHERS = {
    "audio": "audio",
    "dimensions": "dimensions",
    "function_call": "tool_choice",
    "functions": "tools",
    "prediction": "prediction",
    "reasoning_effort": "reasoning_effort",
    "web_search_options": "web_search_options",
}
_SHOWN_CHARACTERS = 80

Temperature = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
Probability = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Stop = Annotated[str, Field(min_length=1)]
TokenId = Annotated[int, Field(ge=0)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())


class _Text(_Body):
    type: Literal["text"]
    text: str


class _Address(_Body):
    """Only what a client may show us itself: a path would let it read this machine's files."""

    url: str = Field(pattern=r"^(https?://|data:image/)")
    detail: Literal["auto"] | None = None


class _Image(_Body):
    type: Literal["image_url"]
    image_url: _Address


class _Called(_Body):
    name: str
    arguments: str


class _ToolCall(_Body):
    id: str
    type: Literal["function"] = "function"
    function: _Called
    index: int | None = None


class _Message(_Body):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Annotated[_Text | _Image, Field(discriminator="type")]] | None = None
    name: str | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None


class _Function(_Body):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Literal[False] | None = None


class _Tool(_Body):
    type: Literal["function"]
    function: _Function


class _StreamOptions(_Body):
    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class _Asked(_Body):
    model: str = Field(min_length=1)


class _Sampled(_Asked):
    stream: bool = False
    stream_options: _StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=16)] | None = None
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    n: int | None = Field(None, ge=1, le=16)
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None


class _Chat(_Sampled):
    messages: list[_Message] = Field(min_length=1)
    tools: list[_Tool] | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: dict[str, Any] | None = None


class _Complete(_Sampled):
    prompt: str | list[TokenId] | list[str] | list[list[TokenId]] = Field(min_length=1)
    echo: bool | None = None
    max_tokens: int | None = Field(None, ge=0)
    logprobs: int | None = Field(None, ge=0, le=20)


class _Embed(_Asked):
    input: str | list[str]
    encoding_format: Literal["float", "base64"] | None = None
    input_type: Literal["query", "document"] | None = None


class _Rerank(_Asked):
    query: str
    documents: list[str] = Field(min_length=1)
    top_n: int | None = Field(None, ge=1)


class _Tokenize(_Asked):
    prompt: str | None = None
    messages: list[_Message] | None = Field(None, min_length=1)


class _Detokenize(_Asked):
    tokens: list[TokenId]


BODIES: dict[str, type[_Asked]] = {
    "/chat/completions": _Chat,
    "/completions": _Complete,
    "/embeddings": _Embed,
    "/rerank": _Rerank,
    "/tokenize": _Tokenize,
    "/detokenize": _Detokenize,
}


def checked(path: str, body: Mapping[str, Any], extra_fields: frozenset[str] | None) -> dict[str, Any]:
    """The fields of `body` that carry something, all of them known and of the right form.

    Args:
        extra_fields: fields of one engine that the backend honours; None when it passes all on.

    Raises:
        UsageError: serve.unknown-field, serve.unsupported-field, serve.bad-field; the fact `param` names the field
    """
    shape = BODIES[path]
    given = {name: _without_nulls(value) for name, value in body.items() if value is not None}
    said = {name: value for name, value in given.items() if not changes_nothing(name, value)}
    if said.get("tool_choice") == "none" and "tools" not in said:
        del said["tool_choice"]
    extras = {name: value for name, value in said.items() if name not in shape.model_fields}
    for name, value in extras.items():
        if extra_fields is not None and name not in extra_fields:
            raise _refused(path, name, value, shape)
    try:
        shape.model_validate({name: value for name, value in said.items() if name not in extras})
    except ValidationError as error:
        raise _first_problem(error, path, said) from None
    _check_together(path, said)
    return said


def _without_nulls(value: Any) -> Any:
    """Nulls inside messages too: clients send back the messages they got, with all their empty fields."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [_without_nulls(each) for each in value]
    return value


def _refused(path: str, name: str, value: Any, shape: type[_Asked]) -> UsageError:
    if name in DEFAULTS or name in _OTHERS:
        only = ", ".join(map(repr, DEFAULTS.get(name, ())))
        why = (
            Text(f"accepted: {only}", f"可接受：{only}") if only else Text("no value of it is", "它的任何取值都不支持")
        )
        return UsageError("serve.unsupported-field", param=name, value=_short(value), why=why)
    return UsageError("serve.unknown-field", path=path, param=name, suggestion=suggest(name, shape.model_fields))


def _first_problem(error: ValidationError, path: str, said: Mapping[str, Any]) -> UsageError:
    """The problem to tell: an unknown field first, else the one deepest inside, where a union reports several."""
    problems = [(_place(each, said), each) for each in error.errors()]
    place, problem = max(problems, key=lambda each: (each[1]["type"] == "extra_forbidden", len(each[0])))
    param = ".".join(place)
    if problem["type"] == "extra_forbidden":
        return UsageError("serve.unknown-field", path=path, param=param, suggestion=Text("leave it out", "请去掉它。"))
    why = Text(problem["msg"], f"不符合要求（{problem['msg']}）")
    return UsageError("serve.bad-field", param=param, why=why)


def _place(problem: ErrorDetails, said: Any) -> list[str]:
    """Where a problem is in the body: pydantic's location less the members of unions that it names."""
    place: list[str] = []
    node: Any = said
    for part in problem["loc"]:
        below = _below(node, part)
        node = node if below is None else below
        if below is not None or (problem["type"] == "missing" and part == problem["loc"][-1]):
            place.append(str(part))
    return place


def _below(node: Any, part: str | int) -> Any:
    """What stands at `part`; None where nothing does."""
    if isinstance(node, dict):
        return cast("dict[Any, Any]", node).get(part)
    return cast("list[Any]", node)[part] if isinstance(node, list) and isinstance(part, int) else None


def _check_together(path: str, said: Mapping[str, Any]) -> None:
    """Rules over two fields."""
    if "stream_options" in said and not said.get("stream"):
        raise _bad("stream_options", "only with `stream`: true", "只能与 `stream`: true 同用")
    if said.get("stream") and said.get("n", 1) > 1 and path == "/chat/completions":
        raise _bad("n", "one answer at a time can be streamed", "流式输出一次只能有一个回答")
    if path == "/chat/completions" and "top_logprobs" in said and not said.get("logprobs"):
        raise _bad("top_logprobs", "only with `logprobs`: true", "只能与 `logprobs`: true 同用")
    if path == "/tokenize" and ("prompt" in said) == ("messages" in said):
        raise _bad("prompt", "give either `prompt` or `messages`", "请在 `prompt` 与 `messages` 中给出一个")


def _bad(param: str, en: str, zh: str) -> UsageError:
    return UsageError("serve.bad-field", param=param, why=Text(en, zh))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[: _SHOWN_CHARACTERS - 1] + "…"
