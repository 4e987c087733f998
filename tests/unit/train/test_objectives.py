"""What objectives make of rows: equal to slow formulas on each answer alone, however the answers are put into rows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from torch import Tensor  # noqa: E402
from torch.nn.functional import logsigmoid  # noqa: E402

from lianlu.core.errors import Cancelled, DataError, UsageError  # noqa: E402
from lianlu.core.events import Event, Metric  # noqa: E402
from lianlu.core.files import Files  # noqa: E402
from lianlu.core.job import Job  # noqa: E402
from lianlu.nn.forward import RowForward  # noqa: E402
from lianlu.nn.scorer import as_scorer  # noqa: E402
from lianlu.train.objectives import Dpo, Kto, Likelihood, Orpo, Reward, Simpo  # noqa: E402
from lianlu.train.references import FILE  # noqa: E402
from lianlu.train.samples import Encoded, Unit, content_key  # noqa: E402
from lianlu.train.steps import DPO, KTO, ORPO, REWARD, SIMPO  # noqa: E402
from tiny_model import tiny_model  # noqa: E402

from .conftest import ANSWERS, QUESTIONS, write_lines  # noqa: E402
from .made_pairs import Learned, learn, made_pairs, made_ratings, made_samples, scores  # noqa: E402

Run = Callable[..., Files]
References = dict[str, tuple[float, ...]]
BETA = 0.3
SAME = 2e-6  # fp32 adds up in another order


@pytest.fixture(scope="module", autouse=True)
def _torch_on_one_thread() -> None:
    torch.set_num_threads(1)


def token_scores(model: Any, piece: Encoded) -> Tensor:
    """Log-probabilities of the supervised ids of one answer, alone in the model."""
    ids = torch.from_numpy(piece.ids.astype(np.int64))
    each = model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1).gather(1, ids[1:, None])[:, 0]
    return each[torch.from_numpy(piece.mask[1:])]


def slow_likelihood(model: Any, units: list[Any], _: References) -> Tensor:
    each = torch.cat([token_scores(model, unit) for unit in units])
    return -each.sum() / len(each)


def slow_dpo(model: Any, units: list[Any], references: References) -> Tensor:
    losses: list[Tensor] = []
    for unit in units:
        chosen, rejected = (token_scores(model, piece) for piece in unit.pieces)
        before = references[content_key(unit)]
        margin = BETA * ((chosen.sum() - before[0]) - (rejected.sum() - before[1]))
        losses.append(-0.9 * logsigmoid(margin) - 0.1 * logsigmoid(-margin) - 0.5 * chosen.mean())
    return torch.stack(losses).mean()


def slow_orpo(model: Any, units: list[Any], _: References) -> Tensor:
    losses: list[Tensor] = []
    for unit in units:
        chosen, rejected = (token_scores(model, piece).mean() for piece in unit.pieces)
        odds = [each.exp() / (1 - each.exp()) for each in (chosen, rejected)]
        losses.append(-chosen - BETA * torch.log(torch.sigmoid(torch.log(odds[0] / odds[1]))))
    return torch.stack(losses).mean()


def slow_simpo(model: Any, units: list[Any], _: References) -> Tensor:
    losses: list[Tensor] = []
    for unit in units:
        chosen, rejected = (token_scores(model, piece).mean() for piece in unit.pieces)
        losses.append(-logsigmoid(BETA * chosen - BETA * rejected - 0.7))
    return torch.stack(losses).mean()


def slow_kto(model: Any, units: list[Any], references: References) -> Tensor:
    with torch.no_grad():
        others = [token_scores(model, unit.other).sum() - references[content_key(unit)][1] for unit in units]
        divergence = torch.stack(others).mean().clamp(min=0)
    losses: list[Tensor] = []
    for unit in units:
        ratio = token_scores(model, unit.answer).sum() - references[content_key(unit)][0]
        gain = BETA * (ratio - divergence)
        losses.append(1.5 * (1 - torch.sigmoid(gain)) if unit.is_liked else 0.5 * (1 - torch.sigmoid(-gain)))
    return torch.stack(losses).mean()


def slow_reward(model: Any, units: list[Any], _: References) -> Tensor:
    losses: list[Tensor] = []
    for unit in units:
        ids = (torch.from_numpy(piece.ids.astype(np.int64)) for piece in unit.pieces)
        chosen, rejected = (model(input_ids=each[None]).logits[0, 0] for each in ids)
        losses.append(-logsigmoid(chosen - rejected))
    return torch.stack(losses).mean()


def scorer() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return as_scorer(tiny_model())


CASES: dict[str, tuple[Callable[[], Any], Any, list[Unit], Callable[..., Tensor]]] = {
    "likelihood": (tiny_model, Likelihood(), made_samples(7), slow_likelihood),
    "dpo": (tiny_model, Dpo(BETA, smoothing=0.1, likelihood=0.5), made_pairs(5), slow_dpo),
    "orpo": (tiny_model, Orpo(BETA), made_pairs(5), slow_orpo),
    "simpo": (tiny_model, Simpo(BETA, margin=0.7), made_pairs(5), slow_simpo),
    "kto": (tiny_model, Kto(BETA, 1.5, 0.5), made_ratings(6), slow_kto),
    "reward": (scorer, Reward(), made_pairs(5), slow_reward),
}
Case = tuple[Callable[[], Any], Any, list[Unit], Callable[..., Tensor]]
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


def references_of(units: list[Unit]) -> References:
    """Of another model: scores of the same one would leave nothing to compare."""
    return scores(tiny_model(seed=1), units)


def close(found: Learned, wanted: Learned, limit: float) -> None:
    """Equal up to `limit` of the largest number that was added up."""
    assert found.loss == pytest.approx(wanted.loss, abs=limit * max(1.0, wanted.loss))
    assert found.gradients.keys() == wanted.gradients.keys()
    largest = max(float(each.abs().max()) for each in wanted.gradients.values())
    for name, gradient in wanted.gradients.items():
        torch.testing.assert_close(found.gradients[name], gradient, rtol=limit, atol=limit * max(1.0, largest))


@each_case
def test_loss_and_gradients_are_those_of_the_formula_on_each_answer_alone(case: Case) -> None:
    make, objective, units, slow = case
    references, model = references_of(units), make()
    loss = slow(model, units, references)
    loss.backward()
    gradients = {name: each.grad for name, each in model.named_parameters()}
    close(learn(make(), objective, units, references), Learned(loss.item(), gradients), 1e-5)


@each_case
def test_prefixes_that_are_shared_change_neither_loss_nor_gradients(case: Case) -> None:
    make, objective, units, _ = case
    references, model = references_of(units), make()
    shared, apart = (learn(model, objective, units, references, share_prefixes=each) for each in (True, False))
    close(shared, apart, SAME)
    assert (shared.slots < apart.slots) == RowForward(model, least_shared=16).packs


@each_case
def test_many_rows_are_worth_one(case: Case) -> None:
    make, objective, units, _ = case
    references, model = references_of(units), make()
    whole = learn(model, objective, units, references, row_tokens=4096)
    parts = learn(model, objective, units, references, row_tokens=40)  # one unit a row
    close(parts, whole, SAME)
    assert parts.numbers == pytest.approx(whole.numbers, abs=1e-5)


def test_an_estimate_of_kto_s_divergence_is_never_below_zero() -> None:
    units, model = made_ratings(6), tiny_model()
    references = {key: tuple(each + 50 for each in found) for key, found in scores(model, units).items()}
    assert learn(model, Kto(BETA), units, references).numbers["divergence"] == 0.0


# whole runs


def metrics(files: Files) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["metrics.jsonl"].read_bytes().splitlines()]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """The right answer to each question, and another one's."""
    lines = [
        {"prompt": asked, "chosen": said, "rejected": ANSWERS[place - 3]}
        for place, (asked, said) in enumerate(zip(QUESTIONS, ANSWERS, strict=True))
    ]
    return write_lines(tmp_path / "pairs.jsonl", lines)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    lines = [
        {"prompt": asked, "completion": ANSWERS[(place - shift) % len(ANSWERS)], "label": shift == 0}
        for place, asked in enumerate(QUESTIONS)
        for shift in (0, 3)
    ]
    return write_lines(tmp_path / "ratings.jsonl", lines)


