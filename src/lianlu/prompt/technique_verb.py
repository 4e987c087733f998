"""`lianlu prompt apply TECHNIQUE FILE`: the prompt with a technique, and what changed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click

from lianlu.core import aio
from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, pick, suggest
from lianlu.core.job import Job
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.llm import Sampling
from lianlu.llm.request_store import RequestStore, stored
from lianlu.prompt.cases import Case, cases_of, read_cases
from lianlu.prompt.compare_verb import REQUESTS, behaving, opened_by
from lianlu.prompt.file import PromptFile, find_prompt, moved, read_file
from lianlu.prompt.grid import Grid, Variant
from lianlu.prompt.judging import Judges
from lianlu.prompt.open_models import OpenModels
from lianlu.prompt.render import source
from lianlu.prompt.techniques import (
    TECHNIQUES,
    added,
    check_markdown,
    language_of,
    literal,
    with_detail,
    with_examples,
    with_vote,
)
from lianlu.records import Conversation, user

__all__ = ["apply"]

_MISSING = {
    "missing-background": "Background",
    "missing-task": "Job",
    "missing-goal": "Goal",
    "missing-requirements": "Rules",
    "missing-limits": "Constraints",
    "missing-examples": "Example",
    "missing-output": "OutputFormat",
}
_FILL = {
    "zh": "下面是一份系统提示词。请写出其中“{title}”部分的内容，三行以内，每行以“- ”开头，不写标题，不写别的。\n\n{text}\n\n这样开头：\n{starter}",
    "en": (
        "Below is a system prompt. Write the content of its part “{title}”: three lines at most, each beginning with “- ”,"
        " no title, nothing else.\n\n{text}\n\nIt begins like this:\n{starter}"
    ),
}


@verb("apply", Text("Apply a technique to a prompt.", "对提示词应用一种技巧。"))
@argument("technique", default="")
@argument("file", default="")
@option(
    "--cases", "cases_path", metavar="FILE", help=Text("cases that few-shot chooses from", "few-shot 从中选取的用例")
)
@option("--examples", type=click.IntRange(1, 20), default=3, show_default=True, help=Text("how many", "示例数量"))
@option(
    "--model", metavar="REF", help=Text("fills in for detail, scores for few-shot", "为 detail 填写，为 few-shot 评分")
)
def apply(call: Call, technique: str, file: str, cases_path: str | None, examples: int, model: str | None) -> Outcome:
    """Without arguments: the techniques. With --out FILE the new prompt is written; a file that exists stays."""
    if not technique:
        about = {name: each.about.show() for name, each in TECHNIQUES.items()}
        columns = (pick("technique", "技巧"), pick("what it does", "作用"))
        return Outcome(about, lambda: print_table(columns, list(about.items())))
    if technique not in TECHNIQUES:
        raise UsageError("prompt.unknown-technique", name=technique, suggestion=suggest(technique, TECHNIQUES))
    if not file:
        raise UsageError("prompt.no-file")
    path = find_prompt(file)
    old = read_file(path)
    check_markdown(old)
    new, told = _made(call, old, technique, cases_path, examples, model)
    text = new.text if call.out is None else moved(new, call.out.parent)
    if call.out is not None and not call.dry_run:
        if call.out.exists():
            raise UsageError("prompt.exists", path=str(call.out))
        call.out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(call.out, text.encode())
    data = {"technique": technique, "prompt": old.name, "text": text, "out": str(call.out or ""), "told": told}
    return Outcome(data, lambda: _show(old, new, text, call.out, told))


def _made(
    call: Call, old: PromptFile, technique: str, cases_path: str | None, examples: int, model: str | None
) -> tuple[PromptFile, str]:
    if technique == "vote":
        return with_vote(old), ""
    if technique == "few-shot":
        return _few_shot(call, old, cases_path, examples, model)
    if technique == "detail":
        return _detailed(call, old, model)
    each = TECHNIQUES[technique]
    return added(old, each.module, each.words_for(old), each.parts), ""


def _detailed(call: Call, old: PromptFile, model: str | None) -> tuple[PromptFile, str]:
    from lianlu.prompt.lint import findings_of

    codes = {finding.code for finding in findings_of(old, old.text)}
    lacking = [name for code, name in _MISSING.items() if code in codes]
    if not lacking:
        return old, pick("nothing is missing", "七个要素都不缺")
    if model is None:
        return with_detail(old, lacking), ""
    language = language_of(old)
    backend = stored(opened_by(model, settings=call.settings), call.settings.data_folder / REQUESTS)

    def fill(name: str, starter: str) -> str:
        asked = _FILL[language].format(title=name, text=source(old.prompt).strip(), starter=starter)
        conversation = Conversation(messages=(user(asked),))
        said = aio.run(lambda: backend.chat(conversation, Sampling())).message.text
        lines = [line.rstrip() for line in said.splitlines() if line.lstrip().startswith(("-", "1", "2", "3"))]
        return literal("\n".join(lines)) or starter

    try:
        return with_detail(old, lacking, fill), ""
    finally:
        aio.run(backend.close)


def _few_shot(
    call: Call, old: PromptFile, cases_path: str | None, examples: int, model: str | None
) -> tuple[PromptFile, str]:
    from lianlu.prompt.few_shot import chosen_by_score, most_different, usable

    cases = read_cases(Path(cases_path)) if cases_path else cases_of(old)
    free = usable(cases)
    if not free:
        raise UsageError("prompt.no-examples", path=cases_path or old.head.cases or old.origin)
    if model is None:
        return with_examples(old, most_different(free, examples)), ""
    judged = [case for case in cases if case.split == "val"]
    if not judged:
        judged, free = free[len(free) // 2 :], free[: len(free) // 2]
    if not free or not judged:
        raise UsageError("prompt.too-few-cases", train=len(free), val=len(judged))
    job = call.job("few-shot")
    store = RequestStore(call.settings.data_folder / REQUESTS) if call.resume else None
    models = OpenModels(partial(opened_by, settings=call.settings))

    def score(chosen: Sequence[Case]) -> float:
        variant = Variant("few-shot", with_examples(old, chosen) if chosen else old, model)
        grid = Grid([variant], judged, models, Judges(), store, behave=behaving(call), most_failures=1)
        cells, ended = aio.run(lambda: grid.run(Job()), job)
        if ended is not None:
            raise ended
        return sum(cell.score or 0.0 for cell in cells) / len(cells)

    try:
        without = score(())
        chosen, best = chosen_by_score(free, examples, score, seed=call.seed)
    finally:
        aio.run(models.close)
        if store is not None:
            store.close()
    names = ", ".join(case.id for case in chosen)
    told = pick(
        f"chosen: {names}; score {best:.3f} on {len(judged)} cases, {without:.3f} without examples",
        f"选中：{names}；在 {len(judged)} 个用例上得分 {best:.3f}，无示例时 {without:.3f}",
    )
    return with_examples(old, chosen), told


def _show(old: PromptFile, new: PromptFile, text: str, out: Path | None, told: str) -> None:
    from lianlu.prompt.diff import changes
    from lianlu.prompt.diff_verb import show_changes

    if out is None:
        say(text.removesuffix("\n"))
    stream = sys.stderr if out is None else sys.stdout
    show_changes(changes(old, new), stream=stream)
    if told:
        say(told, stream=stream)
    if out is not None:
        say(pick(f"wrote {out}", f"已写入 {out}"))
