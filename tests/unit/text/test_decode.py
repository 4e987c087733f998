from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.core.errors import DataError
from lianlu.text.decode import decode

CHINESE = "链路把团队自己的文件变成可信的助手。第一步是读取文档，然后建立索引。\r\n它支持多种编码。"
TRADITIONAL = "這個工具會讀取文件，然後建立索引，並且給出有引用的回答。對於不同的編碼，它都能處理。"
GERMAN = "Für die Übung müssen wir größere Mengen heißen Wassers über den Fußboden gießen, schön früh. " * 3
KOREAN = "한국어 문서도 읽을 수 있어야 합니다. 이 문장은 충분히 길어야 추측이 가능합니다. 그래서 조금 더 씁니다. " * 3
RUSSIAN = "Это обычный русский текст, который должен быть прочитан правильно, даже если кодировка старая. " * 3


@pytest.mark.parametrize(
    ("text", "written", "named"),
    [
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8"),
        (CHINESE, "utf-16", "utf-16-le"),
        ("plain text\nwithout mark", "utf-16-le", "utf-16-le"),
        ("plain text\nwithout mark", "utf-16-be", "utf-16-be"),
        (CHINESE, "utf-32", "utf-32-le"),
        (CHINESE, "gbk", "gb18030"),
        (CHINESE + "𠮷", "gb18030", "gb18030"),
        ("你好", "gbk", "gb18030"),
        ("标题：安装", "gb2312", "gb18030"),
        (TRADITIONAL, "big5", "big5"),
        (GERMAN, "latin-1", "cp1252"),
        ("caf\u00e9", "latin-1", "cp1252"),
        ("“smart” – quotes", "cp1252", "cp1252"),
    ],
)
def test_text_and_encoding_are_found(text: str, written: str, named: str) -> None:
    decoded = decode(text.encode(written))
    assert (decoded.text, decoded.encoding, decoded.replaced) == (text, named, 0)


@pytest.mark.parametrize(("text", "written"), [(KOREAN, "euc-kr"), (RUSSIAN, "cp1251")])
def test_other_encodings_are_left_to_charset_normalizer(text: str, written: str) -> None:
    pytest.importorskip("charset_normalizer")
    assert decode(text.encode(written)).text == text


def test_newlines_stay_as_they_are() -> None:
    assert decode(b"a\r\nb\rc\n").text == "a\r\nb\rc\n"


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02",
        b"PK\x03\x04\x00\x00\x08\x08",
        b"abc\x00def",
        b"\x00\x01\x02\x03" * 9,
        bytes(range(1, 32)) * 9,
        b"\x00" * 100,
    ],
    ids=["nul", "zip", "one nul", "counting", "controls", "zeros"],
)
def test_binary_is_refused(content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        decode(content)
    assert caught.value.code == "text.binary"


def test_broken_bytes_do_not_make_utf8_something_else() -> None:
    decoded = decode((CHINESE * 20).encode() + b"\xff" + "完".encode())
    assert (decoded.encoding, decoded.replaced) == ("utf-8", 1)


def test_declared_encoding_is_used_if_it_fits() -> None:
    assert decode("日本語".encode("shift_jis"), "Shift_JIS").text == "日本語"
    assert decode("链路".encode(), "gbk-unknown").text == "链路"
    assert decode("größer".encode(), "windows-1252").text == "größer"


@pytest.mark.parametrize("declared", ["base64", "rot13", "zlib", "hex", "idna"])
def test_declared_codec_that_is_no_text_encoding_is_ignored(declared: str) -> None:
    assert decode(b"aGVsbG8=", declared).text == "aGVsbG8="


@given(st.binary(max_size=400))
def test_any_bytes_give_text_or_a_data_error(content: bytes) -> None:
    try:
        decoded = decode(content)
    except DataError:
        return
    assert isinstance(decoded.text, str)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_utf8_comes_back(text: str) -> None:
    assert decode(text.encode()).text == text.removeprefix("\ufeff")
