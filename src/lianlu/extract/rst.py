"""reStructuredText as documentation has it, with Sphinx's directives and roles, to markdown blocks with their lines.

Read line by line rather than by docutils' parser: that one knows no line range of most nodes, stops at directives Sphinx
would define, and wants to include files. Only tables are given to docutils, whose table parsers take lines and give cells.
Nothing is included, executed or fetched. A directive nobody told us about keeps its content.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from lianlu.extract.front_matter import dated
from lianlu.extract.html_blocks import blocks_of, markdown_table, parse_html
from lianlu.extract.lines import Lines
from lianlu.extract.reader import ReadConfig, document_of
from lianlu.records import Block, BlockKind, Document, Source
from lianlu.text.decode import decode

__all__ = ["inline_markdown", "read"]

_ADORNMENT = re.compile(r"([=\-`:.'\"~^_*+#<>!$%&(),/;?@\[\\\]{|}])\1{2,}\s*$")
_BULLET = re.compile(r"(?P<mark>[-*+•]|(?:\d{1,3}|#|[a-zA-Z])[.)]|\(\d{1,3}\))(?:[ \t]+|$)")
_DIRECTIVE = re.compile(r"\.\.[ \t]+(?:\|[^|]+\|[ \t]+)?(?P<name>[\w:.+-]+?)[ \t]?::(?:[ \t]+(?P<argument>.*))?$")
_FIELD = re.compile(r":(?P<name>[^:`\s][^:`]*):(?:[ \t]+(?P<value>.*))?$")
_SIMPLE_TABLE = re.compile(r"=+(?:[ \t]+=+)+[ \t]*$")
_CODE_NAMES = "code code-block sourcecode parsed-literal prompt doctest console"
_LEFT_OUT_NAMES = """
    contents include literalinclude currentmodule module highlight default-role role meta index sectnum tabularcolumns class
    rst-class autosummary openapi target-notes
"""
_CODE_ROLE_NAMES = """
    class func meth mod attr data exc obj file code literal program option envvar command samp kbd const any py:class
    py:func py:meth py:mod py:attr py:obj
