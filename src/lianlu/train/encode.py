"""Items of data -> samples of token ids, what is left out told.

Text is learned whole, cut into windows where it is long. A conversation is rendered by the chat template; in fine-tuning
its answers are learned, in pretraining all of it, so that a base knows the marks of the template before it is tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from lianlu.core.errors import DataError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.records import Conversation
from lianlu.train.reading import Item
from lianlu.train.samples import Encoded, order_of_epoch, windows
from lianlu.train.template import render
from lianlu.train.tokenizer import END_OF_TEXT

__all__ = ["Encoder", "hold_out"]


@dataclass(frozen=True)
class Encoder:
    """How items become samples. `learn` tells what of a conversation is supervised."""

    tokenizer: Any
    max_tokens: int
    learn: Literal["everything", "all", "last"]

    def encode(self, items: Sequence[Item], job: Job) -> list[Encoded]:
        """Samples with something to learn, in the order of the items.

        Raises:
            DataError: train.bad-sample, train.nothing-supervised
            UsageError: train.no-template
        """
        samples: list[Encoded] = []
        left_out: list[str] = []
        for item in job.track(items, "tokens", unit="samples"):
            found = [each for each in self._samples_of(item) if each.supervised]
            samples += found
            left_out += [] if found else [item.id]
        if items and not samples:
            raise DataError("train.nothing-supervised", samples=len(items), limit=self.max_tokens)
        if left_out:
            first = ", ".join(left_out[:3])
            job.note(
                Text(
                    f"{len(left_out)} of {len(items)} samples are left out: too long or nothing to learn ({first})",
                    f"{len(items)} 条样本中有 {len(left_out)} 条被略过：过长或无可学习内容（{first}）",
                ),
                "warning",
            )
        return samples

    def _samples_of(self, item: Item) -> list[Encoded]:
        if isinstance(item.content, Conversation):
            supervise = "last" if self.learn == "last" else "all"
            sample = render(self.tokenizer, item.content, id=item.id, supervise=supervise)
            if self.learn == "everything":
                sample = Encoded(sample.id, sample.ids, np.ones(len(sample.ids), dtype=bool))
            return [sample] if len(sample.ids) <= self.max_tokens else []
        end = self.tokenizer.get_vocab().get(END_OF_TEXT, self.tokenizer.eos_token_id)
        ids = [*self.tokenizer(item.content)["input_ids"], *([end] if end is not None else [])]
        return windows(item.id, ids, self.max_tokens)


def hold_out(items: Sequence[Item], share: float, seed: int) -> tuple[list[Item], list[Item]]:
    """Items to learn and items to measure on, chosen by the seed, both in their old order; one of each stays at least."""
    if not share or len(items) < 2:
        return list(items), []
    count = min(max(1, round(share * len(items))), len(items) - 1)
    kept = set(order_of_epoch(len(items), seed, -1 % (1 << 32))[:count].tolist())
    learned = [item for place, item in enumerate(items) if place not in kept]
    return learned, [item for place, item in enumerate(items) if place in kept]
