"""Areas under the ROC curve against counting pairs, and their errors against the definition."""

import random

import pytest

from lianlu.stats import auc, auc_difference


def counted(yes: list[float], no: list[float]) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in yes for b in no]
    return sum(pairs) / len(pairs)


def delong_error(yes: list[float], no: list[float]) -> float:
    """The formula of DeLong et al. (1988), item by item."""
    of_yes = [counted([each], no) for each in yes]
    of_no = [counted(yes, [each]) for each in no]
    area = counted(yes, no)
    spread = [sum((each - area) ** 2 for each in some) / (len(some) - 1) / len(some) for some in (of_yes, of_no)]
    return sum(spread) ** 0.5


def scores(seed: int, count: int, shift: float) -> list[float]:
    drawn = random.Random(seed)
    return [round(drawn.gauss(shift, 1), 1) for _ in range(count)]  # rounded, so that some are equal


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_share_of_pairs_in_order(seed: int) -> None:
    yes, no = scores(seed, 30, 1.0), scores(seed + 100, 20, 0.0)
    found = auc(yes, no)
    assert found.value == pytest.approx(counted(yes, no))
    assert found.standard_error == pytest.approx(delong_error(yes, no))
    assert found.low < found.value < found.high
    assert found.n == 50


def test_a_perfect_and_an_upside_down_score() -> None:
    assert auc([2, 3], [0, 1]).value == 1.0
    assert auc([0, 1], [2, 3]).value == 0.0
    assert auc([1, 1], [1, 1]).value == 0.5


def test_one_item_of_a_kind_says_nothing_of_the_spread() -> None:
    found = auc([1.0], [0.0, 2.0])
    assert (found.value, found.standard_error, found.low, found.high) == (0.5, None, 0.0, 1.0)


def test_the_difference_of_a_score_with_itself_is_none() -> None:
    same = (scores(1, 10, 1.0), scores(2, 10, 0.0))
    found = auc_difference(same, same)
    assert (found.value, found.standard_error) == (0.0, 0.0)


def test_the_difference_is_paired() -> None:
    yes, no = scores(1, 40, 1.0), scores(2, 40, 0.0)
    better = ([each + 0.5 for each in yes], no)
    found = auc_difference((yes, no), better)
    assert found.value == pytest.approx(counted(*better) - counted(yes, no))
    assert found.standard_error is not None
    assert found.standard_error < delong_error(yes, no), "the same items differ less than other items would"


@pytest.mark.parametrize(("yes", "no"), [([], [1.0]), ([1.0], [])])
def test_both_kinds_are_needed(yes: list[float], no: list[float]) -> None:
    with pytest.raises(ValueError, match="both kinds"):
        auc(yes, no)


def test_other_items_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="different items"):
        auc_difference(([1.0], [0.0]), ([1.0, 2.0], [0.0]))
