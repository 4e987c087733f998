"""Weight files: what is whole is loaded, what is not is named, what could run code is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.files import Files
from lianlu.nn.weights import check_weights, linked_folder, load_model, load_tokenizer, save_model


@pytest.fixture
def saved(tiny: Callable[..., Any], tmp_path: Path) -> Path:
    save_model(tiny(), tmp_path / "model")
    return tmp_path / "model"


def code_of(folder: Path, load: Callable[[Path], Any] = load_model) -> str:
    with pytest.raises(LianluError) as raised:
        load(folder)
    assert isinstance(raised.value, DataError | UsageError)
    return raised.value.code


def test_what_is_saved_is_loaded_again(saved: Path, tiny: Callable[..., Any]) -> None:
    model = load_model(saved)
    for name, each in tiny().named_parameters():
        assert torch.equal(each, model.get_parameter(name))
    assert [path.name for path in check_weights(saved)] == ["model.safetensors"]


def test_saving_twice_gives_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_model(load_model(saved), tmp_path / "again")
    assert (saved / "model.safetensors").read_bytes() == (tmp_path / "again" / "model.safetensors").read_bytes()


def test_models_that_threads_load_side_by_side_stay_tied(
    tiny: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers takes `tie_weights` out of its classes while it reads; the two would put each other's back."""
    from transformers import PreTrainedModel

    save_model(tiny(tie_word_embeddings=True), tmp_path / "model")
    read = PreTrainedModel.from_pretrained.__func__  # pyright: ignore[reportFunctionMemberAccess]
    reading: list[str] = []
    most: list[int] = []

    def slowly(kind: Any, *given: Any, **named: Any) -> Any:
        reading.append("")
        most.append(len(reading))
        time.sleep(0.05)
        try:
            return read(kind, *given, **named)
        finally:
            reading.pop()

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", classmethod(slowly))
    with ThreadPoolExecutor(4) as threads:
        models = list(threads.map(load_model, [tmp_path / "model"] * 4))
    assert most == [1, 1, 1, 1]
    assert all(each.lm_head.weight is each.model.embed_tokens.weight for each in models)


def test_a_folder_without_weights_is_named(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    assert code_of(saved) == "nn.no-weights"
    assert code_of(saved / "nowhere") == "file.missing"


def test_a_pickle_is_refused_unread(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    (saved / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    assert code_of(saved) == "nn.pickle"
    assert not Path("hacked").exists()


@pytest.mark.parametrize("keep", [0, 7, 40, -1])
def test_a_cut_off_file_is_refused(saved: Path, keep: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    assert code_of(saved) == "nn.broken-weights"


def test_weights_of_another_shape_are_refused(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"intermediate_size": 64}))
    assert code_of(saved) == "nn.wrong-weights"


def test_weights_that_lack_a_layer_are_refused(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    assert code_of(saved) == "nn.no-weights"


@pytest.mark.parametrize("config", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_a_config_that_is_none_is_refused(saved: Path, config: bytes) -> None:
    (saved / "config.json").write_bytes(config)
    assert code_of(saved) == "nn.no-config"


def test_code_in_the_folder_is_not_run(saved: Path) -> None:
    (saved / "config.json").write_text(
        json.dumps({"model_type": "mine", "auto_map": {"AutoModelForCausalLM": "mine.Mine"}})
    )
    (saved / "mine.py").write_text("raise SystemExit")
    assert code_of(saved) == "nn.unknown-model"


def test_a_missing_shard_is_named(saved: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (saved / "model.safetensors.index.json").write_text(json.dumps(index))
    assert code_of(saved) == "nn.no-weights"


def test_a_folder_without_tokenizer_is_named(saved: Path) -> None:
    assert code_of(saved, load_tokenizer) == "nn.no-tokenizer"
    (saved / "tokenizer.json").write_text("{}")
    assert code_of(saved, load_tokenizer) == "nn.no-tokenizer"


def test_files_that_lie_apart_become_a_folder(saved: Path) -> None:
    moved = saved.parent / "blob"
    (saved / "model.safetensors").rename(moved)
    files = Files({"model.safetensors": moved, "config.json": saved / "config.json"}, kind="weights")
    with linked_folder(files) as folder:
        assert load_model(folder).config.vocab_size == 61
