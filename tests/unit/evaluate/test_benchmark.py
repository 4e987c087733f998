"""Benchmarks by name, by file and by both; bad lines are named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lianlu.core import registry
from lianlu.core.errors import DataError, LianluError, UsageError
from lianlu.evaluate.benchmark import open_benchmark
from lianlu.records import Conversation, Sample, system, user

from .making import benchmark_of, sums, write_samples

CHOICE = Sample(id="c1", input="1+1=?", choices=("1", "2"), targets=("B",))


@pytest.mark.parametrize("name", registry.names("benchmark"))
def test_each_built_in_opens_with_samples_that_fit_it(name: str, tmp_path: Path) -> None:
    if name == "zh-choice":
        assert open_benchmark(name).file.answer == "choice"
        return
    path = write_samples(tmp_path / "s.jsonl", sums(3))
    found = open_benchmark(f"{name}={path}")
    assert (found.name, len(found.samples), found.file.licence) == (name, 3, "CC0-1.0")
    with pytest.raises(UsageError) as raised:
        open_benchmark(name)
    assert raised.value.code == "evaluate.no-samples"


def test_samples_of_several_generators_are_told_apart(tmp_path: Path) -> None:
    made = [
        Sample(id=f"{name}-{n}", input="?", targets=("1",), meta={"generator": name, "checker": "number"})
        for name in ("letters", "identity")
        for n in range(2)
    ]
    path = write_samples(tmp_path / "samples.jsonl", made)
    assert [each.id for each in open_benchmark(f"letters={path}").samples] == ["letters-0", "letters-1"]
    with pytest.raises(DataError, match="no samples"):
        open_benchmark(f"cloze={path}")


def test_samples_alone_are_a_benchmark(tmp_path: Path) -> None:
    free = benchmark_of(tmp_path / "sums.jsonl", sums(2))
    assert (free.name, free.file.answer, free.extractor(free.samples[0])) == ("sums", "free", "number")
    choice = benchmark_of(tmp_path / "mine" / "samples.jsonl", [CHOICE])
    assert (choice.name, choice.file.answer, choice.extractor(CHOICE)) == ("mine", "choice", "letter")
    assert open_benchmark(str(tmp_path / "mine")).samples == choice.samples


def test_a_sample_says_how_its_answer_is_read(tmp_path: Path) -> None:
    words = Sample(id="w", input="name?", targets=("Ann",))
    told = Sample(id="t", input="name?", targets=("Ann",), meta={"checker": "exact"})
    found = benchmark_of(tmp_path / "s.jsonl", [words, told])
    assert [found.extractor(each) for each in found.samples] == ["contains", "exact"]


def test_a_limit_takes_from_every_group(tmp_path: Path) -> None:
    samples = [Sample(id=f"{group}{n}", input="?", targets=("1",), group=group) for group in "abc" for n in range(9)]
    found = benchmark_of(tmp_path / "s.jsonl", samples).limited(4)
    assert [each.id for each in found.samples] == ["a0", "a1", "b0", "c0"]
    assert found.of == 27


def test_shots_stand_before_the_question() -> None:
    zh = open_benchmark("zh-choice").with_shots(2)
    messages = zh.conversation(zh.samples[0]).messages
    assert [each.role for each in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1].text == zh.shots[0].targets[0]
    plain = zh.plain_text(zh.samples[0])
    assert plain.count("答案：") == 3
    assert plain.endswith("答案：")
    assert zh.prompt_id != open_benchmark("zh-choice").with_shots(0).prompt_id


def test_more_shots_than_there_are_is_refused() -> None:
    with pytest.raises(UsageError) as raised:
        open_benchmark("zh-choice").with_shots(99)
    assert raised.value.code == "evaluate.few-shots"


def test_braces_in_a_question_mean_nothing(tmp_path: Path) -> None:
    found = benchmark_of(tmp_path / "s.jsonl", [Sample(id="b", input="what is {options} or {x}?", targets=("1",))])
    assert found.conversation(found.samples[0]).messages[-1].text == "what is {options} or {x}?"


def test_a_conversation_is_asked_as_it_is(tmp_path: Path) -> None:
    asked = Conversation(messages=(system("be brief"), user("name?")))
    found = benchmark_of(tmp_path / "s.jsonl", [Sample(id="c", input=asked, targets=("Ann",))])
    assert found.conversation(found.samples[0]) == asked
    assert found.bare_text(found.samples[0]) == "be brief\nname?\n"


BAD_LINES = {
    "not JSON": b'{"id": "a", ',
    "another shape": b'{"id": 3}',
    "no id": b'{"id": "", "input": "?", "targets": ["1"]}',
    "no targets": b'{"id": "b", "input": "?"}',
    "an empty target": b'{"id": "b", "input": "?", "targets": [" "]}',
    "an empty input": b'{"id": "b", "input": " ", "targets": ["1"]}',
    "the same id": b'{"id": "s001", "input": "?", "targets": ["1"]}',
    "one choice": b'{"id": "b", "input": "?", "targets": ["A"], "choices": ["x"]}',
    "equal choices": b'{"id": "b", "input": "?", "targets": ["A"], "choices": ["x", "x"]}',
    "a target outside": b'{"id": "b", "input": "?", "targets": ["E"], "choices": ["x", "y"]}',
    "an unknown checker": b'{"id": "b", "input": "?", "targets": ["1"], "meta": {"checker": "vibes"}}',
    "not UTF-8": b'{"id": "b", "input": "\xff", "targets": ["1"]}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = write_samples(tmp_path / "s.jsonl", sums(1))
    path.write_bytes(path.read_bytes() + b"\n" + line + b"\n")
    with pytest.raises(DataError) as raised:
        open_benchmark(str(path))
    assert raised.value.code == "evaluate.bad-sample"
    assert f"{path}:3" in raised.value.message("zh")


BAD_FILES = {
    "misspelt key": ("nmae: x\n", "recipe.unknown-key"),
    "no name": ("kind: benchmark\n", "recipe.missing-key"),
    "no options": ("name: x\nanswer: choice\n", "evaluate.bad-template"),
    "no input": ("name: x\nmessages: [{role: user, text: hello}]\n", "recipe.bad-value"),
    "samples gone": ("name: x\nsamples: gone.jsonl\n", "file.missing"),
    "not YAML": ("name: [\n", "recipe.not-yaml"),
}


@pytest.mark.parametrize(("text", "code"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_benchmark_file_is_refused(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(UsageError) as raised:
        open_benchmark(str(tmp_path / "b.yaml"))
    assert raised.value.code == code


def test_what_is_not_there_is_named_with_its_neighbours(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="zh-chioce") as raised:
        open_benchmark("zh-chioce")
    assert "zh-choice" in raised.value.hint()
    for spec in ("gone.jsonl", "a/b", f"letters={tmp_path / 'gone.jsonl'}"):
        with pytest.raises(LianluError) as missing:
            open_benchmark(spec)
        assert missing.value.code == "file.missing"
    (tmp_path / "empty.jsonl").write_bytes(b"\n\n")
    with pytest.raises(DataError, match="no samples"):
        open_benchmark(str(tmp_path / "empty.jsonl"))
    for name in ("a", "b"):
        write_samples(tmp_path / "two" / f"{name}.jsonl", sums(1))
    with pytest.raises(UsageError) as which:
        open_benchmark(str(tmp_path / "two"))
    assert which.value.code == "evaluate.which-file"
