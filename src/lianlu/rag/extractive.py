"""Answer without a model: up to three sentences of the documents, word for word, each with its place.

A sentence is worth the rare words of the question that it holds, something for those of its neighbours, its headings and
its chunk, and more when it has the form that is asked for: a definition, steps, a number, a date. Nothing is written, so
nothing can be wrong but the choice. Whether the documents answer at all is told by `rag.refusal`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lianlu.rag.lexical import LexicalIndex
from lianlu.rag.quantities import Quantity, agrees, quantities
from lianlu.rag.question import Question
from lianlu.rag.truth import ChunkRow
from lianlu.records import Span
from lianlu.text.normalise import fold, is_cjk, text_size
from lianlu.text.sentences import sentences, trim
from lianlu.text.tokens import content_terms, term_weight, terms

__all__ = [
    "Found",
    "Quoted",
    "choose",
    "coverage",
    "indexed_text",
    "plain_text",
    "rarest_weight",
    "term_weights",
]

MOST_SENTENCES = 3
_NEIGHBOUR = 0.35
_HEADING = 0.25
_CHUNK = 0.6
_DEFINITION = 1.0
_INTRODUCTION = 0.2
_STEPS = 0.35
_FORM = 0.12
_NUMBER = 0.25
_SAME = 0.5
_TO_THE_POINT = 0.6  # of the first sentence's overlap, for one from another passage
_OTHER_NUMBER = 0.6  # of exit code 3, not of exit code 5
_LEAD_IN = 0.2  # "as follows:" says nothing without what follows
_FOREIGN = 0.6  # a sentence in another language than the question
_WORTH_KEEPING = 0.5
_WORTH_KEEPING_DEFINITION = 0.75
_LONGEST_QUOTE = 400  # of `text_size`; a longer unit is a table or log, not a sentence
_SHORTEST_QUOTE = 3
_CJK_PAGE_SHARE = 0.02
_IMAGINED_CHUNKS = 50  # in a base of one page no word it holds is rare: 38% of xquad-zh was answered, now 89%

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_TAG = re.compile(r"<[^>\n]{1,300}>")
_RULE = re.compile(r"[\s|:*_=~-]*")
_INTRODUCING = re.compile(
    r"介绍|介紹|简介|簡介|概述|概览|关于|是什么|introduction|overview|about|what is|readme|abstract", re.I
)
_ASKED_OF_CODE = 0.6  # of the question's words, from which a listing is what was asked for
_DIGITS = re.compile(r"\d|[一二三四五六七八九十百千万亿两]")
_YEAR = re.compile(
    r"\d{3,4}\s*[年/.-]|\b1[0-9]{3}s?\b|\b20\d\ds?\b|\d\s*[月日世时時点]|January|February|March|April|\bMay\b|June|July|August|September|October|November|December"
)
_WHEN = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:morning|noon|afternoon|evening|night|midnight)s?\b|"
    r"\b(?:spring|summer|autumn|winter|daily|weekly|monthly|yearly)\b|"
    r"(?:周|星期|礼拜|禮拜)[一二三四五六日天末]|早上|上午|中午|下午|晚上|凌晨|[春夏秋冬][天季]|每[天日周月年]",
    re.IGNORECASE,
)
_COLONS = (":", "：")
_FULL_STOPS = tuple("。.!?！？；;…`")
_ITEM = re.compile(r"\s*(?:[-*+•·]\s|\d{1,2}[.)、]\s|[(（]?\d{1,2}[)）])")
_CODE = re.compile(r"\s*(?:```|~~~)")
_STEP_LIKE = re.compile(
    r"^(?:```|~~~|\d{1,2}[.)、]\s|[-*+]\s|\$\s|[（(]?\d[)）])|`[^`]+`|首先|然后|接着|步骤|运行|执行|\b(?:run|use|install|first|then|step)\b",
    re.I,
)


@dataclass(frozen=True)
class Found:
    """A chunk that was found.

    Attributes:
        score: what it is ranked by.
        lexical: BM25.
        dense: cosine to the question, where the base has vectors.
        rerank: what a reranker says of it, where one was asked.
    """

    row: ChunkRow
    score: float
    lexical: float = 0.0
    dense: float | None = None
    rerank: float | None = None


@dataclass(frozen=True)
class Quoted:
    """A sentence chosen for the answer; `span` counts in the document's markdown."""

    row: ChunkRow
    span: Span
    text: str
    score: float


