"""A benchmark: one short YAML file and a file of samples. Knows how questions are worded, not who answers them.

A benchmark may come without samples (`letters`: they are made by `synth`), and samples may come without a benchmark: then
each sample's own `meta.extractor`, or else the kind of its targets, says how its answer is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import msgspec
from pydantic import Field, field_validator

from lianlu.core import registry
from lianlu.core.errors import DataError, UsageError
from lianlu.core.hashing import canonical_json, digest
from lianlu.core.i18n import Text, suggest
from lianlu.core.recipe import Recipe, check, read_tree
from lianlu.evaluate.extract import EXTRACTORS, LETTERS
from lianlu.records import Conversation, Message, Sample, TextPart, assistant

__all__ = ["SAMPLES", "Benchmark", "BenchmarkFile", "MessageTemplate", "open_benchmark", "place_of", "read_samples"]

SAMPLES = "samples.jsonl"
_EXAMPLES = {
    "free": '{"id": "q1", "input": "1+1=?", "targets": ["2"]}',
    "choice": '{"id": "q1", "input": "1+1=?", "choices": ["1", "2"], "targets": ["B"]}',
}


class MessageTemplate(Recipe):
    """A message around the question."""

    role: Literal["system", "user", "assistant"] = Field(description="who says it")
    text: str = Field(description="what is said; {input} and {options} stand for the sample")


class BenchmarkFile(Recipe):
    """What a benchmark's YAML file says."""

    kind: Literal["benchmark"] = Field(default="benchmark", description="always `benchmark`")
    version: int = Field(default=1, ge=1, description="raised whenever scores may change")
    name: str = Field(pattern=r"^[\w][\w.-]*$", description="name in tables and on the command line")
    title: dict[Literal["en", "zh"], str] = Field(default={}, description="one line in both languages")
    source: str = Field(default="", description="where the questions come from")
    licence: str = Field(default="", description="SPDX identifier of the licence of the data")
    samples: str | None = Field(default=None, description="file of samples beside this one; none where you bring them")
    shots: str | None = Field(default=None, description="file of solved samples that --shots shows first")
    answer: Literal["choice", "free"] = Field(default="free", description="pick an option, or write an answer")
    extractor: Literal["auto", "contains", "exact", "letter", "number"] = Field(
        default="auto", description="how an answer is read; `auto` asks each sample"
    )
    max_tokens: int = Field(default=256, ge=1, description="longest answer, in tokens")
    messages: list[MessageTemplate] = Field(
        default=[MessageTemplate(role="user", text="{input}")], min_length=1, description="how a chat model is asked"
    )
    plain: str = Field(
        default="{shots}{input}\n{options}\nAnswer: ",
        description="the text whose next letter is scored by likelihood, without a chat template",
    )
    parts: list[str] = Field(default=[], description="facts of the samples by whose values scores are shown too")
    groups: dict[str, dict[Literal["en", "zh"], str]] = Field(
        default={}, description="the groups of the samples with their names; any other group is an error"
    )

    @field_validator("messages")
    @classmethod
    def _ends_with_a_question(cls, messages: list[MessageTemplate]) -> list[MessageTemplate]:
        if messages[-1].role != "user" or "{input}" not in messages[-1].text:
            raise ValueError("the last message is the user's and holds {input}")
        return messages


