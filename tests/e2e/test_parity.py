"""`lianlu eval parity` between a folder and the server of that folder: it agrees, and every way it can be fooled is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from e2e.serving import Server, questions, started
from lianlu.cli.main import main
from tiny_model import TEMPLATE, tiny_model_folder

ITEMS = 8
Parity = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    place = tmp_path_factory.mktemp("server")
    with started(place, f"local:{tiny_model_folder(place / 'tiny')}") as running:
        yield running


@pytest.fixture
def local(server: Server) -> str:
    """The folder that is served, as a model of this process."""
    return str(server.told["ref"])


@pytest.fixture
def parity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Parity:
    """`lianlu eval parity A B … --json` in this process, where torch is read only once: exit code and what it printed."""
    monkeypatch.setenv("LIANLU_THREADS", "1")
    lines = [{"id": f"s{n}", "input": f"{n}+1=?", "targets": [str(n + 1)]} for n in range(ITEMS)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    def run(a: str, b: str, *more: str) -> tuple[int, dict[str, Any]]:
        typed = ["eval", "parity", a, b, "--benchmark", str(tmp_path / "sums.jsonl"), "--out", str(tmp_path / "out")]
        with pytest.raises(SystemExit) as left:
            main([*typed, *more, "--json"])
        return int(left.value.code or 0), json.loads(capsys.readouterr().out)

    return run


def failed(found: dict[str, Any]) -> dict[str, Any]:
    """The last stage, after checking that the verdict names it."""
    (*passed, last) = found["stages"]
    assert [stage["state"] for stage in passed] == ["passed"] * len(passed)
    assert (found["agrees"], found["failed"], last["state"]) == (False, last["name"], "failed")
    return last


def test_a_folder_and_its_server_agree_and_the_log_has_one_entry_an_item(
    server: Server, local: str, parity: Parity
) -> None:
    before = len(server.log())
    code, found = parity(local, server.ref)
    assert (code, found["agrees"], found["failed"]) == (0, True, "")
    assert [(stage["name"], stage["state"]) for stage in found["stages"]] == [
        (name, "passed") for name in ("identity", "render", "logits", "greedy", "task")
    ]
    assert all(stage["compared"] == ITEMS for stage in found["stages"][1:])
    entries = server.log()[before:]
    assert len(entries) == len({entry["id"] for entry in entries}) == ITEMS
    assert set(questions(entries).values()) == {1}
    assert (found["b"]["asked"], found["b"]["answered"]) == (ITEMS, ITEMS)
    assert found["b"]["engine"] == "http, torch"


def test_another_chat_template_is_found_before_anything_is_asked(
    server: Server, parity: Parity, tmp_path: Path
) -> None:
    other = tiny_model_folder(tmp_path / "tiny")
    (other / "chat_template.jinja").write_text("<|system|>be brief<|end|>" + TEMPLATE)
    before = len(server.log())
    code, found = parity(f"local:{other}", server.ref)
    stage = failed(found)
    assert (code, stage["name"]) == (1, "identity")
    assert {each["what"] for each in stage["differences"]} == {"fingerprint", "template"}
    assert "template" in stage["why"]
    assert len(server.log()) == before


def test_temperature_is_found_in_the_texts(server: Server, local: str, parity: Parity) -> None:
    code, found = parity(local, server.ref, "--temperature", "0.7")
    stage = failed(found)
    assert (code, stage["name"]) == (1, "greedy")
    assert "sampling" in stage["why"]


def test_both_sides_pointed_at_the_local_model_are_named(server: Server, local: str, parity: Parity) -> None:
    before = len(server.log())
    code, found = parity(local, local)
    stage = failed(found)
    assert (code, stage["name"]) == (1, "identity")
    assert "both sides are the same model in this process" in stage["why"]
    assert len(server.log()) == before


def test_both_sides_pointed_at_the_server_are_named(server: Server, parity: Parity) -> None:
    other_name = server.ref.replace("127.0.0.1", "localhost")
    code, found = parity(server.ref, other_name)
    assert (code, failed(found)["name"]) == (1, "identity")
