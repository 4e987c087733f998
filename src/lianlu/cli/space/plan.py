"""What a Space is to be: names and choices, checked before anything is written or sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lianlu.core.errors import UsageError

__all__ = ["PORT", "Sdk", "SpacePlan", "checked_plan", "repository", "secret_values"]

Sdk = Literal["docker", "gradio", "static"]
PORT = 7860
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
_SHORTEST_SECRET = 8


@dataclass(frozen=True)
class SpacePlan:
    """The choices of one Space.

    Attributes:
        base: name of the knowledge base.
        model: ModelRef that writes the answers there; empty quotes sentences.
        secrets: names of the variables that the Space gets as secrets.
    """

    base: str
    sdk: Sdk = "docker"
    title: str = ""
    model: str = ""
    secrets: tuple[str, ...] = ()

    @property
    def shown_title(self) -> str:
        return " ".join(self.title.split()) or self.base


def checked_plan(base: str, sdk: Sdk, title: str, model: str, secrets: Sequence[str]) -> SpacePlan:
    """Raises UsageError cli.space-bad-secret-name, cli.space-static-model."""
    for number, name in enumerate(secrets, start=1):
        if not _VARIABLE.fullmatch(name):  # it may be the key itself: it is not repeated
            raise UsageError("cli.space-bad-secret-name", number=number)
    if sdk == "static" and (model or secrets):
        raise UsageError("cli.space-static-model")
    return SpacePlan(base, sdk, title, model, tuple(dict.fromkeys(secrets)))


def repository(name: str) -> str:
    """`owner/name` as the hub takes it. Raises UsageError cli.hub-bad-name."""
    if not _REPOSITORY.fullmatch(name) or "--" in name or ".." in name or name.endswith((".git", ".", "-")):
        raise UsageError("cli.hub-bad-name", name=name)
    return name


def secret_values(names: Sequence[str], environment: Mapping[str, str], *, are_needed: bool) -> dict[str, str]:
    """The values of secrets that are set; only compared with what is written, and sent by the secrets call.

    Args:
        are_needed: one that is not set is an error.

    Raises:
        UsageError: cli.space-secret-unset, cli.space-secret-short
    """
    found = {name: environment.get(name, "").strip() for name in names}
    for name, value in found.items():
        if not value and are_needed:
            raise UsageError("cli.space-secret-unset", variable=name)
        if value and len(value) < _SHORTEST_SECRET:
            raise UsageError("cli.space-secret-short", variable=name, least=_SHORTEST_SECRET)
    return {name: value for name, value in found.items() if value}
