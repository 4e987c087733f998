"""Each defect of a training set is found, with the samples that have it; a clean set gives no finding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lianlu.core.i18n import Text
from lianlu.records import Conversation, ImagePart, Message, Preference, UnpairedPreference, assistant, system, user
from lianlu.train import doctor_findings
from lianlu.train.doctor import Finding, examine, examine_bad, over_long
from lianlu.train.reading import BadRow, Item
from lianlu.train.shapes import Content, content_of

Change = Callable[[int], Content]


def talk(*messages: Message | str) -> Conversation:
    """Texts take turns, the user first."""
    said = [each if isinstance(each, Message) else (user, assistant)[at % 2](each) for at, each in enumerate(messages)]
    return Conversation(messages=tuple(said))


def clean(number: int) -> Conversation:
    lead = [system(f"You know {number % 3}.")] if number % 2 else []
    return Conversation(messages=(*lead, user(f"What is {number}?"), assistant(f"It is the number {number}.")))


def pair(number: int, rejected: str = "no") -> Preference:
    return Preference(prompt=talk(f"q{number}"), chosen=assistant("yes"), rejected=assistant(rejected))


def judged(number: int, is_liked: bool) -> UnpairedPreference:
    return UnpairedPreference(prompt=talk(f"q{number % 3}"), answer=assistant(f"a{number}"), is_liked=is_liked)


def items(content: Change, count: int) -> list[Item]:
    return [Item(f"d:{number}", content(number)) for number in range(count)]


def mixed(*spoiled: Content, count: int = 60) -> list[Item]:
    """A clean set of which the first samples are replaced."""
    return [Item(f"d:{number}", spoiled[number] if number < len(spoiled) else clean(number)) for number in range(count)]


def found(samples: list[Item], measured: list[Item] | None = None) -> dict[str, int]:
    return {each.code: each.count for each in examine(samples, measured or [])}


@pytest.mark.parametrize("content", [clean, lambda n: f"text {n}", pair, lambda n: judged(n, bool(n % 2))])
def test_a_clean_set_gives_no_finding(content: Change) -> None:
    samples = items(content, 100)
    assert examine(samples[:60], samples[60:]) == []


def test_no_samples_give_no_finding() -> None:
    assert (examine([]), examine_bad([]), over_long({}, 5)) == ([], [], None)


SPOILED: dict[str, tuple[str, Content]] = {
    "empty answer": ("empty-answer", talk("q", " \n")),
    "empty rejected answer": ("empty-answer", pair(0, "")),
    "empty question": ("empty-question", talk("", "a")),
    "empty text": ("empty-text", " "),
    "no answer": ("no-answer", talk("q")),
    "answers not learned": ("no-answer", talk("q", Message(role="assistant", parts=assistant("a").parts, learn=False))),
    "two users in a row": ("role-order", talk("q", user("and?"), user("r"), "a")),
    "two answers in a row": ("role-order", talk("q", "a", assistant("b"))),
    "ends with the user": ("role-order", talk("q", "a", "r")),
    "late system prompt": ("role-order", talk("q", "a", system("s"), user("r"), assistant("b"))),
    "begins with an answer": ("role-order", talk(assistant("hello"), user("q"), assistant("a"))),
    "equal pair": ("equal-pair", pair(0, " yes")),
    "braces": ("placeholder", talk("who?", "I am {{name}}.")),
    "x": ("placeholder", talk("你是谁？", "我叫xxx，很高兴认识你")),
    "X": ("placeholder", talk("who?", "I am XXXX")),
    "crosses": ("placeholder", talk("谁？", "我叫×××")),
    "angles": ("placeholder", "I am <NAME>"),
    "in a pair": ("placeholder", pair(0, "I am {{ author }}")),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_sample_is_found(name: str) -> None:
    code, content = SPOILED[name]
    (finding,) = examine(mixed(content))
    assert (finding.code, finding.count, finding.examples) == (code, 1, ("d:0",))


@pytest.mark.parametrize(
    "text",
    [
        "{{}}",
        "{ x }",
        "xx",
        "0xxx0",
        "axxxb",
        "<name>",
        "Xxx",
        "{{a long text that is no placeholder, since it goes on}}",
    ],
)
def test_what_only_looks_like_a_placeholder_is_none(text: str) -> None:
    assert found(mixed(talk("q", f"It is {text} here"))) == {}


def test_pictures_calls_and_results_are_words_too() -> None:
    call = {"from": "function_call", "value": '{"name": "f", "arguments": {}}'}
    seen, last = {"from": "observation", "value": "1"}, {"from": "gpt", "value": "a"}
    called = content_of({"conversations": [{"from": "human", "value": "q"}, last, call, seen, seen, last]})
    shown = talk(Message(role="user", parts=(ImagePart(uri="1.jpg"),)), "a")
    assert found(mixed(called, shown)) == {}


def test_duplicates_are_counted_beyond_the_first() -> None:
    assert found(mixed(talk("q", "a"), talk("q", "a"), talk("q ", " a"))) == {"duplicate": 2}
    assert found(items(lambda number: f"t{number % 2}", 4)) == {"duplicate": 2}
    assert found(items(pair, 3) + items(pair, 3)) == {"duplicate": 3}


def test_one_answer_judged_both_ways_is_no_duplicate() -> None:
    liked = [Item("a", judged(1, True)), Item("b", judged(1, False))]
    assert found(liked) == {}


def test_one_question_with_many_answers() -> None:
    assert found(mixed(*(talk("q", f"a{n}") for n in range(5)))) == {"same-question": 4}
    assert found(mixed(*(talk("q", f"a{n}") for n in range(2)))) == {}  # one of 60: below what good sets have


def test_a_set_of_few_questions_says_how_many() -> None:
    samples = items(lambda n: talk(f"q{n % 147}", f"a{n}"), 1500)
    finding = next(each for each in examine(samples) if each.code == "few-questions")
    assert finding.count == 1500
    assert finding.text.en.startswith("1500 samples ask only 147 different questions")
    assert "few-questions" not in found(items(lambda n: talk(f"q{n % 20}", f"a{n}"), 60))


def test_one_answer_to_many_questions() -> None:
    assert found(mixed(*(talk(f"q{n}", "I do not know.") for n in range(5)))) == {"same-answer": 5}
    assert found(mixed(*(talk(f"q{n}", "I do not know.") for n in range(4)))) == {}


@pytest.mark.parametrize(
    ("others", "code"), [(0, "constant-system"), (2, "near-constant-system"), (3, None)], ids=["all", "90%", "85%"]
)
def test_one_system_prompt(others: int, code: str | None) -> None:
    samples = items(lambda n: talk(system(f"s{n}" if n < others else "s"), user(f"q{n}"), assistant(f"a{n}")), 20)
    assert found(samples) == ({code: 20 - others} if code else {})


def test_no_system_prompt_at_all_is_no_constant_one() -> None:
    assert found(items(lambda n: talk(f"q{n}", f"a{n}"), 20)) == {}


def test_a_leak_is_found_exactly_and_but_for_spaces_case_and_punctuation() -> None:
    samples = mixed(talk("What is it?", "A chain, 链路。"))
    measured = [
        Item("e:1", talk("What is it?", "A chain, 链路。")),
        Item("e:2", talk("what is  it", "a chain 链路!")),
        Item("e:3", talk("What was it?", "A chain.")),
    ]
    findings = {each.code: each.examples for each in examine(samples, measured)}
    assert findings == {"leak": ("e:1",), "near-leak": ("e:2",)}


def test_what_has_no_letters_is_no_near_leak() -> None:
    assert found([Item("a", "？"), Item("b", "x")], [Item("c", "!")]) == {}


@pytest.mark.parametrize("is_liked", [True, False])
def test_judged_answers_of_one_kind_only(is_liked: bool) -> None:
    assert found(items(lambda n: judged(n, is_liked), 4)) == {"one-label": 4}


def test_prompts_of_pairs_may_repeat() -> None:
    assert found(items(lambda n: pair(0, f"no {n}"), 50)) == {}


def test_samples_that_are_too_long() -> None:
    finding = over_long({"a": 5, "b": 6, "c": 9}, 5)
    assert finding is not None
    assert (finding.count, finding.examples) == (2, ("b", "c"))
    assert "longer than 5 tokens (the longest has 9)" in finding.text.en
    assert over_long({"a": 5}, 5) is None


def test_bad_rows_are_findings_nested_ones_first() -> None:
    why = Text("why", "原因")
    findings = examine_bad([BadRow("d:1", why), BadRow("d:2", why, is_nested=True), BadRow("d:3", why)])
    assert [(each.code, each.examples) for each in findings] == [
        ("nested-field", ("d:2",)),
        ("bad-row", ("d:1", "d:3")),
    ]


def test_only_the_first_examples_are_shown() -> None:
    (finding,) = examine(items(lambda n: f"<NAME> {n}", 9))
    assert (finding.count, len(finding.examples)) == (9, 5)


def test_a_placeholder_in_the_words_of_a_finding_stays_as_it_is() -> None:
    (finding,) = examine([Item("a", "{{name}}")])
    assert finding.text.en == "1 sample has a placeholder such as {{name}} that nobody filled in"


def test_one_sample_is_told_of_as_one_and_two_as_two() -> None:
    said = [found.text.en for ids in (["a"], ["a", "b"]) if (found := doctor_findings.finding("duplicate", ids))]
    assert said[0].startswith("1 sample repeats another one: with several epochs it is")
    assert said[1].startswith("2 samples repeat another one: with several epochs they are")


@pytest.mark.parametrize("code", doctor_findings.CODES)
def test_every_finding_says_what_to_do_in_both_languages(code: str) -> None:
    facts: dict[str, Any] = {"distinct": 1, "limit": 2, "longest": 3}
    finding = doctor_findings.finding(code, ["a"], **facts)
    assert isinstance(finding, Finding)
    for text in (finding.text, finding.remedy):
        assert text.en
        assert text.zh not in ("", text.en)
        assert not set("{[|]") & set((text.en + text.zh).replace("{{name}}", ""))
