"""The knowledge bases of a store by name: make, find, open, copy and carry away."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from lianlu.core.errors import DataError, UsageError
from lianlu.core.files import sync_folder
from lianlu.core.i18n import suggest
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.rag.base import CACHE, KnowledgeBase, remove_files
from lianlu.rag.changes import Changes
from lianlu.rag.config import BaseConfig
from lianlu.rag.indexes import sidecar_files
from lianlu.rag.sources import Named, SqlSource
from lianlu.rag.truth import Truth
from lianlu.store import open_store

__all__ = ["base_path", "build", "names", "open_base", "publish"]

_NAME = re.compile(r"[^\W_][\w.-]*")
_LONGEST_NAME = 64
_SUFFIX = ".sqlite"


def base_path(name: str, *, root: Path | None = None, settings: Settings | None = None, create: bool = True) -> Path:
    """Where a base of this name lies in the store. Without `create` the store may be read-only.

    Raises:
        UsageError: rag.bad-name, store.absent
    """
    _check_name(name)
    return open_store(root, settings=settings, create=create).state("kb", name + _SUFFIX)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError("rag.bad-name", name=name, limit=_LONGEST_NAME)


def names(*, root: Path | None = None, settings: Settings | None = None) -> list[str]:
    """The names of all bases in the store."""
    try:
        folder = base_path("x", root=root, settings=settings, create=False).parent
    except UsageError as error:
        if error.code != "store.absent":
            raise
        return []
    return sorted(path.stem for path in folder.glob(f"*{_SUFFIX}"))


def open_base(name: str, *, root: Path | None = None, settings: Settings | None = None) -> KnowledgeBase:
    """Open a base by name.

    Raises:
        UsageError: rag.unknown-base, with the nearest names; rag.bad-name
        DataError: rag.corrupt, rag.format
    """
    known = names(root=root, settings=settings)
    if name not in known:
        _check_name(name)
        raise UsageError("rag.unknown-base", name=name, suggestion=suggest(name, known))
    path = base_path(name, root=root, settings=settings, create=False)
    return KnowledgeBase(Truth.open(path, name))


def build(
    name: str,
    paths: Named | Sequence[Named],
    *,
    config: BaseConfig | None = None,
    job: Job | None = None,
    root: Path | None = None,
    settings: Settings | None = None,
) -> tuple[KnowledgeBase, Changes]:
    """Make a base from files, folders, addresses and queries. One that exists is replaced, all at once.

    A damaged file is replaced too. A new base is made aside and appears when it is whole: a build that is stopped or
    killed leaves none.

    Raises:
        UsageError: file.missing, rag.bad-name, rag.bad-address, rag.no-paths, rag.nothing-to-read
        DataError: rag.nothing-read; a base of that name stays as it was
        BackendError: the embedder failed; a base of that name stays as it was, the next try goes on from the cache
        LimitError: rag.busy, file.disk-full
    """
    named: list[Named] = [paths] if isinstance(paths, (str, Path, SqlSource)) else list(paths)
    if not named:
        raise UsageError("rag.no-paths", verb="build", name=name)
    path = base_path(name, root=root, settings=settings)
    how = config or BaseConfig()
    job = job or Job("rag")
    if not path.exists():
        with open_store(root, settings=settings).workspace() as place:
            draft = place / path.name
            with KnowledgeBase(Truth.create(draft, name), cache=path.with_name(CACHE)) as new:
                changes = new.rebuild(named, how, job)
            if publish(draft, path):
                return KnowledgeBase(Truth.open(path, name)), changes
    with ExitStack() as until_built:
        base = until_built.enter_context(KnowledgeBase(_opened(path, name)))
        changes = base.rebuild(named, how, job)
        until_built.pop_all()
    return base, changes


def publish(draft: Path, path: Path) -> bool:
    """Whether a new base now stands at its place, whole; not if somebody else has made one of that name meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        draft.replace(path)
    for sidecar in sidecar_files(draft):
        with suppress(OSError):  # what is derived can be made again
            sidecar.replace(path.with_name(sidecar.name))
    sync_folder(path.parent)
    return True


def _opened(path: Path, name: str) -> Truth:
    try:
        truth = Truth.create(path, name)
    except DataError:
        remove_files(path, keeps_calibration=True)
        return Truth.create(path, name)
    return truth
