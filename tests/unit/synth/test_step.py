from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import DataError, UsageError
from lianlu.core.events import Event, Note
from lianlu.core.files import Files
from lianlu.core.job import Job
from lianlu.core.recipe import check, parse_tree
from lianlu.extract.step import EXTRACT, ExtractRecipe
from lianlu.records import Conversation, Sample
from lianlu.synth import RULES, SynthRulesRecipe, load_conversations, load_samples
from lianlu.synth.phrasings import normalised
from lianlu.synth.step import synth_into

ALL = {
    "identity": {"train": 400, "eval": 120},
    "letters": {"train": 1500},
    "arithmetic": {"train": 600, "eval": 90},
    "cloze": {"train": 80, "eval": 20},
}
HANDBOOK = Path(__file__).resolve().parents[3] / "examples" / "handbook"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Files:
    place = tmp_path_factory.mktemp("documents")
    found = [str(HANDBOOK / name) for name in ("07-knowledge.en.md", "10-models.zh.md", "18-faq.zh.md")]
    EXTRACT.run(ExtractRecipe(files=found), {}, Job("extract", outputs=place))
    return Files.of_folder(place / "documents", kind="documents")


def run(place: Path, documents: Files | None, seed: int = 0, **settings: Any) -> dict[str, Any]:
    recipe = SynthRulesRecipe(**{"generators": ALL, **settings})
    inputs = {} if documents is None else {"documents": documents}
    return dict(RULES.run(recipe, inputs, Job("synth", outputs=place, seed=seed)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, documents: Files) -> Path:
    place = tmp_path_factory.mktemp("made")
    run(place, documents)
    return place


@pytest.fixture(scope="module")
def conversations(made: Path) -> list[Conversation]:
    return load_conversations(Files.of_folder(made / "conversations", kind="conversations"))


@pytest.fixture(scope="module")
def samples(made: Path) -> list[Sample]:
    return load_samples(Files.of_folder(made / "samples", kind="samples"))


def question(one: Conversation | Sample) -> str:
    messages = one.input.messages if isinstance(one, Sample) else one.messages  # type: ignore[union-attr]
    return next(each.text for each in messages if each.role == "user")


def of(made_by: str, those: list[Any]) -> list[Any]:
    return [each for each in those if each.meta["generator"] == made_by]


def test_conversations_and_samples_are_written(conversations: list[Conversation], samples: list[Sample]) -> None:
    assert len(of("letters", conversations)) == 1500
    assert {each.group for each in samples} == {f"{name}/{language}" for name in ALL for language in ("zh", "en")}
    assert len({each.id for each in samples}) == len(samples)
    assert all(each.targets and each.meta["checker"] in ("contains", "number", "exact") for each in samples)


def test_no_question_of_evaluation_stands_in_training(conversations: list[Conversation], samples: list[Sample]) -> None:
    assert {normalised(question(each)) for each in conversations}.isdisjoint(
        normalised(question(each)) for each in samples
    )


def test_held_out_words_are_absent_from_all_training_text(
    conversations: list[Conversation], samples: list[Sample], documents: Files
) -> None:
    words = {str(each.meta["word"]).casefold() for each in of("letters", samples)}
    assert len(words) >= 200
    assert {"strawberry", "strawberryrrr", "banana", "mississippi"} <= words
    texts = [message.text for each in conversations for message in each.messages]
    texts += [path.read_text(encoding="utf-8") for name, path in documents.items() if name.endswith(".md")]
    everything = "\n".join(texts).casefold()
    assert [word for word in words if word in everything] == []


def test_held_out_letters_have_every_count_in_both_languages(samples: list[Sample]) -> None:
    counts = Counter((each.meta["language"], each.meta["count"]) for each in of("letters", samples))
    assert set(counts) == {(language, count) for language in ("zh", "en") for count in range(7)}
    assert min(counts.values()) >= 10


def test_operands_of_evaluation_are_in_no_training_sum(
    conversations: list[Conversation], samples: list[Sample]
) -> None:
    import re

    def sums(those: list[Any]) -> set[tuple[str, frozenset[str]]]:
        found = [re.search(r"(\d+) ([+\-×]) (\d+)", question(each)) for each in of("arithmetic", those)]
        return {(each[2], frozenset((each[1], each[3]))) for each in found if each and each[2] != "-"}

    assert sums(samples)
    assert sums(samples).isdisjoint(sums(conversations))


def test_passages_of_evaluation_are_in_no_training_question(
    conversations: list[Conversation], samples: list[Sample]
) -> None:
    held = {each.meta["key"] for each in of("cloze", samples)}
    assert held
    assert held.isdisjoint(each.meta["key"] for each in of("cloze", conversations))


def test_identity_is_asked_with_and_without_a_system_prompt(samples: list[Sample]) -> None:
    asked = Counter(each.meta["system"] for each in of("identity", samples))
    assert abs(asked[True] - asked[False]) <= 2


def test_the_system_prompt_drops_out_of_training(conversations: list[Conversation]) -> None:
    share = sum(each.messages[0].role == "system" for each in conversations) / len(conversations)
    assert 0.25 < share < 0.35
    assert len({each.messages[0].text for each in conversations if each.messages[0].role == "system"}) == 6


def test_the_same_seed_gives_the_same_bytes(made: Path, documents: Files, tmp_path: Path) -> None:
    run(tmp_path / "again", documents)
    run(tmp_path / "other", documents, seed=1)
    for name in ("conversations/conversations.jsonl", "samples/samples.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes()
        assert (tmp_path / "other" / name).read_bytes() != (made / name).read_bytes()


def test_more_letters_do_not_change_the_sums(tmp_path: Path) -> None:
    for name, letters in (("few", 10), ("many", 500)):
        generators = {"letters": {"train": letters, "eval": 10}, "arithmetic": {"train": 50, "eval": 10}}
        run(tmp_path / name, None, generators=generators)
    few, many = (
        load_conversations(Files.of_folder(tmp_path / name / "conversations", kind="conversations"))
        for name in ("few", "many")
    )
    assert {question(each) for each in of("arithmetic", few)} == {question(each) for each in of("arithmetic", many)}


def test_cloze_without_documents_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, None, generators={"cloze": {}})
    assert caught.value.code == "synth.no-documents"
    assert "{documents" in caught.value.hint("en")


def test_too_few_passages_are_a_warning(tmp_path: Path, documents: Files) -> None:
    notes: list[Event] = []
    job = Job("synth", notes.append, outputs=tmp_path)
    summary = RULES.run(
        SynthRulesRecipe(generators={"cloze": {"train": 100_000, "eval": 5}}), {"documents": documents}, job
    )
    assert 0 < summary["conversations"] < 100_000
    assert any(isinstance(each, Note) and each.level == "warning" for each in notes)


def test_too_small_a_space_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, None, generators={"arithmetic": {"train": 5000, "digits": 1, "factor_digits": 1}})
    assert caught.value.code == "synth.too-few"


