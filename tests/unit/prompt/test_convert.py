from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lianlu.core.errors import UsageError
from lianlu.prompt.cases import cases_of
from lianlu.prompt.convert import convert, formats, read_prompt, write_prompt
from lianlu.prompt.file import read_file

Lianlu = Callable[..., Any]
_PROMPT = """---
# the team's own note
name: counter
description: counts letters
variables:
  letter: {type: string, default: r, description: which letter}
cases: counter.cases.yaml
knowledge: handbook
vote: 3
---
system:
# Role: counter

## Rules
1.count {{letter}} one by one
- never guess \\{{so}}

user:
{{input}}

assistant:
done

user:
again
"""
_CASES = """cases:
  - id: three
    input: strawberry
    vars: {letter: r}
    split: val
    assert: [{contains: "3"}, {max-length: 40}, {type: levenshtein, value: "3", threshold: 2, weight: 2}]
    good: "3"
  - id: talk
    turns: [{user: hi, assert: [{regex: "[?]"}]}, {user: A}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "counter.cases.yaml").write_text(_CASES, encoding="utf-8")
    path = tmp_path / "counter.md"
    path.write_text(_PROMPT, encoding="utf-8")
    return path


def _lost(path: Path, target: str) -> list[str]:
    return [each.what for each in convert(path, target).lost]


def test_the_same_framework_again_changes_nothing(file: Path) -> None:
    assert convert(file, "langgpt").text == _PROMPT


def test_another_framework_keeps_the_writers_own_front_matter(file: Path) -> None:
    text = convert(file, "costar").text
    assert text.startswith("---\nframework: costar\n# the team's own note\nname: counter\n")
    assert "user:\n{{input}}\n\nassistant:\ndone\n" in text


@pytest.mark.parametrize(
    ("target", "lost"),
    [
        ("prompty", ["cases", "knowledge", "vote"]),
        ("dotprompt", ["cases", "knowledge", "vote"]),
        ("promptfoo", ["case three: good", "case talk", "knowledge", "vote", "variables.letter", "name", "providers"]),
        ("skill", ["{{letter}}", "{{input}}", "user:", "assistant:", "cases", "knowledge", "vote"]),
        ("costar", ["cases: counter.cases.yaml"]),
    ],
)
def test_every_loss_is_named(file: Path, target: str, lost: list[str]) -> None:
    assert sorted(set(_lost(file, target))) == sorted(lost)


def test_a_loss_names_its_line(file: Path) -> None:
    lines = {each.what: each.line for each in convert(file, "promptfoo").lost}
    assert (lines["knowledge"], lines["vote"], lines["variables.letter"]) == (8, 9, 6)


@pytest.mark.parametrize("target", ["prompty", "dotprompt", "promptfoo"])
def test_messages_variables_and_front_matter_come_back(file: Path, tmp_path: Path, target: str) -> None:
    written = convert(file, target)
    path = tmp_path / "back" / next(iter(written.files))
    path.parent.mkdir()
    path.write_text(written.text, encoding="utf-8")
    back, first = read_prompt(path).file, read_prompt(file).file
    assert [(each.role, each.text.strip()) for each in back.messages] == [
        (each.role, each.text.strip()) for each in first.messages
    ]
    assert back.system_text.strip() == first.system_text.strip()
    assert back.variables["letter"].default == "r"
    if target != "promptfoo":
        assert (back.head.knowledge, back.head.vote, back.head.cases) == ("handbook", 3, "counter.cases.yaml")
        assert back.head.variables["letter"] == first.head.variables["letter"]


def test_tests_of_promptfoo_become_a_file_of_cases_and_go_back(file: Path, tmp_path: Path) -> None:
    config = tmp_path / "promptfooconfig.yaml"
    config.write_text(convert(file, "promptfoo").text, encoding="utf-8")
    written = convert(config, "langgpt")
    for name, text in written.files.items():
        (tmp_path / "o").mkdir(exist_ok=True)
        (tmp_path / "o" / name).write_text(text, encoding="utf-8")
    (case,) = cases_of(read_file(tmp_path / "o" / next(iter(written.files))))
    assert (case.id, case.split, case.vars, case.turns[0].said) == ("three", "val", {"letter": "r"}, "strawberry")
    assert [(each.name, each.value) for each in case.turns[0].asserts] == [
        ("contains", "3"),
        ("max-length", 40),
        ("levenshtein", "3"),
    ]
    assert case.turns[0].asserts[2].weight == 2


def test_crispe_is_sent_as_sentences_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "c.md"
    path.write_text(
        "---\nframework: crispe\n---\n## Capacity and Role\n\nAct as a poet.\n\n## Insight\n\nIt is spring.\n",
        encoding="utf-8",
    )
    written = convert(path, "prompty")
    assert "system:\nAct as a poet. It is spring.\n" in written.text
    assert [each.what for each in written.lost] == ["crispe: labels"]


def test_an_include_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("- be brief\n", encoding="utf-8")
    path = tmp_path / "p.md"
    path.write_text("# Role: x\n\n## Rules\n{{> rules.md}}\n", encoding="utf-8")
    assert "## Rules\n- be brief\n" in convert(path, "prompty").text


def test_a_prompt_of_maps_becomes_markdown(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"Role": {"name": "poet", "Rules": ["rhyme"]}}', encoding="utf-8")
    assert convert(path, "langgpt").text == "# Role: poet\n\n## Rules\n\n- rhyme\n"


def test_code_of_a_template_survives_our_own_file(tmp_path: Path) -> None:
    path = tmp_path / "a.prompty"
    body = "system:\n{% if x %}Hi {{ x | upper }}{% endif %} {{y}}\n\nuser:\n{{question}}\n"
    path.write_text(f"---\nname: a\n---\n{body}", encoding="utf-8")
    (tmp_path / "a.md").write_text(convert(path, "langgpt").text, encoding="utf-8")
    assert list(read_file(tmp_path / "a.md").variables) == ["y", "question"]
    back = convert(tmp_path / "a.md", "prompty")
    assert back.text.endswith(body)
    assert [each.what for each in back.lost] == []
    assert [each.what for each in convert(tmp_path / "a.md", "dotprompt").lost] == [
        *("{% if x %}", "{{ x | upper }}", "{% endif %}")
    ]


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.prompty", "hi\n", "prompty"),
        ("a.prompt", "hi\n", "dotprompt"),
        ("promptfooconfig.yaml", "prompts: [hi]\n", "promptfoo"),
        ("eval.yml", "prompts: [hi]\nproviders: [x]\n", "promptfoo"),
        ("x/SKILL.md", "---\nname: x\ndescription: d\n---\nhi\n", "skill"),
        ("a.md", "# Role: x\n", ""),
        ("a.yaml", "Role: x\n", ""),
    ],
)
def test_a_format_is_recognised_by_name_and_content(tmp_path: Path, name: str, text: str, format: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    assert read_prompt(path).is_own == (format == "")


class TestVerb:
    def test_it_prints_the_text_and_names_losses_on_stderr(self, lianlu: Lianlu, file: Path) -> None:
        printed = lianlu("prompt", "convert", file, "--to", "prompty")
        assert printed.code == 0
        assert printed.out.startswith("---\nname: counter\n")
        assert f"lost: vote ({file}:9): " in printed.err

    def test_json_lists_what_is_lost(self, lianlu: Lianlu, file: Path) -> None:
        shown = json.loads(lianlu("prompt", "convert", file, "--to", "dotprompt", "--json").out)
        assert {key: shown["lost"][-1][key] for key in ("what", "line")} == {"what": "vote", "line": 9}
        assert all(each["why"] for each in shown["lost"])

    def test_a_skill_is_a_folder(self, lianlu: Lianlu, file: Path, tmp_path: Path) -> None:
        assert lianlu("prompt", "convert", file, "--to", "skill", "--out", tmp_path / "s").code == 0
        assert (tmp_path / "s" / "counter" / "SKILL.md").is_file()

    def test_nothing_is_overwritten(self, lianlu: Lianlu, file: Path, tmp_path: Path) -> None:
        printed = lianlu("prompt", "convert", file, "--to", "costar", "--out", tmp_path)
        assert (printed.code, "prompt.exists" in printed.err) == (2, True)
        assert file.read_text(encoding="utf-8") == _PROMPT

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (("--to", "langgtp"), "prompt.unknown-format"),
            (("--to", "prompty", "--from", "yaml"), "prompt.unknown-format"),
        ],
    )
    def test_an_unknown_format_gets_a_hint(
        self, lianlu: Lianlu, file: Path, arguments: tuple[str, ...], code: str
    ) -> None:
        printed = lianlu("prompt", "convert", file, *arguments)
        assert (printed.code, code in printed.err, "hint" in printed.err) == (2, True, True)


@pytest.mark.parametrize("target", ["prompty", "dotprompt", "promptfoo", "skill", "langgpt"])
@pytest.mark.parametrize("name", ["a.prompty", "a.prompt", "SKILL.md", "promptfooconfig.yaml"])
def test_every_format_can_be_written_from_every_other(tmp_path: Path, name: str, target: str) -> None:
    texts = {"promptfooconfig.yaml": "prompts: ['hi {{you}}']\n"}
    path = tmp_path / name
    path.write_text(texts.get(name, "---\nname: a\ndescription: b\n---\nhi {{you}}\n"), encoding="utf-8")
    assert "you}}" in write_prompt(read_prompt(path), target).text


def test_all_targets_are_listed() -> None:
    wanted = {"langgpt", "costar", "crispe", "prompty", "dotprompt", "promptfoo", "skill"}
    assert wanted <= set(formats())


@pytest.mark.parametrize("suffix", [".prompty", ".prompt", ".yaml"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("---\nname: [a\n---\nx\n", "recipe.not-yaml"),
        ("---\nname: a\nname: b\n---\nx\n", "recipe.duplicate-key"),
        ("---\na: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
         "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n---\nx\n", "recipe.too-large"),
        ("---\nname: !!python/name:os.system x\n---\nx\n", "recipe.not-yaml"),
    ],
    ids=["broken", "twice", "bomb", "tag"],
)  # fmt: skip
def test_hostile_yaml_ends_in_one_clear_error(tmp_path: Path, suffix: str, text: str, code: str) -> None:
    path = tmp_path / f"promptfooconfig{suffix}"
    path.write_text(text.replace("---\n", "").replace("x\n", "") if suffix == ".yaml" else text, encoding="utf-8")
    from lianlu.core.errors import LianluError

    with pytest.raises(LianluError) as raised:
        read_prompt(path)
    assert raised.value.code == code
    assert str(path) in raised.value.message("en")


def test_an_environment_reference_is_never_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "hunter2")
    path = tmp_path / "a.prompty"
    path.write_text(
        "---\nname: a\ndescription: ${env:OPENAI_API_KEY}\nmodel:\n  id: m\n  connection:\n    apiKey: ${env:OPENAI_API_KEY}\n---\nx\n",
        encoding="utf-8",
    )
    for target in formats():
        assert "hunter2" not in convert(path, target).text
    assert "apiKey: ${env:OPENAI_API_KEY}" in convert(path, "prompty").text
    assert "apiKey" not in convert(path, "langgpt").text


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        convert(tmp_path / "no.prompty", "langgpt")
    assert raised.value.code == "file.missing"
