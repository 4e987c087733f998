"""From an lxml tree to markdown blocks: the one place where HTML becomes markdown, for web pages, Word and README badges.

Block elements end a paragraph, everything else is text that flows. What nobody reads (scripts, forms, hidden elements)
gives nothing. A block knows the source lines of its element; its markdown is ours, so it is never `verbatim`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lianlu.extract.lines import Lines
from lianlu.records import Block, BlockKind

__all__ = ["blocks_of", "is_hidden", "markdown_table", "parse_html", "words_of"]

_SILENT_TAGS = """
    applet area audio base button canvas datalist dialog embed head iframe input link map meta meter noscript object option
    progress script select source style svg template textarea title track video
"""
_BLOCK_TAGS = """
    address article aside blockquote body caption center col colgroup dd details dir div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre section summary table tbody td
    tfoot th thead tr ul
"""
_SILENT = frozenset(_SILENT_TAGS.split())
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACES = re.compile(r"[ \t\r\n\f\v\u200b\ufeff]+")
_LANGUAGE_CLASS = re.compile(r"(?:^|\s)(?:language|lang|highlight|highlight-source|brush:)-?\s*([\w+#.-]+)")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LARGE = 5_000_000  # characters
_MOST_CELLS = 20_000
_DEEPEST = 200


def parse_html(text: str) -> Any:
    """The root element of an HTML text; None when there is nothing in it. No network and no entities.

    libxml2 cuts a text of more than ten million characters unless it is told that the file is meant to be large.
    """
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue]
    from lxml.html import HTMLParser, document_fromstring

    parser = HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=len(text) > _LARGE, remove_comments=True, remove_pis=True
    )
    try:
        return document_fromstring(_without_unpairable(text).encode(), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def _without_unpairable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", errors="replace").decode()


def is_hidden(element: Any) -> bool:
    """Whether a browser would not show the element."""
    if "hidden" in element.attrib or element.get("aria-hidden") == "true":
        return True
    style = element.get("style")
    return bool(style) and _HIDDEN_STYLE.search(style) is not None


def words_of(markdown: str) -> str:
    """Markdown without the marks of links, images and emphasis: what is left to read."""
    text = re.sub(r"!\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\*\*|(?<!\w)[*_`]|[*_`](?!\w)", "", text)


def markdown_table(rows: list[list[str]]) -> str:
    """Rows of cells as a GitHub table; the first row is its head."""
    width = max((len(row) for row in rows), default=0)
    if not width:
        return ""
    padded = [[_cell(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    return "\n".join([lines[0], f"|{' --- |' * width}", *lines[1:]])


def blocks_of(root: Any, lines: Lines | None = None) -> list[Block]:
    """The blocks of everything below `root` in reading order.

    Args:
        root: an element of `parse_html`.
        lines: the source, to give each block the span of lines its element has there.
    """
    return list(_Builder(lines).blocks(root, 0))


@dataclass
class _Found:
    kind: BlockKind
    markdown: str
    level: int | None
    first: int
    last: int


class _Builder:
    """One pass over a tree. `_run` holds the text that flows until the next block element."""

    def __init__(self, lines: Lines | None) -> None:
        self._lines = lines
        self._run: list[str] = []
        self._run_lines: list[int] = []
        self._found: list[_Found] = []

    def blocks(self, root: Any, depth: int) -> Iterator[Block]:
        self._enter(root, depth)
        self._flush()
        for found in self._found:
            yield self._block(found)

    def _block(self, found: _Found) -> Block:
        span = None
        if self._lines is not None and found.first:
            first = min(found.first, len(self._lines))
            span = self._lines.span(first - 1, max(first, min(found.last, len(self._lines))))
        return Block(kind=found.kind, markdown=found.markdown, level=found.level, span=span)

    def _enter(self, element: Any, depth: int) -> None:
        """Text and children of a container."""
        self._text(element.text, element)
        for child in element:
            if isinstance(child.tag, str):
                self._visit(child, depth + 1)
            self._text(child.tail, element)

    def _visit(self, element: Any, depth: int) -> None:
        tag = element.tag
        if tag in _SILENT or is_hidden(element):
            return
        if tag not in _BLOCKS:
            self._flowing(element, depth)
            return
        self._flush()
        if depth > _DEEPEST:
            self._emit("para", _inline_children(element), element)
        elif tag in _HEADINGS:
            self._heading(element, _HEADINGS[tag])
        elif tag == "pre":
            self._emit("code", _code(element), element)
        elif tag in ("ul", "ol", "menu", "dir"):
            self._list(element, depth)
        elif tag == "dl":
            self._emit("list", _definitions(element), element)
        elif tag == "table":
            self._table(element, depth)
        elif tag == "figure":
            self._figure(element, depth)
        elif tag == "blockquote":
            self._quote(element, depth)
        else:
            self._enter(element, depth)
            self._flush()

    def _flowing(self, element: Any, depth: int) -> None:
        """An inline element; one with blocks inside (a link around a card) is a container after all."""
        if element.tag == "img":
            self._image(element)
        elif any(isinstance(inner.tag, str) and inner.tag in _BLOCKS for inner in element.iterdescendants()):
            self._flush()
            self._enter(element, depth)
            self._flush()
        else:
            self._text(_inline(element), element)

    def _text(self, text: str | None, element: Any) -> None:
        if text:
            self._run.append(text)
            if text.strip():
                self._run_lines.append(element.sourceline or 0)

    def _flush(self) -> None:
        if self._run:
            text = _tidy("".join(self._run))
            if _has_words(text):
                self._found.append(_Found("para", text, None, min(self._run_lines), max(self._run_lines)))
            self._run, self._run_lines = [], []

    def _emit(self, kind: BlockKind, markdown: str, element: Any, level: int | None = None) -> None:
        if markdown.strip():
            first = element.sourceline or 0
            last = max((inner.sourceline or 0 for inner in element.iter()), default=first)
            self._found.append(_Found(kind, markdown, level, first, max(first, last)))

    def _heading(self, element: Any, level: int) -> None:
        text = _tidy(_inline_children(element)).replace("\n", " ").strip()
        text = re.sub(r"\*\*(.+?)\*\*", r"\1", text).rstrip("¶#").strip()
        if _has_words(text):
            self._emit("heading", f"{'#' * level} {text}", element, level)

    def _list(self, element: Any, depth: int) -> None:
        if _is_layout_list(element):
            self._enter(element, depth)
            self._flush()
        else:
            self._emit("list", "\n".join(_list_lines(element, 0)), element)

    def _table(self, element: Any, depth: int) -> None:
        rows = _rows(element)
        width = max((len(row) for row in rows), default=0)
        if width < 2 or len(rows) < 2 or element.find(".//table") is not None or _is_layout_table(element):
            self._enter(element, depth)
            self._flush()
            return
        caption = element.find("caption")
        if caption is not None:
            self._emit("para", _tidy(_inline_children(caption)), caption)
        self._emit("table", markdown_table(rows), element)

    def _figure(self, element: Any, depth: int) -> None:
        if element.find(".//table") is not None or element.find(".//pre") is not None:
            self._enter(element, depth)
            self._flush()
            return
        images = [_image(image) for image in element.iter("img")]
        captions = [_tidy(_inline_children(caption)) for caption in element.iter("figcaption")]
        self._emit("figure", "\n\n".join(part for part in (*dict.fromkeys(images), *captions) if part), element)

    def _image(self, element: Any) -> None:
        shown = _image(element)
        if shown:
            self._flush()
            self._emit("figure", shown, element)

    def _quote(self, element: Any, depth: int) -> None:
        inner = "\n\n".join(block.markdown for block in _Builder(None).blocks(element, depth + _DEEPEST // 10))
        self._emit("para", "\n".join(f"> {line}".rstrip() for line in inner.splitlines()), element)


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _tidy(text: str) -> str:
    """Runs of spaces become one, a `<br>` (written as \\x00 by `_inline`) a newline."""
    lines = (_SPACES.sub(" ", line).strip() for line in text.replace("\u00ad", "").split("\x00"))
    return "\n".join(line for line in lines if line)


def _inline_children(element: Any, depth: int = 0) -> str:
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            parts.append(_inline(child, depth + 1))
        parts.append(child.tail or "")
    return "".join(parts)


def _inline(element: Any, depth: int = 0) -> str:
    """Flowing text of an element with the marks of markdown."""
    tag = element.tag
    if tag in _SILENT or depth > _DEEPEST or is_hidden(element):
        return ""
    if tag == "br":
        return "\x00"
    if tag == "img":
        return _image(element)
    if tag == "math":
        return f"${element.get('alttext')}$" if element.get("alttext") else _inline_children(element, depth)
    if tag in ("code", "kbd", "samp", "tt"):
        return _marked(_SPACES.sub(" ", "".join(element.itertext())), "`")
    text = _inline_children(element, depth)
    if tag in ("b", "strong"):
        return _marked(text, "**")
    if tag in ("i", "em"):
        return _marked(text, "*")
    if tag == "a":
        return _link(element, text)
    return f" {text} " if tag in _BLOCKS else text


def _marked(text: str, mark: str) -> str:
    """Marks go inside the spaces around a word, and are not put around marks or across a line break."""
    inner = text.strip()
    if not _has_words(inner) or mark in inner or "\x00" in inner:
        return text
    before = text[: len(text) - len(text.lstrip())]
    after = text[len(text.rstrip()) :]
    return f"{before}{mark}{inner}{mark}{after}"


def _link(element: Any, text: str) -> str:
    target = (element.get("href") or "").strip()
    inner = text.strip()
    if not inner or not _is_target(target) or any(mark in inner for mark in ("[", "]", "\x00")):
        return text
    target = target.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    before = text[: len(text) - len(text.lstrip())]
    return f"{before}[{inner}]({target}){text[len(text.rstrip()) :]}"


def _is_target(target: str) -> bool:
    if not target or target.startswith(("#", "data:", "javascript:", "vbscript:", "file:")) or len(target) > 500:
        return False
    return not re.search(r"[\s<>\x00-\x1f]", target.replace(" ", ""))


def _image(element: Any) -> str:
    """An image counts for its description; without one there is nothing to read."""
    words = _tidy(element.get("alt") or element.get("title") or "").replace("\n", " ")
    if not _has_words(words) or len(words) < 4:
        return ""
    target = (element.get("src") or "").strip()
    words = words.replace("[", "(").replace("]", ")")
    return f"![{words}]({target.replace(' ', '%20')})" if _is_target(target) else f"![{words}]()"


def _code(element: Any) -> str:
    text = _with_breaks(element).replace("\r\n", "\n").strip("\n").rstrip()
    if not text.strip():
        return ""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{_code_language(element)}\n{text}\n{fence}"


def _with_breaks(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if isinstance(child.tag, str):
            parts.append("\n" if child.tag == "br" else _with_breaks(child))
        parts.append(child.tail or "")
    return "".join(parts)


def _code_language(element: Any) -> str:
    around = [element, *element.iterchildren("code"), element.getparent()]
    for each in around:
        found = _LANGUAGE_CLASS.search(each.get("class") or "") if each is not None else None
        if found and found[1] not in ("default", "none", "text", "plaintext", "highlight"):
            return found[1]
    return ""


def _list_lines(element: Any, depth: int) -> list[str]:
    """The items of a list, nested ones indented by the width of their parent's mark."""
    lines: list[str] = []
    number = int(element.get("start") or 1) if (element.get("start") or "1").isdigit() else 1
    for item in element:
        if not isinstance(item.tag, str) or is_hidden(item):
            continue
        if item.tag in ("ul", "ol"):  # a list as a child of a list, as old pages have it
            lines += [f"  {line}" for line in _list_lines(item, depth + 1)] if depth < _DEEPEST else []
            continue
        mark = f"{number}. " if element.tag == "ol" else "- "
        own = _item_lines(item, depth)
        if own:
            number += 1
            lines.append(mark + own[0])
            lines += [(" " * len(mark) + line).rstrip() for line in own[1:]]
    return lines


