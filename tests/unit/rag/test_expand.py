"""What a model is given for what was found."""

from lianlu.rag.base import KnowledgeBase
from lianlu.rag.expand import sources_of

from .conftest import Make

SENTENCE = "备份每晚两点开始，保留三十天，由小组三负责检查。"


def test_equal_texts_are_given_once_and_the_other_is_named(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document(name, f"# 备份\n\n{SENTENCE}") for name in ("a.md", "b.md")])
    (source,) = sources_of(base, base.find("备份几点开始", 5), 5)
    assert [set(uris) | {source.document.source.uri} for uris in source.also.values()] == [{"a.md", "b.md"}]


def test_a_chunk_comes_with_its_neighbours_of_the_same_section(base: KnowledgeBase, make_document: Make) -> None:
    parts = "\n\n".join(f"第{number}段。" + "其余内容在此说明。" * 40 for number in range(4))
    base.put([make_document("a.md", f"# 手册\n\n{parts}\n\n# 附录\n\n附录的内容。" + "附录在此。" * 60)])
    found = base.find("第1段", 1)
    (source,) = sources_of(base, found, 1)
    assert len(source.rows) > 1
    assert {row.chunk.headings for row in source.rows} == {("手册",)}


def test_sources_that_do_not_fit_are_left_out_and_the_best_stays(base: KnowledgeBase, make_document: Make) -> None:
    base.put([make_document(f"{number}.md", f"# 第{number}篇\n\n" + f"备份{number}。" * 100) for number in range(3)])
    assert len(sources_of(base, base.find("备份", 3), 3, room=10)) == 1
