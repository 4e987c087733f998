"""Template languages of other tools in our texts: variables carry over, any other code is kept as literal text and named.

Ours knows `{{name}}` and `\\{{` for literal braces, nothing else. So code of a foreign language, `{{#if x}}`, gets the
backslash and is sent as it stands; writing the same language again takes the backslash away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Code", "Engine", "code_of", "family", "from_ours", "is_plain_name", "plain_name", "to_ours"]

Engine = Literal["", "jinja2", "nunjucks", "handlebars", "mustache"]

_FAMILIES = {"jinja2": "jinja", "nunjucks": "jinja", "handlebars": "handlebars", "mustache": "handlebars"}
_OURS = r"\{\{(?:>[^{}\n]{1,200}|[^{}>\n][^{}\n]{0,79})\}\}"  # what render and include read as theirs
_SLOT = re.compile(_OURS)
_BRACES = re.compile(rf"(?P<open>\{{{{0,9}})(?P<slot>\\?{_OURS})|(?P<tag>\{{+[%#])")
_TRIPLE = re.compile(r"(?<!\{)\{\{\{([^{}\n]{1,200})\}\}\}(?!\})")
_NAME = re.compile(r"[^\W\d]\w{0,79}")
# Every piece has a largest length, so that a text of nothing but openings is still read in linear time.
_JINJA = re.compile(
    r"(?P<raw>\{%-?\s{0,9}raw\s{0,9}-?%\}(?P<inner>(?:[^{]|\{(?!%-?\s{0,9}endraw)){0,5000})\{%-?\s{0,9}endraw\s{0,9}-?%\})"
    r"|(?P<tag>\{%(?:[^%]|%(?!\})){0,500}%\})|(?P<note>\{#(?:[^#]|#(?!\})){0,2000}#\})"
    r"|(?P<backslash>\\)?(?P<slot>\{\{(?P<words>(?:[^{}]|\{[^{]|\}[^}]){0,500}?)\}\})"
)
_BOUND = re.compile(r"\{%-?\s*(?:for\s+(?P<each>[\w\s,]+?)\s+in\b|set\s+(?P<set>[\w\s,]+?)\s*=|macro\s+(?P<macro>\w+))")
_BARS = re.compile(
    r"(?P<note>\{\{!--(?:[^-]|-(?!-\}\})){0,2000}--\}\}|\{\{![^{}]*\}\})|(?P<backslash>\\)?(?P<slot>\{\{(?P<words>[^{}]{0,500})\}\})"
)
_RESERVED = frozenset(
    {"this", "else", "history", "true", "false", "none", "null", "loop", "self", "super", "undefined"}
)
_WORDS_OF_BLOCKS = ("if", "unless", "ifEquals", "unlessEquals")


@dataclass(frozen=True)
class Code:
    """A piece of template code: how it is written, and where it begins."""

    text: str
    start: int
    is_plain: bool = False
    """Braces that only stand for themselves."""


def family(engine: str) -> str:
    """Languages that read one another: Nunjucks reads what is common in Jinja2, Handlebars what Mustache has."""
    return _FAMILIES.get(engine, "")


def is_plain_name(words: str) -> bool:
    """Whether `words`, between double braces, are a variable and nothing else."""
    name = words.strip()
    return _NAME.fullmatch(name) is not None and name.lower() not in _RESERVED


def code_of(text: str, engine: Engine) -> list[Code]:
    """All template code of `text` that is more than a variable."""
    found = _jinja_code(text) if family(engine) == "jinja" else _bars_code(text)
    return list(found)


def _jinja_code(text: str) -> Iterator[Code]:
    bound = {
        name.strip()
        for match in _BOUND.finditer(text)
        for name in ",".join(filter(None, (match["each"], match["set"], match["macro"]))).split(",")
    }
    for match in _JINJA.finditer(text):
        if match["raw"] is not None:
            yield Code(match.group(), match.start(), is_plain=True)
            continue
        is_name = match["slot"] is not None and is_plain_name(match["words"]) and match["words"].strip() not in bound
        if not is_name or match["backslash"] is not None:  # a backslash is no guard here, in ours it is
            yield Code(match.group(), match.start())


def _bars_code(text: str) -> Iterator[Code]:
    depth = 0  # inside {{#each}}, {{#with}} and sections, a name means a field of something else
    for match in _BARS.finditer(text):
        words = (match["words"] or "").strip()
        if match["note"] is None and match["backslash"] is None and is_plain_name(words) and not depth:
            continue
        yield Code(match.group(), match.start(), is_plain=match["backslash"] is not None)
        words = words.strip("~").strip()  # `{{~` takes away the white space beside it
        block = words[1:].split()[:1]
        if match["backslash"] is None and block and block[0] not in _WORDS_OF_BLOCKS:
            depth += 1 if words[0] in "#^" else -1 if words[0] == "/" and depth else 0


def to_ours(text: str, engine: Engine, *, verbatim: bool = False) -> tuple[str, list[Code]]:
    """`text` in our notation, and the code that stands in it as literal text.

    Where all the code there is only guards braces, it becomes our own `\\{{`, and the list is empty.

    Args:
        verbatim: keep the guards as they are too, because other messages of the file hold code.
    """
    if family(engine) == "handlebars":
        text = _TRIPLE.sub(r"{{\1}}", text)
    found = code_of(text, engine)
    if not verbatim and all(each.is_plain for each in found):
        return (_without_raw(text) if family(engine) == "jinja" else text), []
    pieces: list[str] = []
    at = 0
    for each in found:
        pieces.append(text[at : each.start])
        pieces.append(_SLOT.sub(lambda slot: "\\" + slot.group(), each.text))
        at = each.start + len(each.text)
    return "".join([*pieces, text[at:]]), [each for each in found if not each.is_plain]


def _without_raw(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match["raw"] is None:
            return match.group()
        return _SLOT.sub(lambda slot: "\\" + slot.group(), match["inner"])

    return _JINJA.sub(one, text)


def from_ours(text: str, engine: Engine, code_engine: str) -> tuple[str, list[str]]:
    """A text of ours in a foreign language, and the variables whose names that language does not read.

    Args:
        code_engine: language of the code that stands in `text` as literal text: code of the same family runs again.
    """
    renamed: list[str] = []

    def variable(slot: re.Match[str]) -> str:
        name = slot.group()[2:-2].strip()
        if is_plain_name(name) or slot.group().startswith("{{>"):
            return slot.group()
        renamed.append(name)
        return "{{" + plain_name(name) + "}}"

    own_code = bool(family(code_engine)) and family(code_engine) == family(engine)
    pieces: list[str] = []
    at = 0
    for match in _BRACES.finditer(text):
        pieces.append(text[at : match.start()])
        at = match.end()
        opened, slot = match["open"] or "", match["slot"] or ""
        if own_code:
            runs = slot[1:] if slot.startswith("\\") else _SLOT.sub(variable, slot)
            pieces.append(opened + (runs or match["tag"]))
        elif not slot:
            pieces.append(_guarded(match["tag"], engine))
        elif slot.startswith("\\"):
            pieces.append(_guarded(opened + slot[1:], engine))
        else:
            pieces.append((_guarded(opened, engine) if opened else "") + _SLOT.sub(variable, slot))
    return "".join([*pieces, text[at:]]), renamed


def plain_name(name: str) -> str:
    """A name that every template language reads."""
    plain = re.sub(r"\W+", "_", name).strip("_") or "value"
    return f"_{plain}" if plain[0].isdigit() or plain.lower() in _RESERVED else plain


def _guarded(braces: str, engine: Engine) -> str:
    if family(engine) == "jinja":
        return f"{{% raw %}}{braces}{{% endraw %}}"
    return _SLOT.sub(lambda slot: "\\" + slot.group(), braces)
