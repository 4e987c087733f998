from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.prompt.model import Assignment, Function, Statement
from lianlu.prompt.outline import read_elements, write_elements


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("- Author: YZFly", "Author", "YZFly"),
        ("- 语言：中文", "语言", "中文"),
        ("*Name*: LangGPT", "Name", "LangGPT"),
        ("- **单词验证**：检查单词", "单词验证", "检查单词"),
        ("- **Strong:** words", "Strong", "words"),
        ("- Description: ", "Description", ""),
        ('- Prefix: "/"', "Prefix", '"/"'),
    ],
)
def test_a_property_and_its_value_is_an_assignment(line: str, name: str, value: str) -> None:
    (element,) = read_elements(line)
    assert isinstance(element, Assignment)
    assert (element.name, element.value) == (name, value)


@pytest.mark.parametrize(
    "line",
    [
        "- see https://example.org/a",
        '1. 让用户以 "形式：[], 主题：[]" 的方式指定',
        "- this is a sentence with more than four words: and an end",
        "- 标题和每个段落都包含emoji表情符号，增加活力：很多",
    ],
)
def test_a_sentence_with_a_colon_is_no_assignment(line: str) -> None:
    (element,) = read_elements(line)
    assert isinstance(element, Statement)


@pytest.mark.parametrize(
    ("line", "given_", "actions", "returns"),
    [
        (
            "For the given word of the user, please execute: count letters; return a number",
            "word of the user",
            "count letters",
            "a number",
        ),
        ("- If the input is empty, then ask again", "the input is empty", "ask again", ""),
        ("- 对于给定的单词，请执行：逐个计数；返回次数", "单词", "逐个计数", "次数"),
        ("- 当用户未提供完整输入时，提示用户补充", "用户未提供完整输入", "提示用户补充", ""),
    ],
)
def test_an_instruction_for_an_input_is_a_function(line: str, given_: str, actions: str, returns: str) -> None:
    (element,) = read_elements(line)
    assert isinstance(element, Function)
    assert (element.given, element.actions, element.returns) == (given_, actions, returns)


def test_items_nest_by_indentation() -> None:
    (element,) = read_elements("1. **职责**：\n   - 逐一检查\n     1. 先看\n   - 再看")
    assert [child.text for child in element.elements if isinstance(child, Statement)] == ["逐一检查", "再看"]
    assert len(element.elements[0].elements) == 1


def test_a_second_line_without_marker_belongs_to_its_item() -> None:
    (element,) = read_elements("- Description: \n您的小助手。")
    assert isinstance(element, Assignment)
    assert element.value == "您的小助手。"


@pytest.mark.parametrize(
    "line",
    [
        "1.对于不在知识库中的信息，说不知道",
        "1、对于不在知识库中的信息，说不知道",
        "2) 对于不在知识库中的信息，说不知道",
    ],
)
def test_numbers_without_a_space_begin_items(line: str) -> None:
    (element,) = read_elements(line)
    assert element.marker == "1."


@pytest.mark.parametrize("line", ["3.14 is pi", "--- not an item", "*emphasis* begins it", "1998年的事"])
def test_what_only_looks_like_a_marker_is_a_paragraph(line: str) -> None:
    (element,) = read_elements(line)
    assert element.marker == ""


def test_fenced_code_keeps_its_lines() -> None:
    text = "```python\nfor x in y:\n    - not an item\n\n# not a title\n```"
    assert write_elements(read_elements(text)) == text


def test_numbers_are_counted_anew_in_each_list() -> None:
    assert write_elements(read_elements("1. a\n1. b\n\ntext\n\n7. c")) == "1. a\n2. b\n\ntext\n\n1. c"


@given(st.text(alphabet="ab：: \n-*1.#`，", max_size=60))
def test_no_words_are_lost(text: str) -> None:
    kept = write_elements(read_elements(text))
    assert [character for character in kept if character in "ab"] == [
        character for character in text if character in "ab"
    ]


def test_a_long_hostile_line_is_read_in_linear_time() -> None:
    line = "- " + "**" * 20_000 + "a：" * 20_000
    assert read_elements(line)


def test_deep_nesting_is_read() -> None:
    text = "\n".join("  " * depth + f"- level {depth}" for depth in range(200))
    assert read_elements(text)
