"""One page, one string: a complete HTML document with its style and script inside, the same bytes for the same page.

Both languages are always in the page and the style sheet shows one; the button only changes an attribute of `<html>`.
A content security policy allows our own script (by hash) and nothing else: even a hole in the escaping could run no code
and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files

from lianlu.core.i18n import Language, Text
from lianlu.page import texts
from lianlu.page.charts import bar_chart, bar_values, legend, line_chart, line_values
from lianlu.page.graph import draw
from lianlu.page.markdown import to_html
from lianlu.page.markup import Ids, attribute, badge, cell, escape, inline, label, swapped
from lianlu.page.parts import (
    Badge,
    BarChart,
    Cell,
    Code,
    Column,
    Facts,
    Fold,
    Graph,
    Label,
    LineChart,
    Markdown,
    Note,
    Page,
    Part,
    Quote,
    Section,
    SideBySide,
    Table,
    Timings,
)
from lianlu.page.quote import quote

__all__ = ["render"]

_FILTER_FROM_ROWS = 12


def render(page: Page, language: Language = "en") -> str:
    """The HTML document of a page.

    Args:
        page: what to show.
        language: the one shown first; a reader's own choice is remembered by the browser.
    """
    draw = _Drawing(language)
    sections = [(draw.ids.take(section.id, "-h"), section) for section in page.sections]
    body = "".join(_section(section, name, draw) for name, section in sections)
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if language == "zh" else "en"}" data-lang="{language}">\n'
        f"{_head(page, language)}\n<body>\n"
        f'<a class="skip" href="#content">{label(texts.SKIP)}</a>\n'
        f"{_header(page, language)}\n"
        f'<div class="frame">{_contents(sections, language)}<main id="content">\n{body}</main></div>\n'
        f"<footer>{label(page.footer)}</footer>\n"
        f"<script>{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


@dataclass(frozen=True)
class _Drawing:
    """What drawing one page needs to know besides the part at hand."""

    language: Language
    ids: Ids = field(default_factory=lambda: Ids("content", "language"))


@lru_cache(maxsize=4)
def _asset(name: str) -> str:
    return files("lianlu.page").joinpath(name).read_text(encoding="utf-8").strip()


def _head(page: Page, language: Language) -> str:
    script = base64.b64encode(hashlib.sha256(_asset("page.js").encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{script}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    title = page.title if isinstance(page.title, Text) else Text(page.title, page.title)
    both = attribute("data-text-en", title.en) + attribute("data-text-zh", title.zh)
    return (
        f'<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy"{attribute("content", policy)}>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title{both}>{escape(title.show(language))}</title>\n<style>{_asset('page.css')}</style>\n</head>"
    )


def _header(page: Page, language: Language) -> str:
    subtitle = f'<p class="subtitle">{label(page.subtitle)}</p>' if page.subtitle else ""
    # The button is written in the language it leads to, for the reader who needs it.
    button = (
        f'<button type="button" class="language" id="language"{swapped("aria-label", texts.LANGUAGE, language)}>'
        '<span class="l-en" lang="zh-CN">中文</span><span class="l-zh" lang="en">English</span></button>'
    )
    return f'<header><div class="title"><h1>{label(page.title)}</h1>{subtitle}</div>{button}</header>'


def _contents(sections: Sequence[tuple[str, Section]], language: Language) -> str:
    if len(sections) < 2:
        return ""
    items = "".join(f'<li><a href="#{name}">{label(section.title)}</a></li>' for name, section in sections)
    return f"<nav{swapped('aria-label', texts.CONTENTS, language)}><ul>{items}</ul></nav>"


def _section(section: Section, name: str, draw: _Drawing) -> str:
    intro = f'<p class="intro">{label(section.intro)}</p>' if section.intro else ""
    parts = "\n".join(_part(part, draw) for part in section.parts)
    return f'<section id="{name}" aria-labelledby="{name}-h"><h2 id="{name}-h">{label(section.title)}</h2>{intro}\n{parts}\n</section>\n'


def _part(part: Part, draw: _Drawing) -> str:
    match part:
        case Table():
            return _table(part, draw)
        case Facts():
            return _facts(part)
        case BarChart() | LineChart():
            return _chart(part, draw)
        case Quote():
            return quote(
                part,
                draw.ids.take("answer", *(f"-s{cited.number}" for cited in part.citations)),
                [_note(note) for note in part.notes],
            )
        case Fold():
            return _fold(part, draw)
        case Code():
            caption = f'<span class="caption">{escape(part.language)}</span>' if part.language else ""
            return f'<div class="code">{caption}<pre tabindex="0"><code>{escape(part.text)}</code></pre></div>'
        case Note():
            return _note(part)
        case Graph():
            return _graph(part, draw)
        case Markdown():
            return _markdown(part)
        case Timings():
            return _timings(part)
        case SideBySide():
            return _side_by_side(part, draw)


def _note(note: Note) -> str:
    return f'<p class="note {note.level}" role="note"><strong>{label(texts.LEVELS[note.level])}</strong> {label(note.text)}</p>'


def _facts(facts: Facts) -> str:
    tiles = "".join(
        f"<div><dt>{label(fact.label)}</dt><dd>{cell(fact.value)}</dd>{_small(fact.note)}</div>" for fact in facts.facts
    )
    return f'<dl class="facts">{tiles}</dl>'


def _small(words: Label) -> str:
    return f'<dd class="note-small">{label(words)}</dd>' if words else ""


def _fold(fold: Fold, draw: _Drawing) -> str:
    badges = inline(badge(state) for state in fold.badges)
    inner = "\n".join(_part(part, draw) for part in fold.parts)
    opened = " open" if fold.is_open else ""
    return (
        f'<details{opened}><summary>{label(fold.title)} {badges}</summary><div class="folded">{inner}</div></details>'
    )


def _side_by_side(both: SideBySide, draw: _Drawing) -> str:
    made: list[str] = []
    for side in both.sides:
        badges = inline(badge(state) for state in side.badges)
        inner = "\n".join(_part(part, draw) for part in side.parts)
        top = f'<div class="asked"><h3>{label(side.title)}</h3><div class="badges">{badges}</div></div>'
        made.append(f'<div class="side">{top}{inner}</div>')
    return f'<div class="sides">{"".join(made)}</div>'


def _table(table: Table, draw: _Drawing) -> str:
    columns = [column if isinstance(column, Column) else Column(column) for column in table.columns]
    numeric = [_is_numeric(table, index) for index in range(len(columns))]
    head = "".join(_column_head(column, is_number) for column, is_number in zip(columns, numeric, strict=True))
    rows = "".join(f"<tr>{_row(row, columns, numeric)}</tr>" for row in table.rows)
    if not table.rows:
        rows = f'<tr><td class="none" colspan="{len(columns)}">{label(texts.NO_ROWS)}</td></tr>'
    name = draw.ids.take("table", "-h")
    caption = f'<h3 id="{name}-h">{label(table.title)}</h3>' if table.title else ""
    labelled = f' aria-labelledby="{name}-h"' if table.title else ""
    return (
        f'<div class="table" id="{name}"><div class="bar">{caption}{_table_tools(table, draw)}</div>'
        f'<div class="scroll" role="region" tabindex="0"{labelled or swapped("aria-label", texts.VALUES, draw.language)}>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></div>"
    )


def _table_tools(table: Table, draw: _Drawing) -> str:
    if not table.rows:
        return ""
    is_filterable = len(table.rows) >= _FILTER_FROM_ROWS if table.filterable is None else table.filterable
    words = swapped("placeholder", texts.FILTER, draw.language) + swapped("aria-label", texts.FILTER, draw.language)
    box = f'<input type="search" class="filter"{words}>' if is_filterable else ""
    copied = f'<span class="copied" role="status" hidden>{label(texts.COPIED)}</span>'
    return f'<div class="tools">{box}{copied}<button type="button" class="csv">{label(texts.COPY_CSV)}</button></div>'


def _column_head(column: Column, is_number: bool) -> str:
    unit = f' <span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    kind = ' class="number"' if is_number else ""
    inner = f'<button type="button" class="sort">{label(column.title)}{unit}</button>' if column.title else ""
    return f'<th scope="col"{kind} aria-sort="none">{inner}</th>'


def _row(row: Sequence[Cell], columns: Sequence[Column], numeric: Sequence[bool]) -> str:
    made: list[str] = []
    for value, column, is_number in zip(row, columns, numeric, strict=True):
        raw = f' data-value="{value!r}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
        kind = ' class="number"' if is_number else ""
        made.append(f"<td{kind}{raw}>{cell(value, column.digits)}</td>")
    return "".join(made)


def _is_numeric(table: Table, index: int) -> bool:
    values = [row[index] for row in table.rows if row[index] is not None]
    return bool(values) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _figure(kind: str, title: Label, name: str, inner: str) -> str:
    return f'<figure class="{kind}"><figcaption id="{name}">{label(title)}</figcaption>{inner}</figure>'


def _chart(chart: BarChart | LineChart, draw: _Drawing) -> str:
    name = draw.ids.take("chart", "-d")
    if isinstance(chart, BarChart):
        names, picture, values = chart.series, bar_chart(chart, name), bar_values(chart)
    else:
        names, picture, values = [line.name for line in chart.lines], line_chart(chart, name), line_values(chart)
    below = _fold(Fold(texts.VALUES, (values,)), draw)
    inner = f'{legend(names)}<div class="scroll" tabindex="0">{picture}</div>{below}'
    return _figure("chart", chart.title, name, inner)


def _graph(graph: Graph, draw_: _Drawing) -> str:
    name = draw_.ids.take("graph", "-d", "-a")
    return _figure("graph", graph.title, name, f'<div class="scroll" tabindex="0">{draw(graph, name)}</div>')


def _markdown(markdown: Markdown) -> str:
    left = len(markdown.text) - markdown.limit_characters
    html = to_html(markdown.text[: markdown.limit_characters])
    cut = texts.CHARACTERS_LEFT
    more = _note(Note(Text(cut.show("en", left=left), cut.show("zh", left=left)))) if left > 0 else ""
    return f'<div class="markdown">{html}{more}</div>'


def _timings(timings: Timings) -> str:
    longest = max((step.seconds for step in timings.steps), default=0.0) or 1.0
    rows: list[str] = []
    for step in timings.steps:
        share = max(0.0, min(step.seconds / longest, 1.0)) * 100
        state = badge(Badge(texts.CACHED, "accent")) if step.cached else ""
        note = f' <span class="note-small">{label(step.note)}</span>' if step.note else ""
        rows.append(
            f'<tr><th scope="row">{escape(step.name)}{note}</th><td class="span"><div class="track">'
            f'<div class="fill{" cached" if step.cached else ""}" style="width:{share:.1f}%"></div></div></td>'
            f'<td class="number">{step.seconds:.2f} s</td><td>{state}</td></tr>'
        )
    head = (
        f'<th scope="col">{label(texts.STEP)}</th><th></th>'
        f'<th scope="col" class="number">{label(texts.SECONDS)}</th><th></th>'
    )
    return f'<table class="timings"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
