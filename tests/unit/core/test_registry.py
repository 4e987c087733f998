"""Names: built in, from plug-ins of other packages, misspelt, claimed twice, broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import python
from lianlu.builtins import BUILTINS
from lianlu.core import registry
from lianlu.core.errors import UsageError

SCRIPT = """
import sys
from lianlu.core import registry
from lianlu.core.errors import LianluError
try:
    print(registry.find(*sys.argv[1:3]))
except LianluError as error:
    print(error.code, '|', error.message(), '|', error.hint())
print(registry.names(sys.argv[1]))
"""


def dist(folder: Path, package: str, points: str, source: str = "") -> Path:
    """A package as pip leaves it: a module and a dist-info folder with entry points."""
    place = folder / package
    place.mkdir(parents=True)
    (place / f"{package}.py").write_text(source)
    about = place / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(points)
    return place


def found(group: str, name: str, *places: Path) -> list[str]:
    done = python(["-c", SCRIPT, group, name], PYTHONPATH=":".join(map(str, places)))
    assert done.code == 0, done.err
    return done.out.splitlines()


def test_a_plug_in_of_another_package_is_found_by_its_name(tmp_path: Path) -> None:
    place = dist(tmp_path, "tea", "[lianlu.reader]\noolong = tea:read\n", "read = 'poured'\n")
    value, listed = found("reader", "oolong", place)
    assert value == "poured"
    assert "'oolong'" in listed
    assert "'markdown'" in listed


def test_a_name_that_two_packages_claim_is_an_error_naming_both(tmp_path: Path) -> None:
    places = [
        dist(tmp_path, package, f"[lianlu.reader]\noolong = {package}:read\n", "read = 1\n")
        for package in ("tea", "coffee")
    ]
    said = found("reader", "oolong", *places)[0]
    assert said.startswith("registry.claimed-twice")
    assert "tea:read" in said
    assert "coffee:read" in said


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import absent_package_of_lianlu\n", "ModuleNotFoundError"),
        ("", "AttributeError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("def\n", "SyntaxError"),
    ],
    ids=["import", "attribute", "runtime", "syntax"],
)
def test_a_broken_plug_in_is_named_with_its_reason(tmp_path: Path, source: str, why: str) -> None:
    place = dist(tmp_path, "tea", "[lianlu.reader]\noolong = tea:read\n", source)
    said = found("reader", "oolong", place)[0]
    assert said.startswith("registry.broken-plugin")
    assert "tea:read" in said
    assert why in said


def test_a_plug_in_may_raise_an_error_of_the_tree_and_keeps_its_words(tmp_path: Path) -> None:
    source = "from lianlu.core.extras import require\nread = require('absent_package_of_lianlu', 'tea')\n"
    place = dist(tmp_path, "tea", "[lianlu.reader]\noolong = tea:read\n", source)
    assert found("reader", "oolong", place)[0].startswith("extra.missing")


def test_a_plug_in_cannot_shadow_what_is_built_in_but_the_claim_is_seen(tmp_path: Path) -> None:
    place = dist(tmp_path, "tea", "[lianlu.recipe]\nchain = tea:x\n", "x = 'stolen'\n")
    script = "from lianlu.core import registry; print(registry.claims('recipe')['chain'])"
    assert python(["-c", script], PYTHONPATH=str(place)).out == "['lianlu.chain.recipe:ChainRecipe', 'tea:x']\n"


def test_a_misspelt_name_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError) as caught:
        registry.find("reader", "markdwon")
    assert caught.value.message() == "there is no reader 'markdwon'"
    assert caught.value.hint() == "did you mean 'markdown'?"


def test_an_unknown_group_knows_no_names() -> None:
    with pytest.raises(UsageError) as caught:
        registry.find("teapot", "x")
    assert caught.value.hint() == "known: none"
    assert registry.names("teapot") == []


def test_a_name_that_an_extra_offers_gets_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._offered(), "backend", {"elsewhere": "torch"})
    with pytest.raises(UsageError) as caught:
        registry.find("backend", "elsewhere")
    assert caught.value.hint() == "pip install 'lianlu[torch]'"


def test_listing_names_imports_nothing() -> None:
    script = (
        "import sys; from lianlu.core import registry\n"
        "for group in registry.groups(): registry.names(group)\n"
        "print(sorted(name for name in sys.modules if name.startswith('lianlu.')))"
    )
    loaded = python(["-c", script]).out
    assert "lianlu.builtins" in loaded
    assert not any(f"lianlu.{room}" in loaded for room in ("extract", "rag", "llm", "chain", "prompt"))


def test_groups_are_those_of_the_static_table() -> None:
    assert registry.groups() == tuple(BUILTINS)
