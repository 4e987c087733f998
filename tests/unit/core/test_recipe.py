"""Recipes: what YAML means here, where every key was written, and what each mistake is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from lianlu.core import recipe
from lianlu.core.errors import LianluError, LimitError, UsageError
from lianlu.core.recipe import COMMAND_LINE, Recipe, check, config_of, parse_tree, read_tree


class Index(Recipe):
    chunk_tokens: int = Field(200, ge=1, description="tokens of a chunk")
    language: Literal["en", "zh"] = Field("en", description="language")


class Source(Recipe):
    path: str = Field(description="the folder to read")
    index: Index | None = Field(None, description="how to index")


class Web(Recipe):
    address: str = Field(description="where")


class Work(Recipe):
    name: str = Field(description="name of the work")
    rate: float = Field(1e-4, description="how fast")
    sources: list[Source] = Field(default_factory=list, description="folders")
    by_name: dict[str, Source] = Field(default_factory=dict, description="folders by name")
    nested: dict[str, list[Index]] = Field(default_factory=dict, description="indexes")
    either: Source | Web | None = Field(None, description="one of two")
    limited: Annotated[Index | None, Field(description="annotated")] = None
    called: str = Field("", alias="from", description="a key that is a Python word")


def values(text: str, *overrides: str, **environment: str) -> dict[str, object]:
    return parse_tree(text, "f.yaml", overrides, environment).values


def refusal(text: str, *overrides: str, model: type[BaseModel] = Work) -> UsageError:
    with pytest.raises(UsageError) as caught:
        check(parse_tree(text, "f.yaml", overrides, {}), model, "work")
    return caught.value


# ---- what YAML means here


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.5E3", 1500.0),
        ("-3", -3),
        ("+3", 3),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1_000", 1000),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("2026-01-02", "2026-01-02"),
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
        ("2026-13-45", "2026-13-45"),
        ("12:30", "12:30"),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("3.11.7", "3.11.7"),
        ("链路", "链路"),
    ],
    ids=repr,
)
def test_a_scalar_is_read_as_yaml_1_2(text: str, value: object) -> None:
    read = values(f"key: {text}")["key"]
    assert read == value
    assert type(read) is type(value)


def test_an_anchored_boolean_stays_a_boolean() -> None:
    assert values("a: &on true\nb: *on") == {"a": True, "b": True}


def test_aliases_and_merged_maps_are_filled_in() -> None:
    text = "base: &b {x: 1, y: 2}\nc:\n  <<: *b\n  y: 3\nd: {<<: [{x: 5}, *b]}"
    assert values(text) == {"base": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}, "d": {"x": 5, "y": 2}}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "\n\n"])
def test_an_empty_file_is_an_empty_recipe(text: str) -> None:
    assert values(text) == {}


def test_keys_are_text_as_they_were_written() -> None:
    assert values("1: a\ntrue: b\nnull: c") == {"1": "a", "true": "b", "null": "c"}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=3),
        max_leaves=10,
    )
)
def test_json_is_read_as_it_stands(value: object) -> None:
    import json

    assert values(f"key: {json.dumps(value)}") == {"key": value}


# ---- what is refused, with its line


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("a: 1\nb: 2\na: 3", "recipe.duplicate-key", "f.yaml:3"),
        ("x:\n  a: 1\n  a: 1", "recipe.duplicate-key", "f.yaml:3"),
        ("1: a\n'1': b", "recipe.duplicate-key", "f.yaml:2"),
        ("a:\n\tb: 1", "recipe.not-yaml", "f.yaml:2"),
        ("a: 'x\n", "recipe.not-yaml", "f.yaml:2"),
        ("a: [1\nb: 2", "recipe.not-yaml", "f.yaml:2"),
        ("a: b: c", "recipe.not-yaml", "f.yaml:1"),
        ("a: 1\n---\nb: 2", "recipe.not-yaml", "f.yaml:2"),
        ("a: *absent", "recipe.not-yaml", "f.yaml:1"),
        ("a: 1\nb: !!python/object:os.system x", "recipe.not-yaml", "f.yaml:2"),
        ("a: !!binary aGk=", "recipe.not-yaml", "f.yaml:1"),
        ("? [a, b]\n: c", "recipe.not-yaml", "f.yaml:1"),
        ("a: &a [*a]", "recipe.not-yaml", "f.yaml:1"),
        ("x: 1\na: &a\n  b: *a", "recipe.not-yaml", "f.yaml:2"),
        ("a: " + "9" * 5000, "recipe.not-yaml", "f.yaml:1"),
        ('a: "\\ud800"', "recipe.not-yaml", "f.yaml:1"),
        ("a: \x00", "recipe.not-yaml", "f.yaml"),
        ("a: " + "[" * 3000 + "]" * 3000, "recipe.not-yaml", "f.yaml"),
        ("a: {<<: 1}", "recipe.not-yaml", "f.yaml:1"),
        ("- 1\n- 2", "recipe.not-a-map", "f.yaml:1"),
        ("just words", "recipe.not-a-map", "f.yaml:1"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_bad_yaml_is_refused_with_its_line(text: str, code: str, at: str) -> None:
    with pytest.raises(UsageError) as caught:
        values(text)
    assert (caught.value.code, caught.value.facts["at"]) == (code, at)
    assert caught.value.message("zh")


def test_a_bomb_of_aliases_ends_at_a_limit() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(LimitError) as caught:
        values("\n".join(lines))
    assert caught.value.code == "recipe.too-large"


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: |\n" + "  word\n" * 400_000)
    with pytest.raises(LimitError, match="too large"):
        read_tree(tmp_path / "a.yaml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no /dev/zero")
def test_an_endless_file_is_refused() -> None:
    with pytest.raises(LimitError, match="too large"):
        read_tree(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("content", "code", "at"),
    [
        ("name: 链路".encode("gbk"), "recipe.not-yaml", ":1"),
        (b"a: 1\nb: \xff", "recipe.not-yaml", ":2"),
        ("a: 1".encode("utf-16"), "recipe.not-yaml", ":1"),
    ],
    ids=["GBK", "stray byte", "UTF-16"],
)
def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path, content: bytes, code: str, at: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_tree(tmp_path / "a.yaml")
    assert caught.value.code == code
    assert caught.value.facts["at"].endswith(at)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfname: x")
    assert read_tree(tmp_path / "a.yaml").values == {"name": "x"}


def test_an_absent_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as absent:
        read_tree(tmp_path / "absent.yaml")
    with pytest.raises(UsageError) as folder:
        read_tree(tmp_path)
    assert (absent.value.code, folder.value.code) == ("file.missing", "file.unreadable")


# ---- extends


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_maps_of_an_extended_recipe_merge_and_lists_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, base="a: {x: 1, y: 2}\nb: [1, 2]\nc: 3", top="extends: base.yaml\na: {y: 9}\nb: [7]")
    assert read_tree(tmp_path / "top.yaml").values == {"a": {"x": 1, "y": 9}, "b": [7], "c": 3}


def test_every_key_knows_the_file_it_was_written_in(tmp_path: Path) -> None:
    write(tmp_path, base="\na:\n  x: 1\n  y: 2", top="extends: base.yaml\na:\n  y: 9")
    tree = read_tree(tmp_path / "top.yaml", ["a.z=1"])
    assert tree.at(("a", "x")) == f"{tmp_path}/base.yaml:3"
    assert tree.at(("a", "y")) == f"{tmp_path}/top.yaml:3"
    assert tree.at(("a", "z")) == COMMAND_LINE
    assert tree.at(("a", "y", "deeper")) == f"{tmp_path}/top.yaml:3"
    assert tree.at(("absent",)) == f"{tmp_path}/top.yaml:1"


def test_extends_is_read_relative_to_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, base="a: 1")
    write(tmp_path / "sub", middle="extends: ../base.yaml\nb: 2")
    write(tmp_path, top="extends: sub/middle.yaml\nc: 3")
    assert read_tree(tmp_path / "top.yaml").values == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("files", [{"a": "extends: a.yaml"}, {"a": "extends: b.yaml", "b": "extends: ./a.yaml"}])
def test_extends_in_a_circle_is_refused(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, **files)
    with pytest.raises(UsageError) as caught:
        read_tree(tmp_path / "a.yaml")
    assert caught.value.code == "recipe.extends-loop"


def test_links_that_lead_to_themselves_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    with pytest.raises(UsageError) as caught:
        read_tree(tmp_path / "a.yaml")
    assert caught.value.code == "file.unreadable"


@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("absent.yaml", "file.missing"),
        ("[a, b]", "recipe.bad-value"),
        ("''", "recipe.bad-value"),
        ('"a\\0b"', "recipe.bad-value"),
    ],
    ids=["absent", "list", "empty", "zero byte"],
)
def test_a_base_that_cannot_be_read_is_refused(tmp_path: Path, base: str, code: str) -> None:
    write(tmp_path, a=f"b: 1\nextends: {base}")
    with pytest.raises(UsageError) as caught:
        read_tree(tmp_path / "a.yaml")
    assert caught.value.code == code


def test_an_error_in_a_base_names_the_base(tmp_path: Path) -> None:
    write(tmp_path, base="name: x\nrte: 1", top="extends: base.yaml")
    with pytest.raises(UsageError) as caught:
        check(read_tree(tmp_path / "top.yaml"), Work, "work")
    assert caught.value.facts["at"] == f"{tmp_path}/base.yaml:2"


# ---- environment


@pytest.mark.parametrize(
    ("text", "environment", "value"),
    [
        ("${env:X}", {"X": "a"}, "a"),
        ("${env:X}", {"X": "3"}, 3),
        ("${env:X}", {"X": ""}, ""),
        ("${env:X:b}", {}, "b"),
        ("${env:X:b}", {"X": "a"}, "a"),
        ("${env:X:b}", {"X": ""}, ""),
        ("${env:X:}", {}, ""),
        ("${env:X:true}", {}, True),
        ("${env:X:http://h:1/v1}", {}, "http://h:1/v1"),
        ("p/${env:X:d}/q/${env:Y}", {"Y": "2"}, "p/d/q/2"),
        ("${env:X}", {"X": "a: b # c"}, "a: b # c"),
        ("${env:}", {}, "${env:}"),
    ],
    ids=str,
)
def test_the_environment_fills_values(text: str, environment: dict[str, str], value: object) -> None:
    read = values(f"a: ['{text}']", **environment)
    assert read == {"a": [value]}


def test_an_unset_variable_is_named_with_its_line() -> None:
    with pytest.raises(UsageError) as caught:
        values("a: 1\nb:\n  - ${env:ABSENT}")
    assert caught.value.code == "recipe.env-unset"
    assert caught.value.facts == {"at": "f.yaml:3", "variable": "ABSENT"}
    assert "${env:ABSENT:default}" in caught.value.hint()


def test_what_a_variable_holds_is_not_filled_again() -> None:
    assert values("a: ${env:X}", X="${env:Y}", Y="secret") == {"a": "${env:Y}"}


# ---- overrides


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("a=2", {"a": 2, "l": [1, {"x": 1}], "m": {"k": 1}}),
        ("a=1e-4", {"a": 1e-4, "l": [1, {"x": 1}], "m": {"k": 1}}),
        ("m.k=two", {"a": 1, "l": [1, {"x": 1}], "m": {"k": "two"}}),
        ("m.new.deep=x", {"a": 1, "l": [1, {"x": 1}], "m": {"k": 1, "new": {"deep": "x"}}}),
        ("l.0=5", {"a": 1, "l": [5, {"x": 1}], "m": {"k": 1}}),
        ("l.1.x=7", {"a": 1, "l": [1, {"x": 7}], "m": {"k": 1}}),
        ("l=[1, a]", {"a": 1, "l": [1, "a"], "m": {"k": 1}}),
        ("m={k: 2}", {"a": 1, "l": [1, {"x": 1}], "m": {"k": 2}}),
        ("a=null", {"a": None, "l": [1, {"x": 1}], "m": {"k": 1}}),
        ("a=", {"a": "", "l": [1, {"x": 1}], "m": {"k": 1}}),
        ("a=b=c", {"a": "b=c", "l": [1, {"x": 1}], "m": {"k": 1}}),
        ("a='2'", {"a": "2", "l": [1, {"x": 1}], "m": {"k": 1}}),
    ],
)
def test_an_override_sets_one_key(override: str, value: dict[str, object]) -> None:
    assert values("a: 1\nl: [1, {x: 1}]\nm: {k: 1}", override) == value


@pytest.mark.parametrize(
    "typed",
    ["xtuner: what is it?", "is C# here?", "what # of pages", "- dash", "* star", "[1] is cited", "@name", "50%",
     "{half", "什么是 RAG？", "a: [b", "2026-01-02", "yes", " padded ", "|", "#", "&a", "!tag x"],
)  # fmt: skip
def test_a_typed_sentence_arrives_as_it_was_typed(typed: str) -> None:
    assert values("", f"question={typed}") == {"question": typed}


@given(st.text(max_size=30))
def test_any_typed_value_is_taken_without_a_crash(typed: str) -> None:
    assert "question" in values("", f"question={typed}")


@pytest.mark.parametrize(
    "override", ["a", "=1", "", ".=1", "a..b=1", "a.=1", "l.9=1", "l.x=1", "l.²=1", "l.-1=1", "a.b=1"]
)
def test_an_override_that_sets_nothing_is_refused(override: str) -> None:
    with pytest.raises(UsageError) as caught:
        values("a: 1\nl: [1]", override)
    assert caught.value.code == "recipe.bad-override"
    assert repr(override) in caught.value.message()


def test_overrides_apply_in_their_order_and_win_over_the_environment() -> None:
    assert values("a: ${env:X}", "a=1", "a=2", X="0") == {"a": 2}


# ---- checking


@pytest.mark.parametrize(
    ("text", "at", "inside", "hint"),
    [
        ("name: x\nrte: 1", "f.yaml:2", "work", "did you mean 'rate'?"),
        ("rat: 1", "f.yaml:1", "work", "did you mean 'rate'?"),
        ("name: x\nsources:\n  - path: a\n    idnex: {}", "f.yaml:4", "work.sources.0", "did you mean 'index'?"),
        ("name: x\nsources: [{path: a, index: {languag: zh}}]", "f.yaml:2", "work.sources.0.index", "did you mean 'language'?"),
        ("name: x\nby_name:\n  b:\n    path: a\n    idx: {}", "f.yaml:5", "work.by_name.b", "did you mean 'index'?"),
        ("name: x\nnested:\n  k:\n    - chunk_token: 3", "f.yaml:4", "work.nested.k.0", "did you mean 'chunk_tokens'?"),
        ("name: x\nlimited: {chunk_tokns: 1}", "f.yaml:2", "work.limited", "did you mean 'chunk_tokens'?"),
        ("name: x\neither: {adress: a}", "f.yaml:2", "work.either", "did you mean 'address'?"),
        ("name: x\nform: y", "f.yaml:2", "work", "did you mean 'from'?"),
        ("name: x\nzzzz: 1", "f.yaml:2", "work", "known: by_name, either, from, limited, name, nested, rate, sources"),
    ],
    ids=lambda value: value[:40],
)  # fmt: skip
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_key(text: str, at: str, inside: str, hint: str) -> None:
    error = refusal(text)
    assert error.code == "recipe.unknown-key"
    assert (error.facts["at"], error.facts["recipe"], error.hint()) == (at, inside, hint)


def test_an_unknown_key_of_the_command_line_says_so() -> None:
    assert refusal("name: x", "index.tokens=3").message() == "command line: work has no key 'index'"


@pytest.mark.parametrize(
    ("text", "at", "key", "expected"),
    [
        ("rate: 1", "f.yaml:1", "name", "name of the work"),
        ("name: x\nsources:\n  - index: {}", "f.yaml:3", "sources.0.path", "the folder to read"),
        ("name: x\nby_name:\n  b: {}", "f.yaml:3", "by_name.b.path", "the folder to read"),
    ],
)
def test_a_missing_key_is_named_with_its_description(text: str, at: str, key: str, expected: str) -> None:
    error = refusal(text)
    assert error.code == "recipe.missing-key"
    assert (error.facts["at"], error.facts["key"], error.facts["expected"]) == (at, key, expected)


@pytest.mark.parametrize(
    ("text", "at", "key", "value"),
    [
        ("name: x\nrate: fast", "f.yaml:2", "rate", "'fast'"),
        ("name: [x]", "f.yaml:1", "name", "['x']"),
        ("name: x\nsources: a", "f.yaml:2", "sources", "'a'"),
        ("name: x\nsources:\n  - a", "f.yaml:3", "sources.0", "'a'"),
        ("name: x\nlimited:\n  chunk_tokens: 0", "f.yaml:3", "limited.chunk_tokens", "0"),
        ("name: x\nlimited:\n  language: fr", "f.yaml:3", "limited.language", "'fr'"),
        ("name: " + repr(["y" * 200]), "f.yaml:1", "name", "['" + "y" * 75 + "…"),
        ("name: x\neither: {path: 1}", "f.yaml:2", "either.path", "1"),
        ("name: x\neither: {address: 1}", "f.yaml:2", "either.address", "1"),
    ],
    ids=lambda value: value[:40],
)
def test_a_bad_value_is_named_with_its_line_and_shown_short(text: str, at: str, key: str, value: str) -> None:
    error = refusal(text)
    assert error.code == "recipe.bad-value"
    assert (error.facts["at"], error.facts["key"], error.facts["value"]) == (at, key, value)
    assert error.message("zh").startswith(f"{at}：{key}")


def test_a_good_recipe_becomes_its_frozen_class() -> None:
    work = check(parse_tree("name: x\nsources: [{path: a}]\nfrom: b", "f.yaml"), Work, "work")
    assert (work.sources[0].path, work.rate, work.called) == ("a", 1e-4, "b")
    with pytest.raises(ValueError, match="frozen"):
        work.name = "y"  # type: ignore[misc]


def test_a_part_of_a_tree_keeps_its_places() -> None:
    tree = parse_tree("a:\n  - x: 1\n    y: {z: 2}", "f.yaml")
    part = tree.sub("a", 0)
    assert (part.values, part.at(("y", "z")), part.origin) == ({"x": 1, "y": {"z": 2}}, "f.yaml:3", "f.yaml:2")


def test_an_unknown_kind_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        config_of("chian", "f.yaml:1")
    assert caught.value.message() == "f.yaml:1: there is no kind of recipe 'chian'"
    assert caught.value.hint() == "did you mean 'chain'?"


def test_shipped_recipes_are_named_by_their_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rag").mkdir()
    write(tmp_path, demo="")
    write(tmp_path / "rag", handbook="")
    monkeypatch.setattr(recipe, "recipe_roots", lambda: [tmp_path])
    assert list(recipe.shipped()) == ["demo", "rag/handbook"]


@given(st.binary(max_size=60))
def test_any_bytes_are_a_recipe_or_an_error_with_a_code(content: bytes) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"lianlu-recipe-{os.getpid()}.yaml"
    path.write_bytes(content)
    try:
        read_tree(path, environment={})
    except LianluError as error:
        if not error.code.startswith("recipe."):
            raise
    finally:
        path.unlink()