def settings(step: Any, base: Path, data: Path, **more: Any) -> Any:
    usual = {"steps": 24, "batch_size": 8, "learning_rate": 3e-3, "schedule": "constant", "max_tokens": 128}
    return step.recipe.model_validate({"model": str(base), "data": str(data), **usual, **more})


@pytest.mark.parametrize("step", [DPO, ORPO, SIMPO, REWARD], ids=lambda step: step.name)
def test_pairs_are_learned(step: Any, base: Path, pairs: Path, run_step: Run) -> None:
    more = {"beta": 1.0, "learning_rate": 1e-2} if step is ORPO else {}  # or it learns to answer before it prefers
    lines = metrics(run_step(step, settings(step, base, pairs, **more)))
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["accuracy"] == 1.0
    assert lines[-1]["margin"] > lines[0]["margin"] + 0.1
    assert lines[-1]["margin"] == pytest.approx(lines[-1]["reward_chosen"] - lines[-1]["reward_rejected"], abs=1e-5)


def test_ratings_are_learned(base: Path, ratings: Path, run_step: Run) -> None:
    lines = metrics(run_step(KTO, settings(KTO, base, ratings)))
    assert lines[-1]["loss"] < lines[0]["loss"]
    first = [lines[0][name] for name in ("reward_liked", "reward_disliked", "divergence")]
    assert first == pytest.approx([0.0] * 3, abs=1e-5)
    assert lines[-1]["reward_liked"] > lines[-1]["reward_disliked"] + 0.1


