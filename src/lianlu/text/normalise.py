"""One form for text that means the same: compatibility forms folded, case folded, invisible characters gone.

What is indexed and asked goes through `fold`; what is quoted never does, because quotes must be verbatim.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["CJK", "LATIN_PER_CJK", "clean_input", "fold", "is_cjk", "text_size"]

# Ideographs with extensions, kana, bopomofo, hangul: scripts written without spaces, or where two characters carry a word.
CJK = (
    "\u3005-\u3007\u3041-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_CJK_CHARACTER = re.compile(f"[{CJK}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
LATIN_PER_CJK = 3


def fold(text: str) -> str:
    """NFKC, case folded, without invisible characters.

    >>> fold("ＸＴｕｎｅｒ　２．０")
    'xtuner 2.0'
    """
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()


def clean_input(text: str) -> str:
    """What a person typed, without control characters and halves of surrogate pairs, stripped.

    >>> clean_input(" a\\x00b ")
    'a b'
    """
    return _CONTROL.sub(" ", text).strip()


def is_cjk(character: str) -> bool:
    return _CJK_CHARACTER.match(character) is not None


def text_size(text: str) -> int:
    """Length in Chinese characters: three other characters count as one, which is near what models count.

    >>> text_size("大模型 fine-tuning")
    7
    """
    ideographs = len(_CJK_CHARACTER.findall(text))
    return ideographs + -(-(len(text) - ideographs) // LATIN_PER_CJK)
