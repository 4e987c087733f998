from __future__ import annotations

import socket
from pathlib import Path

import pytest

from lianlu.chain.plan import plan_chain, plan_tree
from lianlu.core.errors import UsageError
from lianlu.core.recipe import parse_tree

STEPS = "steps:\n  read: {uses: test.read, with: {folder: .}}\n"

MISTAKES = {
    "unknown step kind": (STEPS + "  x: {uses: test.reed}\n", "recipe.unknown-kind", "c.yaml:3"),
    "unknown recipe key": (
        "steps:\n  read:\n    uses: test.read\n    with:\n      foldr: .\n",
        "recipe.unknown-key",
        "c.yaml:5",
    ),
    "missing recipe key": ("steps:\n  read: {uses: test.read}\n", "recipe.missing-key", "c.yaml:2"),
    "input from nowhere": (
        STEPS + "  x:\n    uses: test.join\n    inputs: {a: raed}\n",
        "chain.unknown-step",
        "c.yaml:5",
    ),
    "no such output": (STEPS + "  x: {uses: test.join, inputs: {a: read.pages}}\n", "chain.which-output", "c.yaml:3"),
    "no such input": (
        STEPS + "  x: {uses: test.fetch, with: {url: u}, inputs: {a: read}}\n",
        "chain.unknown-input",
        "c.yaml:3",
    ),
    "missing input": ("steps:\n  x: {uses: rag.build}\n", "chain.missing-input", "c.yaml:2"),
    "wrong kind of input": (
        "steps:\n  a: {uses: test.join}\n  x: {uses: rag.build, inputs: {documents: a}}\n",
        "chain.wrong-kind",
        "c.yaml:3",
    ),
    "loop": (
        "steps:\n  a: {uses: test.join, inputs: {x: b}}\n  b: {uses: test.join, inputs: {x: a}}\n",
        "chain.loop",
        "c.yaml:1",
    ),
    "unknown variable": (
        "steps:\n  read: {uses: test.read, with: {folder: '${foldr}'}}\n",
        "chain.unknown-variable",
        "c.yaml:2",
    ),
    "result of nothing": (STEPS + "results:\n  a: reed.files\n", "chain.unknown-result", "c.yaml:4"),
    "unknown service": (STEPS + "  x: {uses: test.join, services: [api]}\n", "chain.unknown-service", "c.yaml:3"),
    "no steps": ("steps: {}\n", "recipe.bad-value", "c.yaml:1"),
    "unknown kind": ("kind: chian\n", "recipe.unknown-kind", "c.yaml:1"),
    "bad name": ("name: a/b\n" + STEPS, "recipe.bad-value", "c.yaml:1"),
}


@pytest.mark.parametrize(("text", "code", "place"), MISTAKES.values(), ids=MISTAKES.keys())
def test_every_mistake_is_found_before_any_work_and_named_with_its_line(text: str, code: str, place: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_tree(parse_tree(text, "c.yaml"))
    assert caught.value.code == code
    assert place in str(caught.value)
    assert caught.value.hint("en")
    assert caught.value.hint("zh")


def test_steps_are_ordered_by_their_inputs_whatever_the_file_says() -> None:
    plan = plan_tree(parse_tree("steps:\n  b: {uses: test.join, inputs: {x: a}}\n  a: {uses: test.join}\n", "c.yaml"))
    assert [step.name for step in plan.steps] == ["a", "b"]


def test_a_parameter_is_set_by_its_name_and_keeps_its_type(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("params: {seconds: 0}\nsteps:\n  a: {uses: test.join, with: {seconds: '${seconds}'}}\n")
    plan = plan_chain(str(path), ["seconds=2.5"])
    assert plan.steps[0].recipe.model_dump()["seconds"] == 2.5


def test_a_recipe_of_one_step_is_a_chain_of_that_step() -> None:
    plan = plan_tree(parse_tree("kind: test.read\nversion: 1\nfolder: .\n", "c.yaml"))
    assert [(step.name, step.step.name) for step in plan.steps] == [("test-read", "test.read")]


def test_a_misspelt_key_of_a_one_step_recipe_is_found_on_its_line() -> None:
    with pytest.raises(UsageError) as caught:
        plan_tree(parse_tree("kind: test.read\nversion: 1\nfoldr: .\n", "c.yaml"))
    assert "c.yaml:3" in str(caught.value)


def test_a_service_port_that_is_taken_is_refused_before_any_work() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = f"services:\n  api: {{command: [x], port: {port}}}\n{STEPS}"
        with pytest.raises(UsageError) as caught:
            plan_tree(parse_tree(text, "c.yaml"))
    assert caught.value.code == "chain.port-in-use"
    assert str(port) in str(caught.value)


def test_a_recipe_name_that_is_not_shipped_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain("dmo")
    assert caught.value.code == "recipe.unknown-name"
    assert "'demo'" in caught.value.hint("en")


def test_a_chain_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain("missing/chain.yaml")
    assert caught.value.code == "file.missing"
