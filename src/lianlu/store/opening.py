"""Finding and opening a store, and registering what a verb wrote outside it.

The order of places is that of a user's mind: what I said now, what I set for this shell, what this project has, mine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lianlu.core.errors import LimitError, UsageError
from lianlu.core.files import Files, named_path
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.records import Artifact, Source, StepStamp
from lianlu.store.layout import Layout, unusable
from lianlu.store.store import Store
from lianlu.store.workspace import sweep

__all__ = ["PROJECT_FOLDER", "open_store", "register_folder"]

PROJECT_FOLDER = ".lianlu"


def open_store(
    root: Path | None = None,
    *,
    settings: Settings | None = None,
    start: Path | None = None,
    create: bool = True,
) -> Store:
    """Open the store to use: `root`, else LIANLU_STORE, else the nearest `.lianlu/` above `start`, else the user's own.

    Args:
        start: where to look for `.lianlu/` from; the current folder when None.
        create: make the store where there is none. Without it the store is only read, and may be read-only.

    Raises:
        UsageError: store.unusable, store.newer-format, store.absent
        LimitError: file.disk-full
    """
    layout = Layout(named_path(root or _usual_root(settings or Settings.from_environment(), start)).absolute())
    found = layout.found_format()
    if not create:
        if found is None:
            raise UsageError("store.absent", path=str(layout.root))
        return Store(layout)
    layout.create()
    try:
        sweep(layout.tmp, layout.sweep_turn)  # also the proof that the store can be written
    except OSError as error:
        raise unusable(layout.root, error) from error
    return Store(layout)


def _usual_root(settings: Settings, start: Path | None) -> Path:
    if settings.store is not None:
        return settings.store
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / PROJECT_FOLDER).is_dir():
            return folder / PROJECT_FOLDER
    return settings.data_folder


def register_folder(
    folder: Path,
    *,
    kind: str,
    parents: Sequence[str] = (),
    step: StepStamp | None = None,
    sources: Sequence[Source] = (),
    sources_root: str | Path = "",
    store_root: Path | None = None,
    volatile: bool = False,
    job: Job | None = None,
) -> Artifact | None:
    """Register the files a verb wrote to `folder` by reference, so that `store why` finds them; no byte is copied.

    A store that cannot be written is a warning on `job`, and None is returned: the verb's work is done all the same.

    Raises:
        UsageError: file.missing: there is no such folder
    """
    files = Files.of_folder(folder, kind=kind)
    try:
        return open_store(store_root).put(
            files,
            kind=kind,
            parents=parents,
            step=step,
            sources=sources,
            sources_root=sources_root,
            volatile=volatile,
            by_reference=True,
        )
    except (UsageError, LimitError) as error:
        if job is not None:
            note = Text(
                f"the results are in {folder}, but not registered: {error.message('en')}",
                f"结果已写入 {folder}，但未能登记：{error.message('zh')}",
            )
            job.note(note, "warning", error.code)
        return None
