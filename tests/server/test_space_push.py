"""A Space goes to a hub over HTTP: exactly the folder, and the secret by its own call; a push that is cut off changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from conftest import Printed
from fake_spaces import FakeSpaces, Repository, fake_spaces
from lianlu.rag import build

SECRET = "sk-live-0123456789abcdef"
Push = Callable[..., Printed]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("push")
    (place / "a.md").write_text("# Backups\n\nBackups are kept for thirty days.\n", encoding="utf-8")
    base, _ = build("notes", [place / "a.md"], root=place / "store")
    base.close()
    return place / "store"


@pytest.fixture
def hub() -> Generator[FakeSpaces]:
    with fake_spaces() as running:
        yield running


@pytest.fixture
def environment(hub: FakeSpaces, store: Path, tmp_path: Path) -> dict[str, str]:
    """The hub of this test, and a home without anybody's token."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1",
        "LIANLU_STORE": str(store),
        "API_KEY": SECRET,
    }


ARGUMENTS = ("deploy", "space", "space", "--base", "notes", "--secret", "API_KEY", "--json")


@pytest.fixture
def push(lianlu_child: Callable[..., Printed], environment: dict[str, str], tmp_path: Path) -> Push:
    def run(name: str = "ann/notes", *more: str, **changes: str) -> Printed:
        return lianlu_child(*ARGUMENTS, "--push", name, *more, cwd=tmp_path, **{**environment, **changes})

    return run


def folder(tmp_path: Path) -> dict[str, bytes]:
    root = tmp_path / "space"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def refused(done: Printed, code: str, exit_code: int) -> None:
    assert f"[{code}]" in done.err, done.err
    assert "hint: " in done.err
    assert "Traceback" not in done.err
    assert done.code == exit_code
    assert SECRET not in done.err + done.out


def test_the_hub_gets_exactly_the_folder_and_the_secret(hub: FakeSpaces, push: Push, tmp_path: Path) -> None:
    done = push("ann/notes", "--private")
    assert done.code == 0, done.err
    there = hub.repositories["ann/notes"]
    assert there.files == folder(tmp_path)
    assert there.secrets == {"API_KEY": SECRET}
    assert (there.sdk, there.is_private, there.commits) == ("docker", True, 1)
    told = json.loads(done.out)
    assert (told["url"], told["commit"]) == (f"{hub.url}/spaces/ann/notes", there.head)


def test_the_secret_stands_in_no_file_and_no_output(hub: FakeSpaces, push: Push, tmp_path: Path) -> None:
    done = push()
    assert SECRET not in done.out + done.err
    assert hub.token not in done.out + done.err
    everything = b"\0".join([*folder(tmp_path).values(), *hub.repositories["ann/notes"].files.values()])
    assert SECRET.encode() not in everything
    assert hub.token.encode() not in everything


def test_the_secret_is_there_before_the_space_starts(hub: FakeSpaces, push: Push) -> None:
    push()
    paths = [path for _, path in hub.calls]
    assert paths.index("/api/spaces/ann/notes/secrets") < paths.index("/api/spaces/ann/notes/commit/main")


def test_without_push_nothing_is_sent(
    hub: FakeSpaces, lianlu_child: Callable[..., Printed], environment: dict[str, str], tmp_path: Path
) -> None:
    assert lianlu_child(*ARGUMENTS, cwd=tmp_path, **environment).code == 0
    assert lianlu_child(*ARGUMENTS, "--push", "ann/notes", "--dry-run", cwd=tmp_path, **environment).code == 0
    assert hub.calls == []


def test_another_push_takes_away_what_is_no_longer_ours(hub: FakeSpaces, push: Push, tmp_path: Path) -> None:
    push()
    there = hub.repositories["ann/notes"]
    there.files["wheels/lianlu-0.0.1-py3-none-any.whl"] = b"old"
    there.files["picture.png"] = b"theirs"
    assert push("ann/notes", "--title", "New").code == 0
    assert there.files == folder(tmp_path) | {"picture.png": b"theirs"}
    assert there.commits == 2


def test_a_space_that_was_not_made_here_is_not_written_over(hub: FakeSpaces, push: Push) -> None:
    there = hub.repositories["ann/notes"] = Repository("gradio", files={"app.py": b"theirs"})
    refused(push(), "cli.hub-foreign-space", 2)
    assert (there.files, there.secrets) == ({"app.py": b"theirs"}, {})


def test_a_killed_push_leaves_nothing_half_and_the_next_one_completes(
    hub: FakeSpaces, push: Push, environment: dict[str, str], tmp_path: Path
) -> None:
    hub.faults["store"] = ["", "hang"]  # one large file is through, the next is on its way
    child = subprocess.Popen(
        [sys.executable, "-m", "lianlu", *ARGUMENTS, "--push", "ann/notes"],
        cwd=tmp_path,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert hub.hanging.wait(60)
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    there = hub.repositories["ann/notes"]
    assert (there.commits, set(there.files)) == (0, {".gitattributes", "README.md"})
    hub.calls.clear()
    assert push().code == 0
    assert there.files == folder(tmp_path)
    stored = [path for method, path in hub.calls if method == "PUT"]
    assert len(stored) < sum(name.endswith((".sqlite", ".lexical", ".whl")) for name in there.files)


@pytest.mark.parametrize("fault", ["500", "drop"])
def test_a_commit_that_fails_leaves_the_space_as_it_was(
    hub: FakeSpaces, push: Push, tmp_path: Path, fault: str
) -> None:
    push()
    there = hub.repositories["ann/notes"]
    before = dict(there.files)
    hub.faults["commit"] = [fault]
    refused(push("ann/notes", "--title", "New"), "cli.hub-refused" if fault == "500" else "cli.hub-unreachable", 4)
    assert there.files == before
    assert push("ann/notes", "--title", "New").code == 0
    assert there.files == folder(tmp_path) != before


@pytest.mark.parametrize(
    ("faults", "code", "exit_code"),
    [
        ({"create": ["402"], "info": ["404"]}, "cli.hub-payment", 2),
        ({"secret": ["403"]}, "cli.hub-forbidden", 2),
        ({"commit": ["412"]}, "cli.hub-changed", 4),
        ({"preupload": ["400"]}, "cli.hub-refused", 4),
    ],
    ids=["payment", "right", "meanwhile", "odd"],
)
def test_what_the_hub_says_is_told(
    hub: FakeSpaces, push: Push, faults: dict[str, list[str]], code: str, exit_code: int
) -> None:
    hub.faults.update(faults)
    refused(push(), code, exit_code)


def test_a_wrong_token_is_refused(hub: FakeSpaces, push: Push) -> None:
    refused(push(HF_TOKEN="hf_wrong_token"), "cli.hub-token", 2)
    assert hub.repositories == {}


def test_a_missing_token_is_told_before_anything_is_written(hub: FakeSpaces, push: Push, tmp_path: Path) -> None:
    refused(push(HF_TOKEN=""), "cli.hub-no-token", 2)
    assert hub.calls == []
    assert not (tmp_path / "space").exists()


def test_a_namespace_of_somebody_else_is_refused(hub: FakeSpaces, push: Push) -> None:
    refused(push("bob/notes"), "cli.hub-forbidden", 2)


def test_no_hub_at_all_is_told(push: Push) -> None:
    refused(push(HF_ENDPOINT="http://127.0.0.1:9"), "cli.hub-unreachable", 4)
