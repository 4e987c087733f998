"""The step `model.merge`: weights and an adapter in, weights out."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.sizes import parse_size
from lianlu.core.step import Step, Summary
from lianlu.model.merge import merge

__all__ = ["MERGE", "ModelMerge", "ModelMergeRecipe"]


class ModelMergeRecipe(Recipe):
    """How the merged weights are cut into files."""

    max_shard_size: str = Field(
        default="5GB",
        pattern=r"^\s*\d+(\.\d+)?\s*[KMGTkmgt]?[iI]?[bB]?\s*$",
        description="a weight file is not larger than this, as 5GB or 500MB",
    )


class ModelMerge(Step):
    """Merge a LoRA or DoRA adapter into its base."""

    name = "model.merge"
    version = 1
    recipe = ModelMergeRecipe
    inputs: Mapping[str, str] = {"base": "weights", "adapter": "adapter"}
    outputs: Mapping[str, str] = {"weights": "weights"}
    numeric = True

    def run(self, recipe: ModelMergeRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `weights`. Raises as `lianlu.model.merge.merge`, and UsageError size.unreadable."""
        most = parse_size(recipe.max_shard_size)
        return merge(inputs["base"], inputs["adapter"], job.folder("weights"), job, max_shard_size=most)


MERGE = ModelMerge()
