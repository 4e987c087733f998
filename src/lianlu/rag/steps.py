"""The steps `rag.build` and `rag.ask`: in a chain a knowledge base is an immutable snapshot, answered from as it stands.

`index.sqlite` is the base, `index.lexical` and `index.vectors` are its indexes; all are bytes of the documents, the
recipe and the embedder alone.
`answers.jsonl` has one Answer a line, in the order of the questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, field_validator

from lianlu.core import aio
from lianlu.core.errors import DataError
from lianlu.core.files import Files, write_bytes
from lianlu.core.hashing import canonical_json
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import ModelInput, Outside, Step, Summary
from lianlu.rag.answer import Answer
from lianlu.rag.asking import ask_base
from lianlu.rag.base import CACHE, KnowledgeBase
from lianlu.rag.calibration import LanguageWeight
from lianlu.rag.config import BaseConfig
from lianlu.rag.embedding import Prepared, Space
from lianlu.rag.intake import prepared
from lianlu.rag.lexical import save_lexical
from lianlu.rag.probing import weights_of
from lianlu.rag.truth import write_snapshot
from lianlu.rag.vectors import save_vectors
from lianlu.records import Failure
from lianlu.text.documents import load_documents, load_failures

__all__ = ["ANSWERS", "ASK", "BUILD", "INDEX", "RagAsk", "RagAskRecipe", "RagBuild", "RagBuildRecipe", "open_index"]

INDEX = "index.sqlite"
_REQUESTS = "requests.sqlite"
_LEXICAL = "index.lexical"
_VECTORS = "index.vectors"
ANSWERS = "answers.jsonl"
_PROMPT = "prompt.md"


class RagBuildRecipe(Recipe):
    """How documents are cut, and which models find them."""

    size: int = Field(default=400, ge=20, le=100_000, description="size of a chunk, in Chinese characters")
    smallest: int = Field(default=40, ge=0, description="a section smaller than this joins the next one")
    embed: str | None = Field(
        default=None, description="ModelRef that turns texts into vectors; null searches by words"
    )
    rerank: str | None = Field(default=None, description="ModelRef that orders the best passages anew; null leaves it")


class RagBuild(Step):
    """Documents in, a knowledge base out."""

    name = "rag.build"
    version = 2
    recipe = RagBuildRecipe
    inputs: Mapping[str, str] = {"documents": "documents"}
    outputs: Mapping[str, str] = {"index": "index"}

    def outside(self, recipe: RagBuildRecipe) -> Iterable[Outside]:
        """The embedder, with its fingerprint if it is pinned. Raises UsageError llm.*."""
        if recipe.embed is not None:
            yield ModelInput(recipe.embed, _fingerprint(recipe.embed))

    def run(self, recipe: RagBuildRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `index`.

        Raises:
            DataError: text.no-documents, text.documents-broken
            LimitError: file.disk-full
        """
        config = BaseConfig(size=recipe.size, smallest=recipe.smallest, embed=recipe.embed, rerank=recipe.rerank)
        documents = [(0, each) for each in load_documents(inputs["documents"])]
        cache = job.scratch / CACHE if job.scratch is not None else None
        ready, space = prepared(documents, config, cache, job)
        folder = job.folder("index")
        failures = load_failures(inputs["documents"])
        _write(folder / INDEX, ready, failures, config, space)
        if space is not None:
            with KnowledgeBase.open_snapshot(folder / INDEX) as base:
                weights = aio.run(lambda: weights_of(base, space), job)
            _write(folder / INDEX, ready, failures, config, space, weights)
        with KnowledgeBase.open_snapshot(folder / INDEX) as base:
            save_lexical(folder / _LEXICAL, base.index, *base.truth.state())
            if space is not None and base.vectors is not None:
                save_vectors(folder / _VECTORS, base.vectors.pieces, *base.truth.state(), space.id)
            status = base.status()
        return {
            "documents": status.documents,
            "chunks": status.chunks,
            "languages": status.languages,
            "failed": len(status.failures),
        }


