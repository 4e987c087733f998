"""What a training run may be told. The defaults work on a laptop; every field is a key of the recipe.

The classes of the three objectives differ only in what they start from and what they supervise: the loop is one.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lianlu.core.files import named_path
from lianlu.core.recipe import Recipe

__all__ = ["LoraRecipe", "ModelShape", "PretrainRecipe", "SftRecipe", "TokenizerRecipe", "TrainRecipe"]


class TokenizerRecipe(Recipe):
    """How text is cut into tokens, learned from the data."""

    data: list[str] = Field(default=[], description="files and folders to learn from, beside what a chain gives")
    algorithm: Literal["character", "bpe"] = Field(
        default="character", description="one token a character, or merged bytes (byte-level BPE)"
    )
    vocabulary: int = Field(default=8192, ge=300, le=1_000_000, description="most tokens, special ones included")
    least_count: int = Field(default=1, ge=1, description="a character or pair that is rarer gets no token of its own")

    @field_validator("data", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("data")
    @classmethod
    def _plain_paths(cls, value: list[str]) -> list[str]:
        return [str(named_path(path)) for path in value]


class TrainRecipe(Recipe):
    """What every objective shares."""

    data: list[str] = Field(default=[], description="files and folders to train on, beside what a chain gives")
    eval_data: list[str] = Field(default=[], description="files and folders the loss is measured on")
    eval_share: float = Field(
        default=0.0, ge=0.0, le=0.5, description="share of the samples kept apart to measure the loss on"
    )
    model: str | None = Field(default=None, description="folder of the model to start from")
    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    steps: int | None = Field(default=None, ge=1, description="stop after so many steps instead of epochs")
    batch_size: int = Field(default=16, ge=1, description="samples of one optimizer step")
    max_tokens: int = Field(
        default=1024,
        ge=8,
        description="longest sample; longer text is cut into several, a longer conversation is left out",
    )
    row_tokens: int = Field(default=4096, ge=8, description="most tokens at a time: less memory, the same result")
    learning_rate: float = Field(default=2e-4, gt=0, description="highest learning rate")
    schedule: Literal["cosine", "wsd", "linear", "constant"] = Field(
        default="cosine", description="how the learning rate falls; wsd stays high and falls at the end"
    )
    warmup: float = Field(default=0.03, ge=0, le=1, description="share of the steps in which the rate rises")
    decay: float = Field(default=0.2, ge=0, le=1, description="share of the steps in which wsd falls")
    final_rate: float = Field(
        default=0.1, ge=0, le=1, description="learning rate at the end, as a share of the highest"
    )
    weight_decay: float = Field(default=0.01, ge=0, description="weight decay of matrices")
    betas: tuple[float, float] = Field(default=(0.9, 0.95), description="AdamW's two averages")
    clip: float = Field(default=1.0, gt=0, description="longest gradient; a longer one is shortened")
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32", description="arithmetic of the forward pass; weights and optimizer stay fp32"
    )
    weights: Literal["fp32", "bf16"] = Field(
        default="fp32", description="how the weights of the result are stored; bf16 takes half the room"
    )
    device: str = Field(default="auto", description="cpu, cuda, or auto")
    eval_every: int | None = Field(default=None, ge=1, description="steps between two measurements; null: ten in all")
    checkpoint_every: int = Field(default=200, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(default=2, ge=1, description="how many checkpoints are kept")

    @field_validator("data", "eval_data", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("data", "eval_data")
    @classmethod
    def _plain_paths(cls, value: list[str]) -> list[str]:
        return [str(named_path(path)) for path in value]

    @field_validator("betas")
    @classmethod
    def _below_one(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in value):
            raise ValueError("both must be from 0 to below 1")
        return value


class ModelShape(Recipe):
    """The size of a new Llama; the vocabulary is the tokenizer's."""

    layers: int = Field(default=4, ge=1, le=1000, description="decoder layers")
    hidden: int = Field(default=192, ge=8, description="size of a hidden state")
    heads: int = Field(default=6, ge=1, description="attention heads")
    kv_heads: int | None = Field(default=None, ge=1, description="key and value heads; null: as many as heads")
    intermediate: int | None = Field(default=None, ge=8, description="size inside the MLP; null: 8/3 of hidden")
    positions: int = Field(default=2048, ge=8, description="longest context the model is meant for")
    rope_theta: float = Field(default=10_000.0, gt=0, description="base of the rotary positions")
    tie: bool = Field(default=True, description="use one matrix for embeddings and head")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hidden % (2 * self.heads):
            raise ValueError("hidden must be a multiple of twice the heads")
        if self.kv_heads is not None and self.heads % self.kv_heads:
            raise ValueError("heads must be a multiple of kv_heads")
        return self


class PretrainRecipe(TrainRecipe):
    """Learn text: from scratch with a shape, or go on from a model."""

    shape: ModelShape = Field(default=ModelShape(), description="the model to make, where none is given")
    tokenizer: str | None = Field(default=None, description="folder of the tokenizer for a new model")
    text_repeats: int = Field(
        default=1, ge=1, le=1000, description="times that plain text stands among the samples of an epoch"
    )


class SftRecipe(TrainRecipe):
    """Learn to answer: only what the assistant says is supervised."""

    epochs: int = Field(default=3, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=1e-4, gt=0, description="highest learning rate")
    supervise: Literal["all", "last"] = Field(
        default="all", description="which answers of a conversation are learned: all of them, or the last"
    )
    template: str | None = Field(
        default=None, description="chat template for a model without one: chatml, or a jinja file"
    )


class LoraRecipe(SftRecipe):
    """The same with small added matrices (LoRA), the model itself left as it is."""

    learning_rate: float = Field(default=5e-4, gt=0, description="highest learning rate")
    rank: int = Field(default=8, ge=1, le=1024, description="rank of the added matrices")
    alpha: float = Field(default=16.0, gt=0, description="strength of the added matrices; alpha / rank scales them")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout before the added matrices")
    targets: list[str] = Field(
        default=[], description="names of the layers to adapt; empty: all linear layers but the head"
    )
