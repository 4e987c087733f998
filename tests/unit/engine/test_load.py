"""A folder that is no whole model gets one clear error; one that is opens as it was saved."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.engine.folder import open_folder
from lianlu.engine.load import Loaded, load, room_tokens
from lianlu.engine.runner import token_limit
from lianlu.llm import open_backend
from lianlu.store import open_store
from tiny_model import tiny_model, tiny_model_folder, tiny_tokenizer


def edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def without_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = load_file(path)
    kept = {name: each for name, each in weights.items() if "layers.1." not in name}
    save_file(kept, path, metadata={"format": "pt"})


def in_shards_of_which_one_is_gone(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def in_shards_elsewhere(folder: Path) -> None:
    index = {"weight_map": {"lm_head.weight": "../../secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "engine.no-config"),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), "engine.bad-json"),
    "config is a list": (lambda folder: (folder / "config.json").write_text("[]"), "engine.bad-json"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "engine.no-weights"),
    "pickle": (pickled, "engine.pickle"),
    "cut off": (short, "engine.bad-weights"),
    "empty weights": (lambda folder: (folder / "model.safetensors").write_bytes(b""), "engine.bad-weights"),
    "a layer is missing": (without_a_layer, "engine.missing-weights"),
    "a shard is missing": (in_shards_of_which_one_is_gone, "engine.missing-shard"),
    "a shard lies elsewhere": (in_shards_elsewhere, "engine.bad-json"),
    "other sizes": (lambda folder: edited(folder / "config.json", intermediate_size=48), "engine.wrong-shapes"),
    "impossible sizes": (lambda folder: edited(folder / "config.json", hidden_size="big"), "engine.bad-config"),
    "no architecture": (lambda folder: edited(folder / "config.json", model_type=None), "engine.unknown-architecture"),
    "unknown architecture": (
        lambda folder: edited(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "evil.Config"}),
        "engine.unknown-architecture",
    ),
    "no causal LM": (lambda folder: edited(folder / "config.json", model_type="clip"), "engine.unknown-architecture"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "engine.no-tokenizer"),
    "broken tokenizer": (lambda folder: (folder / "tokenizer.json").write_text('{"a": 1}'), "engine.bad-tokenizer"),
    "tokenizer is no JSON": (lambda folder: (folder / "tokenizer.json").write_text("?"), "engine.bad-tokenizer"),
    "an adapter": (
        lambda folder: (folder / "config.json").rename(folder / "adapter_config.json"),
        "engine.adapter",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_told_apart(folder: Path, tmp_path: Path, name: str) -> None:
    broken, code = BROKEN[name]
    copy = Path(shutil.copytree(folder, tmp_path / "model"))
    broken(copy)
    with pytest.raises(DataError) as caught:
        load(open_folder(copy), device="cpu")
    assert caught.value.code == code
    for lang in ("en", "zh"):
        assert str(copy) in caught.value.message(lang)
        assert caught.value.hint(lang)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    small = tiny_model_folder(tmp_path / "model", vocab_size=100, eos_token_id=1)
    with pytest.raises(DataError) as caught:
        load(open_folder(small), device="cpu")
    assert caught.value.code == "engine.vocabulary"


def test_no_code_of_the_model_is_run(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "model"))
    (copy / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    edited(copy / "config.json", auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"})
    load(open_folder(copy), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_missing_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_folder(tmp_path / "nowhere")
    assert caught.value.code == "file.missing"


def test_weights_in_shards_open(tmp_path: Path, loaded: Loaded) -> None:
    model = tiny_model()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    tiny_tokenizer().save_pretrained(tmp_path)
    folder = open_folder(tmp_path)
    assert len(folder.weights) > 1
    again = load(folder, device="cpu")
    assert torch.equal(again.module.lm_head.weight, loaded.module.lm_head.weight)


def test_half_precision_is_computed_in_full_on_a_cpu(tmp_path: Path) -> None:
    tiny_model().half().save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    assert load(open_folder(tmp_path), device="cpu").dtype == "float32"


def test_positions_that_stretch_hold_to_the_length_that_does_not() -> None:
    rope = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    assert token_limit(tiny_model(rope_parameters=rope).config) == 256
    long = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "original_max_position_embeddings": 64,
        "long_factor": [1.0] * 4,
        "short_factor": [1.0] * 4,
    }
    assert token_limit(tiny_model(rope_parameters=long).config) == 64


def test_there_is_room_for_some_tokens(loaded: Loaded) -> None:
    assert room_tokens(loaded.module) > 1000


def fingerprint(folder: Path) -> str:
    return open_folder(folder).fingerprint


def test_the_fingerprint_changes_with_what_answers_and_with_nothing_else(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "other-name"))
    (copy / "README.md").write_text("words")
    assert fingerprint(copy) == fingerprint(folder)
    seen = {fingerprint(folder)}
    (copy / "chat_template.jinja").write_text("{{ messages }}")
    seen.add(fingerprint(copy))
    edited(copy / "tokenizer_config.json", eos_token="<|user|>")
    seen.add(fingerprint(copy))
    tiny_model(seed=1).save_pretrained(copy)
    seen.add(fingerprint(copy))
    assert len(seen) == 4


@pytest.fixture
def kept(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny model as an artifact of a store, by its id."""
    from lianlu.core.files import Files

    monkeypatch.setenv("LIANLU_STORE", str(tmp_path / "store"))
    store = open_store()
    artifact = store.put(Files.of_folder(folder, kind="weights"), kind="weights")
    store.set_ref("mine", artifact.id)
    text = tmp_path / "a.txt"
    text.write_text("a")
    store.set_ref("words", store.put({"a.txt": text}, kind="report").id)
    return artifact.id


def test_weights_of_the_store_open_by_name_and_by_id(kept: str, folder: Path) -> None:
    import asyncio

    async def prints(ref: str) -> str | None:
        async with open_backend(ref) as backend:
            return (await backend.identity()).fingerprint

    found = [asyncio.run(prints(ref)) for ref in ("@mine", f"@{kept}", f"local:{folder}")]
    assert found[0] is not None
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ("@words", "engine.not-weights"),
        ("@nothing", "store.unknown-artifact"),
        ("@", "llm.bad-ref"),
        ("local:", "llm.bad-ref"),
    ],
)
def test_what_is_no_weights_is_refused(kept: str, ref: str, code: str) -> None:
    with pytest.raises(LianluError) as caught:
        open_backend(ref)
    assert caught.value.code == code
