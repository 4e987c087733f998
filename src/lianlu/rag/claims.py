"""Split a model's text into claims and check each against the sources it cites. Pure text work: no model judges a model.

A claim is kept when it cites sources that exist, its numbers and names stand there, most of its words do, and no clause of
it says the opposite of the clause it comes nearest to. The check errs on the side of dropping: a reader who trusts [n]
must not be deceived, and what was dropped is shown with its reason. It cannot judge a claim in another language than its
source, nor inferences and sums; these are dropped too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lianlu.core.i18n import Text
from lianlu.rag.quantities import Quantity, agrees, quantities, time_units, without_quantities
from lianlu.text.normalise import CJK, fold, is_cjk
from lianlu.text.sentences import sentences
from lianlu.text.tokens import content_terms, is_stop_term, terms

__all__ = ["REASONS", "Claim", "ClaimStream", "check_claim", "reason_text", "split_claims"]

REASONS: dict[str, Text] = {
    "uncited": Text("it cites no source", "没有注明出处"),
    "no-such-source": Text(
        "it cites [{cited}], but there are only {sources} sources", "引用了 [{cited}]，但只有 {sources} 条资料"
    ),
    "other-language": Text(
        "its language is not that of the cited source, so it cannot be checked", "与所引资料语言不同，无法核对"
    ),
    "number": Text("a number or date in it is not in [{cited}]", "其中的数字或日期不在 [{cited}] 中"),
    "name": Text("a name in it is not in [{cited}]", "其中的名称不在 [{cited}] 中"),
    "unsupported": Text("[{cited}] does not say this", "[{cited}] 中没有这样说"),
    "negated": Text("it turns around what [{cited}] says (a negation)", "与 [{cited}] 的说法相反（否定）"),
    "opposite": Text("it says the opposite of [{cited}]", "与 [{cited}] 的说法相反"),
    "swapped": Text("it swaps the names in [{cited}]", "与 [{cited}] 中的名称次序相反"),
    "refusal": Text("the model says that it is not in the documents", "模型表示文档中没有相关内容"),
}
_ENOUGH = 0.6
_EACH_SOURCE = 0.15
_SAME_CLAUSE = 0.35
_SMALL_COUNT = 10  # 两种方式, "both", are counts of what is listed next
_FUNCTION_CHARACTERS = frozenset("需要可以以及因此通过进行其中并且或者能够如果用于位于自从应该由于对于关于它们他们我们")
_LONGEST_NEW_RUN = 3  # bigrams of a phrase that no source has

_MARK = re.compile(
    r"\[\s*(?:来源|资料|文档|source|doc)?\s*\^?\d{1,3}(?:\s*[,，、;–-]\s*\^?\d{1,3})*\s*\]", re.IGNORECASE
)
_MARKS = re.compile(rf"(?:{_MARK.pattern}\s*)+", re.IGNORECASE)
_OPEN_MARK = re.compile(r"\s*\[[^\]\n]{0,40}\Z")
_WIDE = str.maketrans({"【": "[", "】": "]", "［": "[", "］": "]", "〔": "[", "〕": "]"})
_WORD = re.compile(r"\w")
_WRAP = re.compile(r"\s*\n\s*")
_CJK_RUN = re.compile(f"[{CJK}]{{2,}}")
_REFUSAL = re.compile(
    r"文档中没有|资料中没有|没有相关(?:内容|信息)|无法(?:从|根据).{0,12}(?:得知|回答|找到)|未提及|未找到|"
    r"not (?:in|found in|mentioned in) the (?:documents?|sources?|context)|do(?:es)? not (?:contain|mention|provide|say)|cannot answer",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^(?:根据|依据|按照|如)?(?:以上|上述|所给|提供的)?(?:资料|文档|来源|内容|信息)?(?:所述|显示|可知|如下)?[，,：:。\s]*$|"
    r"^(?:according to|based on|as stated in)(?: the)?(?: sources?| documents?)?[,:.\s]*$|^(?:answer|答案?|回答)[：:]\s*$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[，；;。！？!?]+|,(?!\d)|(?<=[^\d])[:：](?!//)|\.\s|\s(?:but|while|whereas|although|however)\s|但是?|而(?!且)|然而"
)
_LATIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._/+#-][A-Za-z0-9]+)*\+*")
_NEGATION = re.compile(
    r"不(?![仅但同断过少止妨错久])|没有?|未(?!来|必)|无(?![论线人疑数])|并?非(?!常|洲)|否认|拒绝|禁止|缺乏|"
    r"\b(?:not|no|never|without|cannot|none|neither|nor|unable|lacks?|fails? to|failed to)\b|n['’]t\b",
    re.IGNORECASE,
)
_OPPOSITES = tuple(
    (re.compile(one, re.IGNORECASE), re.compile(other, re.IGNORECASE))
    for one, other in (
        (
            r"增加|提高|提升|上升|增长|增大|\b(?:increas|ris(?:e|es|ing)|rose|gr[oe]w|rais|improv|higher|more)",
            r"减少|降低|下降|缩小|减小|下滑|\b(?:decreas|reduc|fall|fell|drop|lower|declin|less|fewer)",
        ),
        (
            r"最大|最多|最高|最长|\b(?:largest|biggest|highest|longest|most|maximum)\b",
            r"最小|最少|最低|最短|\b(?:smallest|lowest|shortest|least|minimum)\b",
        ),
        (
            r"之前|以前|早于|\b(?:before|prior to|earlier)\b",
            r"之后|以后|晚于|\b(?:after|later)\b",
        ),
        (
            r"开启|启用|打开|\b(?:enabl|turn(?:s|ed)? on)",
            r"关闭|禁用|\b(?:disabl|turn(?:s|ed)? off)",
        ),
        (
            r"允许|\b(?:allow|permit)",
            r"禁止|不准|\b(?:forbid|prohibit|den(?:y|ies|ied))",
        ),
        (
            r"以上|大于|超过|多于|至少|\b(?:more than|over|above|at least|exceed)",
            r"以下|小于|少于|不足|低于|不超过|至多|\b(?:less than|under|below|at most|fewer than)",
        ),
        (
            r"成功|\bsucce",
            r"失败|\bfail",
        ),
        (
            r"全部|所有|都|\b(?:all|every|always)\b",
            r"部分|有些|某些|\b(?:some|partly|only a few|sometimes)\b",
        ),
        (
            r"必须|必需|强制|\b(?:must|required|mandatory)\b",
            r"可选|选填|不必|\b(?:optional|may)\b",
        ),
        (
            r"更快|较快|加快|加速|\b(?:faster|speeds? up)\b",
            r"更慢|较慢|减慢|减速|\b(?:slower|slows? down)\b",
        ),
        (
            r"更大|较大|\b(?:larger|bigger|greater)\b",
            r"更小|较小|\bsmaller\b",
        ),
        (
            r"首次|第一|最早|\b(?:first|earliest)\b",
            r"最后|末次|最晚|\b(?:last|latest)\b",
        ),
        (
            r"北(?!京)|\bnorth",
            r"南(?!京)|\bsouth",
        ),
        (
            r"东(?!西)|\beast",
            r"西(?!安)|\bwest",
        ),
        (
            r"左|\bleft\b",
            r"右|\bright\b",
        ),
        (
            r"免费|\bfree\b",
            r"收费|付费|\b(?:paid|charged)\b",
        ),
        (
            r"优于|胜过|\b(?:better|outperform)",
            r"劣于|不如|\b(?:worse|underperform)",
        ),
        (
            r"输入|\binput",
            r"输出|\boutput",
        ),
        (
            r"公开|开源|\b(?:public|open.source)\b",
            r"私有|闭源|\b(?:private|closed.source|proprietary)\b",
        ),
        (
            r"手动|人工|\bmanual",
            r"自动|\bautomatic",
        ),
        (
            r"批准|通过了|同意|\b(?:approv|accept|pass(?:ed|es))",
            r"否决|驳回|反对|\b(?:reject|refus|veto|declin)",
        ),
        (r"最旧|最老|\boldest\b", r"最新|\bnewest\b"),
        (r"有利|优点|\badvantage", r"不利|缺点|\bdisadvantage"),
        (r"上午|\bmorning\b", r"下午|晚上|\b(?:afternoon|evening)\b"),
        (r"进口|\bimport", r"出口|\bexport"),
        (r"盈利|\bprofit", r"亏损|\bloss"),
        (r"开始|\b(?:start|begin|open)", r"结束|停止|\b(?:end|stop|clos)"),
        (r"甲方", r"乙方"),
        (r"仍|依然|\bstill\b", r"不再|直到|\b(?:until|no longer)\b"),
        (r"买|购买|\b(?:buy|bought|purchas)", r"卖|出售|\b(?:sell|sold)"),
        (r"同步|\bsynchronous", r"异步|\basynchronous"),
    )
)
_JOINED = re.compile(r"^[\s、，,和与及或&/()（）]*(?:and|or|以及)?[\s、，,]*$", re.IGNORECASE)
_PASSIVE = re.compile(r"被|由|\bby\b")


@dataclass(frozen=True)
class Claim:
    """One statement with the numbers of the sources it cites.

    Attributes:
        text: the statement without its marks.
        numbers: cited sources, from 1, in order.
        shown: the statement as the model wrote it.
        end: the white space behind it.
    """

    text: str
    numbers: tuple[int, ...]
    shown: str
    end: str = ""

    def renumbered(self, numbers: Mapping[int, int]) -> str:
        """The statement with other numbers in its marks."""

        def mark(match: re.Match[str]) -> str:
            return "".join(f"[{numbers[number]}]" for number in _numbers_of(match.group()))

        return _MARK.sub(mark, self.shown) + self.end


def split_claims(text: str) -> list[Claim]:
    """The claims of a text: its sentences, cut further behind citation marks inside them.

    >>> [(claim.text, claim.numbers) for claim in split_claims("A 是库 [1]，B 是服务【2】。C 很快。")]
    [('A 是库', (1,)), ('，B 是服务。', (2,)), ('C 很快。', ())]
    """
    plain = text.translate(_WIDE)
    found: list[Claim] = []
    for span in sentences(plain):
        for part in _parts(span.cut(plain)):
            claim = _claim(part)
            if claim.numbers and not _WORD.search(claim.text) and found and not found[-1].numbers:
                before = found[-1]
                found[-1] = Claim(before.text, claim.numbers, before.shown + claim.shown, claim.end)
            elif _WORD.search(claim.text) and not (_LEAD_IN.match(claim.text) and not claim.numbers):
                found.append(claim)
    return found


class ClaimStream:
    """The claims of a text that is still being written.

    A claim is given when nothing that may follow changes it: behind a full stop there may come the number of its source.

    >>> stream = ClaimStream()
    >>> [claim.shown for piece in ("甲是一。", "[1", "]乙是", "二。") for claim in stream.add(piece)]
    ['甲是一。[1]']
    >>> [claim.shown for claim in stream.rest()]
    ['乙是二。']
    """

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str) -> list[Claim]:
        """The claims that are finished with this piece."""
        self._text += piece
        end = _finished(self._text.translate(_WIDE))
        done, self._text = self._text[:end], self._text[end:]
        return split_claims(done)

    def rest(self) -> list[Claim]:
        """What is left at the end of the text."""
        done, self._text = self._text, ""
        return split_claims(done)


def _finished(plain: str) -> int:
    """How far a text is made of sentences that are over, with the marks behind them."""
    seen = _OPEN_MARK.sub("", plain)
    for span in reversed(sentences(plain)[1:]):
        marks = _MARKS.match(seen, span.start)
        start = marks.end() if marks else span.start
        if _WORD.search(seen, start):
            return start
    return 0


def check_claim(claim: Claim, sources: Sequence[str]) -> str | None:
    """Why a claim must be dropped, as a key of REASONS; None when the sources it cites support it."""
    if _REFUSAL.search(claim.text) and not claim.numbers:
        return "refusal"
    if not claim.numbers:
        return "uncited"
    if any(not 1 <= number <= len(sources) for number in claim.numbers):
        return "no-such-source"
    cited = [sources[number - 1] for number in claim.numbers]
    return _against(claim.text, cited)


def reason_text(code: str, claim: Claim, sources: int) -> Text:
    """The reason in both languages, with the numbers filled in."""
    cited = "][".join(map(str, claim.numbers))
    facts = {"cited": cited, "sources": sources}
    return Text(REASONS[code].show("en", **facts), REASONS[code].show("zh", **facts))


def _against(text: str, cited: Sequence[str]) -> str | None:
    whole = "\n".join(cited)
    if _is_other_language(text, whole):
        return "other-language"
    clauses = _clauses(whole)
    if not _numbers_stand(text, whole, clauses):
        return "number"
    if _names(text) - _all_terms(whole):
        return "name"
    wanted = _content(text)
    having = _all_terms(whole)
    is_new = _longest_new_run(text, having) > _LONGEST_NEW_RUN or _has_new_word(text, having)
    if is_new or _share(wanted, having) < _ENOUGH:
        return "unsupported"
    if len(cited) > 1 and any(_share(wanted, _all_terms(source)) < _EACH_SOURCE for source in cited):
        return "unsupported"
    return _contradiction(text, clauses)


def _parts(sentence: str) -> list[str]:
    """A sentence cut behind its marks, if the last thing it says is cited too."""
    marks = list(_MARKS.finditer(sentence))
    if not marks or _WORD.search(sentence[marks[-1].end() :]):
        return [sentence]
    ends = [mark.end() for mark in marks[:-1]] + [len(sentence)]
    return [sentence[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _claim(part: str) -> Claim:
    body = part.rstrip()
    numbers = tuple(dict.fromkeys(number for mark in _MARK.finditer(body) for number in _numbers_of(mark.group())))
    return Claim(_MARK.sub("", body).replace(" 。", "。").strip(" -*#"), numbers, body, part[len(body) :])


def _numbers_of(mark: str) -> list[int]:
    found: list[int] = []
    for first, last in re.findall(r"(\d+)(?:\s*[–-]\s*(\d+))?", mark):
        found.extend(range(int(first), min(int(last or first), int(first) + 20) + 1))
    return found


def _is_other_language(text: str, source: str) -> bool:
    """Chinese of English or the reverse. Latin names inside Chinese do not count as English."""
    return (_cjk_share(text) > 0.3 and _cjk_share(source) < 0.02) or (
        _cjk_share(text) < 0.02 and _cjk_share(source) > 0.5
    )


def _cjk_share(text: str) -> float:
    letters = [each for each in text if each.isalpha()]
    return sum(map(is_cjk, letters)) / max(len(letters), 1)


def _clauses(text: str) -> list[list[str]]:
    """The clauses of each sentence; wrapped lines are joined."""
    found: list[list[str]] = []
    for span in sentences(text):
        joined = _WRAP.sub(" ", span.cut(text))
        clauses = [clause for clause in (each.strip() for each in _CLAUSE.split(joined)) if _WORD.search(clause)]
        if clauses:
            found.append(clauses)
    return found


def _numbers_stand(text: str, whole: str, clauses: Sequence[Sequence[str]]) -> bool:
    """Whether every number is in the source, and not only beside other names than the claim's."""
    having = quantities(whole)
    names = _names(text)
    if time_units(text) - time_units(whole):
        return False
    return all(agrees(number, having) and _beside_own_names(number, names, clauses) for number in quantities(text))


