"""tokenizer.model (SentencePiece, BPE with bytes for what it does not know) as a fast tokenizer of `tokenizers`.

The file is a protobuf message of which a handful of fields matter, so that it is read here instead of by a package. Its
scores say which pieces are joined first; the merges of a fast tokenizer are all ways to cut a piece into two, in that
order. InternLM publishes such a file with Python code beside it; what the code does is done here: special tokens take
the places of pieces that were kept free for them, and a folder is written that needs no code.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lianlu.core.errors import DataError
from lianlu.core.files import write_bytes
from lianlu.text.chat_templates import TEMPLATES

__all__ = [
    "Piece",
    "SentencePiece",
    "fast_tokenizer",
    "gets_template",
    "needs_code",
    "read_sentencepiece",
    "write_fast_folder",
]

_SPACE = "\u2581"
_BPE = 2
_KINDS = {1: "normal", 2: "unknown", 3: "control", 4: "user", 5: "unused", 6: "byte"}
_PLAIN = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
_RESERVED = "[UNUSED_TOKEN_"
_INTERNLM2_LAST = (
    "<|plugin|>",
    "<|interpreter|>",
    "<|action_end|>",
    "<|action_start|>",
    "<|im_end|>",
    "<|im_start|>",
)
_CODE = ("InternLMTokenizer", "InternLM2Tokenizer", "InternLM3Tokenizer")
_OF_CODE = ("auto_map", "decode_with_prefix_space", "sp_model_kwargs", "tokenizer_file")
_TEMPLATES = ("chat_template.jinja", "chat_template.json")


@dataclass(frozen=True)
class Piece:
    text: str
    score: float
    kind: str


@dataclass(frozen=True)
class SentencePiece:
    """What of tokenizer.model decides how a text is cut.

    Attributes:
        rules: the compiled normalization, empty where a text stays as it is.
        has_prefix: whether a space is set before a text.
        is_trimmed: whether spaces at the ends are dropped and several become one.
    """

    pieces: tuple[Piece, ...]
    has_bytes: bool
    unknown: int
    rules: bytes
    has_prefix: bool
    is_trimmed: bool


def read_sentencepiece(path: Path) -> SentencePiece:
    """Read a tokenizer.model (fields of sentencepiece_model.proto).

    Raises:
        DataError: nn.bad-sentencepiece: it is cut off or damaged, or of another kind than BPE
    """
    try:
        return _model(path.read_bytes())
    except (OSError, ValueError, IndexError, TypeError, struct.error) as error:
        raise DataError("nn.bad-sentencepiece", path=str(path), why=str(error) or type(error).__name__) from error


def fast_tokenizer(
    model: SentencePiece, added: Mapping[int, Mapping[str, Any]], *, start: str = "", end: str = ""
) -> Any:
    """A `tokenizers.Tokenizer` that cuts a text as SentencePiece does.

    Args:
        added: tokens by id, as `added_tokens_decoder` of tokenizer_config.json has them; one takes the place of the
            piece with its id.
        start: token before every text, none where empty.
        end: token after every text, none where empty.
    """
    from tokenizers import AddedToken, Tokenizer, models, processors

    named = {place: str(token["content"]) for place, token in added.items()}
    vocabulary = {each.text: place for place, each in enumerate(model.pieces) if place not in named}
    vocabulary |= {name: place for place, name in named.items()}
    unknown = named.get(model.unknown, model.pieces[model.unknown].text)
    bpe = models.BPE(
        vocab=vocabulary,
        merges=_merges(model.pieces, vocabulary),
        unk_token=unknown,
        fuse_unk=True,
        byte_fallback=model.has_bytes,
    )
    made: Any = Tokenizer(bpe)
    made.normalizer, made.decoder = _normalizer(model), _decoder(model)
    users = {place: each.text for place, each in enumerate(model.pieces) if each.kind == "user"}
    tokens = {place: AddedToken(text, normalized=False) for place, text in users.items()}
    tokens |= {place: _added_token(token) for place, token in added.items()}
    made.add_tokens([tokens[place] for place in sorted(tokens)])
    template = " ".join(filter(None, (start, "$A", end)))
    if start or end:
        ids = [(name, vocabulary[name]) for name in (start, end) if name]
        pair = template + " " + template.replace("$A", "$B")
        made.post_processor = processors.TemplateProcessing(single=template, pair=pair, special_tokens=ids)
    return made


def needs_code(folder: Path) -> bool:
    """Whether the tokenizer of a folder is one of InternLM's, which name Python code that is not run."""
    named = _config(folder).get("tokenizer_class")
    if named is None and not (folder / "tokenizer.json").is_file() and (folder / "tokenizer.model").is_file():
        return _json(folder / "config.json").get("model_type") == "internlm2"
    return str(named).removesuffix("Fast") in _CODE


