"""How the next token is chosen for one request: its `Sampling` with the model's own defaults filled in, and checked.

Nothing is ignored: a field this engine does not know is refused by name, because a server that quietly drops `echo` or
`response_format` gives wrong scores. Without a temperature the model's generation_config.json decides, as in
transformers: greedy unless it says `do_sample`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.llm import Sampling

__all__ = ["EXTRA_FIELDS", "MOST_TOP_LOGPROBS", "Choice", "choice_of"]

EXTRA_FIELDS = ("ignore_eos", "min_p", "repetition_penalty", "top_k")
MOST_TOP_LOGPROBS = 20
_MOST_ANSWERS = 128
_MOST_STOPS = 16


@dataclass(frozen=True)
class Choice:
    """Settled settings. `temperature` 0 is greedy; `top_logprobs` None means no log probabilities are wanted."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int = 1
    top_logprobs: int | None = None
    ignore_eos: bool = False

    @property
    def has_penalty(self) -> bool:
        return (self.repetition_penalty, self.presence_penalty, self.frequency_penalty) != (1.0, 0.0, 0.0)


def choice_of(sampling: Sampling, defaults: Mapping[str, Any]) -> Choice:
    """Check `sampling` and fill it from the model's generation_config.json.

    Raises:
        UsageError: engine.unknown-field, engine.bad-value
    """
    for name in sampling.extra:
        if name not in EXTRA_FIELDS:
            raise UsageError("engine.unknown-field", field=name, known=", ".join(EXTRA_FIELDS))
    if sampling.response_format not in (None, {"type": "text"}):
        raise UsageError("engine.unknown-field", field="response_format", known=", ".join(EXTRA_FIELDS))
    given = {name: value for name, value in _given(sampling).items() if value is not None}
    read = _Reader(given, defaults if defaults.get("do_sample") else {})
    own_temperature = 1.0 if defaults.get("do_sample") else 0.0
    return Choice(
        temperature=read.number("temperature", own_temperature, 0.0, 100.0),
        top_p=read.number("top_p", 1.0, 0.0, 1.0),
        top_k=read.whole("top_k", 0, 0),
        min_p=read.number("min_p", 0.0, 0.0, 1.0),
        repetition_penalty=_Reader(given, defaults).number("repetition_penalty", 1.0, 0.01, 100.0),
        presence_penalty=read.number("presence_penalty", 0.0, -2.0, 2.0),
        frequency_penalty=read.number("frequency_penalty", 0.0, -2.0, 2.0),
        max_tokens=read.whole("max_tokens", 0, 0) if sampling.max_tokens is not None else None,
        stop=_stops(sampling.stop),
        seed=read.whole("seed", 0, None) if sampling.seed is not None else None,
        n=read.whole("n", 1, 1, _MOST_ANSWERS),
        top_logprobs=_top_logprobs(read, sampling),
        ignore_eos=read.flag("ignore_eos"),
    )


def _given(sampling: Sampling) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "n": sampling.n,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "top_logprobs": sampling.top_logprobs,
        **sampling.extra,
    }


def _top_logprobs(read: _Reader, sampling: Sampling) -> int | None:
    if sampling.top_logprobs is None:
        return 0 if sampling.logprobs else None
    return read.whole("top_logprobs", 0, 0, MOST_TOP_LOGPROBS)


def _stops(stops: tuple[str, ...]) -> tuple[str, ...]:
    if len(stops) > _MOST_STOPS or not all(stops):
        raise _bad(
            "stop", list(stops), Text(f"at most {_MOST_STOPS} texts, none empty", f"至多 {_MOST_STOPS} 个非空文本")
        )
    return stops


def _bad(field: str, value: Any, expected: Text) -> UsageError:
    return UsageError("engine.bad-value", field=field, value=value, expected=expected)


class _Reader:
    """Fields by name, the request's before the model's, each held to its range."""

    def __init__(self, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self._given = given
        self._defaults = defaults

    def number(self, name: str, usual: float, least: float, most: float) -> float:
        value = self._value(name, usual)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not least <= value <= most:
            raise _bad(name, value, Text(f"a number from {least:g} to {most:g}", f"{least:g} 到 {most:g} 之间的数"))
        return float(value)

    def whole(self, name: str, usual: int, least: int | None, most: int | None = None) -> int:
        value = self._value(name, usual)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or (least is not None and value < least) or (most is not None and value > most):
            bounds = Text(
                "a whole number" + (f" from {least}" if least is not None else "") + (f" to {most}" if most else ""),
                "整数" + (f"，不小于 {least}" if least is not None else "") + (f"，不大于 {most}" if most else ""),
            )
            raise _bad(name, value, bounds)
        return value

    def flag(self, name: str) -> bool:
        value = self._value(name, usual=False)
        if not isinstance(value, bool):
            raise _bad(name, value, Text("true or false", "true 或 false"))
        return value

    def _value(self, name: str, usual: Any) -> Any:
        if name in self._given:
            return self._given[name]
        own = self._defaults.get(name)
        return usual if own is None else own