def _beside_own_names(number: Quantity, names: set[str], sentences_of: Sequence[Sequence[str]]) -> bool:
    """A number belongs to the names of its clause, else to those before it in the sentence, never to later ones."""
    places = [
        (clauses, at)
        for clauses in sentences_of
        for at, clause in enumerate(clauses)
        if agrees(number, quantities(clause))
    ]
    is_small_count = not number.unit and number.value.isdigit() and int(number.value) <= _SMALL_COUNT
    if is_small_count or not names or not places:
        return True
    return any(_is_own(clauses, at, names) for clauses, at in places)


def _is_own(clauses: Sequence[str], at: int, names: set[str]) -> bool:
    beside = _names(clauses[at])
    if beside:
        return bool(beside & names)
    before = set[str]().union(*(_names(clause) for clause in clauses[:at]))
    after = set[str]().union(*(_names(clause) for clause in clauses[at + 1 :]))
    return bool(before & names) or not after & names


def _names(text: str) -> set[str]:
    """Latin names: every Latin word inside Chinese; in English those with capitals, digits or joints."""
    is_chinese = any(map(is_cjk, text))
    found: set[str] = set()
    for match in _LATIN_NAME.finditer(text):
        word = match.group()
        before = text[: match.start()].rstrip(" “\"'(*`")
        is_first = not before or before[-1] in ".!?:。！？\n"
        is_marked = any(each.isupper() or each.isdigit() or each in "_+#" for each in word[1:])
        if len(word) > 1 and (is_chinese or is_marked or (word[0].isupper() and not is_first)):
            found.update(terms(word)[:1])
    return {term for term in found if not is_stop_term(term) and term not in _NOT_NAMES}


