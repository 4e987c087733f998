from __future__ import annotations

from random import Random

from lianlu.records import Block, Document, Source
from lianlu.synth import Material
from lianlu.synth.cloze import CLOZE, ClozeConfig
from lianlu.synth.generator import Speech

CONFIG = ClozeConfig()


def asked(*texts: str, language: Speech = "en", title: str = "Manual") -> dict[str, str]:
    """gapped sentence -> answer, of both splits."""
    blocks = tuple(Block(kind="para", markdown=text) for text in texts)
    document = Document(id="d", source=Source(uri="d.md", sha256="0" * 64, size=1), blocks=blocks, title=title)
    material = Material(documents=(document,))
    found = [
        item
        for split in ("train", "eval")
        for item in CLOZE.items(CONFIG, split, language, random=Random(0), material=material)
    ]
    assert {CLOZE.fault(CONFIG, item) for item in found} <= {""}
    return {item.question.split(": ", 1)[-1].split("：", 1)[-1]: item.answer for item in found}


def test_numbers_and_content_words_are_asked_for() -> None:
    gaps = asked("The server listens on port 8000 until you stop it.")
    assert gaps["The server listens on port ____ until you stop it."] == "8000"
    assert set(gaps.values()) == {"server", "listens", "port", "8000", "until", "stop"}


def test_a_pair_of_characters_that_stands_together_is_asked_for_in_chinese() -> None:
    texts = ["运行以后把结果写入第 12 个目录。", "每一步都会留下结果供人查看。", "没有结果时请再次查看目录。"]
    gaps = asked(*texts, language="zh")
    assert gaps["运行以后把____写入第 12 个目录。"] == "结果"
    assert gaps["运行以后把结果写入第 ____ 个目录。"] == "12"


def test_what_stands_twice_or_in_the_title_is_no_gap() -> None:
    gaps = asked("A chain is a chain of steps with recipes.", title="Recipes and recipes")
    assert "chain" not in gaps.values()
    assert "recipes" not in gaps.values()


def test_code_links_tables_and_fragments_are_left_alone() -> None:
    assert (
        asked("`lianlu run` runs the chain of steps.", "See https://example.org/page for more text.", "Too short.")
        == {}
    )
    table = Block(kind="table", markdown="| one table cell | another table cell |")
    document = Document(id="t", source=Source(uri="t.md", sha256="0" * 64, size=1), blocks=(table,))
    found = CLOZE.items(CONFIG, "train", "en", random=Random(0), material=Material(documents=(document,)))
    assert list(found) == []
