"""Every module of A to Z: its titles and aliases are found, what a new one begins with is written, read and acts."""

from __future__ import annotations

import pytest

from lianlu.core.i18n import Language
from lianlu.prompt import A_TO_Z, CHAIN, Kind, framework, parse, parse_file, render
from lianlu.prompt.behaviour import behaviour_of
from lianlu.prompt.modules import RUNS, Names
from lianlu.prompt.skeleton import skeleton
from lianlu.prompt.starters import STARTERS

LANGUAGES: tuple[Language, ...] = ("en", "zh")


def test_there_are_thirty() -> None:
    assert len(A_TO_Z) == 30


@pytest.mark.parametrize("kind", A_TO_Z, ids=lambda kind: kind.name)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_module_is_written_in_both_languages_and_read_again(kind: Kind, language: Language) -> None:
    text = skeleton("clerk", framework("langgpt"), [kind.name], language)
    read = parse_file(text).prompt
    module = read.module(kind.name)
    assert module is not None
    assert module.title == kind.title.show(language)
    if kind.name != "Role":
        starter = STARTERS[kind.name].show(language)
        assert [line.strip() for line in starter.splitlines()] == [
            line.strip() for line in module.source.splitlines()[1:] if line.strip()
        ]
    assert parse(render(read)) == parse(render(parse(render(read))))


@pytest.mark.parametrize("kind", A_TO_Z, ids=lambda kind: kind.name)
def test_a_module_is_found_by_all_its_names_and_has_a_place_in_the_chain(kind: Kind) -> None:
    names = Names(A_TO_Z)
    for spelling in (kind.name, kind.title.en, kind.title.zh, *kind.aliases):
        found = names.find(spelling)
        assert found is not None
        assert found.name == kind.name, spelling
    assert kind.place in CHAIN


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_new_module_begins_with_makes_it_act(language: Language) -> None:
    text = skeleton("clerk", framework("langgpt"), sorted(RUNS), language)
    how = behaviour_of(parse_file(text))
    assert (len(how.roles), how.memory_turns, len(how.memory), len(how.needs), how.most_asked) == (3, 6, 2, 2, 3)
    assert (how.threshold, bool(how.unsure_say), bool(how.fail_say), how.quotes) == (0.7, True, True, True)
