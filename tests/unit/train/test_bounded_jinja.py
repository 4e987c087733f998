"""A chat template that never ends or eats memory is an error in time; all others write what transformers writes."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("transformers")

from lianlu.train.bounded_jinja import REFUSALS, BoundedTemplate, BudgetSpent

TALK = [{"role": "user", "content": "hi"}]
NESTED = "{% for i in range(100000) %}{% for j in range(100000) %}BODY{% endfor %}{% endfor %}"
AGAIN = "{% set ns = namespace(x='ab') %}{% for i in range(100) %}BODY{% endfor %}"
GREEDY = {
    "empty loops": NESTED.replace("BODY", ""),
    "filtered loops": "{% for i in range(100000) %}{% for j in range(100000) if j < 0 %}{% endfor %}{% endfor %}",
    "much text": NESTED.replace("BODY", "x" * 500),
    "much text in a macro": "{% macro m() %}" + NESTED.replace("BODY", "x" * 500) + "{% endmacro %}{{ m() }}",
    "macros that call themselves twice": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
    "{{ m(60) }}",
    "joined": AGAIN.replace("BODY", "{% set ns.x = ns.x ~ ns.x %}"),
    "added": AGAIN.replace("BODY", "{% set ns.x = ns.x + ns.x %}"),
    "set": AGAIN.replace("BODY", "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}"),
    "lists": AGAIN.replace("'ab'", "[1]").replace("BODY", "{% set ns.x = ns.x + ns.x %}"),
    "repeated": "{{ 'a' * 10 ** 10 }}",
    "powers": "{{ 3 ** 1000000000 }}",
    "products": AGAIN.replace("'ab'", "3").replace("BODY", "{% set ns.x = ns.x * ns.x %}"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_template_without_an_end_is_stopped(name: str) -> None:
    template = BoundedTemplate(GREEDY[name], limit_seconds=0.3)
    started = time.monotonic()
    with pytest.raises(BudgetSpent):
        template.render(TALK, None, {})
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "source",
    ["{% for i in range(10**9) %}x{% endfor %}", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ 1 // 0 }}"],
    ids=["range", "recursion", "division"],
)
def test_what_python_or_the_sandbox_refuses_is_a_refusal(source: str) -> None:
    with pytest.raises(REFUSALS):
        BoundedTemplate(source).render(TALK, None, {})


def test_limits_are_those_of_one_rendering() -> None:
    template = BoundedTemplate("{% for m in messages %}{{ m['content'] }}{% endfor %}", limit_characters=100)
    for _ in range(3):
        assert template.render([{"role": "user", "content": "x" * 90}], None, {}) == "x" * 90
    with pytest.raises(BudgetSpent):
        template.render([{"role": "user", "content": "x" * 101}], None, {})


WRITTEN = {
    "sums": "{{ 1 + 2 }} {{ 'a' + 'b' }} {{ 'a' * 3 }} {{ [1] + [2] }} {{ 2 ** 5 }} {{ 'a' ~ 1 ~ none }} {{ 2 * 1.5 }}",
    "loops": "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ loop.index }}{% break %}{% endfor %}",
    "empty loops": "{% for m in [] %}x{% else %}none{% endfor %}",
    "macros": "{% macro m(a, b='y') %}{{ a }}{{ b }}{{ caller() if caller }}{% endmacro %}{{ m('x') }}{% call m(1) %}z{% endcall %}",
    "blocks": "  {% if true %}  \n  x\n  {% endif %}\n {%- generation %} y {% endgeneration %}{% set a %}q{% endset %}{{ a }}",
    "undefined": "{{ nothing }}|{{ messages[0].nothing or '-' }}|{{ documents }}|{{ tools is none }}|{{ bos_token }}",
    "json": "{{ messages | tojson }}{{ {'a': '<é>'} | tojson(indent=2) }}",
    "thoughts": "{% for m in messages %}{{ m.thinking }}/{{ m.reasoning_content }};{% endfor %}",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_other_templates_write_what_transformers_writes(name: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "<hi> 'é\""},
        {"role": "assistant", "content": "y", "reasoning_content": "hm"},
    ]
    made = BoundedTemplate(WRITTEN[name]).render(messages, None, {"bos_token": "<s>"}, header=True)
    rendered, _ = render_jinja_template(
        [messages], chat_template=WRITTEN[name], add_generation_prompt=True, bos_token="<s>"
    )
    assert made == rendered[0]
