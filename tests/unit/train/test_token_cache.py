"""A token cache gives back what was written, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lianlu.core.errors import LimitError, UsageError
from lianlu.train.samples import Encoded
from lianlu.train.token_cache import TokenCache, cache_key

KEY = "k"


def samples_of(count: int, seed: int = 0) -> list[Encoded]:
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 40, size=count).tolist()
    return [
        Encoded(f"文.jsonl:{place}", random.integers(0, 1 << 30, n).astype(np.int32), random.random(n) < 0.5)
        for place, n in enumerate(lengths)
    ]


def are_equal(left: Encoded, right: Encoded) -> bool:
    return left.id == right.id and np.array_equal(left.ids, right.ids) and np.array_equal(left.mask, right.mask)


def place_of(folder: Path) -> Path:
    (found,) = folder.glob("tokens-*")
    return found


@pytest.mark.parametrize("count", [0, 1, 500])
def test_what_is_written_is_read_again(tmp_path: Path, count: int) -> None:
    samples = samples_of(count)
    made = TokenCache.write(tmp_path / "a" / "b", KEY, iter(samples))
    opened = TokenCache.open(tmp_path / "a" / "b", KEY)
    assert opened is not None
    for cache in (made, opened):
        assert len(cache) == count
        assert all(are_equal(one, other) for one, other in zip(cache, samples, strict=True))
        assert cache.lengths.tolist() == [len(each.ids) for each in samples]


def test_samples_are_views_of_one_file(tmp_path: Path) -> None:
    cache = TokenCache.write(tmp_path, KEY, samples_of(50))
    first, last = cache[0], cache[-1]
    assert not first.ids.flags.owndata
    assert not last.mask.flags.owndata
    assert not last.ids.flags.writeable
    address = [each.ids.__array_interface__["data"][0] for each in (first, last)]
    assert address[1] - address[0] == 4 * int(cache.lengths[:-1].sum())


def test_a_cache_is_a_sequence(tmp_path: Path) -> None:
    samples = samples_of(7)
    cache = TokenCache.write(tmp_path, KEY, samples)
    assert [each.id for each in cache[2:6:2]] == [samples[2].id, samples[4].id]
    assert are_equal(cache[-2], samples[5])
    with pytest.raises(IndexError):
        cache[7]


def test_ids_that_are_no_characters_come_back(tmp_path: Path) -> None:
    odd = Encoded("\udcff.txt", np.zeros(1, np.int32), np.ones(1, bool))
    assert TokenCache.write(tmp_path, KEY, [odd])[0].id == "\udcff.txt"


def test_another_key_is_another_cache(tmp_path: Path) -> None:
    TokenCache.write(tmp_path, KEY, samples_of(3))
    assert TokenCache.open(tmp_path, "other") is None
    assert TokenCache.open(tmp_path / "nowhere", KEY) is None
    TokenCache.write(tmp_path, "other", samples_of(4))
    found = [TokenCache.open(tmp_path, key) for key in (KEY, "other")]
    assert [len(each) for each in found if each is not None] == [3, 4]


@pytest.mark.parametrize("name", ["ids", "mask", "table", "index.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "longer"])
def test_a_torn_cache_is_none_and_is_made_anew(tmp_path: Path, name: str, damage: str) -> None:
    samples = samples_of(20)
    TokenCache.write(tmp_path, KEY, samples)
    path = place_of(tmp_path) / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-1] if damage == "cut" else content + b"x")
    assert TokenCache.open(tmp_path, KEY) is None
    TokenCache.write(tmp_path, KEY, samples)
    again = TokenCache.open(tmp_path, KEY)
    assert again is not None
    assert are_equal(again[19], samples[19])
    assert [each.name for each in tmp_path.iterdir()] == [place_of(tmp_path).name]


@pytest.mark.parametrize(
    ("name", "old", "new"), [("index.json", b'"samples":20', b'"samples":19'), ("table", b"jsonl:7", b"jsonl:8")]
)
def test_a_changed_byte_in_index_or_table_is_seen(tmp_path: Path, name: str, old: bytes, new: bytes) -> None:
    TokenCache.write(tmp_path, KEY, samples_of(20))
    path = place_of(tmp_path) / name
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, new))
    assert TokenCache.open(tmp_path, KEY) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"index": {"format": 1}}', b"\xff\x00"])
def test_what_is_no_index_is_no_cache(tmp_path: Path, content: bytes) -> None:
    TokenCache.write(tmp_path, KEY, samples_of(2))
    (place_of(tmp_path) / "index.json").write_bytes(content)
    assert TokenCache.open(tmp_path, KEY) is None


def test_samples_that_fail_on_the_way_leave_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[Encoded]:
        yield from samples_of(5)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        TokenCache.write(tmp_path, KEY, failing())
    assert list(tmp_path.iterdir()) == []


def test_two_writers_at_once_both_end_with_a_whole_cache(tmp_path: Path) -> None:
    samples = samples_of(300)
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: TokenCache.write(tmp_path, KEY, samples), range(4)))
        opened = TokenCache.open(tmp_path, KEY)
        assert opened is not None
        assert all(are_equal(cache[at], samples[at]) for cache in (*made, opened) for at in (0, 150, 299))
        assert [each.name for each in tmp_path.iterdir()] == [place_of(tmp_path).name]
        (place_of(tmp_path) / "ids").write_bytes(b"torn")


def test_a_killed_writer_leaves_no_cache_and_its_rest_is_removed(tmp_path: Path) -> None:
    code = """
        import sys, time, numpy as np
        from pathlib import Path
        from lianlu.train.samples import Encoded
        from lianlu.train.token_cache import TokenCache
        def slowly():
            yield Encoded("a", np.zeros(9, np.int32), np.ones(9, bool))
            print("writing", flush=True)
            time.sleep(60)
        TokenCache.write(Path(sys.argv[1]), "k", slowly())
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        TokenCache.write(tmp_path, "other", samples_of(1))
        assert len(list(tmp_path.glob(".tmp-*"))) == 1  # a writer that lives is left alone
        os.kill(writer.pid, signal.SIGKILL)
    assert TokenCache.open(tmp_path, KEY) is None
    TokenCache.write(tmp_path, KEY, samples_of(1))
    assert list(tmp_path.glob(".tmp-*")) == []


def test_a_full_disk_is_told_and_leaves_no_cache(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    if not is_mounted:
        pytest.skip("this machine does not let tests mount a small disk")
    try:
        with pytest.raises(LimitError) as raised:
            TokenCache.write(disk, KEY, samples_of(10_000))
        assert raised.value.code == "file.disk-full"
        assert list(disk.iterdir()) == []
        assert len(TokenCache.write(disk, KEY, samples_of(10))) == 10
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert TokenCache.open(tmp_path / "file", KEY) is None
    with pytest.raises(UsageError) as raised:
        TokenCache.write(tmp_path / "file", KEY, samples_of(1))
    assert raised.value.code == "file.unwritable"


def test_each_thing_that_a_sample_depends_on_changes_the_key(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    sources, files, settings = {"a": one, "b": other}, {"tokenizer.json": one}, {"max_tokens": 8}
    keys = [
        cache_key(sources, files, "t", settings),
        cache_key({"b": other, "a": one}, files, "t", settings),
        cache_key({"a": one, "c": other}, files, "t", settings),
        cache_key({"a": one, "b": one}, files, "t", settings),
        cache_key(sources, {"tokenizer.json": other}, "t", settings),
        cache_key(sources, files, "u", settings),
        cache_key(sources, files, "t", {"max_tokens": 9}),
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(dict(sources), dict(files), "t", dict(settings)) == keys[0]
