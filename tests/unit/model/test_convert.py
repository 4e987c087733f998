"""Models in InternLM2's layout: converted there and back, and merged with adapters that have the other names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("sentencepiece", reason="sentencepiece is not installed")

from safetensors.torch import load_file, save_file  # noqa: E402

from internlm_folder import internlm2_folder  # noqa: E402
from lianlu.core.errors import Cancelled, DataError  # noqa: E402
from lianlu.core.files import Files  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.model.convert import convert  # noqa: E402
from lianlu.model.headers import tensors_of  # noqa: E402
from lianlu.model.internlm2 import llama_tensors  # noqa: E402
from lianlu.model.merge import merge  # noqa: E402
from lianlu.nn.internlm2 import Packing, packing_of  # noqa: E402
from lianlu.nn.layout import save_in_layout  # noqa: E402
from lianlu.nn.weights import load_model, load_tokenizer  # noqa: E402

IDS = torch.arange(3, 43)[None]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    return internlm2_folder(tmp_path / "published", bias=True)


def files(folder: Path) -> Files:
    return Files.of_folder(folder, kind="weights")


def same_weights(one: Path, other: Path) -> bool:
    ours, theirs = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    ours.pop("model.layers.0.attention.rotary_emb.inv_freq", None)
    theirs.pop("model.layers.0.attention.rotary_emb.inv_freq", None)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_there_and_back_gives_the_published_weights(published: Path, tmp_path: Path) -> None:
    summary = convert(files(published), tmp_path / "llama", "llama", Job("convert"))
    convert(files(tmp_path / "llama"), tmp_path / "back", "internlm2", Job("convert"))
    assert not same_weights(published, tmp_path / "llama")
    assert same_weights(published, tmp_path / "back")
    assert summary["parameters"] == sum(each.numel() for each in load_model(published).parameters())
    assert json.loads((tmp_path / "back" / "config.json").read_text())["bias"] is True


def test_a_converted_folder_is_opened_without_code(published: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    convert(files(published), tmp_path / "llama", "llama", Job("convert"), max_shard_size=60_000)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "llama", local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "llama", local_files_only=True)
    assert torch.equal(model(IDS).logits, load_model(published)(IDS).logits)
    assert tokenizer("今天 ok")["input_ids"] == load_tokenizer(published)("今天 ok")["input_ids"]
    assert model.generation_config.eos_token_id == [2, 418]
    assert len(list((tmp_path / "llama").glob("*.safetensors"))) > 2


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=11, n_embd=8, n_layer=1, n_head=2)).save_pretrained(tmp_path / "gpt2")
    with pytest.raises(DataError) as raised:
        convert(files(tmp_path / "gpt2"), tmp_path / "out", "internlm2", Job("convert"))
    assert raised.value.code == "nn.no-layout"
    assert not (tmp_path / "out").exists()


def test_a_cancelled_conversion_leaves_nothing(published: Path, tmp_path: Path) -> None:
    job = Job("convert")
    job.cancel()
    with pytest.raises(Cancelled):
        convert(files(published), tmp_path / "out", "llama", job)
    assert [path.name for path in tmp_path.iterdir()] == ["published"]


def test_the_parts_of_a_packed_file_are_those_of_the_packing(published: Path) -> None:
    stored = load_file(published / "model.safetensors")
    packing = packing_of(json.loads((published / "config.json").read_text()))
    seen = llama_tensors(tensors_of(files(published)).values(), packing)
    for kind in ("weight", "bias"):
        wanted = packing.unpack(stored[f"model.layers.1.attention.wqkv.{kind}"])
        for each, part in zip(wanted, "qkv", strict=True):
            entry = seen[f"model.layers.1.self_attn.{part}_proj.{kind}"]
            content = entry.path.read_bytes()
            read = b"".join(content[start:end] for start, end in entry.ranges)
            assert read == each.contiguous().numpy().tobytes()
            assert (entry.size, entry.shape) == (len(read), tuple(each.shape))


def llama_adapter(base: Path, folder: Path) -> Any:
    """A random adapter with Llama's names, trained (so to say) on the base; gives the model with it."""
    peft = pytest.importorskip("peft", reason="peft is not installed")
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "down_proj", "lm_head"]
    tuned = peft.get_peft_model(load_model(base), peft.LoraConfig(r=3, lora_alpha=5, target_modules=names))
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_" in name:
                weight.copy_(torch.randn_like(weight) * 0.1)
    tuned.save_pretrained(folder)
    return tuned


