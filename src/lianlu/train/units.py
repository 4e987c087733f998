"""Items -> what an objective learns from: samples, pairs of answers, or rated answers.

An answer is rendered behind its prompt by the chat template, and alone supervised. What is of another kind than the objective
wants is an error that names the item: half of a preference set learned as if its answers were all good is worse than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from lianlu.core.errors import DataError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.records import Preference, UnpairedPreference
from lianlu.train.encode import Encoder
from lianlu.train.reading import Item
from lianlu.train.samples import Encoded, Pair, Rated, Unit

__all__ = ["Wanted", "units_of"]

Wanted = Literal["samples", "pairs", "ratings"]
_NAMED = 3


def units_of(wanted: Wanted, items: Sequence[Item], encoder: Encoder, job: Job) -> list[Unit]:
    """The items as units, in their order; what is too long is left out and told.

    Raises:
        DataError: train.wrong-kind, train.bad-sample, train.bad-template, train.nothing-supervised
        UsageError: train.no-template
    """
    if wanted == "samples":
        return list(encoder.encode(items, job))
    found = _pairs(items, encoder, job) if wanted == "pairs" else _ratings(items, encoder, job)
    kept: list[Unit] = []
    left_out: list[str] = []
    for unit in found:
        is_learned = all(len(piece.ids) <= encoder.max_tokens and piece.supervised for piece in unit.pieces)
        if is_learned:
            kept.append(unit)
        else:
            left_out.append(unit.id)
    if items and not kept:
        raise DataError("train.nothing-supervised", samples=len(items), limit=encoder.max_tokens)
    if left_out:
        named = ", ".join(left_out[:_NAMED])
        job.note(
            Text(
                f"{len(left_out)} of {len(items)} samples are left out: longer than {encoder.max_tokens} tokens or empty"
                f" ({named})",
                f"{len(items)} 条样本中有 {len(left_out)} 条被略过：超过 {encoder.max_tokens} 个 token 或为空（{named}）",
            ),
            "warning",
            "train.left-out",
        )
    return kept


def _pairs(items: Sequence[Item], encoder: Encoder, job: Job) -> list[Unit]:
    found: list[Unit] = []
    for item in job.track(items, "tokens", unit="pairs"):
        pair = item.content
        if not isinstance(pair, Preference):
            raise _wrong(item, Text("two answers, one chosen and one rejected", "一个更好、一个更差的两个回答"))
        chosen = encoder.prompt_and_answer(pair.prompt, pair.chosen, f"{item.id}+")
        rejected = encoder.prompt_and_answer(pair.prompt, pair.rejected, f"{item.id}-")
        found.append(Pair(item.id, chosen, rejected))
    return found


def _ratings(items: Sequence[Item], encoder: Encoder, job: Job) -> list[Unit]:
    """Each with the answer of the next one as `other`; the last takes that of the first."""
    rated: list[UnpairedPreference] = []
    for item in items:
        if not isinstance(item.content, UnpairedPreference):
            raise _wrong(item, Text("an answer that is liked or not", "被标为喜欢或不喜欢的回答"))
        rated.append(item.content)
    found: list[Unit] = []
    for place, item in enumerate(job.track(items, "tokens", unit="answers")):
        one, following = rated[place], rated[(place + 1) % len(rated)]
        answer = encoder.prompt_and_answer(one.prompt, one.answer, item.id)
        other: Encoded = encoder.prompt_and_answer(one.prompt, following.answer, f"{item.id}~")
        found.append(Rated(item.id, answer, other, one.is_liked))
    return found


def _wrong(item: Item, wanted: Text) -> DataError:
    return DataError("train.wrong-kind", id=item.id, wanted=wanted)
