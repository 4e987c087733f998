"""One step of ours and the same step of HF's Trainer and of TRL's trainers: one loss, the same gradients, the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from lianlu.core.job import Job  # noqa: E402
from lianlu.nn.scorer import as_scorer  # noqa: E402
from lianlu.train.config import TrainRecipe  # noqa: E402
from lianlu.train.loop import Trained, Training  # noqa: E402
from lianlu.train.objectives import Dpo, Kto, Likelihood, Orpo, Reward, Simpo  # noqa: E402
from lianlu.train.samples import Encoded, Pair, Rated, Unit  # noqa: E402
from tiny_model import tiny_model, tiny_tokenizer  # noqa: E402

from .made_pairs import Learned, learn, made_pairs, made_ratings, made_samples, scores  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # theirs
RATE, STEPS, BETA = 1e-3, 4, 0.3
SAME = {
    "learning_rate": RATE,
    "lr_scheduler_type": "constant",
    "weight_decay": 0.0,
    "adam_beta2": 0.95,
    "max_grad_norm": 1.0,
    "use_cpu": True,
    "bf16": False,
    "report_to": [],
    "save_strategy": "no",
    "logging_steps": 1,
    "disable_tqdm": True,
    "remove_unused_columns": False,
}


@pytest.fixture(scope="module", autouse=True)
def _peers() -> None:
    """They are read here, not above: whoever collects tests would wait for them, in every process that does."""
    pytest.importorskip("datasets", reason="datasets is not installed")
    pytest.importorskip("trl", reason="trl is not installed")
    torch.set_num_threads(1)


def pad(rows: list[Any], value: int) -> Any:
    longest = max(len(row) for row in rows)
    return torch.tensor([[*map(int, row), *[value] * (longest - len(row))] for row in rows])


def padded(samples: list[Encoded]) -> dict[str, Any]:
    """A right-padded batch with labels, as Trainer is given it."""
    labels = [np.where(sample.mask, sample.ids, -100) for sample in samples]
    return {
        "input_ids": pad([sample.ids for sample in samples], 0),
        "attention_mask": pad([np.ones(len(sample.ids)) for sample in samples], 0),
        "labels": pad(labels, -100),
    }


def asked_and_said(piece: Encoded) -> tuple[list[int], list[int]]:
    prompt = int(np.flatnonzero(piece.mask)[0])
    return piece.ids[:prompt].tolist(), piece.ids[prompt:].tolist()


def as_trl(unit: Unit) -> dict[str, Any]:
    """A unit as TRL's collators take it, already tokenized."""
    if isinstance(unit, Rated):
        (asked, said), (_, other) = asked_and_said(unit.answer), asked_and_said(unit.other)
        return {"prompt_ids": asked, "completion_ids": said, "KL_completion_ids": other, "label": unit.is_liked}
    assert isinstance(unit, Pair)
    (asked, chosen), (_, rejected) = asked_and_said(unit.chosen), asked_and_said(unit.rejected)
    return {"prompt_ids": asked, "chosen_ids": chosen, "rejected_ids": rejected}


def gradients_of(model: Any) -> dict[str, Any]:
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def close(found: Learned, loss: float, model: Any, limit: float = 1e-5) -> None:
    """The same loss, and the gradients that stand in `model`."""
    assert found.loss == pytest.approx(loss, abs=limit)
    wanted = gradients_of(model)
    assert found.gradients.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found.gradients[name], gradient, rtol=limit, atol=limit)


def keep(trainer: Any) -> list[dict[str, float]]:
    """A list that fills with what a trainer of theirs reports at each step."""
    lines: list[dict[str, float]] = []

    class Kept(transformers.TrainerCallback):
        def on_log(self, *_: Any, logs: dict[str, float], **more: Any) -> None:
            del more
            if "loss" in logs:
                lines.append(logs)

    trainer.add_callback(Kept())
    return lines


def run_ours(model: Any, objective: Any, units: list[Unit]) -> Trained:
    """All units in every step, so that the order in which they are seen does not matter."""
    recipe = TrainRecipe(
        steps=STEPS, batch_size=len(units), learning_rate=RATE, schedule="constant", warmup=0.0, weight_decay=0.0
    )
    return Training(model, units, recipe, Job("t"), "key", lambda _: None, objective=objective).run()


def same_weights(ours: Any, theirs: Any) -> None:
    """AdamW makes of a gradient that is nearly nothing a step of whole size, so single weights may be a little apart."""
    for (name, one), two in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        apart = (one - two).detach().abs()
        assert float(apart.max()) <= RATE / 10, name
        assert float(apart.mean()) <= RATE / 1000, name


# HF Trainer


