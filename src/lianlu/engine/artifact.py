"""Weights of the store as a folder, which is what every loader wants: links to its files under their names."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lianlu.core.errors import UsageError
from lianlu.core.files import as_lianlu_error
from lianlu.core.settings import Settings
from lianlu.store import open_store

__all__ = ["ArtifactFolder"]


class ArtifactFolder:
    """The files of a `weights` artifact as a folder of links; `close` removes it, never the files.

    Raises:
        UsageError: store.absent, store.unknown-artifact, store.ambiguous-id, engine.not-weights, file.unwritable
        DataError: store.blob-gone, store.file-gone, store.file-changed
        LimitError: file.disk-full
    """

    def __init__(self, name: str, settings: Settings) -> None:
        store = open_store(settings=settings, create=False)
        artifact = store.get(name)
        if artifact.kind != "weights":
            raise UsageError("engine.not-weights", name=name, kind=artifact.kind)
        files = store.files(artifact)
        self.artifact_id = artifact.id
        try:
            self._place = tempfile.TemporaryDirectory(prefix="lianlu-weights-")
            self.path = Path(self._place.name)
            for file, place in files.items():
                link = self.path / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(place.absolute())
        except OSError as error:
            raise as_lianlu_error(error, Path(tempfile.gettempdir())) from error

    def close(self) -> None:
        self._place.cleanup()
