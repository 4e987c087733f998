"""Three prompts, two models and a hundred cases: `lianlu prompt compare` beside `promptfoo eval`, cold and from the cache.

Both are commands that a person types, so the clock on the wall counts whole: start, reading, asking, judging, and writing
JSON, CSV and a page. Promptfoo leaves out its database, table, progress bar and log files, which is the quickest it can
be (Node.js 24 took as long as 20); telemetry, updates and sharing are off, and what it keeps lies in a temporary folder.
Both ask `service.py`, 20 requests at a time: at promptfoo's default of 4 the waiting (600 x 0.1 s / 4 = 15 s) would hide
both tools; at 20 it is 3 s, which stands on both sides of the first row. Nothing is kept before a cold run; the second
run of each pair asks the same again. Pairs take turns, the first is not counted.

`equal`: the service was asked 600 times by either side when cold, 20 at one time at the most, and never from the cache;
all 600 answers and verdicts are the same. An answer depends on the messages, so both sides sent the same ones.

Needs Node.js and npm. Promptfoo is installed into `.venv-peers/promptfoo` when it is missing, whole, as users have it
(2 GB), but no script of its packages runs. No lock file: 10,000 lines for one pinned tool.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from peer import ROOT, SCRIPTS, fair_environment
from row import Row, arguments, median, show, versions
from ruamel.yaml import YAML
from service import Service, Taken

SEED = 20261127
CONCURRENCY = 20
MODELS = ("model-a", "model-b")
SYSTEMS = (
    "You answer the customers of {{shop}}. Say in one sentence what happens next, and name the case and its priority.",
    "# Role: Desk of {{shop}}\n## Rules\n- Be brief.\n- Name the case and its priority.\n- Never apologise twice.",
    "你是{{shop}}的客服。请用一句话说明下一步，并写出单号与优先级（0–4）。",
)
SHOPS = ("Tea & Paper", "Nordlicht Lamps", "山风书店", "Kite Works")
THINGS = ("the blue teapot", "a desk lamp", "order 5521", "两本旧书", "the box kite", "my gift card")
TROUBLES = (
    "has not arrived",
    "came broken",
    "was charged twice",
    "is the wrong size",
    "还没有发货",
    "cannot be returned?",
)
WORDS = ("Case", "priority", "Thank you")
LONGEST = 90
Cells = dict[tuple[int, str, int], tuple[str, bool]]


@dataclass(frozen=True)
class Case:
    """What a customer of a shop asks, and a word that the answer must have."""

    shop: str
    input: str
    word: str


@dataclass(frozen=True)
class Run:
    """A command that has ended: seconds on the wall, what the service was asked, and its cells."""

    seconds: float
    taken: Taken
    cells: Cells


def made(count: int) -> list[Case]:
    """Cases that differ in what is asked."""
    chance = random.Random(SEED)
    return [
        Case(
            shop=chance.choice(SHOPS),
            input=f"No. {number}: {chance.choice(THINGS)} {chance.choice(TROUBLES)}",
            word=chance.choice(WORDS),
        )
        for number in range(count)
    ]


# Ours


def write_ours(folder: Path, cases: list[Case]) -> None:
    for number, system in enumerate(SYSTEMS):
        (folder / f"p{number}.md").write_text(
            f"---\nname: p{number}\n---\nsystem:\n{system}\nuser:\n{{{{input}}}}\n", encoding="utf-8"
        )
    checks = [{"not-contains": "Sorry"}, {"regex": r"priority [0-3]\."}, {"max-length": LONGEST}]
    listed = [
        {"id": f"case-{number}", "input": case.input, "vars": {"shop": case.shop}, "assert": [{"contains": case.word}]}
        for number, case in enumerate(cases)
    ]
    dump({"assert": checks, "cases": listed}, folder / "cases.yaml")


def run_ours(inputs: Path, kept: Path, service: Service) -> Run:
    """`kept` holds the answers between runs."""
    out = kept / "out"
    shutil.rmtree(out, ignore_errors=True)
    prompts = [inputs / f"p{number}.md" for number in range(len(SYSTEMS))]
    models = [word for model in MODELS for word in ("--model", f"{service.url}#{model}")]
    command = [sys.executable, "-m", "lianlu", "prompt", "compare", *prompts, *models]
    command += ["--cases", inputs / "cases.yaml", "--concurrency", str(CONCURRENCY), "--out", out]
    there = {"LIANLU_DATA": str(kept / "data"), "LIANLU_CONFIG": str(kept / "config"), "LIANLU_LANG": "en"}
    seconds = waited(command, kept, there)
    return Run(seconds, service.taken(), our_cells(json.loads((out / "results.json").read_text(encoding="utf-8"))))


def our_cells(results: Mapping[str, Any]) -> Cells:
    variants = [
        (int(Path(each["prompt"]).stem.removeprefix("p")), each["model"].rpartition("#")[2])
        for each in results["variants"]
    ]
    return {
        (*variants[cell["variant"]], int(cell["case"].removeprefix("case-"))): (cell["output"], cell["passed"])
        for cell in results["cells"]
    }


# Promptfoo


def write_theirs(folder: Path, cases: list[Case], url: str) -> None:
    for number, system in enumerate(SYSTEMS):
        messages = [{"role": "system", "content": system}, {"role": "user", "content": "{{input}}"}]
        (folder / f"p{number}.json").write_text(json.dumps(messages, ensure_ascii=False), encoding="utf-8")
    checks = [("not-contains", "Sorry"), ("regex", r"priority [0-3]\."), ("regex", rf"^[\s\S]{{0,{LONGEST}}}$")]
    tests = [
        {"vars": {"input": case.input, "shop": case.shop}, "assert": [{"type": "contains", "value": case.word}]}
        for case in cases
    ]
    config = {
        "prompts": [f"file://p{number}.json" for number in range(len(SYSTEMS))],
        "providers": [
            {"id": f"openai:chat:{model}", "config": {"apiBaseUrl": url, "apiKey": "none"}} for model in MODELS
        ],
        "defaultTest": {"assert": [{"type": kind, "value": value} for kind, value in checks]},
        "tests": tests,
    }
    dump(config, folder / "promptfooconfig.yaml")


def run_theirs(inputs: Path, kept: Path, service: Service) -> Run:
    out = kept / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = ["node", promptfoo() / "dist/src/entrypoint.js", "eval", "-c", inputs / "promptfooconfig.yaml"]
    command += ["--max-concurrency", str(CONCURRENCY), "--no-write", "--no-table", "--no-progress-bar", "--no-share"]
    command += ["-o", out / "results.json", "-o", out / "results.csv", "-o", out / "page.html"]
    there = {
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
        "PROMPTFOO_DISABLE_SHARING": "1",
        "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
        "PROMPTFOO_CONFIG_DIR": str(kept / "config"),
        "PROMPTFOO_CACHE_PATH": str(kept / "cache"),
        "PROMPTFOO_LOG_DIR": str(kept / "logs"),
        "PROMPTFOO_DISABLE_DEBUG_LOG": "1",
        "PROMPTFOO_DISABLE_ERROR_LOG": "1",
        "PROMPTFOO_FAILED_TEST_EXIT_CODE": "0",
    }
    seconds = waited(command, kept, there)
    return Run(seconds, service.taken(), their_cells(json.loads((out / "results.json").read_text(encoding="utf-8"))))


def their_cells(results: Mapping[str, Any]) -> Cells:
    """Their rows name a prompt by where it stands, model by model."""
    return {
        (row["promptIdx"] % len(SYSTEMS), row["provider"]["id"].rpartition(":")[2], row["testIdx"]): (
            row["response"]["output"],
            row["success"],
        )
        for row in results["results"]["results"]
    }


def promptfoo() -> Path:
    """Where promptfoo lies, installed when it is missing or `peers/promptfoo.package.json` has changed."""
    wanted = SCRIPTS / "promptfoo.package.json"
    folder = ROOT / ".venv-peers" / "promptfoo"
    stamp = folder / ".installed"
    mark = sha256(wanted.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text(encoding="utf-8") == mark):
        print(f"installing promptfoo into {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted, folder / "package.json")
        command = ["npm", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
        subprocess.run(command, cwd=folder, stdout=sys.stderr, check=True)
        stamp.write_text(mark, encoding="utf-8")
    return folder / "node_modules" / "promptfoo"


# Both


def waited(command: list[str | Path], folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds on the wall of a command that runs in `folder`. Raises CalledProcessError, its own words told."""
    folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env={**fair_environment(), **environment}, check=False, capture_output=True, text=True
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    done.check_returncode()
    return seconds


