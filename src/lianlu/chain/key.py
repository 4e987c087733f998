"""The cache key of a step: everything its results depend on, and nothing else.

Key = step name + version + code (the step's module and all it imports inside lianlu) + recipe + ids of the inputs +
fingerprints of what lies outside + seed; for numeric steps also the major versions of torch and transformers and the
number of threads. Absolute paths and ports of services never enter: two clones must find the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from lianlu.chain.plan import PlannedService, PlannedStep
from lianlu.core import registry
from lianlu.core.files import as_lianlu_error, walk
from lianlu.core.hashing import canonical_json, code_fingerprint, digest, sha256_file, short_id
from lianlu.core.step import ModelInput, PathInput, Step
from lianlu.records import Source

__all__ = ["Outside", "StepKey", "read_outside", "step_key"]


@dataclass(frozen=True)
class Outside:
    """What a step reads that is no artifact, hashed: files under one common folder, and models."""

    sources: tuple[Source, ...]
    sources_root: str
    fingerprint: str
    is_pinned: bool
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class StepKey:
    """`key` names the work; `recipe` is the recipe as it entered the key, without paths and ports of this machine."""

    key: str
    recipe: dict[str, Any]


def read_outside(planned: PlannedStep, services: Mapping[str, PlannedService]) -> Outside:
    """Hash the outside inputs of a step as they are now.

    Raises:
        UsageError: file.missing, file.unreadable
    """
    found: list[tuple[Path, Source]] = []
    paths: list[Path] = []
    parts: list[str] = []
    pinned = True
    for each in planned.step.outside(planned.recipe):
        if isinstance(each, PathInput):
            root = each.path.resolve()
            folder = each.path if root.is_dir() else each.path.parent
            sources = [_source(path, folder) for path in (each.files if each.files is not None else walk(each.path))]
            found.extend((folder.resolve(), source) for source in sources)
            paths.append(each.path)
            parts.append(digest(root.name, *(f"{source.uri}\n{source.sha256}" for source in sources)))
        else:
            fingerprint = each.fingerprint or _service_fingerprint(each, planned, services)
            pinned = pinned and fingerprint is not None
            parts.append(digest("model", each.ref if fingerprint is None else fingerprint))
    bases = {base for base, _ in found}
    if len(bases) == 1:
        return Outside(tuple(source for _, source in found), str(bases.pop()), digest(*parts), pinned, tuple(paths))
    full = tuple(Source(uri=str(base / each.uri), sha256=each.sha256, size=each.size) for base, each in found)
    return Outside(full, "", digest(*parts), pinned, tuple(paths))


def _source(path: Path, folder: Path) -> Source:
    try:
        content, size = sha256_file(path), path.stat().st_size
    except OSError as error:
        if path.is_symlink() or isinstance(error, PermissionError):  # the step reports it; here it only must be named
            content, size = "", 0
        else:
            raise as_lianlu_error(error, path) from error
    return Source(uri=path.relative_to(folder).as_posix(), sha256=content, size=size)


def _service_fingerprint(model: ModelInput, planned: PlannedStep, services: Mapping[str, PlannedService]) -> str | None:
    """A model behind a service of the chain is what the service's command makes it."""
    for name in planned.services:
        if model.ref.startswith(services[name].url):
            return _describe(services[name])
    return None


def _describe(service: PlannedService) -> str:
    """What makes its answers: the command, its environment and artifacts, not where and how soon it answers."""
    said = service.identity.model_dump(mode="json", include={"command", "env"})
    return digest("service", canonical_json(said), canonical_json(dict(service.artifacts)))


def step_key(
    planned: PlannedStep,
    inputs: Mapping[str, str],
    outside: Outside,
    services: Mapping[str, PlannedService],
    *,
    seed: int,
    threads: int,
    run_id: str,
) -> StepKey:
    """The key of one step of one run.

    Args:
        inputs: input name -> artifact id.
        run_id: enters the key of a step that asks a model which is not pinned: its answers may differ every time.
    """
    step = planned.step
    recipe = _canonical(planned.recipe.model_dump(mode="json"), outside.paths, services)
    parts: dict[str, Any] = {
        "step": step.name,
        "version": step.version,
        "code": _code(step),
        "recipe": recipe,
        "inputs": dict(inputs),
        "outside": outside.fingerprint,
        "services": [_describe(services[name]) for name in planned.services],
        "seed": seed,
    }
    if step.numeric:
        parts["numeric"] = {"torch": _major("torch"), "transformers": _major("transformers"), "threads": threads}
    if not outside.is_pinned:
        parts["run"] = run_id
    return StepKey(short_id(canonical_json(parts)), recipe)


def _code(step: Step) -> str:
    """The step's own sources, and those of what it finds by name: readers, pages, plug-ins among them."""
    targets = (target for group in step.found_in for claimed in registry.claims(group).values() for target in claimed)
    modules = {type(step).__module__, *(target.partition(":")[0] for target in targets)}
    return digest(*(code_fingerprint(module) for module in sorted(modules)))


def _canonical(value: Any, paths: Sequence[Path], services: Mapping[str, PlannedService]) -> Any:
    if isinstance(value, dict):
        return {str(key): _canonical(each, paths, services) for key, each in value.items()}
    if isinstance(value, list):
        return [_canonical(each, paths, services) for each in value]
    if not isinstance(value, str):
        return value
    if value and Path(value) in paths:
        return f"path:{Path(value).resolve().name}"
    for name, service in services.items():
        value = value.replace(service.url, f"${{services.{name}.url}}")
    return value


def _major(package: str) -> str:
    try:
        return version(package).split(".")[0]
    except PackageNotFoundError:
        return ""
