from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_hub import COMMIT, FakeHub, fake_hub
from lianlu.core.errors import BackendError, DataError, LianluError, LimitError, UsageError
from lianlu.core.job import Job
from lianlu.model.fetch import LOCK_FILE, Fetched, fetch, listing

WEIGHTS = random.Random(1).randbytes(3_000_000)
FILES = {
    "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
    "model.safetensors": WEIGHTS,
    "sub/tokenizer.json": b"{}" * 100,
    "empty.txt": b"",
    "pytorch_model.bin": b"pickle",
    "modeling_x.py": b"import os",
    "tf_model.h5": b"h5",
    ".gitattributes": b"*",
}
WANTED = ["config.json", "empty.txt", "model.safetensors", "sub/tokenizer.json"]
NAME = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub(dict(FILES), large=(NAME,)) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lianlu.model.fetch._FIRST_WAIT_SECONDS", 0.01)


def environment(hub: FakeHub, **more: str) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.hub, "MODELSCOPE_ENDPOINT": hub.hub, **more}


def run(hub: FakeHub, folder: Path, name: str = "o/m", **more: Any) -> Fetched:
    given = environment(hub, **more.pop("variables", {}))
    return fetch(name, folder, Job("fetch"), environment=given, **more)


def refused(family: type[LianluError], code: str, hub: FakeHub, folder: Path, **more: Any) -> LianluError:
    with pytest.raises(family) as caught:
        run(hub, folder, **more)
    assert caught.value.code == code
    assert caught.value.message("zh")
    assert caught.value.hint("en")
    return caught.value


def standing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_are_fetched_proved_and_locked(hub: FakeHub, tmp_path: Path) -> None:
    fetched = run(hub, tmp_path)
    assert standing(tmp_path) == sorted([*WANTED, LOCK_FILE])
    assert all((tmp_path / name).read_bytes() == FILES[name] for name in WANTED)
    assert fetched.skipped == [".gitattributes", "modeling_x.py", "pytorch_model.bin", "tf_model.h5"]
    lock = json.loads((tmp_path / LOCK_FILE).read_bytes())
    assert (lock["model"], lock["revision"], lock["commit"]) == ("hf:o/m", "main", COMMIT)
    assert all(len(each["sha256"]) == 64 for each in lock["files"])


def test_all_takes_pickles_and_code_too(hub: FakeHub, tmp_path: Path) -> None:
    run(hub, tmp_path, everything=True)
    assert {"pytorch_model.bin", "modeling_x.py", "tf_model.h5"} <= set(standing(tmp_path))


def test_include_chooses_files(hub: FakeHub, tmp_path: Path) -> None:
    run(hub, tmp_path, include=["*.json"])
    assert standing(tmp_path) == ["config.json", LOCK_FILE, "sub/tokenizer.json"]
    refused(UsageError, "model.nothing-chosen", hub, tmp_path, include=["*.gguf"])


def test_a_second_fetch_fetches_nothing(hub: FakeHub, tmp_path: Path) -> None:
    run(hub, tmp_path)
    before = (tmp_path / LOCK_FILE).read_bytes()
    hub.seen.clear()
    again = run(hub, tmp_path)
    assert (again.fetched_bytes, len(hub.seen)) == (0, 1)
    assert (tmp_path / LOCK_FILE).read_bytes() == before


def test_a_file_that_was_changed_is_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    run(hub, tmp_path)
    (tmp_path / NAME).write_bytes(bytes(len(WEIGHTS)))
    (tmp_path / "config.json").write_bytes(b"{}")
    run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == WEIGHTS
    assert (tmp_path / "config.json").read_bytes() == FILES["config.json"]