"""
_CODE = frozenset(_CODE_NAMES.split())
_LEFT_OUT = frozenset(_LEFT_OUT_NAMES.split())
_CODE_ROLES = frozenset(_CODE_ROLE_NAMES.split())
_INLINE = re.compile(
    r"(?P<literal>``(?P<literal_text>.+?)``)"
    r"|(?P<role>:(?P<role_name>[\w:+.-]+):`(?P<role_text>[^`]+)`)"
    r"|(?P<link>`(?P<link_text>[^`<]*?)\s*<(?P<target>[^<>`]+)>`__?)"
    r"|(?P<reference>`(?P<reference_text>[^`]+)`_{0,2})"
    r"|(?P<substitution>\|(?P<substitution_text>[^|\s](?:[^|]*[^|\s])?)\|_{0,2})"
    r"|(?P<note>\[(?P<note_text>\#?[\w.-]*|\*)\]_)"
    r"|(?P<word>(?<![\w`])(?P<word_text>[^\W_](?:[\w.-]*[^\W_])?)__?(?![\w`]))"
    r"|(?P<space>\\[ \n])",
    re.DOTALL,
)
_POINTS = "-*+•"
_DEEPEST = 20


def read(content: bytes, source: Source, config: ReadConfig) -> Document:  # noqa: ARG001 - the reader Protocol
    """Read reStructuredText.

    Raises:
        DataError: text.binary, extract.no-content
    """
    decoded = decode(content)
    lines = Lines(decoded.text)
    reader = _Reader(lines)
    blocks = list(reader.blocks(0, len(lines), 0, 0))
    meta = {**dated(reader.facts), "encoding": decoded.encoding}
    return document_of(source, blocks or reader.contents, meta=meta)


def inline_markdown(text: str) -> str:
    """Inline markup of reStructuredText as markdown.

    >>> inline_markdown("see :ref:`the guide <guide>` and ``x``")
    'see the guide and `x`'
    """
    return _INLINE.sub(_inline, text)


def _inline(match: re.Match[str]) -> str:
    if match["literal"]:
        inner = match["literal_text"]
        return f"`` {inner} ``" if "`" in inner else f"`{inner}`"
    if match["role"]:
        return _role(match["role_name"], match["role_text"])
    if match["link"]:
        words, target = match["link_text"].strip(), match["target"].strip()
        return f"[{words or target}]({target})" if not target.endswith("_") else words
    for name in ("reference", "substitution", "word"):
        if match[name]:
            return match[f"{name}_text"]
    return f"[{match['note_text']}]" if match["note"] else ""


def _role(name: str, text: str) -> str:
    if name == "math":
        return f"${text}$"
    words = re.sub(r"\s*<[^<>]*>$", "", text).strip() or text.strip("<> ")
    words = words.rsplit(".", 1)[-1] if words.startswith("~") else words.lstrip("!")
    return f"`{words}`" if name in _CODE_ROLES else words


@dataclass
class _Directive:
    name: str
    argument: str
    options: dict[str, str] = field(default_factory=dict[str, str])
    body: int = 0
    end: int = 0


class _Reader:
    """Walks runs of lines. `indent` is the column at which the text of the run begins."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._text = [lines[line].expandtabs(8).rstrip() for line in range(len(lines))]
        self._styles: list[tuple[str, bool]] = []
        self.contents: list[Block] = []  # of toctrees: read only where a page has nothing else
        self.facts: dict[str, str] = {}  # what the page says of itself at its top

    def blocks(self, first: int, end: int, indent: int, depth: int) -> Iterator[Block]:
        line = first
        while line < end:
            if not self._text[line]:
                line += 1
                continue
            column = self._column(line)
            if column > indent and depth < _DEEPEST:
                stop = self._dedent(line, end, column)
                yield from self.blocks(line, stop, column, depth + 1)
                line = stop
                continue
            made, line = self._one(line, end, min(column, indent), depth)
            yield from made

    def _one(self, line: int, end: int, indent: int, depth: int) -> tuple[list[Block], int]:
        """The blocks that begin at `line`, and the line after them."""
        text = self._text[line][indent:]
        if text == ".." or text.startswith(".. "):
            return self._explicit(line, end, indent, depth)
        if depth == 0:
            heading = self._heading(line, end)
            if heading is not None:
                return heading
        if text.startswith(("+-", "+=")):
            return self._grid_table(line, end, indent)
        if _SIMPLE_TABLE.match(text):
            return self._simple_table(line, end, indent)
        if text.startswith(">>>"):
            return self._paragraph_as(line, end, "code")
        if text.startswith("__ ") or (_ADORNMENT.match(text) and len(text) > 3 and self._is_blank(line + 1)):
            return [], line + 1
        if _BULLET.match(text):
            return self._list(line, end, indent, depth)
        if _FIELD.match(text):
            return self._fields(line, end, indent)
        return self._paragraph(line, end, indent, depth)

    def _heading(self, line: int, end: int) -> tuple[list[Block], int] | None:
        text = self._text[line]
        following = self._text[line + 1] if line + 1 < end else ""
        third = self._text[line + 2] if line + 2 < end else ""
        if _ADORNMENT.match(text) and following.strip() and third == text and not _SIMPLE_TABLE.match(text):
            return [self._title(following, (text[0], True), line, line + 3)], line + 3
        short = len(following) < min(len(text), 4)
        if _ADORNMENT.match(following) and not _ADORNMENT.match(text) and text[0] != " " and not short:
            return [self._title(text, (following[0], False), line, line + 2)], line + 2
        return None

    def _title(self, text: str, style: tuple[str, bool], first: int, end: int) -> Block:
        if style not in self._styles:
            self._styles.append(style)
        level = min(6, self._styles.index(style) + 1)
        return self._block("heading", f"{'#' * level} {inline_markdown(text.strip())}", first, end, level)

    def _explicit(self, line: int, end: int, indent: int, depth: int) -> tuple[list[Block], int]:
        text = self._text[line][indent:]
        stop = self._body_end(line, end, indent)
        found = _DIRECTIVE.match(text)
        if found:
            directive = self._directive(found, line, stop)
            return list(self._directed(directive, line, depth)), stop
        if re.match(r"\.\. \[[^\]]+\] ", text):
            words = " ".join(self._text[each].strip() for each in range(line, stop)).removeprefix(".. ")
            return [self._block("para", inline_markdown(words), line, stop)], stop
        return [], stop

    def _directive(self, found: re.Match[str], line: int, stop: int) -> _Directive:
        directive = _Directive(found["name"].lower(), (found["argument"] or "").strip(), body=line + 1, end=stop)
        while directive.body < stop:
            option = _FIELD.match(self._text[directive.body].strip())
            if option is None:
                break
            directive.options[option["name"]] = (option["value"] or "").strip()
            directive.body += 1
        return directive

    def _directed(self, directive: _Directive, line: int, depth: int) -> Iterator[Block]:
        name, body, stop = directive.name, directive.body, directive.end
        if name == "toctree":
            self.contents += self._contents(directive, line)
        elif name in _LEFT_OUT or name.startswith("auto") or depth > _DEEPEST:
            return
        elif name in _CODE:
            yield from self._code(body, stop, directive.argument if name != "parsed-literal" else "", line)
        elif name == "math":
            yield from self._math(directive, line)
        elif name in ("image", "figure"):
            yield from self._figure(directive, line)
        elif name == "raw":
            yield from self._raw(directive, line)
        elif name == "list-table":
            yield from self._caption(directive, line)
            yield from self._table(self._list_rows(body, stop), line, stop)
        elif name == "csv-table":
            yield from self._caption(directive, line)
            yield from self._table(self._csv_rows(directive), line, stop)
        else:
            yield from self._caption(directive, line)
            yield from self.blocks(body, stop, self._column_of(body, stop), depth + 1)

    def _contents(self, directive: _Directive, line: int) -> Iterator[Block]:
        entries = [text.strip() for text in self._dedented(directive.body, directive.end) if text.strip()]
        items = [f"- {_role('doc', entry)}" for entry in entries]
        caption = directive.options.get("caption", "")
        text = "\n".join([f"{caption}\n", *items] if caption else items)
        if text:
            yield self._block("list", text, line, directive.end)

    def _caption(self, directive: _Directive, line: int) -> Iterator[Block]:
        """What stands behind the `::` is a title or the first words of the body."""
        words = [directive.argument]
        if directive.name not in ("list-table", "csv-table", "table") and directive.argument:
            while directive.body < directive.end and self._text[directive.body]:
                words.append(self._text[directive.body].strip())
                directive.body += 1
        text = inline_markdown(" ".join(words).strip())
        if any(character.isalnum() for character in text) and directive.name not in ("only", "tab-set", "grid"):
            yield self._block("para", text, line, max(line + 1, directive.body))

    def _math(self, directive: _Directive, line: int) -> Iterator[Block]:
        body = "\n".join(self._dedented(directive.body, directive.end)).strip()
        text = "\n".join(part for part in (directive.argument, body) if part)
        if text:
            yield self._block("formula", f"$$\n{text}\n$$", line, directive.end)

    def _figure(self, directive: _Directive, line: int) -> Iterator[Block]:
        alternative = directive.options.get("alt", "")
        caption = " ".join(part.strip() for part in self._dedented(directive.body, directive.end) if part.strip())
        words = inline_markdown(caption) or alternative
        if words:
            image = f"![{alternative or words[:80]}]({directive.argument.replace(' ', '%20')})"
            text = f"{image}\n\n{words}" if caption else image
            yield self._block("figure", text, line, directive.end)

    def _raw(self, directive: _Directive, line: int) -> Iterator[Block]:
        if directive.argument != "html":
            return
        root = parse_html("\n".join(self._dedented(directive.body, directive.end)) or " ")
        for block in blocks_of(root) if root is not None else []:
            yield msgspec.structs.replace(block, span=self._lines.span(line, directive.end))

    def _code(self, first: int, stop: int, language: str, line: int) -> Iterator[Block]:
        body = self._dedented(first, stop)
        while body and not body[0].strip():
            body.pop(0)
        text = "\n".join(body).rstrip()
        if text:
            fence = "````" if "```" in text else "```"
            yield self._block("code", f"{fence}{language}\n{text}\n{fence}", line, stop)

    def _list_rows(self, first: int, stop: int) -> list[list[str]]:
        rows: list[list[str]] = []
        for text in self._dedented(first, stop):
            words = text.strip()
            row = re.match(r"\*\s+-(?:\s+|$)(.*)", text)
            cell = re.match(r"\s+-(?:\s+|$)(.*)", text)
            if row:
                rows.append([row[1]])
            elif cell and rows:
                rows[-1].append(cell[1])
            elif words and rows:
                rows[-1][-1] += f" {words}"
        return [[inline_markdown(cell.strip()) for cell in row] for row in rows]

    def _csv_rows(self, directive: _Directive) -> list[list[str]]:
        body = [text for text in self._dedented(directive.body, directive.end) if text.strip()]
        head = directive.options.get("header", "")
        try:
            rows = list(csv.reader([head, *body] if head else body, skipinitialspace=True))
        except csv.Error:
            return []
        return [[inline_markdown(cell) for cell in row] for row in rows]

    def _table(self, rows: list[list[str]], first: int, stop: int) -> Iterator[Block]:
        text = markdown_table([row for row in rows if any(cell.strip() for cell in row)])
        if text:
            yield self._block("table", text, first, stop)

    def _grid_table(self, line: int, end: int, indent: int) -> tuple[list[Block], int]:
        stop = line
        while stop < end and self._text[stop][indent : indent + 1] in ("+", "|"):
            stop += 1
        return self._docutils_table(line, stop, "grid"), stop

    def _simple_table(self, line: int, end: int, indent: int) -> tuple[list[Block], int]:
        stop = line + 1
        borders = 1
        while stop < end:
            is_border = bool(_SIMPLE_TABLE.match(self._text[stop][indent:]))
            borders += is_border
            stop += 1
            if is_border and (borders > 2 or self._is_blank(stop)) and (stop >= end or self._is_blank(stop)):
                break
        return self._docutils_table(line, stop, "simple"), stop

    def _docutils_table(self, first: int, stop: int, form: str) -> list[Block]:
        from docutils.parsers.rst.tableparser import GridTableParser, SimpleTableParser, TableMarkupError
        from docutils.statemachine import StringList

        # docutils counts columns: wide characters are padded as it does itself
        source = StringList(self._dedented(first, stop))
        source.pad_double_width("\x00")
        parser = GridTableParser() if form == "grid" else SimpleTableParser()
        try:
            _, head, body = parser.parse(source)
        except (TableMarkupError, IndexError, ValueError, AttributeError):
            return list(self._code(first, stop, "", first))
        rows = [[_cell_text(cell) for cell in row] for row in (*head, *body)]
        return list(self._table(rows, first, stop))

    def _list(self, line: int, end: int, indent: int, depth: int) -> tuple[list[Block], int]:
        """One list; it becomes several blocks where an item holds code or a table."""
        made: list[Block] = []
        items: list[str] = []
        first = line
        is_points = self._text[line][indent : indent + 1] in _POINTS
        while line < end:
            mark = _BULLET.match(self._text[line][indent:]) if self._column(line) == indent else None
            if mark is None or not self._text[line] or (mark["mark"] in _POINTS) != is_points:
                break
            stop = self._body_end(line, end, indent)
            blocks = self._item(line, stop, indent + mark.end(), depth)
            shown = "- " if is_points else "1. " if "#" in mark["mark"] else f"{mark['mark'].strip('()')} "
            shown = re.sub(r"^(\d+)\)? $", r"\1. ", shown)
            plain = [block for block in blocks if block.kind in ("para", "list")]
            if plain == blocks:
                items.append(_item_markdown(shown, blocks))
            else:
                if items:
                    made.append(self._block("list", "\n".join(items), first, line))
                    items = []
                made += _marked_first(shown, blocks)
                first = stop
            line = stop
            while line < end and not self._text[line]:
                line += 1
        if items:
            made.append(self._block("list", "\n".join(items), first, line))
        return made, line

    def _item(self, line: int, stop: int, column: int, depth: int) -> list[Block]:
        whole = self._text[line]
        self._text[line] = " " * min(column, len(whole)) + whole[column:]
        inner = next((self._column(each) for each in range(line, stop) if self._text[each].strip()), column)
        made = list(self.blocks(line, stop, min(inner, column), depth + 1)) if depth < _DEEPEST else []
        self._text[line] = whole
        return made

    def _fields(self, line: int, end: int, indent: int) -> tuple[list[Block], int]:
        """`:name: value` lines: facts about the document at its top, a list elsewhere."""
        items: list[str] = []
        facts: dict[str, str] = {}
        first = line
        while line < end and (found := _FIELD.match(self._text[line][indent:])):
            stop = self._body_end(line, end, indent)
            rest = " ".join(self._text[each].strip() for each in range(line + 1, stop))
            value = inline_markdown(f"{found['value'] or ''} {rest}".strip())
            if value:
                items.append(f"- **{found['name']}**: {value}")
                facts[found["name"].lower()[:60]] = value[:300]
            line = stop
        above = [self._text[each] for each in range(first) if self._text[each]]
        is_top = not above
        if is_top or (len(above) <= 3 and len(set(above[-1])) == 1):  # right below the underlined title
            self.facts |= facts
        return ([] if is_top or not items else [self._block("list", "\n".join(items), first, line)]), line

    def _paragraph(self, line: int, end: int, indent: int, depth: int) -> tuple[list[Block], int]:
        stop = line + 1
        while stop < end and self._text[stop] and self._column(stop) == self._column(line):
            if self._text[stop][indent:].startswith(".. "):
                break
            stop += 1
        if stop == line + 1 and stop < end and self._text[stop] and self._column(stop) > indent:
            return self._definition(line, end, indent, depth)
        text = "\n".join(self._text[each].strip() for each in range(line, stop))
        has_literal = text.endswith("::")
        if has_literal:
            text = text[:-2].rstrip() + ("" if text[:-2].endswith((" ", "\n")) or text == "::" else ":")
        made = [self._text_block(text, line, stop)] if text.strip(": \n") else []
        if has_literal:
            after = stop
            while after < end and not self._text[after]:
                after += 1
            if after < end and self._column(after) > indent:
                last = self._dedent(after, end, indent + 1)
                made += self._code(after, last, "", after)
                stop = last
        return made, stop

    def _text_block(self, text: str, first: int, stop: int) -> Block:
        words = "\n".join(each.removeprefix("| ") for each in text.split("\n")) if text.startswith("| ") else text
        markdown = inline_markdown(words)
        span = self._lines.span(first, stop)
        is_verbatim = span.cut(self._lines.text) == markdown
        return Block(kind="para", markdown=markdown, span=span, verbatim=is_verbatim)

    def _definition(self, line: int, end: int, indent: int, depth: int) -> tuple[list[Block], int]:
        """A term with its indented explanation."""
        stop = self._body_end(line, end, indent)
        term = inline_markdown(self._text[line].strip())
        inner = list(self.blocks(line + 1, stop, self._column_of(line + 1, stop), depth + 1))
        if inner and inner[0].kind == "para":
            joined = f"{term.rstrip(':')}: {inner[0].markdown}" if len(term) < 80 else f"{term}\n{inner[0].markdown}"
            inner[0] = self._block("para", joined, line, inner[0].span.last_line or stop if inner[0].span else stop)
            return inner, stop
        return [self._block("para", term, line, line + 1), *inner], stop

    def _paragraph_as(self, line: int, end: int, kind: BlockKind) -> tuple[list[Block], int]:
        stop = line
        while stop < end and self._text[stop]:
            stop += 1
        text = "\n".join(self._dedented(line, stop))
        return [self._block(kind, f"```python\n{text}\n```", line, stop)], stop

    def _block(self, kind: BlockKind, markdown: str, first: int, stop: int, level: int | None = None) -> Block:
        return Block(kind=kind, markdown=markdown, level=level, span=self._lines.span(first, max(stop, first + 1)))

    def _dedented(self, first: int, stop: int) -> list[str]:
        column = self._column_of(first, stop)
        return [self._text[line][column:] for line in range(first, stop)]

    def _column_of(self, first: int, stop: int) -> int:
        return min((self._column(line) for line in range(first, stop) if self._text[line]), default=0)

    def _column(self, line: int) -> int:
        text = self._text[line]
        return len(text) - len(text.lstrip())

    def _is_blank(self, line: int) -> bool:
        return line >= len(self._text) or not self._text[line]

    def _dedent(self, line: int, end: int, column: int) -> int:
        """The first line from `line` on whose text begins left of `column`."""
        while line < end and (not self._text[line] or self._column(line) >= column):
            line += 1
        while line > 0 and not self._text[line - 1]:
            line -= 1
        return line

    def _body_end(self, line: int, end: int, indent: int) -> int:
        return max(line + 1, self._dedent(line + 1, end, indent + 1))


def _item_markdown(mark: str, blocks: list[Block]) -> str:
    text = "\n".join(block.markdown for block in blocks)
    first, *rest = text.splitlines() or [""]
    return "\n".join([mark + first, *(f"{' ' * len(mark)}{line}".rstrip() for line in rest)]).rstrip()


def _marked_first(mark: str, blocks: list[Block]) -> list[Block]:
    """The first words of an item keep its mark; what follows stands on its own."""
    if blocks and blocks[0].kind == "para":
        text = mark + blocks[0].markdown
        return [msgspec.structs.replace(blocks[0], kind="list", markdown=text, verbatim=False), *blocks[1:]]
    return blocks


def _cell_text(cell: object) -> str:
    if not isinstance(cell, (tuple, list)) or len(cell) < 4:
        return ""
    words = " ".join(str(line).replace("\x00", "").strip() for line in cell[3])
    return inline_markdown(" ".join(words.split()))