def hf_trainer(folder: Path, model: Any, samples: list[Any], **more: Any) -> Any:
    settings = transformers.TrainingArguments(str(folder), **{**SAME, **more})
    return transformers.Trainer(model, settings, data_collator=padded, train_dataset=samples)


@pytest.mark.parametrize("shares", [False, True], ids=["packed", "shared prefixes"])
def test_a_step_equals_hf_trainer_s_on_the_same_padded_batch(tmp_path: Path, *, shares: bool) -> None:
    samples, model = made_samples(8), tiny_model()
    trainer = hf_trainer(tmp_path, model, samples)
    total = sum(each.supervised for each in samples)
    loss = trainer.training_step(model, padded(samples), torch.tensor(total))
    close(learn(tiny_model(), Likelihood(), samples, share_prefixes=shares), loss.item(), model)


def test_a_run_equals_hf_trainer_s_with_accumulated_batches(tmp_path: Path) -> None:
    samples, theirs, ours = made_samples(8), tiny_model(), tiny_model()
    trainer = hf_trainer(
        tmp_path,
        theirs,
        samples,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        num_train_epochs=STEPS,
    )
    kept = keep(trainer)
    trainer.train()
    lines = run_ours(ours, Likelihood(), samples).metrics
    assert [line["loss"] for line in lines] == pytest.approx([line["loss"] for line in kept], abs=1e-4)
    assert [line["grad_norm"] for line in lines] == pytest.approx([each["grad_norm"] for each in kept], rel=1e-4)
    same_weights(ours, theirs)


# TRL


def of_trl(kind: str, folder: Path, model: Any, *, more: dict[str, Any] | None = None, **settings: Any) -> Any:
    """One of TRL's trainers, with a set of one to begin with: the batches that are compared are given to it by hand."""
    place = {"ORPO": "trl.experimental.orpo", "CPO": "trl.experimental.cpo"}.get(kind, "trl")
    module = pytest.importorskip(place, reason=f"this version of TRL has no {kind}")
    from datasets import Dataset

    row = {"prompt": "a", "chosen": "b", "rejected": "c"}
    rows = [row] if kind != "KTO" else [{"prompt": "a", "completion": c, "label": c == "b"} for c in "bc"]
    made = getattr(module, f"{kind}Config")(str(folder), **{**SAME, **settings})
    return getattr(module, f"{kind}Trainer")(
        model, args=made, train_dataset=Dataset.from_list(rows), processing_class=tiny_tokenizer(), **(more or {})
    )


def reported(trainer: Any) -> dict[str, float]:
    return {name: values[-1] for name, values in trainer._metrics["train"].items()}


def test_dpo_equals_trl_s(tmp_path: Path) -> None:
    units, model, reference = made_pairs(6), tiny_model().train(), tiny_model(seed=1)
    trainer = of_trl("DPO", tmp_path, model, more={"ref_model": reference}, beta=BETA)
    loss = trainer.compute_loss(model, trainer.data_collator([as_trl(unit) for unit in units]))
    loss.backward()
    ours = learn(tiny_model(), Dpo(BETA), units, scores(reference, units))
    close(ours, loss.item(), model)
    told = reported(trainer)
    assert ours.numbers == pytest.approx(
        {
            "reward_chosen": told["rewards/chosen"],
            "reward_rejected": told["rewards/rejected"],
            "margin": told["rewards/margins"],
            "accuracy": told["rewards/accuracies"],
        },
        abs=1e-5,
    )


def test_dpo_with_likelihood_equals_trl_s_where_answers_are_equally_long(tmp_path: Path) -> None:
    """RPO (arXiv 2404.19733) takes the mean over each answer's tokens, TRL's over the tokens of the whole batch."""
    units, model, reference = made_pairs(6, answer=5), tiny_model().train(), tiny_model(seed=1)
    types: dict[str, Any] = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.4]}
    trainer = of_trl("DPO", tmp_path, model, more={"ref_model": reference}, beta=BETA, **types)
    loss = trainer.compute_loss(model, trainer.data_collator([as_trl(unit) for unit in units]))
    loss.backward()
    close(learn(tiny_model(), Dpo(BETA, likelihood=0.4), units, scores(reference, units)), loss.item(), model)


def test_a_run_of_dpo_equals_trl_s(tmp_path: Path) -> None:
    units, theirs, ours = made_pairs(6), tiny_model(), tiny_model()
    size = {"per_device_train_batch_size": len(units), "num_train_epochs": STEPS}
    trainer = of_trl("DPO", tmp_path, theirs, more={"ref_model": tiny_model()}, beta=BETA, **size)
    trainer.train_dataset = [as_trl(unit) for unit in units]
    kept = keep(trainer)
    trainer.train()
    lines = run_ours(ours, Dpo(BETA), units).metrics
    for name, of_theirs in {"loss": "loss", "margin": "rewards/margins", "grad_norm": "grad_norm"}.items():
        assert [line[name] for line in lines] == pytest.approx([each[of_theirs] for each in kept], rel=1e-3)
    same_weights(ours, theirs)


