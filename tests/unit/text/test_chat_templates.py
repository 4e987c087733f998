"""Each template writes its family's format: what was published of it stands here, word by word."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("jinja2")

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lianlu.text.chat_templates import TEMPLATES, find_template

TALK = [
    {"role": "system", "content": "S"},
    {"role": "user", "content": "Q"},
    {"role": "assistant", "content": "A"},
    {"role": "user", "content": "R"},
]
IM = (
    "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
    "<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n"
)
WRITTEN = {
    "internlm2": "<s>" + IM,
    "chatml": IM,
    "qwen": IM,
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nQ<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nR<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s>[INST] S\n\nQ[/INST] A</s>[INST] R[/INST]",
    "gemma": "<s><start_of_turn>user\nS\n\nQ<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
    "<start_of_turn>user\nR<end_of_turn>\n<start_of_turn>model\n",
    "deepseek": "<s>S<｜User｜>Q<｜Assistant｜>A</s><｜User｜>R<｜Assistant｜>",
}
TOOL = {"type": "function", "function": {"name": "add", "description": "", "parameters": {"type": "object"}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"x": 2, "单位": "<米>"}}}
CALLED = [
    {"role": "user", "content": "2+2"},
    {"role": "assistant", "content": "so", "tool_calls": [CALL]},
    {"role": "tool", "content": "4", "tool_call_id": "c1"},
    {"role": "assistant", "content": "four"},
]


def write(name: str, messages: list[dict[str, Any]], *, header: bool = False, tools: Any = None) -> str:
    def refuse(why: str) -> None:
        raise TemplateError(why)

    environment: Any = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    return environment.from_string(TEMPLATES[name].jinja).render(
        messages=messages, tools=tools, add_generation_prompt=header, bos_token="<s>", eos_token="</s>"
    )


def test_a_talk_is_written_as_the_family_writes_it() -> None:
    assert {name: write(name, TALK, header=True) for name in TEMPLATES} == WRITTEN


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_answer_ends_with_the_end_marker(name: str) -> None:
    assert write(name, TALK[:3]).rstrip("\n").endswith("A" + (TEMPLATES[name].end or "</s>"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_turn_begins_with_the_turns_before_it(name: str) -> None:
    whole = write(name, [*TALK, {"role": "assistant", "content": " B "}])
    assert whole.startswith(write(name, TALK, header=True))
    assert write(name, TALK).startswith(write(name, TALK[:3]))


def test_internlm2_writes_plugins_calls_and_what_they_return() -> None:
    signature = json.dumps(TOOL["function"])
    plugins = f"<|im_start|>system name=<|plugin|>\n[{signature}]<|im_end|>\n"
    wanted = (
        f"<s>{plugins}<|im_start|>user\n2+2<|im_end|>\n"
        '<|im_start|>assistant\nso<|action_start|><|plugin|>\n{"name": "add", "parameters": {"x": 2, "单位": "<米>"}}'
        "<|action_end|><|im_end|>\n<|im_start|>environment name=<|plugin|>\n4<|im_end|>\n"
        "<|im_start|>assistant\nfour<|im_end|>\n"
    )
    assert write("internlm2", CALLED, tools=[TOOL]) == wanted
    led = write("internlm2", [TALK[0], *CALLED], tools=[TOOL])
    assert led.startswith(f"<s><|im_start|>system\nS<|im_end|>\n{plugins}<|im_start|>user")


def test_qwen_writes_calls_between_tags_and_results_in_one_turn_of_the_user() -> None:
    twice = [*CALLED[:3], {"role": "tool", "content": "5", "tool_call_id": "c2"}, CALLED[3]]
    text = write("qwen", [TALK[0], *twice], tools=[TOOL])
    assert text.startswith("<|im_start|>system\nS\n\n# Tools\n\n")
    assert f"<tools>\n{json.dumps(TOOL)}\n</tools>" in text
    assert '\nso\n<tool_call>\n{"name": "add", "arguments": {"x": 2, "单位": "<米>"}}\n</tool_call><|im_end|>\n' in text
    results = "<tool_response>\n4\n</tool_response>\n<tool_response>\n5\n</tool_response>"
    assert f"<|im_start|>user\n{results}<|im_end|>\n<|im_start|>assistant\nfour<|im_end|>\n" in text


CALLS = {
    "chatml": "<|im_start|>tool\n<tool_response>\n4\n</tool_response><|im_end|>\n",
    "llama3": 'so\n{"name": "add", "parameters": {"x": 2, "单位": "<米>"}}<|eot_id|><|start_header_id|>ipython<|end_header_id|>',
    "mistral": ' so[TOOL_CALLS] [{"name": "add", "arguments": {"x": 2, "单位": "<米>"}, "id": "c1"}]</s>'
    '[TOOL_RESULTS] {"content": "4", "call_id": "c1"}[/TOOL_RESULTS] four</s>',
    "deepseek": "so<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n"
    '{"x": 2, "单位": "<米>"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜></s>'
    "<｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>4<｜tool▁output▁end｜><｜tool▁outputs▁end｜>four</s>",
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_and_results_stand_in_the_text(name: str) -> None:
    text = write(name, CALLED, tools=[TOOL])
    assert CALLS[name] in text
    assert json.dumps(TOOL) in text
    assert text.startswith(write(name, CALLED[:3], header=True, tools=[TOOL]))


def test_a_call_that_is_no_json_is_written_as_the_model_wrote_it() -> None:
    broken = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"x": '}}
    text = write("qwen", [CALLED[0], {"role": "assistant", "content": "", "tool_calls": [broken]}])
    assert '<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"x": }\n</tool_call>' in text


@pytest.mark.parametrize("name", TEMPLATES)
def test_thoughts_stand_before_the_last_answer_only(name: str) -> None:
    thought = {"role": "assistant", "content": "A", "reasoning_content": "hm"}
    assert "<think>\nhm\n</think>\n\nA" in write(name, [*TALK[:2], thought])
    assert "hm" not in write(name, [*TALK[:2], thought, TALK[3]], header=True)


@pytest.mark.parametrize("messages", [[TALK[0], TALK[2]], [TALK[1], TALK[0]], CALLED], ids=["led", "late", "tools"])
def test_gemma_refuses_what_it_has_no_marks_for(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(TemplateError):
        write("gemma", messages)


def test_every_name_and_alias_finds_one_template() -> None:
    names = [name for each in TEMPLATES.values() for name in (each.name, *each.aliases)]
    assert len(names) == len(set(names))
    assert {find_template(name) for name in names} == set(TEMPLATES.values())
    assert find_template("qwen3") is TEMPLATES["qwen"]
    assert find_template("lama3") is None
