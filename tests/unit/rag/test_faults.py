"""What a writer was told is kept: killed at random moments, read by others meanwhile, a base shows whole documents only."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.extractive import indexed_text
from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.shelf import build, open_base

BUILD = """
import sys
from pathlib import Path
from lianlu.rag.config import BaseConfig
from lianlu.rag.shelf import build

build("kb", Path(sys.argv[1]), config=BaseConfig(embed="fake:echo"), root=Path(sys.argv[2]))[0].close()
"""
WRITE = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from documents_of_tests import numbered
from lianlu.rag.shelf import open_base

chance = random.Random(sys.argv[2])
with open_base("kb", root=Path(sys.argv[1])) as base:
    print("ready", flush=True)
    for turn in range(10_000):
        uri, version = f"{chance.randrange(30)}.md", f"{sys.argv[2]}-{turn}"
        if chance.random() < 0.2 and uri in base.status().uris:
            base.remove([uri])
            print("gone", uri, flush=True)
        else:
            base.put([numbered(uri, version)])
            print("put", uri, version, flush=True)
"""
READ = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from documents_of_tests import assert_whole
from lianlu.rag.shelf import open_base

base = open_base("kb", root=Path(sys.argv[1]))
print("ready", flush=True)
looks = 0
while not Path(sys.argv[1], "stop").exists():
    with base.truth.reading():
        assert_whole(base)
        found = base.find("版本 说明 第三节", 50)
        assert all("节" in each.row.chunk.text for each in found)
    looks += 1
print(looks, flush=True)
"""
HERE = str(Path(__file__).parent)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "start.md").write_text("# 开始\n\n这里是第一节。\n", encoding="utf-8")
    command = [sys.executable, "-c", BUILD, str(tmp_path / "docs"), str(tmp_path / "store")]
    subprocess.run(command, check=True)
    return tmp_path / "store"


def killed_after(root: Path, seed: int, seconds: float) -> list[list[str]]:
    """What a writer said was done before it was killed without a warning."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(root), str(seed), HERE], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    time.sleep(seconds)
    child.kill()
    said = child.stdout.read()
    child.wait()
    child.stdout.close()
    return [line.split() for line in said.split("\n")[:-1]]


def kill_and_look(root: Path, points: int) -> int:
    """Kill writers at random moments; everything they said must be there, whole. Returns how much they said."""
    from .documents_of_tests import assert_whole

    chance = random.Random(points)
    expected: dict[str, str | None] = {}
    count = 0
    for point in range(points):
        said = killed_after(root, point, chance.uniform(0.0, 0.6))
        count += len(said)
        for what, uri, *version in said:
            expected[uri] = version[0] if what == "put" else None
        with open_base("kb", root=root) as base:
            base.check()
            assert_whole(base)
            assert_said(base, expected)
            assert_indexes_are_those_of_a_fresh_build(base)
            # what was under way when the writer died may have been kept or not: from here on it is as it is found
            expected = _versions(base)
    return count


def _versions(base: KnowledgeBase) -> dict[str, str | None]:
    return {each.uri: each.title for each in base.truth.documents()}


def assert_said(base: KnowledgeBase, expected: dict[str, str | None]) -> None:
    """Each document has the version that was acknowledged last; one change more may have been kept unsaid."""
    found = _versions(base)
    others = [uri for uri, version in expected.items() if found.get(uri) != version]
    assert len(others) <= 1, others


def assert_indexes_are_those_of_a_fresh_build(base: KnowledgeBase) -> None:
    rows = base.truth.chunk_ids()
    chunks = base.truth.chunks(rows)
    fresh = LexicalIndex.empty().changed(rows, [], lambda ids: [indexed_text(chunks[row]) for row in ids])
    question = "第三节 说明"
    # both may break ties by row id only, so the lists are the same
    assert [row for row, _ in base.index.search(question, 40)] == [row for row, _ in fresh.search(question, 40)]
    assert base.vectors is not None
    vector = np.ones(base.status().dimensions, dtype=np.float32) / base.status().dimensions ** 0.5
    pieces = base.truth.pieces()
    scores = base.truth.vectors(pieces, len(vector)).astype(np.float32) @ vector
    best = base.vectors.search(vector, 1)
    assert best[0][1] == pytest.approx(float(scores.max()), abs=2e-3)


def test_killed_at_ten_moments_nothing_said_is_lost_and_nothing_is_half_there(root: Path) -> None:
    assert kill_and_look(root, 10) > 10


@pytest.mark.soak
def test_killed_at_two_hundred_moments(root: Path) -> None:
    assert kill_and_look(root, 200) > 400


def test_four_readers_see_whole_documents_while_one_writes(root: Path) -> None:
    readers = [
        subprocess.Popen([sys.executable, "-c", READ, str(root), HERE], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
    killed_after(root, 7, 2.0)
    (root / "stop").touch()
    looks = [int(reader.communicate(timeout=60)[0]) for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0, 0, 0]
    assert min(looks) > 1


@pytest.mark.parametrize("ending", [".lexical", ".vectors"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "flipped", "of another base"])
def test_a_damaged_index_is_made_anew_and_never_answers_wrongly(root: Path, ending: str, damage: str) -> None:
    from .documents_of_tests import numbered

    with open_base("kb", root=root) as base:
        base.put([numbered(f"{number}.md", f"v{number}") for number in range(12)])
        expected = base.find("第三节 说明", 30)
    folder = root / "state" / "kb"
    damaged = sorted(folder.glob(f"kb*{ending}*"))
    assert damaged
    if damage == "of another base":
        build("other", Path(root).parent / "docs", root=root)[0].close()
    for path in damaged:
        content = path.read_bytes()
        if damage == "missing":
            path.unlink()
        elif damage == "empty":
            path.write_bytes(b"")
        elif damage == "truncated":
            path.write_bytes(content[: len(content) * 2 // 3])
        elif damage == "flipped":
            middle = len(content) * 3 // 4
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :])
        else:
            path.write_bytes((folder / "other.lexical").read_bytes())
    with open_base("kb", root=root) as base:
        assert base.find("第三节 说明", 30) == expected
        assert_indexes_are_those_of_a_fresh_build(base)
