"""Make the files of a Space in an empty folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from lianlu.cli.space.models import CONFIG, Carried, carry, carry_service, write_endpoints
from lianlu.cli.space.needs import requirements
from lianlu.cli.space.plan import SpacePlan
from lianlu.cli.space.snapshot import BASE, write_base
from lianlu.cli.space.static import static_page
from lianlu.cli.space.wheel import write_wheel
from lianlu.cli.space.written import attributes, dockerfile, readme, start_script
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text
from lianlu.core.settings import Settings
from lianlu.rag.base import KnowledgeBase

__all__ = ["make_space"]


@dataclass(frozen=True)
class _Models:
    """What comes along: the embedder and the reranker of the base, and the model that answers."""

    embed: Carried | None
    rerank: Carried | None
    answers: Carried | None

    @property
    def all(self) -> list[Carried]:
        return [each for each in (self.embed, self.rerank, self.answers) if each is not None]


def make_space(base: KnowledgeBase, plan: SpacePlan, draft: Path, settings: Settings) -> list[Text]:
    """Write all files of the Space; gives what its owner should know.

    Raises:
        UsageError: cli.space-empty, cli.space-model-stays, cli.space-not-installed, extra.missing, llm.*, engine.*
        LimitError: cli.space-too-large, file.disk-full
        DataError: rag.corrupt, engine.*
    """
    status = base.status()
    if not status.chunks:
        raise UsageError("cli.space-empty", name=plan.base)
    facts = {"documents": status.documents, "chunks": status.chunks}
    if plan.sdk == "static":
        _write(draft, "index.html", static_page(base, plan.shown_title))
        _write(draft, "README.md", readme(plan, facts, ()))
        _write(draft, ".gitattributes", attributes())
        return [_BY_WORDS] if base.config.embed else []
    theirs = () if plan.model else plan.secrets  # a key goes to one service: to that which answers, if there is one
    models = _Models(
        embed=carry(base.config.embed, "embedder", settings, theirs) if base.config.embed else None,
        rerank=carry(base.config.rerank, "reranker", settings, theirs) if base.config.rerank else None,
        answers=carry_service(plan.model, settings, plan.secrets) if plan.model else None,
    )
    _write_models(base, draft, models)
    _write_server(plan, draft, models)
    _write(draft, "README.md", readme(plan, facts, models.answers.keys if models.answers else ()))
    _write(draft, ".gitattributes", attributes())
    return _notes(plan, models)


def _write_models(base: KnowledgeBase, draft: Path, models: _Models) -> None:
    config = msgspec.structs.replace(
        base.config,
        embed=models.embed.ref if models.embed else None,
        rerank=models.rerank.ref if models.rerank else None,
    )
    write_base(base, draft / BASE, config)
    known = {name: endpoint for each in models.all for name, endpoint in each.endpoints.items()}
    if known:
        write_endpoints(draft / CONFIG, known)
    for each in models.all:
        each.copy_into(draft)


def _write_server(plan: SpacePlan, draft: Path, models: _Models) -> None:
    wheel = write_wheel(draft / "wheels").name
    extras = {"web", *(extra for each in models.all for extra in each.extras)}
    packages = [package for each in models.all for package in each.packages]
    is_docker = plan.sdk == "docker"
    lines = requirements(extras, packages, are_pinned=is_docker)
    _write(draft, "requirements.txt", "".join(f"{line}\n" for line in lines))
    told = replace(plan, model=models.answers.ref if models.answers else "")
    if is_docker:
        _write(draft, "Dockerfile", dockerfile(told, BASE, wheel))
    else:
        _write(draft, "app.py", start_script(told, BASE, wheel))


def _write(draft: Path, name: str, text: str) -> None:
    write_bytes(draft / name, text.encode())


def _notes(plan: SpacePlan, models: _Models) -> list[Text]:
    notes: list[Text] = []
    keys = sorted({key for each in models.all for key in each.keys})
    if keys and not set(keys) & set(plan.secrets):
        listed = " / ".join(keys)
        notes.append(
            Text(
                f"the Space asks a service for whose key it has no secret: give `--secret {keys[0]}`, or set {listed} in its"
                " Settings",
                f"Space 要访问的服务需要密钥，但没有对应的 secret：请加 `--secret {keys[0]}`，或在其 Settings 中设置 {listed}",
            )
        )
    if models.answers is not None and not keys:
        notes.append(
            Text(
                "no key goes along; if the service wants one, `export API_KEY=…` and add `--secret API_KEY`",
                "没有带上密钥；若该服务需要密钥，请先 `export API_KEY=…`，再加 `--secret API_KEY`",
            )
        )
    if any("torch" in each.extras for each in models.all):
        notes.append(
            Text(
                "the embedder needs PyTorch there, a large download at each build; one with an ONNX file, or of BERT's"
                " family, needs none",
                "该向量模型在 Space 中需要 PyTorch，每次构建都要下载很大的包；带 ONNX 文件或 BERT 系列的模型则不需要",
            )
        )
    return notes


_BY_WORDS = Text(
    "a static page searches by words alone; the vectors of this base stay here",
    "静态页面只按词检索；该知识库的向量不会带上",
)
