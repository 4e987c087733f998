"""PDF files made by programs (born digital): lines, columns and tables by geometry, headings by size and weight.

No model and no picture is looked at. What repeats at the same height on many pages is a running header or footer and is
left out. A page without any text is counted in `meta.pages_without_text`; a file of only such pages is a scan and refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lianlu.core.errors import DataError
from lianlu.extract.html_blocks import markdown_table
from lianlu.extract.pdf_layout import Grid, Line, is_wide, layout
from lianlu.extract.pdf_text import PageText, page_text
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, BlockKind, Box, Document, Source

__all__ = ["read"]

_LARGER = 1.12  # than the body: a heading
_LONGEST_HEADING = 160
_MOST_HEADING_LEVELS = 5
_MARGIN = 0.12  # of the page's height, where running headers and footers stand
_BULLET = re.compile(r"(?P<mark>[•●▪◦‣∙·○■□◆➢✓]|[-–—*](?=\s)|\(?\d{1,3}[.)](?=\s)|\(?[a-z][.)](?=\s)|[①-⑳])\s*(?=\S)")
_NUMBERED = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,5}\.|[A-Z]\.|第[一二三四五六七八九十\d]+[章节])\s+\S|第[一二三四五六七八九十\d]+[章节]"
)
_SECTION = re.compile(r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3}\.?)\s+(?:[A-Z]\w{2,}|[\u4e00-\u9fff])[^.!?。！？]*")
_SENTENCE_END = (".", "!", "?", "。", "！", "？", "；", ":", "：", "”", '."', ".)")
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|第)?\s*[-–—]?\s*(?:\d{1,4}|[ivxl]{1,6})\s*[-–—]?\s*(?:页|(?:of|/)\s*\d{1,4})?", re.IGNORECASE
)
_PASSWORD = 4
_DATE = re.compile(r"D:(\d{4})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_TITLES_OF_NOTHING = re.compile(
    r"(?:untitled|microsoft word|.*\.(?:docx?|tex|dvi|indd|pdf|pptx?)$|\(anonymous\))", re.IGNORECASE
)


def read(content: bytes, source: Source, config: ReadConfig) -> Document:
    """Read a PDF.

    Raises:
        DataError: extract.broken, extract.encrypted, extract.too-large, extract.no-text
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD or "password" in str(error).lower():
            raise DataError("extract.encrypted", what="pdf") from error
        raise DataError("extract.broken", what="pdf", why=str(error)) from error
    try:
        pages = _pages(document, config.max_pages)
        meta = _meta(document)
    finally:
        document.close()
    if not any(page.fragments for page in pages):
        raise DataError("extract.no-text", what="pdf")
    blocks = list(_blocks(pages))
    meta["pages"] = len(pages)
    without = [page.number for page in pages if not page.fragments]
    if without:
        meta["pages_without_text"] = without
    return document_of(source, blocks, title=_title(meta, blocks), meta=meta)


def _pages(document: Any, most: int) -> list[PageText]:
    import pypdfium2

    count = len(document)
    if count > most:
        raise DataError("extract.too-large", size=count, unit="pages", limit=most, field="max_pages")
    pages: list[PageText] = []
    for index in range(count):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:  # one broken page; the others are worth having
            pages.append(PageText(index + 1, 0.0, 0.0, [], []))
            continue
        pages.append(page_text(page, index + 1))
        page.close()
    return pages


def _meta(document: Any) -> dict[str, Any]:
    found = document.get_metadata_dict(skip_empty=True)
    names = {"Title": "title", "Author": "author", "CreationDate": "created"}
    meta = {name: str(found[key])[:300].strip("\x00 ") for key, name in names.items() if found.get(key)}
    changed = _DATE.match(str(found.get("ModDate") or found.get("CreationDate") or ""))
    return meta | ({"date": "-".join(changed.groups())} if changed else {})


def _title(meta: dict[str, Any], blocks: Sequence[Block]) -> str:
    """The first heading of the first page; what the file says of itself is often the name of a template."""
    first = next((block for block in blocks[:8] if block.kind == "heading" and block.page == 1), None)
    if first is not None:
        return first.markdown.lstrip("# ").strip()
    said = str(meta.get("title", ""))
    return "" if _TITLES_OF_NOTHING.match(said) else said


def _blocks(pages: Sequence[PageText]) -> Iterator[Block]:
    laid = [(page, layout(page)) for page in pages]
    running = _running(laid)
    kept = [
        (page, [item for item in items if not (isinstance(item, Line) and (page.number, id(item)) in running)])
        for page, items in laid
    ]
    _join_tables(kept)
    lines = [item for _, items in kept for item in items if isinstance(item, Line)]
    style = _Style(lines)
    for page, items in kept:
        yield from _Page(page, style).blocks(items)


def _join_tables(pages: Sequence[tuple[PageText, list[Line | Grid]]]) -> None:
    """A table that goes on at the top of the next column or page becomes one; a repeated head is dropped."""
    last: Grid | None = None
    for _, items in pages:
        is_new_page = True
        for item in list(items):
            if not isinstance(item, Grid):
                last = None
            elif last is not None and _goes_on(last, item, is_new_page=is_new_page):
                last.rows += item.rows[1:] if item.rows[0] == last.rows[0] else item.rows
                items.remove(item)
            else:
                last = item
            is_new_page = False


