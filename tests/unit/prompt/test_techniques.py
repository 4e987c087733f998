from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.conversation import talk_begins
from lianlu.prompt.file import PromptFile, moved, parse_file
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
    return added(parse_file(text, "x.md"), each.module, each.words.show("en"), each.parts)


@pytest.mark.parametrize("name", _WORDS)
@pytest.mark.parametrize("text", [_LANGGPT, _COSTAR, _CRISPE, _PLAIN])
def test_what_was_written_keeps_every_line_and_the_words_are_sent(name: str, text: str) -> None:
    made = _applied(name, text)
    words = TECHNIQUES[name].words
    assert words is not None
    lines = iter(made.text.splitlines())
    assert all(line in lines for line in text.splitlines()), made.text
    sent = talk_begins(made, {}, "go")[0].text
    assert words.en.splitlines()[-1].lstrip("-0123456789. ")[:40] in sent


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
    assert "One page.\n\n- First the reasons" in made.text
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
