"""Run a chat template with a limit on time and on what it writes.

A template comes with a model, and one that never ends or doubles a text forty times must be an error, not a hung machine.
The sandbox of transformers keeps it from files and from ranges above 100,000, but not from two such ranges in each other.
So every turn of a loop, every call of a macro, every joined text and every output is charged to a budget; this needs no
thread, no signal and no second process. It is a guard against accidents, not a jail: a filter such as `center` may still
make one long text. What is written is what transformers writes: its environment is used, with the charges put in.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, cast

from jinja2 import TemplateError, nodes
from jinja2.visitor import NodeTransformer

__all__ = ["REFUSALS", "BoundedTemplate", "BudgetSpent", "bounded_template"]

REFUSALS = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
LIMIT_CHARACTERS = 64 << 20
LIMIT_SECONDS = 10.0
_LONGEST_LIST = 1 << 20
_LARGEST_POWER = 64


class BudgetSpent(TemplateError):
    """The template wrote too much or ran too long."""


class _Budget:
    def __init__(self, characters: int, seconds: float) -> None:
        self.characters = characters
        self.deadline = time.monotonic() + seconds

    def charge(self, characters: int) -> None:
        self.characters -= characters
        if self.characters < 0:
            raise BudgetSpent("it writes too much: does a loop in it ever end?")

    def tick(self, characters: int) -> None:
        self.charge(characters)
        if time.monotonic() > self.deadline:
            raise BudgetSpent("it does not come to an end in time: does a loop in it ever end?")


_BUDGET: ContextVar[_Budget | None] = ContextVar("budget of the running template", default=None)


class BoundedTemplate:
    """A compiled chat template.

    Args:
        source: the Jinja text.
        limit_characters: of all that it writes and joins, in macros and variables too.
        limit_seconds: of one rendering.

    Raises:
        TemplateError, RecursionError: the source is no template
    """

    def __init__(
        self, source: str, *, limit_characters: int = LIMIT_CHARACTERS, limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        environment = _environment()
        self.tree: nodes.Template = environment.parse(source)
        charged = cast("nodes.Template", _Charges().visit(environment.parse(source)))
        self._template = environment.from_string(charged)
        self._limits = limit_characters, limit_seconds

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None,
        special_tokens: Mapping[str, Any],
        *,
        header: bool = False,
    ) -> str:
        """The text of a conversation in OpenAI's shape; with `header` the start of an answer is written behind it.

        Raises:
            BudgetSpent: it wrote too much or ran too long
            any of REFUSALS: the template refuses the conversation
        """
        set_before = _BUDGET.set(_Budget(*self._limits))
        try:
            return self._template.render(
                **special_tokens,
                messages=[_with_thoughts(each) for each in messages],
                tools=tools,
                documents=None,
                add_generation_prompt=header,
            )
        finally:
            _BUDGET.reset(set_before)


@lru_cache(maxsize=64)
def bounded_template(source: str) -> BoundedTemplate:
    """The compiled template of this text, kept: to compile one takes milliseconds."""
    return BoundedTemplate(source)


class _Charges(NodeTransformer):
    """Puts a charge at the start of every turn of a loop and every call of a macro, and around every `~`."""

    def visit_For(self, node: nodes.For) -> nodes.For:
        self._charge(node)
        return node

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        self._charge(node)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:
        self.generic_visit(node)
        return _call("charge_joined", nodes.List(node.nodes, lineno=node.lineno), node.lineno)

    def _charge(self, node: nodes.For | nodes.Macro) -> None:
        written = sum(len(each.data) for each in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        charge = _call("charge_turn", nodes.Const(written, lineno=node.lineno), node.lineno)
        node.body = [nodes.ExprStmt(charge, lineno=node.lineno), *node.body]


def _call(name: str, argument: nodes.Expr, line: int) -> nodes.Call:
    called = nodes.EnvironmentAttribute(name, lineno=line)
    return nodes.Call(called, [argument], [], None, None, lineno=line)


@lru_cache(maxsize=1)
def _environment() -> Any:
    from transformers.utils import chat_template_utils

    # Private, and the only way to all that transformers gives templates; a test compares what is written.
    compiled: Any = chat_template_utils._compile_jinja_template("")  # pyright: ignore[reportPrivateUsage]
    environment = compiled.environment.overlay(finalize=_charge_output)
    environment.intercepted_binops = frozenset(("+", "*", "**"))
    environment.binop_table = environment.binop_table | {"+": _add, "*": _multiply, "**": _power}
    environment.charge_turn = _charge_turn
    environment.charge_joined = _charge_joined
    return environment


def _with_thoughts(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Under both names that templates know, as transformers gives them."""
    thoughts = message.get("reasoning_content")
    return message if thoughts is None else {"thinking": thoughts, **message}


def _charge_turn(characters: int) -> None:
    budget = _BUDGET.get()
    if budget is not None:
        budget.tick(characters)


def _charge_output(value: Any) -> Any:
    budget = _BUDGET.get()
    if budget is not None and isinstance(value, str):
        budget.charge(len(value))
    return value


def _charge_joined(values: list[Any]) -> str:
    return str(_charge_output("".join(str(_charge_output(value)) for value in values)))


def _add(left: Any, right: Any) -> Any:
    made = left + right
    if isinstance(made, str):
        return _charge_output(made)
    return _short(made) if isinstance(made, list | tuple) else made


def _multiply(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int):
            length = len(cast("Sequence[Any]", one)) * other
            if length > (LIMIT_CHARACTERS if isinstance(one, str) else _LONGEST_LIST):
                raise BudgetSpent("it writes too much: a text is repeated too often")
    made = left * right
    if isinstance(made, int) and made.bit_length() > 1 << 16:
        raise BudgetSpent("it reckons with numbers that are too large")
    return _charge_output(made)


def _power(left: Any, right: Any) -> Any:
    if isinstance(right, int) and right > _LARGEST_POWER:
        raise BudgetSpent("it reckons with numbers that are too large")
    return left**right


def _short(made: Sequence[Any]) -> Sequence[Any]:
    if len(made) > _LONGEST_LIST:
        raise BudgetSpent("it makes a list that is too long")
    return made