_NOT_NAMES = frozenset(
    terms(
        "January February March April May June July August September October November December I km kg gb mb tb kb ms"
    )
)


def _all_terms(text: str) -> set[str]:
    return set(terms(text))


def _content(text: str) -> set[str]:
    return {term for term in content_terms(without_quantities(text)) if not term[0].isdigit()}


def _share(wanted: set[str], having: set[str]) -> float:
    return len(wanted & having) / len(wanted) if wanted else 1.0


def _longest_new_run(text: str, having: set[str]) -> int:
    """Length in bigrams of the longest Chinese phrase of which the source has nothing."""
    longest = 0
    for run in _CJK_RUN.findall(without_quantities(text)):
        length = 0
        for first, second in pairwise(run):
            is_new = first + second not in having and not is_stop_term(first) and not is_stop_term(second)
            length = length + 1 if is_new else 0
            longest = max(longest, length)
    return longest


def _has_new_word(text: str, having: set[str]) -> bool:
    """Whether two neighbouring Chinese characters are both nowhere in the source: a word that somebody put in."""
    for run in _CJK_RUN.findall(without_quantities(text)):
        is_new = [each not in having and each not in _FUNCTION_CHARACTERS and not is_stop_term(each) for each in run]
        if any(first and second for first, second in pairwise(is_new)):
            return True
    return False


