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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lianlu.core.errors import UsageError
from lianlu.core.files import Files, as_lianlu_error, named_path, write_bytes
from lianlu.core.hashing import canonical_json, sha256_file, short_id
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.core.sizes import parse_size
from lianlu.nn.layout import Layout
from lianlu.nn.recompute import recompute
from lianlu.nn.scorer import as_scorer, load_scorer
from lianlu.nn.weights import check_weights, copy_tokenizer, linked_folder, load_model, load_tokenizer, save_model
from lianlu.records import Conversation, user
from lianlu.train.adapt import add_adapter, freeze_all_but_last, quantize_frozen
from lianlu.train.checkpoint import Checkpoint, clear, newest
from lianlu.train.config import LoraRecipe, ModelShape, PretrainRecipe, RewardRecipe, SftRecipe, TrainRecipe
from lianlu.train.doctor import Finding, examine
from lianlu.train.encode import Encoder, hold_out
from lianlu.train.group import Alone, Group, Place, join, silent
from lianlu.train.learn import Learned, learned_by
from lianlu.train.loop import Trained, Training, metrics_lines
from lianlu.train.memory import MemoryPlan
from lianlu.train.overfit import Warned, warnings
from lianlu.train.plan import config_of, plan_of, warn_of_memory
from lianlu.train.reading import Item, read_artifact, read_paths
from lianlu.train.samples import Unit, fingerprint
from lianlu.train.sinks import WatchedRun, open_sinks
from lianlu.train.template import give_template
from lianlu.train.token_cache import TokenCache, cache_key
from lianlu.train.tokenizer import END_OF_TEXT
from lianlu.train.units import units_of
from lianlu.train.watch import SAMPLES, Watch

__all__ = ["METRICS", "TRAINING", "encoder_of", "fit", "foresee", "items_of", "tokenizer_folder"]

METRICS = "metrics.jsonl"
TRAINING = "training.json"
_PLACES = ("data", "eval_data", "model", "tokenizer", "template")
_NO_RESULT = (
    *_PLACES,
    "checkpoint_every",
    "keep_checkpoints",
    "recompute",
    "layout",
    "max_shard_size",
    "sample_prompts",
    "sample_every",
    "sinks",
)


_TOKENS = "tokens"
_SMALL_BYTES = 200 << 20


