"""Run generators: take items until there are enough different ones, prove each right, keep the splits apart.

Each stream of items has a random source of its own, seeded by seed, generator, split and language: more letters do not
change the sums. Evaluation is made last and sees all training text, so that nothing of it stands there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from lianlu.core.errors import UsageError
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.records import Conversation, Sample, assistant, system, user
from lianlu.synth.generator import Generator, GeneratorConfig, Item, Material, Speech, Split
from lianlu.synth.generator import generator as find_generator

__all__ = ["Made", "make"]

_TRIES_FOR_EACH = 60
_FEWEST_TRIES = 2000
_LEFT_OUT = ("passage",)


@dataclass(frozen=True)
class Made:
    """What the generators gave; `counts` is generator -> split -> language -> items."""

    conversations: Sequence[Conversation]
    samples: Sequence[Sample]
    counts: Mapping[str, Mapping[str, Mapping[str, int]]]


def make(configs: Mapping[str, GeneratorConfig], material: Material, job: Job, *, system_share: float = 0.3) -> Made:
    """Make training conversations, in a shuffled order, and evaluation samples.

    Args:
        configs: settings by name of generator.
        system_share: how often a training conversation begins with one of the material's system prompts.

    Raises:
        UsageError: synth.no-documents, synth.too-few, synth.wrong-item, synth.nothing-made
    """
    chosen = {name: find_generator(name) for name in sorted(configs)}
    for name, each in chosen.items():
        if each.needs_documents and not material.documents:
            raise UsageError("synth.no-documents", generator=name)
    train = _items(chosen, configs, "train", material, job)
    texts = [f"{item.question}\n{item.answer}" for items in train.values() for item in items]
    texts += [document.markdown for document in material.documents]
    seen = {name: {item.key for item in items} for name, items in train.items()}
    material = replace(material, taken="\n".join(texts).casefold())
    held = _items(chosen, configs, "eval", material, job, seen)
    if not any((*train.values(), *held.values())):
        raise UsageError("synth.nothing-made")
    random = Random(f"{job.seed}/order")  # noqa: S311 - data, no secret
    conversations = [
        _conversation(name, item, material, random, system_share) for name, items in train.items() for item in items
    ]
    random.shuffle(conversations)
    return Made(conversations, list(_samples(chosen, held)), _counts(train, held))


def _items(
    chosen: Mapping[str, Generator],
    configs: Mapping[str, GeneratorConfig],
    split: Split,
    material: Material,
    job: Job,
    taken_keys: Mapping[str, set[str]] | None = None,
) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for name in job.track(sorted(chosen), split, unit="generators"):
        config = configs[name]
        wanted = config.train if split == "train" else config.eval
        keys = (taken_keys or {}).get(name, set())
        languages = list(dict.fromkeys(config.languages))
        found[name] = []
        for place, language in enumerate(languages):
            share = wanted // len(languages) + (place < wanted % len(languages))
            random = Random(f"{job.seed}/{name}/{split}/{language}")  # noqa: S311 - data, no secret
            stream = chosen[name].items(config, split, language, random=random, material=material)
            found[name] += _taken(chosen[name], config, stream, keys, share, (split, language), job)
    return found


def _taken(
    generator: Generator,
    config: GeneratorConfig,
    stream: Iterator[Item],
    keys: set[str],
    wanted: int,
    place: tuple[Split, Speech],
    job: Job,
) -> list[Item]:
    """The first `wanted` items that differ and share no key with the other split, each proved right."""
    found: list[Item] = []
    seen: set[tuple[str, str]] = set()
    tries = 0
    while len(found) < wanted and tries < max(_FEWEST_TRIES, wanted * _TRIES_FOR_EACH):
        item = next(stream, None)
        if item is None:
            break
        tries += 1
        if (item.question, item.system) in seen or item.key in keys:
            continue
        why = generator.fault(config, item)
        if why:
            raise UsageError("synth.wrong-item", generator=generator.name, why=why, question=item.question)
        seen.add((item.question, item.system))
        found.append(item)
        if len(found) % 1000 == 0:
            job.check()
    if len(found) < wanted:
        _tell_short(generator, len(found), wanted, "/".join(place), job)
    return found


def _tell_short(generator: Generator, found: int, wanted: int, split: str, job: Job) -> None:
    if not generator.needs_documents:
        raise UsageError("synth.too-few", generator=generator.name, found=found, wanted=wanted, split=split)
    name = generator.name
    job.note(
        Text(
            f"{name}, {split}: the documents give {found} of {wanted} items",
            f"{name}，{split}：文档只够生成 {found} 个，共要求 {wanted} 个",
        ),
        "warning",
    )


def _conversation(name: str, item: Item, material: Material, random: Random, share: float) -> Conversation:
    systems = [item.system] if item.system else material.systems(item.language)
    has_system = bool(item.system) or random.random() < share
    before = [system(random.choice(systems))] if systems and has_system else []
    meta: dict[str, Any] = {"generator": name, "language": item.language, "key": item.key}
    return Conversation(
        messages=(*before, user(item.question), assistant(item.answer)), source=f"synth:{name}", meta=meta
    )


def _samples(chosen: Mapping[str, Generator], held: Mapping[str, Sequence[Item]]) -> Iterator[Sample]:
    for name, items in held.items():
        for number, item in enumerate(items):
            before = [system(item.system)] if item.system else []
            facts = {fact: value for fact, value in item.facts.items() if fact not in _LEFT_OUT}
            about = {"checker": chosen[name].checker, "generator": name, "language": item.language, "key": item.key}
            yield Sample(
                id=f"{name}-{item.language}-{number:05d}",
                input=Conversation(messages=(*before, user(item.question))),
                targets=(item.target,),
                group=f"{name}/{item.language}",
                meta={**facts, **about, "system": bool(item.system)},
            )


def _counts(
    train: Mapping[str, Sequence[Item]], held: Mapping[str, Sequence[Item]]
) -> dict[str, dict[str, dict[str, int]]]:
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for split, made in (("train", train), ("eval", held)):
        for name, items in made.items():
            languages = sorted({item.language for item in items})
            counts.setdefault(name, {})[split] = {
                language: sum(item.language == language for item in items) for language in languages
            }
    return counts