def _contradiction(text: str, sentences_of: Sequence[Sequence[str]]) -> str | None:
    """Compare each clause of the claim with the clause of the source it comes nearest to."""
    having = [(_all_terms(clause), clause) for clauses in sentences_of for clause in clauses]
    for clause in (each for clauses in _clauses(text) for each in clauses):
        wanted = _content(clause)
        if not wanted or not having:
            continue
        near = max(having, key=lambda each: (_nearness(wanted, each[0], each[1]), -len(each[0])))
        if _nearness(wanted, near[0], near[1]) < _SAME_CLAUSE:
            continue
        if _is_negated(clause) != _is_negated(near[1]):
            return "negated"
        if _is_opposite(clause, near[1]) or _is_opposite_elsewhere(clause, near, having):
            return "opposite"
        if _is_swapped(clause, near[1]):
            return "swapped"
    return None


def _nearness(wanted: set[str], having: set[str], clause: str) -> float:
    """How much of the claim's clause the source's clause holds, or the other way round, whichever is more."""
    back = _content(clause)
    return max(_share(wanted, having), 0.9 * _share(back, wanted) if len(back) > 2 else 0.0)


def _is_opposite_elsewhere(clause: str, near: tuple[set[str], str], having: Sequence[tuple[set[str], str]]) -> bool:
    """Whether a clause with the same number says the opposite, or, where the nearest one speaks of something else, one
    that speaks of the claim's first word."""
    first = next((term for term in terms(clause) if term in _content(clause)), "")
    about = [other for found, other in having if first and first not in near[0] and first in found]
    numbers = quantities(clause)
    counted = [other for _, other in having if numbers and numbers <= quantities(other)]
    return any(_is_opposite(clause, other) for other in (*about, *counted))


