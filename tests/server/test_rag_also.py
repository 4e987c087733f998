"""Words that stand in two documents: the page of a base cites one and names the other."""

from pathlib import Path

from lianlu import rag
from lianlu.rag.app import Face, base_app
from lianlu.rag.shelf import open_base
from lianlu.web.served_page import served_page
from server.browser import driving, needs_browser

pytestmark = needs_browser


def test_the_other_document_with_the_cited_sentence_is_named(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.md", "<b>.md"):
        (docs / name).write_text("# 备份\n\n备份每晚两点做，保留三十天。\n", encoding="utf-8")
    rag.build("notes", docs, root=tmp_path / "store")[0].close()
    app = base_app(lambda: open_base("notes", root=tmp_path / "store"), Face())
    page = served_page("lianlu.rag", "base_page", "en", {"name": "notes", "greeting": ""})
    with driving(app, page.html, tmp_path / "browser") as drive:
        shown = drive("await asked('备份保留多久？')")
    assert " · also in " in shown
    assert shown.count("&lt;b&gt;.md") >= 1
    assert "<b>.md" not in shown
