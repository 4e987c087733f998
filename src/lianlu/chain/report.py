"""The step `report`: one self-contained page over a run, put together from what each kind of artifact shows of itself.

Knows no kind: sections come from the registry group `page`; what has no page there is listed by its files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lianlu.chain.plan import RUN_INPUT
from lianlu.core import registry
from lianlu.core.files import Files, write_bytes
from lianlu.core.i18n import Text, language
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import ANY, Step, Summary
from lianlu.page import (
    Edge,
    Fact,
    Facts,
    Graph,
    Node,
    Page,
    Section,
    SectionContext,
    Table,
    Timing,
    Timings,
    Tone,
    render,
)
from lianlu.records import Artifact

__all__ = ["REPORT", "Report", "ReportRecipe"]

_SHORT_ID = 12
_TONES: dict[str, Tone] = {"documents": "accent", "predictions": "good", "scores": "good", "report": "neutral"}


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    id: str
    name: str


class _StepSoFar(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    uses: str
    seconds: float
    cached: bool
    artifacts: tuple[_Made, ...] = ()
    summary: dict[str, Any] = {}


class _RunSoFar(msgspec.Struct, frozen=True, kw_only=True):
    """What `run.json` says; see `chain.run`."""

    run: str
    chain: str
    title: dict[str, str]
    seconds: float
    steps: tuple[_StepSoFar, ...]
    artifacts: tuple[Artifact, ...]


class ReportRecipe(Recipe):
    """Settings of the report."""


class Report(Step):
    """A page over everything it is given, with timings and lineage of the run."""

    name = "report"
    version = 1
    recipe = ReportRecipe
    inputs: Mapping[str, str] = {f"{RUN_INPUT}?": "run", ANY: ANY}
    outputs: Mapping[str, str] = {"report": "report"}
    found_in = ("page",)
    volatile = True

    def run(self, recipe: ReportRecipe, inputs: Mapping[str, Files], job: Job) -> Summary:  # noqa: ARG002 - no settings yet
        run = msgspec.json.decode(inputs[RUN_INPUT]["run.json"].read_bytes(), type=_RunSoFar)
        shown = {name: files for name, files in inputs.items() if name != RUN_INPUT}
        sections = [_overview(run)]
        sections += [_section(name, files, shown, run) for name, files in job.track(shown.items(), "sections")]
        sections += [_timings(run), _lineage(run)]
        title = Text(run.title.get("en", run.chain), run.title.get("zh", run.chain))
        footer = Text(f"run {run.run} · made by lianlu", f"运行 {run.run} · 由 lianlu 生成")
        page = Page(title=title, subtitle=f"{run.chain} · {run.run}", sections=sections, footer=footer)
        write_bytes(job.folder("report") / "report.html", render(page, language()).encode())
        return {"sections": len(sections)}


def _overview(run: _RunSoFar) -> Section:
    cached = sum(step.cached for step in run.steps)
    facts = [
        Fact(Text("steps", "步骤"), len(run.steps), Text(f"{cached} from the cache", f"{cached} 个来自缓存")),
        Fact(Text("seconds", "秒"), round(run.seconds, 1)),
        Fact(Text("artifacts", "产物"), len(run.artifacts)),
        Fact(Text("source files", "来源文件"), len(_sources(run.artifacts))),
    ]
    answers = [answer for step in run.steps for answer in _answers(step.summary)]
    if answers:
        found = sum(bool(answer["found"]) for answer in answers)
        note = Text(f"of {len(answers)} questions", f"共 {len(answers)} 个问题")
        facts.insert(0, Fact(Text("answered", "已回答"), found, note))
    return Section(title=Text("Overview", "概览"), id="overview", parts=[Facts(facts)])


def _answers(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a step that answers questions says of them; any other step may mean something else by the word."""
    answers = summary.get("answers")
    return [each for each in answers if isinstance(each, dict) and "found" in each] if isinstance(answers, list) else []


def _section(name: str, files: Files, shown: Mapping[str, Files], run: _RunSoFar) -> Section:
    manifest = next(each for each in run.artifacts if each.id == files.artifact_id)
    maker = next((step for step in run.steps if any(made.id == files.artifact_id for made in step.artifacts)), None)
    if files.kind not in registry.names("page"):
        rows = [(file.name, file.size, file.sha256) for file in manifest.files]
        table = Table([Text("file", "文件"), Text("bytes", "字节"), "sha256"], rows)
        return Section(title=f"{name} · {files.kind}", id=name, parts=[table])
    context = SectionContext(
        artifact=manifest,
        summary=maker.summary if maker else {},
        step=maker.name if maker else "",
        inputs={other: each for other, each in shown.items() if other != name},
    )
    return registry.find("page", files.kind)(files, context)


def _timings(run: _RunSoFar) -> Section:
    steps = [Timing(step.name, step.seconds, step.cached, step.uses) for step in run.steps]
    return Section(title=Text("Time", "用时"), id="time", parts=[Timings(steps)])


def _lineage(run: _RunSoFar) -> Section:
    names = {made.id: step.name for step in run.steps for made in step.artifacts}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for artifact in run.artifacts:
        nodes.append(
            Node(
                id=artifact.id,
                name=names.get(artifact.id, artifact.id),
                kind=artifact.kind,
                detail=artifact.id[:_SHORT_ID],
                tone=_TONES.get(artifact.kind, "neutral"),
            )
        )
        edges += [Edge(parent, artifact.id) for parent in artifact.parents]
        if artifact.sources:
            origin = f"sources-{artifact.id}"
            count = len(artifact.sources)
            nodes.insert(
                0, Node(id=origin, name=_origin_name(artifact), kind=Text("files", "文件"), detail=f"{count} files")
            )
            edges.append(Edge(origin, artifact.id))
    sources = _sources(run.artifacts)
    table = Table(
        [Text("source file", "来源文件"), Text("bytes", "字节"), "sha256"],
        [(uri, size, sha256) for uri, size, sha256 in sources],
        title=Text("Everything here was made from these files", "以上内容均来自这些文件"),
    )
    intro = Text(
        "Which artifact was made from which. `lianlu store why ID` shows the same, checked against the disk.",
        "产物之间的来源关系。运行 `lianlu store why ID` 可看到同样的内容，并与磁盘核对。",
    )
    graph = Graph(title=Text("Lineage", "血缘"), nodes=nodes, edges=edges)
    return Section(title=Text("Lineage", "血缘"), id="lineage", parts=[graph, table], intro=intro)


def _origin_name(artifact: Artifact) -> str:
    if len(artifact.sources) == 1:
        return artifact.sources[0].uri.rsplit("/", 1)[-1]
    return artifact.sources_root.rsplit("/", 1)[-1] or "files"


def _sources(artifacts: Sequence[Artifact]) -> list[tuple[str, int, str]]:
    found = {(source.uri, source.size, source.sha256) for artifact in artifacts for source in artifact.sources}
    return sorted(found)


REPORT = Report()
