"""Small steps for the tests of chains, installed as a plug-in would be: found by entry points, not by the table."""

from __future__ import annotations

import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lianlu.core.errors import BackendError, DataError, LimitError
from lianlu.core.files import Files, walk
from lianlu.core.i18n import Text
from lianlu.core.job import Job
from lianlu.core.recipe import Recipe
from lianlu.core.step import ANY, ModelInput, Outside, PathInput, Step


class ReadRecipe(Recipe):
    folder: str
    suffix: str = ""


class Read(Step):
    """Copies text files, upper-cased."""

    name = "test.read"
    version = 1
    recipe = ReadRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"documents": "documents"}

    def outside(self, recipe: ReadRecipe) -> Iterable[Outside]:
        return (PathInput(Path(recipe.folder)),)

    def run(self, recipe: ReadRecipe, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        out = job.folder("documents")
        paths = walk(Path(recipe.folder))
        for path in job.track(paths, "files"):
            (out / path.name).write_text(path.read_text().upper() + recipe.suffix)
        return {"files": len(paths)}


class JoinRecipe(Recipe):
    separator: str = "\n"
    seconds: float = 0.0
    fail: bool = False
    crash: bool = False
    model: str | None = None
    run_log: str = ""


class Join(Step):
    """Joins all inputs into one file, slowly if asked; writes a line to `run_log` for every real run."""

    name = "test.join"
    version = 1
    recipe = JoinRecipe
    inputs: Mapping[str, str] = {ANY: ANY}
    outputs: Mapping[str, str] = {"joined": "prompt"}

    def outside(self, recipe: JoinRecipe) -> Iterable[Outside]:
        return (ModelInput(recipe.model),) if recipe.model else ()

    def run(self, recipe: JoinRecipe, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        if recipe.run_log:
            with Path(recipe.run_log).open("a") as log:
                log.write(f"{job.name} {os.getpid()}\n")
        out = job.folder("joined")
        if recipe.fail:
            raise DataError("file.unreadable", path="x", why="the test wants it")
        if recipe.crash:
            os._exit(9)
        parts = [path.read_text() for name in sorted(inputs) for path in inputs[name].values()]
        for index, part in enumerate(job.track(parts, "parts")):
            time.sleep(recipe.seconds / max(len(parts), 1))
            with (out / "joined.txt").open("a") as file:
                file.write((recipe.separator if index else "") + part)
        return {"characters": sum(map(len, parts)), "pid": os.getpid() if recipe.model else 0}


class FetchRecipe(Recipe):
    url: str


class Fetch(Step):
    """Asks a service and keeps the answer."""

    name = "test.fetch"
    version = 1
    recipe = FetchRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"page": "documents"}

    def run(self, recipe: FetchRecipe, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(recipe.url, timeout=5) as answer:
            content = answer.read()
        (job.folder("page") / "page.txt").write_bytes(content)
        return {"bytes": len(content)}


class Clock(Step):
    """Writes what the run has done so far, as a report does."""

    name = "test.clock"
    version = 1
    recipe = Recipe
    inputs: Mapping[str, str] = {"run?": "run", ANY: ANY}
    outputs: Mapping[str, str] = {"report": "report"}
    volatile = True

    def run(self, recipe: Recipe, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        (job.folder("report") / "report.json").write_bytes(inputs["run"]["run.json"].read_bytes())
        return {}


class OddRecipe(Recipe):
    how: str = ""


class Odd(Step):
    """Does what steps should not do, or seldom do."""

    name = "test.odd"
    version = 1
    recipe = OddRecipe
    inputs: Mapping[str, str] = {}
    outputs: Mapping[str, str] = {"odd": "prompt", "even": "prompt"}
    numeric = True

    def run(self, recipe: OddRecipe, inputs: Mapping[str, Files], job: Job) -> Mapping[str, Any]:
        for output in self.outputs:
            (job.folder(output) / "text.txt").write_text(output)
        if recipe.how == "limit":
            raise LimitError("recipe.too-large", at="here", limit=Text("one page", "一页"))
        if recipe.how == "slow":
            raise BackendError("chain.service-slow", name="x", url="http://x", seconds=1.5, log="x.log")
        if recipe.how == "bug":
            raise ZeroDivisionError("divided by nothing")
        if recipe.how == "system":
            Path("/nonexistent/file").read_bytes()
        if recipe.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if recipe.how == "prints":
            print("not part of the protocol", flush=True)
            os.write(1, b"nor this\n")
        if recipe.how == "large":
            return {"text": "链" * 3_000_000}
        if recipe.how == "no output":
            shutil.rmtree(job.folder("odd"))
        if recipe.how == "answers":
            return {"answers": ["not what rag.ask says"]}
        if recipe.how == "waits":
            Path("pid").write_text(str(os.getpid()))
            time.sleep(60)
        return {"how": recipe.how}


READ, JOIN, FETCH, CLOCK, ODD = Read(), Join(), Fetch(), Clock(), Odd()
