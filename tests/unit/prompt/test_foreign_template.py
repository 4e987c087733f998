from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.prompt.foreign.template import Engine, family, from_ours, is_plain_name, to_ours
from lianlu.prompt.render import fill, variables_of

_TOKENS = st.sampled_from(
    (
        *("{{a}}", "{{ b }}", "{{a.b}}", "{{#if a}}", "{{/if}}", "{{#each a}}", "{{/each}}", "{{this}}", "{{> p}}"),
        *("{% if a %}", "{% endif %}", "{% for a in b %}", "{% raw %}{{x}}{% endraw %}", "{# n #}", "{{ a | upper }}"),
        *("\\{{a}}", "{{!-- n --}}", "{{~a~}}", "{{{a}}}", " words ", "\n", "{", "}", "%", "\\", "{{", "}}"),
    )
)
_ENGINES = pytest.mark.parametrize("engine", ["jinja2", "nunjucks", "handlebars", "mustache"])


@_ENGINES
@given(pieces=st.lists(_TOKENS, max_size=8))
def test_any_text_says_the_same_after_going_there_and_back(engine: Engine, pieces: list[str]) -> None:
    text, code = to_ours("".join(pieces), engine)
    back, renamed = from_ours(text, engine, engine if code else "")
    again, code_again = to_ours(back, engine, verbatim=bool(code))
    assert (again, renamed) == (text, [])
    assert [each.text for each in code_again] == [each.text for each in code]


@_ENGINES
@given(pieces=st.lists(_TOKENS, max_size=8))
def test_no_word_of_foreign_code_becomes_a_variable(engine: Engine, pieces: list[str]) -> None:
    text, code = to_ours("".join(pieces), engine)
    if code and family(engine) == "handlebars":
        assert all(is_plain_name(name) for name in variables_of(text))


@pytest.mark.parametrize(
    ("engine", "text", "ours", "code"),
    [
        ("jinja2", "Hi {{ name }}", "Hi {{ name }}", []),
        ("jinja2", "{% if x %}{{ x }}{% endif %}", "{% if x %}{{ x }}{% endif %}", ["{% if x %}", "{% endif %}"]),
        ("jinja2", "{{ x | upper }}", "\\{{ x | upper }}", ["{{ x | upper }}"]),
        ("nunjucks", "{# note #}{{ a.b }}", "{# note #}\\{{ a.b }}", ["{# note #}", "{{ a.b }}"]),
        ("jinja2", "{% raw %}{{x}}{% endraw %}", "\\{{x}}", []),
        ("handlebars", "{{{x}}} \\{{y}}", "{{x}} \\{{y}}", []),
        ("handlebars", "{{#if x}}{{x}}{{/if}}", "\\{{#if x}}{{x}}\\{{/if}}", ["{{#if x}}", "{{/if}}"]),
        ("mustache", "{{#x}}{{y}}{{/x}}", "\\{{#x}}\\{{y}}\\{{/x}}", ["{{#x}}", "{{y}}", "{{/x}}"]),
        ("handlebars", '{{role "system"}}', '\\{{role "system"}}', ['{{role "system"}}']),
    ],
)
def test_variables_carry_over_and_code_is_kept_as_text(engine: Engine, text: str, ours: str, code: list[str]) -> None:
    read, found = to_ours(text, engine)
    assert (read, [each.text for each in found]) == (ours, code)


def test_what_is_kept_as_text_is_sent_as_it_stands() -> None:
    text, _ = to_ours("{{#if x}}{{x}}{{/if}}", "handlebars")
    assert fill(text, {"x": "1"}) == "{{#if x}}1{{/if}}"


@pytest.mark.parametrize(
    ("engine", "written"),
    [("jinja2", "{% raw %}{{a}}{% endraw %} {% raw %}{%{% endraw %} x %}"), ("handlebars", "\\{{a}} {% x %}")],
)
def test_literal_braces_of_ours_are_guarded(engine: Engine, written: str) -> None:
    assert from_ours("\\{{a}} {% x %}", engine, "")[0] == written


def test_a_name_that_no_template_reads_is_renamed() -> None:
    assert from_ours("{{setting 2}} {{名称}} {{this}}", "jinja2", "") == (
        "{{setting_2}} {{名称}} {{_this}}",
        ["setting 2", "this"],
    )


def test_a_hostile_text_is_read_in_linear_time() -> None:
    for text in ("{{" * 20_000, "{%" * 20_000, "{{a" * 20_000, "{% raw %}" * 5_000, "{{{" * 20_000):
        for engine in ("jinja2", "handlebars"):
            to_ours(text, engine)
