"""Watching: what changes is taken up, what is still being written waits, errors do not end it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lianlu import rag
from lianlu.core.job import Job
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.watch import Noticed, watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# 甲\n\n第一篇的内容。\n", encoding="utf-8")
    return folder


@pytest.fixture
def base(folder: Path) -> Iterator[KnowledgeBase]:
    built, _ = rag.build("docs", folder)
    with built:
        yield built


def looks(base: KnowledgeBase, between: dict[int, Callable[[], object]], count: int) -> list[Noticed]:
    """What a watch notices during some looks; `between` acts before the look of that number."""
    stop = threading.Event()
    at = 0

    def sleep(_: float) -> None:
        nonlocal at
        at += 1
        if at in between:
            between[at]()
        if at >= count:
            stop.set()

    return list(watch(base, Job("watch", cancelled=stop), sleep=sleep))


def test_a_new_file_is_taken_up_once(base: KnowledgeBase, folder: Path) -> None:
    noticed = looks(base, {1: lambda: (folder / "b.md").write_text("# 乙\n\n第二篇。\n", encoding="utf-8")}, 6)
    added = [each.changes.added for each in noticed if each.changes]
    assert added == [[], ["b.md"]]


def test_a_file_that_is_still_growing_waits(base: KnowledgeBase, folder: Path) -> None:
    def grow(number: int) -> Callable[[], object]:
        return lambda: (folder / "b.md").write_text("# 乙\n\n" + "又一句。" * number + "\n", encoding="utf-8")

    noticed = looks(base, {number: grow(number) for number in range(1, 6)}, 8)
    assert [each.changes.added for each in noticed if each.changes] == [[], ["b.md"]]


def test_a_folder_that_goes_away_is_told_and_comes_back(base: KnowledgeBase, folder: Path) -> None:
    away = folder.with_name("away")
    (folder / "c.md").write_text("# 丙\n\n第三篇。\n", encoding="utf-8")
    noticed = looks(base, {2: lambda: folder.rename(away), 6: lambda: away.rename(folder)}, 10)
    failed = [failure.code for each in noticed if each.changes for failure in each.changes.failed]
    assert failed == ["file.missing"]
    assert base.status().documents == 2
