"""CPU seconds to lint 300 prompts of the shared data: every rule, reading and cutting included.

Needs LIANLU_TEST_DATA (langgpt, awesome-chatgpt-prompts-zh, crispe, prompty, seed_prompts). Files that hold several prompts
are cut at their code fences; fewer than 300 are repeated. Prompty's own front matter is dropped: the rules are timed, not
its keys. The first prompt is linted before the clock starts, so that patterns are compiled. `equal`: every prompt gave a
result and two runs gave the same findings.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

from row import Row, arguments, median, show, versions

from lianlu.prompt.file import parse_file
from lianlu.prompt.lint import Finding, findings_of

COUNT, GOAL_SECONDS = 300, 1.0
SETS = ("langgpt", "awesome-chatgpt-prompts-zh", "crispe", "prompty", "seed_prompts")
FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
HEAD = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
SHORTEST = 200


def prompts_of(root: Path) -> Iterator[str]:
    """Every prompt of the sets, each once."""
    for path in sorted((root / "langgpt").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        yield from [block for block in FENCED.findall(text) if len(block) >= SHORTEST] or [text]
    for each in json.loads((root / "awesome-chatgpt-prompts-zh" / "prompts-zh.json").read_text(encoding="utf-8")):
        yield each["prompt"]
    others = [*(root / "crispe").glob("README.md"), *(root / "prompty").glob("*.prompty")]
    seeds = [path for path in (root / "seed_prompts").iterdir() if path.suffix in (".md", ".txt")]
    for path in sorted([*others, *seeds]):
        yield HEAD.sub("", path.read_text(encoding="utf-8"))


def linted(text: str) -> list[Finding]:
    return findings_of(parse_file(text), text)


def run(texts: list[str]) -> tuple[float, list[list[Finding]]]:
    """Seconds of CPU and the findings of each prompt."""
    began = time.process_time()
    found = [linted(text) for text in texts]
    return time.process_time() - began, found


def measure(root: Path, runs: int, *, spoil: bool) -> Row:
    own = [text for text in prompts_of(root) if text.strip()]
    texts = list(islice(cycle(own), COUNT))
    linted(texts[0])
    seconds: list[float] = []
    results: list[list[list[Finding]]] = []
    for _ in range(runs):
        spent, found = run(texts)
        seconds.append(spent)
        results.append(found)
    if spoil:
        results[-1] = results[-1][:-1]
    equal = all(len(each) == COUNT and each == results[0] for each in results) and any(results[0])
    ours = median(seconds)
    return Row(
        case=f"lint {COUNT} prompts of the shared data",
        against=None,
        ours=ours,
        peer=None,
        unit="CPU s",
        floor=None,
        goal="<1 s",
        runs=runs,
        equal=equal,
        versions=versions(),
        met=ours < GOAL_SECONDS,
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    root = Path(os.environ.get("LIANLU_TEST_DATA", ""))
    if not all((root / name).is_dir() for name in SETS):
        print(f"LIANLU_TEST_DATA with {', '.join(SETS)} is needed", file=sys.stderr)
        return 2
    row = measure(root, 2 if given.quick or given.self_test else 5, spoil=given.self_test)
    return show([row], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
