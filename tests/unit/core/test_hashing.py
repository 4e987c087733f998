"""Hashes: equal things alike, different things apart, and code that matters counted."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT, python
from lianlu.core.hashing import canonical_json, code_fingerprint, digest, sha256_bytes, sha256_file, short_id

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path, size: int) -> None:
    content = bytes(size)
    (tmp_path / "a").write_bytes(content)
    assert sha256_file(tmp_path / "a") == sha256_bytes(content) == hashlib.sha256(content).hexdigest()


@given(st.lists(st.text(max_size=4), max_size=4), st.lists(st.text(max_size=4), max_size=4))
def test_different_lists_of_parts_have_different_digests(left: list[str], right: list[str]) -> None:
    assert (digest(*left) == digest(*right)) == (left == right)


def test_text_is_hashed_as_utf8_and_an_id_is_its_beginning() -> None:
    assert digest("链路") == digest("链路".encode())
    assert short_id("a") == digest("a")[:24]


@given(json_values)
def test_canonical_json_does_not_see_the_order_of_keys(value: object) -> None:
    def turned(node: object) -> object:
        if isinstance(node, dict):
            return {key: turned(each) for key, each in reversed(node.items())}
        return [turned(each) for each in node] if isinstance(node, list) else node

    assert canonical_json(turned(value)) == canonical_json(value)


@pytest.mark.parametrize(("left", "right"), [(1, True), (1, 1.0), (None, "null"), ([], {}), ("1", 1)])
def test_canonical_json_keeps_types_apart(left: object, right: object) -> None:
    assert canonical_json(left) != canonical_json(right)


@pytest.fixture
def copied_source(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    for room in ("records", "core", "text"):
        shutil.copytree(ROOT / "src" / "lianlu" / room, tmp_path / "lianlu" / room, ignore=ignored)
    for name in ("__init__.py", "builtins.py"):
        shutil.copy(ROOT / "src" / "lianlu" / name, tmp_path / "lianlu" / name)
    room = tmp_path / "lianlu" / "brew"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "step.py").write_text("def run():\n    from lianlu.text import ready\n    from lianlu.core import job\n")
    (room / "found_by_name.py").write_text("x = 1\n")
    (tmp_path / "lianlu" / "text" / "__init__.py").write_text("")
    (tmp_path / "lianlu" / "text" / "ready.py").write_text("from lianlu.text.lower import y\n")
    (tmp_path / "lianlu" / "text" / "lower.py").write_text("y = 1\n")
    (tmp_path / "lianlu" / "text" / "unrelated.py").write_text("z = 1\n")
    return tmp_path


def fingerprint(source: Path, module: str = "lianlu.brew.step") -> str:
    script = f"from lianlu.core.hashing import code_fingerprint; print(code_fingerprint({module!r}))"
    done = python(["-c", script], PYTHONPATH=str(source), cwd=source)
    assert done.code == 0, done.err
    return done.out.strip()


@pytest.mark.parametrize(
    ("name", "matters"),
    [
        ("brew/step.py", True),
        ("brew/found_by_name.py", True),
        ("text/ready.py", True),
        ("text/lower.py", True),
        ("text/unrelated.py", False),
        ("core/job.py", False),
        ("builtins.py", False),
    ],
)
def test_a_fingerprint_changes_with_the_code_that_a_step_computes_with(
    copied_source: Path, name: str, matters: bool
) -> None:
    before = fingerprint(copied_source)
    changed = copied_source / "lianlu" / name
    changed.write_text(changed.read_text() + "\n# changed\n")
    assert (fingerprint(copied_source) != before) == matters


def test_a_fingerprint_does_not_depend_on_where_lianlu_lies(copied_source: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(copied_source / "lianlu", moved / "lianlu")
    assert fingerprint(moved) == fingerprint(copied_source)


def test_a_module_outside_lianlu_is_hashed_alone(tmp_path: Path) -> None:
    assert code_fingerprint("json") != code_fingerprint("ast")
    assert code_fingerprint("no.such.module") == code_fingerprint("another.absent")


def test_hashing_code_imports_none_of_it() -> None:
    code = (
        "import sys; from lianlu.core.hashing import code_fingerprint; "
        "print(code_fingerprint('lianlu.model.step'), 'torch' in sys.modules, 'lianlu.model.merge' in sys.modules)"
    )
    done = python(["-c", code])
    assert done.out.split()[1:] == ["False", "False"], done.err
