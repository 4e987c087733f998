"""The steps of this room: a tokenizer, a model from nothing or gone on with, a tuned model, an adapter.

torch is imported when a step runs, not when a chain is planned. A killed step finds its checkpoints in `job.scratch`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.extras import require
from lianlu.core.files import Files, named_path
from lianlu.core.job import Job
from lianlu.core.step import Outside, PathInput, Step, Summary
from lianlu.train.config import (
    DpoRecipe,
    KtoRecipe,
    LoraRecipe,
    OrpoRecipe,
    PretrainRecipe,
    RewardRecipe,
    SftRecipe,
    SimpoRecipe,
    TokenizerRecipe,
    TrainRecipe,
)

__all__ = [
    "DPO",
    "KTO",
    "LORA",
    "ORPO",
    "PRETRAIN",
    "REWARD",
    "SFT",
    "SIMPO",
    "TOKENIZER",
    "Dpo",
    "Kto",
    "Lora",
    "Orpo",
    "Pretrain",
    "Reward",
    "Sft",
    "Simpo",
    "TrainTokenizer",
]


class TrainTokenizer(Step):
    """Documents and conversations in, a tokenizer out."""

    name = "train.tokenizer"
    version = 1
    recipe = TokenizerRecipe
    inputs: Mapping[str, str] = {"documents?": "documents", "conversations?": "conversations"}
    outputs: Mapping[str, str] = {"tokenizer": "tokenizer"}
    numeric = True

    def outside(self, recipe: TokenizerRecipe) -> Iterable[Outside]:
        """The files to learn from."""
        return [PathInput(named_path(path)) for path in recipe.data]

    def run(self, recipe: TokenizerRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `tokenizer`.

        Raises:
            UsageError: file.missing, train.no-data
            DataError: train.bad-line, train.no-conversations, text.no-documents
        """
        from lianlu.train.reading import read_artifact, read_paths
        from lianlu.train.tokenizer import learn_tokenizer

        items = [item for files in inputs.values() for item in read_artifact(files)] + read_paths(recipe.data)
        if not items:
            raise UsageError("train.no-data", paths=", ".join(recipe.data) or "-")
        tokens = learn_tokenizer(
            items,
            job.folder("tokenizer"),
            algorithm=recipe.algorithm,
            vocabulary=recipe.vocabulary,
            least_count=recipe.least_count,
        )
        return {"tokens": tokens, "samples": len(items)}


class _Training(Step):
    """What all objectives share."""

    numeric = True

    def outside(self, recipe: TrainRecipe) -> Iterable[Outside]:
        """The files that are named in the recipe, and the model or tokenizer folder."""
        named = [*recipe.data, *recipe.eval_data]
        if recipe.model is not None:
            named.append(recipe.model.removeprefix("local:"))
        if isinstance(recipe, PretrainRecipe) and recipe.tokenizer is not None:
            named.append(recipe.tokenizer)
        if isinstance(recipe, SftRecipe) and recipe.template not in (None, "chatml"):
            named.append(str(recipe.template))
        return [PathInput(named_path(path)) for path in named]

    def run(self, recipe: Any, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill the one output.

        Raises:
            UsageError: extra.missing, file.missing, train.*, nn.*
            DataError: train.*, nn.*, text.*
            Cancelled: stopped; the next try goes on from the checkpoint
        """
        require("torch", "torch")
        require("transformers", "torch")
        from lianlu.train.fit import fit

        return fit(recipe, inputs, job, output=next(iter(self.outputs)))


class Pretrain(_Training):
    """Text in, a model out: a new one, or the base gone on with."""

    name = "train.pretrain"
    version = 1
    recipe = PretrainRecipe
    inputs: Mapping[str, str] = {
        "documents?": "documents",
        "conversations?": "conversations",
        "tokenizer?": "tokenizer",
        "base?": "weights",
    }
    outputs: Mapping[str, str] = {"weights": "weights"}


class Sft(_Training):
    """Conversations and a model in, a model that answers like them out."""

    name = "train.sft"
    version = 1
    recipe = SftRecipe
    inputs: Mapping[str, str] = {"conversations?": "conversations", "documents?": "documents", "base?": "weights"}
    outputs: Mapping[str, str] = {"weights": "weights"}


class _Preferring(_Training):
    """Preferences and a model in, a model that knows them out."""

    version = 1
    inputs: Mapping[str, str] = {"preferences?": "preferences", "base?": "weights"}
    outputs: Mapping[str, str] = {"weights": "weights"}


class Dpo(_Preferring):
    """Which of two answers is better, measured against the model as it was."""

    name = "train.dpo"
    recipe = DpoRecipe


class Orpo(_Preferring):
    """The better answer, and to prefer it."""

    name = "train.orpo"
    recipe = OrpoRecipe


class Simpo(_Preferring):
    """Which of two answers is better, by the mean likelihood of their tokens."""

    name = "train.simpo"
    recipe = SimpoRecipe


class Kto(_Preferring):
    """Which single answers were liked."""

    name = "train.kto"
    recipe = KtoRecipe


class Reward(_Preferring):
    """Pairs in, a model that scores answers out."""

    name = "train.reward"
    recipe = RewardRecipe


class Lora(_Training):
    """What any objective learns, but what comes out is an adapter for the model."""

    name = "train.lora"
    version = 1
    recipe = LoraRecipe
    inputs: Mapping[str, str] = {
        "conversations?": "conversations",
        "documents?": "documents",
        "preferences?": "preferences",
        "base?": "weights",
    }
    outputs: Mapping[str, str] = {"adapter": "adapter"}


TOKENIZER = TrainTokenizer()
PRETRAIN = Pretrain()
SFT = Sft()
LORA = Lora()
DPO = Dpo()
ORPO = Orpo()
SIMPO = Simpo()
KTO = Kto()
REWARD = Reward()
