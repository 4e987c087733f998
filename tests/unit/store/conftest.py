"""A store in a temporary folder, and short ways to fill it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lianlu.core.hashing import sha256_bytes
from lianlu.records import Artifact, Source, StepStamp
from lianlu.store import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """`write("a/b.md", "text")` makes a user's file."""

    def make(name: str, content: str | bytes) -> Path:
        path = tmp_path / "user" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def put(store: Store, tmp_path: Path) -> Callable[..., Artifact]:
    """`put("text", kind="index", parents=[…], key="k2", sources={"a.md": b"…"})` keeps one file as an artifact."""

    def make(
        content: str = "text",
        *,
        kind: str = "documents",
        parents: tuple[str, ...] = (),
        key: str = "",
        step: str = "extract",
        recipe: dict[str, object] | None = None,
        sources: dict[str, bytes] | None = None,
        name: str = "a.json",
        **more: bool,
    ) -> Artifact:
        path = tmp_path / "made" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        root = tmp_path / "sources"
        root.mkdir(exist_ok=True)
        for uri, body in (sources or {}).items():
            (root / uri).write_bytes(body)
        return store.put(
            {name: path},
            kind=kind,
            parents=parents,
            step=StepStamp(name=step, version=1, key=key, output="out", recipe=recipe or {}) if key else None,
            sources=[
                Source(uri=uri, sha256=sha256_bytes(body), size=len(body)) for uri, body in (sources or {}).items()
            ],
            sources_root=root if sources else "",
            **more,
        )

    return make