@dataclass
class _Candidate:
    found: Found
    span: Span
    raw: str
    plain: str
    terms: frozenset[str] = field(default_factory=frozenset[str])
    overlap: float = 0.0
    form: float = 0.0
    score: float = 0.0


def choose(
    question: Question, found: Sequence[Found], index: LexicalIndex, limit: int = MOST_SENTENCES
) -> list[Quoted]:
    """The sentences that answer best, best first. Whether they answer at all is for `rag.refusal` to say."""
    if not found:
        return []
    weights = _weights(question.text, index)
    total = sum(weights.values()) or 1.0
    best_chunk = max(each.score for each in found) or 1.0
    candidates: list[_Candidate] = []
    for each in found:
        if _names_the_same(question, indexed_text(each.row), index):
            candidates.extend(_candidates(each, question, weights, total, best_chunk))
    kept = _diverse(candidates, question, limit)
    if not _says_how_much(question, kept):
        return []  # whoever asks how many or when is not told of what
    return [Quoted(row=each.found.row, span=each.span, text=each.raw, score=each.score) for each in kept]


def _says_how_much(question: Question, chosen: Sequence[_Candidate]) -> bool:
    """Whether one of the sentences has a number that the question does not bring along, if it asks for one."""
    if not question.wants_number:
        return True
    asked = quantities(question.text)
    if any(not agrees(number, asked) for each in chosen for number in quantities(each.plain)):
        return True
    return question.kind == "time" and any(_WHEN.search(each.plain) for each in chosen)


def coverage(question: str, text: str, index: LexicalIndex) -> float:
    """Share of the question, by rarity and weight of its terms, that a text holds: 0 to 1.

    Of five measures tried on cmrc2018, drcd and xquad this parts questions that a base answers from others best
    (AUC .986, .948, .957 zh, .955 en).
    """
    weights = _weights(question, index)
    total = sum(weights.values())
    return _sum_of(weights, frozenset(terms(text))) / total if total else 0.0


def plain_text(markdown: str) -> str:
    """What a reader sees of markdown: link targets and tags left out."""
    return _TAG.sub(" ", _LINK.sub(r"\1", markdown))


def indexed_text(row: ChunkRow) -> str:
    """What is indexed of a chunk: its text under its title and headings."""
    above = row.chunk.headings if row.title in row.chunk.headings else (row.title, *row.chunk.headings)
    return "\n".join((*above, row.chunk.text))


def _names_the_same(question: Question, text: str, index: LexicalIndex) -> bool:
    """One of the question's names, and the rarest of its identifiers: a page on XTuner need not know of its DPO."""
    having = set(terms(text))
    if question.names and not question.names & having:
        return False
    return not question.identifiers or max(sorted(question.identifiers), key=index.idf) in having


def _cjk_share(text: str) -> float:
    return sum(map(is_cjk, text)) / max(len(text), 1)


def _is_chinese(text: str) -> bool:
    return _cjk_share(text) > _CJK_PAGE_SHARE


def _content(text: str) -> set[str]:
    return content_terms(text) or set(terms(text))


def term_weights(having: Iterable[str], index: LexicalIndex) -> dict[str, float]:
    """What terms are worth: their rarity, a tenth of it for a stop word."""
    return {term: term_weight(term) * index.idf(term, beside=_IMAGINED_CHUNKS) for term in set(having)}


def rarest_weight(index: LexicalIndex) -> float:
    """What a term would be worth that no chunk has."""
    return index.idf("\0", beside=_IMAGINED_CHUNKS)


def _weights(text: str, index: LexicalIndex) -> dict[str, float]:
    return term_weights(terms(text), index)


