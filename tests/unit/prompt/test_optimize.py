"""The search end to end: a model that counts right only when told to spell, and models that propose well, badly, or die."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import BackendError, UsageError
from lianlu.core.job import Job
from lianlu.llm import Backend, FakeBackend, Sampling
from lianlu.llm.refusal import refusal
from lianlu.llm.request_store import RequestStore
from lianlu.prompt.assertions import Assertion
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.conversation import system_prompt
from lianlu.prompt.file import PromptFile, parse_file
from lianlu.prompt.judging import Judges
from lianlu.prompt.optimize import Optimized, Search, Splits, split_cases, with_system
from lianlu.records import Conversation

pytest.importorskip("gepa")

_WORDS = ("pear", "berry", "mirror", "carrot", "arrow", "error", "ferry", "river", "terror", "hurry", "rural", "marry")
_PROMPT = "---\nname: counter\n---\n# Role: counter of {{letter}}\n\n## Rules\n- Give a number.\n"
_BETTER = "# Role: counter of {{letter}}\n\n## Rules\n- Spell the word, then give a number."


def _cases(split: str = "") -> list[Case]:
    return [
        Case(
            id=word,
            turns=(Turn(said=word, asserts=(Assertion(type="equals", value=str(word.count("r"))),)),),
            vars={"letter": "r"},
            split=split,  # type: ignore[arg-type]
            place="c.yaml:1",
        )
        for word in _WORDS
    ]


def _counts(conversation: Conversation, sampling: Sampling) -> str:
    """Right where the prompt has it spell the word, else always 2."""
    told, said = conversation.messages[0].text, conversation.messages[-1].text
    return str(said.count("r")) if "Spell" in told else "2"


def _search(reflect: Callable[..., str], answer: Callable[..., Any] = _counts, **more: Any) -> Search:
    models: dict[str, Backend] = {
        "m": FakeBackend(answer, fingerprint="m"),
        "r": FakeBackend(reflect, fingerprint="r"),
    }
    values: dict[str, Any] = {"budget": 60, "store": None, "cases": split_cases(_cases(), 0), **more}
    return Search(
        file=parse_file(_PROMPT, "counter.md"),
        opened=models.__getitem__,
        model="m",
        reflect="r",
        judges=Judges(),
        behave=lambda backend, _: backend,
        job=Job(),
        **values,
    )


def _run(search: Search) -> Optimized:
    made, ended = search.run()
    assert ended is None
    return made


def test_better_words_are_found_and_the_gain_is_told_on_cases_that_had_no_part() -> None:
    made = _run(_search(lambda *_: f"~~~~\n{_BETTER}\n~~~~"))
    assert made.candidates[made.best].score == 1.0
    assert made.candidates[0].score < 1.0
    assert made.held_out is not None
    assert made.passed is not None
    assert made.passed[1] == 1.0 > made.passed[0]
    assert made.held_out.wins > 0 == made.held_out.losses
    assert (made.train, made.val, made.test) == (4, 4, 4)


def test_cases_of_the_end_are_never_asked_before_it() -> None:
    seen: list[str] = []

    def answer(conversation: Conversation, sampling: Sampling) -> str:
        seen.append(conversation.messages[-1].text)
        return _counts(conversation, sampling)

    search = _search(lambda *_: "nonsense", answer)
    _run(search)
    assert set(seen).isdisjoint(case.id for case in search.cases.test)


def test_what_was_scored_is_what_the_winning_file_sends() -> None:
    sent: list[str] = []

    def answer(conversation: Conversation, sampling: Sampling) -> str:
        sent.append(conversation.messages[0].text)
        return _counts(conversation, sampling)

    search = _search(lambda *_: f"~~~~\n{_BETTER}\n~~~~", answer)
    made = _run(search)
    winner: PromptFile = parse_file(with_system(search.file, made.candidates[made.best].text).text, "counter.md")
    assert system_prompt(winner, {"letter": "r"}) in sent
    assert system_prompt(winner, {"letter": "r"}) == _BETTER.replace("{{letter}}", "r")


@pytest.mark.parametrize("said", ["I like it as it is.", "~~~~\n# Role: counter\n\n- Spell it.\n~~~~", "~~~~\n~~~~"])
def test_proposals_of_no_use_change_nothing(said: str) -> None:
    made = _run(_search(lambda *_: said))
    assert made.best == 0
    assert made.nonsense == made.reflections > 0
    assert made.held_out is None


def test_a_lost_variable_is_told_and_the_next_proposal_is_used() -> None:
    def reflect(conversation: Conversation, sampling: Sampling) -> str:
        told = conversation.messages[0].text
        return f"~~~~\n{_BETTER}\n~~~~" if "could not be used" in told else "~~~~\n# Role: counter\n- Spell it.\n~~~~"

    made = _run(_search(reflect))
    assert made.candidates[made.best].score == 1.0
    assert made.nonsense >= 1


def test_a_service_that_dies_leaves_what_was_found_and_the_next_search_goes_on(tmp_path: Path) -> None:
    alive, answered = False, 0

    async def answer(conversation: Conversation, sampling: Sampling) -> str:
        nonlocal answered
        if not alive and answered >= 20:
            raise refusal(503, "gone", url="fake:", model="m")
        answered += 1
        return _counts(conversation, sampling)

    store = RequestStore(tmp_path / "r.sqlite")
    made, ended = _search(lambda *_: f"~~~~\n{_BETTER}\n~~~~", answer, store=store, budget=200).run()
    assert isinstance(ended, BackendError)
    assert made.candidates
    assert not made.is_whole
    alive = True
    before = answered
    whole, ended = _search(lambda *_: f"~~~~\n{_BETTER}\n~~~~", answer, store=store, budget=200).run()
    assert ended is None
    assert whole.candidates[whole.best].score == 1.0
    assert answered - before <= 24  # twelve cases with two prompts, less what was kept


def test_the_same_seed_finds_the_same() -> None:
    first, second = (_run(_search(lambda *_: f"~~~~\n{_BETTER}\n~~~~", seed=3)) for _ in range(2))
    assert first == second


def test_cases_are_parted_by_their_split_else_by_the_seed() -> None:
    cases = [*_cases("train")[:3], *_cases("val")[3:5], *_cases("test")[5:7]]
    made = split_cases(cases, 0)
    assert [len(each) for each in (made.train, made.val, made.test)] == [3, 2, 2]
    assert split_cases(_cases(), 1) == split_cases(_cases(), 1) != split_cases(_cases(), 2)
    few = split_cases(_cases()[:6], 0)
    assert [len(each) for each in (few.train, few.val, few.test)] == [3, 3, 0]


@pytest.mark.parametrize("cases", [_cases()[:1], _cases("train"), _cases("test")])
def test_too_few_cases_are_told(cases: list[Case]) -> None:
    with pytest.raises(UsageError) as raised:
        split_cases(cases, 0)
    assert raised.value.code == "prompt.too-few-cases"


def test_a_file_without_system_text_is_told() -> None:
    search = _search(lambda *_: "")
    search.file = parse_file("user:\n{{input}}\n", "x.md")
    with pytest.raises(UsageError) as raised:
        search.run()
    assert raised.value.code == "prompt.nothing-to-optimize"


def test_only_the_system_text_changes() -> None:
    text = "---\nname: x\n---\nsystem:\nBe brief.\nuser:\nA: {{input}}\n"
    made = with_system(parse_file(text, "x.md"), "Be kind.")
    assert made.text == text.replace("brief", "kind")


def test_splits_hold_all_cases_once() -> None:
    made: Splits = split_cases(_cases(), 4)
    assert sorted(case.id for part in (made.train, made.val, made.test) for case in part) == sorted(_WORDS)


_RULES = """rules:
  - pattern: "^Below are a system prompt"
    reply: "~~~~\\n# Role: counter\\n\\n- Spell it.\\n~~~~"
  - {pattern: "Spell[\\\\s\\\\S]*pear", within: prompt, reply: "1"}
  - {pattern: "Spell[\\\\s\\\\S]*berry", within: prompt, reply: "2"}
  - {reply: "7"}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANLU_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    lines = [
        f"  - {{id: {word}{at}, input: '{word} {at}', split: {split}, assert: [equals: '{count}']}}\n"
        for at, split in enumerate(("train", "val", "test"))
        for word, count in (("pear", 1), ("berry", 2))
    ]
    (tmp_path / "c.yaml").write_text("cases:\n" + "".join(lines))
    (tmp_path / "p.md").write_text("---\nname: p\ncases: c.yaml\n---\n# Role: counter\n\n- Count.\n")
    (tmp_path / "m.yaml").write_text(_RULES)
    return tmp_path


