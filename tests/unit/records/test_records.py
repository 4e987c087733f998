"""Records survive JSON, are frozen, and refuse what they are not."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lianlu import records
from lianlu.records import (
    ARTIFACT_KINDS,
    Annotation,
    Artifact,
    ArtifactFile,
    AudioPart,
    Block,
    Box,
    Chunk,
    Conversation,
    Document,
    Failure,
    FilePart,
    ImagePart,
    Message,
    Prediction,
    Preference,
    ReasoningPart,
    Ref,
    Sample,
    Score,
    Source,
    Span,
    StepStamp,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    UnpairedPreference,
    Usage,
    assistant,
    system,
    user,
)

SOURCE = Source(uri="手册/a.md", sha256="0" * 64, size=5, media_type="text/markdown")
BLOCK = Block(
    kind="heading",
    markdown="# 标题",
    level=1,
    page=2,
    box=Box(left=1.0, top=2.0, right=3.0, bottom=4.5),
    span=Span(start=0, end=4, first_line=1, last_line=1),
    verbatim=True,
)
CALL = ToolCallPart(id="c1", name="add", arguments='{"a": ')
TALK = Conversation(
    messages=(
        system("be brief"),
        user("你好"),
        Message(role="assistant", parts=(ReasoningPart(text="hm"), CALL)),
        Message(role="tool", parts=(ToolResultPart(call_id="c1", text="3", is_error=True),), name="add"),
        Message(role="user", parts=(ImagePart(uri="a.png"), AudioPart(uri="a.wav"), FilePart(uri="a.pdf", name="a"))),
    ),
    tools=(Tool(name="add", parameters={"type": "object"}),),
    source="s",
    meta={"turn": 1},
)
EVERY: list[Any] = [
    SOURCE,
    BLOCK,
    Document(id="d", source=SOURCE, blocks=(BLOCK,), title="标题", language="zh", meta={"pages": 3}),
    Failure(uri="b.pdf", code="extract.broken", reason="torn"),
    Chunk(document_id="d", ordinal=0, text="标", span=Span(start=2, end=3), headings=("标题",), page=1),
    TALK,
    Preference(prompt=TALK, chosen=assistant("a"), rejected=assistant("b")),
    UnpairedPreference(prompt=TALK, answer=Message(role="assistant", parts=(), learn=False), is_liked=True),
    Artifact(
        id="a" * 24,
        kind="documents",
        format_version=1,
        files=(ArtifactFile(name="a.json", sha256="1" * 64, size=2, path="x/a.json"),),
        parents=("b" * 24,),
        step=StepStamp(name="extract", version=1, key="k", output="documents", recipe={"max_pages": 3}),
        sources=(SOURCE,),
        sources_root="in",
        volatile=True,
    ),
    Ref(name="handbook", artifact_id="a" * 24, set_at="2026-01-02T03:04:05Z"),
    Sample(id="1", input=TALK, targets=("A",), choices=("A", "B"), group="law"),
    Sample(id="2", input="2+2?"),
    Prediction(sample_id="1", output="A", finish_reason="length", usage=Usage(prompt_tokens=3), logprobs=(-0.5,)),
    Score(name="exact", value=1.0, by="exact_match", why="equal"),
    Annotation(subject="a", schema="s", value={"label": [1, 2]}, annotator="li", version=2),
    Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=1, cost=0.01, currency="CNY"),
]


@pytest.mark.parametrize("record", EVERY, ids=lambda record: type(record).__name__)
def test_a_record_survives_json_unchanged(record: Any) -> None:
    written = msgspec.json.encode(record)
    assert msgspec.json.decode(written, type=type(record)) == record
    assert msgspec.json.encode(msgspec.json.decode(written, type=type(record))) == written


@pytest.mark.parametrize("record", EVERY, ids=lambda record: type(record).__name__)
def test_a_record_cannot_be_changed(record: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(record, record.__struct_fields__[0], None)


def test_every_exported_record_is_in_the_round_trip() -> None:
    structs = {each for each in vars(records).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)}
    seen = {type(each) for each in EVERY} | {Span, Box, Message, Tool, StepStamp, ArtifactFile}
    assert {each.__name__ for each in structs - seen - set(get_args(records.Part))} == set()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Message, b'{"role":"wizard","parts":[]}'),
        (Message, b'{"role":"user","parts":[{"kind":"video","uri":"a"}]}'),
        (Block, b'{"kind":"para"}'),
        (Artifact, b'{"id":"a","kind":"rumours","format_version":1,"files":[]}'),
        (Prediction, b'{"sample_id":"1","output":"A","finish_reason":"bored"}'),
        (Span, b'{"start":"0","end":1}'),
    ],
    ids=["role", "part", "missing field", "artifact kind", "finish reason", "type"],
)
def test_a_record_refuses_what_it_is_not(kind: type, text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=kind)


def test_message_text_joins_text_parts_and_leaves_out_the_rest() -> None:
    message = Message(
        role="assistant", parts=(ReasoningPart(text="hm"), TextPart(text="一"), CALL, TextPart(text="二"))
    )
    assert message.text == "一二"


@given(st.lists(st.text(max_size=20), max_size=8))
def test_block_starts_point_at_the_blocks_in_the_markdown(texts: list[str]) -> None:
    document = Document(id="d", source=SOURCE, blocks=tuple(Block(kind="para", markdown=text) for text in texts))
    starts = document.block_starts()
    cut = [document.markdown[at : at + len(text)] for at, text in zip(starts, texts, strict=True)]
    assert cut == texts


@given(st.text(max_size=50), st.integers(0, 50), st.integers(0, 50))
def test_span_cuts_what_a_slice_cuts(text: str, start: int, end: int) -> None:
    assert Span(start=start, end=end).cut(text) == text[start:end]


def test_spans_sort_by_place() -> None:
    late, early = Span(start=5, end=6), Span(start=1, end=9)
    assert sorted([late, early]) == [early, late]


@pytest.mark.parametrize(
    ("left", "right", "cost"),
    [(None, None, None), (0.5, None, 0.5), (None, 0.25, 0.25), (0.5, 0.25, 0.75), (0.0, None, 0.0)],
)
def test_usage_adds_tokens_and_keeps_an_unknown_price_unknown(
    left: float | None, right: float | None, cost: float | None
) -> None:
    total = Usage(prompt_tokens=1, cost=left, currency="USD") + Usage(completion_tokens=2, cached_tokens=3, cost=right)
    assert total == Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=3, cost=cost, currency="USD")


def test_artifact_kinds_are_the_twelve_of_the_vocabulary() -> None:
    assert len(ARTIFACT_KINDS) == len(set(ARTIFACT_KINDS)) == 12
