"""A cited answer: what was asked, what was said, and under it each source with the cited sentence highlighted."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lianlu.core.i18n import Text
from lianlu.page.markup import anchor, attribute, badge, escape, inline, label
from lianlu.page.parts import Citation, Quote

__all__ = ["quote"]

_REFERENCE = re.compile(r"\[(\d{1,4}(?:\s{0,3}[,，、]\s{0,3}\d{1,4})*)\]")


def quote(answer: Quote, name: str, notes: Sequence[str]) -> str:
    """The HTML of a cited answer.

    Args:
        name: prefix of its anchors, unique on the page.
        notes: its notes, already HTML.
    """
    cited = {citation.number: citation for citation in answer.citations}  # each number stands once
    question = f'<h3 class="question">{escape(answer.question)}</h3>' if answer.question else ""
    badges = inline(badge(state) for state in answer.badges)
    top = f'<div class="asked">{question}<div class="badges">{badges}</div></div>' if question or badges else ""
    said = f'<div class="answer">{_linked(answer.text, set(cited), name)}</div>' if answer.text else ""
    sources = "".join(_source(citation, name) for citation in cited.values())
    listed = f'<ol class="sources">{sources}</ol>' if sources else ""
    return f'<article class="quote" id="{name}">{top}{said}{"".join(notes)}{listed}</article>'


def _linked(text: str, known: set[int], name: str) -> str:
    """The answer with `[n]` leading to source n; numbers without a source stay text."""
    made: list[str] = []
    at = 0
    for match in _REFERENCE.finditer(text):
        numbers = [int(number) for number in re.findall(r"\d+", match.group(1))]
        if not known.issuperset(numbers):
            continue
        links = "".join(f'<a class="reference" href="#{name}-s{number}">[{number}]</a>' for number in numbers)
        made += [escape(text[at : match.start()]), f'<span class="references">{links}</span>']
        at = match.end()
    return "".join([*made, escape(text[at:])])


def _source(citation: Citation, name: str) -> str:
    where = [anchor(f"<strong>{escape(citation.file)}</strong>", citation.href)]
    where += [f'<span class="heading">{escape(heading)}</span>' for heading in citation.headings]
    place = " · ".join(label(words) for words in _places(citation))
    place = f'<span class="place">{place}</span>' if place else ""
    also = f'<p class="also">{label(_also(citation.also))}</p>' if citation.also else ""
    path = '<span class="sep" aria-hidden="true">›</span>'.join(where)
    return (
        f'<li id="{name}-s{citation.number}"{attribute("value", str(citation.number))}>'
        f'<div class="where"><span class="n">[{citation.number}]</span><span class="path">{path}</span>{place}</div>'
        f"<blockquote>{_marked(citation.context, citation.marks)}</blockquote>{also}</li>"
    )


def _places(citation: Citation) -> list[Text]:
    places: list[Text] = []
    if citation.page is not None:
        places.append(Text(f"page {citation.page}", f"第 {citation.page} 页"))
    first, last = citation.first_line, citation.last_line
    if first is not None and last is not None and last != first:
        places.append(Text(f"lines {first}–{last}", f"第 {first}–{last} 行"))
    elif first is not None:
        places.append(Text(f"line {first}", f"第 {first} 行"))
    return places


def _also(files: Sequence[str]) -> Text:
    return Text(f"the same stands in {', '.join(files)}", f"同样的内容也见于 {'、'.join(files)}")


def _marked(text: str, marks: Sequence[tuple[int, int]]) -> str:
    """The context with its marks; overlapping marks are joined, those outside are cut to the text."""
    made: list[str] = []
    at = 0
    for start, end in sorted(marks):
        start, end = max(start, at), min(end, len(text))
        if end <= start:
            continue
        made += [escape(text[at:start]), f"<mark>{escape(text[start:end])}</mark>"]
        at = end
    return "".join([*made, escape(text[at:])])
