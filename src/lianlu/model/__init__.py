"""Weights on disk: fetch them from a hub, tell what they are, merge adapters into them, write them in another layout."""

from lianlu.model.info import ModelFile, ModelInfo, inspect_model
from lianlu.model.step import MERGE, ModelMergeRecipe

__all__ = ["MERGE", "ModelFile", "ModelInfo", "ModelMergeRecipe", "inspect_model"]
