"""The nouns every room shares: frozen msgspec records without behaviour beyond their own fields."""

from lianlu.records.artifact import ARTIFACT_KINDS, Artifact, ArtifactFile, ArtifactKind, Ref, StepStamp
from lianlu.records.conversation import (
    AudioPart,
    Conversation,
    FilePart,
    ImagePart,
    Message,
    Part,
    Preference,
    ReasoningPart,
    Role,
    TextPart,
    Tool,
    ToolCallPart,
    ToolResultPart,
    assistant,
    system,
    user,
)
from lianlu.records.document import Block, BlockKind, Box, Chunk, Document, Failure, Source
from lianlu.records.evaluation import Annotation, FinishReason, Prediction, Sample, Score
from lianlu.records.text import Span
from lianlu.records.usage import Usage

__all__ = [
    "ARTIFACT_KINDS",
    "Annotation",
    "Artifact",
    "ArtifactFile",
    "ArtifactKind",
    "AudioPart",
    "Block",
    "BlockKind",
    "Box",
    "Chunk",
    "Conversation",
    "Document",
    "Failure",
    "FilePart",
    "FinishReason",
    "ImagePart",
    "Message",
    "Part",
    "Prediction",
    "Preference",
    "ReasoningPart",
    "Ref",
    "Role",
    "Sample",
    "Score",
    "Source",
    "Span",
    "StepStamp",
    "TextPart",
    "Tool",
    "ToolCallPart",
    "ToolResultPart",
    "Usage",
    "assistant",
    "system",
    "user",
]
