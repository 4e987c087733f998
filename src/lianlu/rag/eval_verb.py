"""`lianlu rag eval`: how good a base is, by questions whose answers are known."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lianlu.core.console import print_table, say
from lianlu.core.errors import UsageError
from lianlu.core.files import named_path, write_bytes
from lianlu.core.i18n import Text, pick
from lianlu.core.i18n import language as own_language
from lianlu.core.verb import Call, Outcome, argument, option, verb
from lianlu.rag.base import KnowledgeBase
from lianlu.rag.config import BaseConfig
from lianlu.rag.eval_page import MISSES, evaluation_page, measure_name, way_name
from lianlu.rag.evaluation import Evaluation, evaluate
from lianlu.rag.question_files import read_questions
from lianlu.rag.shelf import build, open_base

if TYPE_CHECKING:
    from lianlu.llm import Backend

__all__ = ["evaluate_base"]

_REQUESTS = "rag-eval.sqlite"
_SHOWN_MISSES = 10
_SHOWN_CHARACTERS = 60


@verb("eval", Text("measure a base by questions whose answers are known", "用已知答案的问题评测知识库"))
@argument("name")
@argument("questions", nargs=-1)
@option(
    "--paragraphs",
    is_flag=True,
    help=Text(
        "all arguments are question files; the base is made of the paragraphs in them (SQuAD, CMRC, DRCD)",
        "所有参数都是问题文件；用其中的段落建库（SQuAD、CMRC、DRCD）",
    ),
)
@option(
    "--model",
    help=Text("ModelRef that writes the answers; without it sentences are quoted", "撰写回答的模型；不给则摘录原文"),
)
@option("--embed", metavar="REF", help=Text("embedder for --paragraphs", "--paragraphs 所用的向量模型"))
@option(
    "--top",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help=Text("passages given to the model", "交给模型的段落数"),
)
@option("--sample", type=click.IntRange(1), help=Text("so many of the questions, by --seed", "按 --seed 抽取若干问题"))
def evaluate_base(
    call: Call,
    name: str,
    questions: tuple[str, ...],
    paragraphs: bool,
    model: str | None,
    embed: str | None,
    top: int,
    sample: int | None,
) -> Outcome:
    """With --out FILE.html the figures and all misses are written as a page."""
    if call.out is not None and call.out.suffix != ".html":
        raise UsageError("rag.eval-file", path=str(call.out))
    files = [name, *questions] if paragraphs else list(questions)
    if not files:
        raise UsageError("rag.eval-what", name=name)
    asked = [each for file in files for each in read_questions(named_path(file))]
    if sample is not None and sample < len(asked):
        asked = random.Random(call.seed).sample(asked, sample)  # noqa: S311 - nothing is kept secret
    if call.dry_run:
        return Outcome(
            {"questions": len(asked), "answerable": sum(each.is_answerable for each in asked), "model": model}
        )
    with ExitStack() as stack:
        if paragraphs:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lianlu-eval-")))
            base = stack.enter_context(_of_paragraphs(call, files, folder, embed))
        else:
            base = stack.enter_context(open_base(name, root=call.store))
        made = evaluate(
            base,
            asked,
            open_backend=None if model is None else _opener(call, model),
            by=model or "extract",
            top=top,
            job=call.job("eval"),
        )
    if call.out is not None:
        from lianlu.page import render

        call.out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(call.out, render(evaluation_page(made), own_language()).encode())
    return Outcome(msgspec.to_builtins(made), lambda: _show(made, call.out))


def _of_paragraphs(call: Call, files: Sequence[str], folder: Path, embed: str | None) -> KnowledgeBase:
    """A base for this run, of all paragraphs in the files, each a document."""
    texts = dict.fromkeys(
        each.paragraph for file in files for each in read_questions(named_path(file)) if each.paragraph
    )
    if not texts:
        raise UsageError("rag.no-paragraphs", files=", ".join(files))
    place = folder / "paragraphs"
    place.mkdir()
    for number, text in enumerate(texts):
        (place / f"{number:05}.txt").write_text(text, encoding="utf-8")
    config = BaseConfig(embed=None if embed in (None, "none") else embed)
    name = "".join(each if each.isascii() and each.isalnum() else "-" for each in Path(files[0]).stem)[:40].strip("-")
    made, _ = build(name or "paragraphs", [place], config=config, job=call.job("rag"), root=folder / "store")
    return made


def _opener(call: Call, model: str) -> Callable[[], Backend]:
    """The model, asking only what was not asked before."""
    from lianlu.llm import open_backend
    from lianlu.llm.request_store import stored

    def opened() -> Backend:
        backend = open_backend(model, settings=call.settings)
        return stored(backend, call.settings.data_folder / _REQUESTS) if call.resume else backend

    return opened


def _show(made: Evaluation, path: Path | None) -> None:
    print_table(
        (pick("by", "方式"), pick("measure", "指标"), pick("value", "值"), pick("95 % interval", "95% 区间"), "n"),
        (
            (
                str(way_name(each.way)),
                measure_name(each.name).show(),
                f"{each.value:.3f}",
                f"{each.low:.3f}–{each.high:.3f}",
                str(each.n),
            )
            for each in made.measures
        ),
        title=pick(
            f"{made.base}: {made.questions} questions, {made.answerable} with an answer",
            f"{made.base}：{made.questions} 个问题，其中 {made.answerable} 个有答案",
        ),
    )
    for each in made.misses[:_SHOWN_MISSES]:
        say(f"  ✗ {MISSES[each.what].show()}: {_short(each.question)} → {_short(each.wanted)}")
    if len(made.misses) > _SHOWN_MISSES:
        left = len(made.misses) - _SHOWN_MISSES
        say(pick(f"  … {left} more; --out page.html shows all", f"  …… 还有 {left} 个；用 --out page.html 查看全部"))
    for failure in made.failures[:_SHOWN_MISSES]:
        say(f"  ✗ {failure.uri}: {failure.reason} [{failure.code}]")
    if path is not None:
        say(pick(f"wrote {path}", f"已写入 {path}"))


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
