"""`lianlu serve` before it serves: what it says, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Printed
from lianlu.web.serve import bind
from tiny_embedder import tiny_embedder, tiny_reranker

Command = Callable[..., Printed]


def test_a_dry_run_says_what_would_be_served_and_makes_nothing(lianlu: Command, tmp_path: Path) -> None:
    done = lianlu("serve", "fake:echo", "--dry-run", "--json", "--store", tmp_path / "s")
    told = json.loads(done.out)
    assert (done.code, told["model"], told["engine"], told["port"]) == (0, "echo", "fake", 23333)
    assert "/v1/chat/completions" in told["paths"]
    assert not (tmp_path / "s").exists()


def test_a_dry_run_reads_well(lianlu: Command) -> None:
    done = lianlu("serve", "fake:echo", "--dry-run", "--model-name", "mine", "--port", "0")
    assert "would serve fake:echo as 'mine'" in done.out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["fake:nothing.yaml"], "file.missing"),
        (["nonsense"], "llm."),
        (["fake:echo", "--port", "70000"], "cli.bad-usage"),
        (["fake:echo", "--host", "no such host"], "web.bad-host"),
        (["fake:echo", "--require-keys", "LIANLU_NO_SUCH_VARIABLE"], "web.no-keys"),
        ([], "cli.bad-usage"),
    ],
    ids=str,
)
def test_a_bad_command_is_one_clear_error(lianlu: Command, arguments: list[str], code: str, tmp_path: Path) -> None:
    done = lianlu("serve", *arguments, "--out", tmp_path)
    assert done.code == 2
    assert f"[{code}" in done.err
    assert "hint:" in done.err


def test_a_port_in_use_is_named_with_a_free_one(lianlu: Command, tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        done = lianlu("serve", "fake:echo", "--port", str(port), "--out", tmp_path)
    assert done.code == 2
    assert "[web.port-in-use]" in done.err
    assert "--port" in done.err


def test_a_model_that_can_do_nothing_is_not_served(lianlu: Command, tmp_path: Path) -> None:
    recorded = tmp_path / "only.jsonl"
    recorded.write_text("")
    done = lianlu("serve", f"replay:{recorded}", "--out", tmp_path)
    assert done.code in (2, 3)
    assert "hint:" in done.err


@pytest.mark.parametrize("make", [tiny_embedder, tiny_reranker])
def test_an_embedder_and_a_reranker_would_be_served(
    make: Callable[[Path], Path], lianlu: Command, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    done = lianlu("serve", f"local:{make(tmp_path / 'm')}", "--dry-run", "--json")
    told = json.loads(done.out)
    assert (done.code, told["model"], told["engine"]) == (0, "m", "embed")
