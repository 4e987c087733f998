from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.chain.plan import Plan, plan_chain, plan_tree
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
        "c.yaml:2: steps wait for each other: a → b → a",
    ),
    "loop far from the first step": (
        "steps:\n  z: {uses: test.join, inputs: {x: a}}\n  a: {uses: test.join, inputs: {x: a}}\n",
        "chain.loop",
        "c.yaml:3: steps wait for each other: a → a",
    ),
    "input of no artifact": (STEPS + "  x: {uses: test.join, inputs: {a: '@'}}\n", "chain.unknown-step", "c.yaml:3"),
    "which of two outputs": (
        "steps:\n  o: {uses: test.odd}\n  x: {uses: test.join, inputs: {a: o}}\n",
        "chain.which-output",
        "c.yaml:3",
    ),
    "result of which output": (
        "steps:\n  o: {uses: test.odd}\nresults:\n  a: o\n",
        "chain.which-output",
        "c.yaml:4",
    ),
    "result that the run says": (STEPS + "results: {steps: read}\n", "chain.taken-result", "c.yaml:3"),
    "space in a step name": (STEPS + "  a b: {uses: test.join}\n", "recipe.bad-value", "c.yaml:3"),
    "dot in a step name": (STEPS + "  a.b: {uses: test.join}\n", "recipe.bad-value", "c.yaml:3"),
    "slash in a service name": (STEPS + "services:\n  a/b: {command: [x]}\n", "recipe.bad-value", "c.yaml:4"),
    "path as a result name": (STEPS + "results:\n  ../a: read\n", "recipe.bad-value", "c.yaml:4"),
    "health that is no web address": (
        STEPS + "services:\n  a: {command: [x], health: 'file:///etc/hostname'}\n",
        "recipe.bad-value",
        "c.yaml:4",
    ),
    "no settings but null": ("steps:\n  a:\n    uses: test.join\n    with:\n", "recipe.bad-value", "c.yaml:4"),
    "name that is too long": (f"name: {'n' * 81}\n" + STEPS, "recipe.bad-value", "c.yaml:1"),
    "other version of a recipe of one step": (
        "kind: test.read\nversion: 2\nfolder: .\n",
        "recipe.bad-value",
        "c.yaml:2",
    ),
    "two services on one port": (
        STEPS + "services:\n  a: {command: [x], port: 9}\n  b: {command: [x], port: 9}\n",
        "chain.port-in-use",
        "port 9",
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


def test_a_recipe_of_one_step_shows_all_that_the_step_makes() -> None:
    assert plan_tree(parse_tree("kind: test.read\nfolder: .\n", "c.yaml")).recipe.results == {"documents": "test-read"}
    two = plan_tree(parse_tree("kind: test.odd\nname: mine\n", "c.yaml")).recipe
    assert (two.name, two.results) == ("mine", {"odd": "mine.odd", "even": "mine.even"})


UNKNOWN_OVERRIDES = {
    "foldr=x": ("chain.unknown-parameter", "did you mean 'folder'?"),
    "params.foldr=x": ("chain.unknown-parameter", "did you mean 'folder'?"),
    "steps.raed.with.folder=x": ("chain.unknown-step", "did you mean 'read'?"),
    "steps.read.with.foldr=x": ("recipe.unknown-key", "did you mean 'folder'?"),
    "folder": ("recipe.bad-override", "key=value"),
    "=x": ("recipe.bad-override", "key=value"),
}


@pytest.mark.parametrize(("override", "expected"), UNKNOWN_OVERRIDES.items(), ids=UNKNOWN_OVERRIDES.keys())
def test_an_override_that_would_set_nothing_names_the_nearest(
    override: str, expected: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("params: {folder: .}\nsteps:\n  read: {uses: test.read, with: {folder: '${folder}'}}\n")
    with pytest.raises(UsageError) as caught:
        plan_chain(str(path), [override])
    assert (caught.value.code, expected[1] in caught.value.hint("en")) == (expected[0], True)


def test_a_misspelt_parameter_of_the_demo_names_the_right_one() -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain("demo", ["documnets=x"])
    assert str(caught.value) == "this chain has no parameter 'documnets'"
    assert "'documents'" in caught.value.hint("zh")


def folder_of(plan: Plan) -> Path:
    return Path(plan.steps[0].recipe.model_dump()["folder"])


def test_a_step_s_setting_can_be_changed_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(STEPS)
    assert folder_of(plan_chain(str(path), ["steps.read.with.folder=x"])) == Path("x")


def test_recipe_means_the_folder_of_the_file_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    base, mine = tmp_path / "base.yaml", tmp_path / "mine" / "mine.yaml"
    base.write_text(
        "params: {folder: '${recipe}/notes'}\nsteps:\n  a: {uses: test.read, with: {folder: '${folder}'}}\n"
    )
    mine.write_text("extends: ../base.yaml\n")
    assert folder_of(plan_chain(str(mine))).resolve() == tmp_path / "notes"
    mine.write_text("extends: ../base.yaml\nparams: {folder: '${recipe}/notes'}\n")
    assert folder_of(plan_chain(str(mine))) == tmp_path / "mine" / "notes"
    assert folder_of(plan_chain(str(mine), ["folder=${recipe}"])) == tmp_path / "mine"


def test_a_parameter_may_use_those_above_it_and_a_service_all_of_them() -> None:
    text = (
        "params: {model: tiny, path: '${model}.bin', services: no}\n"
        "services:\n  api: {command: [serve, '${path}', '{port}'], env: {PORT: '{port}'}}\n" + STEPS
    )
    service = plan_tree(parse_tree(text, "c.yaml")).services["api"]
    assert service.command == ["serve", "tiny.bin", str(service.port)]
    assert service.environment == {"PORT": str(service.port)}


def test_services_without_a_port_get_different_ones() -> None:
    text = "services: {" + ", ".join(f"s{index}: {{command: [x]}}" for index in range(20)) + "}\n" + STEPS
    ports = [service.port for service in plan_tree(parse_tree(text, "c.yaml")).services.values()]
    assert len(set(ports)) == len(ports)


def test_a_folder_is_not_read_as_a_chain(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain(str(tmp_path))
    assert caught.value.code == "file.unreadable"


def test_a_folder_called_like_a_shipped_recipe_does_not_hide_it(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert plan_chain("demo").recipe.name == "demo"


def test_a_recipe_name_that_is_not_shipped_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain("dmo")
    assert caught.value.code == "recipe.unknown-name"
    assert "'demo'" in caught.value.hint("en")


def test_a_chain_file_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        plan_chain("missing/chain.yaml")
    assert caught.value.code == "file.missing"
