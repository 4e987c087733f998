"""The second half of the demo: data, training, merging, serving, evaluation, and what the issue of it promises.

One run is the real one, as a new user starts it; the others train for a step and ask four questions.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lianlu.chain.variables import examples_root
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.recipe import read_tree, shipped
from lianlu.records import Sample, TextPart
from lianlu.store import Store, open_store
from lianlu.synth import RULES, SynthRulesRecipe, load_conversations, load_samples

from .conftest import Command, command_in

HANDBOOK = examples_root() / "handbook"
pytestmark = pytest.mark.demo
SHORT = ("read_steps=1", "tune_steps=1", "adapt_steps=1", "limit=4")
HALF_AN_HOUR = 1800


class Demo:
    """A finished run: what it printed, its store, and the command to go on with."""

    def __init__(self, lianlu: Command, place: Path) -> None:
        self.lianlu = lianlu
        self.place = place
        done = lianlu("run", "demo", "--json", timeout=HALF_AN_HOUR)
        assert done.code == 0, done.err
        self.answer: dict[str, Any] = done.json
        self.store: Store = open_store(place / "store")

    def files(self, name: str) -> Files:
        return self.store.files(self.store.get(f"demo/{name}"))

    def score(self, benchmark: str, model: str) -> dict[str, Any]:
        return next(each for each in self.answer["scores"] if (each["benchmark"], each["model"]) == (benchmark, model))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    return Demo(command_in(place), place)


def ids(answer: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["id"] for step in answer["steps"] for each in step["artifacts"]}


def test_letters_are_counted_in_words_never_seen(demo: Demo) -> None:
    tuned, base = demo.score("letters", "tuned"), demo.score("letters", "base")
    assert tuned["n"] >= 200
    assert tuned["value"] >= 0.8
    assert base["high"] < tuned["low"]
    counts = {group["group"] for group in tuned["groups"] if group["by"] == "count"}
    assert counts == {str(count) for count in range(7)}


def test_identity_is_known_in_phrasings_never_seen_with_and_without_a_system_prompt(demo: Demo) -> None:
    tuned = demo.score("identity", "tuned")
    assert tuned["value"] >= 0.9
    by_system = {group["group"]: group["value"] for group in tuned["groups"] if group["by"] == "system"}
    assert set(by_system) == {"True", "False"}
    assert min(by_system.values()) >= 0.85
    assert demo.score("identity", "base")["value"] < 0.1


def test_every_score_stands_with_its_error_and_its_number_beside_the_base(demo: Demo) -> None:
    for score in demo.answer["scores"]:
        assert {"benchmark", "model", "value", "standard_error", "low", "high", "n"} <= set(score)
    models = {name: {each["model"] for each in demo.answer["scores"] if each["benchmark"] == name} for name in NAMES}
    assert models == {name: {"base", "tuned", "served"} for name in NAMES}


NAMES = ("letters", "identity", "arithmetic", "handbook-cloze", "zh-choice")


def test_the_server_scores_what_the_folder_scores_and_parity_proves_it(demo: Demo) -> None:
    for name in NAMES:
        assert demo.score(name, "served")["value"] == demo.score(name, "tuned")["value"]
    parity = demo.answer["parity"]
    assert parity["agrees"]
    assert parity["n"] == 224
    assert parity["b"]["engine"].startswith("http")
    assert parity["a"]["fingerprint"] == parity["b"]["fingerprint"]


def test_no_word_of_evaluation_stands_in_what_was_learned(demo: Demo, tmp_path: Path) -> None:
    """Also not inside another word; neither in this run's data nor in the lessons of the base."""
    lessons = read_tree(shipped()["train/nano"]).values["steps"]["lessons"]["with"]
    RULES.run(SynthRulesRecipe.model_validate(lessons), {}, Job("lessons", outputs=tmp_path))
    learned = [demo.files("skills.conversations"), demo.files("identity.conversations")]
    learned.append(Files.of_folder(tmp_path / "conversations", kind="conversations"))
    text = "\n".join(
        message.text for files in learned for each in load_conversations(files) for message in each.messages
    ).casefold()
    text += "\n".join(path.read_text(encoding="utf-8") for path in demo.files("documents").values()).casefold()
    asked = [sample for sample in load_samples(demo.files("skills.samples")) if sample.meta["generator"] == "letters"]
    words = [str(sample.meta["word"]) for sample in asked]
    assert {"strawberry", "strawberryrrr", "Banana", "Mississippi"} <= set(words)
    assert len(set(words)) >= 200
    assert [word for word in words if word.casefold() in text] == []