def test_nothing_asked_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(tmp_path, None, generators={"letters": {"train": 0, "eval": 0}})
    assert caught.value.code == "synth.nothing-made"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("generators: {leters: {}}", "registry.unknown-name"),
        ("generators: {letters: {trian: 3}}", "recipe.unknown-key"),
        ("generators: {letters: {train: -1}}", "recipe.bad-value"),
        ("generators: {identity: {name: '{{name}}'}}", "recipe.bad-value"),
        ("generators: {}", "recipe.bad-value"),
        ("generators: letters", "recipe.bad-value"),
        ("generators: {letters: 3}", "recipe.bad-value"),
        ("system_share: 0.5", "recipe.missing-key"),
        ("generators: {letters: {}}\nsystem_share: 2", "recipe.bad-value"),
    ],
)
def test_bad_recipes_are_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(parse_tree(text, "r.yaml"), SynthRulesRecipe, "synth.rules")
    assert caught.value.code == code


def test_a_generator_without_settings_takes_its_defaults() -> None:
    recipe = check(parse_tree("generators:\n  letters:\n", "r.yaml"), SynthRulesRecipe, "synth.rules")
    assert recipe.configs()["letters"].eval == 224


def test_a_broken_documents_artifact_is_a_data_error(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text("{not json}\n")
    documents = Files.of_folder(tmp_path, kind="documents")
    recipe = SynthRulesRecipe(generators={"cloze": {}})
    with pytest.raises(DataError) as caught:
        synth_into(tmp_path / "c", tmp_path / "s", recipe, documents, Job())
    assert caught.value.code == "text.documents-broken"
