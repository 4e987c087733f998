"""How an artifact shows itself on a report: one callable for each kind of artifact, found in the registry group `page`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from lianlu.core.files import Files
from lianlu.page.parts import Section
from lianlu.records import Artifact

__all__ = ["SectionContext", "SectionMaker"]


@dataclass(frozen=True)
class SectionContext:
    """What is known of the artifact besides its files.

    Attributes:
        artifact: its manifest.
        summary: what the step said when it finished.
        step: name of the step in the chain.
        inputs: the files of the artifacts it was made from, by input name; may be empty.
    """

    artifact: Artifact
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])
    step: str = ""
    inputs: Mapping[str, Files] = field(default_factory=dict[str, Files])


@runtime_checkable
class SectionMaker(Protocol):
    """A member of the registry group `page`."""

    def __call__(self, files: Files, context: SectionContext) -> Section:
        """The section that shows `files` to a person."""
        ...