def test_the_command_writes_the_prompt_the_report_and_the_page(place: Path, lianlu: Callable[..., Any]) -> None:
    done = lianlu("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "20", "--out", "better")
    assert done.code == 0, done.err
    assert "1.000" in done.out
    assert "Spell it." in (place / "better" / "p.md").read_text()
    assert "cases: ../c.yaml" in (place / "better" / "p.md").read_text()
    assert json.loads((place / "better" / "optimize.json").read_text())["test"] == 2
    assert "Spell it." in (place / "better" / "page.html").read_text()
    assert lianlu("prompt", "check", "better/p.md").code == 0


def test_nothing_better_is_no_failure(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "m.yaml").write_text("rules: [{reply: hm}]")
    done = lianlu("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "10", "--out", "better")
    assert done.code == 0
    assert "nothing better" in done.out
    assert "no proposal could be used" in done.out
    assert not (place / "better" / "p.md").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("q.md", "--model", "fake:echo"), "prompt.no-cases"),
        (("p.md", "--model", "fake:echo", "--budget", "1"), "prompt.small-budget"),
    ],
)
def test_what_cannot_be_searched_is_told(
    place: Path, lianlu: Callable[..., Any], arguments: tuple[str, ...], code: str
) -> None:
    (place / "q.md").write_text("Be brief.")
    done = lianlu("prompt", "optimize", *arguments)
    assert (done.code, code in done.err) == (2, True)
