from __future__ import annotations

from dataclasses import replace
from itertools import islice
from random import Random

import pytest

from lianlu.synth import Item, Material
from lianlu.synth.arithmetic import ARITHMETIC, ArithmeticConfig

CONFIG = ArithmeticConfig(digits=4, factor_digits=3)


def items(count: int = 600) -> list[Item]:
    return list(islice(ARITHMETIC.items(CONFIG, "train", "en", random=Random(3), material=Material()), count))


def test_signs_take_turns_and_results_are_right() -> None:
    made = items(9)
    assert [item.facts["sign"] for item in made] == ["+", "-", "×"] * 3
    assert all(item.answer.endswith(f"= {item.target}.") for item in made)


@pytest.mark.parametrize("sign", ["+", "-", "×"])
def test_every_step_can_be_read_back(sign: str) -> None:
    import re

    for item in (each for each in items() if each.facts["sign"] == sign):
        steps = item.answer.splitlines()[0]
        for expression, value in re.findall(r"(?<![\d>])(\d+[+\-×]\d+(?:[+-]\d)?)=(-?\d+)", steps):
            assert eval(expression.replace("×", "*")) == int(value)


def test_a_negative_difference_is_worked_the_other_way_round() -> None:
    item = next(each for each in items() if each.facts["sign"] == "-" and int(each.target) < 0)
    assert item.answer.startswith(f"-({item.facts['second']} - {item.facts['first']}) ")


@pytest.mark.parametrize("was", ["=", ">"], ids=["a result", "a digit"])
def test_a_wrong_step_is_found(was: str) -> None:
    item = next(each for each in items() if each.facts["sign"] == "+" and was + "9" not in each.answer)
    place = item.answer.index(was) + 1
    wrong = item.answer[:place] + str((int(item.answer[place]) + 1) % 10) + item.answer[place + 1 :]
    assert ARITHMETIC.fault(CONFIG, replace(item, answer=wrong)) != ""


def test_both_orders_of_a_sum_are_one_key() -> None:
    keys = {frozenset((item.facts["first"], item.facts["second"])): item.key for item in items() if "+" in item.key}
    assert len(set(keys.values())) == len(keys)
