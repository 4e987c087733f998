"""The search end to end: a model that counts right only when told to spell, and models that propose well, badly, or die."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
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
from lianlu.prompt.candidate import with_system
from lianlu.prompt.cases import Case, Turn
from lianlu.prompt.conversation import system_prompt
from lianlu.prompt.file import PromptFile, parse_file, read_file
from lianlu.prompt.judging import Judges
from lianlu.prompt.optimize import Optimized, Search
from lianlu.prompt.splits import split_cases
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


def test_a_file_without_system_text_is_told() -> None:
    search = _search(lambda *_: "")
    search.file = parse_file("user:\n{{input}}\n", "x.md")
    with pytest.raises(UsageError) as raised:
        search.run()
    assert raised.value.code == "prompt.nothing-to-optimize"


def test_a_model_that_proposes_and_dies_ends_the_search() -> None:
    async def dead(conversation: Conversation, sampling: Sampling) -> str:
        raise refusal(503, "gone", url="fake:", model="r")

    made, ended = _search(dead).run()
    assert isinstance(ended, BackendError)
    assert (made.best, made.is_whole, len(made.candidates)) == (0, False, 1)


def test_a_service_that_is_down_from_the_beginning_is_told() -> None:
    async def dead(conversation: Conversation, sampling: Sampling) -> str:
        raise refusal(503, "gone", url="fake:", model="m")

    with pytest.raises(BackendError):
        _search(lambda *_: "", dead).run()


def test_an_answer_that_did_not_come_is_no_score_of_the_prompt() -> None:
    """One failure among the first answers would make any other text look better."""
    asked = 0

    async def answer(conversation: Conversation, sampling: Sampling) -> str:
        nonlocal asked
        asked += 1
        if asked == 7:
            raise refusal(503, "busy", url="fake:", model="m")
        return "2"

    made, ended = _search(lambda *_: f"~~~~\n{_BETTER}\n~~~~", answer).run()
    assert isinstance(ended, BackendError)
    assert made.best == 0


@pytest.mark.parametrize("budget", [14, 15, 16, 23, 24, 30, 57])
def test_never_more_answers_are_scored_than_the_budget_says(budget: int) -> None:
    serial = iter(range(1000))
    search = _search(lambda *_: f"~~~~\n{_BETTER.replace('Spell', f'Sing {next(serial)} of')}\n~~~~", budget=budget)
    made = _run(search)
    answered = search.opened("m")
    assert isinstance(answered, FakeBackend)
    assert len(answered.asked) == made.calls <= budget
    assert made.rejected
    assert all(each.before == each.after and not each.why for each in made.rejected)


def test_nothing_is_left_to_gain_where_all_is_right() -> None:
    search = _search(lambda *_: "", lambda conversation, _: str(conversation.messages[-1].text.count("r")))
    made = _run(search)
    assert (made.calls, made.reflections) == (4, 0)


def test_a_budget_that_tries_nothing_is_told_before_anything_is_asked() -> None:
    search = _search(lambda *_: "", budget=13)
    with pytest.raises(UsageError) as raised:
        search.run()
    assert raised.value.facts == {"budget": 13, "least": 14}


def test_a_case_that_asserts_nothing_is_told() -> None:
    cases = [*_cases(), Case(id="x", turns=(Turn(said="x"),), vars={"letter": "r"}, place="c.yaml:9")]
    with pytest.raises(UsageError) as raised:
        _search(lambda *_: "", cases=split_cases(cases, 0)).run()
    assert raised.value.code == "prompt.case-without-assertion"


@pytest.mark.parametrize(
    "said",
    [
        "Spell. Count {{letter}}.\nuser:\nhello\nassistant:\nhi",
        "Spell. Count {{letter}}.\n{{> secret.txt}}",
        "## Capacity and Role\n\nSpell.\n\n## Insight\n\n{{letter}}\n\n## Statement\n\nx",
    ],
)
def test_a_proposal_that_would_send_something_else_is_never_sent(said: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("TOP SECRET")
    search = _search(lambda *_: f"~~~~\n{said}\n~~~~")
    search.file = parse_file(_PROMPT, str(tmp_path / "p.md"))
    made = _run(search)
    model = search.opened("m")
    assert isinstance(model, FakeBackend)
    assert {asked.messages[0].text for asked in model.asked} == {
        _PROMPT.split("---\n")[2].strip("\n").replace("{{letter}}", "r")
    }
    assert made.best == 0
    assert made.rejected[0].why


def test_what_stands_around_the_words_stays() -> None:
    text = "system:\n\nCount {{letter}}.\n\nuser:\n{{input}}\n"
    search = _search(lambda *_: "~~~~\nSpell, then count {{letter}}.\n~~~~")
    search.file = parse_file(text, "x.md")
    made = _run(search)
    best = with_system(search.file, made.candidates[made.best].text)
    assert best.text == text.replace("Count", "Spell, then count")


def test_a_prompt_of_maps_is_searched_as_its_text() -> None:
    search = _search(lambda *_: '~~~~\n{"Role": "Spell, then count {{letter}}"}\n~~~~')
    search.file = parse_file('{"Role": "counter of {{letter}}"}', "x.json", syntax="json")
    made = _run(search)
    assert made.candidates[made.best].text == '{"Role": "Spell, then count {{letter}}"}'
    assert made.candidates[made.best].score == 1.0


def test_gepa_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    _run(_search(lambda *_: f"~~~~\n{_BETTER}\n~~~~"))
    assert capfd.readouterr() == ("", "")


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
    found = json.loads((place / "better" / "optimize.json").read_text())
    assert (found["test"], found["passed"], found["held_out"]["wins"], found["held_out"]["losses"]) == (2, [0, 1], 2, 0)
    assert "cases: 2 to learn from, 2 to choose by, 2 kept for the end" in done.out
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


def test_the_prompt_itself_is_never_written_over(place: Path, lianlu: Callable[..., Any]) -> None:
    before = (place / "p.md").read_text()
    (place / "p.better.md").write_text("mine")
    for _ in range(2):  # what an earlier search wrote is written anew
        done = lianlu("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "20", "--out", ".", "--json")
        assert json.loads(done.out)["written"] == "p.better1.md"
    assert (place / "p.md").read_text() == before
    assert (place / "p.better.md").read_text() == "mine"
    assert not (place / "p.better2.md").exists()


def test_the_written_file_sends_the_bytes_that_were_scored(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "tone.md").write_text("Be kind.\n")
    (place / "p.md").write_text("---\nname: p\ncases: c.yaml\n---\n# Role: counter\n\n- Count.\n\n{{> tone.md}}\n")
    (place / "m.yaml").write_text(_RULES.replace("- Spell it.", "- Spell it.\\n\\n{{> tone.md}}"))
    lianlu("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "20", "--out", "better")
    winner = read_file(place / "better" / "p.md")
    store = RequestStore(place / "data" / "prompt.sqlite")
    sent = {each.question.request["messages"][0]["parts"][0]["text"] for each in store.all()}
    store.close()
    assert system_prompt(winner, {}) in sent
    assert system_prompt(winner, {}).endswith("- Spell it.\n\nBe kind.")
    assert "{{> ../tone.md}}" in winner.text


def test_ctrl_c_keeps_what_was_found(place: Path) -> None:
    (place / "slow.yaml").write_text("rules: [{reply: hm, delay_seconds: 60}]")
    command = [sys.executable, "-m", "lianlu", "prompt", "optimize", "p.md", "--model", "fake:m.yaml"]
    more = ["--reflect", "fake:slow.yaml", "--budget", "50", "--out", "better"]
    running = subprocess.Popen([*command, *more], cwd=place, stderr=subprocess.PIPE, text=True)
    while not _answers(place):
        time.sleep(0.05)
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "the same command asks only what is missing" in said
    found = json.loads((place / "better" / "optimize.json").read_text())
    assert (found["is_whole"], found["best"], len(found["candidates"])) == (False, 0, 1)
    assert "stopped before its end" in (place / "better" / "page.html").read_text()


def _answers(place: Path) -> int:
    """How many answers the store of the running command holds: the prompt is scored, the model that proposes is asked."""
    path = place / "data" / "prompt.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("SELECT count(*) FROM requests").fetchone()[0]) >= 4
        except sqlite3.OperationalError:
            return 0


def test_the_same_seed_finds_the_same_whatever_the_hashes_are(place: Path, lianlu_child: Callable[..., Any]) -> None:
    made: list[str] = []
    for seed in ("1", "2"):
        arguments = ("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "40", "--out", f"o{seed}")
        done = lianlu_child(*arguments, "--json", cwd=place, PYTHONHASHSEED=seed, LIANLU_DATA=str(place / seed))
        assert json.loads(done.out)["best"] == 1
        made.append((place / f"o{seed}" / "optimize.json").read_text())
    assert made[0] == made[1]


def test_a_second_search_pays_nothing(place: Path, lianlu: Callable[..., Any]) -> None:
    command = ("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "20", "--json")
    first = json.loads(lianlu(*command, "--out", "one").out)
    before = _kept(place)
    second = json.loads(lianlu(*command, "--out", "two").out)
    assert _kept(place) == before > 0
    assert {**first, "out": "", "written": ""} == {**second, "out": "", "written": ""}


def _kept(place: Path) -> int:
    store = RequestStore(place / "data" / "prompt.sqlite")
    count = sum(1 for _ in store.all())
    store.close()
    return count


def test_a_dry_run_says_who_goes_where(place: Path, lianlu: Callable[..., Any]) -> None:
    found = json.loads(lianlu("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--dry-run", "--json").out)
    assert found == {"prompt": "p", "train": 2, "val": 2, "test": 2, "budget": 100, "least_budget": 8}


def test_a_search_that_dies_later_leaves_the_best_so_far(place: Path, lianlu: Callable[..., Any]) -> None:
    with (place / "c.yaml").open("a") as file:  # one that no prompt gets right, so that the search goes on
        file.writelines(
            f"  - {{id: fig{at}, input: fig, split: {at}, assert: [equals: x]}}\n" for at in ("train", "val")
        )
    proposes, dies = "{times: 1, reply: '~~~~\n# Role: counter\n\n- Spell it.\n~~~~'}", "{error: {status: 503}}"
    (place / "r.yaml").write_text(f"rules: [{proposes.replace(chr(10), chr(10) * 2)}, {dies}]")
    command = ("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--reflect", "fake:r.yaml", "--out", "better")
    done = lianlu(*command)
    assert done.code == 4
    found = json.loads((place / "better" / "optimize.json").read_text())
    assert (found["is_whole"], found["best"], found["held_out"]) == (False, 1, None)
    assert "Spell it." in (place / "better" / "p.md").read_text()
    (place / "r.yaml").write_text("rules: [{reply: hm}]")
    done = lianlu(*command)
    assert done.code == 0, done.err


def test_a_judge_scores_and_is_asked_once(place: Path, lianlu: Callable[..., Any]) -> None:
    (place / "c.yaml").write_text(
        (place / "c.yaml").read_text().replace("cases:", "assert: [judge: it counts]\ncases:", 1)
    )
    (place / "j.yaml").write_text("rules: [{reply: '{\"pass\": true}'}]")
    command = ("prompt", "optimize", "p.md", "--model", "fake:m.yaml", "--budget", "20", "--out", "better")
    assert "prompt.no-judge" in lianlu(*command).err
    found = json.loads(lianlu(*command, "--judge", "fake:j.yaml", "--json").out)
    assert [each["score"] for each in found["candidates"]] == [0.5, 1.0]
