"""Which sentences say most: like the others, unlike each other, from every part, in the language and on the question asked."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lianlu.core import registry
from lianlu.core.job import Job
from lianlu.rag.gist import Gist, gist_of, most_telling
from lianlu.rag.quotable import Quotables, is_chinese, quotable
from lianlu.records import Document

from .conftest import Make

PUMPS = """# Pumps

The water pump moves water from the well to the tank.

## Power

The water pump needs 200 watts of electric power. A fuse of 10 amperes protects the electric motor.

## Care

Clean the filter of the water pump every month. A dirty filter halves the flow of water.

## Licence

This text is published under a free licence."""

BOATS_ZH = """# 水泵

水泵把井水抽到水箱，每分钟二十升。

## 供电

水泵需要两百瓦电力，由十安的保险丝保护。停电时可以改用手摇装置抽水。

## 保养

水泵的滤网每月清洗一次，滤网脏了水流就会减半。冬天要把管道里的水排空，以免冻裂。"""


def chosen(documents: list[Document], points: int = 3, **wishes: object) -> tuple[list[str], list[str]]:
    found = quotable(documents)
    gist = gist_of(found, documents, points, **wishes)  # type: ignore[arg-type]
    return [found.units[at].text for at in gist.overview], [found.units[at].text for at in gist.points]


def test_the_overview_opens_the_document_and_the_points_cover_its_sections(make_document: Make) -> None:
    overview, points = chosen([make_document("a.md", PUMPS)])
    assert overview[0] == "The water pump moves water from the well to the tank."
    assert "The water pump needs 200 watts of electric power." in [*overview, *points]
    assert "Clean the filter of the water pump every month." in [*overview, *points]
    assert not set(overview) & set(points)


def test_a_licence_is_no_key_point(make_document: Make) -> None:
    overview, points = chosen([make_document("a.md", PUMPS)], points=20)
    assert not any("licence" in each for each in [*overview, *points])


def test_chinese_is_summed_up_without_a_dictionary(make_document: Make) -> None:
    overview, points = chosen([make_document("a.md", BOATS_ZH)], points=2)
    assert overview[0] == "水泵把井水抽到水箱，每分钟二十升。"
    assert len(points) >= 1


def test_what_says_the_same_is_chosen_once(make_document: Make) -> None:
    text = "\n\n".join(f"The water pump number {each} moves clean water to the large tank." for each in "abcdef")
    _, points = chosen([make_document("a.md", text + "\n\nSailors fear storms at sea in winter.")], points=5)
    assert sum("water pump" in each for each in points) <= 1


def test_a_focus_chooses_what_bears_on_it(make_document: Make) -> None:
    overview, points = chosen([make_document("a.md", PUMPS)], points=2, focus="How is the filter cleaned?")
    assert (len(points), overview) == (2, []), "two sentences need no overview"
    assert all("filter" in each for each in points)


def test_a_focus_that_nothing_bears_on_leaves_something(make_document: Make) -> None:
    overview, points = chosen([make_document("a.md", PUMPS)], points=2, focus="Zebra crossings in Oslo?")
    assert [*overview, *points]


def test_sentences_of_the_preferred_language_go_first(make_document: Make) -> None:
    documents = [make_document("a.md", PUMPS), make_document("b.md", BOATS_ZH)]
    for is_zh in (True, False):
        _, points = chosen(documents, points=2, is_zh=is_zh)
        assert {is_chinese(each) for each in points} == {is_zh}


def test_every_document_of_a_folder_has_its_part(make_document: Make) -> None:
    long = "\n\n".join(
        f"The {part} of the engine number {number} is oiled." for number, part in enumerate("abcdefghij")
    )
    others = {
        "sail": "Cloth that catches wind drives a yacht forward.",
        "anchor": "Heavy iron on a chain holds ships in harbours.",
        "rudder": "Turning the blade astern steers towards land.",
        "compass": "Needles point north because magnets line up.",
    }
    documents = [make_document("engine.md", long)]
    documents += [make_document(f"{name}.md", f"# {name}\n\n{text}") for name, text in others.items()]
    overview, points = chosen(documents, points=5)
    assert sum(each in [*overview, *points] for each in others.values()) >= 3


def test_nothing_to_quote_gives_nothing() -> None:
    assert gist_of(Quotables(), [], 5) == Gist()


def test_a_single_sentence_is_the_one_point(make_document: Make) -> None:
    assert chosen([make_document("a.md", "The pump moves water.")]) == ([], ["The pump moves water."])


def test_signs_without_a_word_do_no_harm(make_document: Make) -> None:
    document = make_document("a.md", "αβγδε ζηθικ.\n\nЭто насос для воды.\n\nこれはポンプです。")
    assert chosen([document])[1]


@pytest.mark.parametrize("limit", [0, 1, 2, 9])
def test_most_telling_gives_at_most_so_many_in_their_order(limit: int) -> None:
    texts = ["The pump moves water.", "The pump moves clean water.", "Boats sail in the wind."]
    picked = most_telling(texts, limit)
    assert picked == sorted(set(picked))
    assert len(picked) == min(limit, 3)
    if limit == 2:
        assert 2 in picked, "the other two say the same"


@pytest.mark.skipif("LIANLU_TEST_DATA" not in os.environ, reason="LIANLU_TEST_DATA is not set")
@pytest.mark.parametrize("name", ["xtuner_docs/docs/zh_cn", "lmdeploy_docs/docs/en"])
def test_more_sections_are_told_of_than_by_the_first_sentences(name: str) -> None:
    """Headings of which a content word stands in the summary, page by page, against as many sentences from the top."""
    from lianlu.text.tokens import content_terms

    folder = Path(os.environ["LIANLU_TEST_DATA"]) / name
    files = sorted(folder.rglob("*.md"))[:40]
    documents, _ = registry.find("source", "files")([(path, path.name) for path in files], Job("read"))
    ours, first = [], []
    for document in documents:
        found = quotable([document])
        headings = [content_terms(each.headings[-1]) for each in found.sections if each.headings]
        if len(headings) < 5:
            continue
        gist = gist_of(found, [document], 6)
        picked = [*gist.overview, *gist.points]
        for numbers, told in ((picked, ours), (range(len(picked)), first)):
            said = set().union(*(content_terms(found.units[at].text) for at in numbers))
            told.append(sum(bool(heading & said) for heading in headings) / len(headings))
    assert len(ours) >= 10
    assert np.mean(ours) > np.mean(first) + 0.05
    print(name, len(ours), round(float(np.mean(ours)), 3), round(float(np.mean(first)), 3))
