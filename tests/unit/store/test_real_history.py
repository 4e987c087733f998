"""46 real revisions of one README under one name: every revision comes back, equal contents are kept once."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from lianlu.core.hashing import sha256_file
from lianlu.records import Source, StepStamp


@pytest.fixture
def revisions() -> list[Path]:
    folder = Path(os.environ.get("LIANLU_TEST_DATA", ""), "xtuner_readme_history")
    if "LIANLU_TEST_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("LIANLU_TEST_DATA has no xtuner_readme_history")
    return sorted(folder.glob("[0-9]*.md"))


def test_every_revision_comes_back_and_says_what_changed(store, revisions):
    made = []
    for path in revisions:
        source = Source(uri=path.name, sha256=sha256_file(path), size=path.stat().st_size)
        step = StepStamp(name="extract", version=1, key=source.sha256[:12], output="documents")
        artifact = store.put(
            {"README.md": path}, kind="documents", step=step, sources=[source], sources_root=path.parent
        )
        store.set_ref("readme", artifact.id)
        made.append(artifact)
    assert len(made) == 46
    assert [ref.artifact_id for ref in store.ref_history("readme")] == [artifact.id for artifact in made]
    for artifact, path in zip(made, revisions, strict=True):
        assert store.files(artifact)["README.md"].read_bytes() == path.read_bytes()
        assert [source.state for source in store.why(artifact.id).sources] == ["same"]
    assert store.verify().blobs == len({sha256_file(path) for path in revisions})
    for before, after in pairwise(made):
        found = store.diff(before.id, after.id)
        assert found.changed == ("README.md",)
        assert found.texts["README.md"].startswith("--- a/README.md")
        assert len(found.sources) == 2
    assert store.gc().artifacts == ()
