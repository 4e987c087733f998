from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.extract.front_matter import dated, front_matter

BODY = "\n# 正文\n"


@pytest.mark.parametrize(
    "written",
    [
        "---\ntitle: 报告\ndate: 2024-03-05\ntags: [a, b]\n---\n",
        '+++\ntitle = "报告"\ndate = 2024-03-05T08:00:00Z\ntags = ["a", "b"]\n+++\n',
        "---\r\ntitle: 报告\r\ndate: 2024/3/5\r\ntags:\r\n- a\r\n- b\r\n...\r\n",
    ],
    ids=["yaml", "toml", "yaml of Windows"],
)
def test_what_a_text_says_of_itself_is_no_part_of_it(written: str) -> None:
    found = front_matter(written + BODY)
    assert found.meta == {"title": "报告", "date": "2024-03-05", "tags": ["a", "b"]}
    assert (written + BODY)[found.end :] == BODY


@pytest.mark.parametrize(
    ("facts", "meta"),
    [
        ("title: Part 2: the end\ndate: 2024-03-05", {"title": "Part 2: the end", "date": "2024-03-05"}),
        ("title: a\ntitle: b", {"title": "b"}),
        ("title: 'a\ndate: 2024-13-45", {"title": "a", "date": "2024-13-45"}),
        ("# a remark\ntitle: x: y\ntags:\n  - a\n- b", {"title": "x: y"}),
        ("a: &x [1]\nb: [*x, *x]", {"a": "&x [1]", "b": "[*x, *x]"}),
        ("a: !!python/object/apply:os.system [x]", {"a": "!!python/object/apply:os.system [x]"}),
        ("a: " + "[" * 5000, {"a": "[" * 1000}),
    ],
    ids=["colon", "twice", "quote and day", "remark", "aliases", "tag", "deep"],
)
def test_lines_are_read_where_the_syntax_is_wrong(facts: str, meta: dict[str, str]) -> None:
    found = front_matter(f"---\n{facts}\n---\n{BODY}")
    assert found.meta == meta
    assert found.end > len(facts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "---",
        "---\n",
        "Text.\n\n---\ntitle: x\n---\n",
        "---\nA paragraph between two lines.\n---\n",
        "---\nNote: this is prose\nthat goes on.\n---\n",
        "---\n- a\n---\n",
        "---\ntitle: no end\n",
        "+++\nnot toml\n+++\n",
        "---\ntitle: x\n+++\n",
        "---\n" + "a: b\n" * 20_000 + "---\n",
    ],
)
def test_lines_across_the_page_are_no_front_matter(text: str) -> None:
    assert (front_matter(text).end, front_matter(text).meta) == (0, {})


def test_nothing_said_is_front_matter_too() -> None:
    assert front_matter("---\n---\nText").end == len("---\n---\n")


@pytest.mark.parametrize(
    ("facts", "date"),
    [
        ({"date": "2024年3月5日", "updated": "2025-01-01"}, "2024-03-05"),
        ({"Last-Modified": "2024-03-05", "created": "2020-01-01"}, "2024-03-05"),
        ({"last_update": {"date": "2024-03-05", "author": "x"}}, "2024-03-05"),
        ({"发布日期": "2024/03/05"}, "2024-03-05"),
        ({"date": "soon", "created": "2024-03-05"}, "2024-03-05"),
        ({"date": "soon"}, "soon"),
    ],
)
def test_the_date_is_found_under_the_names_that_people_give_it(facts: dict[str, object], date: str) -> None:
    assert dated(facts)["date"] == date


def test_what_no_record_can_hold_is_left_out() -> None:
    deep = "a: " + "{b: " * 9 + "1" + "}" * 9
    found = front_matter(f"---\n{deep}\nlarge: 0x{'f' * 20}\nday: 2024-01-02 03:04:05\n---\n")
    assert found.meta["large"] is None
    assert found.meta["day"] == "2024-01-02 03:04:05"
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found.meta)) == found.meta


@given(st.text(alphabet=st.sampled_from("-+\n \t:=#[]{}\"'&*!ab1.中"), max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    for mark in ("---", "+++"):
        whole = f"{mark}\n{text}\n{mark}\n"
        found = front_matter(whole)
        assert found.end == 0 or whole[found.end - 1] == "\n"
        msgspec.msgpack.encode(found.meta)
