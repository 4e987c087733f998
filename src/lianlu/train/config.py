"""What a training run may be told. The defaults work on a laptop; every field is a key of the recipe.

The classes of the three objectives differ only in what they start from and what they supervise: the loop is one.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lianlu.core.files import named_path
from lianlu.core.recipe import Recipe

__all__ = [
    "DpoRecipe",
    "KtoRecipe",
    "LoraRecipe",
    "ModelShape",
    "OrpoRecipe",
    "PretrainRecipe",
    "RewardRecipe",
    "SftRecipe",
    "SimpoRecipe",
    "TokenizerRecipe",
    "TrainRecipe",
]


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
    too_long: Literal["leave-out", "cut"] = Field(
        default="leave-out", description="what happens to a conversation longer than max_tokens"
    )
    row_tokens: int = Field(default=4096, ge=8, description="most tokens at a time: less memory, the same result")
    share_prefixes: bool = Field(
        default=True, description="compute a beginning that samples of a step have in common once: the same result"
    )
    recompute: Literal["none", "selective", "full"] = Field(
        default="none", description="what is made again in the backward pass instead of being kept: less memory, slower"
    )
    train_layers: int | None = Field(
        default=None, ge=1, description="train only so many of the last decoder layers and the head; null: all weights"
    )
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
    layout: Literal["llama", "internlm2"] | None = Field(
        default=None,
        description="names of the result's weights; null: those that transformers reads, for InternLM2 too",
    )
    max_shard_size: str = Field(default="5GB", description="most bytes of one weight file of the result, such as 2GB")
    device: str = Field(default="auto", description="cpu, cuda, or auto")
    eval_every: int | None = Field(default=None, ge=1, description="steps between two measurements; null: ten in all")
    checkpoint_every: int = Field(default=200, ge=1, description="steps between two checkpoints")
    keep_checkpoints: int = Field(default=2, ge=1, description="how many checkpoints are kept")
    sample_prompts: list[str] = Field(
        default=[], description="questions the model answers while it learns, to see what a loss does not show"
    )
    sample_every: int | None = Field(
        default=None, ge=1, description="steps between two rounds of sample answers; null: five in all"
    )
    sinks: list[str] = Field(
        default=[], description="where metrics go besides the run's own files: tensorboard, wandb, swanlab"
    )

    @field_validator("data", "eval_data", "sample_prompts", "sinks", mode="before")
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
        default=None,
        description="chat template: internlm2, chatml, qwen, llama3, mistral, gemma, deepseek or a jinja file; null: the tokenizer's own",
    )


class DpoRecipe(SftRecipe):
    """Learn which of two answers is better, measured against the model as it was (DPO)."""

    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=5e-6, gt=0, description="highest learning rate")
    beta: float = Field(default=0.1, gt=0, description="how closely the model keeps to what it was; higher: closer")
    smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="share of the pairs taken to be the wrong way round"
    )
    likelihood: float = Field(default=0.0, ge=0, description="weight of learning the chosen answer besides (RPO)")


class OrpoRecipe(SftRecipe):
    """Learn the better answer and to prefer it at once, without a reference (ORPO)."""

    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=8e-6, gt=0, description="highest learning rate")
    beta: float = Field(default=0.1, gt=0, description="weight of the preference beside the likelihood")


class SimpoRecipe(SftRecipe):
    """Learn which of two answers is better by the mean likelihood of their tokens, without a reference (SimPO)."""

    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=1e-6, gt=0, description="highest learning rate")
    beta: float = Field(default=2.0, gt=0, description="scale of the rewards")
    margin: float = Field(default=1.0, ge=0, description="how far the better answer should be ahead")


class KtoRecipe(SftRecipe):
    """Learn from single answers that were liked or not (KTO)."""

    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=5e-6, gt=0, description="highest learning rate")
    beta: float = Field(default=0.1, gt=0, description="how closely the model keeps to what it was; higher: closer")
    liked_weight: float = Field(default=1.0, gt=0, description="weight of liked answers")
    disliked_weight: float = Field(default=1.0, gt=0, description="weight of disliked answers")


class RewardRecipe(SftRecipe):
    """Make a reward model: a score for an answer, higher for the better of two."""

    epochs: int = Field(default=1, ge=1, le=10_000, description="times every sample is seen")
    learning_rate: float = Field(default=1e-5, gt=0, description="highest learning rate")


class LoraRecipe(SftRecipe):
    """Small added matrices (LoRA) instead of all weights, for any objective; the model itself is left as it is."""

    objective: Literal["sft", "pretrain", "dpo", "orpo", "simpo", "kto"] = Field(
        default="sft", description="what is learned"
    )
    learning_rate: float = Field(default=5e-4, gt=0, description="highest learning rate")
    rank: int = Field(default=8, ge=1, le=1024, description="rank of the added matrices")
    alpha: float = Field(default=16.0, gt=0, description="strength of the added matrices; alpha / rank scales them")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout before the added matrices")
    targets: list[str] = Field(
        default=[], description="names of the layers to adapt; empty: all linear layers but the head"
    )
    variant: Literal["lora", "rslora", "dora"] = Field(
        default="lora", description="rslora scales by the root of the rank; dora learns the length of each column too"
    )
    b_rate: float = Field(
        default=1.0, ge=1, description="how many times faster the second matrix learns than the first (LoRA+: 16)"
    )
    quantize: Literal["nf4"] | None = Field(
        default=None, description="keep the model itself in four bits while it is adapted (QLoRA)"
    )
    beta: float | None = Field(
        default=None, gt=0, description="beta of dpo, orpo, simpo and kto; null: what is usual for the objective"
    )
    margin: float = Field(default=1.0, ge=0, description="simpo: how far the better answer should be ahead")

    @field_validator("train_layers")
    @classmethod
    def _all_layers(cls, value: int | None) -> int | None:
        if value is not None:
            raise ValueError("an adapter stands beside all layers; `targets` chooses among them")
        return value