def _is_negated(clause: str) -> bool:
    return len(_NEGATION.findall(clause)) % 2 == 1


def _order(one: re.Pattern[str], other: re.Pattern[str], clause: str) -> int:
    """1 when `one` stands before `other`, -1 when behind it, 0 when not both are there."""
    first, second = one.search(clause), other.search(clause)
    if first is None or second is None or first.span() == second.span():
        return 0
    return 1 if first.start() < second.start() else -1


def _is_opposite(clause: str, near: str) -> bool:
    return any(
        (one.search(clause) and other.search(near) and not one.search(near) and not other.search(clause))
        or (other.search(clause) and one.search(near) and not other.search(near) and not one.search(clause))
        for one, other in _OPPOSITES
    )


def _is_swapped(clause: str, near: str) -> bool:
    """Two names, or two opposites, in the reverse order, where they are not merely listed."""
    if any(_order(one, other, clause) * _order(one, other, near) < 0 for one, other in _OPPOSITES):
        return bool(_PASSIVE.search(clause)) == bool(_PASSIVE.search(near))
    folded, other = fold(clause), fold(near)
    names = [fold(match.group()) for match in _LATIN_NAME.finditer(clause) if terms(match.group())[0] in _names(clause)]
    for first, second in pairwise(names):
        at, after = other.find(first), other.find(second)
        if first == second or at < 0 or after < 0 or at < after:
            continue
        between = other[after + len(second) : at]
        is_list = _JOINED.match(between) or _JOINED.match(folded[folded.find(first) + len(first) : folded.find(second)])
        if not is_list and bool(_PASSIVE.search(clause)) == bool(_PASSIVE.search(near)):
            return True
    return False