def _candidates(
    found: Found, question: Question, weights: dict[str, float], total: float, best_chunk: float
) -> list[_Candidate]:
    row = found.row
    spans = sentences(row.chunk.text)
    with_code = question.kind == "how-to"
    units = [
        _unit(found, Span(start=span.start, end=_end_of(spans, at, row.chunk.text, with_code=with_code)))
        for at, span in enumerate(spans)
    ]
    for unit in units:
        unit.terms = frozenset(terms(unit.plain))
        unit.overlap = _sum_of(weights, unit.terms) / total
    headings = _sum_of(weights, frozenset(terms(" ".join((row.title, *row.chunk.headings))))) / total
    asked_in_chinese = _is_chinese(question.text)
    kept: list[_Candidate] = []
    for number, unit in enumerate(units):
        if not _is_quotable(unit, question):
            continue
        around = max((units[near].overlap for near in (number - 1, number + 1) if 0 <= near < len(units)), default=0.0)
        unit.form = _form(unit, question, headings)
        unit.score = (
            unit.overlap + _NEIGHBOUR * around + _HEADING * headings + _CHUNK * found.score / best_chunk
        ) + unit.form
        if unit.plain.rstrip().endswith(_COLONS):
            unit.score -= _LEAD_IN
        if _is_about_another_number(unit.plain, question):
            unit.score -= _OTHER_NUMBER
        if asked_in_chinese != _is_chinese(unit.plain):
            unit.score -= _FOREIGN
        kept.append(unit)
    return kept


def _is_about_another_number(text: str, question: Question) -> bool:
    """Whether a sentence counts something else where the question names a number, as in exit code 3."""
    labels = [each for each in quantities(question.text) if not each.unit]
    having = quantities(text) if labels else set[Quantity]()
    return bool(having) and not any(agrees(number, having) for number in labels)


def _end_of(spans: Sequence[Span], at: int, text: str, *, with_code: bool) -> int:
    """Where a unit ends: what announces a list or a listing is quoted with it, as far as that is not too long."""
    said = spans[at].cut(text).rstrip()
    followers = spans[at + 1 :]
    if not followers or _ITEM.match(said) or said.endswith(_FULL_STOPS):
        return spans[at].end
    is_code = with_code and _CODE.match(followers[0].cut(text))
    if not is_code and not said.endswith(_COLONS):
        return spans[at].end
    end = spans[at].end
    for follower in followers[:1] if is_code else followers:
        is_too_long = text_size(text[spans[at].start : follower.end]) > _LONGEST_QUOTE
        if is_too_long or not (is_code or _ITEM.match(follower.cut(text))):
            break
        end = follower.end
    return end


def _unit(found: Found, span: Span) -> _Candidate:
    text = found.row.chunk.text
    kept = trim(text, span)
    start = found.row.chunk.span.start
    raw = kept.cut(text)
    return _Candidate(found, Span(start=start + kept.start, end=start + kept.end), raw, plain_text(raw))


def _sum_of(weights: dict[str, float], having: frozenset[str]) -> float:
    return sum(weight for term, weight in weights.items() if term in having)


def _is_quotable(unit: _Candidate, question: Question) -> bool:
    text = unit.plain.strip()
    if _RULE.fullmatch(text) or text_size(text) < _SHORTEST_QUOTE or text_size(text) > _LONGEST_QUOTE:
        return False
    chunk = unit.found.row.chunk
    at = unit.span.start - chunk.span.start
    if re.search(r"(?:^|\n)#{1,6}\s+$", chunk.text[max(0, at - 8) : at]) or text in chunk.headings:
        return False
    if text.endswith(("?", "？")):
        return False  # a question is no answer
    is_code = unit.raw.startswith(("```", "~~~"))
    return question.kind == "how-to" or not is_code or unit.overlap >= _ASKED_OF_CODE


