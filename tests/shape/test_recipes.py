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
