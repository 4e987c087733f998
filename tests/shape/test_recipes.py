"""Every recipe that is shipped validates and tells in both languages what it does."""

from __future__ import annotations

import pytest

from lianlu.cli.recipe import check_file
from lianlu.core.recipe import read_tree, shipped


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_validates(name: str) -> None:
    assert check_file(shipped()[name])


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_recipe_has_a_title_in_both_languages(name: str) -> None:
    title = read_tree(shipped()[name]).values["title"]
    assert set(title) == {"en", "zh"}
    assert all(title.values())


def test_the_demo_begins_as_the_chain_of_answers_does() -> None:
    """So that its first half is taken from the cache, whichever of the two ran first."""
    demo, answers = (read_tree(shipped()[name]).values for name in ("demo", "answers"))
    first = {name: step for name, step in answers["steps"].items() if name != "report"}
    assert {name: demo["steps"][name] for name in first} == first
    assert {name: demo["params"][name] for name in answers["params"]} == answers["params"]
