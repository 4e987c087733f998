from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

import lianlu
from lianlu.core.errors import DataError
from lianlu.extract.code import read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import source_of


def code(text: str, name: str = "pkg/mod.py") -> Document:
    content = dedent(text).encode()
    return read(content, source_of(content, name), ReadConfig())


def sections(document: Document) -> list[tuple[str, str]]:
    """Each listing under the heading above it."""
    found: list[tuple[str, str]] = []
    for block in document.blocks:
        if block.kind == "heading":
            found.append((block.markdown, ""))
        else:
            found[-1] = (found[-1][0], found[-1][1] + block.markdown)
    return found


def test_definitions_of_python_stand_under_their_names() -> None:
    found = sections(
        code(
            '''\
            """What it does."""
            import os

            LIMIT = 3

            # Above.
            @cached
            def first(x):
                return x

            class Small:
                def method(self): ...
            '''
        )
    )
    assert found == [
        ("# mod.py", '```python\n"""What it does."""\nimport os\n\nLIMIT = 3\n```'),
        ("## first", "```python\n# Above.\n@cached\ndef first(x):\n    return x\n```"),
        ("## Small", "```python\nclass Small:\n    def method(self): ...\n```"),
    ]


def test_a_long_class_is_cut_at_its_methods() -> None:
    body = "\n".join(f"    line_{at} = {at}" for at in range(45))
    found = sections(code(f"class Long:\n    '''Doc.'''\n{body}\n\n    def method(self):\n        return 1\n"))
    assert [title for title, _ in found] == ["# mod.py", "## Long", "### Long.method"]
    assert found[2][1] == "```python\n    def method(self):\n        return 1\n```"


def test_what_python_cannot_parse_is_cut_at_the_margin() -> None:
    found = sections(code("print 'old'\n\ndef first(x):\n    print x\n\nclass Other:\n    pass\n"))
    assert [title for title, _ in found] == ["# mod.py", "## first", "## Other"]


@pytest.mark.parametrize(
    ("name", "text", "titles"),
    [
        ("a.ts", "import x\n\nexport async function load(a) {\n}\n\nexport interface Shape {\n}\n", ["load", "Shape"]),
        ("a.go", "package main\n\nfunc (s *Set) Add(x int) {\n}\n", ["main", "(s *Set) Add"]),
        ("a.rs", "pub struct Row {\n}\n\nimpl Row {\n    fn new() {}\n}\n", ["Row", "Row"]),
        ("a.c", "#include <a.h>\n\nstatic int *find(int x)\n{\n}\n\nint y = f(2);\n", ["find"]),
        ("a.java", "import a;\n\npublic class Main {\n  void run() {}\n}\n", ["Main"]),
        ("a.sql", "CREATE TABLE users (\n id int\n);\n\ncreate view v as select 1;\n", ["users", "v"]),
        ("a.toml", "[project]\nname = 1\n" + "x = 1\n" * 9 + "\n[tool.ruff]\ny = 2\n", ["project", "tool.ruff"]),
        ("Makefile", "all: a\n\tcc a\n", []),
        ("k.yaml", "a: 1\n", ["a"]),
    ],
)
def test_other_languages_are_cut_where_something_is_defined(name: str, text: str, titles: list[str]) -> None:
    found = code(text, name)
    assert [block.markdown.lstrip("# ") for block in found.blocks if block.kind == "heading"][1:] == titles
    lines = [line for line in text.splitlines() if line.strip()]
    assert all(line in found.markdown for line in lines)


def test_every_listing_is_the_lines_it_says() -> None:
    for path in sorted(Path(lianlu.__file__).parent.glob("*/*.py"))[::9]:
        content = path.read_bytes()
        text = content.decode()
        document = read(content, source_of(content, path.name), ReadConfig())
        listings = [block for block in document.blocks if block.kind == "code"]
        lines: set[int] = set()
        for block in listings:
            assert block.span is not None
            assert block.span.first_line is not None
            assert block.span.last_line is not None
            inside = "\n".join(text.split("\n")[block.span.first_line - 1 : block.span.last_line])
            assert block.markdown.split("\n", 1)[1].rsplit("\n", 1)[0] == inside.rstrip()
            lines |= set(range(block.span.first_line, block.span.last_line + 1))
        assert all(at in lines for at, line in enumerate(text.split("\n"), start=1) if line.strip()), path


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("app.min.js", "var a=1;" * 10_000, "extract.generated"),
        ("app.js", "var a=1;" * 10_000, "extract.generated"),
        ("small.min.css", "a{b:c}" * 100, "extract.generated"),
        ("package-lock.json", '{\n "a": 1\n}', "extract.lock-file"),
        ("a.py", "\n\n  \n", "extract.no-content"),
    ],
)
def test_what_nobody_wrote_is_refused(name: str, text: str, why: str) -> None:
    with pytest.raises(DataError) as caught:
        code(text, name)
    assert caught.value.code == why
    assert caught.value.message("zh")
    assert caught.value.hint("en")


def test_deep_nesting_does_not_end_the_reader() -> None:
    assert code("x = " + "(" * 3000 + ")" * 3000).blocks
