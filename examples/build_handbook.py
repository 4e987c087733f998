"""Build examples/handbook from docs/: the same pages in the formats people really have, for the demo and its tests.

    python examples/build_handbook.py            write what is stale
    python examples/build_handbook.py --check    write nothing; exit 1 and name what is stale

Markdown, HTML, text and Word files are byte-deterministic: dates are fixed, the zip members stored, nothing depends on
the machine. PDFs are printed by headless Chromium where there is one; as another Chromium prints other bytes, they are
compared by their text: it must be that of the page, no less and no more. Beside the good files stand one truncated PDF
and one empty file, because every real folder has some.
"""

from __future__ import annotations

import argparse
import html
import io
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

__all__ = ["ENTRIES", "Entry", "Line", "main", "read_page", "stale"]

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HANDBOOK = ROOT / "examples" / "handbook"
DAY = "2026-11-01"
BROKEN = "21-broken.pdf"
BROKEN_OF = "05-documents.en.pdf"
BROKEN_BYTES = 12_000
EMPTY = "22-empty.txt"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Entry:
    """One file of the handbook: its name, and the page of docs/ that it shows."""

    file: str
    page: str
    columns: int = 1
    encoding: str = "utf-8"

    @property
    def lang(self) -> str:
        return "zh-CN" if self.page.startswith("zh_cn/") else "en"


ENTRIES = (
    Entry("01-what-is-lianlu.en.md", "en/index.md"),
    Entry("02-what-is-lianlu.zh.md", "zh_cn/index.md"),
    Entry("03-quickstart.en.html", "en/quickstart.md"),
    Entry("04-quickstart.zh.docx", "zh_cn/quickstart.md"),
    Entry("05-documents.en.pdf", "en/documents.md", columns=2),
    Entry("06-documents.zh.html", "zh_cn/documents.md"),
    Entry("07-knowledge.en.md", "en/knowledge.md"),
    Entry("08-knowledge.zh.pdf", "zh_cn/knowledge.md"),
    Entry("09-models.en.html", "en/models.md"),
    Entry("10-models.zh.md", "zh_cn/models.md"),
    Entry("11-chains.en.docx", "en/chains.md"),
    Entry("12-chains.zh.html", "zh_cn/chains.md"),
    Entry("13-store.en.md", "en/store.md"),
    Entry("14-store.zh.txt", "zh_cn/store.md", encoding="gb18030"),
    Entry("15-errors.en.txt", "en/errors.md"),
    Entry("16-errors.zh.md", "zh_cn/errors.md"),
    Entry("17-faq.en.md", "en/faq.md"),
    Entry("18-faq.zh.md", "zh_cn/faq.md"),
    Entry("19-recipes.zh.docx", "zh_cn/recipes.md"),
    Entry("20-prompts.en.pdf", "en/prompts.md"),
)


@dataclass(frozen=True)
class Run:
    """Characters of one style inside a line."""

    text: str
    style: str = ""  # "", "bold" or "code"


@dataclass(frozen=True)
class Line:
    """One block of a page: `kind` is heading, para, bullet, number, row or code; `level` a depth or a number."""

    kind: str
    runs: tuple[Run, ...]
    level: int = 0
    cells: tuple[tuple[Run, ...], ...] = ()

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


# --- reading the subset of markdown that our pages use -------------------------------------------------------------


_LINK = re.compile(r"\[([^\]]+)\]\((?!http)[^)]*\)")
_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")


def plain_links(markdown: str) -> str:
    """Links to other pages as their text: in the handbook the pages have other names. Code fences stay as they are."""
    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if part.startswith("```") else _LINK.sub(r"\1", part) for part in parts)