def _item_lines(item: Any, depth: int) -> list[str]:
    lines: list[str] = []
    run: list[str] = [item.text or ""]

    def flush() -> None:
        text = _tidy("".join(run))
        if _has_words(text):
            lines.extend(text.splitlines())
        run.clear()

    for child in item:
        if isinstance(child.tag, str) and not (child.tag in _SILENT or is_hidden(child)):
            nested = _nested_list(child)
            if nested is not None and depth < _DEEPEST:
                flush()
                lines += _list_lines(nested, depth + 1)
            elif child.tag == "pre":
                flush()
                lines += _code(child).splitlines()
            elif child.tag in _BLOCKS:
                flush()
                lines += _item_lines(child, depth + 1) if depth < _DEEPEST else []
            else:
                run.append(_inline(child))
        run.append(child.tail or "")
    flush()
    return lines


def _nested_list(element: Any) -> Any:
    return element if element.tag in ("ul", "ol", "menu") else None


def _definitions(element: Any) -> str:
    lines: list[str] = []
    for child in element.iter("dt", "dd"):
        text = " ".join(_item_lines(child, 0))
        if not text:
            continue
        if child.tag == "dt":
            lines.append(f"- {_marked(text, '**')}")
        elif lines:
            lines[-1] += f": {text}" if not lines[-1].endswith(":") else f" {text}"
        else:
            lines.append(f"- {text}")
    return "\n".join(lines)


