from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.foreign import Loss, Traveller
from lianlu.prompt.foreign.promptfoo import PROMPTFOO
from lianlu.prompt.foreign.promptfoo_tests import assertion_to_ours, assertion_to_theirs

_FILE = """description: counts letters
prompts:
  - |
    [{"role": "system", "content": "Count {{letter}}{% if strict %} strictly{% endif %}."},
     {"role": "user", "content": "{{input}}"}]
  - "second one"
providers:
  - id: vendor:small
    config: {temperature: 0, max_tokens: 5, apiKey: nope}
  - vendor:large
defaultTest:
  vars: {letter: r, times: 3}
  assert: [{type: not-contains, value: sorry}]
  options: {provider: x}
tests:
  - description: three
    vars: {input: strawberry}
    threshold: 0.5
    assert:
      - {type: contains, value: "3"}
      - {type: rouge-n, value: x}
  - vars: {input: banana}
  - file://more.yaml
outputPath: out.json
"""


def _read(text: str, path: Path = Path("promptfooconfig.yaml")) -> Traveller:
    return PROMPTFOO.read(text, path)


def test_prompt_variables_and_model_are_read() -> None:
    file = _read(_FILE).file
    assert file.system_text == "Count {{letter}}{% if strict %} strictly{% endif %}.\n"
    assert [(each.role, each.text) for each in file.messages] == [("user", "{{input}}\n")]
    assert (file.head.variables["letter"].default, file.head.variables["times"].type) == ("r", "integer")
    assert (file.head.meta["model"], file.head.meta["options"]) == ("vendor:small", {"temperature": 0, "max_tokens": 5})


def test_tests_become_cases() -> None:
    assert _read(_FILE).cases == (
        {"id": "three", "input": "strawberry", "assert": [{"contains": "3"}]},
        {"id": "2", "input": "banana"},
    )
    assert _read(_FILE).file.head.asserts == ({"not-contains": "sorry"},)


def test_what_has_no_place_is_named_with_its_line() -> None:
    lost = {each.what: each.line for each in _read(_FILE).lost}
    assert lost == {
        "prompts[2]: second one": 6,
        "providers[2]: vendor:large": 10,
        "providers[1].config.apiKey": 8,
        "defaultTest.options": 14,
        "tests[1].threshold": 16,
        "assert: rouge-n": 16,
        "tests[3]: file://more.yaml": 23,
    }


def test_written_again_it_says_the_same() -> None:
    first = _read(_FILE)
    again = _read(PROMPTFOO.write(first).text)
    assert (again.file.head, again.cases) == (first.file.head, first.cases)
    assert [each.text for each in again.file.messages] == [each.text for each in first.file.messages]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"contains": "6"}, {"type": "contains", "value": "6"}),
        ({"not-regex": "^a"}, {"type": "not-regex", "value": "^a"}),
        ({"contains-any": ["a", "b"]}, {"type": "contains-any", "value": ["a", "b"]}),
        ({"ends-with": 'a"b'}, {"type": "javascript", "value": 'output.endsWith("a\\"b")'}),
        ({"max-length": 9}, {"type": "javascript", "value": "[...output].length <= 9"}),
        ({"json-schema": {"type": "object"}}, {"type": "is-json", "value": {"type": "object"}}),
        ({"type": "is-json"}, {"type": "is-json"}),
        ({"latency": 1.5}, {"type": "latency", "threshold": 1500}),
        ({"judge": "kind"}, {"type": "llm-rubric", "value": "kind"}),
        ({"python": "a.py:f"}, {"type": "python", "value": "file://a.py:f"}),
        (
            {"type": "similar", "value": "x", "threshold": 0.8, "weight": 2},
            {"type": "similar", "value": "x", "threshold": 0.8, "weight": 2},
        ),
    ],
)
def test_assertions_go_there_and_back(ours: dict[str, object], theirs: dict[str, object]) -> None:
    lost: list[Loss] = []
    assert assertion_to_theirs(ours, 1, lost) == theirs
    assert assertion_to_ours(theirs, 1, lost) == ours
    assert lost == []


@pytest.mark.parametrize(
    "theirs",
    [{"type": "javascript", "value": "output == 1"}, {"type": "bleu"}, {"type": "python", "value": "len(output) < 3"}],
)
def test_an_assertion_that_has_no_like_is_named(theirs: dict[str, object]) -> None:
    lost: list[Loss] = []
    assert assertion_to_ours(theirs, 7, lost) is None
    assert [(each.what, each.line) for each in lost] == [(f"assert: {theirs['type']}", 7)]


def test_a_prompt_in_a_file_beside_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("Hi {{name}}", encoding="utf-8")
    file = _read("prompts: [file://p.txt]\n", tmp_path / "promptfooconfig.yaml").file
    assert [(each.role, each.text) for each in file.messages] == [("user", "Hi {{name}}\n")]


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/passwd", "make.py"])
def test_no_other_file_is_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "c").mkdir()
    with pytest.raises(UsageError) as raised:
        _read(f"prompts:\n  - file://{name}\n", tmp_path / "c" / "promptfooconfig.yaml")
    assert raised.value.code == "prompt.bad-foreign"
    assert "promptfooconfig.yaml:2" in raised.value.message("en")


@pytest.mark.parametrize("text", ["prompts: []\n", "providers: [x]\n", "prompts: [3]\n", "prompts: [{label: a}]\n"])
def test_a_configuration_without_a_prompt_is_an_error(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        _read(text)
    assert raised.value.code == "prompt.bad-foreign"
