"""Vectors count only where they are seen to help."""

import pytest

from lianlu.rag.calibration import FEWEST_PROBES, Asked, best_weight, probe_of, sampled
from lianlu.rag.fusion import Candidates
from lianlu.records import Chunk, Span

ROWS = range(1, 30)
RANKED = [1.0 / row for row in ROWS]


def first(target: int) -> list[float]:
    return [1.0 if row == target else 1.0 / (row + 5) for row in ROWS]


def asked(target: int, lexical: list[float], dense: list[float]) -> Asked:
    return Asked(target, Candidates(ROWS, lexical, dense))


def test_vectors_that_only_disturb_get_no_weight() -> None:
    found = [asked(1, RANKED, first(2 + number % 20)) for number in range(40)]
    assert best_weight(found).weight == 0.0


def test_vectors_that_find_what_words_miss_get_a_weight() -> None:
    found = [asked(number % 20 + 1, RANKED, first(number % 20 + 1)) for number in range(40)]
    chosen = best_weight(found)
    assert chosen.weight > 0
    assert chosen.hybrid > chosen.lexical


def test_few_probes_are_chance() -> None:
    found = [asked(5, RANKED, first(5)) for _ in range(FEWEST_PROBES - 1)]
    assert best_weight(found).weight == 0.0


def test_a_gain_within_chance_is_no_gain() -> None:
    helped = [asked(2, RANKED, first(2))]
    same = [asked(1, RANKED, RANKED) for _ in range(60)]
    assert best_weight([*helped, *same]).weight == 0.0


def chunk(text: str) -> Chunk:
    return Chunk(document_id="d", ordinal=0, text=text, span=Span(start=0, end=len(text)))


def test_a_probe_is_a_sentence_that_is_no_longer_in_the_rest() -> None:
    text = "第一句讲的是安装的步骤。第二句讲的是训练时的显存占用。第三句讲的是部署之后的监控。"
    probe = probe_of(7, chunk(text))
    assert probe is not None
    assert probe.sentence in text
    assert probe.sentence not in probe.rest


@pytest.mark.parametrize("text", ["", "短。", "只有一句话，没有别的可以留下来。", "```\nx = 1\n```"])
def test_too_little_text_gives_no_probe(text: str) -> None:
    assert probe_of(1, chunk(text)) is None


def test_the_sample_does_not_depend_on_order() -> None:
    assert sampled(range(1000), 10) == sampled(list(reversed(range(1000))), 10)
