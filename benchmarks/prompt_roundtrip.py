"""Every prompt of the shared data: read and written back without loss, or with every loss named.

Needs LIANLU_TEST_DATA (langgpt, crispe, seed_prompts, awesome-chatgpt-prompts-zh, prompty, dotprompt). Our own reading
must give the text back byte for byte, collections cut at their fences too. A file of prompty or dotprompt must say the same
after reading, writing and reading again, and on the way to every other format each key of its front matter and each piece
of template code must arrive or be named as lost.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from row import Row, arguments, show, versions

from lianlu.prompt import parse, source
from lianlu.prompt.convert import formats, write_prompt
from lianlu.prompt.foreign import Traveller, Written
from lianlu.prompt.foreign.dotprompt import DOTPROMPT
from lianlu.prompt.foreign.prompty import PROMPTY
from lianlu.prompt.foreign.shared import front, read_yaml

SETS = ("langgpt", "crispe", "seed_prompts", "awesome-chatgpt-prompts-zh", "prompty", "dotprompt")
_READERS = {"prompty": PROMPTY, "dotprompt": DOTPROMPT}
_CARRIED = {"name", "description", "model", "input", "inputs", "config"}


@dataclass(frozen=True)
class Sample:
    """One prompt: where it stands, its text, and the format it is in (empty for ours)."""

    place: str
    text: str
    format: str = ""


def samples(root: Path) -> Iterator[Sample]:
    """Every prompt of the sets, collections once whole and once for each fence."""
    for folder in ("langgpt", "crispe", "seed_prompts"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".md", ".txt", ".json", ".yaml") and path.name != "ORIGIN.md":
                text = path.read_bytes().decode()
                place = path.relative_to(root).as_posix()
                yield Sample(place, text)
                for number, block in enumerate(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL), 1):
                    yield Sample(f"{place}#{number}", block)
    pairs = json.loads((root / "awesome-chatgpt-prompts-zh" / "prompts-zh.json").read_text(encoding="utf-8"))
    for pair in pairs:
        yield Sample(f"awesome-chatgpt-prompts-zh#{pair['act']}", pair["prompt"])
    for path in sorted((root / "prompty").glob("*.prompty")):
        yield Sample(f"prompty/{path.name}", path.read_bytes().decode(), "prompty")
    for path in sorted((root / "dotprompt").glob("*.yaml")):
        listed: list[dict[str, Any]] = read_yaml(f"all:\n{_indented(path)}", path.name).values["all"]
        for each in listed:
            yield Sample(f"dotprompt/{path.name}#{each['name']}", str(each["template"]), "dotprompt")


def _indented(path: Path) -> str:
    return "".join(f"  {line}" for line in path.read_bytes().decode().splitlines(keepends=True))


def is_kept(sample: Sample, *, spoil: bool = False) -> bool:
    """Whether a prompt comes back as it was, or with every loss named."""
    if not sample.format:
        syntax = {".json": "json", ".yaml": "yaml"}.get(Path(sample.place).suffix, "markdown")
        if syntax != "markdown" and not sample.text.lstrip().startswith(("{", "Role", "#")):
            syntax = "markdown"  # a list of modules is no prompt of maps
        prompt = parse(sample.text, syntax=syntax)
        return source(prompt) + ("spoiled" if spoil else "") == sample.text
    reader = _READERS[sample.format]
    name = Path(sample.place.partition("#")[0]).with_suffix(f".{sample.format}")
    first = reader.read(sample.text, name)
    again = reader.read(reader.write(first).text, name)
    if _said(first) != _said(again) or spoil:
        return False
    return all(_is_named(sample, first, write_prompt(first, target)) for target in formats() if target != sample.format)


def _said(prompt: Traveller) -> tuple[Any, ...]:
    file = prompt.file
    messages = [(each.role, each.text) for each in file.messages]
    return source(file.prompt), messages, file.head.model_dump(), [each.what for each in prompt.code], prompt.engine


def _is_named(sample: Sample, prompt: Traveller, written: Written) -> bool:
    told = " ".join(each.what for each in written.lost)
    keys = set(front(sample.text, Path(sample.place)).tree.values) - _CARRIED
    texts = "\n".join(written.files.values())
    arrived = [key for key in keys if key in told or f"{key}:" in texts]
    code = [each for each in prompt.code if each.what in told]
    runs_again = prompt.engine in ("jinja2",) and "promptfooconfig.yaml" in written.files
    runs_again = runs_again or (prompt.engine == "mustache" and any(name.endswith(".prompt") for name in written.files))
    return len(arrived) == len(keys) and (runs_again or len(code) == len(prompt.code))


def measure(root: Path, *, spoil: bool) -> Row:
    found = list(samples(root))
    lost = [sample.place for at, sample in enumerate(found) if not is_kept(sample, spoil=spoil and at == 0)]
    for place in lost:
        print(f"lost: {place}", file=sys.stderr)
    share = 100 * (len(found) - len(lost)) / len(found)
    return Row(
        case=f"parse -> render of all prompts of the shared data, {len(found)} prompts",
        against=None,
        ours=share,
        peer=None,
        unit="% lossless or named",
        floor=100,
        goal=100,
        runs=1,
        equal=not lost,
        versions=versions(),
        more_is_better=True,
        met=not lost,
    )


def main() -> int:
    given = arguments(__doc__).parse_args()
    root = Path(os.environ.get("LIANLU_TEST_DATA", ""))
    missing = [name for name in SETS if not (root / name).is_dir()]
    if not os.environ.get("LIANLU_TEST_DATA") or missing:
        print(f"LIANLU_TEST_DATA with {', '.join(missing or SETS)} is needed", file=sys.stderr)
        return 2
    return show([measure(root, spoil=given.self_test)], only_json=given.json)


if __name__ == "__main__":
    sys.exit(main())
