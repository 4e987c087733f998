"""`lianlu prompt optimize`: search better words for a prompt, and tell the gain on cases that had no part in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import write_bytes
from lianlu.core.i18n import Text, language, pick
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.llm import Sampling
from lianlu.llm.request_store import RequestStore
from lianlu.prompt.asking_options import asking_options
from lianlu.prompt.candidate import with_system
from lianlu.prompt.cases import cases_of, read_cases
from lianlu.prompt.compare_verb import REQUESTS, behaving, judges_of, opened_by
from lianlu.prompt.file import PromptFile, find_prompt, moved, read_file
from lianlu.prompt.optimize import Optimized, Search
from lianlu.prompt.results import Results
from lianlu.prompt.splits import Splits, split_cases

__all__ = ["optimize"]

_REPORT = "optimize.json"


@verb("optimize", Text("Search better words for a prompt on test cases.", "按测试用例搜索更好的措辞。"))
@argument("file")
@option("--model", metavar="REF", required=True, help=Text("model that answers", "作答的模型"))
@option("--reflect", metavar="REF", help=Text("model that proposes; by default the same", "提出改写的模型；默认相同"))
@option(
    "--cases",
    "cases_path",
    type=click.Path(path_type=Path),
    help=Text("test cases; by default those that the prompt names", "测试用例；默认用提示词自带的"),
)
@option(
    "--budget",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help=Text("most answers that are scored", "最多评分的回答数"),
)
@asking_options
def optimize(
    call: Call,
    file: str,
    model: str,
    reflect: str | None,
    cases_path: Path | None,
    budget: int,
    concurrency: int,
    temperature: float | None,
    max_tokens: int | None,
    judge: str | None,
    embed: str | None,
) -> Outcome:
    """With --out FOLDER: the better prompt, optimize.json and page.html. Answers are kept; a stopped search goes on."""
    path = find_prompt(file)
    prompt = read_file(path)
    cases = read_cases(cases_path) if cases_path is not None else cases_of(prompt)
    if not cases:
        raise UsageError("prompt.no-cases", path=file)
    splits = split_cases(cases, call.seed)
    counts = {"train": len(splits.train), "val": len(splits.val), "test": len(splits.test)}
    if call.dry_run:
        return Outcome({"prompt": prompt.name, **counts, "budget": budget, "least_budget": splits.least_budget})
    job = call.job("optimize")
    job.note(_told(splits))
    store = RequestStore(call.settings.data_folder / REQUESTS) if call.resume else None
    opened = partial(opened_by, settings=call.settings)
    search = Search(
        file=prompt,
        cases=splits,
        opened=opened,
        model=model,
        reflect=reflect or model,
        judges=judges_of(opened, judge, embed, store),
        store=store,
        behave=behaving(call),
        job=job,
        budget=budget,
        concurrency=concurrency,
        seed=call.seed,
        sampling=Sampling(temperature=temperature, max_tokens=max_tokens),
    )
    try:
        made, ended = search.run()
    finally:
        if store is not None:
            store.close()
    out = call.out_folder(f"optimize-{path.stem}")
    written = _write(out, prompt, path, made, search.held_out)
    if ended is not None:
        job.note(_stopped(out, kept=store is not None), level="error")
        raise ended
    data = {**msgspec.to_builtins(made), "prompt": prompt.name, "out": str(out), "written": str(written or "")}
    return Outcome(data, lambda: _show(made, splits, out, written))


def _told(splits: Splits) -> Text:
    train, val, test = (len(each) for each in (splits.train, splits.val, splits.test))
    return Text(
        f"cases: {train} to learn from, {val} to choose by, {test} kept for the end",
        f"{train} 个用例供学习，{val} 个供选择，{test} 个留到最后",
    )


def _stopped(out: Path, *, kept: bool) -> Text:
    if not kept:
        return Text(f"what was found so far is in {out}", f"已有结果在 {out}")
    return Text(
        f"what was found so far is in {out}; the same command asks only what is missing",
        f"已有结果在 {out}；再次运行同一命令只询问缺少的部分",
    )


def _write(folder: Path, prompt: PromptFile, path: Path, made: Optimized, held_out: Results | None) -> Path | None:
    """The report, and the better prompt where there is one."""
    from lianlu.page import render
    from lianlu.prompt.optimize_page import optimized_page

    folder.mkdir(parents=True, exist_ok=True)
    target = _free(folder, path)
    better = with_system(prompt, made.candidates[made.best].text) if made.best else None
    report = {**msgspec.to_builtins(made), "prompt": str(path), "written": target.name if better else ""}
    write_bytes(folder / _REPORT, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    write_bytes(folder / "page.html", render(optimized_page(prompt, better, made, held_out), language()).encode())
    if better is None:
        return None
    write_bytes(target, moved(better, folder).encode())
    return target


def _free(folder: Path, path: Path) -> Path:
    """Where the better prompt goes: under the same name, but never over the prompt itself or another file.

    What an earlier search wrote there is written anew.
    """
    try:
        earlier = msgspec.json.decode((folder / _REPORT).read_bytes()).get("written", "")
    except (OSError, msgspec.DecodeError, AttributeError):
        earlier = ""
    names = [path.name, *(f"{path.stem}.better{number or ''}{path.suffix}" for number in range(1000))]
    places = (folder / name for name in names)
    return next(
        each for each in places if not each.exists() or (each.name == earlier and each.resolve() != path.resolve())
    )


def _show(made: Optimized, splits: Splits, out: Path, written: Path | None) -> None:
    first, best = made.candidates[0], made.candidates[made.best]
    say(_told(splits).show())
    rows = [(pick("cases to choose by", "供选择的用例"), str(made.val), f"{first.score:.3f}", f"{best.score:.3f}", "")]
    if made.held_out is not None and made.passed is not None:
        rate = made.held_out.win_rate
        told = pick(
            f"{made.gain}, win rate {rate.value:.2f} ({rate.low:.2f}–{rate.high:.2f})",
            f"{made.gain}，胜率 {rate.value:.2f}（{rate.low:.2f}–{rate.high:.2f}）",
        )
        before, after = made.passed
        rows.append((pick("kept for the end", "留到最后的用例"), str(made.test), f"{before:.3f}", f"{after:.3f}", told))
    columns = (pick("cases", "用例"), "n", pick("before", "之前"), pick("after", "之后"), "")
    count = len(made.candidates)
    print_table(
        columns,
        rows,
        title=pick(
            f"candidates: {count}, answers scored: {made.calls} of {made.budget}",
            f"{count} 个候选，已评分 {made.calls} 个回答（预算 {made.budget}）",
        ),
    )
    if made.reflections and made.nonsense >= made.reflections:
        why = made.rejected[-1].why if made.rejected else ""
        say(
            pick(
                f"no proposal could be used ({why}): try another --reflect",
                f"没有一次改写可用（{why}）：请换一个 --reflect",
            )
        )
    if written is None:
        say(pick("nothing better was found", "没有找到更好的提示词"))
        say(pick(f"wrote {out / 'page.html'}, optimize.json", f"已写入 {out / 'page.html'}、optimize.json"))
        return
    if not made.test:
        say(pick("no cases were kept for the end, so no gain can be told", "没有留到最后的用例，无法给出增益"))
    elif made.held_out is not None and made.held_out.win_rate.low <= 0.5 <= made.held_out.win_rate.high:
        say(pick("the cases of the end do not tell the two apart", "留到最后的用例分不出两者的高下"))
    say(pick(f"wrote {written}, page.html, optimize.json", f"已写入 {written}、page.html、optimize.json"))
