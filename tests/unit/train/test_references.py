"""The scores of the model before the first step are made once, kept, and found by what was scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from lianlu.core.errors import UsageError  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.train.objectives import References  # noqa: E402
from lianlu.train.references import FILE, make_references  # noqa: E402
from lianlu.train.samples import Pair, Unit, content_key  # noqa: E402

from .made_pairs import made_pairs  # noqa: E402


def lengths(units: Sequence[Unit]) -> torch.Tensor:
    """A score that is told by a piece itself, and no round number."""
    return torch.tensor([float(piece.ids.sum()) / 7 for unit in units for piece in unit.pieces])


def never(units: Sequence[Unit]) -> torch.Tensor:
    raise AssertionError(units)


def made(units: list[Unit], folder: Path | None, key: str = "run", *, is_new: bool = True) -> References:
    return make_references([units[:2], units[2:]], lengths, Job("t"), folder, key, is_new=is_new)


def test_every_piece_has_its_own_score() -> None:
    units = made_pairs(5)
    found = made(units, None)
    assert found == {content_key(unit): tuple(lengths([unit]).tolist()) for unit in units}


def test_two_files_of_one_name_do_not_share_scores() -> None:
    one, two = made_pairs(1)[0], made_pairs(1, seed=1)[0]
    assert one.id == two.id
    found = made([one, two], None)
    assert found[content_key(one)] != found[content_key(two)]


def test_what_was_kept_is_read_to_the_last_bit(tmp_path: Path) -> None:
    units = made_pairs(5)
    wanted = made(units, tmp_path)
    assert make_references([units], never, Job("t"), tmp_path, "run", is_new=False) == wanted
    assert make_references([units], never, Job("t"), tmp_path, "run", is_new=True) == wanted


def test_scores_of_another_run_are_made_anew(tmp_path: Path) -> None:
    made(made_pairs(3), tmp_path, "other")
    units = made_pairs(3, seed=1)
    assert set(made(units, tmp_path)) == {content_key(unit) for unit in units}


@pytest.mark.parametrize("content", [None, b"", b'{"key": "run", "scores": {"a": [0.1'], ids=["gone", "empty", "torn"])
def test_a_run_that_goes_on_does_not_make_them_of_a_model_that_has_learned(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        made(made_pairs(3), tmp_path, is_new=False)
    assert caught.value.code == "train.no-references"
    assert "--no-resume" in caught.value.hint("en")


def test_the_key_tells_ids_and_masks() -> None:
    (one,) = made_pairs(1)
    assert isinstance(one, Pair)
    assert content_key(one) != content_key(Pair(one.id, one.rejected, one.chosen))
    assert content_key(one) == content_key(Pair("other name", one.chosen, one.rejected))
