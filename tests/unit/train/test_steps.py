"""The steps: what goes in and comes out, twice the same bytes, and words for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import msgspec
import torch
from safetensors.torch import load_file

from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.core.events import Event, Note
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.step import Step
from lianlu.nn.weights import load_model, load_tokenizer
from lianlu.records import Block as TextBlock
from lianlu.records import Conversation, Document, Source, assistant, user
from lianlu.text.documents import write_documents
from lianlu.train.config import LoraRecipe, PretrainRecipe, SftRecipe
from lianlu.train.reading import CONVERSATIONS
from lianlu.train.steps import LORA, PRETRAIN, SFT, TOKENIZER

from .conftest import SHAPE, chats, write_lines

Run = Callable[..., Files]


def sft(base: Path, data: Path, **more: Any) -> SftRecipe:
    settings = {"epochs": 2, "batch_size": 4, "max_tokens": 128, "learning_rate": 3e-3}
    return SftRecipe.model_validate({"model": str(base), "data": str(data), **settings, **more})


def metrics(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["metrics.jsonl"].read_bytes().splitlines()]


def bytes_of(files: Files) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files.items()}


def test_all_are_steps() -> None:
    assert [isinstance(each, Step) for each in (TOKENIZER, PRETRAIN, SFT, LORA)] == [True] * 4


def test_a_new_model_is_a_folder_transformers_reads(base: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    assert model.config.vocab_size == len(tokenizer)
    assert model.generation_config.eos_token_id == [tokenizer.eos_token_id, tokenizer.pad_token_id]
    assert json.loads((base / "tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert "segments" not in (base / "config.json").read_text()


def test_tuning_learns_the_answers(base: Path, data: Path, run_step: Run) -> None:
    tuned = run_step(SFT, sft(base, data, epochs=60, learning_rate=1e-2, schedule="constant"))
    lines = metrics(tuned)
    assert lines[-1]["loss"] < 0.1 < 1 < lines[0]["loss"]
    tokenizer, model = load_tokenizer(tuned["config.json"].parent), load_model(tuned["config.json"].parent)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "你是谁？"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**asked, max_new_tokens=12, do_sample=False)[0, asked["input_ids"].shape[1] :]
    assert tokenizer.decode(said, skip_special_tokens=True) == "我叫小链。"


@pytest.mark.parametrize("step", [SFT, LORA], ids=lambda step: step.name)
def test_equal_runs_give_equal_bytes(step: Any, base: Path, data: Path, run_step: Run) -> None:
    recipe = step.recipe.model_validate(sft(base, data, eval_share=0.25).model_dump())
    one, two = run_step(step, recipe, place="one"), run_step(step, recipe, place="two")
    assert bytes_of(one) == bytes_of(two)
    assert not any(str(base.parent).encode() in content for content in bytes_of(one).values())
    other = run_step(step, recipe, place="three", seed=1)
    assert bytes_of(one)["metrics.jsonl"] != bytes_of(other)["metrics.jsonl"]


def test_smaller_rows_change_the_memory_and_not_the_loss(base: Path, data: Path, run_step: Run) -> None:
    whole = metrics(run_step(SFT, sft(base, data), place="whole"))
    parts = metrics(run_step(SFT, sft(base, data, row_tokens=40), place="parts"))
    for one, two in zip(whole, parts, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-5)
        assert two["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-4)


def test_an_adapter_is_opened_by_peft(base: Path, data: Path, run_step: Run) -> None:
    peft = pytest.importorskip("peft")
    adapter = run_step(LORA, LoraRecipe.model_validate(sft(base, data).model_dump() | {"rank": 2}))
    model = load_model(base)
    before = model(input_ids=torch.arange(9)[None]).logits
    adapted = peft.PeftModel.from_pretrained(model, adapter["adapter_config.json"].parent)
    assert not torch.allclose(before, adapted(input_ids=torch.arange(9)[None]).logits)
    assert "model.safetensors" not in adapter
    assert json.loads(adapter["training.json"].read_text())["trained_parameters"] < 2000


def test_a_chain_gives_documents_conversations_tokenizer_and_base(
    tokenizer: Path, base: Path, tmp_path: Path, run_step: Run
) -> None:
    source = Source(uri="a.md", sha256="0" * 64, size=9)
    document = Document(id="d", source=source, blocks=(TextBlock(kind="para", markdown="链路是一条链。" * 9),))
    write_documents(tmp_path / "documents", [document])
    said = Conversation(messages=(user("你是谁？"), assistant("我叫小链。")))
    (tmp_path / "talk").mkdir()
    (tmp_path / "talk" / CONVERSATIONS).write_bytes(msgspec.json.encode(said) + b"\n")
    documents = Files.of_folder(tmp_path / "documents", kind="documents")
    conversations = Files.of_folder(tmp_path / "talk", kind="conversations")
    settings = PretrainRecipe(shape=SHAPE, steps=2, max_tokens=32)
    fresh = run_step(
        PRETRAIN,
        settings,
        {
            "documents": documents,
            "conversations": conversations,
            "tokenizer": Files.of_folder(tokenizer, kind="tokenizer"),
        },
    )
    weights = Files.of_folder(base, kind="weights")
    further = run_step(PRETRAIN, settings, {"documents": documents, "base": weights}, place="further")
    tuned = run_step(SFT, SftRecipe(steps=1), {"conversations": conversations, "base": fresh}, place="tuned")
    for files in (fresh, further, tuned):
        load_model(files["config.json"].parent)
    assert metrics(further)[0]["loss"] != metrics(fresh)[0]["loss"]


def test_text_stands_among_the_samples_as_often_as_asked_and_conversations_once(
    base: Path, corpus: Path, run_step: Run
) -> None:
    def samples(repeats: int) -> int:
        recipe = PretrainRecipe(model=str(base), data=[str(corpus)], steps=1, max_tokens=64, text_repeats=repeats)
        files = run_step(PRETRAIN, recipe, place=f"repeats-{repeats}")
        return int(json.loads(files["training.json"].read_text())["samples"])

    conversations = len(chats())
    texts = samples(1) - conversations
    assert texts > 2  # long texts are cut into windows, and each window counts
    assert samples(3) == conversations + 3 * texts


@pytest.mark.parametrize("step", [SFT, LORA], ids=["full", "lora"])
def test_weights_may_be_stored_in_half_the_room(step: Any, base: Path, data: Path, run_step: Run) -> None:
    recipe = step.recipe.model_validate({"model": str(base), "data": str(data), "steps": 2, "max_tokens": 128})
    whole = run_step(step, recipe, place="whole")
    half = run_step(step, recipe.model_copy(update={"weights": "bf16"}), place="half")
    name = next(each for each in whole if each.endswith(".safetensors"))
    one, other = load_file(whole[name]), load_file(half[name])
    assert {str(each.dtype) for each in other.values()} == {"torch.bfloat16"}
    assert all(torch.equal(one[key].bfloat16(), other[key]) for key in one)
    assert metrics(whole) == metrics(half)


def test_held_out_samples_are_measured_with_the_same_mask(base: Path, data: Path, run_step: Run) -> None:
    lines = metrics(run_step(SFT, sft(base, data, eval_share=0.25, eval_every=2, epochs=3)))
    assert [line["step"] for line in lines if "eval_loss" in line] == [2, 4, 6]
    trained = json.loads((run_step(SFT, sft(base, data, eval_share=0.25)))["training.json"].read_text())
    assert (trained["samples"], trained["eval_samples"]) == (6, 2)


def test_what_disappoints_is_told_once_the_data_before_and_the_curves_after(base: Path, tmp_path: Path) -> None:
    notes: list[str] = []

    def sink(event: Event) -> None:
        if isinstance(event, Note):
            notes.append(event.code)

    data = write_lines(tmp_path / "same.jsonl", chats("You are Lian.") + chats("You are Lian."))
    (tmp_path / "eval").mkdir()
    strange = [{"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "QZW" * 9}]}]
    kept = write_lines(tmp_path / "eval" / "eval.jsonl", strange)
    recipe = sft(base, data, epochs=25, eval_data=str(kept), schedule="constant")
    summary = SFT.run(recipe, {}, Job("t", sink, outputs=tmp_path / "out"))
    warned = [each for each in notes if each]
    assert {"train.duplicate", "train.same-question", "train.constant-system", "train.overfit"} <= set(warned)
    assert len(warned) == len(set(warned))
    assert sorted(warned) == sorted(f"train.{each}" for each in summary["warnings"])


def refused(step: Any, recipe: Any, run_step: Run, inputs: dict[str, Files] | None = None) -> LianluError:
    with pytest.raises(LianluError) as raised:
        run_step(step, recipe, inputs)
    for lang in ("en", "zh"):
        assert raised.value.message(lang)
        assert raised.value.hint(lang)
    return raised.value


def test_what_is_wrong_is_named(base: Path, tokenizer: Path, data: Path, tmp_path: Path, run_step: Run) -> None:
    unanswered = write_lines(tmp_path / "q.jsonl", [{"messages": [{"role": "user", "content": "hm"}]}])
    codes = {
        "train.no-model": sft(base, data, model=None),
        "train.no-data": SftRecipe(model=str(base)),
        "file.missing": sft(base, tmp_path / "nowhere.jsonl"),
        "train.nothing-supervised": sft(base, unanswered),
        "train.bad-device": sft(base, data, device="cuda:99"),
        "nn.no-config": sft(tokenizer, data),
    }
    assert {code: refused(SFT, recipe, run_step).code for code, recipe in codes.items()} == {
        code: code for code in codes
    }
    assert refused(PRETRAIN, PretrainRecipe(data=[str(data)]), run_step).code == "train.no-tokenizer"
    wrong = LoraRecipe.model_validate(sft(base, data).model_dump() | {"targets": ["nothing"]})
    assert refused(LORA, wrong, run_step).code == "train.bad-targets"
    empty = Files({}, kind="conversations")
    assert refused(SFT, sft(base, data), run_step, {"conversations": empty}).code == "train.no-conversations"


def test_a_loss_that_is_no_number_names_the_samples(base: Path, data: Path, tmp_path: Path, run_step: Run) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "broken"
    broken.mkdir()
    for path in base.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    tensors = load_file(broken / "model.safetensors")
    place = load_tokenizer(base).get_vocab()["谁"]
    tensors["model.embed_tokens.weight"][place] = float("nan")
    save_file(tensors, broken / "model.safetensors", {"format": "pt"})
    error = refused(SFT, sft(broken, data, batch_size=8), run_step)
    assert isinstance(error, DataError)
    assert error.code == "train.not-finite"


def test_a_template_is_given_to_a_model_without_one(base: Path, data: Path, tmp_path: Path, run_step: Run) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in base.iterdir():
        (bare / path.name).write_bytes(path.read_bytes())
    settings = json.loads((bare / "tokenizer_config.json").read_text())
    del settings["chat_template"]
    (bare / "tokenizer_config.json").write_text(json.dumps(settings))
    assert isinstance(refused(SFT, sft(bare, data), run_step), UsageError)
    tuned = run_step(SFT, sft(bare, data, template="chatml"))
    assert load_tokenizer(tuned["config.json"].parent).chat_template
    assert "chat_template" not in json.loads((bare / "tokenizer_config.json").read_text())