def packed_adapter(folder: Path, packing: Packing) -> dict[str, Any]:
    """A random adapter with InternLM2's names; gives what it adds, by Llama name."""
    torch.manual_seed(2)
    a, b = torch.randn(3, 32), torch.randn(packing.rows, 3)
    out_a, out_b = torch.randn(3, 32), torch.randn(32, 3)
    folder.mkdir()
    prefix = "base_model.model.model.layers.1.attention"
    save_file(
        {
            f"{prefix}.wqkv.lora_A.weight": a,
            f"{prefix}.wqkv.lora_B.weight": b,
            f"{prefix}.wo.lora_A.weight": out_a,
            f"{prefix}.wo.lora_B.weight": out_b,
        },
        folder / "adapter_model.safetensors",
    )
    config = {"peft_type": "LORA", "r": 3, "lora_alpha": 6, "target_modules": ["wqkv", "wo"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    parts = dict(zip("qkv", packing.unpack(b @ a * 2), strict=True)) | {"o": out_b @ out_a * 2}
    return {f"model.layers.1.self_attn.{part}_proj.weight": each for part, each in parts.items()}


def test_a_packed_base_takes_an_adapter_with_llama_names(published: Path, tmp_path: Path) -> None:
    tuned = llama_adapter(published, tmp_path / "adapter")
    merge(files(published), files(tmp_path / "adapter"), tmp_path / "out", Job("merge"), max_shard_size=60_000)
    wanted = tuned.merge_and_unload().state_dict()
    found = load_model(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == "llama"
    assert all(torch.allclose(each, wanted[name], atol=1e-5) for name, each in found.state_dict().items())
    assert load_tokenizer(tmp_path / "out")("今天")["input_ids"] == load_tokenizer(published)("今天")["input_ids"]
    assert "auto_map" not in (tmp_path / "out" / "tokenizer_config.json").read_text()


@pytest.mark.parametrize("layout", ["llama", "internlm2"])
def test_an_adapter_with_packed_names_fits_either_base(published: Path, tmp_path: Path, layout: str) -> None:
    base = published
    if layout == "llama":
        base = tmp_path / "llama"
        save_in_layout(load_model(published), base)
    added = packed_adapter(tmp_path / "adapter", Packing(4, 2, 8))
    merge(files(base), files(tmp_path / "adapter"), tmp_path / "out", Job("merge"))
    assert json.loads((tmp_path / "out" / "config.json").read_text())["model_type"] == layout
    was, now = load_model(base).state_dict(), load_model(tmp_path / "out").state_dict()
    for name, each in now.items():
        assert torch.allclose(each, was[name] + added.get(name, torch.zeros(1)), atol=1e-5), name


def test_the_input_of_a_packed_base_takes_an_adapter(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    folder.mkdir()
    a, b = torch.randn(2, 420), torch.randn(32, 2)
    prefix = "base_model.model.model.tok_embeddings.lora_embedding_"
    save_file({f"{prefix}A": a, f"{prefix}B": b}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
    merge(files(published), files(folder), tmp_path / "out", Job("merge"))
    was, now = (load_model(each).model.embed_tokens.weight for each in (published, tmp_path / "out"))
    assert torch.allclose(now, was + (b @ a).T, atol=1e-5)


def test_an_adapter_of_another_packing_is_refused(published: Path, tmp_path: Path) -> None:
    save_in_layout(load_model(published), tmp_path / "llama")
    packed_adapter(tmp_path / "adapter", Packing(4, 4, 8))
    with pytest.raises(DataError) as raised:
        merge(files(tmp_path / "llama"), files(tmp_path / "adapter"), tmp_path / "out", Job("merge"))
    assert raised.value.code == "model.adapter-mismatch"


def test_the_verb_converts_and_does_not_write_into_its_source(
    published: Path, tmp_path: Path, lianlu: Callable[..., Any]
) -> None:
    out = tmp_path / "llama"
    planned = json.loads(lianlu("model", "convert", published, "--out", out, "--dry-run", "--json").out)
    assert (planned["layout"], out.exists()) == ("llama", False)
    done = lianlu("model", "convert", published, "--out", out, "--max-shard-size", "60KB")
    assert done.code == 0
    assert "29 tensors" in done.out
    assert (out / "model.safetensors.index.json").is_file()
    assert lianlu("model", "convert", out, "--layout", "internlm2", "--out", out).code == 2
    assert lianlu("model", "convert", tmp_path / "absent", "--out", tmp_path / "x").code == 2
