from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.conversation import talk_begins
from lianlu.prompt.file import PromptFile, moved, parse_file
from lianlu.prompt.framework import framework
from lianlu.prompt.modules import CHAIN, LANGGPT_MODULES
from lianlu.prompt.techniques import TECHNIQUES, added, with_detail, with_examples, with_vote

_LANGGPT = "---\nname: x\n---\n# Role: clerk\n\n## Rules\n1.be brief\n\n## Initialization\nHello.\n"
_COSTAR = "# CONTEXT #\nA shop.\n\n####\n\n# OBJECTIVE #\nWrite a note.\n\n####\n\n# RESPONSE #\nOne page.\n\n####\n\n# AUDIENCE #\nGuests.\n"
_CRISPE = "## Capacity and Role\n\nYou are a guide.\n\n## Statement\n\nPlan a walk.\n\n## Insight\n\nIt rains.\n"
_PLAIN = "Answer in one sentence.\n"
_WORDS = [name for name, each in TECHNIQUES.items() if each.words is not None]


def _applied(name: str, text: str) -> PromptFile:
    each = TECHNIQUES[name]
    assert each.words is not None
    file = parse_file(text, "x.md")
    return added(file, each.module, each.words_for(file), each.parts)


@pytest.mark.parametrize("name", _WORDS)
@pytest.mark.parametrize("text", [_LANGGPT, _COSTAR, _CRISPE, _PLAIN])
def test_what_was_written_keeps_every_line_and_the_words_are_sent(name: str, text: str) -> None:
    made = _applied(name, text)
    words = TECHNIQUES[name].words_for(parse_file(text))
    lines = iter(made.text.splitlines())
    assert all(line in lines for line in text.splitlines()), made.text
    sent = talk_begins(made, {}, "go")[0].text
    assert words.splitlines()[-1].lstrip("-0123456789. ")[:40] in sent


@pytest.mark.parametrize("name", _WORDS)
def test_a_new_module_stands_in_its_place_of_the_chain(name: str) -> None:
    made = _applied(name, _LANGGPT)
    places = {kind.name: CHAIN.index(kind.place) for kind in LANGGPT_MODULES}
    order = [places[module.name] for module in made.prompt.modules]
    assert order == sorted(order)
    assert TECHNIQUES[name].module in [module.name for module in made.prompt.modules]


def test_a_numbered_list_goes_on_counting() -> None:
    text = "# Role: x\n\n## Workflow\n1. read\n2. write\n\n## Initialization\nHi.\n"
    made = _applied("decompose", text)
    assert "2. write\n3. List the parts" in made.text


def test_words_stand_before_the_ruler_of_costar() -> None:
    made = _applied("explain", _COSTAR)
    assert "One page.\n\nFirst the reasons" in made.text
    assert made.text.index("First the reasons") < made.text.index("####\n\n# AUDIENCE")


def test_titles_stay_in_one_language() -> None:
    text = "# Role: 助手\n\n## Rules\n- 简短\n"
    assert "## In depth" in added(parse_file(text), "In-depth", "1. 想").text
    assert "## 深入思考" in added(parse_file(text.replace("Rules", "规则")), "In-depth", "1. 想").text


def test_examples_are_a_module_or_messages() -> None:
    cases = [Case(id="a", turns=(Turn(said="2+2?", good="4"),))]
    assert "- Input: 2+2?\n  Output: 4" in with_examples(parse_file(_LANGGPT), cases).text
    made = with_examples(parse_file(_PLAIN), cases)
    assert [(each.role, each.text) for each in talk_begins(made, {}, "3+3?")] == [
        ("system", "Answer in one sentence."),
        ("user", "2+2?"),
        ("assistant", "4"),
        ("user", "3+3?"),
    ]


@pytest.mark.parametrize("text", [_PLAIN, _LANGGPT, "---\nname: x\nvote: 3\n---\nHi.\n"])
def test_vote_is_written_into_the_front_matter(text: str) -> None:
    made = with_vote(parse_file(text))
    assert made.head.vote == 5
    assert made.text.count("vote:") == 1


def test_detail_gives_what_is_missing_a_place() -> None:
    made = with_detail(parse_file(_LANGGPT), ["Goal", "Example"], lambda name, _: f"- {name} filled")
    assert "- Goal filled" in made.text
    assert made.text.index("Goal filled") < made.text.index("be brief") < made.text.index("Example filled")


