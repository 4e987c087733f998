"""Model folders that are no models, given to every command that takes one: one clear error, exit 3, and no pickle is opened."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from e2e.conftest import Finished, assert_clear_error
from lianlu.cli.main import main
from tiny_model import tiny_model_folder

COMMANDS: dict[str, tuple[str, ...]] = {
    "serve": ("serve", "local:{model}", "--port", "0", "--out", "{place}/served"),
    "eval": ("eval", "run", "--model", "m=local:{model}", "--benchmark", "{place}/sums.jsonl", "--out", "{place}/eval"),
    "train": ("train", "--model", "{model}", "--data", "{place}/chats.jsonl", "steps=1", "--out", "{place}/trained"),
    "info": ("model", "info", "{model}"),
}


class Evil:
    """Whoever unpickles it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return open, (str(self.mark), "w")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def only_a_pickle(folder: Path) -> None:
    no_weights(folder)
    a_pickle_too(folder)


def a_pickle_too(folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(folder.parent / "opened")))


def wrong_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}))


def cut_off(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("<html>not found</html>")


# What is broken, and the error code of serve and eval (the engine), of train and of info. Info tells what the files hold:
# that a shape is not what config.json promises is for those to say who load it.
BROKEN: dict[Callable[[Path], None], tuple[str, str, str]] = {
    no_weights: ("engine.no-weights", "nn.no-weights", "model.no-weights"),
    only_a_pickle: ("engine.pickle", "nn.pickle", "model.only-pickle"),
    wrong_shapes: ("engine.wrong-shapes", "nn.wrong-weights", ""),
    cut_off: ("engine.bad-weights", "nn.broken-weights", "model.bad-weights"),
    no_json: ("engine.bad-json", "nn.no-config", "model.bad-json"),
}
CASES = [
    pytest.param(broken, name, code, id=f"{name} with {broken.__name__}")
    for broken, (engine, train, info) in BROKEN.items()
    for name, code in zip(COMMANDS, (engine, engine, train, info), strict=True)
    if code
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model_folder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def model(good: Path, tmp_path: Path) -> Path:
    """A copy to be broken, with data beside it."""
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    (tmp_path / "chats.jsonl").write_text(json.dumps({"messages": said}) + "\n")
    sums = [{"id": f"s{n}", "input": f"{n}+1=?", "targets": [str(n + 1)]} for n in range(9)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(line) + "\n" for line in sums))
    return Path(shutil.copytree(good, tmp_path / "model"))


@pytest.fixture
def typed(model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Run one of COMMANDS on the model in this process, where torch is read only once."""
    monkeypatch.setenv("LIANLU_THREADS", "1")

    def run(name: str, *more: str) -> Finished:
        capsys.readouterr()
        arguments = [each.format(model=model, place=model.parent) for each in COMMANDS[name]]
        with pytest.raises(SystemExit) as left:
            main([*arguments, *more])
        captured = capsys.readouterr()
        return Finished(int(left.value.code or 0), captured.out, captured.err)

    return run


@pytest.mark.parametrize(("broken", "name", "code"), CASES)
def test_a_broken_folder_is_one_clear_error(
    broken: Callable[[Path], None], name: str, code: str, model: Path, typed: Callable[..., Finished]
) -> None:
    broken(model)
    done = typed(name)
    assert_clear_error(done, 3)
    assert f"[{code}]" in done.err
    assert not (model.parent / "opened").exists()
    for result in ("eval/scores.json", "trained/weights/config.json", "served/requests.jsonl"):
        assert not (model.parent / result).exists()


def test_a_pickle_beside_safetensors_is_never_opened(model: Path, typed: Callable[..., Finished]) -> None:
    before = typed("eval", "--json").json["scores"]
    a_pickle_too(model)
    assert typed("eval", "--json", "--no-resume").json["scores"] == before
    assert typed("train").code == 0
    assert not (model.parent / "trained" / "weights" / "pytorch_model.bin").exists()
    assert typed("info", "--json").json["pickles"] == ["pytorch_model.bin"]
    assert typed("serve", "--dry-run").code == 0
    assert not (model.parent / "opened").exists()
    pickle.loads((model / "pytorch_model.bin").read_bytes()).close()
    assert (model.parent / "opened").exists()  # as it would have been
