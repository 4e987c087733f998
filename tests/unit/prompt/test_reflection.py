from __future__ import annotations

import pytest

from lianlu.prompt.reflection import problem_of, proposed, reflection_conversation


def test_the_question_is_in_the_language_of_the_prompt_and_names_what_failed() -> None:
    records = [
        {"input": "strawberry?", "output": "2", "failed": ["contains: 3"]},
        {"input": "x", "output": "y", "failed": []},
    ]
    english = reflection_conversation("Count {{letter}}.", records).messages[0].text
    assert "contains: 3" in english
    assert "{{letter}}" in english
    assert "nothing (this one is right)" in english
    assert "无（这次是对的）" in reflection_conversation("数字母。", records).messages[0].text
    assert "it is too long" in reflection_conversation("Count.", records, refused="it is too long").messages[0].text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Well.\n~~~~\n# Role: x\n```\ncode\n```\nend\n~~~~\nDone.", "# Role: x\n```\ncode\n```\nend"),
        ("```markdown\nBe kind.\n```", "Be kind."),
        ("I would say: be kind.", ""),
        ("", ""),
    ],
)
def test_the_proposal_stands_between_the_outermost_fences(said: str, text: str) -> None:
    assert proposed(said) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("Count.", "{{letter}}"),
        ("Count {{letter}} in {{word}}.", "word"),
        ("Count {{letter}} of {{letter", "not closed"),
        ("Count {{letter}}. " + "x" * 3000, "characters"),
    ],
)
def test_a_proposal_that_cannot_be_used_is_told_why(text: str, words: str) -> None:
    assert words in problem_of(text, "Count {{letter}}.", "counter")


def test_a_good_proposal_has_no_problem() -> None:
    assert problem_of("Spell the word, then count {{letter}}.", "Count {{letter}}.", "counter") == ""