def _form(unit: _Candidate, question: Question, headings: float) -> float:
    """What the form of a sentence adds for the kind of the question."""
    if question.kind == "definition":
        return _definition(unit, question.subject)
    if question.kind == "how-to":
        return _STEPS * (headings + unit.overlap) if _STEP_LIKE.search(unit.raw) else 0.0
    if question.kind == "time":
        return _FORM if _YEAR.search(unit.plain) else 0.0
    if question.kind == "number":
        return _NUMBER if _says_how_much(question, [unit]) else 0.0
    return 0.0


def _definition(unit: _Candidate, subject: str) -> float:
    """A sentence that says what the subject is, the more if it opens the document or stands under an introduction."""
    said = re.sub(r"[*_`“”\"'《》「」]", "", fold(unit.plain)).strip()
    name = re.escape(subject)
    is_definition = re.search(
        rf"^(?:.{{0,12}}[，,：:]\s*)?(?:the |an? )?{name}\s*(?:v?\d[\w.]*)?\s*(?:[（(][^（()）]{{0,60}}[)）]\s*)?[，,]?\s*"
        r"(?:(?:(?:其实|就|也|即|主要)?(?:是(?!否|不是)|为(?:一|了?解)|指|意为|即|属于|用于)|——|--\s)"
        r"|(?:is|are|was|were)\s+(?:an?|the|one|our|used|designed|built)\b|refers? to|stands? for|means)",
        said,
    )
    score = _DEFINITION if is_definition else 0.0
    if not is_definition and re.search(rf"^{name}\s*[：:]\s*\S|{name}.{{0,40}}(?:是一|是个|is an? )", said):
        score = 0.6 * _DEFINITION
    if score and (_INTRODUCING.search(" ".join(unit.found.row.chunk.headings)) or unit.found.row.chunk.ordinal == 0):
        score += _INTRODUCTION
    title = fold(" ".join((unit.found.row.title, *unit.found.row.chunk.headings[:1])))
    return score + (_INTRODUCTION if score and subject in title else 0.0)


def _diverse(candidates: list[_Candidate], question: Question, limit: int) -> list[_Candidate]:
    """The best ones that do not say the same twice (maximal marginal relevance)."""
    waiting = sorted(candidates, key=lambda each: (-each.score, each.found.row.uri, each.span.start))[: 20 * limit]
    keep = _WORTH_KEEPING_DEFINITION if question.kind == "definition" else _WORTH_KEEPING
    chosen: list[_Candidate] = []
    while waiting and len(chosen) < limit:
        best = max(waiting, key=lambda each: each.score - _SAME * _likeness(each, chosen))
        gain = best.score - _SAME * _likeness(best, chosen)
        if chosen and gain < keep * chosen[0].score:
            break
        waiting.remove(best)
        if _may_join(best, chosen, question):
            chosen.append(best)
    return chosen


def _may_join(unit: _Candidate, chosen: list[_Candidate], question: Question) -> bool:
    """Whether a sentence may be quoted at all, and beside those chosen before it."""
    if question.subject and not _content(question.subject) <= unit.terms:
        return False
    if not chosen:
        return True
    first = chosen[0]
    if question.kind == "definition" and first.form and not unit.form:
        return False
    if _is_chinese(first.plain) != _is_chinese(unit.plain) and _is_chinese(first.plain) == _is_chinese(question.text):
        return False  # who was answered in his language needs no other
    if _is_about_another_number(unit.plain, question):
        return False
    is_beside = any(unit.found.row is each.found.row for each in chosen)
    if not is_beside and unit.overlap < _TO_THE_POINT * first.overlap:
        return False
    return all(unit.terms != each.terms and not _overlap(unit, each) for each in chosen)


def _overlap(one: _Candidate, other: _Candidate) -> bool:
    return one.found.row is other.found.row and one.span.start < other.span.end and other.span.start < one.span.end


def _likeness(unit: _Candidate, chosen: list[_Candidate]) -> float:
    """Largest share of terms that a sentence has in common with one already chosen."""
    return max(
        (len(unit.terms & each.terms) / max(min(len(unit.terms), len(each.terms)), 1) for each in chosen), default=0.0
    )
