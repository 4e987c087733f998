"""tokenizer.model as a fast tokenizer: the ids of SentencePiece itself, special tokens on their places, no code."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tokenizers")
pytest.importorskip("transformers")
pytest.importorskip("sentencepiece")

import sentencepiece

from internlm_folder import TEXTS, sentencepiece_model, write_tokenizer
from lianlu.core.errors import DataError
from lianlu.nn.sentencepiece import Piece, SentencePiece, fast_tokenizer, gets_template, needs_code, read_sentencepiece
from lianlu.nn.weights import load_tokenizer

PARTS = [
    "a",
    "b",
    " ",
    "  ",
    "\n",
    "\t",
    "😀",
    "你",
    "好",
    "世界",
    "The",
    " quick",
    "語",
    "é",
    "1",
    "23",
    "、",
    "def",
    "天气",
    "\u00a0",
]
EDGES = [
    "",
    " ",
    "   ",
    " x",
    "  x  ",
    "\n",
    "\n\n a",
    "x\n",
    "hello 世界 😀👩‍👩‍👧",
    "\t\t",
    "<0x0A>",
    "▁",
    "a▁b",
    "\u0000",
    *TEXTS,
]


def texts(count: int) -> list[str]:
    chance = random.Random(3)
    return EDGES + ["".join(chance.choices(PARTS, k=chance.randint(1, 25))) for _ in range(count)]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A tokenizer.model trained with options of SentencePiece."""

    def made(**options: Any) -> Path:
        path = tmp_path_factory.mktemp("sentencepiece") / "tokenizer.model"
        path.write_bytes(sentencepiece_model(**options))
        return path

    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"add_dummy_prefix": False},
        {"remove_extra_whitespaces": True},
        {"normalization_rule_name": "nmt_nfkc", "remove_extra_whitespaces": True},
        {"byte_fallback": False},
    ],
    ids=["as InternLM2", "no prefix", "trimmed", "normalized", "no bytes"],
)
def test_ids_are_those_of_sentencepiece(make: Callable[..., Path], options: dict[str, Any]) -> None:
    path = make(**options)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(path))
    ours = fast_tokenizer(read_sentencepiece(path), {})
    theirs_drop_bars = options.get("remove_extra_whitespaces", False)  # "▁" that a person wrote counts as a space there
    for text in texts(400):
        if not (theirs_drop_bars and "▁" in text):
            assert ours.encode(text).ids == theirs.encode(text), repr(text)


@pytest.mark.parametrize("has_prefix", [True, False])
def test_decoding_gives_the_text_back(make: Callable[..., Path], has_prefix: bool) -> None:
    ours = fast_tokenizer(read_sentencepiece(make(add_dummy_prefix=has_prefix)), {})
    for text in texts(200):
        assert ours.decode(ours.encode(text).ids) == text.replace("▁", " ")  # SentencePiece cannot tell them apart


def test_the_tokenizer_of_a_published_folder_is_read_without_its_code(tmp_path: Path) -> None:
    ids = write_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert needs_code(tmp_path)
    assert tokenizer.is_fast
    assert tokenizer("你好 world")["input_ids"] == [1, *theirs.encode("你好 world")]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (1, 2, 2)
    assert {name: tokenizer.convert_tokens_to_ids(name) for name in ids} == ids
    assert len(tokenizer) == theirs.get_piece_size()
    whole = tokenizer("<|im_start|>user\n你好<|im_end|>", add_special_tokens=False)["input_ids"]
    assert (whole[0], whole[-1]) == (ids["<|im_start|>"], ids["<|im_end|>"])
    assert whole[1:-1] == theirs.encode("user\n你好")
    assert tokenizer.decode(tokenizer("今天 ok<|im_end|>")["input_ids"], skip_special_tokens=True) == "今天 ok"


@pytest.mark.parametrize(("start", "end", "ids"), [(True, True, (1, 2)), (False, True, (2,)), (False, False, ())])
def test_tokens_around_a_text_are_those_of_the_config(
    tmp_path: Path, start: bool, end: bool, ids: tuple[int, ...]
) -> None:
    write_tokenizer(tmp_path, add_bos_token=start, add_eos_token=end)
    assert tuple(load_tokenizer(tmp_path)("")["input_ids"]) == ids


def test_a_start_token_that_nothing_is_said_of_is_set(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, add_eos_token=True)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["add_bos_token"]
    path.write_text(json.dumps(config))
    assert load_tokenizer(tmp_path)("")["input_ids"] == [1, 2]


