"""One page with every part, in both languages: the golden file and the screenshots are made of it."""

from __future__ import annotations

from lianlu.core.i18n import Text
from lianlu.page import (
    Badge,
    Bar,
    BarChart,
    Citation,
    Code,
    Column,
    Edge,
    Fact,
    Facts,
    Fold,
    Graph,
    Line,
    LineChart,
    Link,
    Markdown,
    Node,
    Note,
    Page,
    Quote,
    Section,
    Side,
    SideBySide,
    Table,
    Timing,
    Timings,
)

__all__ = ["lineage", "page"]

_CONTEXT = (
    "XTuner 是一个高效、灵活、全能的轻量化大模型微调工具库。支持大语言模型 LLM、多模态图文模型 VLM 的预训练及轻量级微调。"
    "仅需 8GB 显存即可微调 7B 模型。"
)


def lineage() -> Graph:
    nodes = [
        Node(id="s", name="handbook", kind=Text("folder", "文件夹"), detail="18 files"),
        Node(
            id="d", name="documents", kind=Text("documents", "文档"), detail="3f9a2c417be0", tone="accent", href="#docs"
        ),
        Node(id="i", name="index", kind=Text("index", "索引"), detail="a01b77de42c9"),
        Node(id="q", name="cited-answer.md", kind=Text("prompt", "提示词"), detail="77de42c9a01b"),
        Node(id="p", name="answers", kind=Text("predictions", "回答"), detail="c41f00aa9d3e", tone="good"),
        Node(id="r", name="report.html", kind=Text("report", "报告"), detail="volatile"),
    ]
    edges = [("s", "d"), ("d", "i"), ("i", "p"), ("q", "p"), ("p", "r"), ("d", "r")]
    return Graph(Text("Where everything came from", "一切从何而来"), nodes, [Edge(*edge) for edge in edges])


def _overview() -> Section:
    return Section(
        title=Text("Overview", "概览"),
        id="overview",
        intro=Text("What this run read, built and answered.", "本次运行读取、构建与回答的内容。"),
        parts=[
            Facts(
                [
                    Fact(Text("Documents", "文档"), 18, Text("2 could not be read", "2 份无法读取")),
                    Fact(Text("Passages", "段落"), 1284),
                    Fact(Text("Questions", "问题"), 4),
                    Fact(Text("Cited answers", "有引用的回答"), 3, Text("1 is not in the documents", "1 个不在文档中")),
                ]
            ),
            Timings(
                [
                    Timing("extract", 3.42),
                    Timing("prompt.render", 0.01, cached=True),
                    Timing("rag.build", 1.18),
                    Timing("rag.ask", 0.36, note=Text("4 questions", "4 个问题")),
                ]
            ),
            lineage(),
        ],
    )


def _documents() -> Section:
    rows = [
        (Link(f"guide-{n:02}.md", f"docs/guide-{n:02}.md"), "zh" if n % 2 else "en", 12 + n * 7, n * 1234.5, _state(n))
        for n in range(1, 14)
    ]
    return Section(
        title=Text("Documents", "文档"),
        id="docs",
        parts=[
            Table(
                columns=[
                    Text("File", "文件"),
                    Text("Language", "语言"),
                    Text("Blocks", "块"),
                    Column(Text("Size", "大小"), digits=1, unit="kB"),
                    Text("State", "状态"),
                ],
                rows=rows,
                title=Text("What was read", "读取结果"),
            ),
            Note(Text("broken.pdf: the file ends before its index.", "broken.pdf：文件在索引之前中断。"), "warning"),
            Note(Text("empty.md is empty.", "empty.md 是空文件。"), "error"),
            Fold(
                "guide-01.md",
                [
                    Markdown(
                        "# 快速上手\n\n安装 **lianlu**，然后运行 `lianlu demo`：\n\n```bash\nmake demo\n```\n\n"
                        "- 读取文件\n- 建立索引\n  - 词法检索\n- 提问\n\n> 引文要逐字核对。\n\n| 工具 | 命令 |\n|---|---|\n| MinerU | extract |\n"
                    )
                ],
                is_open=True,
                badges=[Badge("zh")],
            ),
            Fold(Text("Recipe", "配方"), [Code("kind: chain\nversion: 1\n", "yaml")]),
        ],
    )


def _state(n: int) -> Badge:
    return Badge(Text("read", "已读取"), "good") if n % 5 else Badge(Text("failed", "失败"), "bad")


def _answers() -> Section:
    start = _CONTEXT.index("仅需")
    return Section(
        title=Text("Answers", "回答"),
        id="answers",
        intro=Text("Every sentence leads to the place it was taken from.", "每句话都能回到它的出处。"),
        parts=[
            Quote(
                question="XTuner 是什么？",
                text="XTuner 是一个高效、灵活、全能的轻量化大模型微调工具库。[1] 仅需 8GB 显存即可微调 7B 模型。[1, 2]",
                badges=[Badge(Text("verified", "已核对"), "good")],
                citations=[
                    Citation(
                        number=1,
                        file="README_zh-CN.md",
                        context=_CONTEXT,
                        marks=[(0, 28)],
                        headings=("XTuner", "📖 介绍"),
                        first_line=41,
                        last_line=43,
                        href="README_zh-CN.md",
                    ),
                    Citation(
                        number=2,
                        file="paper.pdf",
                        context=_CONTEXT,
                        marks=[(start, len(_CONTEXT))],
                        page=3,
                        also=["copy.pdf", "old/paper.pdf"],
                    ),
                ],
                notes=[
                    Note(
                        Text("1 claim was dropped: no source supports it.", "删去 1 处没有来源支持的说法。"), "warning"
                    )
                ],
            ),
            Quote(
                question="Who won the 1998 World Cup?",
                text="This is not in the documents.",
                badges=[Badge(Text("not in the documents", "文档中没有"), "neutral")],
            ),
            SideBySide(
                [
                    Side(Text("without", "不用知识库"), [Quote(text="A tuner for radios.")], [Badge("1.2 s")]),
                    Side(Text("with", "使用知识库"), [Note("nothing", "error")]),
                ]
            ),
        ],
    )


def _charts() -> Section:
    return Section(
        title=Text("Charts", "图表"),
        id="charts",
        parts=[
            BarChart(
                Text("Passages by document", "各文档的段落数"),
                [Bar(Text("Getting started", "快速上手"), [182]), Bar("architecture.md", [96]), Bar("FAQ", [41])],
            ),
            BarChart(
                Text("Scores with and without the prompt", "使用提示词前后的得分"),
                [Bar("CMMLU", [0.41, 0.57]), Bar("GSM8K", [0.33, None]), Bar("C-Eval", [0.48, 0.61])],
                series=[Text("plain", "原始"), Text("with prompt", "加提示词")],
            ),
            LineChart(
                Text("Loss", "损失"),
                [
                    Line("train", [(step, 2.4 / (1 + step / 40) + 0.2) for step in range(0, 301, 10)]),
                    Line(
                        Text("validation", "验证"), [(step, 2.5 / (1 + step / 50) + 0.35) for step in range(0, 301, 50)]
                    ),
                ],
                x_label=Text("step", "步"),
                y_label=Text("loss", "损失"),
            ),
        ],
    )


def page() -> Page:
    return Page(
        title=Text("From documents to cited answers", "从文档到有引用的回答"),
        subtitle=Text("One run of the demo chain, traced to its sources.", "示例链的一次运行，可追溯到每份来源。"),
        sections=[_overview(), _documents(), _answers(), _charts()],
        footer=Text("Made by lianlu.", "由 lianlu 生成。"),
    )