def gets_template(folder: Path) -> bool:
    """Whether the tokenizer of a folder is given InternLM2's chat template: it has the tokens for it, but none of its own."""
    config = _config(folder)
    named = str(config.get("tokenizer_class", "InternLM2Tokenizer")).removesuffix("Fast")
    if not needs_code(folder) or named != "InternLM2Tokenizer":
        return False
    if config.get("chat_template") or any((folder / name).is_file() for name in _TEMPLATES):
        return False
    added = _added(folder, config)
    return not added or any(token["content"] == "<|im_start|>" for token in added.values())


def write_fast_folder(source: Path, folder: Path) -> None:
    """Write the tokenizer of an InternLM folder as tokenizer.json and a tokenizer_config.json that names no code.

    Raises:
        DataError: nn.bad-sentencepiece
    """
    config = _config(source)
    added = _added(source, config)
    if (source / "tokenizer.json").is_file():
        write_bytes(folder / "tokenizer.json", (source / "tokenizer.json").read_bytes())
    else:
        model = read_sentencepiece(source / "tokenizer.model")
        added = added or _reserved(model)
        added |= {place: {"content": each.text} for place, each in _own(model).items() if place not in added}
        try:
            made = fast_tokenizer(model, added, start=_edge(config, "bos"), end=_edge(config, "eos"))
        except (ValueError, TypeError, KeyError) as error:
            raise DataError("nn.bad-sentencepiece", path=str(source), why=str(error)) from error
        write_bytes(folder / "tokenizer.json", made.to_str().encode())
    kept = {name: value for name, value in config.items() if name not in _OF_CODE}
    plain = {"padding_side": "left", **_usual_names(config), "clean_up_tokenization_spaces": False} | kept
    if added:
        plain["added_tokens_decoder"] = {str(place): {**_PLAIN, **token} for place, token in sorted(added.items())}
    plain["tokenizer_class"] = "PreTrainedTokenizerFast"
    if gets_template(source):
        plain["chat_template"] = TEMPLATES["internlm2"].jinja
    write_bytes(folder / "tokenizer_config.json", json.dumps(plain, ensure_ascii=False, indent=2).encode())
    for name in _TEMPLATES:
        if (source / name).is_file():
            write_bytes(folder / name, (source / name).read_bytes())


def _model(content: bytes) -> SentencePiece:
    fields = [(number, value) for number, value in _fields(content) if isinstance(value, bytes)]
    pieces = tuple(_piece(value) for number, value in fields if number == 1)
    trainer = _last(value for number, value in fields if number == 2)
    normalizer = _last(value for number, value in fields if number == 3)
    texts = {each.text for each in pieces}
    unknown = trainer.get(40, 0)
    if not pieces or len(texts) != len(pieces):
        raise ValueError("it holds no pieces" if not pieces else "a piece stands in it twice")
    if trainer.get(3, 1) != _BPE:
        raise ValueError("it is not of the BPE kind")
    if not isinstance(unknown, int) or unknown >= len(pieces):
        raise ValueError(f"the id of the unknown token is {unknown!r}")
    rules = normalizer.get(2, b"")
    return SentencePiece(
        pieces=pieces,
        has_bytes=bool(trainer.get(35, 0)),
        unknown=unknown,
        rules=rules if isinstance(rules, bytes) else b"",
        has_prefix=bool(normalizer.get(3, 1)),
        is_trimmed=bool(normalizer.get(4, 1)),
    )