@dataclass(frozen=True)
class Benchmark:
    """Questions with their wording.

    Attributes:
        of: how many samples there were before a limit.
        files: what it was read from, for fingerprints and lineage.
    """

    file: BenchmarkFile
    samples: tuple[Sample, ...]
    shots: tuple[Sample, ...] = ()
    of: int = 0
    files: tuple[Path, ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def title(self) -> Text:
        english = self.file.title.get("en", self.name)
        return Text(english, self.file.title.get("zh", english))

    @property
    def prompt_id(self) -> str:
        """Hash of all that shapes a question and the reading of its answer: equal ids make scores comparable."""
        worded = self.file.model_dump(mode="json", include={"messages", "plain", "extractor", "max_tokens", "answer"})
        return digest("prompt", canonical_json(worded), canonical_json(list(self.shots)))[:12]

    def group_title(self, group: str) -> Text:
        names = self.file.groups.get(group, {})
        return Text(names.get("en", group), names.get("zh", group))

    def extractor(self, sample: Sample) -> str:
        """The name of the reader of this sample's answers."""
        if self.file.extractor != "auto":
            return self.file.extractor
        if sample.choices:
            return "letter"
        own = _own_extractor(sample)
        if own is not None:
            return str(own)
        return "number" if all(target.lstrip("-").isdecimal() for target in sample.targets) else "contains"

    def limited(self, limit: int | None) -> Benchmark:
        """At most `limit` samples, taken from the groups in turn so that each is seen, in the order they stand."""
        if limit is None or limit >= len(self.samples):
            return self
        seen: dict[str, int] = {}
        turns: list[tuple[int, int]] = []
        for place, sample in enumerate(self.samples):
            turns.append((seen.setdefault(sample.group, 0), place))
            seen[sample.group] += 1
        kept = sorted(place for _, place in sorted(turns)[:limit])
        return replace(self, samples=tuple(self.samples[place] for place in kept))

    def named(self, name: str) -> Benchmark:
        """The same benchmark under another name."""
        return replace(self, file=self.file.model_copy(update={"name": name}))

    def with_shots(self, count: int) -> Benchmark:
        """Show the first `count` solved samples before each question. Raises UsageError evaluate.few-shots."""
        if count > len(self.shots):
            raise UsageError("evaluate.few-shots", name=self.name, has=len(self.shots), wanted=count)
        return replace(self, shots=self.shots[:count])

    def conversation(self, sample: Sample) -> Conversation:
        """What a chat model is asked."""
        *before, last = self.file.messages
        told = tuple(_message(template.role, template.text) for template in before)
        shown = [
            message
            for shot in self.shots
            for message in (_message(last.role, _filled(last.text, shot)), assistant(shot.targets[0]))
        ]
        if isinstance(sample.input, Conversation):
            return Conversation(messages=(*told, *shown, *sample.input.messages), tools=sample.input.tools)
        return Conversation(messages=(*told, *shown, _message(last.role, _filled(last.text, sample))))

    def bare_text(self, sample: Sample) -> str:
        """The messages one below the other, for a model that knows no chat."""
        return "".join(f"{message.text}\n" for message in self.conversation(sample).messages)

    def plain_text(self, sample: Sample) -> str:
        """What stands before the letter that is scored."""
        shown = "".join(f"{_filled(self.file.plain, shot, '')}{shot.targets[0]}\n\n" for shot in self.shots)
        return _filled(self.file.plain, sample, shown)


def open_benchmark(spec: str, *, samples: Path | None = None) -> Benchmark:
    """Open a benchmark by name, by file, or by NAME=FILE: the wording of NAME with the samples of FILE.

    A folder stands for its samples.jsonl. Samples alone are a benchmark named after their file.

    Args:
        samples: the file of samples to use instead of the benchmark's own.

    Raises:
        UsageError: evaluate.unknown-benchmark, evaluate.no-samples, evaluate.which-file, file.missing, recipe.*
        DataError: evaluate.bad-sample, evaluate.empty-benchmark
    """
    if spec in registry.names("benchmark"):
        return _open(registry.find("benchmark", spec)(), samples)
    name, equals, rest = spec.partition("=")
    if equals and rest and "/" not in name:
        if name in registry.names("benchmark"):
            return open_benchmark(name, samples=place_of(Path(rest)))
        return open_benchmark(rest, samples=samples).named(name)
    path = Path(spec)
    if not path.exists():
        if path.suffix in (".yaml", ".yml", ".jsonl") or "/" in spec:
            raise UsageError("file.missing", path=spec)
        raise UsageError("evaluate.unknown-benchmark", name=spec, suggestion=suggest(spec, registry.names("benchmark")))
    if path.suffix in (".yaml", ".yml"):
        return _open(path, samples)
    return _inferred(place_of(path))


def place_of(path: Path) -> Path:
    """The file of samples at `path`: itself, or in a folder its samples.jsonl or only .jsonl file.

    Raises:
        UsageError: evaluate.which-file, file.missing
    """
    if not path.is_dir():
        if not path.exists():
            raise UsageError("file.missing", path=str(path))
        return path
    found = sorted(path.glob("*.jsonl"))
    if path / SAMPLES in found:
        return path / SAMPLES
    if len(found) == 1:
        return found[0]
    raise UsageError("evaluate.which-file", place=str(path), found=", ".join(each.name for each in found) or "-")


def read_samples(path: Path, file: BenchmarkFile) -> tuple[Sample, ...]:
    """Read and check every line.

    Raises:
        UsageError: file.missing, file.unreadable
        DataError: evaluate.bad-sample with file:line, evaluate.empty-benchmark
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        raise UsageError("file.missing", path=str(path)) from None
    except OSError as error:
        raise UsageError("file.unreadable", path=str(path), why=error.strerror or str(error)) from None
    decoder, seen, samples = msgspec.json.Decoder(Sample), set[str](), list[Sample]()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        why, sample = "", None
        try:
            sample = decoder.decode(line)
            why = _wrong(sample, file, seen)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            why = str(error)
        if sample is None or why:
            raise DataError("evaluate.bad-sample", at=f"{path}:{number}", why=why, example=_EXAMPLES[file.answer])
        seen.add(sample.id)
        samples.append(_lettered(sample))
    if not samples:
        raise DataError("evaluate.empty-benchmark", path=str(path))
    return tuple(samples)


def _wrong(sample: Sample, file: BenchmarkFile, seen: set[str]) -> str:
    """What is wrong with a sample; empty where nothing is."""
    own = _own_extractor(sample)
    if not sample.id or sample.id in seen:
        return f"the id {sample.id!r} stands twice" if sample.id else "the id is empty"
    if not sample.targets or not all(target.strip() for target in sample.targets):
        return "targets are missing or empty"
    if isinstance(sample.input, str) and not sample.input.strip():
        return "the input is empty"
    if file.groups and sample.group not in file.groups:
        return f"the group {sample.group!r} is none of {', '.join(file.groups)}"
    if own is not None and own not in EXTRACTORS:
        return f"the extractor {own!r} is none of {', '.join(EXTRACTORS)}"
    return _wrong_choices(sample, file)


def _own_extractor(sample: Sample) -> object:
    """How the sample itself wants its answer read: `synth` calls that its checker."""
    return sample.meta.get("extractor", sample.meta.get("checker"))


def _wrong_choices(sample: Sample, file: BenchmarkFile) -> str:
    if file.answer == "choice" and not isinstance(sample.input, str):
        return "the input of a choice question is text"
    if file.answer == "choice" and not sample.choices:
        return "choices are missing"
    if not sample.choices:
        return ""
    letters = LETTERS[: len(sample.choices)]
    if not 2 <= len(sample.choices) <= len(LETTERS):
        return f"{len(sample.choices)} choices; 2 to {len(LETTERS)} can be lettered"
    if len(set(sample.choices)) < len(sample.choices):
        return "two choices are the same"
    outside = [each for each in sample.targets if each not in sample.choices and (len(each) > 1 or each not in letters)]
    return f"the target {outside[0]!r} is neither a letter of {letters} nor a choice" if outside else ""


def _lettered(sample: Sample) -> Sample:
    """Targets of a choice question as letters, whichever way they were written."""
    if not sample.choices:
        return sample
    targets = tuple(LETTERS[sample.choices.index(each)] if each in sample.choices else each for each in sample.targets)
    return msgspec.structs.replace(sample, targets=targets)


def _open(path: Path, samples: Path | None) -> Benchmark:
    tree = read_tree(path, environment={})
    file = check(tree, BenchmarkFile, "benchmark")
    if file.answer == "choice":
        for place, text in (("messages", file.messages[-1].text), ("plain", file.plain)):
            if "{options}" not in text:
                why = f"{place} of a choice question hold {{options}}"
                raise UsageError("evaluate.bad-template", at=tree.at((place,)), why=why)
    if samples is None and file.samples is None:
        raise UsageError("evaluate.no-samples", name=file.name)
    place = samples or path.parent / str(file.samples)
    shots = path.parent / file.shots if file.shots else None
    read = _of_this(read_samples(place, file), file, place)
    return Benchmark(
        file=file,
        samples=read,
        shots=read_samples(shots, file) if shots else (),
        of=len(read),
        files=tuple(each for each in (path, place, shots) if each is not None),
    )


def _of_this(samples: tuple[Sample, ...], file: BenchmarkFile, place: Path) -> tuple[Sample, ...]:
    """Of samples that several generators wrote into one file, those of the generator with the benchmark's name."""
    kept = tuple(sample for sample in samples if sample.meta.get("generator", file.name) == file.name)
    if not kept:
        raise DataError("evaluate.empty-benchmark", path=f"{place} ({file.name})")
    return kept


def _inferred(path: Path) -> Benchmark:
    """Samples alone: a choice benchmark where each has choices, else free answers read as each sample says."""
    name = path.resolve().parent.name if path.name == SAMPLES else path.stem
    safe = "".join(char if char.isalnum() or char in "._-" else "-" for char in name).strip("._-") or "samples"
    free = BenchmarkFile(name=safe)
    read = read_samples(path, free)
    if all(sample.choices for sample in read):
        asked = MessageTemplate(role="user", text="{input}\n{options}\nAnswer with the letter of the right option: ")
        file = BenchmarkFile(name=safe, answer="choice", extractor="letter", messages=[asked], max_tokens=64)
        read = read_samples(path, file)
        return Benchmark(file=file, samples=read, of=len(read), files=(path,))
    return Benchmark(file=free, samples=read, of=len(read), files=(path,))


def _message(role: Literal["system", "user", "assistant"], text: str) -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def _filled(template: str, sample: Sample, shots: str = "") -> str:
    """The template with the sample's words; braces in those words mean nothing."""
    options = "\n".join(f"{LETTERS[index]}. {choice}" for index, choice in enumerate(sample.choices))
    words: Mapping[str, str] = {
        "shots": shots,
        "input": sample.input if isinstance(sample.input, str) else "",
        "options": options,
    }
    return _replaced(template, words)


def _replaced(template: str, words: Mapping[str, str]) -> str:
    """All fields at once, so that a question about `{options}` stays one."""
    return re.sub(r"\{(shots|input|options)\}", lambda match: words[match[1]], template)