def test_no_question_of_evaluation_stands_in_training(demo: Demo) -> None:
    trained = {
        message.text
        for name in ("skills.conversations", "identity.conversations")
        for each in load_conversations(demo.files(name))
        for message in each.messages
        if message.role == "user"
    }
    asked = [sample for name in ("skills.samples", "identity.samples") for sample in load_samples(demo.files(name))]
    assert [question_of(sample) for sample in asked if question_of(sample) in trained] == []


def question_of(sample: Sample) -> str:
    assert not isinstance(sample.input, str)
    return "".join(part.text for part in sample.input.messages[-1].parts if isinstance(part, TextPart))


def test_the_artifacts_have_their_kinds_and_lead_back_to_the_handbook(demo: Demo) -> None:
    kinds = {each["name"]: each["kind"] for step in demo.answer["steps"] for each in step["artifacts"]}
    assert kinds["demo/scores.scores"] == "scores"
    assert kinds["demo/merged"] == kinds["demo/skilled"] == "weights"
    why = demo.lianlu("store", "why", ids(demo.answer)["demo/scores.scores"], "--json").json
    handbook = {each["path"]: each["sha256"] for each in why["sources"] if str(HANDBOOK) in each["path"]}
    files = [path for path in HANDBOOK.rglob("*") if path.is_file()]
    assert handbook == {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_touching_nothing_runs_no_step_and_starts_no_server(demo: Demo) -> None:
    again = demo.lianlu("run", "demo", "--json").json
    assert [step["name"] for step in again["steps"] if not step["cached"]] == []
    assert ids(again) == ids(demo.answer)


def test_transformers_answers_as_the_merged_folder_does_here(demo: Demo) -> None:
    transformers = pytest.importorskip("transformers")
    folder = demo.place / demo.answer["model"]
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    items = [json.loads(line) for line in demo.files("scores.scores")["scores.jsonl"].read_bytes().splitlines()]
    ours = [each for each in items if each["model"] == "tuned" and each["benchmark"] == "letters"][:8]
    for item in ours:
        messages = [{"role": "user", "content": item["question"]}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
        made = model.generate(**prompt, max_new_tokens=256, do_sample=False)
        text = tokenizer.decode(made[0][prompt["input_ids"].shape[1] :], skip_special_tokens=True)
        assert text == item["output"]


def test_the_report_shows_what_was_learned_and_scored(demo: Demo) -> None:
    page = (demo.place / demo.answer["report"]).read_text(encoding="utf-8")
    for shown in ("Loss", "letters", "strawberry", "Parity", "Lineage", "answers side by side"):
        assert shown in page, shown


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_demo_command_ends_with_scores_the_report_and_the_next_commands(demo: Demo, lang: str) -> None:
    done = demo.lianlu("demo", lang=lang)
    assert done.code == 0, done.err
    for shown in ("handbook-cloze", "report.html", "lianlu rag build", "lianlu serve @demo/merged"):
        assert shown in done.out


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, dict[str, str]]:
    """A run that trains for a step, to be compared with others in its store."""
    place = tmp_path_factory.mktemp("short")
    lianlu = command_in(place)
    return lianlu, ids(lianlu("run", "demo", *SHORT, "--json", timeout=600).json)


def test_deleting_a_document_changes_weights_and_scores(short: tuple[Command, dict[str, str]], tmp_path: Path) -> None:
    lianlu, before = short
    copy = tmp_path / "handbook"
    shutil.copytree(HANDBOOK, copy)
    next(path for path in sorted(copy.rglob("*.md")) if path.stat().st_size).unlink()
    after = ids(lianlu("run", "demo", f"documents={copy}", *SHORT, "--json", timeout=600).json)
    same = {name for name in before if before[name] == after[name]}
    assert same == {"demo/prompt", "demo/identity.conversations", "demo/identity.samples"}


def test_another_name_trains_only_the_adapter_again(short: tuple[Command, dict[str, str]]) -> None:
    lianlu, _ = short
    done = lianlu("run", "demo", *SHORT, "assistant=Mimi", "--json", timeout=600)
    worked = {step["name"] for step in done.json["steps"] if not step["cached"]}
    assert worked == {"identity", "adapter", "merged", "scores", "parity", "report"}
