"""Put a run together: data, tokenizer, model, loop, and the folder that comes out of it.

The folder is a Hugging Face folder (of a model, or of a peft adapter) with two files more: metrics.jsonl and training.json,
which tells what was learned with which settings. Neither has times or places in it: equal runs give equal folders.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lianlu.core.errors import UsageError
from lianlu.core.files import Files, as_lianlu_error, named_path, write_bytes
from lianlu.core.hashing import canonical_json, sha256_file, short_id
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.nn.weights import check_weights, copy_tokenizer, linked_folder, load_model, load_tokenizer, save_model
from lianlu.train.checkpoint import Checkpoint, clear, newest
from lianlu.train.config import LoraRecipe, ModelShape, PretrainRecipe, SftRecipe, TrainRecipe
from lianlu.train.doctor import Finding, examine, is_overfit
from lianlu.train.encode import Encoder, hold_out
from lianlu.train.loop import Trained, Training, metrics_lines
from lianlu.train.reading import Item, read_artifact, read_paths
from lianlu.train.samples import Encoded, fingerprint
from lianlu.train.template import give_template
from lianlu.train.tokenizer import END_OF_TEXT

__all__ = ["METRICS", "TRAINING", "encoder_of", "fit", "items_of", "tokenizer_folder"]

METRICS = "metrics.jsonl"
TRAINING = "training.json"
_PLACES = ("data", "eval_data", "model", "tokenizer", "template")
_NO_RESULT = (*_PLACES, "checkpoint_every", "keep_checkpoints")
_WEIGHTS = "model.safetensors"


def fit(recipe: TrainRecipe, inputs: Mapping[str, Files], job: Job, *, output: str) -> dict[str, Any]:
    """Train and fill `job.folder(output)`; returns a JSON-able summary.

    Args:
        inputs: `documents`, `conversations`, `base`, `tokenizer`, each where there is one.

    Raises:
        UsageError: file.missing, train.*, nn.*
        DataError: train.bad-line, train.bad-sample, train.nothing-supervised, train.not-finite, nn.*
        Cancelled: stopped; the next try goes on from a checkpoint
    """
    torch.set_num_threads(Settings.from_environment().threads)
    with _base(recipe, inputs) as base, _own_tokenizer(recipe, inputs, base) as tokenizer_files:
        run = _Run(recipe, inputs, job, base, tokenizer_files)
        return run.fit(output)


@contextmanager
def _base(recipe: TrainRecipe, inputs: Mapping[str, Files]) -> Generator[Path | None]:
    """The folder of the model to start from; None for a new one."""
    if "base" in inputs:
        with linked_folder(inputs["base"]) as folder:
            yield folder
        return
    if recipe.model is None and not isinstance(recipe, PretrainRecipe):
        raise UsageError("train.no-model")
    named = named_path(recipe.model.removeprefix("local:")) if recipe.model is not None else None
    if named is not None:
        check_weights(named)  # before its tokenizer, which would be blamed for a config.json that cannot be read
    yield named


@contextmanager
def _own_tokenizer(recipe: TrainRecipe, inputs: Mapping[str, Files], base: Path | None) -> Generator[Path]:
    with tokenizer_folder(recipe, inputs.get("tokenizer"), base) as folder:
        yield folder


@contextmanager
def tokenizer_folder(recipe: TrainRecipe, given: Files | None, base: Path | None) -> Generator[Path]:
    """A folder of one's own with the tokenizer files of the run, the chat template written in.

    Raises:
        UsageError: train.no-tokenizer, train.no-marker, file.missing
        DataError: nn.no-tokenizer
    """
    with tempfile.TemporaryDirectory(prefix="lianlu-tokenizer-") as made:
        folder = Path(made)
        named = recipe.tokenizer if isinstance(recipe, PretrainRecipe) else None
        if base is None and given is not None:
            with linked_folder(given) as source:
                copy_tokenizer(source, folder)
        elif base is None and named is None:
            raise UsageError("train.no-tokenizer")
        else:
            source = base or named_path(str(named))
            load_tokenizer(source)  # says what is wrong with it under its own name
            copy_tokenizer(source, folder)
        template = recipe.template if isinstance(recipe, SftRecipe) else None
        if template is not None:
            give_template(load_tokenizer(folder), folder, template)
        yield folder


def items_of(recipe: TrainRecipe, inputs: Mapping[str, Files], seed: int) -> tuple[list[Item], list[Item]]:
    """What is learned and what is measured on.

    Raises:
        UsageError: file.missing, train.no-data
        DataError: train.bad-line, train.no-conversations, text.no-documents
    """
    items = [item for name in ("documents", "conversations") if name in inputs for item in read_artifact(inputs[name])]
    items += read_paths(recipe.data)
    if not items:
        raise UsageError("train.no-data", paths=", ".join(recipe.data) or "-")
    learned, kept = hold_out(items, recipe.eval_share, seed)
    return learned, [*kept, *read_paths(recipe.eval_data)]


def encoder_of(recipe: TrainRecipe, tokenizer: Any) -> Encoder:
    learn = recipe.supervise if isinstance(recipe, SftRecipe) else "everything"
    return Encoder(tokenizer, recipe.max_tokens, learn)


@dataclass
class _Run:
    recipe: TrainRecipe
    inputs: Mapping[str, Files]
    job: Job
    base: Path | None
    tokenizer_files: Path

    def fit(self, output: str) -> dict[str, Any]:
        """Train, or go on from the newest checkpoint of the same work; fills `output` and returns the step's summary."""
        device = _device(self.recipe.device)
        items, eval_items = items_of(self.recipe, self.inputs, self.job.seed)
        findings = examine(items, eval_items)
        for finding in findings:
            self.job.note(_with_examples(finding), "warning", f"train.{finding.code}")
        tokenizer = load_tokenizer(self.tokenizer_files)
        encoder = encoder_of(self.recipe, tokenizer)
        samples, eval_samples = encoder.encode(items, self.job), encoder.encode(eval_items, self.job)
        samples += self._repeated(items, samples)
        key = self._key(samples, eval_samples)
        checkpoints = self.job.scratch
        start = newest(checkpoints, key) if checkpoints is not None else None
        model, write_model = self._model(tokenizer, device, start)
        training = Training(
            model,
            samples,
            self.recipe,
            self.job,
            key,
            write_model,
            eval_samples=eval_samples,
            checkpoints=checkpoints,
        )
        trained = training.run(start)
        about = self._about(key, samples, eval_samples, findings, model, trained)
        summary = _summary(about, trained)
        self._warn_of_overfit(trained)
        if self.recipe.weights == "bf16":
            model.to(torch.bfloat16)  # checkpoints are fp32: what goes on from them must lose nothing
        _write_whole(self.job.folder(output), write_model, trained, about)
        if checkpoints is not None:
            clear(checkpoints)
        return summary

    def _repeated(self, items: Sequence[Item], samples: Sequence[Encoded]) -> list[Encoded]:
        """Plain text once more and more, so that few documents are not lost among many conversations."""
        if not isinstance(self.recipe, PretrainRecipe) or self.recipe.text_repeats == 1:
            return []
        texts = {item.id for item in items if isinstance(item.content, str)}
        found = [each for each in samples if each.id.rpartition("@")[0] in texts or each.id in texts]
        return found * (self.recipe.text_repeats - 1)

    def _key(self, samples: Sequence[Encoded], eval_samples: Sequence[Encoded]) -> str:
        settings = self.recipe.model_dump(mode="json", exclude=set(_NO_RESULT))
        base = [sha256_file(path) for path in check_weights(self.base)] if self.base is not None else []
        tokenizer = [sha256_file(path) for path in sorted(self.tokenizer_files.iterdir())]
        parts = [type(self.recipe).__name__, settings, base, tokenizer, self.job.seed]
        return short_id(canonical_json(parts), fingerprint(samples), fingerprint(eval_samples))

    def _model(self, tokenizer: Any, device: str, start: Checkpoint | None) -> tuple[Any, Callable[[Path], None]]:
        """The model to move (for an adapter the model inside it), and what writes it."""
        torch.manual_seed(self.job.seed)
        is_adapter = isinstance(self.recipe, LoraRecipe)
        source = start.folder if start is not None and not is_adapter else self.base
        if source is not None:
            model = load_model(source, device=device)
        else:
            assert isinstance(self.recipe, PretrainRecipe)
            model = _new_model(self.recipe.shape, tokenizer).to(device)
        rows = model.get_input_embeddings().num_embeddings
        if len(tokenizer) > rows:
            raise UsageError("train.too-many-ids", tokens=len(tokenizer), rows=rows)
        if isinstance(self.recipe, LoraRecipe):
            return self._adapted(model, self.recipe, start)
        _end_at_marker(model, tokenizer)
        return model, lambda folder: save_model(model, folder, self.tokenizer_files)

    def _adapted(self, model: Any, recipe: LoraRecipe, start: Checkpoint | None) -> tuple[Any, Callable[[Path], None]]:
        from lianlu.core.extras import require

        require("peft", "train")
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
        from safetensors.torch import load_file

        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,  # pyright: ignore[reportArgumentType] - peft takes fractions too
            lora_dropout=recipe.dropout,
            target_modules=recipe.targets or "all-linear",
            task_type="CAUSAL_LM",
        )
        try:
            adapted = get_peft_model(model, config)
        except ValueError as error:
            raise UsageError("train.bad-targets", why=str(error).splitlines()[0][:300]) from error
        named = Path(recipe.model).name if recipe.model is not None else ""
        adapted.peft_config["default"].base_model_name_or_path = named
        if start is not None:
            set_peft_model_state_dict(adapted, load_file(start.folder / "adapter_model.safetensors"))
        return adapted.get_base_model(), lambda folder: _save_adapter(adapted, folder, self.tokenizer_files)

    def _about(
        self,
        key: str,
        samples: Sequence[Encoded],
        eval_samples: Sequence[Encoded],
        findings: Sequence[Finding],
        model: Any,
        trained: Trained,
    ) -> dict[str, Any]:
        settings = self.recipe.model_dump(mode="json")
        named = {name: _names(settings[name]) for name in _PLACES if name in settings}
        counts = {each: sum(p.numel() for p in model.parameters() if p.requires_grad or each == "parameters")
                  for each in ("parameters", "trained_parameters")}  # fmt: skip
        return {
            "key": key,
            "objective": type(self.recipe).__name__.removesuffix("Recipe").lower(),
            "recipe": {**settings, **named},
            "seed": self.job.seed,
            "samples": len(samples),
            "eval_samples": len(eval_samples),
            "tokens": sum(len(each.ids) for each in samples),
            "supervised": sum(each.supervised for each in samples),
            "steps": len(trained.metrics),
            "packed": trained.packs,
            **counts,
            "findings": [
                {"code": each.code, "count": each.count, "en": each.text.en, "zh": each.text.zh} for each in findings
            ],
        }

    def _warn_of_overfit(self, trained: Trained) -> None:
        losses = [float(line["eval_loss"] or 0) for line in trained.metrics if "eval_loss" in line]
        last = [float(line["loss"] or 0) for line in trained.metrics[-10:]]
        learned = sum(last) / len(last)
        if is_overfit(learned, losses):
            self.job.note(
                Text(
                    f"learned by heart: loss {learned:.3f} on what was learned, {losses[-1]:.3f} on what was not"
                    f" (best {min(losses):.3f}); fewer epochs or more varied data help",
                    f"可能过拟合：训练损失 {learned:.3f}，评测损失 {losses[-1]:.3f}（最低 {min(losses):.3f}）；"
                    "可减少轮数或增加数据的多样性",
                ),
                "warning",
                "train.overfit",
            )