def _piece(content: bytes) -> Piece:
    known = dict(_fields(content))
    text, score, kind = known.get(1), known.get(2, bytes(4)), known.get(3, 1)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or kind not in _KINDS:
        raise ValueError("a piece has no text, score and type")
    return Piece(text.decode(), float(struct.unpack("<f", score)[0]), _KINDS[kind])


def _last(messages: Iterator[bytes]) -> dict[int, int | bytes]:
    return {number: value for message in messages for number, value in _fields(message)}


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protobuf message: whole numbers, else bytes (protobuf.dev, Encoding)."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(content, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(content, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of type {kind} at byte {at}")
        if at + size > len(content):
            raise ValueError(f"it ends at byte {len(content)} inside a field")
        yield key >> 3, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError(f"a number at byte {at} has no end")


def _added_token(token: Mapping[str, Any]) -> Any:
    from tokenizers import AddedToken

    flags = {name: bool(token.get(name, usual)) for name, usual in _PLAIN.items()}
    return AddedToken(str(token["content"]), **flags)


def _merges(pieces: tuple[Piece, ...], vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """All ways to cut a piece into two pieces, best score first; of one piece those of lower ids first."""
    normal = {each.text: place for place, each in enumerate(pieces) if each.kind == "normal"}
    places = {text: place for text, place in normal.items() if vocabulary.get(text) == place}  # no token stands there
    merges: list[tuple[float, int, int]] = []
    for text, place in places.items():
        for cut in range(1, len(text)):
            left = places.get(text[:cut])
            right = places.get(text[cut:]) if left is not None else None
            if left is not None and right is not None:
                merges.append((-pieces[place].score, left, right))
    return [(pieces[left].text, pieces[right].text) for _, left, right in sorted(merges)]


def _normalizer(model: SentencePiece) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if model.rules:
        steps.append(normalizers.Precompiled(model.rules))
    if model.is_trimmed:
        steps += [normalizers.Replace(Regex(r"\A +| +\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if model.has_prefix:
        steps.append(normalizers.Prepend(_SPACE))
    return normalizers.Sequence([*steps, normalizers.Replace(" ", _SPACE)])


def _decoder(model: SentencePiece) -> Any:
    from tokenizers import decoders

    steps: list[Any] = [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if model.has_prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    return decoders.Sequence(steps)


def _config(folder: Path) -> dict[str, Any]:
    return _json(folder / "tokenizer_config.json")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError("nn.no-tokenizer", path=str(path.parent), why=f"{path.name} is not JSON") from error
    return found if isinstance(found, dict) else {}


def _added(folder: Path, config: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Added tokens by id, of tokenizer_config.json, else of added_tokens.json."""
    try:
        found: Mapping[str, Any] = config.get("added_tokens_decoder") or {}
        if found:
            return {int(place): {**token, "content": str(token["content"])} for place, token in found.items()}
        return {int(place): {"content": name} for name, place in _json(folder / "added_tokens.json").items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError("nn.no-tokenizer", path=str(folder), why="its added tokens cannot be read") from error


def _reserved(model: SentencePiece) -> dict[int, dict[str, Any]]:
    """InternLM2's special tokens where nothing tells their ids: on its last six pieces, which are reserved by name."""
    first = len(model.pieces) - len(_INTERNLM2_LAST)
    last = model.pieces[max(first, 0) :]
    if first < 0 or not all(each.text.startswith(_RESERVED) for each in last):
        return {}
    return {first + place: {"content": name} for place, name in enumerate(_INTERNLM2_LAST)}


def _own(model: SentencePiece) -> dict[int, Piece]:
    """`<unk>`, `<s>`, `</s>` and the like."""
    return {place: each for place, each in enumerate(model.pieces) if each.kind in ("unknown", "control")}


def _edge(config: Mapping[str, Any], name: Literal["bos", "eos"]) -> str:
    """The token that is set at an end of every text, empty if none is."""
    if not config.get(f"add_{name}_token", name == "bos"):
        return ""
    return _content(config.get(f"{name}_token")) or {"bos": "<s>", "eos": "</s>"}[name]


def _content(token: Any) -> str:
    return str(token.get("content", "") if isinstance(token, Mapping) else token or "")


def _usual_names(config: Mapping[str, Any]) -> dict[str, str]:
    usual = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    return {name: token for name, token in usual.items() if name not in config}