def _rows(table: Any) -> list[list[str]]:
    """Cells as text; a spanned place is empty, so columns stay aligned."""
    rows: list[list[str]] = []
    waiting: dict[tuple[int, int], Literal[""]] = {}
    cells = 0
    for at, row in enumerate(table.iter("tr")):
        line: list[str] = []
        for cell in row.iterchildren("td", "th"):
            while (at, len(line)) in waiting:
                line.append("")
            width, height = _span(cell, "colspan", 100), _span(cell, "rowspan", 1000)
            for down in range(1, height):
                waiting.update({(at + down, len(line) + across): "" for across in range(width)})
            line += [" ".join(_item_lines(cell, 0)), *[""] * (width - 1)]
            cells += width * height
            if cells > _MOST_CELLS:
                return rows
        if any(line):
            rows.append(line)
    return rows


def _span(cell: Any, name: str, most: int) -> int:
    value = cell.get(name) or "1"
    return max(1, min(int(value), most)) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")


def _is_layout_table(table: Any) -> bool:
    """Tables that only place things: long cells with headings or several paragraphs inside."""
    if table.get("role") == "presentation":
        return True
    if table.find(".//th") is not None:
        return False
    inner = sum(1 for _ in table.iter("h1", "h2", "h3", "h4", "p", "ul", "ol", "pre", "blockquote", "form"))
    cells = sum(1 for _ in table.iter("td"))
    return inner > cells or any(len(" ".join(cell.itertext())) > 1500 for cell in table.iter("td"))


def _is_layout_list(element: Any) -> bool:
    """Lists of cards: items with headings, several paragraphs or tables are not list items to a reader."""
    return next(element.iter("h1", "h2", "h3", "h4", "h5", "table", "article", "section"), None) is not None