def labelled(units: list[Unit]) -> dict[str, Any]:
    """A batch of pairs as TRL's older trainers pad it."""
    batch: dict[str, Any] = {}
    for name in ("chosen", "rejected"):
        rows = padded([getattr(unit, name) for unit in units])
        batch |= {f"{name}_{key}": value for key, value in rows.items()}
    return batch


def test_orpo_s_odds_equal_trl_s_and_its_likelihood_is_the_paper_s(tmp_path: Path) -> None:
    """TRL learns the prompt with the chosen answer and takes one mean over all tokens of the batch; equation 6 of the
    paper (arXiv 2403.07691) has the likelihood of the answer alone, in the mean over its tokens (equation 1)."""
    units, model = made_pairs(6), tiny_model().train()
    trainer = of_trl("ORPO", tmp_path, model, beta=BETA)
    chosen, rejected, _, _, of_prompts_too = trainer.concatenated_forward(model, labelled(units))
    odds, *rewards, _, _ = trainer.odds_ratio_loss(chosen, rejected)
    loss = -chosen.mean() - odds.mean()
    loss.backward()
    ours = learn(tiny_model(), Orpo(BETA), units)
    close(ours, loss.item(), model)
    assert ours.numbers["reward_chosen"] == pytest.approx(rewards[0].mean().item(), abs=1e-5)
    assert ours.numbers["reward_rejected"] == pytest.approx(rewards[1].mean().item(), abs=1e-5)
    assert abs((of_prompts_too + chosen.mean()).item()) > 1e-2  # or TRL has come to the paper's


def test_simpo_equals_trl_s(tmp_path: Path) -> None:
    units, model = made_pairs(6), tiny_model().train()
    settings = {"loss_type": "simpo", "cpo_alpha": 0.0, "simpo_gamma": 0.7, "beta": 2.0}
    trainer = of_trl("CPO", tmp_path, model, **settings)
    loss, told = trainer.get_batch_loss_metrics(model, labelled(units))
    loss.backward()
    ours = learn(tiny_model(), Simpo(2.0, 0.7), units)
    close(ours, loss.item(), model)
    assert ours.numbers["margin"] == pytest.approx(told["rewards/margins"], abs=1e-5)
    assert ours.numbers["accuracy"] == pytest.approx(told["rewards/accuracies"], abs=1e-6)


def test_kto_equals_trl_s(tmp_path: Path) -> None:
    units, model, reference = made_ratings(6), tiny_model().train(), tiny_model(seed=1)
    weights = {"desirable_weight": 1.5, "undesirable_weight": 0.5}
    batch_of_many = {"per_device_train_batch_size": 2}
    trainer = of_trl("KTO", tmp_path, model, more={"ref_model": reference}, beta=BETA, **weights, **batch_of_many)
    loss = trainer.compute_loss(model, trainer.data_collator([as_trl(unit) for unit in units]))
    loss.backward()
    ours = learn(tiny_model(), Kto(BETA, 1.5, 0.5), units, scores(reference, units))
    close(ours, loss.item(), model)
    told = reported(trainer)
    assert told["kl"] > 0.1
    assert ours.numbers["divergence"] == pytest.approx(told["kl"], abs=1e-5)
    assert ours.numbers["reward_liked"] == pytest.approx(told["rewards/chosen"], abs=1e-5)
    assert ours.numbers["reward_disliked"] == pytest.approx(told["rewards/rejected"], abs=1e-5)


def test_a_reward_model_equals_trl_s(tmp_path: Path) -> None:
    def scorer() -> Any:
        torch.manual_seed(3)
        return as_scorer(tiny_model())

    units, model = made_pairs(6), scorer().train()
    trainer = of_trl("Reward", tmp_path, model)
    rows = [{"chosen_ids": unit.pieces[0].ids.tolist(), "rejected_ids": unit.pieces[1].ids.tolist()} for unit in units]
    loss = trainer.compute_loss(model, trainer.data_collator(rows))
    loss.backward()
    ours = learn(scorer(), Reward(), units)
    close(ours, loss.item(), model)
    told = reported(trainer)
    assert ours.numbers["margin"] == pytest.approx(told["margin"], abs=1e-6)
    assert ours.numbers["accuracy"] == pytest.approx(told["accuracy"], abs=1e-6)
