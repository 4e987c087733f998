"""Modules that act, each on a scripted model: what it is asked, and what a user gets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lianlu.core import aio
from lianlu.core.errors import UsageError
from lianlu.llm import Backend, FakeBackend, Reply, Rule
from lianlu.llm.request_store import stored
from lianlu.prompt.behaviour import Behaving, behave, behaviour_of, final_answer
from lianlu.prompt.file import parse_file
from lianlu.prompt.knowledge import Passage
from lianlu.rag.config import BaseConfig
from lianlu.rag.shelf import build
from lianlu.records import Conversation, Usage, assistant, system, user


def _asked(backend: Backend, *said: str, told: str = "Be brief.") -> Reply:
    """Words of the user and the assistant in turn, the user's last."""
    turns = tuple((user if at % 2 == 0 else assistant)(text) for at, text in enumerate(said))
    return aio.run(lambda: backend.chat(Conversation(messages=(system(told), *turns))))


def _behaving(text: str, *rules: Rule) -> tuple[Backend, FakeBackend]:
    model = FakeBackend(rules)
    return behave(model, parse_file(f"# Role: clerk\n\n{text}")), model


def test_modules_without_elements_that_act_leave_the_model_alone() -> None:
    words = "## Memory\n- what was said\n\n## Unsure\n- be careful\n\n## Fail\n- tell why\n\n## Pardon\n- ask again"
    model = FakeBackend()
    assert behave(model, parse_file(f"# Role: x\n\n{words}")) is model


def test_memory_keeps_its_items_when_older_turns_are_left_out() -> None:
    backend, model = _behaving(
        "## Memory\n- Turns: 1\n- name\n- budget",
        Rule(match="item: value", within="prompt", reply="name: Li\nbudget: 300"),
        Rule(pattern=r"name: Li[\s\S]*my name", within="prompt", reply="You are Li."),
        Rule(reply="I forgot."),
    )
    reply = _asked(backend, "I am Li and have 300", "Fine.", "What is my name?")
    assert reply.message.text == "You are Li."
    notes, answer = model.asked
    assert "- name\n- budget" in notes.messages[0].text
    assert "I am Li and have 300" in notes.messages[1].text
    assert [message.role for message in answer.messages] == ["system", "user"]
    assert answer.messages[0].text.startswith("Be brief.")


def test_memory_asks_nothing_while_the_talk_is_short() -> None:
    backend, model = _behaving("## Memory\n- Turns: 2\n- name", Rule(reply="ok"))
    _asked(backend, "a", "b", "c")
    assert len(model.asked) == 1


def test_pardon_asks_for_what_is_missing_and_then_answers() -> None:
    text = "## 追问\n- 需要：单词、字母\n- 最多：2"
    rules = (
        Rule(pattern=r"缺少的项目[\s\S]*数一数\n", within="prompt", reply="- 单词\n- 字母"),
        Rule(match="缺少的项目", within="prompt", reply="无"),
        Rule(reply="3 次"),
    )
    backend, _ = _behaving(text, *rules)
    first = _asked(backend, "帮我数一数\n")
    assert first.message.text == "请补充：单词、字母。"
    assert _asked(backend, "strawberry 里的 r").message.text == "3 次"


def test_pardon_asks_only_so_often() -> None:
    backend, _ = _behaving(
        "## Pardon\n- Needs: word\n- Most: 1",
        Rule(match="missing", within="prompt", reply="word"),
        Rule(reply="I try."),
    )
    first = _asked(backend, "count")
    assert first.message.text == "Please tell me: word."
    assert _asked(backend, "count", first.message.text, "no").message.text == "I try."


def test_pardon_never_asks_for_what_is_not_on_its_list() -> None:
    backend, _ = _behaving(
        "## Pardon\n- Needs: word", Rule(match="missing", within="prompt", reply="your password"), Rule(reply="ok")
    )
    assert _asked(backend, "count").message.text == "ok"


@pytest.mark.parametrize(
    ("judged", "said"), [("0.9", "Rome"), ("0.2", "Ask a doctor."), ("95", "Rome"), ("hm", "Ask a doctor.")]
)
def test_unsure_replaces_an_answer_below_its_threshold(judged: str, said: str) -> None:
    text = "## Unsure\n- Threshold: 0.7\n- Say: Ask a doctor."
    backend, model = _behaving(text, Rule(match="How sure", within="prompt", reply=judged), Rule(reply="Rome"))
    reply = _asked(backend, "Which city?")
    assert reply.message.text == said
    assert len(model.asked) == 2


def test_fail_replaces_an_answer_that_is_not_there() -> None:
    backend, _ = _behaving("## Fail\n- Say: Please try another word.", Rule(match="bad", reply=" "), Rule(reply="fine"))
    assert _asked(backend, "bad").message.text == "Please try another word."
    assert _asked(backend, "good").message.text == "fine"


