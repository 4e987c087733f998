from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import python
from fake_hub import fake_hub
from lianlu.core.errors import DataError
from lianlu.core.files import Files
from lianlu.model import ModelInfo, inspect_model


def weights(path: Path, **tensors: tuple[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros, written by hand: no torch."""
    bits = {"F32": 4, "BF16": 2}
    header: dict[str, Any] = {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = bits[dtype]
        for each in shape:
            size *= each
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    content = json.dumps(header).encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content + bytes(at))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    weights(folder / "model.safetensors", embed=("BF16", (64, 32)), norm=("F32", (32,)))
    config = {"architectures": ["LlamaForCausalLM"], "hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 64}
    config |= {"num_attention_heads": 4, "max_position_embeddings": 512, "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = {"model": {"vocab": {"a": 0, "b": 1}}, "added_tokens": [{"content": "b"}, {"content": "<s>"}]}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "{{ messages }}"}))
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: apache-2.0\n---\n# Model")
    (folder / "optimizer.pt").write_bytes(b"\x80")
    return folder


def looked(folder: Path, **more: Any) -> ModelInfo:
    return inspect_model(Files.of_folder(folder, kind="weights"), **more)


def test_everything_is_told_without_loading_a_weight(model: Path) -> None:
    found = looked(model)
    assert (found.kind, found.architecture, found.parameters, found.tensors) == ("weights", "LlamaForCausalLM", 2080, 2)
    assert found.dtypes == {"BF16": 2048, "F32": 32}
    assert (found.layers, found.hidden, found.heads, found.context, found.vocabulary) == (2, 32, 4, 512, 64)
    assert (found.tokenizer, found.has_template, found.licence, found.tied) == (3, True, "apache-2.0", True)
    assert found.pickles == ["optimizer.pt"]
    sums = {each.name: each.sha256 for each in found.files}
    assert sums["config.json"] == hashlib.sha256((model / "config.json").read_bytes()).hexdigest()


def test_torch_is_not_needed(model: Path) -> None:
    code = f"import sys; from lianlu.cli.main import main; main(['model', 'info', {str(model)!r}, '--json'])"
    done = python(["-X", "importtime", "-c", code])
    assert '"parameters": 2080' in done.out
    assert " torch" not in done.err


def test_equal_weights_have_one_id_wherever_they_lie(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    model_id = looked(model).weights_id
    model.rename(other)
    (other / "README.md").write_text("else")
    assert looked(other).weights_id == model_id
    assert looked(other, hashes=False).weights_id == ""


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    weights(tmp_path / "adapter_model.safetensors", x=("F32", (4, 8)))
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "base_model_name_or_path": "o/base"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    found = looked(tmp_path)
    assert (found.kind, found.base, found.rank, found.alpha, found.parameters) == ("adapter", "o/base", 4, 8, 32)


def test_numbers_of_a_model_with_vision_stand_in_its_text_part(model: Path) -> None:
    config = {"architectures": ["X"], "text_config": {"hidden_size": 77, "num_hidden_layers": 9}}
    (model / "config.json").write_text(json.dumps(config))
    assert (looked(model).hidden, looked(model).layers) == (77, 9)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("content", ["{", "[]", "\udcff", "[" * 50_000], ids=["cut", "list", "bytes", "deep"])
def test_a_broken_json_file_is_named(model: Path, name: str, content: str) -> None:
    (model / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        looked(model)
    assert caught.value.code == "model.bad-json"
    assert name in caught.value.message("en")


@pytest.mark.parametrize(
    "tokenizer", [{"added_tokens": [3]}, {"model": {"vocab": [3]}}, {"model": {"vocab": 3}}, {"model": []}]
)
def test_an_odd_tokenizer_is_no_bug(model: Path, tokenizer: Any) -> None:
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    with suppress(DataError):
        assert looked(model).tokenizer == 0


def test_the_verb_shows_a_model_and_refuses_what_is_none(
    lianlu: Callable[..., Any], model: Path, tmp_path: Path
) -> None:
    done = lianlu("model", "info", model)
    assert done.code == 0
    assert "LlamaForCausalLM" in done.out
    assert lianlu("model", "info", tmp_path / "absent").code == 2
    (tmp_path / "empty").mkdir()
    assert lianlu("model", "info", tmp_path / "empty").code == 3
    assert lianlu("model", "info", "@nothing").code == 2
    (model / "model.safetensors").write_bytes(b"\xff" * 100)
    assert lianlu("model", "info", model).code == 3


def test_the_verb_fetches_into_the_folder_named(
    lianlu: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_hub({"config.json": b"{}", "x.bin": b"x"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.hub)
        planned = json.loads(lianlu("model", "fetch", "o/m", "--to", tmp_path / "m", "--dry-run", "--json").out)
        assert [each["name"] for each in planned["files"]] == ["config.json"]
        assert not (tmp_path / "m").exists()
        done = lianlu("model", "fetch", "o/m", "--to", tmp_path / "m")
    assert done.code == 0
    assert (tmp_path / "m" / "config.json").read_bytes() == b"{}"
    assert "x.bin" in done.out
    assert lianlu("model", "fetch", "not an id").code == 2


def test_merging_into_the_base_is_refused(lianlu: Callable[..., Any], model: Path) -> None:
    done = lianlu("model", "merge", model, model, "--out", model)
    assert done.code == 2
    assert (model / "model.safetensors").is_file()
    assert lianlu("model", "merge", model, model, "--max-shard-size", "x").code == 2


def test_the_verb_merges_and_registers(lianlu: Callable[..., Any], model: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file, save_file

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    parts = {
        "base_model.model.embed.lora_A.weight": torch.ones(2, 32),
        "base_model.model.embed.lora_B.weight": torch.ones(64, 2),
    }
    save_file(parts, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 6}))
    done = lianlu("model", "merge", model, adapter, "--out", tmp_path / "merged", "--json", "-q")
    assert done.code == 3
    assert "model.adapter-mismatch" in done.err + done.out
    weights(model / "model.safetensors", **{"embed.weight": ("BF16", (64, 32))})
    done = lianlu("model", "merge", model, adapter, "--out", tmp_path / "merged", "--json", "-q")
    found = json.loads(done.out)
    assert (found["merged"], bool(found["artifact"])) == (1, True)
    assert float(load_file(tmp_path / "merged" / "model.safetensors")["embed.weight"][0, 0]) == 6.0
