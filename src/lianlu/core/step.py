"""What a chain runs. A step turns input artifacts and a recipe into output folders; it knows no store and no chain.

The same step serves the verb typed once (`lianlu extract`) and the chain (`lianlu run`): the caller decides where inputs
lie and where outputs go, and the cache key is computed from what the step declares here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from lianlu.core.files import Files
from lianlu.core.job import Job

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["ANY", "ModelInput", "Outside", "PathInput", "Step", "Summary"]

ANY = "*"
Summary = Mapping[str, Any]


@dataclass(frozen=True)
class PathInput:
    """A file or folder outside the store that the step reads; its files' hashes enter the cache key.

    `files` are the ones that will be read, None for all that `core.files.walk` finds.
    """

    path: Path
    files: tuple[Path, ...] | None = None


@dataclass(frozen=True)
class ModelInput:
    """A model that the step asks. Without a `fingerprint` (a remote model that is not pinned) nothing is cached."""

    ref: str
    fingerprint: str | None = None


Outside = PathInput | ModelInput


@runtime_checkable
class Step(Protocol):
    """One kind of work.

    Attributes:
        name: as written in chains: `extract`, `rag.build`.
        version: raised when results change for the same inputs although the code hash alone should not say so.
        recipe: pydantic class of its settings.
        inputs: input name -> artifact kind; a name ending in '?' may be absent; ANY takes any number of any kind.
        outputs: output name -> artifact kind.
        numeric: results depend on torch, transformers and the number of threads, so these enter the cache key.
        found_in: registry groups in which the step finds code by name; that code enters the cache key too.
        volatile: outputs carry times of the run (a report): exempt from the promise of equal ids.
    """

    name: str
    version: int
    recipe: type[BaseModel]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    found_in: Sequence[str] = ()
    numeric: bool = False
    volatile: bool = False

    def outside(self, recipe: Any) -> Iterable[Outside]:  # noqa: ARG002 - the default reads nothing
        """What the step reads that is no input artifact."""
        return ()

    def run(self, recipe: Any, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `job.folder(output)` for every output; the summary goes into the run's JSON."""
        ...
