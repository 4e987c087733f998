"""Tell the language of a text by its scripts and commonest words. No model, no download, and honest about its reach.

Scripts decide between Chinese, Japanese, Korean and the rest; characters that only one of the two writing systems of
Chinese has decide between `zh` and `zh-Hant`; function words decide among Latin languages, English when none stands out.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["language_of"]

_SAMPLE_CHARACTERS = 20_000
_NOT_PROSE = re.compile(r"```.*?```|`[^`\n]*`|https?://\S+|<[^>\n]*>", re.DOTALL)
# Compiled by `re` at the first use: most texts need two of them.
_SCRIPTS = {
    "han": "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]",
    "kana": "[\u3041-\u30fa\u30fc-\u30ff]",
    "hangul": "[\uac00-\ud7a3]",
    "cyrillic": "[\u0400-\u04ff]",
    "arabic": "[\u0620-\u064a\u0671-\u06d3]",
    "thai": "[\u0e01-\u0e5b]",
    "devanagari": "[\u0904-\u0939]",
    "greek": "[\u0391-\u03c9]",
    "hebrew": "[\u05d0-\u05ea]",
}
_RARE_SCRIPT = "[" + "".join(each[1:-1] for name, each in _SCRIPTS.items() if name not in ("han", "kana")) + "]"
_LATIN_WORD = re.compile(r"[a-zA-ZÀ-ÖØ-öø-ſ]+")
_LANGUAGE_OF_SCRIPT = {
    "hangul": "ko",
    "cyrillic": "ru",
    "arabic": "ar",
    "thai": "th",
    "devanagari": "hi",
    "greek": "el",
    "hebrew": "he",
}
_ONLY_SIMPLIFIED = frozenset(
    "这国来们时会学说对发经进过还后当应现关问间无开东业产为从动长门电话语书车马见让认识请谁难题类数据网络图样种实点线结构级组织"
    "给设计质优华师区处务总统该亚军战术历与个义"
)
_ONLY_TRADITIONAL = frozenset(
    "這國來們時會學說對發經進過還後當應現關問間無開東業產為從動長門電話語書車馬見讓認識請誰難題類數據網絡圖樣種實點線結構級組織"
    "給設計質優華師區處務總統該亞軍戰術歷與個義"
)


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_COMMON_WORDS = {
    "en": _words("the of and to in is that for it with as are on be this by an or from at which you can"),
    "de": _words("der die und das ist nicht ein eine mit von den für auf im zu dem sich werden auch wird"),
    "fr": _words("le la les et des une est dans pour que qui sur pas par avec du au sont cette ce"),
    "es": _words("el los las y que una es en por con para del se no su al como más pero sus"),
    "it": _words("il di che è una per non con del della sono nel gli anche come più si lo"),
    "pt": _words("o os as e que um uma é em para com não por do da dos mais como no na"),
}
_HAN_WEIGHT = 3  # an ideograph says as much as about three letters
_JAPANESE_SHARE = 0.1
_FEWEST_WORDS = 8
_CLEARLY_MORE = 1.5


def language_of(text: str) -> str:
    """`zh`, `zh-Hant`, `en`, `ja`, `ko`, … of most of the text; `und` where there are no letters.

    Code, addresses and tags are not counted, so that a Chinese page full of commands is still Chinese.

    >>> language_of("怎样微调大模型"), language_of("繁體中文與學習"), language_of("how to tune"), language_of("42")
    ('zh', 'zh-Hant', 'en', 'und')
    """
    sample = text[:_SAMPLE_CHARACTERS]
    prose = _NOT_PROSE.sub(" ", sample)
    return _of_prose(prose) or _of_prose(sample) or "und"


def _of_prose(text: str) -> str:
    counts = _counts(text)
    words = [word.lower() for word in _LATIN_WORD.findall(text)]
    east_asian = counts["han"] + counts["kana"]
    weights = {
        "east-asian": east_asian * _HAN_WEIGHT,
        "hangul": counts["hangul"] * _HAN_WEIGHT,
        "latin": sum(map(len, words)),
        **{name: counts[name] for name in _LANGUAGE_OF_SCRIPT if name != "hangul"},
    }
    best = max(weights, key=lambda name: weights[name])
    if not weights[best]:
        return ""
    if best == "east-asian":
        return "ja" if counts["kana"] >= _JAPANESE_SHARE * east_asian else _chinese(text)
    return _latin(words) if best == "latin" else _LANGUAGE_OF_SCRIPT[best]


def _counts(text: str) -> dict[str, int]:
    """How many characters of each script but Latin; most texts have few scripts, and one look tells so."""
    counts = dict.fromkeys(_SCRIPTS, 0)
    if text.isascii():
        return counts
    looked_at = _SCRIPTS if re.search(_RARE_SCRIPT, text) else ("han", "kana")
    return counts | {script: len(re.findall(_SCRIPTS[script], text)) for script in looked_at}


def _chinese(text: str) -> str:
    characters = Counter(text)
    traditional = sum(characters[each] for each in _ONLY_TRADITIONAL - _ONLY_SIMPLIFIED)
    simplified = sum(characters[each] for each in _ONLY_SIMPLIFIED - _ONLY_TRADITIONAL)
    return "zh-Hant" if traditional > simplified else "zh"


def _latin(words: list[str]) -> str:
    counts = Counter(words)
    found = {language: sum(counts[word] for word in common) for language, common in _COMMON_WORDS.items()}
    best = max(found, key=lambda language: found[language])
    is_clear = found[best] > _CLEARLY_MORE * found["en"] and len(words) >= _FEWEST_WORDS
    return best if is_clear else "en"