def read_page(markdown: str) -> list[Line]:
    """The blocks of a page. Our pages keep to headings, paragraphs, flat lists, tables and fenced code, one a line."""
    lines: list[Line] = []
    rows = iter(plain_links(markdown).splitlines())
    for row in rows:
        if row.startswith("```"):
            lines.append(Line("code", (Run("\n".join(_until_fence(rows)), "code"),)))
        elif row.startswith("|"):
            if not re.fullmatch(r"[|\-: ]+", row):
                cells = tuple(_runs(cell.strip()) for cell in row.strip().strip("|").split("|"))
                lines.append(Line("row", (), cells=cells))
        elif heading := re.fullmatch(r"(#+) (.*)", row):
            lines.append(Line("heading", _runs(heading[2]), level=len(heading[1])))
        elif number := re.fullmatch(r"(\d+)\. (.*)", row):
            lines.append(Line("number", _runs(number[2]), level=int(number[1])))
        elif row.startswith("- "):
            lines.append(Line("bullet", _runs(row[2:])))
        elif row.strip() and not row.startswith("<!--"):
            lines.append(Line("para", _runs(row)))
    return lines


def _until_fence(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        if row.startswith("```"):
            return
        yield row


def _runs(text: str) -> tuple[Run, ...]:
    runs: list[Run] = []
    at = 0
    for match in _INLINE.finditer(text):
        runs.append(Run(text[at : match.start()]))
        runs.append(Run(match[1], "code") if match[1] else Run(match[2], "bold"))
        at = match.end()
    runs.append(Run(text[at:]))
    return tuple(run for run in runs if run.text)


def _grouped(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Neighbouring list items and table rows belong together; every other block stands alone."""
    group: list[Line] = []
    for line in lines:
        if group and (line.kind != group[0].kind or line.kind not in ("bullet", "number", "row")):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


# --- the formats -----------------------------------------------------------------------------------------------------


def as_markdown(entry: Entry, markdown: str) -> bytes:
    return plain_links(markdown).encode(entry.encoding)


def as_text(entry: Entry, markdown: str) -> bytes:
    """A text manual: its headings are numbered, as text has no other way to show them."""
    blocks: list[str] = []
    chapter, section = int(entry.file[:2]), 0
    for group in _grouped(read_page(markdown)):
        first = group[0]
        if first.kind == "row":
            blocks.append("\n".join(" | ".join(_plain(cell) for cell in line.cells) for line in group))
        elif first.kind == "bullet":
            blocks.append("\n".join(f"- {line.text}" for line in group))
        elif first.kind == "number":
            blocks.append("\n".join(f"{line.level}. {line.text}" for line in group))
        elif first.kind == "code":
            blocks.append("\n".join(f"    {row}" for row in first.text.splitlines()))
        elif first.kind == "heading" and first.level == 1:
            blocks.append(f"第{chapter}章 {first.text}" if entry.lang == "zh-CN" else f"{chapter}. {first.text}")
        elif first.kind == "heading":
            section += 1
            blocks.append(f"{chapter}.{section} {first.text}")
        else:
            blocks.append(first.text)
    return ("\n\n".join(blocks) + "\n").encode(entry.encoding)


def _plain(runs: Sequence[Run]) -> str:
    return "".join(run.text for run in runs)


_STYLE = """
body { font-family: "Liberation Sans", "Noto Sans CJK SC", sans-serif; font-size: 10.5pt; line-height: 1.5; }
article { column-count: COLUMNS; column-gap: 24pt; }
h1 { font-size: 17pt; column-span: all; } h2 { font-size: 12.5pt; break-after: avoid; }
pre { font-size: 8pt; background: #f2f2f2; padding: 4pt; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-family: "Liberation Mono", "Noto Sans CJK SC", monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-size: 9pt; } tr { break-inside: avoid; } td, th { border: 0.5pt solid #999; padding: 2pt 4pt; text-align: left; }
@page { size: A4; margin: 20mm; }
"""


def as_html(entry: Entry, markdown: str) -> bytes:
    """A page as a documentation site would serve it: with navigation and footer around the article."""
    lines = read_page(markdown)
    title = html.escape(lines[0].text)
    around = (
        ("Handbook · Guides · Reference", "Apache License 2.0")
        if entry.lang == "en"
        else ("手册 · 指南 · 参考", "Apache License 2.0 许可")
    )
    page = f"""<!DOCTYPE html>
<html lang="{entry.lang}">
<head>
<meta charset="{entry.encoding}">
<title>{title} — lianlu</title>
<meta name="date" content="{DAY}">
<style>{_STYLE.replace("COLUMNS", str(entry.columns))}</style>
</head>
<body>
<header><nav>{around[0]}</nav></header>
<main><article>
{_html_body(lines)}
</article></main>
<footer>lianlu · {around[1]}</footer>
</body>
</html>
"""
    return page.encode(entry.encoding)


def _html_body(lines: Sequence[Line]) -> str:
    blocks: list[str] = []
    for group in _grouped(lines):
        first = group[0]
        if first.kind == "row":
            rows = [
                "".join(f"<{tag}>{_html_runs(cell)}</{tag}>" for cell in line.cells)
                for line, tag in zip(group, ["th"] + ["td"] * len(group), strict=False)
            ]
            blocks.append("<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in rows) + "\n</table>")
        elif first.kind in ("bullet", "number"):
            tag = "ul" if first.kind == "bullet" else "ol"
            items = "\n".join(f"<li>{_html_runs(line.runs)}</li>" for line in group)
            blocks.append(f"<{tag}>\n{items}\n</{tag}>")
        elif first.kind == "heading":
            blocks.append(f"<h{first.level}>{_html_runs(first.runs)}</h{first.level}>")
        elif first.kind == "code":
            blocks.append(f"<pre><code>{html.escape(first.text)}</code></pre>")
        else:
            blocks.append(f"<p>{_html_runs(first.runs)}</p>")
    return "\n".join(blocks)


def _html_runs(runs: Sequence[Run]) -> str:
    tags = {"bold": "strong", "code": "code"}
    return "".join(
        f"<{tags[run.style]}>{html.escape(run.text)}</{tags[run.style]}>" if run.style else html.escape(run.text)
        for run in runs
    )


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_WORDML = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def as_docx(entry: Entry, markdown: str) -> bytes:
    """A Word file of the parts Word needs, each stored (not deflated: zlib versions differ) with a fixed date."""
    lines = read_page(markdown)
    members = {
        "[Content_Types].xml": _content_types(),
        "_rels/.rels": _relations(
            ("officeDocument", f"{_OFFICE}/officeDocument", "word/document.xml"),
            ("core", f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
        ),
        "docProps/core.xml": _core_properties(lines[0].text, entry.lang),
        "word/_rels/document.xml.rels": _relations(
            ("styles", f"{_OFFICE}/styles", "styles.xml"), ("numbering", f"{_OFFICE}/numbering", "numbering.xml")
        ),
        "word/document.xml": f"{_XML}<w:document {_W}><w:body>{_docx_body(lines)}</w:body></w:document>",
        "word/numbering.xml": _numbering(lines),
        "word/styles.xml": _styles(),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name, date_time=(2026, 11, 1, 0, 0, 0))
            member.create_system = 3
            archive.writestr(member, content.encode())
    return stream.getvalue()


def _content_types() -> str:
    parts = {"document": "document.main", "styles": "styles", "numbering": "numbering"}
    overrides = "".join(
        f'<Override PartName="/word/{part}.xml" ContentType="{_WORDML}.{kind}+xml"/>' for part, kind in parts.items()
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'{overrides}<Override PartName="/docProps/core.xml" '
        'ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>'
    )


def _relations(*relations: tuple[str, str, str]) -> str:
    inside = "".join(f'<Relationship Id="{name}" Type="{kind}" Target="{to}"/>' for name, kind, to in relations)
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{inside}</Relationships>'


def _core_properties(title: str, lang: str) -> str:
    moment = f"{DAY}T00:00:00Z"
    return (
        f'{_XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<dc:title>{escape(title)}</dc:title><dc:creator>lianlu developers</dc:creator><dc:language>{lang}</dc:language>"
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{moment}</dcterms:created>'
        f'<dcterms:modified xsi:type="dcterms:W3CDTF">{moment}</dcterms:modified></cp:coreProperties>'
    )


def _styles() -> str:
    headings = "".join(
        f'<w:style w:type="paragraph" w:styleId="Heading{level}"><w:name w:val="heading {level}"/>'
        f'<w:pPr><w:outlineLvl w:val="{level - 1}"/></w:pPr><w:rPr><w:b/></w:rPr></w:style>'
        for level in range(1, 7)
    )
    return (
        f'{_XML}<w:styles {_W}><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        f'</w:style>{headings}<w:style w:type="paragraph" w:styleId="Code"><w:name w:val="Code"/>'
        '<w:rPr><w:rFonts w:ascii="Courier New" w:hAnsi="Courier New"/></w:rPr></w:style></w:styles>'
    )


def _numbering(lines: Sequence[Line]) -> str:
    """Numbering 1 is the bullet list; every numbered list has one of its own, so that each begins with 1."""
    lists = sum(1 for group in _grouped(lines) if group[0].kind == "number")
    kinds = (("bullet", "•"), ("decimal", "%1."))
    abstract = "".join(
        f'<w:abstractNum w:abstractNumId="{number}"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl></w:abstractNum>'
        for number, (kind, text) in enumerate(kinds)
    )
    bullets = '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    restart = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride>'
    numbers = "".join(
        f'<w:num w:numId="{each + 2}"><w:abstractNumId w:val="1"/>{restart}</w:num>' for each in range(lists)
    )
    return f"{_XML}<w:numbering {_W}>{abstract}{bullets}{numbers}</w:numbering>"


def _docx_body(lines: Sequence[Line]) -> str:
    blocks: list[str] = []
    list_id = 1
    for group in _grouped(lines):
        first = group[0]
        if first.kind == "row":
            rows = "".join(
                "<w:tr>" + "".join(f"<w:tc>{_docx_paragraph(cell)}</w:tc>" for cell in line.cells) + "</w:tr>"
                for line in group
            )
            blocks.append(f"<w:tbl>{rows}</w:tbl>")
            continue
        list_id += first.kind == "number"
        blocks += [_docx_paragraph(line.runs, _docx_properties(line, list_id)) for line in group]
    return "".join(blocks)


def _docx_properties(line: Line, list_id: int) -> str:
    if line.kind == "heading":
        return f'<w:pStyle w:val="Heading{line.level}"/>'
    if line.kind == "code":
        return '<w:pStyle w:val="Code"/>'
    if line.kind in ("bullet", "number"):
        number = 1 if line.kind == "bullet" else list_id
        return f'<w:numPr><w:ilvl w:val="0"/><w:numId w:val="{number}"/></w:numPr>'
    return ""


def _docx_paragraph(runs: Sequence[Run], properties: str = "") -> str:
    inside = "".join(_docx_run(run) for run in runs)
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>" if properties else f"<w:p>{inside}</w:p>"


def _docx_run(run: Run) -> str:
    properties = "<w:rPr><w:b/></w:rPr>" if run.style == "bold" else ""
    texts = [f'<w:t xml:space="preserve">{escape(row)}</w:t>' for row in run.text.split("\n")]
    return f"<w:r>{properties}{'<w:br/>'.join(texts)}</w:r>"


FORMATS: dict[str, Callable[[Entry, str], bytes]] = {
    ".md": as_markdown,
    ".txt": as_text,
    ".html": as_html,
    ".docx": as_docx,
}


# --- PDF: printed by a browser, compared by text -----------------------------------------------------------------------


def print_pdf(browser: str, entry: Entry, markdown: str) -> bytes:
    """Print a page; the dates inside are replaced by ones of equal length, so that offsets in the file stay right."""
    lines = read_page(markdown)
    page = (
        f'<!DOCTYPE html><html lang="{entry.lang}"><head><meta charset="utf-8"><title>{html.escape(lines[0].text)}</title>'
        f"<style>{_STYLE.replace('COLUMNS', str(entry.columns))}</style></head>"
        f"<body><article>{_html_body(lines)}</article></body></html>"
    )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-pdf-header-footer",
                f"--user-data-dir={folder}/profile",
                f"--print-to-pdf={target}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        printed = target.read_bytes()
    day = DAY.replace("-", "").encode()
    return re.sub(rb"\(D:\d{14}", b"(D:" + day + b"000000", printed)


def text_differences(pdf: Path, markdown: str) -> list[str]:
    """What the text of the PDF lacks of the page, and what it has beyond it; only the numbers of lists may be left over."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    left = _squeezed("".join(page.get_textpage().get_text_range() for page in document))
    document.close()
    pieces = [_plain(runs) for line in read_page(markdown) for runs in line.cells or (line.runs,)]
    missing: list[str] = []
    for piece in sorted(pieces, key=len, reverse=True):  # long ones first: short ones may occur inside them
        before, found, after = left.partition(_squeezed(piece))
        left = f"{before}\n{after}" if found else left
        missing += [] if found else [f"lacks {piece!r}"]
    return missing + [f"has besides {rest!r}" for rest in left.split() if not re.fullmatch(r"[\d.•]*", rest)]


def _squeezed(text: str) -> str:
    """Without spaces, line breaks and hyphens (a line may end with one), and with ligatures resolved."""
    return re.sub(r"[\s\ufffe\xad-]+", "", unicodedata.normalize("NFKC", text))


# --- building and checking ---------------------------------------------------------------------------------------------


def stale(handbook: Path = HANDBOOK, docs: Path = DOCS) -> list[str]:
    """What of the handbook does not agree with docs/, in words; empty when all is well."""
    wrong: list[str] = []
    for entry in ENTRIES:
        path, markdown = handbook / entry.file, (docs / entry.page).read_text(encoding="utf-8")
        if not path.is_file():
            wrong.append(f"{entry.file} is missing")
        elif path.suffix == ".pdf":
            wrong += [f"{entry.file} {difference}" for difference in text_differences(path, markdown)]
        elif path.read_bytes() != FORMATS[path.suffix](entry, markdown):
            wrong.append(f"{entry.file} differs from docs/{entry.page}")
    wrong += [f"{path.name} belongs to no page" for path in sorted(handbook.iterdir()) if path.name not in _expected()]
    broken, whole = handbook / BROKEN, handbook / BROKEN_OF
    if not broken.is_file() or not whole.is_file() or broken.read_bytes() != whole.read_bytes()[:BROKEN_BYTES]:
        wrong.append(f"{BROKEN} is not the beginning of {BROKEN_OF}")
    if not (handbook / EMPTY).is_file() or (handbook / EMPTY).stat().st_size:
        wrong.append(f"{EMPTY} is not an empty file")
    return wrong


def _expected() -> set[str]:
    return {entry.file for entry in ENTRIES} | {BROKEN, EMPTY}


def build(handbook: Path = HANDBOOK, docs: Path = DOCS) -> None:
    """Write what is stale and remove what belongs to no page."""
    handbook.mkdir(parents=True, exist_ok=True)
    for path in sorted(handbook.iterdir()):
        if path.name not in _expected():
            path.unlink()
    browser = next((found for found in map(shutil.which, _BROWSERS) if found), None)
    for entry in ENTRIES:
        path, markdown = handbook / entry.file, (docs / entry.page).read_text(encoding="utf-8")
        if path.suffix != ".pdf":
            _write(path, FORMATS[path.suffix](entry, markdown))
        elif path.is_file() and not text_differences(path, markdown):
            continue
        elif browser is None:
            print(f"{entry.file} is stale, and there is no Chromium to print it", file=sys.stderr)
        else:
            _write(path, print_pdf(browser, entry, markdown))
    if (handbook / BROKEN_OF).is_file():
        _write(handbook / BROKEN, (handbook / BROKEN_OF).read_bytes()[:BROKEN_BYTES])
    _write(handbook / EMPTY, b"")


def _write(path: Path, content: bytes) -> None:
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)
        print(f"wrote {path.name} ({len(content):,} bytes)")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build examples/handbook from docs/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is stale")
    if not parser.parse_args(arguments).check:
        build()
    wrong = stale()
    for each in wrong:
        print(each, file=sys.stderr)
    if wrong:
        print("run `make handbook` to build it anew", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
