"""Numbers in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.rag.quantities import Quantity, agrees, quantities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12,000", {("12000", "")}),
        ("１２０００", {("12000", "")}),
        ("1.2 万", {("12000", "")}),
        ("1.2k", {("1200", "")}),
        ("3亿元", {("300000000", "yuan")}),
        ("7B", {("7000000000", "")}),
        ("8GB", {("8", "gb")}),
        ("46.80%", {("46.8", "%")}),
        ("百分之五十", {("50", "%")}),
        ("2023年8月30日", {("2023", "year"), ("8", "month"), ("30", "day")}),
        ("August 30, 2023", {("2023", "year"), ("8", "month"), ("30", "day")}),
        ("2023/08", {("2023", "year"), ("8", "month")}),
        ("三种算法", {("3", "")}),
        ("二十三年", {("23", "year")}),
        ("two hours", {("2", "hour")}),
        ("v0.1.18", {("0.1.18", "")}),
        ("internlm2 on an A100", set()),
        ("一个十分重要的问题", set()),
        ("it may work", set()),
    ],
)
def test_quantities(text: str, expected: set[tuple[str, str]]) -> None:
    assert {(each.value, each.unit) for each in quantities(text)} == expected


def test_units_that_contradict_do_not_agree() -> None:
    having = quantities("8 GB 显存，训练 30 天")
    assert agrees(Quantity("8", "gb"), having)
    assert agrees(Quantity("8", ""), having)
    assert not agrees(Quantity("8", "hour"), having)
    assert not agrees(Quantity("9", "gb"), having)


@given(st.text(alphabet="0123456789.,-/年月日百分之零一二十万亿%k GB", max_size=40))
def test_any_run_of_digits_and_units_is_read(text: str) -> None:
    for each in quantities(text):
        assert each.value