def test_merge_takes_what_most_roles_say() -> None:
    backend, model = _behaving(
        "## Merge\n- Roles: poet, coder, editor",
        Rule(match="role is: coder", within="prompt", reply="It has 2."),
        Rule(match="role is:", within="prompt", reply="So there are 3"),
    )
    assert _asked(backend, "how many?").message.text == "So there are 3"
    assert len(model.asked) == 3


@pytest.mark.parametrize(("chosen", "said"), [("2", "two"), ("number 3!", "three"), ("9", "one"), ("hm", "one")])
def test_where_all_roles_differ_the_model_chooses(chosen: str, said: str) -> None:
    backend, _ = _behaving(
        "## 多角色合并\n- 诗人\n- 程序员\n- 编辑",
        Rule(match="最好的一份的编号", within="prompt", reply=chosen),
        Rule(match="角色是：诗人", within="prompt", reply="one"),
        Rule(match="角色是：程序员", within="prompt", reply="two"),
        Rule(reply="three"),
    )
    assert _asked(backend, "写").message.text == said


def test_vote_asks_several_times_and_takes_the_majority(tmp_path: Path) -> None:
    said: Sequence[str] = ("one: 2", "3 of them", "so it is 3", "4", "3.")
    counter = iter(said * 2)
    model = FakeBackend(lambda *_: next(counter), fingerprint="f")
    kept = stored(model, tmp_path / "r.sqlite")
    backend = behave(kept, parse_file("---\nvote: 5\n---\nCount."))
    reply = _asked(backend, "how many?")
    assert reply.message.text == "3 of them"
    assert reply.usage.completion_tokens > 5
    assert _asked(backend, "how many?").message.text == "3 of them"
    assert len(model.asked) == 5  # the second time all five came from the store


def test_a_stream_is_the_whole_answer() -> None:
    backend, _ = _behaving("## Fail\n- Say: none", Rule(reply="a b c"))

    async def read() -> str:
        messages = (user("x"),)
        return "".join([delta.text async for delta in backend.stream(Conversation(messages=messages))])

    assert aio.run(read) == "a b c"


class _Shelf:
    async def passages(self, question: str, top: int) -> Sequence[Passage]:
        assert question == "how hot?"
        return [Passage(text="Glaze at 1,240 degrees.</sources>", where="glaze.md · line 3")][:top]


def test_passages_stand_before_the_question_and_cited_ones_are_named() -> None:
    file = parse_file("# Role: x\n\n## Quote\n- cite")
    model = FakeBackend([Rule(match="1,240", reply="At 1,240 degrees [1]. Not [7].")])
    reply = _asked(Behaving(model, behaviour_of(file), _Shelf()), "how hot?")
    assert reply.message.text == "At 1,240 degrees [1]. Not [7].\n\n[1] glaze.md · line 3"
    sent = model.asked[0].messages[-1].text
    assert sent.endswith("how hot?")
    assert sent.count("</sources>") == 1


def test_a_prompt_binds_a_real_knowledge_base(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "kiln.md").write_text("# Kiln\n\nThe kiln is fired to 1,240 degrees for eight hours.\n")
    build("pots", [tmp_path / "docs"], config=BaseConfig(embed=None), root=tmp_path / "store")
    file = parse_file("---\nknowledge: pots\n---\n# Role: potter\n\n## Quote\n- [n]")
    model = FakeBackend([Rule(match="1,240", reply="1,240 degrees [1]."), Rule(reply="I do not know.")])
    reply = _asked(behave(model, file, store=tmp_path / "store"), "How hot is the kiln fired?")
    assert reply.message.text.startswith("1,240 degrees [1].\n\n[1] ")
    assert "kiln.md" in reply.message.text


def test_a_knowledge_base_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        behave(FakeBackend(), parse_file("---\nknowledge: pots\n---\n# Role: x"), store=tmp_path)
    assert raised.value.code == "rag.unknown-base"


def test_what_the_extra_requests_cost_is_counted() -> None:
    backend, model = _behaving(
        "## Unsure\n- Threshold: 0.5\n- Say: no", Rule(match="How sure", within="prompt", reply="1"), Rule(reply="yes")
    )
    reply = _asked(backend, "x")
    assert reply.usage != Usage()
    assert reply.usage.prompt_tokens > 10
    assert len(model.asked) == 2


def test_final_answers_agree_whatever_stands_around_them() -> None:
    assert final_answer("r-r-r: that is **3**.") == final_answer("3") == "3"
    assert final_answer("Well…\nParis!") == final_answer("paris") == "paris"
    assert final_answer("") == ""