def _goes_on(table: Grid, other: Grid, *, is_new_page: bool) -> bool:
    same_shape = len(table.rows[0]) == len(other.rows[0])
    widths = table.right - table.left, other.right - other.left
    moved = is_new_page or other.left > table.right
    return same_shape and moved and abs(widths[0] - widths[1]) < 0.1 * max(widths)


def _running(laid: Sequence[tuple[PageText, list[Line | Grid]]]) -> set[tuple[int, int]]:
    """Lines in the margins that repeat from page to page, numbers aside, and page numbers."""
    margins: list[tuple[int, Line, tuple[str, int]]] = []
    for page, items in laid:
        for item in items:
            if (
                isinstance(item, Line)
                and not _MARGIN * page.height < (item.top + item.bottom) / 2 < (1 - _MARGIN) * page.height
            ):
                text = re.sub(r"\d+|\b[ivxlc]+\b", "#", item.text.lower())
                margins.append((page.number, item, (text, round(item.baseline / 8))))
    seen: Counter[tuple[str, int]] = Counter()
    for key in {(number, key) for number, _, key in margins}:
        seen[key[1]] += 1
    least = max(2, min(4, len(laid) // 3))
    found: set[tuple[int, int]] = set()
    for number, line, key in margins:
        repeats = seen[key] + seen[(key[0], key[1] - 1)] + seen[(key[0], key[1] + 1)]
        if (len(laid) > 1 and repeats >= least) or _PAGE_NUMBER.fullmatch(line.text.strip()):
            found.add((number, id(line)))
    return found


class _Style:
    """What is usual in this document: the size of its body, the distance of its lines, the sizes of its headings."""

    def __init__(self, lines: Sequence[Line]) -> None:
        sizes: Counter[float] = Counter()
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
        self.body = sizes.most_common(1)[0][0] if sizes else 10.0
        total = sum(sizes.values()) or 1
        bold = sum(len(line.text) for line in lines if line.is_bold)
        self.bold_says_heading = bold < 0.3 * total
        larger = sorted({size for size in sizes if size >= self.body * _LARGER}, reverse=True)
        self._levels: list[float] = []
        for size in larger:
            if not self._levels or self._levels[-1] - size > 0.04 * size:
                self._levels.append(size)

    def level(self, line: Line) -> int | None:
        """The depth a line would have as a heading; None if it looks like the body."""
        text = line.text.strip()
        if len(text) > _LONGEST_HEADING or not any(character.isalpha() for character in text) or line.is_mono:
            return None
        for at, size in enumerate(self._levels):
            if line.size >= size * 0.98:
                return min(at + 1, _MOST_HEADING_LEVELS)
        if not (self.bold_says_heading and line.is_bold and line.size >= self.body * 0.93):
            # publishers' fonts often hide their weight; what is left then is the number and the shape of a title
            return self._numbered_level(text)
        if text.endswith((".", "。", ",", "，", ";", "；")) and not _NUMBERED.match(text):
            return None
        return min(len(self._levels) + 1, _MOST_HEADING_LEVELS)

    def _numbered_level(self, text: str) -> int | None:
        found = _SECTION.fullmatch(text)
        if found is None or len(text) > 70 or text.endswith((".", ",", ";", ":", "。", "，", "；", "：")):
            return None
        return min(len(self._levels) + 1 + found["number"].strip(".").count("."), _MOST_HEADING_LEVELS)


class _Page:
    """Turns the lines of one page into blocks: what belongs together is gathered until a line begins something new."""

    def __init__(self, page: PageText, style: _Style) -> None:
        self._page = page
        self._style = style
        self._run: list[Line] = []
        self._kind: BlockKind = "para"
        self._level: int | None = None

    def blocks(self, items: Sequence[Line | Grid]) -> Iterator[Block]:
        for item in items:
            if isinstance(item, Grid):
                yield from self._flush()
                yield Block(kind="table", markdown=markdown_table(item.rows), page=self._page.number, box=item.box)
                continue
            kind, level = self._judge(item)
            if self._run and not self._belongs(item, kind, level):
                yield from self._flush()
            if not self._run:
                self._kind, self._level = kind, level
            self._run.append(item)
        yield from self._flush()

    def _judge(self, line: Line) -> tuple[BlockKind, int | None]:
        if line.is_mono:
            return "code", None
        level = self._style.level(line)
        if level is not None:
            return "heading", level
        return ("list" if _BULLET.match(line.text) else "para"), None

    def _belongs(self, line: Line, kind: BlockKind, level: int | None) -> bool:
        """Whether a line goes on with what is being gathered."""
        above = self._run[-1]
        gap = line.baseline - above.baseline
        if line.is_framed and above.is_framed:
            return -0.5 * line.size < gap < 4 * line.size
        pitch = 1.75 * max(line.size, above.size)
        if not 0 < gap <= pitch or abs(line.size - above.size) > 0.12 * above.size:
            return self._kind == "para" == kind and self._runs_on(above, line)
        if kind == "code" and self._kind in ("para", "list") and not line.is_framed and _is_full(above):
            return gap < 1.6 * line.size and not above.text.endswith(_SENTENCE_END)  # a command in a sentence
        if kind == "list" and self._kind == "para" and not self._begins(above, line, gap) and _is_full(above):
            return not above.text.endswith(_SENTENCE_END)  # a number or a dash in the middle of a sentence
        if kind != self._kind:
            return self._kind == "list" and kind == "para" and line.left > self._run[0].left + 2
        if kind == "heading":
            return level == self._level and gap < 1.6 * line.size and not _NUMBERED.match(line.text)
        if kind == "para":
            return not self._begins(above, line, gap)
        return True

    def _runs_on(self, above: Line, line: Line) -> bool:
        """A paragraph that goes on in the next column."""
        is_next_column = line.left > above.right and line.top < above.top
        same = abs(line.size - above.size) < 0.1 * above.size
        return is_next_column and same and not above.text.endswith(_SENTENCE_END) and _begins_small(line.text)

    def _begins(self, above: Line, line: Line, gap: float) -> bool:
        """Whether a line begins a new paragraph: by its indent, by space above it, or by a short line before it."""
        left, right = line.column
        usual = self._run[1].baseline - self._run[0].baseline if len(self._run) > 1 else gap
        if gap > 1.3 * usual and gap > 1.3 * line.size:
            return True
        is_indented = line.left - left > 0.8 * line.size and above.left - left < 0.5 * line.size
        is_outdented = above.left - line.left > 0.8 * line.size and len(self._run) > 1
        ended_early = right - above.right > 0.2 * (right - left)
        ended = above.text.endswith(_SENTENCE_END)
        return (
            (is_indented and ended)
            or (ended_early and (ended or not _begins_small(line.text)))
            or (is_outdented and ended)
        )

    def _flush(self) -> Iterator[Block]:
        run, self._run = self._run, []
        if not run:
            return
        text = _MARKDOWN[self._kind](run, self._level)
        if not any(character.isalnum() for character in text):
            return
        box = Box(
            left=round(min(line.left for line in run), 1),
            top=round(min(line.top for line in run), 1),
            right=round(max(line.right for line in run), 1),
            bottom=round(max(line.bottom for line in run), 1),
        )
        yield Block(kind=self._kind, markdown=text, level=self._level, page=self._page.number, box=box)


def _is_full(line: Line) -> bool:
    left, right = line.column
    return right - line.right < 0.1 * (right - left)


def _begins_small(text: str) -> bool:
    first = text.lstrip("“\"'(（")[:1]
    return first.islower() or is_wide(first) or first.isdigit()


def _joined(texts: Sequence[str]) -> str:
    """Lines as one text: words divided at the end of a line are mended, Chinese lines are joined without a space."""
    whole = texts[0]
    for text in texts[1:]:
        divided = re.search(r"(?P<word>[^\W\d_]+)-$", whole)
        if divided and text[:1].islower():
            keeps = not divided["word"][1:].islower()  # GitHub-flavoured, AI-based
            whole = (whole if keeps else whole[:-1]) + text
        elif is_wide(whole[-1:]) and (is_wide(text[:1])):
            whole += text
        else:
            whole += f" {text}"
    return " ".join(whole.split())


def _para(run: Sequence[Line], level: int | None) -> str:  # noqa: ARG001 - one signature for all kinds
    return _joined([line.text for line in run])


def _heading(run: Sequence[Line], level: int | None) -> str:
    return f"{'#' * (level or 1)} {_joined([line.text for line in run])}"


def _list(run: Sequence[Line], level: int | None) -> str:  # noqa: ARG001
    items: list[list[str]] = []
    for line in run:
        found = _BULLET.match(line.text)
        if found:
            mark = found["mark"].strip("()")
            shown = f"{mark.rstrip('.)')}. " if mark.rstrip(".)").isdigit() else "- "
            rest = line.text[found.end() :]
            items.append([shown + (rest if not mark[0].isalpha() else f"{found['mark']} {rest}")])
        elif items:
            items[-1].append(line.text)
    return "\n".join(_joined(item) for item in items)


def _code(run: Sequence[Line], level: int | None) -> str:  # noqa: ARG001
    left = min(line.left for line in run)
    width = max(0.3 * run[0].size, (run[0].right - run[0].left) / max(1, len(run[0].text)))
    lines: list[str] = []
    for at, line in enumerate(run):
        text = " " * min(60, round((line.left - left) / width)) + line.text.lstrip()
        if at and abs(line.baseline - run[at - 1].baseline) < 0.5 * line.size:
            lines[-1] += "  " + line.text.strip()
        else:
            lines.append(text)
    if len(lines) == 1 and len(lines[0].split()) < 2:
        return f"`{lines[0].strip()}`"
    return "```\n" + "\n".join(lines).replace("```", "'''") + "\n```"


_MARKDOWN = {"para": _para, "heading": _heading, "list": _list, "code": _code}
