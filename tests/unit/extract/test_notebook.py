from __future__ import annotations

import json
from typing import Any

import pytest

from lianlu.core.errors import DataError
from lianlu.extract.notebook import fenced, read
from lianlu.extract.reader import ReadConfig
from lianlu.records import Document
from made_files import source_of


def notebook(book: Any) -> Document:
    content = book if isinstance(book, bytes) else json.dumps(book).encode()
    return read(content, source_of(content, "a.ipynb"), ReadConfig())


def cell(kind: str, source: Any, **more: Any) -> dict[str, Any]:
    return {"cell_type": kind, "source": source, **more}


def test_cells_become_text_code_and_what_was_printed() -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["loss 0.5\n", "\x1b[31mdone\x1b[0m\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["42"], "text/html": ["<b>42</b>"]}},
        {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": ["<Figure size 1x1>"]}},
        {"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": ["long"]},
    ]
    found = notebook(
        {
            "nbformat": 4,
            "metadata": {"language_info": {"name": "julia"}},
            "cells": [
                cell("markdown", ["# 训练\n", "\n", "Some *words*.\n", "\n", "- a\n", "- b"]),
                cell("code", "println(1)\n", outputs=outputs),
                cell("raw", "as it is"),
                cell("code", "  \n", outputs=[]),
            ],
        }
    )
    assert [(block.kind, block.markdown) for block in found.blocks] == [
        ("heading", "# 训练"),
        ("para", "Some *words*."),
        ("list", "- a\n- b"),
        ("code", "```julia\nprintln(1)\n```"),
        ("code", "```text\nloss 0.5\ndone\n```"),
        ("code", "```text\n42\n```"),
        ("code", "```text\nKeyError: 'x'\n```"),
        ("para", "as it is"),
    ]
    assert found.title == "训练"
    assert found.meta == {"code_language": "julia", "images_left_out": 1}


def test_notebooks_of_the_third_format_are_read() -> None:
    old = {
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": "Old"},
                    {"cell_type": "code", "language": "python", "input": ["print(1)"], "outputs": []},
                ]
            }
        ],
    }
    assert notebook(old).markdown == "## Old\n\n```python\nprint(1)\n```"


def test_images_of_all_kinds_are_counted_and_left_out() -> None:
    found = notebook(
        {
            "cells": [
                cell("markdown", "![kiln](attachment:a.png)", attachments={"a.png": {"image/png": "aGk="}}),
                cell("code", "plot()", outputs=[{"output_type": "pyout", "png": "aGk=", "text": ["<Figure>"]}]),
            ]
        }
    )
    assert found.meta["images_left_out"] == 2
    assert "aGk=" not in found.markdown
    assert "Figure" not in found.markdown


@pytest.mark.parametrize("kind", ["raw", "markdown"])
def test_front_matter_is_meta_and_no_text(kind: str) -> None:
    found = notebook({"cells": [cell(kind, "---\ntitle: T\ndate: 2024-3-5\n---\n"), cell("markdown", "Text.")]})
    assert (found.title, found.meta["date"], found.markdown) == ("T", "2024-03-05", "Text.")


def test_the_language_is_a_name_and_no_more() -> None:
    found = notebook({"metadata": {"language_info": {"name": "C++\n```\nx"}}, "cells": [cell("code", "int x;")]})
    assert found.markdown == "```c++x\nint x;\n```"


def test_long_output_is_cut_and_says_so() -> None:
    found = notebook({"cells": [cell("code", "x", outputs=[{"output_type": "stream", "text": "line\n" * 5000}])]})
    assert len(found.markdown) < 2200
    assert found.markdown.endswith("…\n```")


def test_a_fence_is_longer_than_those_inside() -> None:
    assert fenced("a\n````\nb", "md") == "`````md\na\n````\nb\n`````"


@pytest.mark.parametrize(
    ("book", "code"),
    [
        (b"{", "extract.broken"),
        (b"[" * 200_000, "extract.broken"),
        ([], "extract.broken"),
        ({"cells": "none"}, "extract.broken"),
        ({"metadata": {}}, "extract.broken"),
        ({"worksheets": "none"}, "extract.broken"),
        ({"worksheets": [1, {}, {"cells": 5}, {"cells": None}]}, "extract.no-content"),
        (b'{"cells": [{"cell_type": "markdown", "source": "\\ud800"}]}', "extract.broken"),
        ({"cells": []}, "extract.no-content"),
        ({"cells": [1, None, cell("code", None), cell("markdown", {}), cell("?", "x")]}, "extract.no-content"),
        (
            {"cells": [cell("code", "", outputs=[{"data": []}, 3, {"output_type": "stream", "text": 5}])]},
            "extract.no-content",
        ),
    ],
)
def test_what_is_no_notebook_is_told(book: Any, code: str) -> None:
    with pytest.raises(DataError) as caught:
        notebook(book)
    assert caught.value.code == code
