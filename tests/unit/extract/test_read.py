from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

import lianlu
from lianlu.core.errors import Cancelled, DataError, UsageError
from lianlu.core.job import Job
from lianlu.extract import read_files
from lianlu.extract.read import find_files, read_each
from lianlu.records import Failure
from made_files import plugin_folder


def write(folder: Path, *names: str, text: str = "# Words\n\nof a file") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def uris(paths: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[str]:
    return [file.uri for file in find_files(paths, include, exclude)]


def test_uris_are_relative_to_the_named_folder(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md", "en/b.md", ".hidden/c.md", ".d.md")
    assert uris([docs]) == ["a.md", "en/b.md"]
    assert uris([docs / "en" / "b.md"]) == ["b.md"]


def test_uris_of_several_paths_begin_with_their_names(tmp_path: Path) -> None:
    one, two = write(tmp_path / "x" / "docs", "a.md"), write(tmp_path / "y" / "docs", "a.md")
    single = write(tmp_path, "a.md") / "a.md"
    assert uris([one, two, single]) == ["docs/a.md", "docs-2/a.md", "a.md"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    docs = write(tmp_path / "docs", "a.md")
    assert uris([docs, docs / "a.md"]) == ["docs/a.md"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.md"], [], ["a.md", "en/b.md", "en/deep/c.md"]),
        (["en/**"], [], ["en/b.md", "en/deep/c.md"]),
        (["en"], ["*/c.md"], ["en/b.md"]),
        (["**/*.txt"], [], ["d.txt"]),
        ([], ["en/", "*.txt"], ["a.md"]),
    ],
)
def test_patterns_choose_files(tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]) -> None:
    docs = write(tmp_path, "a.md", "en/b.md", "en/deep/c.md", "d.txt")
    assert uris([docs], include, exclude) == expected


def test_nothing_to_read_is_a_usage_error(tmp_path: Path) -> None:
    for paths, code in (([tmp_path], "extract.no-files"), ([tmp_path / "absent"], "file.missing")):
        with pytest.raises(UsageError) as caught:
            find_files(paths)
        assert caught.value.code == code


def test_failures_are_told_with_hash_and_the_rest_goes_on(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "c.md")
    (tmp_path / "b.md").write_bytes(b"\x00\x01\x02\x03" * 9)
    (tmp_path / "e.md").write_bytes(b"")
    failures: list[Failure] = []
    documents = read_files(tmp_path, failures=failures)
    assert [document.source.uri for document in documents] == ["a.md", "c.md"]
    assert [(failure.uri, failure.code) for failure in failures] == [("b.md", "text.binary"), ("e.md", "extract.empty")]
    assert failures[0].size == 36
    assert len(failures[0].sha256) == 64


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    secret = write(tmp_path, "secret.md") / "secret.md"
    docs = write(tmp_path / "docs", "a.md")
    (docs / "b.md").symlink_to(docs / "a.md")
    (docs / "c.md").symlink_to(secret)
    (docs / "d.md").symlink_to(docs / "d.md")  # a loop is no file
    failures: list[Failure] = []
    documents = read_files(docs, failures=failures)
    assert [document.source.uri for document in documents] == ["a.md", "b.md"]
    assert [(failure.uri, failure.code) for failure in failures] == [("c.md", "extract.link-outside")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.md")
    (tmp_path / "b.md").chmod(0)
    failures: list[Failure] = []
    read_files(tmp_path, failures=failures)
    assert [failure.code for failure in failures] == ["file.unreadable"]


def test_folder_of_broken_files_is_one_error_with_the_reasons(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "b.txt", text="")
    with pytest.raises(DataError) as caught:
        read_files([tmp_path])
    assert caught.value.code == "extract.all-failed"
    assert "a.md: the file is empty" in caught.value.message("en")


def test_order_stays_with_many_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANLU_THREADS", "3")
    monkeypatch.setenv("PYTHONPATH", str(plugin_folder(tmp_path / "plugin")))
    docs = write(tmp_path / "docs", *(f"{number:02}.{'die' if number in (5, 20) else 'md'}" for number in range(40)))
    failures: list[Failure] = []
    documents = read_files(docs, failures=failures)
    assert [document.source.uri for document in documents] == [f"{n:02}.md" for n in range(40) if n not in (5, 20)]
    assert [failure.uri for failure in failures] == ["05.die", "20.die"]


def test_cancelling_ends_the_reading(tmp_path: Path) -> None:
    docs = write(tmp_path, *(f"{number:02}.md" for number in range(20)))
    job = Job("read")
    documents = read_each(find_files([docs]), job, [])
    next(documents)
    job.cancel()
    with pytest.raises(Cancelled):
        next(documents)


def test_it_is_offered_as_ll_read(tmp_path: Path) -> None:
    assert [document.title for document in lianlu.read(write(tmp_path, "a.md"))] == ["Words"]