@pytest.mark.parametrize("fault", ["cut", "cut-silently"])
def test_a_connection_that_breaks_off_goes_on_where_it_was(hub: FakeHub, tmp_path: Path, fault: str) -> None:
    hub.faults[NAME] = [fault, fault]
    fetched = run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == WEIGHTS
    ranges = [headers.get("range", "") for headers in hub.headers("storage", NAME)]
    assert ranges[0] == ""
    assert all(each.startswith("bytes=") for each in ranges[1:])
    assert hub.headers("storage", NAME)[1]["if-range"].startswith('"')
    assert fetched.fetched_bytes == sum(len(FILES[name]) for name in WANTED)


@pytest.mark.parametrize("fault", ["range-ignored", "other-range", "500"])
def test_an_odd_answer_to_a_range_is_survived(hub: FakeHub, tmp_path: Path, fault: str) -> None:
    hub.faults[NAME] = ["cut", fault]
    run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == WEIGHTS


def test_another_file_under_the_same_name_is_not_joined_to_the_old_half(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults[NAME] = ["cut"] + ["500"] * 9
    refused(BackendError, "model.unreachable", hub, tmp_path)
    other = bytes(reversed(WEIGHTS))
    hub.files[NAME], hub.faults[NAME] = other, []
    run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == other


def test_a_half_that_was_damaged_is_fetched_anew(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults[NAME] = ["cut"] + ["500"] * 9
    refused(BackendError, "model.unreachable", hub, tmp_path)
    half = next(path for path in (tmp_path / ".fetch").iterdir() if path.stat().st_size > 1000)
    half.write_bytes(bytes(half.stat().st_size))
    hub.faults[NAME] = []
    run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == WEIGHTS


def test_a_wrong_hash_leaves_nothing(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults[NAME] = ["wrong", "wrong"]
    refused(DataError, "model.wrong-hash", hub, tmp_path)
    assert NAME not in standing(tmp_path)
    assert LOCK_FILE not in standing(tmp_path)
    assert [path.name for path in (tmp_path / ".fetch").iterdir() if path.stat().st_size > 1000] == []


def test_a_wrong_small_file_is_found_by_its_git_hash(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults["config.json"] = ["wrong"]
    refused(DataError, "model.wrong-hash", hub, tmp_path)


def test_more_bytes_than_announced_are_refused(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults[NAME] = ["long"]
    refused(DataError, "model.wrong-size", hub, tmp_path)
    assert NAME not in standing(tmp_path)


def test_the_token_goes_to_the_hub_and_nowhere_else(hub: FakeHub, tmp_path: Path) -> None:
    hub.token = "hf_secret"
    run(hub, tmp_path, variables={"HF_TOKEN": "hf_secret"})
    by_server = {
        server: {headers.get("authorization", "") for where, _, headers in hub.seen if where == server}
        for server in ("hub", "storage")
    }
    assert by_server == {"hub": {"Bearer hf_secret"}, "storage": {""}}


@pytest.mark.parametrize(
    ("fault", "variables", "code"),
    [
        ("401", {}, "model.not-found"),
        ("401", {"HF_TOKEN": "hf_x"}, "model.gated"),
        ("403", {}, "model.gated"),
        ("gated", {}, "model.gated"),
        ("404", {}, "model.not-found"),
        ("no-revision", {}, "model.no-revision"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: FakeHub, tmp_path: Path, fault: str, variables: dict[str, str], code: str
) -> None:
    hub.faults["api"] = [fault]
    error = refused(UsageError, code, hub, tmp_path, variables=variables)
    assert f"{hub.hub}/o/m" in error.hint("en")
    assert "hf_x" not in repr(error) + error.hint("en")


def test_a_busy_hub_is_asked_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults["api"] = ["429", "503", "500"]
    run(hub, tmp_path)
    hub.faults["api"] = ["503"] * 9
    refused(BackendError, "model.unreachable", hub, tmp_path / "b")


def test_a_login_page_is_no_hub(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults["api"] = ["web-page"]
    refused(BackendError, "model.odd-answer", hub, tmp_path)


def test_nobody_at_the_address_is_a_backend_error(tmp_path: Path) -> None:
    with pytest.raises(BackendError) as caught:
        fetch("o/m", tmp_path, Job(), environment={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert caught.value.code == "model.unreachable"


def test_too_little_space_is_said_before_anything_is_fetched(hub: FakeHub, tmp_path: Path) -> None:
    error = refused(LimitError, "model.no-space", hub, tmp_path, free=lambda _: 1000)
    assert error.facts["needed"] >= len(WEIGHTS)
    assert len(hub.seen) == 1


def test_a_disk_that_fills_up_is_a_limit_and_the_rest_is_kept(hub: FakeHub, tmp_path: Path) -> None:
    import hashlib

    (tmp_path / ".fetch").mkdir()
    full = tmp_path / ".fetch" / hashlib.sha256(WEIGHTS).hexdigest()
    full.symlink_to("/dev/full")
    refused(LimitError, "file.disk-full", hub, tmp_path)
    full.unlink()
    run(hub, tmp_path)
    assert (tmp_path / NAME).read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a//b", "a\\..\\b", "a\nb", ""])
def test_a_file_name_that_leads_out_of_the_folder_is_refused(hub: FakeHub, tmp_path: Path, name: str) -> None:
    hub.names["config.json"] = name
    refused(DataError, "model.bad-name", hub, tmp_path)


@pytest.mark.parametrize("name", ["", "a b", "../x", "o/m/x", "ftp:o/m", ":o/m", "o/..", "http://x/y", "o/m?x"])
def test_what_is_no_id_is_refused(hub: FakeHub, tmp_path: Path, name: str) -> None:
    refused(UsageError, "model.bad-id", hub, tmp_path, name=name)


@pytest.mark.parametrize("address", ["huggingface.co", "ftp://x", "http://", "http://u:p@h", "http://h:99999"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError) as caught:
        fetch("o/m", tmp_path, Job(), environment={"HF_ENDPOINT": address})
    assert caught.value.code == "model.bad-endpoint"


def test_what_is_no_revision_or_token_is_refused(hub: FakeHub, tmp_path: Path) -> None:
    refused(UsageError, "model.bad-revision", hub, tmp_path, revision="a b")
    refused(UsageError, "model.bad-token", hub, tmp_path, variables={"HF_TOKEN": "令牌"})


def test_modelscope_is_fetched_too(hub: FakeHub, tmp_path: Path) -> None:
    fetched = run(hub, tmp_path, name="modelscope:o/m", variables={"HF_TOKEN": "hf_secret"})
    assert all((tmp_path / name).read_bytes() == FILES[name] for name in WANTED)
    assert fetched.model == "modelscope:o/m"
    assert {headers.get("authorization", "") for _, _, headers in hub.seen} == {""}


def test_a_dry_look_lists_and_writes_nothing(hub: FakeHub) -> None:
    found, skipped = listing("o/m", environment=environment(hub))
    assert sorted(file.name for file in found.files) == WANTED
    assert "pytorch_model.bin" in skipped


def test_a_killed_fetch_goes_on(hub: FakeHub, tmp_path: Path) -> None:
    hub.pause = 0.05
    given = {**os.environ, **environment(hub), "LIANLU_LANG": "en"}
    command = [sys.executable, "-m", "lianlu", "model", "fetch", "o/m", "--to", str(tmp_path)]
    with subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        _until(lambda: any(_size(path) > 500_000 for path in (tmp_path / ".fetch").glob("*")))
        child.send_signal(signal.SIGKILL)
    assert NAME not in standing(tmp_path)
    hub.pause = 0.0
    hub.seen.clear()
    fetched = run(hub, tmp_path)
    begun = int(hub.headers("storage", NAME)[0]["range"].removeprefix("bytes=").rstrip("-"))
    assert begun > 500_000
    assert fetched.fetched_bytes < len(WEIGHTS) - 400_000
    assert (tmp_path / NAME).read_bytes() == WEIGHTS


def _size(path: Path) -> int:
    """Bytes of a file that the fetcher may rename at any moment."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)
