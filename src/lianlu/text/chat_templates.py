"""Chat templates by name, for models that come without one: how a conversation is written with the marks of a family.

The Jinja is our own, written from the published formats; what a model brings itself is better and is never replaced
unasked. All read the same messages as `apply_chat_template`: role, content, name, tool_calls, reasoning_content. Thoughts
are shown only behind the last question, as in serving: earlier ones are not shown to a model again. No default system
message is slipped in: a model that learns who it is must not be told by its template that it is somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["TEMPLATES", "ChatTemplate", "find_template"]


@dataclass(frozen=True)
class ChatTemplate:
    """One way to write conversations.

    Args:
        jinja: the template, as tokenizer_config.json holds it.
        markers: the tokens that a tokenizer must have for it.
        end: the marker that ends an answer; empty where it is the tokenizer's own end token.
        tool_markers: the tokens needed besides for tools, calls and results.
        aliases: other names for it.
    """

    name: str
    jinja: str
    markers: tuple[str, ...]
    end: str
    tool_markers: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


# Where the last question stands (`ns.asked`), and the texts of a message and of its thoughts.
_START = (
    "{% set ns = namespace(asked=-1, lead='') %}"
    "{% for m in messages %}{% if m['role'] == 'user' %}{% set ns.asked = loop.index0 %}{% endif %}{% endfor %}"
)
_THOUGHTS = (
    "{% if m['reasoning_content'] and loop.index0 > ns.asked %}"
    "{{ '<think>\\n' + m['reasoning_content'] + '\\n</think>\\n\\n' }}{% endif %}"
)
_CONTENT = "{{ m['content'] or '' }}"
_TRIMMED = "{{ (m['content'] or '') | trim }}"
_ARGUMENTS = "{{ f['arguments'] if f['arguments'] is string else f['arguments'] | tojson }}"
_CALLED = "{% for c in m['tool_calls'] or [] %}{% set f = c['function'] %}"


def _call(arguments: str) -> str:
    return "{{ '{\"name\": ' + f['name'] | tojson + ', \"" + arguments + "\": ' }}" + _ARGUMENTS + "{{ '}' }}"


# The system message leads into the first question where a family has no role for it.
_LEAD = (
    "{% if messages[0]['role'] == 'system' %}{% set ns.lead = messages[0]['content'] | trim %}"
    "{% if messages | length > 1 and messages[1]['role'] != 'user' %}"
    "{{ raise_exception('behind a system message this format needs a question') }}{% endif %}{% endif %}"
)
_LED = "{% if ns.lead %}{{ ns.lead + '\\n\\n' }}{% set ns.lead = '' %}{% endif %}"
_NO_TOOLS = "{% if tools %}{{ raise_exception('this format has no tools') }}{% endif %}"
_NO_CALLS = (
    "{% if m['tool_calls'] or m['role'] == 'tool' %}{{ raise_exception('this format has no tools') }}{% endif %}"
)

_INTERNLM2 = (
    _START + "{{ bos_token or '' }}"
    "{% macro plugins() %}"
    "{{ '<|im_start|>system name=<|plugin|>\\n[' }}"
    "{% for t in tools %}{{ (t['function'] or t) | tojson }}{{ '' if loop.last else ', ' }}{% endfor %}"
    "{{ ']<|im_end|>\\n' }}{% endmacro %}"
    "{% if tools and messages[0]['role'] != 'system' %}{{ plugins() }}{% endif %}"
    "{% for m in messages %}"
    "{% if m['role'] == 'tool' %}{{ '<|im_start|>environment name=<|plugin|>\\n' }}"
    "{% else %}{{ '<|im_start|>' + m['role'] + (' name=' + m['name'] if m['name'] else '') + '\\n' }}{% endif %}"
    + _THOUGHTS
    + _CONTENT
    + _CALLED
    + "{{ '<|action_start|><|plugin|>\\n' }}"
    + _call("parameters")
    + "{{ '<|action_end|>' }}{% endfor %}"
    "{{ '<|im_end|>\\n' }}"
    "{% if loop.first and tools and m['role'] == 'system' %}{{ plugins() }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

_SIGNATURES = (
    "{{ '# Tools\\n\\nThese functions can be called; their signatures stand between <tools> and </tools>:\\n<tools>' }}"
    "{% for t in tools %}{{ '\\n' + t | tojson }}{% endfor %}"
    "{{ '\\n</tools>\\n\\nTo call one, write its name and arguments as JSON between <tool_call> and </tool_call>:\\n"
    '<tool_call>\\n{"name": "<name>", "arguments": {<arguments>}}\\n</tool_call>\' }}'
)
_TAGGED_CALLS = (
    _CALLED
    + "{{ '\\n' if m['content'] or not loop.first else '' }}{{ '<tool_call>\\n' }}"
    + _call("arguments")
    + "{{ '\\n</tool_call>' }}{% endfor %}"
)


def _chatml(tool_result: str) -> str:
    return (
        _START + "{% if tools %}{{ '<|im_start|>system\\n' }}"
        "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] + '\\n\\n' }}{% endif %}"
        + _SIGNATURES
        + "{{ '<|im_end|>\\n' }}{% endif %}"
        "{% for m in messages %}"
        "{% if m['role'] == 'tool' %}" + tool_result + "{% elif not (tools and loop.first and m['role'] == 'system') %}"
        "{{ '<|im_start|>' + m['role'] + '\\n' }}"
        + _THOUGHTS
        + _CONTENT
        + _TAGGED_CALLS
        + "{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )


_RESULT = "{{ '<tool_response>\\n' }}" + _CONTENT + "{{ '\\n</tool_response>' }}"
_OF_TOOL = "{{ '<|im_start|>tool\\n' }}" + _RESULT + "{{ '<|im_end|>\\n' }}"
_OF_USER = (  # results that follow each other share one turn
    "{{ '\\n' if loop.previtem is defined and loop.previtem['role'] == 'tool' else '<|im_start|>user\\n' }}"
    + _RESULT
    + "{% if loop.last or loop.nextitem['role'] != 'tool' %}{{ '<|im_end|>\\n' }}{% endif %}"
)

_LLAMA3 = (
    _START + "{{ bos_token or '' }}"
    "{% macro signatures() %}"
    "{{ 'Environment: ipython\\n\\nThese functions can be called. To call one, write only this JSON: "
    '{"name": <name>, "parameters": {<arguments>}}\\n\' }}'
    "{% for t in tools %}{{ '\\n' + t | tojson }}{% endfor %}{% endmacro %}"
    "{% if tools and messages[0]['role'] != 'system' %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\\n\\n' }}{{ signatures() }}{{ '<|eot_id|>' }}{% endif %}"
    "{% for m in messages %}"
    "{{ '<|start_header_id|>' + ('ipython' if m['role'] == 'tool' else m['role']) + '<|end_header_id|>\\n\\n' }}"
    "{% if loop.first and tools and m['role'] == 'system' %}{{ signatures() + '\\n\\n' }}{% endif %}"
    + _THOUGHTS
    + _TRIMMED
    + _CALLED
    + "{{ '\\n' if loop.first and m['content'] else '' if loop.first else '; ' }}"
    + _call("parameters")
    + "{% endfor %}{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)

_MISTRAL = (
    _START + _LEAD + "{{ bos_token or '' }}"
    "{% if tools %}{{ '[AVAILABLE_TOOLS] ' + tools | tojson + '[/AVAILABLE_TOOLS]' }}{% endif %}"
    "{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' }}" + _LED + _TRIMMED + "{{ '[/INST]' }}"
    "{% elif m['role'] == 'tool' %}"
    "{{ '[TOOL_RESULTS] {\"content\": ' + m['content'] | tojson + ', \"call_id\": ' + (m['tool_call_id'] or '') | tojson"
    " + '}[/TOOL_RESULTS]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' }}"
    + _THOUGHTS
    + _TRIMMED
    + "{% if m['tool_calls'] %}{{ '[TOOL_CALLS] [' }}"
    + _CALLED
    + "{{ '' if loop.first else ', ' }}{{ '{\"name\": ' + f['name'] | tojson + ', \"arguments\": ' }}"
    + _ARGUMENTS
    + "{{ ', \"id\": ' + (c['id'] or '') | tojson + '}' }}{% endfor %}{{ ']' }}{% endif %}"
    "{{ eos_token }}"
    "{% elif not loop.first %}{{ raise_exception('this format has a system message only at the start') }}{% endif %}"
    "{% endfor %}"
)

_GEMMA = (
    _START + _LEAD + _NO_TOOLS + "{{ bos_token or '' }}"
    "{% for m in messages %}" + _NO_CALLS + "{% if m['role'] != 'system' %}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' }}"
    "{% if m['role'] == 'user' %}" + _LED + "{% endif %}" + _THOUGHTS + _TRIMMED + "{{ '<end_of_turn>\\n' }}"
    "{% elif not loop.first %}{{ raise_exception('this format has a system message only at the start') }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"
)

_DEEPSEEK = (
    _START + "{{ bos_token or '' }}"
    "{% macro signatures() %}"
    "{{ '\\n\\n## Tools\\n\\nThese functions can be called:\\n' }}"
    "{% for t in tools %}{{ '\\n' + t | tojson }}{% endfor %}{% endmacro %}"
    "{% if tools and messages[0]['role'] != 'system' %}{{ signatures() }}{% endif %}"
    "{% for m in messages %}"
    "{% if m['role'] == 'system' %}" + _CONTENT + "{% if loop.first and tools %}{{ signatures() }}{% endif %}"
    "{% elif m['role'] == 'user' %}{{ '<｜User｜>' }}" + _CONTENT + "{% elif m['role'] == 'tool' %}"
    "{{ '' if loop.previtem is defined and loop.previtem['role'] == 'tool' else '<｜tool▁outputs▁begin｜>' }}"
    "{{ '<｜tool▁output▁begin｜>' }}" + _CONTENT + "{{ '<｜tool▁output▁end｜>' }}"
    "{% if loop.last or loop.nextitem['role'] != 'tool' %}{{ '<｜tool▁outputs▁end｜>' }}{% endif %}"
    "{% else %}"
    "{{ '' if loop.previtem is defined and loop.previtem['role'] == 'tool' else '<｜Assistant｜>' }}"
    + _THOUGHTS
    + _CONTENT
    + "{% if m['tool_calls'] %}{{ '<｜tool▁calls▁begin｜>' }}"
    + _CALLED
    + "{{ '' if loop.first else '\\n' }}"
    "{{ '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + f['name'] + '\\n```json\\n' }}"
    + _ARGUMENTS
    + "{{ '\\n```<｜tool▁call▁end｜>' }}{% endfor %}{{ '<｜tool▁calls▁end｜>' }}{% endif %}"
    "{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt and messages[-1]['role'] != 'tool' %}{{ '<｜Assistant｜>' }}{% endif %}"
)

_IM = ("<|im_start|>", "<|im_end|>")
TEMPLATES: Mapping[str, ChatTemplate] = {
    each.name: each
    for each in (
        ChatTemplate(
            "internlm2",
            _INTERNLM2,
            markers=_IM,
            end="<|im_end|>",
            tool_markers=("<|plugin|>", "<|action_start|>", "<|action_end|>"),
            aliases=("internlm2.5", "internlm3", "internlm2_chat"),
        ),
        ChatTemplate("chatml", _chatml(_OF_TOOL), markers=_IM, end="<|im_end|>"),
        ChatTemplate(
            "qwen",
            _chatml(_OF_USER),
            markers=_IM,
            end="<|im_end|>",
            aliases=("qwen2", "qwen2.5", "qwen3", "qwen_chat"),
        ),
        ChatTemplate(
            "llama3",
            _LLAMA3,
            markers=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
            end="<|eot_id|>",
            aliases=("llama3.1", "llama3.2", "llama3_chat"),
        ),
        ChatTemplate(
            "mistral",
            _MISTRAL,
            markers=(),  # the first models of the family write [INST] as plain text
            end="",
            tool_markers=(
                "[AVAILABLE_TOOLS]",
                "[/AVAILABLE_TOOLS]",
                "[TOOL_CALLS]",
                "[TOOL_RESULTS]",
                "[/TOOL_RESULTS]",
            ),
        ),
        ChatTemplate(
            "gemma",
            _GEMMA,
            markers=("<start_of_turn>", "<end_of_turn>"),
            end="<end_of_turn>",
            aliases=("gemma2", "gemma3"),
        ),
        ChatTemplate(
            "deepseek",
            _DEEPSEEK,
            markers=("<｜User｜>", "<｜Assistant｜>"),
            end="",
            tool_markers=(
                "<｜tool▁calls▁begin｜>",
                "<｜tool▁call▁begin｜>",
                "<｜tool▁sep｜>",
                "<｜tool▁call▁end｜>",
                "<｜tool▁calls▁end｜>",
                "<｜tool▁outputs▁begin｜>",
                "<｜tool▁output▁begin｜>",
                "<｜tool▁output▁end｜>",
                "<｜tool▁outputs▁end｜>",
            ),
            aliases=("deepseek_v3",),
        ),
    )
}
_BY_ALIAS = {alias: each for each in TEMPLATES.values() for alias in each.aliases}


def find_template(name: str) -> ChatTemplate | None:
    """The template of this name or alias.

    >>> find_template("qwen2").name
    'qwen'
    """
    return TEMPLATES.get(name) or _BY_ALIAS.get(name)