def test_a_token_may_take_the_place_of_a_piece_that_is_in_use(make: Callable[..., Path]) -> None:
    model = read_sentencepiece(make())
    place = next(place for place, each in enumerate(model.pieces) if each.text == "th")
    made = fast_tokenizer(model, {place: {"content": "<new>"}})
    assert made.encode("<new>").ids == [place]
    assert place not in made.encode("the the").ids


def test_without_ids_the_special_tokens_take_the_reserved_pieces(tmp_path: Path) -> None:
    ids = write_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "InternLM2Tokenizer"}')
    vocabulary = load_tokenizer(tmp_path).get_vocab()
    assert {name: vocabulary[name] for name in ids} == ids
    assert vocabulary["</s>"] == 2


def test_without_a_config_the_model_tells_whose_tokenizer_it_is(tmp_path: Path) -> None:
    ids = write_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "config.json").write_text('{"model_type": "internlm2"}')
    assert load_tokenizer(tmp_path).convert_tokens_to_ids("<|im_end|>") == ids["<|im_end|>"]


def test_added_tokens_behind_the_pieces_keep_their_ids(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["added_tokens_decoder"] |= {"422": {"content": "<img>"}, "425": {"content": "<box>"}}
    path.write_text(json.dumps(config))
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer("<box><img>")["input_ids"] == [1, 425, 422]


def test_a_tokenizer_json_is_preferred(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    made = fast_tokenizer(read_sentencepiece(tmp_path / "tokenizer.model"), {}, end="</s>")
    made.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer.model").write_bytes(b"broken")
    path = tmp_path / "tokenizer_config.json"
    config = {name: value for name, value in json.loads(path.read_text()).items() if not name.startswith("add_")}
    path.write_text(json.dumps(config))
    assert load_tokenizer(tmp_path)("")["input_ids"] == [2]


def test_a_template_of_the_folder_is_kept(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, chat_template="mine")
    assert not gets_template(tmp_path)
    assert load_tokenizer(tmp_path).chat_template == "mine"


def test_a_template_file_of_the_folder_is_kept(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("mine")
    assert not gets_template(tmp_path)
    assert load_tokenizer(tmp_path).chat_template == "mine"


def test_a_folder_without_template_gets_that_of_internlm2(tmp_path: Path) -> None:
    ids = write_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    told = tokenizer.apply_chat_template([{"role": "user", "content": "好"}], add_generation_prompt=True)["input_ids"]
    assert told[:2] == [1, ids["<|im_start|>"]]
    assert told.count(ids["<|im_end|>"]) == 1


def test_a_folder_without_the_tokens_gets_no_template(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, added_tokens_decoder={"1": {"content": "<s>"}})
    assert not gets_template(tmp_path)


def damaged(content: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "cut": content[:-3],
        "text": b"version https://git-lfs.github.com/spec/v1\n",
        "endless": b"\xff" * 40,
        "no pieces": b"\x12\x02\x18\x02",
        "twice": content + b"\x0a\x05\x0a\x03<s>",
        "unigram": content + b"\x12\x02\x18\x01",
        "no unknown": content + b"\x12\x04\xc0\x02\xff\x7f",
    }


@pytest.mark.parametrize("kind", list(damaged(b"")))
def test_a_damaged_file_is_named(tmp_path: Path, kind: str) -> None:
    write_tokenizer(tmp_path)
    path = tmp_path / "tokenizer.model"
    path.write_bytes(damaged(path.read_bytes())[kind])
    with pytest.raises(DataError) as raised:
        load_tokenizer(tmp_path)
    assert raised.value.code == "nn.bad-sentencepiece"
    assert "tokenizer.model" in raised.value.message("en")


def test_added_tokens_that_are_none_are_refused(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, added_tokens_decoder={"x": {"content": "<s>"}})
    with pytest.raises(DataError) as raised:
        load_tokenizer(tmp_path)
    assert raised.value.code == "nn.no-tokenizer"


def test_ninety_thousand_pieces_take_seconds() -> None:
    chance = random.Random(0)
    found = [chr(code) for code in range(0x4E00, 0x4E00 + 6000)]
    known = set(found)
    while len(found) < 90_000:
        joined = chance.choice(found) + chance.choice(found)
        if len(joined) < 16 and joined not in known:
            known.add(joined)
            found.append(joined)
    pieces = (Piece("<unk>", 0.0, "unknown"), *(Piece(text, -float(at), "normal") for at, text in enumerate(found)))
    started = time.process_time()
    made = fast_tokenizer(SentencePiece(pieces, False, 0, b"", True, False), {})
    assert time.process_time() - started < 10
    assert made.encode(found[-1]).tokens[-1] == found[-1]
