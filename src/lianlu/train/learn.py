"""From a recipe to what is learned: the objective, and the kind of samples it wants."""

from __future__ import annotations

from dataclasses import dataclass

from lianlu.train.config import (
    DpoRecipe,
    KtoRecipe,
    LoraRecipe,
    OrpoRecipe,
    RewardRecipe,
    SimpoRecipe,
    TrainRecipe,
)
from lianlu.train.objectives import Dpo, Kto, Likelihood, Objective, Orpo, Reward, Simpo
from lianlu.train.units import Wanted

__all__ = ["Learned", "learned_by"]


@dataclass(frozen=True)
class Learned:
    objective: Objective
    wanted: Wanted


def learned_by(recipe: TrainRecipe) -> Learned:
    """What a recipe learns."""
    if isinstance(recipe, LoraRecipe):
        return _by_adapter(recipe)
    if isinstance(recipe, DpoRecipe):
        return Learned(Dpo(recipe.beta, recipe.smoothing, recipe.likelihood), "pairs")
    if isinstance(recipe, OrpoRecipe):
        return Learned(Orpo(recipe.beta), "pairs")
    if isinstance(recipe, SimpoRecipe):
        return Learned(Simpo(recipe.beta, recipe.margin), "pairs")
    if isinstance(recipe, KtoRecipe):
        return Learned(Kto(recipe.beta, recipe.liked_weight, recipe.disliked_weight), "ratings")
    if isinstance(recipe, RewardRecipe):
        return Learned(Reward(), "pairs")
    return Learned(Likelihood(), "samples")


def _by_adapter(recipe: LoraRecipe) -> Learned:
    beta = recipe.beta
    if recipe.objective == "dpo":
        return Learned(Dpo(beta or Dpo.beta), "pairs")
    if recipe.objective == "orpo":
        return Learned(Orpo(beta or Orpo.beta), "pairs")
    if recipe.objective == "simpo":
        return Learned(Simpo(beta or Simpo.beta, recipe.margin), "pairs")
    if recipe.objective == "kto":
        return Learned(Kto(beta or Kto.beta), "ratings")
    return Learned(Likelihood(), "samples")
