"""The numbers that refusal is weighed by, against the same worked out by hand."""

import math

import pytest

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.evidence import FEATURES, Evidence, evidence_of
from lianlu.rag.question import read_question

from .conftest import Make

IMAGINED = 50


def asked(base: KnowledgeBase, text: str) -> Evidence:
    question = read_question(text)
    return evidence_of(question, base.find(question, 8), base.index)


def rarity(chunks: int, having: int) -> float:
    """The weight of a term: its BM25 idf, with fifty chunks thought of beside those that are there."""
    return math.log1p((chunks + IMAGINED - having + 0.5) / (having + 0.5))


@pytest.fixture
def zoo(base: KnowledgeBase, make_document: Make) -> KnowledgeBase:
    base.put(
        [
            make_document("a.md", "zebra stripes"),
            make_document("b.md", "zebra food"),
            make_document("c.md", "lion food"),
        ]
    )
    return base


def test_all_that_the_passage_has_and_lacks_is_counted_by_rarity(zoo: KnowledgeBase) -> None:
    found = asked(zoo, "zebra stripes unicorn")
    in_one, in_two, in_none = rarity(3, 1), rarity(3, 2), rarity(3, 0)
    total = in_one + in_two + in_none
    assert found.coverage == pytest.approx((in_one + in_two) / total)
    assert found.matched == pytest.approx(math.log1p((in_one + in_two) / in_none))
    assert found.content == found.matched
    assert found.asked == pytest.approx(math.log1p(total / in_none))
    assert found.unknown == pytest.approx(in_none / total)
    assert (found.names_missing, found.names_found, found.subject, found.dense) == (0, 0, 0, 0)


def test_the_score_is_that_of_the_first_passage_in_what_one_term_can_give(zoo: KnowledgeBase) -> None:
    ((_, score),) = zoo.index.search("stripes", 1)
    assert asked(zoo, "stripes").score == pytest.approx(math.log1p(score / (2.5 * rarity(3, 0))))


def test_stop_words_count_a_tenth_and_are_no_content(zoo: KnowledgeBase) -> None:
    found = asked(zoo, "what about zebra")
    in_two, stop = rarity(3, 2), rarity(3, 0) / 10
    assert found.coverage == pytest.approx(in_two / (in_two + 2 * stop))
    assert found.unknown == 0.0


def test_names_are_told_apart(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document("a.md", "XTuner 支持 QLoRA 微调。")])
    found = asked(base, "XTuner 支持 DPO 吗")
    known, unknown = rarity(1, 1), rarity(1, 0)
    assert found.names_missing == pytest.approx(unknown / (known + unknown))
    assert found.names_found == pytest.approx(math.log1p(known / unknown))


def test_a_chinese_question_covers_an_english_page_by_its_names(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document("a.md", "LMDeploy listens on a port of its own.")])
    assert asked(base, "LMDeploy 用哪个 port").coverage == 1.0


def test_a_definition_is_looked_for_far_down(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document(f"{each}.md", "Lumen. " * 9) for each in range(6)])
    base.put(
        [make_document("z.md", "Lumen Core is what it is built on, as this long sentence goes on to say at length.")]
    )
    assert asked(base, "What is Lumen Core?").subject == 1.0
    assert asked(base, "What is Lumen Shell?").subject == -1.0
    assert asked(base, "Where does Lumen Core run?").subject == 0.0


def test_nothing_found_is_no_evidence(base: KnowledgeBase, zoo: KnowledgeBase) -> None:
    found = evidence_of(read_question("unicorn"), [], zoo.index)
    assert (found.coverage, found.matched, found.score, found.unknown) == (0.0, 0.0, 0.0, 1.0)


def test_the_same_in_any_order_of_hashing(zoo: KnowledgeBase) -> None:
    """Sums over sets are rounded once, so that a decision does not hang on the order of a set."""
    assert asked(zoo, "zebra stripes lion food") == asked(zoo, "food lion stripes zebra")


def test_values_stand_in_the_order_of_their_names() -> None:
    evidence = Evidence(coverage=0.5, dense=0.25)
    assert dict(zip(FEATURES, evidence.values, strict=True)) == {
        **dict.fromkeys(FEATURES, 0.0),
        "coverage": 0.5,
        "dense": 0.25,
    }