def _new_model(shape: ModelShape, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    pad = tokenizer.pad_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate or -(-shape.hidden * 8 // 3 // 16) * 16,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads or shape.heads,
        max_position_embeddings=shape.positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=shape.tie,
        pad_token_id=pad,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def _end_at_marker(model: Any, tokenizer: Any) -> None:
    """Let generation end where answers were learned to end, and at the end of a text."""
    known = model.generation_config.eos_token_id
    ends = list(known) if isinstance(known, list) else [] if known is None else [known]
    for token in (tokenizer.eos_token_id, tokenizer.get_vocab().get(END_OF_TEXT)):
        if token is not None and token not in ends:
            ends.append(token)
    model.generation_config.eos_token_id = ends or None


def _save_adapter(adapted: Any, folder: Path, tokenizer_files: Path) -> None:
    save_model(adapted, folder, tokenizer_files, save_embedding_layers=False)  # "auto" would ask the hub
    path = folder / "adapter_config.json"
    config = json.loads(path.read_bytes())
    for name, value in config.items():  # peft writes sets in the order of the day
        if name in ("target_modules", "exclude_modules", "modules_to_save") and isinstance(value, list):
            config[name] = sorted(value)
    write_bytes(path, json.dumps(config, indent=2, sort_keys=True).encode() + b"\n")


def _write_whole(target: Path, write_model: Callable[[Path], None], trained: Trained, about: dict[str, Any]) -> None:
    """Fill `target` at once: whoever looks sees the old folder or the new one."""
    temporary = target.with_name(f".tmp-{target.name}")
    try:
        if temporary.exists():
            shutil.rmtree(temporary)
        write_model(temporary)
        write_bytes(temporary / METRICS, metrics_lines(trained.metrics))
        write_bytes(temporary / TRAINING, json.dumps(about, ensure_ascii=False, indent=2).encode() + b"\n")
        shutil.rmtree(target)
        temporary.rename(target)
    except OSError as error:
        raise as_lianlu_error(error, target) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _summary(about: Mapping[str, Any], trained: Trained) -> dict[str, Any]:
    shown = (
        "objective",
        "samples",
        "eval_samples",
        "tokens",
        "supervised",
        "steps",
        "parameters",
        "trained_parameters",
    )
    losses = [line["eval_loss"] for line in trained.metrics if "eval_loss" in line]
    return {
        **{name: about[name] for name in shown},
        "first_loss": trained.metrics[0]["loss"],
        "loss": trained.metrics[-1]["loss"],
        "eval_loss": losses[-1] if losses else None,
        "tokens_per_second": round(trained.tokens / max(trained.seconds, 1e-9), 1),
        "seconds": round(trained.seconds, 3),
        "warnings": [each["code"] for each in about["findings"]],
    }


def _with_examples(finding: Finding) -> Text:
    named = ", ".join(finding.examples)
    return Text(f"{finding.text.en} ({named})", f"{finding.text.zh}（{named}）")


def _names(value: Any) -> Any:
    """Names instead of places: a folder of this machine is no setting."""
    if isinstance(value, list):
        return [Path(str(each)).name for each in value]
    return value if value is None else Path(str(value)).name


def _device(wanted: str) -> str:
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise UsageError("train.bad-device", device=wanted, why=str(error).splitlines()[0][:200]) from error
    return wanted