def dump(value: object, path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.dump(value, path)


def pair(inputs: Path, kept: Path, service: Service) -> Iterator[tuple[Run, Run]]:
    """Ours and theirs with nothing kept, then again from what each has kept."""
    for _ in range(2):
        yield run_ours(inputs, kept / "ours", service), run_theirs(inputs, kept / "theirs", service)


def are_equal(ours: Run, theirs: Run, *, asked: int, cells: int, spoil: bool) -> bool:
    """Whether both asked as much and as many at once, and found the same."""
    mine = dict(ours.cells)
    if spoil:
        mine.pop(next(iter(mine)))
    return (
        mine == theirs.cells
        and len(mine) == cells
        and ours.taken.requests == theirs.taken.requests == asked
        and ours.taken.at_once == theirs.taken.at_once == (CONCURRENCY if asked else 0)
    )


def measure(count: int, pairs: int, place: Path, *, spoil: bool) -> list[Row]:
    """Two rows: cold, and from the cache."""
    inputs = place / "inputs"
    inputs.mkdir()
    cases = made(count)
    cells = len(SYSTEMS) * len(MODELS) * count
    seconds: list[list[tuple[float, float]]] = [[], []]
    equal = [True, True]
    with Service() as service:
        write_ours(inputs, cases)
        write_theirs(inputs, cases, service.url)
        for turn in range(pairs + 1):
            for at, (ours, theirs) in enumerate(pair(inputs, place / f"turn-{turn}", service)):
                asked = cells if at == 0 else 0
                equal[at] = equal[at] and are_equal(ours, theirs, asked=asked, cells=cells, spoil=spoil)
                if turn:
                    seconds[at].append((ours.seconds, theirs.seconds))
    work = f"{len(SYSTEMS)} prompts x {len(MODELS)} models x {count} cases"
    told = [
        (f"{work} against a server with 100 ms latency, cold", 1.0, 1.25),
        ("the same again, from the cache", 1.5, 3.0),
    ]
    return [
        Row(
            case=case,
            against="promptfoo eval",
            ours=median(ours for ours, _ in seconds[at]),
            peer=median(theirs for _, theirs in seconds[at]),
            unit="s",
            floor=floor,
            goal=goal,
            runs=pairs,
            equal=equal[at],
            versions=versions("httpx") | their_versions(),
        )
        for at, (case, floor, goal) in enumerate(told)
    ]


def their_versions() -> dict[str, str]:
    package = json.loads((promptfoo() / "package.json").read_text(encoding="utf-8"))
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"promptfoo": package["version"], "node": node.removeprefix("v")}


def main() -> int:
    given = arguments(__doc__).parse_args()
    if not (shutil.which("node") and shutil.which("npm")):
        print("Node.js with npm is needed", file=sys.stderr)
        return 2
    promptfoo()
    is_short = given.quick or given.self_test
    with tempfile.TemporaryDirectory() as place:
        rows = measure(20 if is_short else 100, 1 if is_short else 3, Path(place), spoil=given.self_test)
    return show(rows, only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
