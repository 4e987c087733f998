"""The page without a server: it cuts and ranks as Python does, quotes what stands there, and runs nothing of a document."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Generator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from lianlu.cli.space.static import static_page
from lianlu.core.errors import LimitError
from lianlu.rag import build
from lianlu.rag.base import KnowledgeBase
from lianlu.text.tokens import terms

ROOT = Path(__file__).resolve().parents[4]
QUESTIONS = (
    "What does exit code 3 mean?",
    "退出码 3 是什么意思？",
    "如何恢复中断的运行？",
    "How are chunks cut in a knowledge base?",
    "哪些文件会被跳过",
    "LIANLU_STORE",
    "resuming a run that was killed",
)
TEXTS = (
    "微调 deepspeed_zero2 与 QLoRA",
    "ＸＴｕｎｅｒ　２．０ C++ C# v0.1.18-beta libraries running HTTPServer2go",
    "Straße café naïve don't state-of-the-art 日本語カタカナ 한국어",
    "a/b_c.d  3.14  ① ½ x²  𠀀𠀁",
)

# As much of a browser as the page uses: elements with children, and what happens to them.
BROWSER = """
class Element {
  constructor(name) { Object.assign(this, { name, children: [], listeners: {}, value: "", open: false, text: "" }); }
  set textContent(text) { this.children = []; this.text = text; }
  get textContent() { return this.text + this.children.map((each) => each.textContent ?? each).join(""); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  addEventListener(name, act) { this.listeners[name] = act; }
  all(name) { return this.children.flatMap((each) => (each.name === name ? [each] : []).concat(each.all?.(name) ?? [])); }
  querySelector(name) { return this.all(name)[0]; }
  focus() { focused = this; }
  scrollIntoView() {}
}
let focused = null;
const places = {};
const below = (id) => Object.values(places).flatMap((each) => each.children).find((each) => each.id === id);
globalThis.document = {
  documentElement: { lang: "" },
  createElement: (name) => new Element(name),
  getElementById: (id) => below(id) ?? (places[id] ??= new Element(id)),
};
globalThis.navigator = { language: "zh-CN" };
const ask = (question) => {
  places.question.value = question;
  places.form.listeners.submit({ preventDefault: () => {} });
};
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Generator[KnowledgeBase]:
    made, _ = build("handbook", [ROOT / "examples" / "handbook"], root=tmp_path_factory.mktemp("static"))
    with made:
        yield made


def in_node(program: str, *, told: Any, before: str = "") -> Any:
    """What a program prints that may use the page's `Index` and `terms`."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node is installed")
    script = files("lianlu.cli.space").joinpath("page.js").read_text(encoding="utf-8")
    source = (
        f"const told = {json.dumps(told)};\n{before}{script}\nconsole.log(JSON.stringify((() => {{ {program} }})()));"
    )
    done = subprocess.run([node, "-"], input=source, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="base">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_it_cuts_terms_as_python_does(base: KnowledgeBase) -> None:
    texts = [*TEXTS, *(chunk["text"] for chunk in data_of(static_page(base, "x"))["chunks"])]
    assert in_node("return told.map(terms);", told=texts) == [terms(text) for text in texts]


def test_it_ranks_as_the_command_line_does(base: KnowledgeBase) -> None:
    told = {"base": data_of(static_page(base, "x")), "questions": QUESTIONS}
    program = "const index = new Index(told.base); return told.questions.map((each) => index.search(each, 5));"
    chunks = told["base"]["chunks"]
    for question, hits in zip(QUESTIONS, in_node(program, told=told), strict=True):
        found = base.find(question, 5)
        assert [chunks[place]["text"] for place, _ in hits] == [each.row.chunk.text for each in found], question
        assert [score for _, score in hits] == pytest.approx([each.score for each in found], rel=1e-4)


def test_it_quotes_what_stands_in_the_passages(base: KnowledgeBase) -> None:
    told = {"base": data_of(static_page(base, "x")), "questions": QUESTIONS}
    program = """const index = new Index(told.base); return told.questions.map((each) =>
        index.answer(each).quotes.map(([place, start, end]) => index.base.chunks[place].text.slice(start, end)));"""
    quotes = in_node(program, told=told)
    assert any("3" in quote for quote in quotes[0])
    assert all(quotes)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "`model.merge` 把适配器合并进模型。需要 Python 3.11！",
            ["`model.merge` 把适配器合并进模型。", "需要 Python 3.11！"],
        ),
        ("See a.b... Then go on? Yes.", ["See a.b...", "Then go on?", "Yes."]),
        ("# 标题\n\n没有句号", ["# 标题", "没有句号"]),
        ("." * 5000 + "x", ["." * 5000 + "x"]),
    ],
    ids=["dots-in-words", "english", "lines", "many-dots"],
)
def test_a_sentence_ends_where_one_ends(text: str, sentences: list[str]) -> None:
    program = "return [...told.matchAll(SENTENCE)].map((match) => match[0].trim()).filter(Boolean);"
    assert in_node(program, told=text) == sentences


def test_words_of_questions_are_known_though_no_document_has_them(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Backups\n\nBackups are kept for thirty days.\n", encoding="utf-8")
    with build("a", [tmp_path / "a.md"], root=tmp_path / "store")[0] as made:
        told = {"base": data_of(static_page(made, "x"))}
    assert {"what", "how", "什么", "多少"} <= set(told["base"]["stops"])
    program = "return new Index(told.base).answer('For how long are backups kept?').quotes.length;"
    assert in_node(program, told=told) == 1


def test_a_question_on_something_else_gets_no_quote(base: KnowledgeBase) -> None:
    told = {"base": data_of(static_page(base, "x"))}
    program = "return new Index(told.base).answer('Who won the football world championship in Qatar?').quotes;"
    assert in_node(program, told=told) == []


def in_browser(page: str, program: str) -> Any:
    return in_node(
        program,
        told=data_of(page),
        before=f"{BROWSER}\nplaces.base = {{ textContent: JSON.stringify(told), children: [] }};\n",
    )


def test_a_click_on_a_citation_opens_the_passage_with_the_sentence_marked(base: KnowledgeBase) -> None:
    program = """ask(told.chunks[0].text.slice(0, 40));
        const line = places.answer.children[0];
        const cite = line.all("button")[0];
        cite.listeners.click();
        const passage = places.passages.children.find((each) => each.open);
        return { line: line.textContent, cite: cite.textContent, passage: passage.textContent,
                 marked: passage.all("mark").map((each) => each.textContent), focused: focused.name };"""
    shown = in_browser(static_page(base, "x"), program)
    quote = shown["line"].removesuffix(shown["cite"]).strip()
    assert quote in [each.strip() for each in shown["marked"]]
    assert shown["passage"].startswith(shown["cite"])
    assert quote in shown["passage"]
    assert shown["focused"] == "summary"


def test_the_page_speaks_the_reader_s_language_and_changes_it(base: KnowledgeBase) -> None:
    program = """const first = document.documentElement.lang;
        places.language.listeners.click();
        ask("Who won the football world championship in Qatar?");
        return [first, document.documentElement.lang, places.answer.textContent];"""
    first, then, said = in_browser(static_page(base, "x"), program)
    assert (first, then) == ("zh-CN", "en")
    assert "do not seem to answer" in said
    assert "似乎没有答案" in said


def test_a_document_cannot_leave_its_place(tmp_path: Path) -> None:
    (tmp_path / "evil.md").write_text("# A @BASE@ <b>\n\nText </script><script>alert(1)</script> and @SCRIPT@ here.\n")
    made, _ = build("evil", [tmp_path / "evil.md"], root=tmp_path / "store")
    with made:
        page = static_page(made, "</title><script>alert(2)</script>")
    assert page.count("<script") == 2
    assert "alert(2)</script>" not in page
    text = data_of(page)["chunks"][0]["text"]
    assert "@SCRIPT@" in text


def test_a_large_base_is_refused_with_the_way_out(base: KnowledgeBase) -> None:
    with pytest.raises(LimitError, match="static page") as caught:
        static_page(base, "x", largest_bytes=1000)
    assert "docker" in caught.value.hint("en")
