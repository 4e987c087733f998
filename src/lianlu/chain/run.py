"""Run a plan: for each step find its key, take it from the store or do the work, keep what it made.

Nothing a step makes is visible before it is whole: outputs are written into a workspace, moved into the store, and only
then is the step recorded as finished. A run that is killed is run again, and finished steps are found by their keys. Two
runs on one store wait for each other only where they do the same work.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from lianlu.chain.isolate import run_isolated
from lianlu.chain.key import Outside, StepKey, read_outside, step_key
from lianlu.chain.plan import (
    RUN_INPUT,
    Plan,
    PlannedService,
    PlannedStep,
    Source,
    check_kind,
    needed_by,
    plan_chain,
)
from lianlu.chain.result import MadeArtifact, RunResult, StepResult
from lianlu.chain.service import Services
from lianlu.core.errors import BackendError, UsageError
from lianlu.core.events import Event, JsonLinesSink, Sink
from lianlu.core.files import Files, as_lianlu_error, is_disk_full, write_bytes, writing
from lianlu.core.i18n import Text, suggest
from lianlu.core.job import Job
from lianlu.core.settings import Settings
from lianlu.core.step import PathInput, Summary
from lianlu.records import Artifact, StepStamp
from lianlu.store import StepRecord, Store, open_store

__all__ = ["run_chain", "run_plan"]

_FORMAT_VERSION = 1


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
        if any(source.step in forced for source in needed_by(step, plan.services)):
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
        self._given: dict[str, Artifact] = {}
        self._made: dict[str, dict[str, str]] = {}
        self._results: list[StepResult] = []
        self._began = time.monotonic()

    # -- before anything ---------------------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Find what is missing before any work: artifacts of the store, files that a later step will read.

        What a ref means is settled here for the whole run, whatever other runs do meanwhile.
        """
        for planned in self._plan.steps:
            for name, source in planned.inputs.items():
                if source.ref:
                    artifact = self._store.get(source.ref)
                    at = self._plan.tree.at(("steps", planned.name, "inputs", name))
                    check_kind(planned, name, artifact.kind, at)
                    self._store.files(artifact)
                    self._given[source.ref] = artifact
            for service in planned.services:
                for source in self._plan.services[service].inputs.values():
                    if source.ref:
                        self._given[source.ref] = self._store.get(source.ref)
            for each in planned.step.outside(planned.recipe):
                if isinstance(each, PathInput) and not each.path.exists():
                    raise UsageError("file.missing", path=str(each.path))

    # -- what would be done ------------------------------------------------------------------------------------------

    def foresee(self) -> RunResult:
        """Look every step up without doing any: a step behind one that would run is planned too."""
        self._look_ahead()
        for planned in self._plan.steps:
            record = None
            if planned.name not in self._forced and all(
                source.ref or source.step in self._made for source in needed_by(planned, self._plan.services)
            ):
                services = self._services_of(planned)
                key = self._key(planned, read_outside(planned, services), services)
                record = self._store.finished_step(key.key)
            if record is not None:
                self._take(planned, record, seconds=0.0, cached=True)
            else:
                self._results.append(
                    StepResult(name=planned.name, uses=planned.step.name, state="planned", seconds=0.0, cached=False)
                )
        return msgspec.structs.replace(self._result({}), run="")

    # -- doing it ----------------------------------------------------------------------------------------------------

    def run(self, out: Path, sink: Sink | None) -> RunResult:
        self._look_ahead()
        if self._plan.recipe.results:
            _check_writable(out)
        folder = self._store.run_folder(self._run_id)
        write_bytes(folder / "recipe.yaml", _as_yaml(self._plan))
        log = JsonLinesSink(folder / "events.jsonl")
        job = Job(self._plan.recipe.name, _both(log, sink), seed=self._seed)
        try:
            with (
                self._store.in_use(),
                job.reported(meta={"run": self._run_id}),
                Services(self._plan.services, folder, self._environment()) as services,
            ):
                for planned in self._plan.steps:
                    self._step(planned, job, services)
                results = self._shown(out)
        finally:
            log.close()
        result = self._result(results)
        write_bytes(folder / "run.json", msgspec.json.encode(result))
        return result

    def _environment(self) -> dict[str, str]:
        """What services see: artifacts by their ids are in the store of this run."""
        return {**os.environ, "LIANLU_STORE": str(self._store.root.absolute())}

    def _services_of(self, planned: PlannedStep) -> dict[str, PlannedService]:
        """The services, those that the step uses with the artifacts they work with."""
        found = dict(self._plan.services)
        for name in planned.services:
            inputs = found[name].inputs.items()
            found[name] = found[name].with_artifacts({key: self._artifact_of(source).id for key, source in inputs})
        return found

    def _step(self, planned: PlannedStep, job: Job, running: Services) -> None:
        job.check()
        services = self._services_of(planned)
        outside = read_outside(planned, services)
        key = self._key(planned, outside, services)
        began = time.monotonic()
        waiting = Text(
            f"another run is at work on {planned.name}; waiting for it",
            f"另一个运行正在执行 {planned.name}，等待其完成",
        )
        with self._store.lock(f"step-{key.key}", on_wait=lambda: job.note(waiting, "warning")):
            record = None if planned.name in self._forced else self._store.finished_step(key.key)
            cached = record is not None
            if record is None:
                for name in planned.services:
                    running.start(services[name], job)
                behind = [each for name in planned.services for each in services[name].artifacts.values()]
                record = self._work(planned, key, outside, behind, job)
            else:
                job.passed(planned.name, "cached")
        self._take(planned, record, seconds=time.monotonic() - began, cached=cached)
        self._name_artifacts(planned, record, job)

    def _key(self, planned: PlannedStep, outside: Outside, services: Mapping[str, PlannedService]) -> StepKey:
        inputs = {name: self._artifact_of(source).id for name, source in planned.inputs.items()}
        return step_key(
            planned,
            inputs,
            outside,
            services,
            seed=self._seed,
            threads=self._threads,
            run_id=self._run_id,
        )

    def _artifact_of(self, source: Source) -> Artifact:
        if source.ref:
            return self._given[source.ref]
        outputs = self._made[source.step]
        return self._store.get(outputs[source.output] if source.output else next(iter(outputs.values())))

    def _work(
        self, planned: PlannedStep, key: StepKey, outside: Outside, behind: Sequence[str], job: Job
    ) -> StepRecord:
        """Do the work of a step. `behind` are the artifacts of its services: what it makes comes from them too."""
        if not self._resume:
            self._store.drop_scratch(key.key)
        artifacts = {name: self._artifact_of(source) for name, source in planned.inputs.items()}
        inputs = {name: self._store.files(artifact) for name, artifact in artifacts.items()}
        scratch = self._store.scratch(key.key)
        with self._store.workspace() as workspace:
            if RUN_INPUT in {name.rstrip("?") for name in planned.step.inputs}:
                inputs[RUN_INPUT] = self._so_far(artifacts.values(), workspace / ".run.json")
            outputs = workspace / "outputs"
            outputs.mkdir()
            with job.child(planned.name, meta={"step": planned.step.name}, outputs=outputs, scratch=scratch) as child:
                if planned.isolate:
                    summary = run_isolated(
                        planned.step, planned.recipe, inputs, child, outputs=outputs, scratch=scratch
                    )
                else:
                    summary = _run_step(planned, inputs, child, outputs)
                parents = [*(each.id for each in artifacts.values()), *behind]
                record = self._keep(planned, key, outside, parents, outputs, summary)
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
        self._check_results(planned, record.summary)
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
            self._store.set_ref(name, artifact_id)
            job.made(planned.step.outputs[output], artifact_id, name)

    def _so_far(self, inputs: Iterable[Artifact], path: Path) -> Files:
        """`run.json` for a step that reports on the run: the steps done, their artifacts, and what these came from."""
        content = {
            "run": self._run_id,
            "chain": self._plan.recipe.name,
            "title": self._plan.recipe.title,
            "seconds": round(time.monotonic() - self._began, 3),
            "steps": self._results,
            "artifacts": self._with_parents(
                [*(made.id for result in self._results for made in result.artifacts), *(each.id for each in inputs)]
            ),
        }
        path.write_bytes(msgspec.json.encode(content))
        return Files({"run.json": path}, kind="run")

    def _with_parents(self, ids: Sequence[str]) -> list[Artifact]:
        """The manifests of these artifacts and of all that they were made from, each once."""
        found: dict[str, Artifact] = {}
        waiting = list(ids)
        while waiting:
            artifact_id = waiting.pop(0)
            if artifact_id not in found:
                found[artifact_id] = self._store.get(artifact_id)
                waiting += found[artifact_id].parents
        return list(found.values())

    # -- what to show ------------------------------------------------------------------------------------------------

    def _check_results(self, planned: PlannedStep, summary: Mapping[str, Any]) -> None:
        """A result that this step should have made is missed now, not after hours of further steps."""
        for name, target in self._plan.recipe.results.items():
            step, _, key = target.partition(".")
            if step == planned.name and key and key not in summary and key not in planned.step.outputs:
                at = self._plan.tree.at(("results", name))
                known = ", ".join([step, *(f"{step}.{each}" for each in (*planned.step.outputs, *summary))])
                raise UsageError("chain.unknown-result", at=at, name=name, target=target, known=known)

    def _shown(self, out: Path) -> dict[str, Any]:
        """The chain's `results:`: keys of summaries as they are, artifacts as files below `out`."""
        summaries = {result.name: result.summary for result in self._results}
        shown: dict[str, Any] = {}
        for name, target in self._plan.recipe.results.items():
            step, _, key = target.partition(".")
            if key in summaries[step]:
                shown[name] = summaries[step][key]
            else:
                shown[name] = self._write_out(self._artifact_of(Source(step=step, output=key)), out / name)
        return shown

    def _write_out(self, artifact: Artifact, place: Path) -> str:
        """One file is written as `<result>.<ending>`, several as a folder `<result>/`: results never meet."""
        files = self._store.files(artifact)
        if len(files) == 1:
            place = place.with_name(place.name + Path(next(iter(files))).suffix)
        elif not files:
            place.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            with writing(place if len(files) == 1 else place / name) as copy, path.open("rb") as original:
                shutil.copyfileobj(original, copy)
        return str(place)

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


def _check_writable(out: Path) -> None:
    """Miss a place for the results before the work rather than after it; nothing is made yet."""
    above = next(each for each in (out, *out.absolute().parents) if each.exists())
    if not above.is_dir():
        raise UsageError("file.unwritable", path=str(out), why=os.strerror(errno.ENOTDIR))
    if not os.access(above, os.W_OK | os.X_OK):
        raise UsageError("file.unwritable", path=str(out), why=os.strerror(errno.EACCES))


def _as_yaml(plan: Plan) -> bytes:
    from io import BytesIO

    from ruamel.yaml import YAML

    buffer = BytesIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(plan.tree.values, buffer)
    return buffer.getvalue()


def _both(first: Sink, second: Sink | None) -> Sink:
    def send(event: Event) -> None:
        first(event)
        if second is not None:
            second(event)

    return send