def test_dpo_begins_where_model_and_reference_are_one(base: Path, pairs: Path, run_step: Run) -> None:
    first = metrics(run_step(DPO, settings(DPO, base, pairs, steps=1)))[0]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert first["margin"] == pytest.approx(0, abs=1e-5)


def test_what_is_kept_apart_is_measured_the_same_way(base: Path, pairs: Path, run_step: Run) -> None:
    recipe = settings(DPO, base, pairs, steps=1, eval_data=str(pairs), learning_rate=1e-12)
    line = metrics(run_step(DPO, recipe))[0]
    assert line["eval_loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert {"eval_margin", "eval_accuracy", "eval_reward_chosen", "eval_reward_rejected"} <= line.keys()


@pytest.mark.parametrize("step", [DPO, ORPO, SIMPO], ids=lambda step: step.name)
def test_what_comes_out_is_a_language_model(step: Any, base: Path, pairs: Path, run_step: Run) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = run_step(step, settings(step, base, pairs, steps=2))["config.json"].parent
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert model.config.vocab_size == len(tokenizer)
    assert json.loads((folder / "training.json").read_text())["objective"] == step.name.removeprefix("train.")


def test_a_reward_model_scores_answers_in_transformers_as_it_was_trained(
    base: Path, pairs: Path, run_step: Run
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = run_step(REWARD, settings(REWARD, base, pairs))["config.json"].parent
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for place, (asked, said) in enumerate(zip(QUESTIONS, ANSWERS, strict=True)):
        lead = {"role": "user", "content": asked}
        chats = [[lead, {"role": "assistant", "content": each}] for each in (said, ANSWERS[place - 3])]
        batch = tokenizer.apply_chat_template(chats, padding=True, return_tensors="pt", return_dict=True)
        chosen, rejected = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, 0]
        assert chosen > rejected


class Killed(BaseException):
    """Nothing is written any more from where this is raised."""


@pytest.mark.parametrize("step", [DPO, REWARD], ids=lambda step: step.name)
def test_killed_and_run_again_is_as_if_never_killed(step: Any, base: Path, pairs: Path, tmp_path: Path) -> None:
    recipe = settings(step, base, pairs, steps=9, batch_size=3, checkpoint_every=3, eval_share=0.25)

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and (event.step, event.name) == (5, "loss"):
            raise Killed

    with pytest.raises(Killed):
        step.run(recipe, {}, Job("t", sink, outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    assert [path.name for path in (tmp_path / "scratch").glob("step-*")] == ["step-00000003"]
    step.run(recipe, {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    step.run(recipe, {}, Job("t", outputs=tmp_path / "whole"))
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "weights").iterdir()}
        for place in ("out", "whole")
    )
    assert one == two


def test_dpo_is_not_gone_on_with_where_its_reference_is_lost(base: Path, pairs: Path, tmp_path: Path) -> None:
    recipe = settings(DPO, base, pairs, steps=6, checkpoint_every=2)

    def sink(event: Event) -> None:
        if isinstance(event, Metric) and event.step == 3:
            job.cancel()

    job = Job("t", sink, outputs=tmp_path / "out", scratch=tmp_path / "scratch")
    with pytest.raises(Cancelled):
        DPO.run(recipe, {}, job)
    (tmp_path / "scratch" / FILE).unlink()
    with pytest.raises(UsageError) as caught:
        DPO.run(recipe, {}, Job("t", outputs=tmp_path / "out", scratch=tmp_path / "scratch"))
    assert caught.value.code == "train.no-references"


def test_conversations_are_no_pairs(base: Path, data: Path, run_step: Run) -> None:
    with pytest.raises(DataError) as caught:
        run_step(DPO, settings(DPO, base, data))
    assert caught.value.code == "train.wrong-kind"
    assert "chats.jsonl:1" in caught.value.message("en")
