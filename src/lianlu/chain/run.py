"""Run a plan: for each step find its key, take it from the store or do the work, keep what it made.

Nothing a step makes is visible before it is whole: outputs are written into a workspace, moved into the store, and only
then is the step recorded as finished. A run that is killed is run again, and finished steps are found by their keys. Two
runs on one store wait for each other only where they do the same work.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lianlu.chain.child import run_isolated
from lianlu.chain.key import Outside, StepKey, read_outside, step_key
from lianlu.chain.plan import RUN_INPUT, Plan, PlannedStep, Source, plan_chain
from lianlu.chain.service import Services
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.events import Event, JsonLinesSink, Sink
from lianlu.core.files import Files, as_lianlu_error, is_disk_full, write_bytes
from lianlu.core.i18n import Text, suggest
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.core.step import Summary
from lianlu.records import Artifact, StepStamp
from lianlu.store import StepRecord, Store, open_store

__all__ = ["MadeArtifact", "RunResult", "StepResult", "run_chain", "run_plan"]

_FORMAT_VERSION = 1


class MadeArtifact(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact of a step, as the run's JSON shows it."""

    kind: str
    id: str
    name: str


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step. `state` is planned only in a dry run, for work that would be done."""

    name: str
    uses: str
    state: str
    seconds: float
    cached: bool
    artifacts: tuple[MadeArtifact, ...] = ()
    summary: dict[str, Any] = {}


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run. `results` holds what the chain's `results:` names."""

    run: str
    chain: str
    store: str
    seconds: float
    steps: tuple[StepResult, ...]
    results: dict[str, Any] = {}

    def as_json(self) -> dict[str, Any]:
        """The object `lianlu run --json` prints: the results stand at the top level."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return {**{key: value for key, value in built.items() if key != "results"}, **built["results"]}


def run_chain(
    chain: str,
    overrides: Sequence[str] = (),
    *,
    store: Store | Path | None = None,
    out: Path | None = None,
    from_step: str | None = None,
    seed: int = 0,
    resume: bool = True,
    dry_run: bool = False,
    sink: Sink | None = None,
) -> RunResult:
    """Run a chain file, or a shipped recipe by name.

    Args:
        overrides: `key=value`, as on the command line.
        out: folder for the files that `results:` names; default ./out/<chain>.
        from_step: do this step and all that need it again, even if the store has them.
        dry_run: only say which steps would run.

    Raises:
        UsageError: the recipe does not fit together, see `plan_chain`
        LianluError: what a step raised; finished steps are kept
    """
    plan = plan_chain(chain, overrides)
    opened = store if isinstance(store, Store) else open_store(store)
    return run_plan(plan, opened, out=out, from_step=from_step, seed=seed, resume=resume, dry_run=dry_run, sink=sink)


def run_plan(
    plan: Plan,
    store: Store,
    *,
    out: Path | None = None,
    from_step: str | None = None,
    seed: int = 0,
    resume: bool = True,
    dry_run: bool = False,
    sink: Sink | None = None,
) -> RunResult:
    """The same for a plan at hand."""
    names = [step.name for step in plan.steps]
    if from_step is not None and from_step not in names:
        raise UsageError(
            "chain.unknown-step", at=plan.tree.origin, name=from_step, suggestion=suggest(from_step, names)
        )
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    runner = _Runner(plan, store, run_id, _forced(plan, from_step), seed=seed, resume=resume)
    if dry_run:
        return runner.foresee()
    return runner.run(out or Path("out") / plan.recipe.name, sink)


def _forced(plan: Plan, from_step: str | None) -> frozenset[str]:
    """`from_step` and every step that needs it, directly or not."""
    forced: set[str] = {from_step} if from_step else set()
    for step in plan.steps:
        if any(source.step in forced for source in step.inputs.values()):
            forced.add(step.name)
    return frozenset(forced)


class _Runner:
    """The state of one run: which artifact stands for which output so far."""

    def __init__(
        self, plan: Plan, store: Store, run_id: str, forced: frozenset[str], *, seed: int, resume: bool
    ) -> None:
        self._plan = plan
        self._store = store
        self._run_id = run_id
        self._forced = forced
        self._seed = seed
        self._resume = resume
        self._threads = Settings.from_environment().threads
        self._made: dict[str, dict[str, str]] = {}
        self._results: list[StepResult] = []
        self._began = time.monotonic()

    # -- what would be done ------------------------------------------------------------------------------------------

    def foresee(self) -> RunResult:
        """Look every step up without doing any: a step behind one that would run is planned too."""
        for planned in self._plan.steps:
            record = None
            if planned.name not in self._forced and all(
                source.ref or source.step in self._made for source in planned.inputs.values()
            ):
                key = self._key(planned, read_outside(planned, self._plan.services))
                record = self._store.finished_step(key.key)
            if record is not None:
                self._take(planned, record, seconds=0.0, cached=True)
            else:
                self._results.append(
                    StepResult(name=planned.name, uses=planned.step.name, state="planned", seconds=0.0, cached=False)
                )
        return self._result({})

    # -- doing it ----------------------------------------------------------------------------------------------------

    def run(self, out: Path, sink: Sink | None) -> RunResult:
        folder = self._store.run_folder(self._run_id)
        write_bytes(folder / "recipe.yaml", _as_yaml(self._plan))
        log = JsonLinesSink(folder / "events.jsonl")
        job = Job(self._plan.recipe.name, _both(log, sink), seed=self._seed)
        try:
            with (
                self._store.in_use(),
                job.reported(meta={"run": self._run_id}),
                Services(self._plan.services, folder) as services,
            ):
                for planned in self._plan.steps:
                    self._step(planned, job, services)
                results = self._shown(out)
        finally:
            log.close()
        result = self._result(results)
        write_bytes(folder / "run.json", msgspec.json.encode(result))
        return result

    def _step(self, planned: PlannedStep, job: Job, services: Services) -> None:
        job.check()
        outside = read_outside(planned, self._plan.services)
        key = self._key(planned, outside)
        began = time.monotonic()
        waiting = Text(
            f"another run is at work on {planned.name}; waiting for it",
            f"另一个运行正在执行 {planned.name}，等待其完成",
        )
        with self._store.lock(f"step-{key.key}", on_wait=lambda: job.note(waiting, "warning")):
            record = None if planned.name in self._forced else self._store.finished_step(key.key)
            cached = record is not None
            if record is None:
                record = self._work(planned, key, outside, job, services)
            else:
                job.passed(planned.name, "cached")
        self._take(planned, record, seconds=time.monotonic() - began, cached=cached)
        self._name_artifacts(planned, record, job)

    def _key(self, planned: PlannedStep, outside: Outside) -> StepKey:
        inputs = {name: self._artifact_of(source).id for name, source in planned.inputs.items()}
        return step_key(
            planned,
            inputs,
            outside,
            self._plan.services,
            seed=self._seed,
            threads=self._threads,
            run_id=self._run_id,
        )

    def _artifact_of(self, source: Source) -> Artifact:
        if source.ref:
            return self._store.get(source.ref)
        outputs = self._made[source.step]
        return self._store.get(outputs[source.output] if source.output else next(iter(outputs.values())))

    def _work(self, planned: PlannedStep, key: StepKey, outside: Outside, job: Job, services: Services) -> StepRecord:
        for name in planned.services:
            services.start(name, job)
        if not self._resume:
            self._store.drop_scratch(key.key)
        artifacts = {name: self._artifact_of(source) for name, source in planned.inputs.items()}
        inputs = {name: self._store.files(artifact) for name, artifact in artifacts.items()}
        scratch = self._store.scratch(key.key)
        with self._store.workspace() as workspace:
            if RUN_INPUT in {name.rstrip("?") for name in planned.step.inputs}:
                inputs[RUN_INPUT] = self._so_far(workspace / ".run.json")
            outputs = workspace / "outputs"
            outputs.mkdir()
            with job.child(planned.name, meta={"step": planned.step.name}, outputs=outputs, scratch=scratch) as child:
                if planned.isolate:
                    summary = run_isolated(
                        planned.step, planned.recipe, inputs, child, outputs=outputs, scratch=scratch
                    )
                else:
                    summary = _run_step(planned, inputs, child, outputs)
                record = self._keep(planned, key, outside, [each.id for each in artifacts.values()], outputs, summary)
        self._store.finish_step(record)
        self._store.drop_scratch(key.key)
        return record

    def _keep(
        self,
        planned: PlannedStep,
        key: StepKey,
        outside: Outside,
        parents: Sequence[str],
        outputs: Path,
        summary: Mapping[str, Any],
    ) -> StepRecord:
        step = planned.step
        made: dict[str, str] = {}
        for output, kind in step.outputs.items():
            if not (outputs / output).is_dir():
                raise BackendError("chain.no-output", step=planned.name, output=output)
            artifact = self._store.put(
                Files.of_folder(outputs / output, kind=kind),
                kind=kind,
                format_version=_FORMAT_VERSION,
                parents=sorted(set(parents)),
                step=StepStamp(name=step.name, version=step.version, key=key.key, output=output, recipe=key.recipe),
                sources=outside.sources,
                sources_root=outside.sources_root,
                volatile=step.volatile,
                move=True,
            )
            made[output] = artifact.id
        return StepRecord(key=key.key, name=step.name, version=step.version, outputs=made, summary=dict(summary))

    def _take(self, planned: PlannedStep, record: StepRecord, *, seconds: float, cached: bool) -> None:
        self._made[planned.name] = dict(record.outputs)
        artifacts = tuple(
            MadeArtifact(kind=planned.step.outputs[output], id=artifact_id, name=self._ref_name(planned, output))
            for output, artifact_id in record.outputs.items()
        )
        self._results.append(
            StepResult(
                name=planned.name,
                uses=planned.step.name,
                state="cached" if cached else "done",
                seconds=round(seconds, 3),
                cached=cached,
                artifacts=artifacts,
                summary=record.summary,
            )
        )

    def _ref_name(self, planned: PlannedStep, output: str) -> str:
        base = f"{self._plan.recipe.name}/{planned.name}"
        return base if len(planned.step.outputs) == 1 else f"{base}.{output}"

    def _name_artifacts(self, planned: PlannedStep, record: StepRecord, job: Job) -> None:
        for output, artifact_id in record.outputs.items():
            name = self._ref_name(planned, output)
            current = self._store.ref(name)
            if current is None or current.artifact_id != artifact_id:
                self._store.set_ref(name, artifact_id)
            job.made(planned.step.outputs[output], artifact_id, name)

    def _so_far(self, path: Path) -> Files:
        """`run.json` for a step that reports on the run: the steps done, their summaries, and the artifacts' parents."""
        manifests = [self._store.get(each.id) for result in self._results for each in result.artifacts]
        content = {
            "run": self._run_id,
            "chain": self._plan.recipe.name,
            "title": self._plan.recipe.title,
            "seconds": round(time.monotonic() - self._began, 3),
            "steps": msgspec.to_builtins(self._results),
            "artifacts": [msgspec.to_builtins(each) for each in manifests],
        }
        path.write_bytes(msgspec.json.encode(content))
        return Files({"run.json": path}, kind="run")

    # -- what to show ------------------------------------------------------------------------------------------------

    def _shown(self, out: Path) -> dict[str, Any]:
        """The chain's `results:`: keys of summaries as they are, artifacts as files below `out`."""
        shown: dict[str, Any] = {}
        for name, target in self._plan.recipe.results.items():
            step, _, key = target.partition(".")
            summary = next(result.summary for result in self._results if result.name == step)
            if key and key in summary:
                shown[name] = summary[key]
            elif not key or key in self._made[step]:
                shown[name] = self._write_out(self._artifact_of(Source(step=step, output=key)), out)
            else:
                at = self._plan.tree.at(("results", name))
                known = ", ".join(f"{step}.{each}" for each in summary)
                raise UsageError("chain.unknown-result", at=at, name=name, target=target, known=known)
        return shown

    def _write_out(self, artifact: Artifact, out: Path) -> str:
        files = self._store.files(artifact)
        for name, path in files.items():
            write_bytes(out / name, path.read_bytes())
        return str(out / next(iter(files))) if len(files) == 1 else str(out)

    def _result(self, results: dict[str, Any]) -> RunResult:
        return RunResult(
            run=self._run_id,
            chain=self._plan.recipe.name,
            store=str(self._store.root),
            seconds=round(time.monotonic() - self._began, 3),
            steps=tuple(self._results),
            results=results,
        )


def _run_step(planned: PlannedStep, inputs: Mapping[str, Files], job: Job, outputs: Path) -> Summary:
    """Run a step here; a disk that fills up while it writes is a limit, whoever wrote."""
    try:
        return planned.step.run(planned.recipe, inputs, job)
    except OSError as error:
        if is_disk_full(error):
            raise as_lianlu_error(error, outputs) from error
        raise


def _as_yaml(plan: Plan) -> bytes:
    from io import BytesIO

    from ruamel.yaml import YAML

    buffer = BytesIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(plan.tree.values, buffer)
    return buffer.getvalue()


def _both(*sinks: Sink | None) -> Sink:
    present: Iterable[Sink] = [sink for sink in sinks if sink is not None]

    def send(event: Event) -> None:
        for sink in present:
            sink(event)

    return send