def fit(recipe: TrainRecipe, inputs: Mapping[str, Files], job: Job, *, output: str) -> dict[str, Any]:
    """Train and fill `job.folder(output)`; returns a JSON-able summary.

    Of several processes (torchrun) only the first tells events, fills the folder and has a summary.

    Args:
        inputs: `documents`, `conversations`, `preferences`, `base`, `tokenizer`, each where there is one.

    Raises:
        UsageError: file.missing, train.*, nn.*
        DataError: train.bad-line, train.bad-sample, train.wrong-kind, train.nothing-supervised, train.not-finite, nn.*
        Cancelled: stopped; the next try goes on from a checkpoint
    """
    place = Place.from_environment()
    torch.set_num_threads(max(1, Settings.from_environment().threads // place.neighbours))
    with (
        join(place) as group,
        _base(recipe, inputs) as base,
        _own_tokenizer(recipe, inputs, base) as tokenizer_files,
    ):
        run = _Run(recipe, inputs, job if place.rank == 0 else silent(job), base, tokenizer_files, group)
        return run.fit(output)


def foresee(recipe: TrainRecipe, job: Job) -> dict[str, Any] | None:
    """What `fit` would take, from data and configuration alone; None where there is no data yet.

    Raises:
        as `fit`
    """
    if not recipe.data:
        return None
    with _base(recipe, {}) as base, _own_tokenizer(recipe, {}, base) as tokenizer_files:
        run = _Run(recipe, {}, job, base, tokenizer_files)
        tokenizer, device = load_tokenizer(tokenizer_files), _device(recipe.device, Place())
        items, _ = items_of(recipe, {}, job.seed)
        samples = units_of(learned_by(recipe).wanted, items, encoder_of(recipe, tokenizer), job)
        return warn_of_memory(run.plan(tokenizer, samples, device), job, device, starts=False)


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
    named = [name for name in ("documents", "conversations", "preferences") if name in inputs]
    items = [item for name in named for item in read_artifact(inputs[name])]
    items += read_paths(recipe.data)
    if not items:
        raise UsageError("train.no-data", paths=", ".join(recipe.data) or "-")
    learned, kept = hold_out(items, recipe.eval_share, seed)
    return learned, [*kept, *read_paths(recipe.eval_data)]


def encoder_of(recipe: TrainRecipe, tokenizer: Any) -> Encoder:
    is_text = isinstance(recipe, PretrainRecipe) or (isinstance(recipe, LoraRecipe) and recipe.objective == "pretrain")
    learn = recipe.supervise if isinstance(recipe, SftRecipe) and not is_text else "everything"
    return Encoder(tokenizer, recipe.max_tokens, learn, recipe.too_long)


@dataclass
class _Run:
    recipe: TrainRecipe
    inputs: Mapping[str, Files]
    job: Job
    base: Path | None
    tokenizer_files: Path
    group: Group = field(default_factory=Alone)

    def fit(self, output: str) -> dict[str, Any]:
        """Train, or go on from the newest checkpoint of the same work; fills `output` and returns the step's summary."""
        shard_bytes = parse_size(self.recipe.max_shard_size)
        device = _device(self.recipe.device, self.group.place)
        what = learned_by(self.recipe)
        items, eval_items = items_of(self.recipe, self.inputs, self.job.seed)
        findings = examine(items, eval_items)
        for code, told in _told_of_data(findings, self.recipe.epochs, len(items)):
            self.job.note(told, "warning", f"train.{code}")
        tokenizer = load_tokenizer(self.tokenizer_files)
        with self.group.first():  # the others read the tokens that it keeps
            samples: list[Unit] = list(self._units(what, items, tokenizer))
            eval_samples = self._units(what, eval_items, tokenizer)
        samples += self._repeated(items, samples)
        facts = self._facts(samples, eval_samples)
        key = short_id(canonical_json(facts))
        checkpoints = self.job.scratch
        if len(set(self.group.gather(key))) > 1:
            raise UsageError("train.bad-group", why="they read different data or models")
        start = self.group.from_first(lambda: newest(checkpoints, key, facts) if checkpoints is not None else None)
        memory = self._memory(tokenizer, samples, device)
        model, write_model = self._model(tokenizer, device, start, shard_bytes)
        recompute(model, self.recipe.recompute)
        with self._watched(tokenizer, samples, output) as watch:
            training = Training(
                model,
                samples,
                self.recipe,
                self.job,
                key,
                partial(write_model, layout=None),
                eval_samples=eval_samples,
                checkpoints=checkpoints,
                objective=what.objective,
                watch=watch if self.group.place.rank == 0 else None,
                facts=facts,
                group=self.group,
            )
            trained = training.run(start)
        if self.group.place.rank:
            return {}
        about = self._about(key, samples, eval_samples, findings, model, trained) | memory
        summary: dict[str, Any] = {**_summary(about, trained), **watch.summary()}
        for warned in warnings(trained.metrics):  # those of the data were told before
            self.job.note(_with_remedy(warned), "warning", f"train.{warned.code}")
            summary["warnings"] = [*summary["warnings"], warned.code]
        if self.recipe.weights == "bf16":
            model.to(torch.bfloat16)  # checkpoints are fp32: what goes on from them must lose nothing
        written = partial(write_model, layout=self.recipe.layout)
        _write_whole(self.job.folder(output), written, trained, about, watch.answers())
        if checkpoints is not None:
            clear(checkpoints)
        return summary

    def _units(self, what: Learned, items: Sequence[Item], tokenizer: Any) -> Sequence[Unit]:
        """What is learned from the items, read from the cache of this run where it has been made before."""
        encoder = encoder_of(self.recipe, tokenizer)
        scratch = self.job.scratch
        if scratch is None or what.wanted != "samples" or not items:
            return units_of(what.wanted, items, encoder, self.job)
        texts = short_id(*(f"{item.id}\n{item.content!r}" for item in items))
        settings = {"items": texts, "learn": encoder.learn, "max_tokens": encoder.max_tokens, "long": encoder.too_long}
        files = {path.name: path for path in sorted(self.tokenizer_files.iterdir())}
        key = cache_key({}, files, str(tokenizer.chat_template or ""), settings)
        kept = TokenCache.open(scratch / _TOKENS, key)
        return kept if kept is not None else TokenCache.write(scratch / _TOKENS, key, encoder.encode(items, self.job))

    def _memory(self, tokenizer: Any, samples: Sequence[Unit], device: str) -> dict[str, Any]:
        """The memory table where the model is of a size at which memory may run out; looking costs a second."""
        if self.base is not None and sum(path.stat().st_size for path in check_weights(self.base)) < _SMALL_BYTES:
            return {}
        if self.base is None and (not isinstance(self.recipe, PretrainRecipe) or _is_small(self.recipe.shape)):
            return {}
        found = warn_of_memory(self.plan(tokenizer, samples, device), self.job, device)
        return {
            "memory": {name: value for name, value in found.items() if name not in ("available", "loaded", "remedies")}
        }

    def plan(self, tokenizer: Any, samples: Sequence[Unit], device: str) -> MemoryPlan:
        """What the run takes, from its configuration and its samples."""
        if self.base is not None:
            config = config_of(self.base)
        else:
            assert isinstance(self.recipe, PretrainRecipe)
            config = _new_config(self.recipe.shape, tokenizer)
        return plan_of(self.recipe, config, samples, device, shards=self.group.place.world)

    @contextmanager
    def _watched(self, tokenizer: Any, samples: Sequence[Unit], output: str) -> Generator[Watch]:
        recipe, place = self.recipe, self.job.folder(output).parent
        prompts = [Conversation(messages=(user(text),)) if tokenizer.chat_template else text
                   for text in recipe.sample_prompts]  # fmt: skip
        settings = recipe.model_dump(mode="json")
        watch = Watch(
            self.job.scratch or place,
            tokenizer,
            self.job,
            prompts=prompts,
            every=recipe.sample_every,
            mean_tokens=sum(each.tokens for each in samples) / max(1, sum(len(each.pieces) for each in samples)),
            precision=recipe.precision,
            open_sinks=lambda done: open_sinks(recipe.sinks, WatchedRun(place.name, place, done), settings, self.job),
            devices=self.group.place.world,
        )
        try:
            yield watch
        finally:
            watch.close()

    def _repeated(self, items: Sequence[Item], samples: Sequence[Unit]) -> list[Unit]:
        """Plain text once more and more, so that few documents are not lost among many conversations."""
        if not isinstance(self.recipe, PretrainRecipe) or self.recipe.text_repeats == 1:
            return []
        texts = {item.id for item in items if isinstance(item.content, str)}
        found = [each for each in samples if each.id.rpartition("@")[0] in texts or each.id in texts]
        return found * (self.recipe.text_repeats - 1)

    def _facts(self, samples: Sequence[Unit], eval_samples: Sequence[Unit]) -> dict[str, Any]:
        """What the weights that come out depend on, each by a name that can be shown."""
        settings = self.recipe.model_dump(mode="json", exclude=set(_NO_RESULT))
        base = [sha256_file(path) for path in check_weights(self.base)] if self.base is not None else []
        tokenizer = [sha256_file(path) for path in sorted(self.tokenizer_files.iterdir())]
        return {
            "objective": type(self.recipe).__name__,
            **settings,
            "base": short_id(*base),
            "tokenizer": short_id(*tokenizer),
            "seed": self.job.seed,
            "data": f"{len(samples)} samples {fingerprint(samples)[:12]}",
            "eval data": f"{len(eval_samples)} samples {fingerprint(eval_samples)[:12]}",
        }

    def _model(
        self, tokenizer: Any, device: str, start: Checkpoint | None, shard_bytes: int
    ) -> tuple[Any, Callable[..., None]]:
        """The model to move (for an adapter the model inside it), and what writes it in a layout."""
        torch.manual_seed(self.job.seed)
        recipe = self.recipe
        is_adapter = isinstance(recipe, LoraRecipe)
        is_reward = isinstance(recipe, RewardRecipe)
        source = start.folder if start is not None and not is_adapter else self.base
        # what is put into four bits goes to the device layer by layer, so that it never holds the whole model
        first = "cpu" if isinstance(recipe, LoraRecipe) and recipe.quantize is not None else device
        if source is not None:
            is_scorer = is_reward and start is not None
            model = load_scorer(source, device=first) if is_scorer else load_model(source, device=first)
        else:
            assert isinstance(recipe, PretrainRecipe)
            model = _new_model(recipe.shape, tokenizer).to(device)
        rows = model.get_input_embeddings().num_embeddings
        if len(tokenizer) > rows:
            raise UsageError("train.too-many-ids", tokens=len(tokenizer), rows=rows)
        if isinstance(recipe, LoraRecipe):
            if recipe.quantize is not None:
                compute = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
                model = quantize_frozen(model, device, compute=compute)
            inner, write = add_adapter(model, recipe, self.tokenizer_files, start.folder if start else None)
            return inner, lambda folder, layout: write(folder)  # noqa: ARG005 - an adapter has no layout
        if is_reward and start is None:
            model = as_scorer(model)
        if recipe.train_layers is not None:
            freeze_all_but_last(model, recipe.train_layers)
        if not is_reward:
            _end_at_marker(model, tokenizer)
        return model, partial(_write_model, model, tokenizer_files=self.tokenizer_files, shard_bytes=shard_bytes)

    def _about(
        self,
        key: str,
        samples: Sequence[Unit],
        eval_samples: Sequence[Unit],
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
            "tokens": sum(each.tokens for each in samples),
            "supervised": sum(each.supervised for each in samples),
            "steps": len(trained.metrics),
            "packed": trained.packs,
            **counts,
            "findings": [
                {"code": each.code, "count": each.count, "en": each.text.en, "zh": each.text.zh} for each in findings
            ],
        }


def _is_small(shape: ModelShape) -> bool:
    return shape.layers * shape.hidden**2 * 12 * 4 < _SMALL_BYTES


def _new_model(shape: ModelShape, tokenizer: Any) -> Any:
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM(_new_config(shape, tokenizer))


def _new_config(shape: ModelShape, tokenizer: Any) -> Any:
    from transformers import LlamaConfig

    pad = tokenizer.pad_token_id
    return LlamaConfig(
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


def _end_at_marker(model: Any, tokenizer: Any) -> None:
    """Let generation end where answers were learned to end, and at the end of a text."""
    known = model.generation_config.eos_token_id
    ends = list(known) if isinstance(known, list) else [] if known is None else [known]
    for token in (tokenizer.eos_token_id, tokenizer.get_vocab().get(END_OF_TEXT)):
        if token is not None and token not in ends:
            ends.append(token)
    model.generation_config.eos_token_id = ends or None


def _write_model(model: Any, folder: Path, *, layout: Layout | None, tokenizer_files: Path, shard_bytes: int) -> None:
    save_model(model, folder, tokenizer_files, layout=layout, max_shard_size=shard_bytes)


def _write_whole(
    target: Path, write_model: Callable[[Path], None], trained: Trained, about: dict[str, Any], answers: bytes
) -> None:
    """Fill `target` at once: whoever looks sees the old folder or the new one."""
    temporary = target.with_name(f".tmp-{target.name}")
    try:
        if temporary.exists():
            shutil.rmtree(temporary)
        write_model(temporary)
        write_bytes(temporary / METRICS, metrics_lines(trained.metrics))
        if answers:
            write_bytes(temporary / SAMPLES, answers)
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


def _told_of_data(findings: Sequence[Finding], epochs: int, samples: int) -> list[tuple[str, Text]]:
    """Code and text of each finding, told once: with what to do where it weighs in so many epochs, else with examples."""
    weighed = warnings((), findings, epochs, samples=samples)
    codes = {each.code for each in weighed}
    light = [(each.code, _with_examples(each)) for each in findings if each.code not in codes]
    return [*light, *((each.code, _with_remedy(each)) for each in weighed)]


def _with_remedy(warned: Warned) -> Text:
    return Text(f"{warned.what.en}; {warned.remedy.en}", f"{warned.what.zh}；{warned.remedy.zh}")


def _with_examples(finding: Finding) -> Text:
    named = ", ".join(finding.examples)
    return Text(f"{finding.text.en} ({named})", f"{finding.text.zh}（{named}）")


def _names(value: Any) -> Any:
    """Names instead of places: a folder of this machine is no setting."""
    if isinstance(value, list):
        return [Path(str(each)).name for each in value]
    return value if value is None else Path(str(value)).name


def _device(wanted: str, place: Place) -> str:
    wanted = ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted
    if wanted == "cuda" and place.world > 1:
        wanted = f"cuda:{place.local}"
    try:
        torch.zeros(1, device=wanted)
    except (RuntimeError, AssertionError) as error:
        raise UsageError("train.bad-device", device=wanted, why=str(error).splitlines()[0][:200]) from error
    if wanted.startswith("cuda:"):
        torch.cuda.set_device(wanted)
    return wanted