class RagAskRecipe(Recipe):
    """What to ask, and who answers."""

    questions: list[str] = Field(min_length=1, description="the questions; one may stand without brackets")
    model: str | None = Field(
        default=None, description="ModelRef that writes the answers; null quotes sentences instead"
    )
    top: int = Field(default=5, ge=1, le=100, description="how many passages a model is given")

    @field_validator("questions", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class RagAsk(Step):
    """A knowledge base and questions in, cited answers out."""

    name = "rag.ask"
    version = 1
    recipe = RagAskRecipe
    inputs: Mapping[str, str] = {"index": "index", "prompt?": "prompt"}
    outputs: Mapping[str, str] = {"answers": "predictions"}

    def outside(self, recipe: RagAskRecipe) -> Iterable[Outside]:
        """The model, with its fingerprint if it is pinned. Raises UsageError llm.*."""
        if recipe.model is not None:
            yield ModelInput(recipe.model, _fingerprint(recipe.model))

    def run(self, recipe: RagAskRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:
        """Fill `answers`.

        Raises:
            UsageError: rag.empty-question, rag.long-question, llm.*
            DataError: rag.no-index, rag.corrupt
            BackendError: the model failed
        """
        instructions = _instructions(inputs.get("prompt"))
        scratch = job.scratch  # a killed run does not pay for its answers again
        requests = scratch / _REQUESTS if scratch is not None else None
        with open_index(inputs["index"]) as base:
            answers = [
                ask_base(
                    base,
                    question,
                    model=recipe.model,
                    top=recipe.top,
                    instructions=instructions,
                    job=job,
                    requests=requests,
                )
                for question in job.track(recipe.questions, "questions")
            ]
        lines = b"".join(msgspec.json.encode(answer, order="deterministic") + b"\n" for answer in answers)
        write_bytes(job.folder("answers") / ANSWERS, lines)
        return {"answers": [_shown(answer) for answer in answers], "found": sum(answer.found for answer in answers)}


def open_index(files: Files) -> KnowledgeBase:
    """Open an `index` artifact.

    Raises:
        DataError: rag.no-index, rag.corrupt, rag.format
    """
    if INDEX not in files:
        raise DataError("rag.no-index", kind=files.kind, file=INDEX)
    return KnowledgeBase.open_snapshot(files[INDEX], lexical=files.get(_LEXICAL), vectors=files.get(_VECTORS))


def _write(
    path: Path,
    ready: Sequence[Prepared],
    failures: Sequence[Failure],
    config: BaseConfig,
    space: Space | None,
    weights: Mapping[str, LanguageWeight] | None = None,
) -> None:
    meta = {"space": canonical_json(space).decode()} if space else {}
    if weights:
        meta["weights"] = canonical_json(weights).decode()
    documents = [(each.document, each.chunks) for each in ready]
    vectors = [each.vectors for each in ready]
    write_snapshot(path, documents, failures, canonical_json(config).decode(), vectors=vectors, meta=meta)


def _instructions(prompt: Files | None) -> str:
    if prompt is None:
        return ""
    if _PROMPT not in prompt:
        raise DataError("rag.no-prompt", file=_PROMPT)
    return Path(prompt[_PROMPT]).read_text(encoding="utf-8")


def _fingerprint(ref: str) -> str | None:
    async def main() -> str | None:
        from lianlu.llm import open_backend

        async with open_backend(ref) as backend:
            return (await backend.identity()).fingerprint

    return aio.run(main)


def _shown(answer: Answer) -> dict[str, Any]:
    """An answer for the run's JSON: without the contexts, which stand in answers.jsonl."""
    shown: dict[str, Any] = msgspec.to_builtins(answer)
    for citation in shown.get("citations", ()):
        citation.pop("context", None)
        citation.pop("context_start", None)
    shown["nearest"] = [passage["uri"] for passage in shown.get("nearest", ())]
    return {"citations": [], "dropped": [], **shown}


BUILD = RagBuild()
ASK = RagAsk()