def test_a_prompt_of_maps_is_told_to_be_written_as_markdown_first() -> None:
    with pytest.raises(UsageError) as raised:
        added(parse_file('{"Role": "x"}', "x.json", syntax="json"), "Goal", "- x")
    assert raised.value.code == "prompt.only-markdown"


def test_a_file_that_moves_names_the_same_cases(tmp_path: Path) -> None:
    file = parse_file("---\ncases: sub/c.yaml\n---\nHi.\n", str(tmp_path / "p.md"))
    assert moved(file, tmp_path) == file.text
    assert moved(file, tmp_path / "out" / "deep") == "---\ncases: ../../sub/c.yaml\n---\nHi.\n"


_PLAIN_FORM = "Role: clerk\nRules:\n- be brief\n"


def test_a_prompt_of_word_and_value_lines_stays_one() -> None:
    made = _applied("decompose", _PLAIN_FORM)
    assert [module.name for module in made.prompt.modules] == ["Role", "Rules", "Workflow"]
    assert "Workflow:\n1. List the parts" in made.text


@pytest.mark.parametrize(("text", "part"), [(_COSTAR, "Context"), (_CRISPE, "Insight")])
def test_memory_is_a_sentence_where_no_module_acts(text: str, part: str) -> None:
    made = _applied("memory", text)
    module = made.prompt.module(part)
    assert module is not None
    assert "Throughout the talk" in module.text
    assert "Turns: 6" not in made.text


_NO_RESPONSE = "# CONTEXT #\nA shop.\n\n####\n\n# OBJECTIVE #\nA note.\n\n####\n\n# TONE #\nKind.\n\n####\n\n# AUDIENCE #\nGuests.\n"
_NO_STATEMENT = "## Capacity and Role\n\nA guide.\n\n## Insight\n\nRain.\n\n## Personality\n\nDry.\n"


@pytest.mark.parametrize(("text", "part"), [(_NO_RESPONSE, "Response"), (_NO_STATEMENT, "Statement")])
def test_a_part_that_another_framework_lacks_is_made_in_its_order(text: str, part: str) -> None:
    made = _applied("explain", text)
    standard = framework(made.prompt.framework).standard
    places = [standard.index(module.name) for module in made.prompt.modules]
    assert standard.index(part) in places
    assert places == sorted(places)


def test_detail_of_sentences_has_no_line_that_begins_a_part() -> None:
    lacking = ["Background", "Goal", "Constraints", "Example", "OutputFormat"]
    for text in (_COSTAR, _CRISPE):
        made = with_detail(parse_file(text), lacking)
        assert [each.name for each in made.prompt.modules] == [each.name for each in parse_file(text).prompt.modules]
    plain = with_detail(parse_file(_PLAIN), ["Goal", "Example"])
    assert [each.name for each in plain.prompt.modules] == ["Goal", "Example"]


def test_braces_and_role_lines_of_a_case_are_its_own_words() -> None:
    case = Case(id="a", turns=(Turn(said="fill {{name}}\nuser:\nhi", good="{{> /etc/hosts}}"),))
    for text in (_PLAIN, _LANGGPT):
        made = with_examples(parse_file(text), [case])
        assert made.variables.keys() <= {"input"}
        sent = talk_begins(made, {}, "go")
        assert "fill {{name}}" in "".join(each.text for each in sent)
        assert len(sent) in (2, 4)


@pytest.mark.parametrize(
    "make", [with_vote, lambda file: with_examples(file, []), lambda file: with_detail(file, ["Goal"])]
)
def test_maps_and_lists_are_never_broken(make: Callable[[PromptFile], PromptFile]) -> None:
    with pytest.raises(UsageError) as raised:
        make(parse_file('{"Role": "x"}', "x.json", syntax="json"))
    assert raised.value.code == "prompt.only-markdown"


def test_a_file_that_moves_names_the_same_includes_and_functions(tmp_path: Path) -> None:
    head = "---\ncases: 'my cases.yaml'\nassert:\n  - python: checks.py:short\n  - {python: \"/abs/c.py:f\"}\n---\n"
    file = parse_file(head + "{{> tone.md}} and \\{{> this}}\n", str(tmp_path / "p.md"))
    made = parse_file(moved(file, tmp_path / "out"), str(tmp_path / "out" / "p.md"))
    assert made.head.cases == "../my cases.yaml"
    assert made.head.asserts == ({"python": "../checks.py:short"}, {"python": "/abs/c.py:f"})
    assert made.text.endswith("{{> ../tone.md}} and \\{{> this}}\n")
