"""The postings of many texts are those that counting the terms of each one gives."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu.text import postings
from lianlu.text.postings import Postings, invert, join, term_key
from lianlu.text.tokens import terms

_TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.text(st.sampled_from("abXY9 微调模型_-.’/+#ー한Ａﬁ\u0301\ud800\U00020001\n"), max_size=40),
    ),
    max_size=8,
)


def plain(found: Postings) -> dict[tuple[int, int], int]:
    """(key, place) -> count."""
    keys = np.repeat(found.keys, np.diff(found.starts))
    return dict(zip(zip(keys.tolist(), found.places.tolist(), strict=True), found.counts.tolist(), strict=True))


def counted(texts: list[str]) -> dict[tuple[int, int], int]:
    return {
        (term_key(term), place): count
        for place, text in enumerate(texts)
        for term, count in Counter(terms(text)).items()
    }


@given(_TEXTS)
def test_a_batch_gives_the_terms_of_each_text(texts: list[str]) -> None:
    found = invert(texts)
    assert plain(found) == counted(texts)
    assert found.lengths.tolist() == [len(terms(text)) for text in texts]
    assert (np.diff(found.keys.astype(object)) > 0).all()
    places = [found.places[begin:end].tolist() for begin, end in zip(found.starts, found.starts[1:], strict=False)]
    assert all(each and each == sorted(each) for each in places)


@given(st.lists(_TEXTS, min_size=1, max_size=4), st.data())
def test_joined_parts_are_one_of_the_texts_that_are_kept(parts: list[list[str]], data: st.DataObject) -> None:
    kept = [np.asarray([data.draw(st.booleans()) for _ in texts], dtype=bool) for texts in parts]
    found = join([invert(texts) for texts in parts], kept)
    stays = [
        text
        for texts, mask in zip(parts, kept, strict=True)
        for text, is_kept in zip(texts, mask, strict=True)
        if is_kept
    ]
    fresh = invert(stays)
    assert plain(found) == plain(fresh)
    for name in ("keys", "starts", "places", "lengths"):
        np.testing.assert_array_equal(getattr(found, name), getattr(fresh, name))


def test_a_term_more_often_than_a_byte_counts() -> None:
    texts = ["微" * 1000, "微"]
    assert plain(invert(texts))[term_key("微"), 0] == 1000
    assert plain(join([invert(texts[1:]), invert(texts[:1])], [np.ones(1, bool)] * 2))[term_key("微"), 1] == 1000


def test_blocks_are_of_whole_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "_BLOCK", 100)
    found = invert([" ".join(f"w{number}" for number in range(place, 60)) for place in range(40)])
    covered = [term for begin, end in postings.blocks(found.starts) for term in range(begin, end)]
    assert covered == list(range(len(found.keys)))
    assert len(postings.blocks(found.starts)) > 3


def test_keys_of_scripts_and_words_never_meet() -> None:
    listed = ["微", "调", "微调", "a", "ab", "abcdefg", "abcdefgh", "C++", "ß", "한", "v0.1.18", "x" * 64]
    assert len({term_key(term) for term in listed}) == len(listed)
