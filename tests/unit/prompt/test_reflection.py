from __future__ import annotations

import pytest

from lianlu.core.i18n import Text
from lianlu.prompt.reflection import proposed, reflection_conversation


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


def test_why_the_last_one_was_refused_is_told_in_the_language_of_the_prompt() -> None:
    why = Text("it is too long", "太长")
    assert "it is too long" in reflection_conversation("Count.", [], refused=why).messages[0].text
    assert "太长" in reflection_conversation("数字母。", [], refused=why).messages[0].text


def test_an_answer_that_passes_is_shown_for_what_failed_alone() -> None:
    failed = {"input": "a", "output": "2", "failed": ["contains: 3"], "good": "there are 3"}
    assert "An answer that passes: there are 3" in reflection_conversation("Count.", [failed]).messages[0].text
    assert "there are 3" not in reflection_conversation("Count.", [{**failed, "failed": []}]).messages[0].text


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Well.\n~~~~\n# Role: x\n```\ncode\n```\nend\n~~~~\nDone.", "# Role: x\n```\ncode\n```\nend"),
        ("```markdown\nBe kind.\n```", "Be kind."),
        ("Use ```x``` like\n```\ncode\n```\n~~~~\nBe kind.\n~~~~", "Be kind."),
        ("<think>\n~~~~\nno\n~~~~\n</think>\n~~~~\nBe kind.\n~~~~", "Be kind."),
        ("~~~~\nBe kind.", ""),
        ("I would say: be kind.", ""),
        ("", ""),
    ],
)
def test_the_proposal_stands_between_the_outermost_fences(said: str, text: str) -> None:
    assert proposed(said) == text
