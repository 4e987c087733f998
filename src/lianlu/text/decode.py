"""Bytes to text, with the encoding named. Knows no file and no format.

The order is by certainty: a byte order mark, a declared encoding that fits, strict UTF-8, UTF-16 by the pattern of its NUL
bytes, then the Chinese encodings by how many of the characters they give are everyday ones, charset-normalizer where it
is installed, and Windows-1252 last, which reads any bytes and so must not be asked earlier. Newlines stay as they are; a
byte order mark is no part of the text, so offsets count from the character after it.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from lianlu.core.errors import DataError

__all__ = ["Decoded", "decode"]

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16 LE, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 1 << 16
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b")) + b"\x7f"
_WIDE_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_MOST_CONTROLS = 0.02  # real text has none; a log may have a stray one
_MOST_REPLACED = 0.01  # of the characters beyond ASCII: a few broken bytes do not make UTF-8 something else
_EVERYDAY_SHARE = 0.12  # Chinese prose has 0.3 and more; wrongly decoded bytes have below 0.06
_FEW_CHARACTERS = 24  # below this the share says little
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "iso-8859-1": "cp1252", "ascii": "cp1252"}
_EVERYDAY = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方"
    "多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情"
    "明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给"
    "数据模型文件支持使用请运行安装配置参数设置方法示例说明版本接口接入名称"
    "這個們來為國說時會對後裡還進樣從實軍無長機與關點業將兩間問戰頭體見麼發經過動學現當開沒種於處義員電數據檔請執設參"
)
_OTHER_SCRIPTS = ("cp949", "cp932", "euc_jp", "cp1251", "koi8_r")  # Latin ones are left to Windows-1252
_ASCII = re.compile(rb"[\x00-\x7f]")
_HAN = re.compile("[\u3400-\u9fff]")
_HANGUL_OR_KANA = re.compile("[\u3041-\u30ff\uac00-\ud7a3]")


@dataclass(frozen=True)
class Decoded:
    """Text and the encoding that gave it. `replaced` counts broken bytes that became U+FFFD."""

    text: str
    encoding: str
    replaced: int = 0


def decode(content: bytes, declared: str = "") -> Decoded:
    """Decode bytes of unknown encoding.

    Args:
        content: the whole file: a multi-byte character cut at the end counts as broken.
        declared: what the file says of itself (`<meta charset>`), used if it fits.

    Raises:
        DataError: text.binary, for NUL bytes that are no UTF-16 and for other bytes no text has

    >>> decode("链路".encode("gbk")).text
    '链路'
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _lenient(content[len(mark) :], encoding)
    if b"\x00" in content:
        return _wide(content)
    _refuse_controls(content)
    return (
        _declared(content, declared) or _utf8(content) or _chinese(content) or _by_normalizer(content) or _last(content)
    )


def _declared(content: bytes, declared: str) -> Decoded | None:
    name = declared.strip().strip("\"'").lower()
    if not name:
        return None
    try:
        codec = codecs.lookup(_ALIASES.get(name, name))
    except LookupError:
        return None
    if not codec._is_text_encoding:  # base64 and zlib are codecs too # pyright: ignore[reportPrivateUsage]
        return None
    # A page that says windows-1252 and is valid UTF-8 was converted later and kept its old label.
    if codec.name == "cp1252":
        return _strict(content, "utf-8") or _strict(content, "cp1252")
    return _strict(content, codec.name)


def _strict(content: bytes, encoding: str) -> Decoded | None:
    try:
        return Decoded(content.decode(encoding), encoding)
    except UnicodeDecodeError:
        return None


def _lenient(content: bytes, encoding: str) -> Decoded:
    text = content.decode(encoding, errors="replace")
    if "\x00" in text:
        raise DataError("text.binary", why=f"{encoding} with NUL characters")
    return Decoded(text, encoding, text.count("\ufffd"))


def _wide(content: bytes) -> Decoded:
    """UTF-16 without a mark: Latin text has a NUL in nearly every second byte, always on the same side."""
    sample = content[:_SAMPLE_BYTES]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    for encoding, here, there in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(content) % 2 == 0 and here > 20 * there and here * 20 > len(sample):
            decoded = _strict(content, encoding)
            if decoded is not None and not _WIDE_CONTROLS.search(decoded.text):
                return decoded
    raise DataError("text.binary", why=f"{content.count(0)} NUL bytes")


def _refuse_controls(content: bytes) -> None:
    sample = content[:_SAMPLE_BYTES]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if controls > 1 and controls > _MOST_CONTROLS * len(sample):
        raise DataError("text.binary", why=f"{controls} control bytes in the first {len(sample)}")


def _utf8(content: bytes) -> Decoded | None:
    strict = _strict(content, "utf-8")
    if strict is not None:
        return strict
    text = content.decode("utf-8", errors="replace")
    replaced = text.count("\ufffd")
    beyond_ascii = len(text) - len(text.encode("ascii", errors="ignore"))
    return (
        Decoded(text, "utf-8", replaced) if replaced <= max(1, _MOST_REPLACED * beyond_ascii) < beyond_ascii else None
    )


def _chinese(content: bytes) -> Decoded | None:
    """GB18030 or Big5, whichever gives more everyday characters; neither if both give few."""
    scored = [(score, decoded) for decoded in _candidates(content) if (score := _everyday_share(decoded)) is not None]
    if not scored:
        return None
    share, best = max(scored, key=lambda pair: (pair[0], pair[1].encoding == "gb18030"))
    few = len(_HAN.findall(best.text[:_SAMPLE_BYTES])) < _FEW_CHARACTERS
    return best if share >= _EVERYDAY_SHARE or (few and _in_common_rows(content)) else None


def _candidates(content: bytes) -> list[Decoded]:
    found: list[Decoded] = []
    for encoding in ("gb18030", "big5"):
        text = content.decode(encoding, errors="replace")
        replaced = text.count("\ufffd")
        if replaced <= max(1, len(text) // 1000):
            found.append(Decoded(text, encoding, replaced))
    return found


def _everyday_share(decoded: Decoded) -> float | None:
    sample = decoded.text[:_SAMPLE_BYTES]
    han = _HAN.findall(sample)
    if not han or len(_HANGUL_OR_KANA.findall(sample)) > len(han):
        return None
    return sum(character in _EVERYDAY for character in han) / len(han)


def _in_common_rows(content: bytes) -> bool:
    """All bytes beyond ASCII come in pairs of GB2312's punctuation and first-level characters."""
    pairs = re.sub(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]", b"", content)
    return len(pairs) < len(content) and not re.search(rb"[\x80-\xff]", pairs)


def _by_normalizer(content: bytes) -> Decoded | None:
    try:
        from charset_normalizer import from_bytes
    except ModuleNotFoundError:
        return None
    sample = content[:_SAMPLE_BYTES]
    beyond_ascii = len(_ASCII.sub(b"", sample))
    if beyond_ascii < 8 or len(sample) > 5 * beyond_ascii:  # letters with accents between plain ones: a Latin script
        return None
    best = from_bytes(sample, cp_isolation=list(_OTHER_SCRIPTS)).best()
    if best is None or best.chaos > 0.1:
        return None
    return _strict(content, best.encoding)


def _last(content: bytes) -> Decoded:
    return _strict(content, "cp1252") or Decoded(content.decode("latin-1"), "latin-1")
